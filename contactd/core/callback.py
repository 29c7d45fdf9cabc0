"""A contact whose caller has hung up and is to be called back: what is kept of it, and what its events change.

It waits in its queue, at its place, by its queue's plan, with no channel: nobody is there whom the PBX could lose.
While it has a Callback it has no caller. An *attempt* is one call of ours on its behalf; the Uniqueid of its channel is
made from the contact's own and from the fact that began it, so that everything the PBX says of it leads to this
contact, and the PBX refuses a second channel of the same attempt. When the customer is there, the Callback is gone, and
the contact is a caller's like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from contactd.core import events as ev
from contactd.core.contact import Callback, Contact, ContactState, Outcome
from contactd.core.dialling import Dialled, count
from contactd.core.errors import FloorBug
from contactd.core.ids import ContactId, Instant, OfferId, call_of_contact
from contactd.core.opening import opening_of
from contactd.core.plan import CallbackFirst, CallbackPlan, QueuePlan

if TYPE_CHECKING:
    from contactd.core.floor import LiveFloor


class Missed(StrEnum):
    """Why an attempt did not reach the customer, where dialling.Why does not say it."""

    BUSY = "busy"
    NOT_ANSWERED = "not_answered"
    NOT_ACCEPTED = "not_accepted"
    """Somebody or something answered, and pressed no key: a mailbox."""
    UNAVAILABLE = "unavailable"
    """No trunk, or it did not work."""
    NOT_LISTED = "not_listed"
    """The PBX's own list has no such number."""
    NOT_SENT = "not_sent"
    """The PBX refused the command, or has no dialplan that can do it."""
    NO_NUMBER = "no_number"
    """Erased, or not to be read just now."""
    AGENT_LEFT = "agent_left"
    """The agent hung up while the customer's telephone rang."""
    UNSEEN = "unseen"
    """It ended while nobody looked, or never was."""
    CLOSED = "closed"
    """The queue has closed meanwhile."""


OF_CALLBACKS = frozenset(
    {
        *(Outcome.CALLED_IN, Outcome.CALLBACK_FAILED, Outcome.CALLBACK_EXPIRED),
        *(Outcome.CALLBACK_REFUSED, Outcome.CALLBACK_CANCELLED),
    }
)
"""How a contact ends that was to be called back."""


def attempt_call(contact: Contact, fact: str) -> str:
    """The Uniqueid of an attempt. fact: ``epoch-seq`` of the event that begins it.

    >>> from contactd.core.ids import PbxId
    >>> of = Contact(
    ...     id=ContactId("c"), pbx=PbxId("pbx1"), call="pbx1-1700000000.12", channel="x", dnis="", arrived_at=0.0
    ... )
    >>> attempt_call(of, "3-77")
    'pbx1-1700000000.12.cb3.77'
    >>> of.call = "pbx1-1700000000.12.cb3.77"
    >>> attempt_call(of, "3-99")
    'pbx1-1700000000.12.cb3.99'
    """
    return f"{call_of_contact(contact.call)}.cb{fact.replace('-', '.')}"


def plan_of(queue: QueuePlan | None) -> CallbackPlan:
    """A queue that has none any more calls back whom it promised it."""
    return queue.callback if queue is not None and queue.callback is not None else CallbackPlan()


def may_begin(floor: LiveFloor, contact: Contact) -> bool:
    """Whether it is time for an attempt, as far as time and the queue's hours say."""
    callback = contact.callback
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    if callback is None or not callback.due or callback.attempt or queue is None:
        return False
    return opening_of(queue, floor.state.calendars, floor.state.switches).open


def routable(floor: LiveFloor, contact: Contact) -> bool:
    """Whether an agent may be offered it as it is, who is then on the line before the customer."""
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    return plan_of(queue).first is CallbackFirst.AGENT and may_begin(floor, contact)


