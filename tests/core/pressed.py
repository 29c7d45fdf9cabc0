"""What keys do in a step, and what they must not: once more, over the floor as it was before and as it is after."""

from __future__ import annotations

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.contact import Contact
from contactd.core.destination import ToMenu, ToQueue, Way
from contactd.core.floor import Floor, LiveFloor
from contactd.core.step import Step

_decode = msgspec.msgpack.Decoder(Floor).decode
_BEFORE_A_TALK = ("menu", "waiting", "offered", "diverted", "fallback")


def _number(diversion: str | None) -> int:
    word, dash, number = (diversion or "").rpartition("-")
    return int(number) if word == "key" and dash and number.isdecimal() and number.isascii() else 0


def _heard(contact: Contact | None) -> int:
    return contact.pressed.number if contact is not None and contact.pressed is not None else 0


def _told(made: Step) -> dict[str, tuple[int, Way, str]]:
    """Of whom the input tells that a key led somewhere: which one, where to, and where the caller is."""
    match made.input:
        case inp.KeyPressed():
            seen = [(made.input.contact, made.input.diversion, made.input.to, "pressed")]
        case inp.CallHeld():
            seen = [(made.input.contact, made.input.diversion, made.input.diverted_to, "hold")]
        case inp.PbxCompared():
            seen = [(call.contact, call.diversion, call.diverted_to, str(call.place)) for call in made.input.calls]
        case _:
            seen = []
    return {
        contact: (_number(diversion), to, at)
        for contact, diversion, to, at in seen
        if to is not None and _number(diversion)
    }


def check_keys(before: bytes, made: Step, after: LiveFloor) -> None:
    """before: the floor's state, frozen."""
    followed = [e for e in made.events if isinstance(e, ev.ContactDiverted) and e.why == "key"]
    if not followed and not isinstance(made.input, inp.KeyPressed):
        return
    floor = _decode(before)
    told = _told(made)
    known = floor.contacts.get(made.input.contact) if isinstance(made.input, inp.KeyPressed) else None
    if known is not None and known.callback is not None:
        # Nobody is on the line who could press one.
        assert not followed
        return
    if isinstance(made.input, inp.KeyPressed):
        _check_pressed(floor, made, told, len(followed))
    assert len({event.contact for event in followed}) == len(followed)
    for event in followed:
        number, to, at = told[event.contact]
        known = floor.contacts.get(event.contact)
        assert (number, to) == (_number(event.diversion), event.to), event
        assert number > _heard(known), "a key is followed once"
        if known is None:
            continue
        assert known.state in _BEFORE_A_TALK, known
        assert not isinstance(to, ToMenu) or at in ("menu", "hold", "pressed")
        contact = after.contacts[event.contact]
        assert _heard(contact) == number
        assert contact.queued_at == known.queued_at or known.queued_at is None, "the place is lost"
        _check_queue(floor, event, made, contact)


def _check_pressed(floor: Floor, made: Step, told: dict[str, tuple[int, Way, str]], followed: int) -> None:
    """Told in time: it is followed, when the caller stands in the hold and it is news; else nothing is said."""
    assert isinstance(made.input, inp.KeyPressed)
    contact = floor.contacts.get(made.input.contact)
    number = told[made.input.contact][0] if told else 0
    waits = (
        contact is not None and (contact.state, contact.medium) == ("waiting", "voice") and contact.queue is not None
    )
    assert followed == (1 if waits and number > _heard(contact) else 0), made
    assert followed or not made.events


def _check_queue(floor: Floor, event: ev.ContactDiverted, made: Step, after: Contact) -> None:
    """To another queue at once, and from there only where its limits lead."""
    if not isinstance(event.to, ToQueue) or floor.plan is None:
        return
    known = {queue.id for queue in floor.plan.queues}
    wanted = event.to.queue if event.to.queue in known else floor.plan.default_queue
    came = [e for e in made.events if isinstance(e, ev.ContactQueued) and e.contact == event.contact]
    if wanted == event.queue:
        assert not came
        return
    assert (came[0].queue, came[0].passed) == (wanted, (event.queue,)), came
    assert after.queue == came[-1].queue
