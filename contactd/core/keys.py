"""Keys by which a caller who waits goes elsewhere: the dialplan does it, whoever steers, and the floor follows.

The dialplan counts such keys on the caller's channel (``key-1``, ``key-2``), and leaves the last one there: whoever was
away finds out by its number that it is news. Each is followed once. What contactd sent in the same moment, an offer or
a way out, goes before: its Redirect takes the caller out of whatever the key began.
"""

from __future__ import annotations

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import MoveToHold
from contactd.core.contact import Contact, ContactState
from contactd.core.decision import Decision, queue_or_default, queued
from contactd.core.destination import Outside, ToExternal, ToMenu, ToQueue, Way
from contactd.core.diverting import arrive, failed, too_many_outside
from contactd.core.events import DiversionFailure, DiversionReason
from contactd.core.floor import LiveFloor
from contactd.core.ids import Instant, QueueId, key_number
from contactd.core.plan import Medium

_MAY_PRESS = frozenset(
    {ContactState.WAITING, ContactState.OFFERED, ContactState.MENU, ContactState.DIVERTED, ContactState.FALLBACK}
)
"""Where a key may have been pressed since: from an offer and from the static queue the way leads through the hold."""


def key_pressed(floor: LiveFloor, input_: inp.KeyPressed, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.state is not ContactState.WAITING or contact.callback is not None:
        # Not met yet, or a Redirect of ours was quicker, and the caller is there.
        return
    if not unheard(contact, input_) or contact.queue is None:
        return
    _goes(contact, contact.queue, input_, into)
    if isinstance(input_.to, ToQueue):
        _moves(floor, contact, input_.to, at, into)
    elif isinstance(input_.to, ToExternal) and too_many_outside(floor, contact.queue, at, into):
        # It rings already: the caller is taken back.
        rate = DiversionFailure.RATE
        into.events.append(ev.DiversionFailed(contact=contact.id, diversion=input_.diversion, failure=rate))
        into.commands.append(MoveToHold(pbx=contact.pbx, contact=contact.id, channel=contact.channel))


def unheard(contact: Contact, told: inp.KeyPressed | inp.CallHeld | inp.CallSeen) -> bool:
    """Whether it tells of a key that the floor has not followed."""
    known = contact.pressed.number if contact.pressed is not None else 0
    voice = contact.medium is Medium.VOICE and contact.callback is None
    return voice and key_number(told.diversion) > known and _way(told) is not None


def left_for_menu(contact: Contact) -> QueueId | None:
    """The queue in which a caller in the menu has a place; None: there is none, or the caller is elsewhere."""
    if contact.state is not ContactState.MENU or contact.pressed is None or contact.queued_at is None:
        return None
    return contact.pressed.left


def back_in_hold(
    floor: LiveFloor,
    contact: Contact,
    call: inp.CallHeld | inp.CallSeen,
    queue: QueueId,
    at: Instant,
    into: Decision,
) -> bool:
    """The caller stands in the hold, and waits on from the old place: after a key that nobody has heard, or from the
    menu to which a key led. queue: by the PBX's word. False: it is nothing of this, and nothing is said."""
    left = left_for_menu(contact)
    to = call.diverted_to
    if to is not None and contact.queue is not None and contact.state in _MAY_PRESS and unheard(contact, call):
        _first_in_hold(contact, into)
        _goes(contact, contact.queue, call, into)
        if isinstance(to, ToQueue):
            _moves(floor, contact, to, at, into)
        elif isinstance(to, ToMenu) and contact.queued_at is not None:
            _from_menu(floor, contact, contact.queue, queue, at, into)
        elif isinstance(to, ToMenu):
            _waits_on(floor, contact, queue, at, into)
        else:
            into.events.append(_failed(contact, call))
            _waits_on(floor, contact, queue_or_default(floor, contact.queue), at, into)
        return True
    if left is not None:
        _from_menu(floor, contact, left, queue, at, into)
    return left is not None


def found_elsewhere(contact: Contact, call: inp.CallSeen, into: Decision) -> None:
    """A comparison finds the caller in the menu, or out of all queues, by a key that nobody has heard."""
    kind = ToMenu if call.place is inp.Place.MENU else Outside
    if not isinstance(call.diverted_to, kind):
        return
    if contact.queue is not None and contact.state in _MAY_PRESS and unheard(contact, call):
        _first_in_hold(contact, into)
        _goes(contact, contact.queue, call, into)


def queue_by_key(contact: Contact | None, call: inp.CallSeen, otherwise: QueueId) -> QueueId:
    """The queue that a caller in the static queue chose by a key that nobody has heard."""
    if contact is None or not isinstance(call.diverted_to, ToQueue) or not unheard(contact, call):
        return otherwise
    return call.diverted_to.queue


def _way(told: inp.KeyPressed | inp.CallHeld | inp.CallSeen) -> Way | None:
    return told.to if isinstance(told, inp.KeyPressed) else told.diverted_to


def _first_in_hold(contact: Contact, into: Decision) -> None:
    """A key is pressed in the hold only."""
    if contact.state is ContactState.DIVERTED:
        failed(contact, DiversionFailure.UNSEEN, into)
    elif contact.state in (ContactState.MENU, ContactState.FALLBACK):
        into.events.append(ev.ContactHeld(contact=contact.id))


def _goes(contact: Contact, queue: QueueId, told: inp.KeyPressed | inp.CallHeld | inp.CallSeen, into: Decision) -> None:
    to = _way(told)
    if to is not None:
        into.events.append(
            ev.ContactDiverted(
                contact=contact.id,
                queue=queue,
                to=to,
                why=DiversionReason.KEY,
                step=contact.step,
                diversion=told.diversion,
            )
        )


def _failed(contact: Contact, call: inp.CallHeld | inp.CallSeen) -> ev.DiversionFailed:
    return ev.DiversionFailed(contact=contact.id, diversion=call.diversion, failure=DiversionFailure.UNSEEN)


def _moves(floor: LiveFloor, contact: Contact, to: ToQueue, at: Instant, into: Decision) -> None:
    """The PBX names the new queue from now on: nothing of the ways before counts, but that none leads straight back."""
    queue = queue_or_default(floor, to.queue)
    if contact.queue is None or queue == contact.queue:
        if not contact.held:
            _waits_on(floor, contact, queue, at, into)
        return
    _arrives(floor, contact, contact.queue, queue, at, into)


def _from_menu(floor: LiveFloor, contact: Contact, left: QueueId, queue: QueueId, at: Instant, into: Decision) -> None:
    """Who chose the same queue again, or nothing, has been there all the time."""
    if queue != left:
        _arrives(floor, contact, left, queue, at, into)
    elif contact.queue == left:
        into.events.append(ev.ContactHeld(contact=contact.id))
    else:
        into.events.append(_waits(floor, contact, queue, contact.passed, at))


def _waits_on(floor: LiveFloor, contact: Contact, queue: QueueId, at: Instant, into: Decision) -> None:
    """From the old place; or from now on, for who came here from the menu, or whose queue left the configuration."""
    if contact.queue == queue and contact.queued_at is not None:
        into.events.append(ev.ContactHeld(contact=contact.id))
    else:
        into.events.append(_waits(floor, contact, queue, contact.passed, at))


def _arrives(floor: LiveFloor, contact: Contact, left: QueueId, queue: QueueId, at: Instant, into: Decision) -> None:
    waits = _waits(floor, contact, queue, (left,), at)
    arrive(floor, waits, pbx=contact.pbx, channel=contact.channel, known=contact, at=at, into=into)


def _waits(
    floor: LiveFloor, contact: Contact, queue: QueueId, passed: tuple[QueueId, ...], at: Instant
) -> ev.ContactQueued:
    began = contact.queued_at if contact.queued_at is not None else at
    return queued(contact.id, queue, began, at, plan=floor.queues.get(queue), known=contact, passed=passed)
