"""Transfers begun by contactd: a caller in a talk goes to a queue, and the agent is out of it.

The PBX is told once and does the rest; what it tells then is believed, as of a transfer from the handset: the caller
stands in the hold of the other queue, so the talk has ended, and a new wait begins (hold.call_held).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import MoveToQueue
from contactd.core.contact import Contact, ContactState
from contactd.core.ids import ContactId, Instant, QueueId, call_of_contact
from contactd.core.plan import Medium

if TYPE_CHECKING:
    from contactd.core.decision import Decision
    from contactd.core.floor import LiveFloor


class NoTransfer(StrEnum):
    """Why not."""

    UNKNOWN_CONTACT = "unknown_contact"
    UNKNOWN_QUEUE = "unknown_queue"
    NOT_TALKING = "not_talking"
    """No agent has the caller, so there is nobody to transfer from."""
    NO_CALL = "no_call"
    """A mail or a chat: no PBX carries it."""
    TEXT = "text"
    """A text telephone: its tones run through contactd, and the PBX alone cannot move it."""
    CALLED_BACK = "called_back"
    """A stand-in carries the customer whom contactd called, and there they would hear no music."""
    NOT_STEERED = "not_steered"
    """The PBX is away."""


def why_no_transfer(floor: LiveFloor, contact_id: ContactId, queue: QueueId) -> NoTransfer | None:
    """None: it can be done now."""
    contact = floor.contacts.get(contact_id)
    if contact is None:
        return NoTransfer.UNKNOWN_CONTACT
    if queue not in floor.queues:
        return NoTransfer.UNKNOWN_QUEUE
    return _why_not_now(floor, contact)


def _why_not_now(floor: LiveFloor, contact: Contact) -> NoTransfer | None:
    if contact.medium is not Medium.VOICE:
        return NoTransfer.NO_CALL
    if contact.state is not ContactState.CONNECTED:
        return NoTransfer.NOT_TALKING
    if contact.text is not None:
        return NoTransfer.TEXT
    if contact.call != call_of_contact(contact.call):
        return NoTransfer.CALLED_BACK
    return None if contact.pbx in floor.steered else NoTransfer.NOT_STEERED


def transfer_asked(floor: LiveFloor, input_: inp.TransferAsked, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.agent is None or why_no_transfer(floor, contact.id, input_.queue) is not None:
        return
    into.events.append(
        ev.TransferBegun(contact=contact.id, agent=contact.agent, queue=input_.queue, by=input_.by),
    )
    into.commands.append(
        MoveToQueue(pbx=contact.pbx, contact=contact.id, channel=contact.channel, queue=input_.queue),
    )


def _begun(floor: LiveFloor, event: ev.TransferBegun, at: Instant) -> None:
    """That it happened the PBX tells: until then agent and caller talk."""


TRANSFERS: dict[type[ev.Event], Callable[[LiveFloor, Any, Instant], None]] = {ev.TransferBegun: _begun}
