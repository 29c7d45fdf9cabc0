"""When a calendar is open: by example, and minute by minute against a rule that only looks at the wall clock."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contactd.core.ids import Instant
from contactd.hours.calendar import HOURS, OUT_OF_HOURS, Calendar, Span, Special
from contactd.hours.words import spans_of, weekdays_of

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def calendar(zone: str = BERLIN, **hours: str) -> Calendar:
    weekly = {day: spans_of(text) for days, text in hours.items() for day in weekdays_of(days.replace("_", "-"))}
    return Calendar(ZoneInfo(zone), weekly)


def instant(zone: str, text: str, *, fold: int = 0) -> Instant:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def utc(text: str) -> Instant:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


# --- by example ---


def test_it_opens_and_closes_by_its_own_clock() -> None:
    office = calendar(monday_friday="8:00-12:00, 13:00-17:30")
    turns = [office.at(instant(BERLIN, f"2026-11-23 {time}")) for time in ("07:59", "08:00", "12:00", "17:29", "17:30")]
    assert [turn.open for turn in turns] == [False, True, False, True, False]
    assert [turn.why for turn in turns] == [OUT_OF_HOURS, HOURS, OUT_OF_HOURS, HOURS, OUT_OF_HOURS]
    wanted = ("23 08:00", "23 12:00", "23 13:00", "23 17:30", "24 08:00")
    assert [turn.until for turn in turns] == [instant(BERLIN, f"2026-11-{time}") for time in wanted]


def test_a_span_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    night = calendar(friday="22:00-6:00")
    assert night.at(instant(BERLIN, "2026-11-28 05:59")).open
    assert not night.at(instant(BERLIN, "2026-11-28 06:00")).open
    assert not night.at(instant(BERLIN, "2026-11-27 05:59")).open
    closed = Special(date(2026, 11, 28), date(2026, 11, 28), (), "stocktaking")
    # Saturday is closed, and Friday's night goes to its end.
    night = Calendar(night.zone, night.weekly, (closed,))
    assert night.at(instant(BERLIN, "2026-11-28 05:59")) == night.at(instant(BERLIN, "2026-11-27 23:00"))
    assert night.at(instant(BERLIN, "2026-11-28 12:00")).why == "stocktaking"


def test_days_that_touch_are_one_opening() -> None:
    always = calendar(monday_sunday="0:00-24:00")
    assert always.at(instant(BERLIN, "2026-11-28 23:59")) == (turn := always.at(instant(BERLIN, "2027-03-28 02:30")))
    assert turn.open and turn.until is None


def test_a_calendar_without_hours_never_opens() -> None:
    turn = Calendar(ZoneInfo(BERLIN), {}).at(instant(BERLIN, "2026-11-28 12:00"))
    assert not turn.open and turn.until is None


def test_the_narrowest_word_counts() -> None:
    day = date(2026, 12, 24)
    weekly = {weekday: spans_of("8:00-18:00") for weekday in range(7)}
    layers = Calendar(ZoneInfo(BERLIN), weekly)
    assert layers.day(day).why == HOURS
    layers = Calendar(layers.zone, weekly, holidays=lambda year: {date(year, 12, 24): "holiday"})
    assert (layers.day(day).why, layers.day(day).spans) == ("holiday", ())
    yearly = {(12, 24): (spans_of("8:00-12:00"), "every year")}
    layers = Calendar(layers.zone, weekly, (), yearly, layers.holidays)
    assert layers.day(day).why == "every year"
    vacation = Special(date(2026, 12, 20), date(2027, 1, 3), (), "vacation")
    layers = Calendar(layers.zone, weekly, (vacation,), yearly, layers.holidays)
    assert layers.day(day).why == "vacation"
    this_day = Special(day, day, spans_of("9:00-10:00"), "this day")
    layers = Calendar(layers.zone, weekly, (vacation, this_day), yearly, layers.holidays)
    assert [layers.day(day + timedelta(days=n)).why for n in (-1, 0, 1)] == ["vacation", "this day", "vacation"]
    assert layers.at(instant(BERLIN, "2026-12-24 09:30")).why == "this day"
    assert layers.at(instant(BERLIN, "2026-12-24 11:00")).why == "this day"


def test_a_yearly_leap_day_comes_in_leap_years_only() -> None:
    leap = Calendar(ZoneInfo(BERLIN), {}, (), {(2, 29): (spans_of("0:00-24:00"), "leap day")})
    assert leap.at(instant(BERLIN, "2028-02-29 12:00")).open
    assert leap.day(date(2027, 2, 28)).spans == leap.day(date(2027, 3, 1)).spans == ()
    assert leap.at(instant(BERLIN, "2028-02-28 12:00")).until == instant(BERLIN, "2028-02-29 00:00")


def test_the_year_changes_with_the_zone_and_its_holidays_with_it() -> None:
    weekly = {weekday: spans_of("0:00-24:00") for weekday in range(7)}
    new_year = Calendar(ZoneInfo("Pacific/Auckland"), weekly, holidays=lambda year: {date(year, 1, 1): f"{year}"})
    before = new_year.at(utc("2026-12-31 10:59"))
    assert before.open and before.until == utc("2026-12-31 11:00")
    closed = new_year.at(utc("2026-12-31 11:00"))
    assert not closed.open and closed.why == "2027" and closed.until == utc("2027-01-01 11:00")


# --- where the clock jumps ---


@pytest.mark.parametrize(
    ("zone", "jump", "missing"),
    [
        (BERLIN, "2027-03-28 01:00", "2027-03-28 02:30"),
        (NEW_YORK, "2027-03-14 07:00", "2027-03-14 02:30"),
        # A midnight that does not exist.
        ("Africa/Cairo", "2026-04-23 22:00", "2026-04-24 00:00"),
        ("America/Havana", "2027-03-14 05:00", "2027-03-14 00:30"),
    ],
)
def test_a_time_that_is_left_out_is_the_moment_of_the_jump(zone: str, jump: str, missing: str) -> None:
    on, _, time = missing.partition(" ")
    opens = calendar(zone, monday_sunday=f"{time}-12:00")
    assert next(opens.spans_on(date.fromisoformat(on)))[0] == utc(jump)
    closes = calendar(zone, monday_sunday=f"20:00-{time if time != '00:00' else '24:00'}")
    ends = [end for day in (-1, 0) for _, end in closes.spans_on(date.fromisoformat(on) + timedelta(days=day))]
    assert utc(jump) in ends


@pytest.mark.parametrize(
    ("zone", "on", "time", "first", "second"),
    [
        (BERLIN, "2026-10-25", "02:30", "2026-10-25 00:30", "2026-10-25 01:30"),
        (NEW_YORK, "2026-11-01", "01:30", "2026-11-01 05:30", "2026-11-01 06:30"),
    ],
)
def test_of_a_time_that_comes_twice_a_span_begins_at_the_first_and_ends_at_the_last(
    zone: str, on: str, time: str, first: str, second: str
) -> None:
    day = date.fromisoformat(on)
    assert next(calendar(zone, monday_sunday=f"{time}-12:00").spans_on(day))[0] == utc(first)
    night = calendar(zone, monday_sunday=f"22:00-{time}")
    assert next(night.spans_on(day - timedelta(days=1)))[1] == utc(second)
    # In between it does not close and open again.
    assert night.at(utc(first) + 60).until == utc(second)


def test_a_date_that_a_zone_leaves_out_is_never_open() -> None:
    # Samoa went from Thursday to Saturday.
    apia = calendar("Pacific/Apia", monday_sunday="8:00-17:00")
    assert list(apia.spans_on(date(2011, 12, 30))) == []
    thursday_evening = instant("Pacific/Apia", "2011-12-29 18:00")
    assert apia.at(thursday_evening).until == instant("Pacific/Apia", "2011-12-31 08:00")


def test_the_next_midnight_is_the_next_dates_first_moment() -> None:
    cairo = calendar("Africa/Cairo")
    assert cairo.next_midnight(utc("2026-04-23 20:00")) == utc("2026-04-23 22:00")
    assert calendar().next_midnight(instant(BERLIN, "2026-12-31 23:59")) == instant(BERLIN, "2027-01-01 00:00")


# --- minute by minute ---

_ZONES = {
    BERLIN: ("2027-03-27", "2026-10-24"),
    NEW_YORK: ("2027-03-13", "2026-10-31"),
    "Africa/Cairo": ("2026-04-23", "2026-10-29"),
    "America/Havana": ("2027-03-13", "2026-10-31"),
    "Australia/Lord_Howe": ("2026-10-03", "2027-04-03"),
    "Pacific/Apia": ("2011-12-28", "2011-12-28"),
    "Asia/Kolkata": ("2026-06-01", "2026-06-01"),
}


def by_the_wall_clock(
    zone: str, first: date, wall: dict[Instant, datetime], weekly: dict[int, tuple[Span, ...]]
) -> set:
    """The minutes that are open: every span looked up on the wall clock, minute by minute."""
    found: set[Instant] = set()
    for shift in range(-2, 6):
        on = first + timedelta(days=shift)
        midnight = datetime(on.year, on.month, on.day)
        for span in weekly.get(on.weekday(), ()):
            begin, end = midnight + timedelta(minutes=span.begin_min), midnight + timedelta(minutes=span.end_min)
            opens = min((at for at, shows in wall.items() if shows >= begin), default=None)
            same = [at for at, shows in wall.items() if shows == end]
            closes = max(same) if same else min((at for at, shows in wall.items() if shows > end), default=None)
            if opens is not None:
                found |= {at for at in wall if opens <= at and (closes is None or at < closes)}
    return found


_time = st.integers(0, 47).map(lambda half_hours: half_hours * 30)


@st.composite
def weeks(draw: st.DrawFn) -> dict[int, tuple[Span, ...]]:
    week = {}
    for weekday in range(7):
        times = sorted(set(draw(st.lists(_time, min_size=0, max_size=4))))
        pairs = list(zip(times[::2], times[1::2], strict=False))
        spans = [Span(begin, end) for begin, end in pairs]
        if len(times) % 2:
            spans.append(Span(times[-1], draw(st.integers(1, 20)) * 30 + 1440))
        week[weekday] = tuple(spans)
    return week


@settings(max_examples=25)
@given(st.sampled_from(sorted(_ZONES)), st.integers(0, 1), weeks())
def test_minute_by_minute_it_is_what_the_wall_clock_says(zone: str, which: int, week: dict) -> None:
    first = date.fromisoformat(_ZONES[zone][which])
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() - 3 * 86400
    minutes = [begin + 600 * count for count in range(9 * 144)]
    wall = {at: datetime.fromtimestamp(at, ZoneInfo(zone)).replace(tzinfo=None) for at in minutes}
    opened = by_the_wall_clock(zone, first, wall, week)
    made = Calendar(ZoneInfo(zone), week)
    looked = minutes[3 * 144 : 6 * 144]
    for at, after in itertools.pairwise(looked):
        turn = made.at(at)
        assert turn.open == (at in opened), (zone, wall[at], turn)
        turns = (at in opened) != (after in opened)
        if turn.until is None:
            assert not turns
        else:
            assert turn.until > at and (turn.until <= after) == turns
            assert made.at(turn.until).open != turn.open
