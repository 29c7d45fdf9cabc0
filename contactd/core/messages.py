"""Calls whose words are text, and messages: what is told of them, and what it changes.

A call of text is a call like any other: it waits, is offered and is talked with as a voice call. A message is a piece
of what one side wrote. The floor knows that there was one and how long it is; the words go beside the input and never
into it, and are kept with the contact where erasing the person finds them (engine.inbox.Words).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.contact import ContactState
from contactd.core.ids import Instant
from contactd.core.text import Author

if TYPE_CHECKING:
    from contactd.core.decision import Decision
    from contactd.core.floor import LiveFloor


def text_found(floor: LiveFloor, input_: inp.TextFound, at: Instant, into: Decision) -> None:
    """Once: what a call is, it stays."""
    contact = floor.contacts.get(input_.contact)
    if contact is not None and contact.text is None:
        into.events.append(ev.TextBegun(contact=contact.id, carrier=input_.carrier, found_by=input_.found_by))


def message_told(floor: LiveFloor, input_: inp.MessageTold, at: Instant, into: Decision) -> None:
    """Also of a contact that has ended since: what was written last is read last."""
    contact = floor.contacts.get(input_.contact)
    talks = contact is not None and contact.state is ContactState.CONNECTED
    into.events.append(
        ev.MessageAdded(
            contact=input_.contact,
            agent=contact.agent if contact is not None and talks and input_.author is Author.AGENT else None,
            message=input_.message,
            author=input_.author,
            characters=input_.characters,
        )
    )


def _begun(floor: LiveFloor, event: ev.TextBegun, at: Instant) -> None:
    floor.contacts[event.contact].change(text=event.carrier)


def _added(floor: LiveFloor, event: ev.MessageAdded, at: Instant) -> None:
    """A fact for people: nothing is decided by it yet."""


MESSAGES: dict[type[ev.Event], Callable[[LiveFloor, Any, Instant], None]] = {
    ev.TextBegun: _begun,
    ev.MessageAdded: _added,
}
