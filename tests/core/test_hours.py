"""Calendars that turn, and supervisors who close by hand."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import inputs as inp
from contactd.core.hours import opening
from contactd.core.ids import CalendarId, Instant, QueueId
from contactd.core.opening import Opening
from contactd.core.plan import AtClosing, FloorPlan
from contactd.core.step import Step
from tests.core.invariants import check_floor, frozen, restarted
from tests.core.world import SALES, SUPPORT, World, open_world, plan

OFFICE, NIGHT = CalendarId("office"), CalendarId("night")


def with_calendars(mark: str = "a", *calendars: CalendarId) -> FloorPlan:
    """sales follows the first calendar; support has no hours."""
    made = plan(mark=mark)
    queues = tuple(
        msgspec.structs.replace(queue, calendar=(calendars or (OFFICE,))[0]) if queue.id == SALES else queue
        for queue in made.queues
    )
    return msgspec.structs.replace(made, queues=queues, calendars=calendars or (OFFICE,))


@pytest.fixture
def world() -> World:
    return open_world(with_calendars())


def turn(world: World, open_: bool, why: str = "hours", until: Instant | None = None) -> list[str]:
    world.wait(1).put(inp.CalendarTurned(calendar=OFFICE, open=open_, why=why, until=until))
    return world.kinds()


def switch(
    world: World,
    open_: bool | None,
    *,
    queue: QueueId | None = None,
    calendar: CalendarId | None = None,
    why: str = "fire drill",
    for_s: float | None = None,
    waiting: AtClosing | None = None,
) -> Step:
    until = None if for_s is None else world.now + 1 + for_s
    return world.wait(1).put(
        inp.SwitchAsked(queue=queue, calendar=calendar, open=open_, why=why, until=until, waiting=waiting)
    )


def now(world: World, queue: QueueId = SALES) -> Opening:
    found = opening(world.floor, queue)
    assert found is not None
    return found


# --- calendars ---


def test_a_queue_is_open_until_its_calendar_says_otherwise(world: World) -> None:
    assert now(world).open
    assert turn(world, False, "holiday", 5.0) == ["CalendarChanged"]
    assert now(world) == Opening(False, "holiday", 5.0, world.now)
    assert now(world, SUPPORT) == Opening(True)
    turn(world, True)
    assert now(world).open


def test_the_same_again_says_nothing_and_another_reason_moves_no_closing(world: World) -> None:
    turn(world, False, "out of hours", 5.0)
    closed_at = world.now
    assert turn(world, False, "out of hours", 5.0) == []
    assert turn(world, False, "holiday", 6.0) == ["CalendarChanged"]
    assert now(world) == Opening(False, "holiday", 6.0, closed_at)


def test_a_calendar_that_no_plan_knows_is_not_heard(world: World) -> None:
    assert world.put(inp.CalendarTurned(calendar=NIGHT, open=False, why="?")).events == []


def test_a_new_plan_forgets_the_calendars_and_switches_that_it_lacks(world: World) -> None:
    turn(world, False)
    switch(world, False, calendar=OFFICE, for_s=60)
    switch(world, True, queue=SALES, for_s=60)
    world.put(inp.ConfigurationLoaded(plan=with_calendars("b", NIGHT)))
    assert now(world).open and now(world).by_hand
    assert world.floor.state.calendars == {}
    assert set(world.floor.state.switches) == {"queue:sales"}
    check_floor(world.floor)


# --- by hand ---


def test_a_supervisor_closes_what_the_calendar_has_open_and_lets_it_count_again(world: World) -> None:
    turn(world, True)
    assert [type(event).__name__ for event in switch(world, False, queue=SALES).events] == ["HoursSwitched"]
    assert now(world) == Opening(False, "fire drill", None, world.now, True)
    assert world.floor.wake_at() is None
    switch(world, None, queue=SALES)
    assert now(world).open and not now(world).by_hand


def test_a_queue_without_hours_can_be_closed_by_hand(world: World) -> None:
    switch(world, False, queue=SUPPORT)
    assert not now(world, SUPPORT).open and now(world).open


def test_of_the_queues_and_its_calendars_switch_the_later_word_counts(world: World) -> None:
    switch(world, True, queue=SALES, for_s=7200)
    switch(world, False, calendar=OFFICE)
    assert not now(world).open
    switch(world, True, queue=SALES, why="hotline", for_s=7200)
    assert now(world).open


def test_its_time_is_over_by_itself(world: World) -> None:
    turn(world, True)
    switch(world, False, queue=SALES, for_s=60)
    assert world.floor.wake_at() == now(world).until == world.now + 60
    assert world.wait(59.9).put(inp.TimePassed()).events == []
    world.wait(0.1).put(inp.TimePassed())
    assert world.kinds() == ["HoursSwitched"]
    assert now(world).open and world.floor.wake_at() is None


def test_a_longer_time_moves_the_end_and_no_closing(world: World) -> None:
    switch(world, False, queue=SALES, for_s=60)
    closed_at = world.now
    switch(world, False, queue=SALES, for_s=600)
    assert now(world) == Opening(False, "fire drill", world.now + 600, closed_at, True)
    world.wait(60).put(inp.TimePassed())
    assert not now(world).open


def test_what_is_so_already_or_makes_no_sense_says_nothing(world: World) -> None:
    assert switch(world, None, queue=SALES).events == []
    switch(world, False, queue=SALES)
    assert switch(world, False, queue=SALES).events == []
    assert switch(world, False, queue=QueueId("gone")).events == []
    assert switch(world, False, calendar=NIGHT).events == []
    assert switch(world, False).events == []
    assert switch(world, False, queue=SALES, calendar=OFFICE).events == []
    assert switch(world, False, queue=SALES, for_s=-5).events == []


def test_a_switch_and_its_time_outlive_a_restart_and_a_reload(world: World) -> None:
    turn(world, True)
    switch(world, False, queue=SALES, for_s=60)
    world.floor = restarted(world.floor)
    world.put(inp.ConfigurationLoaded(plan=with_calendars("b")))
    assert not now(world).open
    assert frozen(restarted(world.floor)) == frozen(world.floor)
    world.wait(60).put(inp.TimePassed())
    assert now(world).open
