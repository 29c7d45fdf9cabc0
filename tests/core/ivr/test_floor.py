"""What the floor makes of a caller in a flow."""

from __future__ import annotations

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.contact import Outcome
from tests.core.world import SALES, World, open_world


def goes(world: World, call: inp.CallArrived, *passed: str, asks: str = "", served: bool = False) -> list[str]:
    world.put(inp.FlowWent(contact=call.contact, flow="main", passed=passed, asks=asks, served=served))
    return world.kinds()


def outcome(world: World) -> Outcome:
    ended = world.steps[-1].events[-1]
    assert isinstance(ended, ev.ContactEnded)
    return ended.outcome


def test_who_was_served_by_a_flow_is_no_abandon_though_the_call_ends_in_it() -> None:
    world = open_world()
    call = world.arrive()
    assert goes(world, call, "welcome", asks="choose") == ["FlowWent"]
    assert goes(world, call, "choose=1", "bye", served=True) == ["FlowWent"]
    world.wait(1).hang_up(call)
    assert outcome(world) is Outcome.SELF_SERVED


def test_so_it_is_when_the_end_was_not_seen() -> None:
    world = open_world()
    call = world.arrive()
    goes(world, call, "bye", served=True)
    world.wait(60).compare(booted_at=world.now - 9000)
    assert outcome(world) is Outcome.SELF_SERVED


def test_who_hangs_up_at_a_question_has_abandoned() -> None:
    world = open_world()
    call = world.arrive()
    goes(world, call, "welcome", asks="choose")
    world.hang_up(call)
    assert outcome(world) is Outcome.ABANDONED_IN_MENU


def test_what_a_flow_tells_of_who_waits_already_or_is_gone_is_late_and_nothing() -> None:
    world = open_world()
    call = world.arrive(SALES)
    assert goes(world, call, "choose=1") == []
    world.hang_up(call)
    assert goes(world, call, served=True) == []
