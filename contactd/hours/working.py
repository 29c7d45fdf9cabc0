"""Counting in business hours: when so many open seconds will have passed, and how many did. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from contactd.core.ids import Instant
from contactd.hours.calendar import Calendar

_LOOK_BACK = 2
"""Days: a span may reach into the next day, and a zone may leave a day out."""
NEVER_DAYS = 400
"""A calendar that does not open for so long counts as one that never opens again."""


def after(calendar: Calendar | None, begin: Instant, seconds: float) -> Instant | None:
    """When the calendar will have been open for so many seconds since begin; None: it does not open for so long.

    calendar: None is around the clock. What is used up at the moment of closing is due then, and not at the next
    opening; nothing to use up is due at begin.
    """
    if calendar is None or seconds <= 0:
        return begin + max(0.0, seconds)
    left = seconds
    for opens, closes in _open(calendar, begin):
        if left <= closes - opens:
            return opens + left
        left -= closes - opens
    return None


def between(calendar: Calendar | None, begin: Instant, end: Instant) -> float:
    """How many seconds it is open from begin to end; 0 when end is not after begin."""
    if end <= begin:
        return 0.0
    if calendar is None:
        return end - begin
    total = 0.0
    for opens, closes in _open(calendar, begin):
        if opens >= end:
            break
        total += min(closes, end) - opens
    return total


def _open(calendar: Calendar, begin: Instant) -> Iterator[tuple[Instant, Instant]]:
    """What is open from begin on, in order and without overlap, until it does not open for NEVER_DAYS."""
    on = calendar.local(begin).date()
    reached, last_open = begin, on
    on -= timedelta(days=min(_LOOK_BACK, (on - date.min).days))
    while (on - last_open).days <= NEVER_DAYS and on < date.max:
        for opens, closes in calendar.spans_on(on):
            if closes > reached:
                yield max(opens, reached), closes
                reached, last_open = closes, on
        on += timedelta(days=1)
