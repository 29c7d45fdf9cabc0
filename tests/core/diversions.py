"""Who is sent elsewhere in a step, and who is not: once more, by brute force over the floor as it was before."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import DivertCaller, MoveToHold
from contactd.core.contact import Contact, ContactState
from contactd.core.destination import Destination, ToCallback, ToExternal, ToQueue
from contactd.core.floor import Floor, LiveFloor
from contactd.core.ids import QueueId
from contactd.core.plan import QueuePlan
from contactd.core.step import Step
from tests.core.rules import closed_way, in_line, left_alone, movable, next_step_at, queue_of, sent_away, staffed

_decode = msgspec.msgpack.Decoder(Floor).decode


def check_diversions(before: bytes, made: Step) -> None:
    """before: the floor's state, frozen."""
    if isinstance(made.input, inp.TimePassed):
        _check_steps(LiveFloor(_decode(before)), made)
    if any(isinstance(event, ev.ContactQueued | ev.ContactDiverted) for event in made.events):
        _check_limits(LiveFloor(_decode(before)), made)
    _check_commands(LiveFloor(_decode(before)) if made.commands else None, made)


def _open(floor: LiveFloor, to: Destination, here: QueueId, passed: tuple[QueueId, ...]) -> bool:
    """Whether a way leads somewhere new."""
    known = {queue.id for queue in floor.plan.queues}
    return not isinstance(to, ToQueue) or (to.queue in known and to.queue not in (here, *passed))


def _check_limits(floor: LiveFloor, made: Step) -> None:
    """Whoever arrives in a queue at its limit is sent on, and nobody else is."""
    for index, event in enumerate(made.events):
        if isinstance(event, ev.ContactQueued):
            following = made.events[index + 1] if index + 1 < len(made.events) else None
            sent = following if isinstance(following, ev.ContactDiverted) else None
            sent = sent if sent is not None and sent.contact == event.contact else None
            expected = _limit(floor, event, index, made)
            if expected is None and sent is not None and sent.why == "estimated_wait":
                _check_estimate(floor, sent, event)
            else:
                assert _sent(sent) == expected, (event, sent)
        floor.apply(event, made.at)


def _sent(event: ev.ContactDiverted | None) -> tuple[str, Destination] | None:
    return (str(event.why), event.to) if event is not None and event.why not in ("found", "key") else None


def _limit(floor: LiveFloor, event: ev.ContactQueued, index: int, made: Step) -> tuple[str, Destination] | None:
    """Where the contact has to go, and why; floor is as it was just before it came."""
    plan = next((queue for queue in floor.plan.queues if queue.id == event.queue), None)
    pbx = floor.contacts[event.contact].pbx
    if plan is None or pbx not in floor.state.steered or not _arrives(floor, event, index, made):
        return None
    if floor.contacts[event.contact].calls_back:
        return "asked", ToCallback()
    closed = closed_way(floor, plan, made.at if event.passed else event.queued_at, event.passed)
    if closed is not None:
        return closed
    others = in_line(floor, plan.id) - _counts(floor.contacts[event.contact], plan.id)
    found: tuple[str, Destination] | None = None
    if plan.unstaffed is not None and not staffed(floor, pbx, plan):
        found = ("unstaffed", plan.unstaffed)
    elif plan.max_waiting is not None and plan.full is not None and others >= plan.max_waiting:
        # Who was cut off has had a place there.
        found = ("full", plan.full) if event.resumed is None else None
    return found if found is not None and _open(floor, found[1], plan.id, event.passed) else None


def _check_estimate(floor: LiveFloor, sent: ev.ContactDiverted, came: ev.ContactQueued) -> None:
    """How long somebody will wait is tried elsewhere: here, that the queue asks for it, and where it sends them."""
    plan = next(queue for queue in floor.plan.queues if queue.id == came.queue)
    assert plan.max_estimated_wait_s is not None and plan.full == sent.to
    assert floor.contacts[came.contact].pbx in floor.state.steered
    assert _open(floor, sent.to, plan.id, came.passed)


def _counts(contact: Contact, queue: QueueId) -> bool:
    return contact.queue == queue and contact.state in ("waiting", "offered", "fallback")


def _arrives(floor: LiveFloor, event: ev.ContactQueued, index: int, made: Step) -> bool:
    """From another queue, from outside, or from an agent: not from an offer, the static queue, or a silence of ours."""
    before = [one for one in made.events[:index] if not isinstance(one, ev.ContactNeedsSet)]
    came_by = before[-1] if before else None
    if isinstance(came_by, ev.ContactDiverted) and came_by.contact == event.contact:
        return True
    contact = floor.contacts[event.contact]
    if contact.state is ContactState.MENU and contact.queued_at is not None and contact.pressed is not None:
        # From the menu to which a key led, into another queue than before.
        return isinstance(made.input, inp.CallHeld | inp.PbxCompared) and event.queue != contact.pressed.left
    if not isinstance(made.input, inp.CallHeld):
        return False
    if isinstance(came_by, ev.ContactAdopted):
        return made.input.queued_at > made.at - 2
    return contact.queued_at is None or contact.state in (ContactState.CONNECTED, ContactState.RELEASED)


