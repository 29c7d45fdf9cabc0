"""What agents ask for, and what their handsets say."""

from __future__ import annotations

import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import UNREGISTERED, AgentState, By, Handset, Status
from contactd.core.ids import AgentId
from tests.core.world import ANNA, BILAL, PBX, SALES, World, open_world, plan


def wrong(world: World) -> str:
    event = world.put(inp.SignInAsked(agent=ANNA, pin_right=False)).events[-1]
    assert isinstance(event, ev.AgentRefused)
    return event.reason


def right(world: World) -> list[str]:
    world.put(inp.SignInAsked(agent=ANNA, pin_right=True))
    return world.kinds()


def in_wrap_up(wrap_up_s: int = 30) -> World:
    """Anna has just ended a talk."""
    world = open_world(plan(wrap_up_s=wrap_up_s))
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.wait(60).hang_up(call)
    return world


def test_signing_in_makes_ready_and_is_said_once() -> None:
    world = open_world()
    assert right(world) == ["AgentSignedIn"]
    assert world.agent(ANNA).status is Status.READY
    assert right(world) == []


def test_signing_in_ends_a_break() -> None:
    world = open_world()
    right(world)
    world.put(inp.NotReadyAsked(agent=ANNA, reason="break"))
    assert right(world) == ["AgentSignedIn"]
    assert world.agent(ANNA).reason == ""


def test_a_wrong_pin_thrice_locks_even_for_the_right_one() -> None:
    world = open_world()
    assert [wrong(world), wrong(world), wrong(world)] == ["wrong_pin"] * 3
    assert world.agent(ANNA).locked_until == world.now + 300
    assert right(world) == ["AgentRefused"]
    world.wait(299)
    assert wrong(world) == "locked"
    assert world.agent(ANNA).status is Status.SIGNED_OUT


def test_a_lock_ends_by_time_and_is_not_lengthened_by_trying() -> None:
    world = open_world()
    for _ in range(3):
        wrong(world)
    world.wait(200)
    wrong(world)
    world.wait(100)
    assert right(world) == ["AgentSignedIn"]
    assert world.agent(ANNA).locked_until is None


def test_after_a_lock_there_are_three_tries_again() -> None:
    world = open_world()
    for _ in range(3):
        wrong(world)
    world.wait(300)
    wrong(world)
    wrong(world)
    assert right(world) == ["AgentSignedIn"]


def test_a_right_pin_forgets_the_wrong_ones_also_of_a_ready_agent() -> None:
    world = open_world()
    right(world)
    wrong(world)
    wrong(world)
    assert right(world) == ["AgentSignedIn"]
    assert world.agent(ANNA).pin_failures == 0


def test_signing_out_and_requests_of_the_signed_out() -> None:
    world = open_world()
    assert world.put(inp.SignOutAsked(agent=ANNA)).events == []
    assert world.put(inp.ReadyAsked(agent=ANNA)).events == []
    assert world.put(inp.NotReadyAsked(agent=ANNA, reason="break")).events == []
    right(world)
    world.put(inp.SignOutAsked(agent=ANNA))
    assert world.agent(ANNA).status is Status.SIGNED_OUT


@pytest.mark.parametrize(
    "ask",
    [
        inp.SignInAsked(agent=AgentId("nobody"), pin_right=True),
        inp.SignOutAsked(agent=AgentId("nobody")),
        inp.ReadyAsked(agent=AgentId("nobody")),
        inp.NotReadyAsked(agent=AgentId("nobody"), reason="x"),
        inp.HandsetChanged(pbx=PBX, endpoint="9999", handset=Handset.FREE),
    ],
)
def test_requests_of_nobody_yield_nothing(ask: inp.Input) -> None:
    assert open_world().put(ask).events == []


def test_a_break_is_kept_with_its_reason_and_can_change_it() -> None:
    world = open_world()
    right(world)
    for reason in ("break", "training"):
        world.put(inp.NotReadyAsked(agent=ANNA, reason=reason))
        assert world.agent(ANNA).reason == reason
    assert world.put(inp.NotReadyAsked(agent=ANNA, reason="training")).events == []
    world.put(inp.ReadyAsked(agent=ANNA))
    assert (world.agent(ANNA).status, world.agent(ANNA).reason) == (Status.READY, "")


def test_an_agent_on_a_break_is_offered_nothing() -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.put(inp.NotReadyAsked(agent=ANNA, reason="break"))
    call = world.arrive(SALES)
    assert world.contact(call).agent is None
    world.put(inp.ReadyAsked(agent=ANNA))
    assert world.contact(call).agent == ANNA


def test_coming_back_from_a_break_starts_at_the_end_of_the_idle() -> None:
    world = open_world()
    world.sign_in(ANNA, BILAL)
    world.wait(1).put(inp.NotReadyAsked(agent=ANNA, reason="break"))
    world.wait(1).put(inp.ReadyAsked(agent=ANNA))
    assert world.contact(world.arrive(SALES)).agent == BILAL


def test_wrap_up_ends_by_time() -> None:
    world = in_wrap_up()
    assert world.floor.wake_at() == world.now + 30
    assert world.wait(29).put(inp.TimePassed()).events == []
    call = world.arrive(SALES)
    world.put(inp.TimePassed())
    assert world.kinds() == ["WrapUpEnded", "ContactOffered"]
    assert world.contact(call).agent == ANNA
    assert world.floor.wake_at() is None


