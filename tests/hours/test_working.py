"""Counting in business hours, by example and minute by minute against a rule that only asks whether it is open."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contactd.hours.calendar import Calendar, Span, Special
from contactd.hours.words import spans_of
from contactd.hours.working import after, between
from tests.hours.test_calendar import _ZONES, BERLIN, NEW_YORK, calendar, instant, weeks

HOUR = 3600.0
OFFICE = calendar(monday_friday="8:00-12:00, 13:00-17:00")


def at(text: str, zone: str = BERLIN) -> float:
    return instant(zone, text)


@pytest.mark.parametrize(
    ("begin", "hours", "due"),
    [
        ("2026-11-23 09:00", 2, "2026-11-23 11:00"),
        # Over the lunch break, over a night, over a weekend.
        ("2026-11-23 11:00", 2, "2026-11-23 14:00"),
        ("2026-11-23 16:00", 2, "2026-11-24 09:00"),
        ("2026-11-27 16:30", 1, "2026-11-30 08:30"),
        # Begun while it is closed.
        ("2026-11-28 13:00", 1, "2026-11-30 09:00"),
        # Used up exactly at closing: due then, not at the next opening.
        ("2026-11-23 11:00", 1, "2026-11-23 12:00"),
        ("2026-11-23 08:00", 8, "2026-11-23 17:00"),
        ("2026-11-23 08:00", 40, "2026-11-27 17:00"),
        ("2026-11-23 03:00", 0, "2026-11-23 03:00"),
    ],
)
def test_a_due_time_counts_the_open_hours(begin: str, hours: float, due: str) -> None:
    assert after(OFFICE, at(begin), hours * HOUR) == at(due)
    assert between(OFFICE, at(begin), at(due)) == hours * HOUR


def test_holidays_and_special_days_do_not_count() -> None:
    weekly = {weekday: spans_of("8:00-18:00") for weekday in range(5)}
    special = Special(date(2026, 12, 24), date(2026, 12, 24), spans_of("8:00-12:00"), "Christmas Eve")
    holidays = {date(2026, 12, 25): "Christmas", date(2026, 12, 26): "Boxing Day", date(2027, 1, 1): "New Year"}
    office = Calendar(ZoneInfo(BERLIN), weekly, (special,), holidays=lambda _: holidays)
    # Thursday the 24th until noon, then not before Monday the 28th.
    assert after(office, at("2026-12-24 11:00"), 3 * HOUR) == at("2026-12-28 10:00")
    assert between(office, at("2026-12-23 17:00"), at("2027-01-04 09:00")) == (1 + 4 + 4 * 10 + 1) * HOUR


@pytest.mark.parametrize(
    ("zone", "night", "real_hours"),
    [
        (BERLIN, "2027-03-27", 11),
        (BERLIN, "2026-10-24", 13),
        (NEW_YORK, "2027-03-13", 11),
        (NEW_YORK, "2026-10-31", 13),
    ],
)
def test_a_night_in_which_the_clock_jumps_has_the_hours_that_pass(zone: str, night: str, real_hours: int) -> None:
    shift = calendar(zone, saturday="20:00-8:00")
    begin = at(f"{night} 20:00", zone)
    assert after(shift, begin, real_hours * HOUR) == begin + real_hours * HOUR
    assert between(shift, begin - 86400, begin + 86400) == real_hours * HOUR
    # One second more is in the next week.
    later = after(shift, begin, real_hours * HOUR + 1)
    assert later is not None and later > begin + 6 * 86400


def test_without_a_calendar_it_is_around_the_clock() -> None:
    assert after(None, 1000.0, 60.0) == 1060.0
    assert between(None, 1000.0, 1060.0) == 60.0
    assert (
        after(calendar(monday_sunday="0:00-24:00"), at("2027-03-27 20:00"), 48 * HOUR)
        == at("2027-03-27 20:00") + 48 * HOUR
    )


def test_a_calendar_that_never_opens_has_no_due_time_and_counts_nothing() -> None:
    never = calendar()
    assert after(never, at("2026-11-23 09:00"), 1.0) is None
    assert between(never, at("2026-11-23 09:00"), at("2027-11-23 09:00")) == 0.0
    last_day = Special(date(2026, 11, 24), date(2026, 11, 24), spans_of("8:00-9:00"), "the last")
    closing = Calendar(ZoneInfo(BERLIN), {}, (last_day,))
    assert after(closing, at("2026-11-23 09:00"), HOUR) == at("2026-11-24 09:00")
    assert after(closing, at("2026-11-23 09:00"), HOUR + 1) is None


def test_it_is_never_less_than_nothing() -> None:
    assert between(OFFICE, at("2026-11-24 09:00"), at("2026-11-23 09:00")) == 0.0
    assert after(OFFICE, at("2026-11-24 09:00"), -60) == at("2026-11-24 09:00")


def test_spans_that_overlap_across_midnight_count_once() -> None:
    week = {0: (Span(22 * 60, 30 * 60),), 1: (Span(5 * 60, 7 * 60),)}
    night = Calendar(ZoneInfo(BERLIN), week)
    assert between(night, at("2026-11-23 00:00"), at("2026-11-25 00:00")) == 9 * HOUR
    assert after(night, at("2026-11-23 00:00"), 9 * HOUR) == at("2026-11-24 07:00")


@settings(max_examples=25)
@given(st.sampled_from(sorted(_ZONES)), st.integers(0, 1), weeks(), st.integers(0, 400), st.integers(0, 400))
def test_minute_by_minute_it_counts_what_is_open(zone: str, which: int, week: dict, skip: int, length: int) -> None:
    first = date.fromisoformat(_ZONES[zone][which])
    start = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo("UTC")).timestamp()
    made = Calendar(ZoneInfo(zone), week)
    # Half hours begin and end at whole ten minutes in each of these zones.
    begin = start + skip * 600
    steps = [begin + n * 600 for n in range(length)]
    opened = [step for step in steps if made.at(step).open]
    end = begin + length * 600
    assert between(made, begin, end) == len(opened) * 600
    if opened:
        due = after(made, begin, len(opened) * 600)
        assert due == opened[-1] + 600
        assert between(made, begin, due) == len(opened) * 600
