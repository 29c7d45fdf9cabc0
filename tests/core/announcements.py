"""What a waiting caller hears, once more, by brute force over the floor as it was before a step."""

from __future__ import annotations

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.announcements import Hearing, Range, Times
from contactd.core.commands import Announce
from contactd.core.contact import Contact, ContactState, Estimate
from contactd.core.floor import Floor, LiveFloor
from contactd.core.step import Step
from tests.core.rules import movable, place, queue_of

_decode = msgspec.msgpack.Decoder(Floor).decode
_WORDS = (1, 2, 3, 4, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240)


def all_times(times: Times, since: float, done: float, until: float) -> list[float]:
    """Every time up to until and one more, counted one by one from shortly before done."""
    first = since + times.after_s
    if not times.every_s:
        return [first]
    number = max(0, int((done - first) // times.every_s) - 3)
    found = [first + number * times.every_s]
    while found[-1] <= until:
        number += 1
        found.append(first + number * times.every_s)
    return found


def due_times(floor: LiveFloor, contact: Contact, until: float) -> dict[str, float]:
    """What was not said yet, and when it is to be said: the first time of each that lies behind what was done."""
    queue = queue_of(floor, contact)
    hears = contact.hears
    if queue is None or queue.announcements is None or hears is None:
        return {}
    plan = queue.announcements
    wanted: dict[str, list[float]] = {"welcome": [hears.since] if plan.welcome else []}
    wanted["position"] = all_times(plan.position, hears.since, hears.done, until) if plan.position is not None else []
    wanted["wait"] = all_times(plan.wait, hears.since, hears.done, until) if plan.wait is not None else []
    for number, message in enumerate(plan.messages):
        wanted[str(number)] = all_times(message.times, hears.since, hears.done, until)
    left = {name: [at for at in times if at > hears.done] for name, times in wanted.items()}
    return {name: min(times) for name, times in left.items() if times}


def announced_at(floor: LiveFloor, contact: Contact) -> float | None:
    """When something is said next to who stands in the hold; None: nothing is."""
    hears = contact.hears
    if contact.state is not ContactState.WAITING or hears is None or not movable(floor, contact):
        return None
    times = due_times(floor, contact, hears.done).values()
    return max(min(times), hears.free_at) if times else None


def position(floor: LiveFloor, contact: Contact) -> int:
    """One more than wait, ring or are on the way back before it in the same queue."""
    ahead = [
        other
        for other in floor.contacts.values()
        if other.queue == contact.queue
        and other.state in ("waiting", "offered", "fallback")
        and other.queued_at is not None
        and place(floor, other) < place(floor, contact)
    ]
    return 1 + len(ahead)


def heard_at(floor: LiveFloor) -> dict[str, float]:
    return {c.id: at for c in floor.contacts.values() if (at := announced_at(floor, c)) is not None}


def check_heard(floor: LiveFloor) -> None:
    """The alarms and the places in line."""
    assert floor.timers.announcements.times == heard_at(floor)
    for contact in floor.contacts.values():
        queue = queue_of(floor, contact)
        spoken = queue is not None and queue.announcements is not None and queue.announcements.position is not None
        counts = spoken and contact.queued_at is not None and contact.state in ("waiting", "offered", "fallback")
        assert floor.positions.of(contact) == (position(floor, contact) if counts else 0), contact


def said_range(estimate: Estimate, last: Range | None) -> Range:
    low = max((minutes for minutes in _WORDS if 60 * minutes <= estimate.low_s), default=0)
    high = min((minutes for minutes in _WORDS if 60 * minutes >= estimate.high_s), default=240)
    return Range(
        low_min=low if last is None or low < last.low_min else last.low_min,
        high_min=high if last is None or high < last.high_min else last.high_min,
    )


def check_announcements(before: bytes, made: Step, after: LiveFloor) -> None:
    """before: the floor's state, frozen."""
    told = [event for event in made.events if isinstance(event, ev.ContactAnnounced)]
    sent = [command for command in made.commands if isinstance(command, Announce)]
    assert not told or isinstance(made.input, inp.TimePassed), made.input
    if isinstance(made.input, inp.TimePassed):
        floor = LiveFloor(_decode(before))
        _check_who(floor, made, [event.contact for event in told])
        for event in told:
            _check_what(floor, event, made)
        expected = [(event.contact, event.announcement, event.said) for event in told if event.said]
        assert [(one.contact, one.announcement, one.said) for one in sent] == expected
    else:
        assert not sent
    _check_kept(made, after)


def _check_who(floor: LiveFloor, made: Step, told: list[str]) -> None:
    """Whose time has come, the longest overdue first, and twenty at most; but for whoever is sent elsewhere."""
    if any(isinstance(event, ev.HoursSwitched) for event in made.events):
        # Everything else follows in a step of its own.
        assert not told
        return
    due = {c.id: at for c in floor.contacts.values() if (at := announced_at(floor, c)) is not None and at <= made.at}
    going = {event.contact for event in made.events if isinstance(event, ev.ContactDiverted)}
    first = sorted(due, key=lambda contact: (due[contact], contact))[:20]
    assert told == [contact for contact in first if contact not in going]


def _check_what(floor: LiveFloor, event: ev.ContactAnnounced, made: Step) -> None:
    contact = floor.contacts[event.contact]
    queue = queue_of(floor, contact)
    assert queue is not None and queue.announcements is not None and contact.hears is not None
    times = due_times(floor, contact, made.at)
    assert event.due == min(times.values()) and event.queue == queue.id
    assert event.announcement == f"1-{made.first_seq + made.events.index(event)}"
    names: list[str] = []
    for said in event.said:
        told = msgspec.to_builtins(said)
        names.append(told["say"])
        if told["say"] == "position":
            assert told["position"] == position(floor, contact)
            limit = queue.announcements.position_up_to
            assert not limit or told["position"] <= limit
        elif told["say"] == "wait":
            assert event.estimate is not None
            assert told["range"] == msgspec.to_builtins(said_range(event.estimate, contact.hears.last))
        elif told["say"] == "message":
            (number,) = [n for n, one in enumerate(queue.announcements.messages) if one.id == told["id"]]
            names[-1] = str(number)
        else:
            assert tuple(told["sounds"]) == queue.announcements.welcome
    assert sorted([*names, *event.unsaid]) == sorted(name for name, at in times.items() if at <= made.at)
    order = ["welcome", "position", "wait", *map(str, range(99))]
    assert names == sorted(names, key=order.index)
    assert set(event.unsaid) <= {"position", "wait"}
    assert "position" not in event.unsaid or position(floor, contact) > queue.announcements.position_up_to > 0
    assert "wait" not in event.unsaid or event.estimate is None


def _check_kept(made: Step, after: LiveFloor) -> None:
    """What a caller has heard is known as long as it counts."""
    for event in made.events:
        contact = after.contacts.get(getattr(event, "contact", None) or "")
        if contact is None or contact.hears is None:
            continue
        hears: Hearing = contact.hears
        if isinstance(event, ev.ContactAnnounced) and event is made.events[-1]:
            assert hears.done == made.at
            assert hears.saying == (event.announcement if event.said else None)
            assert hears.free_at == made.at + (180 if event.said else 0)
        elif isinstance(event, ev.AnnouncementEnded) and event is made.events[-1]:
            assert hears.saying is None and hears.free_at == made.at + 1