def _check_steps(floor: LiveFloor, made: Step) -> None:
    """Of whoever's next step is due something is said, and the first step that sends them away does so."""
    told = {}
    if any(isinstance(event, ev.HoursSwitched) for event in made.events):
        # Who is sent where hangs on it, so it goes alone.
        assert all(isinstance(event, ev.HoursSwitched | ev.ContactOffered) for event in made.events)
        return
    for event in made.events:
        if isinstance(event, ev.ContactRelaxed | ev.ContactDiverted):
            told.setdefault(event.contact, event)
    for contact in floor.contacts.values():
        due = next_step_at(floor, contact)
        if due is None or due > made.at:
            assert contact.id not in told, contact
            continue
        queue = queue_of(floor, contact)
        assert queue is not None and contact.queued_at is not None
        event = told[contact.id]
        away = sent_away(floor, contact)
        if away is not None:
            assert isinstance(event, ev.ContactDiverted), event
            assert (str(event.why), event.to, event.step) == (*away, contact.step)
            continue
        left = left_alone(floor, contact)
        if left is not None and left[0] <= made.at:
            assert isinstance(event, ev.ContactDiverted), event
            assert (event.why, event.to, event.step) == ("unstaffed", left[1], contact.step)
            continue
        ways = list(_ways(queue, contact, made.at)) if contact.callback is None else []
        can_go = movable(floor, contact)
        if not ways:
            behind = sum(contact.queued_at + step.after_s <= made.at for step in queue.steps)
            expected = max(behind, contact.step + 1)
            assert isinstance(event, ev.ContactRelaxed) and event.step == expected, (event, expected)
        elif can_go and _open(floor, ways[0][1], queue.id, contact.passed):
            assert isinstance(event, ev.ContactDiverted), event
            assert (event.step, event.to, event.why) == (*ways[0], "step")
        else:
            last = ways[0][0] if can_go else ways[0][0] - 1
            assert isinstance(event, ev.ContactRelaxed) and event.step == last, event


def _ways(queue: QueuePlan, contact: Contact, at: float) -> Iterator[tuple[int, Destination]]:
    """The steps that send the contact away, of those that are due and not behind it: counted from 1, and where to."""
    assert contact.queued_at is not None
    for number, step in enumerate(queue.steps, 1):
        if number > contact.step and step.go is not None and contact.queued_at + step.after_s <= at:
            yield number, step.go


def _check_commands(floor: LiveFloor | None, made: Step) -> None:
    """What the PBX is to do is what the journal says, under the number of that fact; or it is said again."""
    sent = [command for command in made.commands if isinstance(command, DivertCaller)]
    kept: dict[str, ev.ContactDiverted] = {}
    ours: set[str | None] = set()
    for index, event in enumerate(made.events):
        if (
            isinstance(event, ev.ContactDiverted)
            and not isinstance(event.to, ToQueue)
            and event.why not in ("found", "key")
        ):
            assert event.diversion == f"{floor.epoch if floor else 1}-{made.first_seq + index}"
            kept[event.diversion] = event
            ours.add(event.diversion)
        elif isinstance(event, ev.DiversionFailed) and event.failure == "rate" and event.diversion in kept:
            # Said and taken back in one breath: nobody is told to carry it out.
            assert isinstance(kept.pop(event.diversion or "").to, ToExternal)
    rate = [e for e in made.events if isinstance(e, ev.DiversionFailed) and e.failure == "rate"]
    taken_back = [e.contact for e in rate if isinstance(made.input, inp.KeyPressed) and e.diversion not in ours]
    if isinstance(made.input, inp.KeyPressed):
        assert taken_back == [one.contact for one in made.commands if isinstance(one, MoveToHold)]
    for command in sent:
        assert floor is not None and command.epoch == floor.epoch
        event_kept = kept.pop(command.diversion, None)
        if event_kept is not None:
            assert (event_kept.contact, event_kept.to) == (command.contact, command.to)
            continue
        contact = floor.contacts[command.contact]
        assert isinstance(made.input, inp.PbxCompared)
        assert (contact.state, contact.diversion, contact.diverted_to) == ("diverted", command.diversion, command.to)
    assert not kept, f"nobody is told to carry out {kept}"
