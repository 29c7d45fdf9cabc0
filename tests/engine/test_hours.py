"""What tells the floor that a calendar turned: at the time, after a clock that was set, and never twice the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from contactd.core.ids import CalendarId, Instant
from contactd.core.inputs import CalendarTurned, Input
from contactd.engine.hours import Hours
from contactd.hours.calendar import Calendar
from contactd.hours.words import spans_of

OFFICE, OTHER = CalendarId("office"), CalendarId("other")
BERLIN = ZoneInfo("Europe/Berlin")


def office(text: str = "8:00-17:00") -> Calendar:
    return Calendar(BERLIN, {weekday: spans_of(text) for weekday in range(5)})


def at(text: str) -> Instant:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


class Wall:
    def __init__(self, text: str) -> None:
        self.now = at(text)

    def __call__(self) -> Instant:
        return self.now


def made(wall: Callable[[], Instant], **calendars: Calendar) -> tuple[Hours, list[Input]]:
    told: list[Input] = []
    hours = Hours(told.append, {CalendarId(name): one for name, one in calendars.items()}, wall)
    hours.tell()
    return hours, told


def turned(open_: bool, why: str, until: str) -> CalendarTurned:
    return CalendarTurned(calendar=OFFICE, open=open_, why=why, until=at(until))


def test_every_calendar_is_told_at_the_start_and_again_when_it_turns() -> None:
    wall = Wall("2026-11-23 07:00")
    hours, told = made(wall, office=office())
    assert told == [turned(False, "out of hours", "2026-11-23 08:00")]
    for time in ("07:30", "07:59"):
        wall.now = at(f"2026-11-23 {time}")
        assert hours.tell() == at("2026-11-23 08:00")
    assert len(told) == 1
    wall.now = at("2026-11-23 08:00")
    hours.tell()
    assert told[1:] == [turned(True, "hours", "2026-11-23 17:00")]


def test_a_new_day_brings_its_own_reason_though_nothing_opens() -> None:
    wall = Wall("2026-11-28 12:00")
    days = {datetime(2026, 11, 29).date(): "Advent"}
    hours, told = made(wall, office=Calendar(BERLIN, office().weekly, holidays=lambda _: days))
    assert hours.tell() == at("2026-11-29 00:00")
    wall.now = at("2026-11-29 00:00")
    hours.tell()
    assert told[1:] == [turned(False, "Advent", "2026-11-30 08:00")]


def test_a_clock_that_was_set_forward_or_back_is_noticed() -> None:
    wall = Wall("2026-11-23 07:00")
    hours, told = made(wall, office=office())
    wall.now = at("2026-11-23 12:00")
    hours.tell()
    wall.now = at("2026-11-23 06:00")
    hours.tell()
    assert [one.open for one in told] == [False, True, False]


def test_new_calendars_are_told_at_once_and_those_that_are_gone_no_more() -> None:
    wall = Wall("2026-11-23 12:00")
    hours, told = made(wall, office=office(), other=office())
    told.clear()
    hours.take({OFFICE: office("13:00-14:00")})
    assert told == [turned(False, "out of hours", "2026-11-23 13:00")]
    wall.now = at("2026-11-23 23:00")
    told.clear()
    hours.tell()
    assert [one.calendar for one in told] == [OFFICE]


def test_a_calendar_that_fails_stays_as_it_was_and_stops_no_other() -> None:
    def broken(_: int) -> dict:
        raise RuntimeError("no such year")

    wall = Wall("2026-11-23 12:00")
    hours, told = made(wall, other=Calendar(BERLIN, office().weekly, holidays=broken), office=office())
    assert [one.calendar for one in told] == [OFFICE]
    # And is not asked all the time.
    assert hours.tell() == wall.now + 60


async def test_it_turns_while_it_runs() -> None:
    wall = Wall("2026-11-23 16:59:59.95")
    before = asyncio.get_running_loop().time()
    begin = wall.now
    come = asyncio.Event()
    told: list[CalendarTurned] = []

    def put(input_: Input) -> None:
        assert isinstance(input_, CalendarTurned)
        told.append(input_)
        if not input_.open:
            come.set()

    hours = Hours(put, {OFFICE: office()}, lambda: begin + asyncio.get_running_loop().time() - before)
    task = asyncio.create_task(hours.run())
    async with asyncio.timeout(10):
        await come.wait()
    assert [one.open for one in told] == [True, False]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
