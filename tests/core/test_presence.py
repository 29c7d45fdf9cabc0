"""Reasons and how long they may last, the wrap-up's extension and early end, and who is signed out by the system."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import AgentState, By, Handset, Status
from contactd.core.commands import WithdrawOffer
from contactd.core.plan import FloorPlan, ReasonPlan
from tests.core.world import ANNA, BILAL, PBX, SALES, SUPPORT, World, open_world, plan

BREAK = inp.NotReadyAsked(agent=ANNA, reason="break", by=By.AGENT)
EXTEND = inp.WrapUpExtendAsked(agent=ANNA, by=By.AGENT)
END = inp.WrapUpEndAsked(agent=ANNA, by=By.AGENT)


def with_limits(**limits: int) -> FloorPlan:
    """A break of a minute at most."""
    reasons = (ReasonPlan(id="break", longest_s=60), ReasonPlan(id="training", paid=True))
    return msgspec.structs.replace(plan(), reasons=reasons, **limits)


def extensible(extend_s: int = 20, wrap_up_s: int = 30) -> FloorPlan:
    made = plan(wrap_up_s=wrap_up_s)
    queues = tuple(msgspec.structs.replace(queue, wrap_up_extend_s=extend_s) for queue in made.queues)
    return msgspec.structs.replace(made, queues=queues)


def in_wrap_up(floor_plan: FloorPlan) -> World:
    world = open_world(floor_plan)
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.wait(60).hang_up(call)
    return world


# --- reasons ----------------------------------------------------------------------------------------------------------


def test_who_chose_a_status_is_told_and_kept() -> None:
    world = open_world()
    world.put(inp.SignInAsked(agent=ANNA, pin_right=True, by=By.AGENT))
    assert world.steps[-1].events == [ev.AgentSignedIn(agent=ANNA, by=By.AGENT)]
    world.handset(ANNA, Handset.FREE)
    world.put(inp.NotReadyAsked(agent=ANNA, reason="break", by=By.SUPERVISOR))
    assert world.agent(ANNA).status_by == By.SUPERVISOR
    world.put(inp.ReadyAsked(agent=ANNA, by=By.AGENT))
    world.fail(world.arrive(SALES), "NOANSWER")
    assert (world.agent(ANNA).reason, world.agent(ANNA).status_by) == ("rona", By.SYSTEM)


def test_a_break_that_is_asked_for_in_a_talk_is_pending_until_talk_and_wrap_up_are_over() -> None:
    world = open_world(with_limits())
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.put(BREAK)
    assert world.agent(ANNA).pending() and world.agent(ANNA).state is AgentState.BUSY
    world.wait(600).hang_up(call)
    assert world.agent(ANNA).pending() and world.agent(ANNA).state is AgentState.WRAP_UP
    world.wait(30).put(inp.TimePassed())
    assert not world.agent(ANNA).pending()
    assert world.agent(ANNA).since == world.now, "the break counts from here"
    assert world.contact(world.arrive(SALES)).agent is None


def test_a_break_that_is_pending_can_be_taken_back() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.put(BREAK)
    world.put(inp.ReadyAsked(agent=ANNA, by=By.AGENT))
    assert not world.agent(ANNA).pending() and world.agent(ANNA).status is Status.READY


def test_a_break_that_lasts_too_long_is_told_once() -> None:
    world = open_world(with_limits())
    world.sign_in(ANNA)
    world.put(BREAK)
    began = world.now
    assert world.floor.wake_at() == began + 60
    assert world.wait(59).put(inp.TimePassed()).events == []
    assert world.wait(1).put(inp.TimePassed()).events == [
        ev.AgentOverdue(agent=ANNA, reason="break", since=began, longest_s=60)
    ]
    assert world.agent(ANNA).overdue and world.agent(ANNA).status is Status.NOT_READY
    assert world.floor.wake_at() is None
    assert world.wait(600).put(inp.TimePassed()).events == []
    world.put(inp.ReadyAsked(agent=ANNA))
    assert not world.agent(ANNA).overdue


def test_the_time_of_a_break_begins_after_the_talk_in_which_it_was_asked_for() -> None:
    world = open_world(with_limits())
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.put(BREAK)
    assert world.floor.wake_at() is None
    world.wait(600).hang_up(call)
    world.wait(30).put(inp.TimePassed())
    assert world.floor.wake_at() == world.now + 60


@pytest.mark.parametrize("reason", ["training", "undeclared"])
def test_a_reason_without_a_longest_time_may_last(reason: str) -> None:
    world = open_world(with_limits())
    world.sign_in(ANNA)
    world.put(inp.NotReadyAsked(agent=ANNA, reason=reason))
    assert world.floor.wake_at() is None


def test_a_new_longest_time_counts_for_who_is_on_a_break_already() -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.put(BREAK)
    world.wait(300).put(inp.ConfigurationLoaded(plan=with_limits()))
    world.put(inp.TimePassed())
    assert world.kinds() == ["AgentOverdue"]


# --- wrap-up ----------------------------------------------------------------------------------------------------------


def test_a_wrap_up_is_extended_once_from_its_end() -> None:
    world = in_wrap_up(extensible())
    ended = world.now
    assert world.wait(10).put(EXTEND).events == [ev.WrapUpExtended(agent=ANNA, until=ended + 50, by=By.AGENT)]
    assert world.put(EXTEND).events == []
    assert world.floor.wake_at() == ended + 50
    assert world.wait(39).put(inp.TimePassed()).events == []
    world.wait(1).put(inp.TimePassed())
    assert world.kinds() == ["WrapUpEnded"]
    assert world.put(EXTEND).events == []


def test_the_next_wrap_up_can_be_extended_again() -> None:
    world = in_wrap_up(extensible())
    world.put(EXTEND)
    world.put(END)
    call = world.arrive(SALES)
    world.answer(call)
    world.hang_up(call)
    assert world.put(EXTEND).events != []


@pytest.mark.parametrize("floor_plan", [extensible(0), extensible(20, wrap_up_s=0)])
def test_a_wrap_up_is_not_extended_where_the_queue_allows_none(floor_plan: FloorPlan) -> None:
    assert in_wrap_up(floor_plan).put(EXTEND).events == []


def test_a_wrap_up_that_ends_early_leaves_the_status() -> None:
    world = in_wrap_up(extensible())
    world.put(BREAK)
    assert world.put(END).events == [ev.WrapUpEnded(agent=ANNA, by=By.AGENT)]
    assert (world.agent(ANNA).status, world.agent(ANNA).state) == (Status.NOT_READY, AgentState.IDLE)
    assert world.put(END).events == []
    assert world.floor.wake_at() is None


def test_a_wrap_up_that_ends_early_is_offered_the_next_at_once() -> None:
    world = in_wrap_up(extensible())
    call = world.arrive(SALES)
    assert world.contact(call).agent is None
    world.put(END)
    assert world.contact(call).agent == ANNA


def test_wrap_up_holds_contacts_of_every_queue_off() -> None:
    world = in_wrap_up(extensible())
    assert world.contact(world.arrive(SUPPORT)).agent is None


@pytest.mark.parametrize(("dial_status", "cause"), [("NOANSWER", 0), ("BUSY", 17), ("CHANUNAVAIL", 21)])
def test_a_call_that_never_connected_has_no_wrap_up(dial_status: str, cause: int) -> None:
    world = open_world(extensible())
    world.sign_in(ANNA)
    world.fail(world.arrive(SALES), dial_status, cause)
    assert world.agent(ANNA).state is AgentState.IDLE
    world.put(inp.ReadyAsked(agent=ANNA))
    world.hang_up(next(one for one in [world.arrive(SALES)]))
    assert world.agent(ANNA).state is AgentState.IDLE


def test_after_a_transfer_each_agent_wraps_up_as_the_queue_says_in_which_the_caller_waited_before_them() -> None:
    made = plan({ANNA: (SALES,), BILAL: (SUPPORT,)})
    sales, support = made.queues
    queues = (
        msgspec.structs.replace(sales, wrap_up_s=7, wrap_up_extend_s=3),
        msgspec.structs.replace(support, wrap_up_s=11, wrap_up_extend_s=5),
    )
    world = open_world(msgspec.structs.replace(made, queues=queues))
    world.sign_in(ANNA, BILAL)
    call = world.arrive(SALES)
    world.answer(call)
    world.agent_hangs_up(call, transferred=True)
    assert (world.agent(ANNA).wrap_up_until, world.agent(ANNA).wrap_up_extend_s) == (world.now + 7, 3)
    world.hold(call, SUPPORT)
    world.answer(call)
    world.hang_up(call)
    assert (world.agent(BILAL).wrap_up_until, world.agent(BILAL).wrap_up_extend_s) == (world.now + 11, 5)


# --- by the system ----------------------------------------------------------------------------------------------------


def test_an_agent_whose_handset_is_away_for_too_long_is_signed_out() -> None:
    world = open_world(with_limits(sign_out_unregistered_s=100))
    world.sign_in(ANNA, BILAL)
    world.wait(500).handset(ANNA, Handset.UNAVAILABLE)
    assert world.wait(99).put(inp.TimePassed()).events == []
    assert world.wait(1).put(inp.TimePassed()).events == [
        ev.AgentSignedOut(agent=ANNA, by=By.SYSTEM, why=ev.SignedOutWhy.UNREGISTERED)
    ]
    assert world.agent(BILAL).status is Status.READY
    assert world.floor.wake_at() is None


def test_a_handset_that_comes_back_in_time_changes_nothing() -> None:
    world = open_world(with_limits(sign_out_unregistered_s=100))
    world.sign_in(ANNA)
    world.handset(ANNA, Handset.UNAVAILABLE)
    world.wait(99).handset(ANNA, Handset.FREE)
    assert world.floor.wake_at() is None
    assert world.wait(500).put(inp.TimePassed()).events == []


def test_a_sign_in_without_a_handset_has_the_whole_time() -> None:
    world = open_world(with_limits(sign_out_unregistered_s=100))
    world.wait(9999).put(inp.SignInAsked(agent=ANNA, pin_right=True, by=By.SUPERVISOR))
    assert world.floor.wake_at() == world.now + 100


def test_nobody_is_signed_out_for_a_pbx_that_is_away() -> None:
    world = open_world(with_limits(sign_out_unregistered_s=100))
    world.sign_in(ANNA)
    world.handset(ANNA, Handset.UNAVAILABLE)
    world.put(inp.PbxAbsent(pbx=PBX, why="?"))
    assert world.floor.wake_at() is None
    assert world.wait(500).put(inp.TimePassed()).events == []
    world.compare(handsets={"1001": Handset.FREE})
    assert world.wait(500).put(inp.TimePassed()).events == []
    world.handset(ANNA, Handset.UNAVAILABLE)
    world.wait(100).put(inp.TimePassed())
    assert world.kinds() == ["AgentSignedOut"]


def test_who_does_nothing_for_long_is_signed_out_where_it_is_so_configured() -> None:
    world = open_world(with_limits(sign_out_inactive_s=600))
    world.sign_in(ANNA)
    call = world.wait(500).arrive(SALES)
    world.answer(call)
    assert world.floor.wake_at() is None, "a talk is never cut"
    world.wait(9000).hang_up(call)
    world.wait(30).put(inp.TimePassed())
    assert world.floor.wake_at() == world.now + 600
    world.wait(600).put(inp.TimePassed())
    assert world.steps[-1].events == [ev.AgentSignedOut(agent=ANNA, by=By.SYSTEM, why=ev.SignedOutWhy.INACTIVE)]


def test_a_break_that_is_overdue_ends_with_the_inactive_agent_s_sign_out() -> None:
    world = open_world(with_limits(sign_out_inactive_s=60))
    world.sign_in(ANNA)
    world.put(BREAK)
    world.wait(60).put(inp.TimePassed())
    assert world.kinds() == ["AgentOverdue", "AgentSignedOut"]
    assert not world.agent(ANNA).overdue


# --- taken off the floor ----------------------------------------------------------------------------------------------

_OFF_THE_FLOOR = [
    inp.SignOutAsked(agent=ANNA, by=By.SUPERVISOR),
    inp.NotReadyAsked(agent=ANNA, reason="break", by=By.SUPERVISOR),
]


@pytest.mark.parametrize("ask", _OFF_THE_FLOOR)
def test_what_rings_at_whom_a_supervisor_takes_off_the_floor_is_called_off(ask: inp.Input) -> None:
    """The caller keeps the place, and nothing is held against the agent."""
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    offer, queued_at = world.offer(call), world.contact(call).queued_at
    world.wait(3).put(ask)
    assert world.kinds()[0] == "OfferEnded"
    assert world.commands == [WithdrawOffer(pbx=PBX, contact=call.contact, channel=call.channel, offer=offer)]
    assert (world.agent(ANNA).state, world.agent(ANNA).reason) == (AgentState.IDLE, getattr(ask, "reason", ""))
    world.sign_in(BILAL)
    assert world.contact(call).offer is None, "the caller is not in the hold yet"
    world.hold(call, SALES)
    assert (world.contact(call).agent, world.contact(call).queued_at) == (BILAL, queued_at)


@pytest.mark.parametrize("ask", [BREAK, inp.SignOutAsked(agent=ANNA, by=By.AGENT)])
def test_an_agent_who_leaves_may_answer_what_rings(ask: inp.Input) -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.put(ask)
    assert world.commands == []
    world.answer(call)
    assert world.contact(call).agent == ANNA


def test_a_talk_goes_on_when_a_supervisor_takes_its_agent_off_the_floor() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.put(_OFF_THE_FLOOR[0])
    assert (world.contact(call).agent, world.commands) == (ANNA, [])
