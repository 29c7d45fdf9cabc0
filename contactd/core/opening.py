"""Whether a queue is open, and why: from what calendars said, and what supervisors switched by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from contactd.core.ids import CalendarId, Instant, QueueId
from contactd.core.plan import AtClosing, QueuePlan


class CalendarState(msgspec.Struct, frozen=True, kw_only=True):
    """What a calendar said last. since: when it opened or closed."""

    open: bool
    why: str
    until: Instant | None
    since: Instant


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """What a supervisor said. seq: of the fact; the later word counts."""

    open: bool
    why: str
    until: Instant | None
    since: Instant
    seq: int
    waiting: AtClosing | None = None


SwitchKey = str
"""``queue:sales`` or ``calendar:office``."""


def switch_key(queue: QueueId | None, calendar: CalendarId | None) -> SwitchKey:
    return f"queue:{queue}" if queue is not None else f"calendar:{calendar}"


class Opening(NamedTuple):
    """What a queue is. by_hand: a supervisor said so. since: when that came about; 0 for a queue without hours."""

    open: bool
    why: str = ""
    until: Instant | None = None
    since: Instant = 0.0
    by_hand: bool = False
    waiting: AtClosing | None = None


ALWAYS = Opening(True)


def opening_of(
    queue: QueuePlan, calendars: Mapping[CalendarId, CalendarState], switches: Mapping[SwitchKey, Switch]
) -> Opening:
    """A switch goes before the calendar; of the queue's own and its calendar's, the one that was said later.

    A calendar that has said nothing yet is open: nobody is turned away for want of knowledge.
    """
    if switches:
        said = [switches.get(switch_key(queue.id, None)), switches.get(switch_key(None, queue.calendar))]
        found = [switch for switch in said if switch is not None]
        if found:
            switch = max(found, key=lambda switch: switch.seq)
            return Opening(switch.open, switch.why, switch.until, switch.since, True, switch.waiting)
    state = calendars.get(queue.calendar) if queue.calendar is not None else None
    return ALWAYS if state is None else Opening(state.open, state.why, state.until, state.since)


def may_wait(queue: QueuePlan, opening: Opening, queued_at: Instant) -> bool:
    """Whether a wait that began at queued_at may go on, or begin, as things are."""
    if opening.open:
        return True
    keeps = (opening.waiting or queue.at_closing) is AtClosing.SERVE
    return keeps and queued_at < opening.since
