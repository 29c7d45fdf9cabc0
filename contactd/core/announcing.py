"""What is said to a caller who waits, once the time has come: decided on the floor as it is then. docs/voice.rst."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.announcements import Announcements, Range, Said, SayMessage, SayPosition, SayWait, SayWelcome
from contactd.core.commands import Announce
from contactd.core.contact import Contact, Estimate
from contactd.core.decision import Decision
from contactd.core.events import AnnouncementEnd
from contactd.core.floor import LiveFloor
from contactd.core.hearing import next_due, points
from contactd.core.ids import ContactId, Instant, announcement_id
from contactd.core.routing.index import ASKED
from contactd.core.routing.waits import remaining_wait

AT_ONCE = 20
"""Announcements of one step: after a silence of ours hundreds may be due, and no offer waits for all of them."""
MINUTES = (1, 2, 3, 4, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240)
"""As people say them."""


def announcement_due(floor: LiveFloor, contact_id: ContactId, at: Instant, into: Decision) -> None:
    """Something is told in any case, or the time would come for ever; but who goes elsewhere by the same decision hears
    nothing."""
    if sum(isinstance(event, ev.ContactAnnounced) for event in into.events) >= AT_ONCE:
        return
    if any(isinstance(event, ev.ContactDiverted) and event.contact == contact_id for event in into.events):
        return
    contact = floor.contacts[contact_id]
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    hears = contact.hears
    if queue is None or queue.announcements is None or hears is None:
        return
    due = next_due(queue.announcements, hears)
    if due is None:
        return
    said: list[Said] = []
    unsaid: list[str] = []
    estimate: Estimate | None = None
    for point, name in points(queue.announcements, hears):
        if point > at:
            continue
        if name == "wait":
            estimate = _estimate(floor, contact, at)
        part = _part(floor, contact, queue.announcements, name, estimate, hears.last)
        if part is None:
            unsaid.append(name)
        else:
            said.append(part)
    # The number of the event that is appended now.
    announcement = announcement_id(floor.epoch, floor.seq + len(into.events) + 1)
    into.events.append(
        ev.ContactAnnounced(
            contact=contact.id,
            queue=queue.id,
            announcement=announcement,
            said=tuple(said),
            unsaid=tuple(unsaid),
            estimate=estimate,
            due=due,
        )
    )
    if said:
        into.commands.append(
            Announce(
                pbx=contact.pbx,
                contact=contact.id,
                channel=contact.channel,
                announcement=announcement,
                said=tuple(said),
            )
        )


def _part(
    floor: LiveFloor, contact: Contact, plan: Announcements, name: str, estimate: Estimate | None, last: Range | None
) -> Said | None:
    """None: there is nothing to say."""
    match name:
        case "welcome":
            return SayWelcome(sounds=plan.welcome)
        case "position":
            position = floor.positions.of(contact)
            behind = plan.position_up_to and position > plan.position_up_to
            return None if behind else SayPosition(position=position)
        case "wait":
            spoken = spoken_range(estimate, last)
            return SayWait(range=spoken) if spoken is not None else None
        case _:
            message = plan.messages[int(name)]
            return SayMessage(id=message.id, sounds=message.sounds)


def _estimate(floor: LiveFloor, contact: Contact, at: Instant) -> Estimate | None:
    """Counted exactly, so that a replay says the same; in a large crowd that takes too long."""
    if len(floor.routing.waiting) >= ASKED:
        return None
    return remaining_wait(floor, contact, at, exact=True)


def spoken_range(estimate: Estimate | None, last: Range | None) -> Range | None:
    """What may be said: the estimate in minutes as people say them, never longer than what was said last time.

    >>> spoken_range(Estimate(low_s=100, median_s=250, high_s=500), None)
    Range(low_min=1, high_min=10)
    >>> spoken_range(Estimate(low_s=700, median_s=900, high_s=1500), Range(low_min=1, high_min=10))
    Range(low_min=1, high_min=10)
    """
    if estimate is None:
        return None
    below = bisect_right(MINUTES, estimate.low_s / 60)
    above = bisect_left(MINUTES, estimate.high_s / 60)
    low_min = MINUTES[below - 1] if below else 0
    high_min = MINUTES[min(above, len(MINUTES) - 1)]
    if last is not None:
        low_min, high_min = min(low_min, last.low_min), min(high_min, last.high_min)
    return Range(low_min=low_min, high_min=high_min)


def announcement_told(floor: LiveFloor, input_: inp.AnnouncementTold, at: Instant, into: Decision) -> None:
    """The dialplan has said it, or could not. One that was cut off by an offer is late here, and yields nothing."""
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.hears is None or contact.hears.saying != input_.announcement:
        return
    into.events.append(
        ev.AnnouncementEnded(contact=contact.id, announcement=input_.announcement, end=end_of(input_.status))
    )


def end_of(status: str) -> AnnouncementEnd:
    """What the dialplan says in ContactdSaid, or NOT_SENT."""
    return _ENDS.get(status, AnnouncementEnd.INCOMPLETE)


_ENDS = {"SUCCESS": AnnouncementEnd.HEARD, inp.NOT_SENT: AnnouncementEnd.NOT_SENT}
