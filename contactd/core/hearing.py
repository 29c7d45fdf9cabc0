"""When something is to be said to a caller who waits, and what each announcement changes on the floor.

All times of a queue's announcements are points on a grid that begins when the caller comes into the queue, so nothing
drifts. Whatever is due at the same time is said in one go; what comes due meanwhile waits until a second after it. An
offer cuts it off, and waits for nothing. docs/voice.rst; what is said decides core/announcing.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from contactd.core import events as ev
from contactd.core.announcements import Announcements, Hearing, SayWait, Times
from contactd.core.contact import Contact, ContactState
from contactd.core.ids import Instant
from contactd.core.plan import FloorPlan, Medium, QueuePlan

if TYPE_CHECKING:
    from contactd.core.floor import LiveFloor

APART_S = 1.0
"""From the end of an announcement to the next."""
LONGEST_S = 180.0
"""When nobody has said that an announcement is over, it is by then."""
JUST_NOW_S = 10.0
"""Who has waited for longer, and comes from no other queue, was welcomed before, or we were away."""


def next_at(plan: Announcements, hears: Hearing) -> Instant | None:
    """When something is to be said next; None: nothing ever."""
    due = next_due(plan, hears)
    return None if due is None else max(due, hears.free_at)


def next_due(plan: Announcements, hears: Hearing) -> Instant | None:
    """The first point of the grid that is not behind us."""
    return min((at for at, _ in points(plan, hears)), default=None)


def points(plan: Announcements, hears: Hearing) -> Iterator[tuple[Instant, str]]:
    """Of each announcement its next time, and its name, in the order in which they are said.

    The name is welcome, position, wait, or the number of a message: no id of a configuration begins with a digit.
    """
    if plan.welcome and hears.done < hears.since:
        yield hears.since, "welcome"
    for name, times in (("position", plan.position), ("wait", plan.wait)):
        if times is not None and (at := _next(times, hears)) is not None:
            yield at, name
    for number, message in enumerate(plan.messages):
        if (at := _next(message.times, hears)) is not None:
            yield at, str(number)


def _next(times: Times, hears: Hearing) -> Instant | None:
    first = hears.since + times.after_s
    if hears.done < first:
        return first
    if not times.every_s:
        return None
    count = int((hears.done - first) / times.every_s)
    while first + count * times.every_s <= hears.done:
        count += 1
    return first + count * times.every_s


# --- changed ----------------------------------------------------------------------------------------------------------


def entered(contact: Contact, queue: QueuePlan | None, event: ev.ContactQueued, at: Instant) -> Hearing | None:
    """What begins with the wait in a queue. contact: as it was before. None: nothing is ever said there."""
    if queue is None or queue.announcements is None or contact.medium is not Medium.VOICE:
        return None
    welcome = bool(event.passed) or at - event.queued_at < JUST_NOW_S
    begins = Hearing(since=at, done=at - 1.0 if welcome else at, free_at=at)
    before = contact.hears
    if before is None or contact.connected_at is not None:
        return begins
    # The same wait goes on: what was said of it counts.
    begins = msgspec.structs.replace(begins, last=before.last)
    if contact.held:
        # From queue to queue without a word to the PBX: an announcement may still be heard.
        return msgspec.structs.replace(begins, free_at=before.free_at, saying=before.saying)
    return begins


def held_again(contact: Contact, queue: QueuePlan | None, at: Instant) -> Hearing | None:
    """Back in the hold: what was cut off is not said again, and what is due begins a second later at the earliest."""
    if contact.hears is not None:
        return msgspec.structs.replace(contact.hears, free_at=at + APART_S, saying=None)
    return _late(contact, queue, at)


def configured(floor: LiveFloor, plan: FloorPlan, at: Instant) -> None:
    """Who waits already hears what a new configuration says from the next time on."""
    announcing = {queue.id: queue for queue in plan.queues if queue.announcements is not None}
    for contact in floor.contacts.values() if announcing else ():
        if (
            contact.hears is None
            and contact.callback is None
            and contact.state is ContactState.WAITING
            and contact.queue in announcing
        ):
            contact.hears = _late(contact, announcing[contact.queue], at)


def _late(contact: Contact, queue: QueuePlan | None, at: Instant) -> Hearing | None:
    if queue is None or queue.announcements is None or contact.medium is not Medium.VOICE:
        return None
    since = contact.queued_at if contact.queued_at is not None else at
    return Hearing(since=since, done=at, free_at=at)


def announced(floor: LiveFloor, event: ev.ContactAnnounced, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    hears = contact.hears
    if hears is None:
        return
    last = next((said.range for said in event.said if isinstance(said, SayWait)), hears.last)
    saying = event.announcement if event.said else None
    hears = msgspec.structs.replace(
        hears, done=at, free_at=at + LONGEST_S if saying is not None else at, saying=saying, last=last
    )
    floor.time_announcement(contact, hears)


def announcement_ended(floor: LiveFloor, event: ev.AnnouncementEnded, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    if contact.hears is not None:
        hears = msgspec.structs.replace(contact.hears, saying=None, free_at=at + APART_S)
        floor.time_announcement(contact, hears)
