"""What calendars mean for the next days, for an admin who checks them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from contactd.core.ids import CalendarId, Instant
from contactd.hours.calendar import HOURS, Calendar


def of_days(calendars: Mapping[CalendarId, Calendar], first: date | None, days: int) -> list[dict[str, Any]]:
    """first: None for today, where the calendar is."""
    now = time.time()
    return [_calendar(name, calendar, first, days, now) for name, calendar in calendars.items()]


def _calendar(name: CalendarId, calendar: Calendar, first: date | None, days: int, now: Instant) -> dict[str, Any]:
    turn = calendar.at(now)
    begin = first or calendar.local(now).date()
    return {
        "calendar": name,
        "time_zone": str(calendar.zone),
        "open": turn.open,
        "why": turn.why,
        "until": _iso(calendar, turn.until) if turn.until is not None else None,
        "days": [_day(calendar, begin + timedelta(days=count)) for count in range(days)],
    }


def _day(calendar: Calendar, on: date) -> dict[str, Any]:
    day = calendar.day(on)
    spans = []
    for span in day.spans:
        begin, end = calendar.ends_of(on, span)
        lasts_h = round((end - begin) / 3600, 2)
        usual_h = round((span.end_min - span.begin_min) / 60, 2)
        spans.append(
            {
                "hours": str(span),
                "from": _iso(calendar, begin),
                "to": _iso(calendar, end),
                "lasts_h": lasts_h,
                "clocks_change": lasts_h != usual_h,
            }
        )
    return {"date": on.isoformat(), "why": "" if day.why == HOURS else day.why, "spans": spans}


def _iso(calendar: Calendar, instant: Instant) -> str:
    return calendar.local(instant).isoformat(timespec="minutes")