def test_several_wrap_ups_that_are_due_end_in_their_order() -> None:
    world = open_world()
    world.sign_in(ANNA, BILAL)
    first, second = world.arrive(SALES), world.arrive(SALES)
    world.answer(first)
    world.answer(second)
    world.wait(5).hang_up(second)
    world.wait(5).hang_up(first)
    world.wait(60).put(inp.TimePassed())
    assert world.steps[-1].events == [ev.WrapUpEnded(agent=who, by=By.SYSTEM) for who in (BILAL, ANNA)]


def test_ready_ends_wrap_up_early() -> None:
    world = in_wrap_up()
    world.wait(3).put(inp.ReadyAsked(agent=ANNA))
    assert world.kinds() == ["WrapUpEnded"]
    assert world.agent(ANNA).available()


def test_ready_in_wrap_up_of_a_break_ends_both() -> None:
    world = in_wrap_up()
    world.put(inp.NotReadyAsked(agent=ANNA, reason="break"))
    world.put(inp.ReadyAsked(agent=ANNA))
    assert world.kinds() == ["WrapUpEnded", "AgentReady"]


def test_ready_of_the_signed_out_does_not_end_their_wrap_up() -> None:
    world = in_wrap_up()
    world.put(inp.SignOutAsked(agent=ANNA))
    assert world.put(inp.ReadyAsked(agent=ANNA)).events == []
    assert world.agent(ANNA).state is AgentState.WRAP_UP


def test_a_queue_without_wrap_up_frees_at_once() -> None:
    assert in_wrap_up(0).agent(ANNA).available()


def test_signing_out_in_a_talk_lets_it_go_on_and_offers_nothing_after() -> None:
    world = open_world(plan(wrap_up_s=0))
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.put(inp.SignOutAsked(agent=ANNA))
    assert world.agent(ANNA).state is AgentState.BUSY
    world.hang_up(call)
    assert world.contact(world.arrive(SALES)).agent is None


@pytest.mark.parametrize("handset", [Handset.RINGING, Handset.IN_USE, Handset.UNAVAILABLE])
def test_a_handset_that_is_not_free_is_not_rung(handset: Handset) -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.handset(ANNA, handset)
    call = world.arrive(SALES)
    assert world.contact(call).agent is None
    world.handset(ANNA, Handset.FREE)
    assert world.contact(call).agent == ANNA


def test_unregistered_comes_back_ready_by_itself() -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.handset(ANNA, Handset.UNAVAILABLE)
    world.put(inp.NotReadyAsked(agent=ANNA, reason=UNREGISTERED))
    world.handset(ANNA, Handset.FREE)
    assert world.kinds() == ["HandsetSeen", "AgentReady"]
    assert world.agent(ANNA).available()


@pytest.mark.parametrize("reason", ["rona", "declined", "busy", "break"])
def test_no_other_reason_ends_by_itself(reason: str) -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.put(inp.NotReadyAsked(agent=ANNA, reason=reason))
    world.handset(ANNA, Handset.UNAVAILABLE)
    world.handset(ANNA, Handset.FREE)
    assert world.agent(ANNA).reason == reason


def refuse(world: World) -> float:
    """Anna's handset answers busy to the next caller, who goes home; until when she is left alone."""
    call = world.arrive(SALES)
    world.fail(call, "BUSY", 17)
    world.hang_up(call)
    refused = world.facts(ev.AgentNotReady)[-1]
    assert isinstance(refused, ev.AgentNotReady) and refused.reason == "busy" and refused.until is not None
    return refused.until


def test_a_busy_handset_is_tried_again_by_itself_and_less_and_less_often() -> None:
    world = open_world()
    world.sign_in(ANNA)
    for pause_s in (5, 15, 60, 60):
        until = refuse(world)
        assert about(until - world.now, pause_s) and world.floor.wake_at() == until
        world.wait(pause_s - 1).put(inp.TimePassed())
        assert not world.agent(ANNA).available()
        world.wait(1).put(inp.TimePassed())
        assert world.agent(ANNA).available()
    call = world.arrive(SALES)
    world.answer(call)
    world.agent_hangs_up(call)
    world.put(inp.ReadyAsked(agent=ANNA))
    assert about(refuse(world) - world.now, 5)


def about(seconds: float, wanted: float) -> bool:
    return abs(seconds - wanted) < 1.5


def test_what_the_agent_chooses_meanwhile_stays() -> None:
    for choose, then in (
        (inp.NotReadyAsked(agent=ANNA, reason="break"), (Status.NOT_READY, "break")),
        (inp.SignOutAsked(agent=ANNA), (Status.SIGNED_OUT, "")),
        (inp.ReadyAsked(agent=ANNA), (Status.READY, "")),
    ):
        world = open_world()
        world.sign_in(ANNA)
        refuse(world)
        world.put(choose)
        assert world.floor.wake_at() is None
        world.wait(90).put(inp.TimePassed())
        assert (world.agent(ANNA).status, world.agent(ANNA).reason) == then


def test_who_leaves_the_configuration_meanwhile_is_not_waited_for() -> None:
    world = open_world()
    world.sign_in(ANNA)
    refuse(world)
    world.put(inp.ConfigurationLoaded(plan=plan({BILAL: (SALES,)}, mark="b")))
    assert world.floor.wake_at() is None


def test_the_same_handset_state_twice_is_said_once() -> None:
    world = open_world()
    world.handset(ANNA, Handset.FREE)
    assert world.handset(ANNA, Handset.FREE).events == []
