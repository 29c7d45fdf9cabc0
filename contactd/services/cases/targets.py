"""Answer targets: begun, paused while the case waits for the customer, gone on with, met. Pure: time is an argument.

A target counts the seconds in which its calendar is open. What runs has its instants, due and the warning, computed
once and kept, so that whoever looks for what breaks next asks an index and no calendar.
"""

from __future__ import annotations

from dataclasses import replace

from contactd.core.ids import CalendarId, Instant
from contactd.hours.calendar import Calendar
from contactd.hours.working import after, between
from contactd.store.cases import Target


def begun(
    kind: str, name: CalendarId | None, calendar: Calendar | None, length_s: float, warn_s: float, at: Instant
) -> Target:
    """name: the calendar's."""
    return timed(Target(kind, name, length_s, since=at), calendar, warn_s)


def timed(target: Target, calendar: Calendar | None, warn_s: float) -> Target:
    """What runs, with its instants by the calendar as it is now; what does not, as it is."""
    if target.since is None:
        return target
    return replace(
        target,
        due=after(calendar, target.since, target.left_s),
        warn_at=after(calendar, target.since, max(0.0, target.left_s - warn_s)),
    )


def left_s(target: Target, calendar: Calendar | None, at: Instant) -> float:
    """Seconds of business hours that are left; less than 0: it broke so long ago."""
    if target.since is None:
        return target.left_s
    if target.due is not None and at > target.due:
        return -between(calendar, target.due, at)
    return target.left_s - between(calendar, target.since, at)


def paused(target: Target, calendar: Calendar | None, at: Instant) -> Target:
    """The clock stands still, unless it ran out before."""
    if target.since is None or (target.due is not None and target.due <= at):
        return target
    return replace(target, left_s=left_s(target, calendar, at), since=None, due=None, warn_at=None)


def resumed(target: Target, calendar: Calendar | None, warn_s: float, at: Instant) -> Target:
    """The clock goes on with what was left. It is told once that it is about to break, however often it pauses."""
    if target.since is not None or target.met_at is not None:
        return target
    return timed(replace(target, since=at), calendar, warn_s)


def met(target: Target, calendar: Calendar | None, at: Instant) -> Target:
    """It ended, in time or not."""
    if target.met_at is not None:
        return target
    broken = target.broken_at or (target.due if target.due is not None and target.due < at else None)
    left = left_s(target, calendar, at)
    return replace(target, left_s=left, since=None, due=None, warn_at=None, met_at=at, broken_at=broken)
