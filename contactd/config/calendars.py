"""A [calendars.<id>] section made into what tells open from closed."""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Mapping
from pathlib import Path

from contactd.config import sections
from contactd.config.problems import Problems
from contactd.core.ids import CalendarId
from contactd.hours.calendar import Calendar, Spans, Special
from contactd.hours.holiday import Holidays, UnknownHolidays, holidays_of
from contactd.hours.words import CLOSED, WEEKDAYS, WrongWords, YearlyDay, dates_of, spans_of, weekdays_of


def calendars_of(found: Mapping[CalendarId, sections.Calendar]) -> dict[CalendarId, Calendar]:
    """Those of a configuration that was checked. Where a country is named, the library of holidays is loaded."""
    return {name: _made(name, section, Problems(Path())) for name, section in found.items()}


def check_calendar(name: CalendarId, section: sections.Calendar, into: Problems) -> None:
    """Adds what is wrong. A blank value was complained of already."""
    _made(name, section, into)


def _made(name: CalendarId, section: sections.Calendar, into: Problems) -> Calendar:
    at = ("calendars", name)
    weekly: dict[int, Spans] = {}
    for days, text in section.hours.items():
        try:
            spans, weekdays = spans_of(text or CLOSED), weekdays_of(days)
        except WrongWords as wrong:
            into.add((*at, "hours", days), wrong.what, wrong.remedy)
            continue
        for weekday in weekdays:
            if weekday in weekly:
                into.add((*at, "hours", days), f"{WEEKDAYS[weekday]} is given twice", "Give each day once")
            weekly[weekday] = spans
    special: list[Special] = []
    yearly: dict[YearlyDay, tuple[Spans, str]] = {}
    for dates, day in section.special.items():
        try:
            spans, on = spans_of(day.hours or CLOSED), dates_of(dates)
        except WrongWords as wrong:
            into.add((*at, "special", dates), wrong.what, wrong.remedy)
            continue
        if isinstance(on[0], int):
            yearly[on[0], on[1]] = (spans, day.reason)
        else:
            special.append(Special(on[0], on[1], spans, day.reason))
    return Calendar(_zone(name, section, into), weekly, tuple(special), yearly, _holidays(name, section, into))


def _zone(name: CalendarId, section: sections.Calendar, into: Problems) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(section.time_zone or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        near = difflib.get_close_matches(section.time_zone, known, n=3)
        remedy = f"Write {' or '.join(near)}" if near else "Write its IANA name, such as Europe/Berlin"
        into.add(("calendars", name, "time_zone"), f'there is no time zone "{section.time_zone}"', remedy)
        return zoneinfo.ZoneInfo("UTC")


def _holidays(name: CalendarId, section: sections.Calendar, into: Problems) -> Holidays:
    if not section.country:
        for key in ("subdivision", "observe_holidays", "ignore_holidays"):
            if getattr(section, key):
                into.add(("calendars", name, key), "holidays of no country", 'Give country, such as "DE", as well')
        return lambda _: {}
    try:
        return holidays_of(
            section.country,
            section.subdivision,
            section.holiday_kinds,
            section.observe_holidays,
            section.ignore_holidays,
        )
    except UnknownHolidays as unknown:
        into.add(("calendars", name, unknown.key), unknown.what, unknown.remedy)
        return lambda _: {}