def alarm_at(contact: Contact) -> Instant | None:
    """When something is to be decided about it by time alone."""
    callback = contact.callback
    if callback is None or callback.attempt or contact.state is not ContactState.WAITING:
        return None
    return callback.until if callback.due else min(callback.due_at, callback.until)


# --- changed, by apply() only -----------------------------------------------------------------------------------------


def _of(floor: LiveFloor, contact_id: ContactId) -> tuple[Contact, Callback]:
    contact = floor.contacts[contact_id]
    if contact.callback is None:
        raise FloorBug(f"Contact {contact_id} is not to be called back.")
    return contact, contact.callback


def offered(contact: Contact, offer: OfferId, at: Instant) -> None:
    """An offer to an agent is the beginning of an attempt."""
    if contact.callback is not None:
        call = attempt_call(contact, offer)
        contact.change(callback=msgspec.structs.replace(contact.callback, attempt=call, began_at=at, dialled=False))
        contact.channel = call


def offer_over(contact: Contact) -> None:
    """And its end is the attempt's."""
    if contact.callback is not None:
        contact.change(callback=msgspec.structs.replace(contact.callback, attempt="", dialled=False))


def _wished(floor: LiveFloor, event: ev.CallbackWished, at: Instant) -> None:
    floor.contacts[event.contact].change(calls_back=True)


def _taken(floor: LiveFloor, event: ev.CallbackTaken, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    floor.check(contact, ContactState.WAITING)
    floor.leave_line(contact)
    contact.hears = None
    contact.callers = event.callers or contact.callers
    contact.change(callback=Callback(asked_at=at, due_at=event.due_at, until=event.until, by=event.by))
    floor.enter(contact, ContactState.WAITING)


def _due(floor: LiveFloor, event: ev.CallbackDue, at: Instant) -> None:
    contact, callback = _of(floor, event.contact)
    floor.call_back(contact, msgspec.structs.replace(callback, due=True))


def _begun(floor: LiveFloor, event: ev.CallbackBegun, at: Instant) -> None:
    contact, callback = _of(floor, event.contact)
    contact.channel = event.attempt
    floor.call_back(contact, msgspec.structs.replace(callback, attempt=event.attempt, began_at=at, dialled=False))


def _dialled(floor: LiveFloor, event: ev.CustomerDialled, at: Instant) -> None:
    contact, callback = _of(floor, event.contact)
    count(floor.state.dialled, Dialled(at=at, queue=contact.queue, known_by=event.known_by))
    floor.call_back(contact, msgspec.structs.replace(callback, dialled=True))


def _failed(floor: LiveFloor, event: ev.CallbackFailed, at: Instant) -> None:
    contact, callback = _of(floor, event.contact)
    if contact.state is not ContactState.WAITING:
        raise FloorBug(f"Contact {contact.id} is {contact.state}; its attempt cannot have failed.")
    floor.call_back(
        contact,
        msgspec.structs.replace(callback, attempt="", dialled=False, due=False, due_at=event.due_at, tries=event.tries),
    )


def _reached(floor: LiveFloor, event: ev.CallbackReached, at: Instant) -> None:
    contact, _ = _of(floor, event.contact)
    contact.call, contact.channel = event.call, event.channel
    floor.call_back(contact, None)


def _withdrawn(floor: LiveFloor, event: ev.CallbackWithdrawn, at: Instant) -> None:
    contact, _ = _of(floor, event.contact)
    contact.channel = event.channel
    floor.call_back(contact, None)


CALLBACK: dict[type[ev.Event], Callable[[LiveFloor, Any, Instant], None]] = {
    ev.CallbackWished: _wished,
    ev.CallbackTaken: _taken,
    ev.CallbackDue: _due,
    ev.CallbackBegun: _begun,
    ev.CustomerDialled: _dialled,
    ev.CallbackFailed: _failed,
    ev.CallbackReached: _reached,
    ev.CallbackWithdrawn: _withdrawn,
}
