"""Who was cut off and rings back soon gets the old place: once, in time, in the same queue or on the same line."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.contact import Outcome
from contactd.core.destination import ToQueue
from contactd.core.ids import QueueId
from contactd.core.plan import FloorPlan
from contactd.core.ring_back import MOST
from tests.core.invariants import restarted
from tests.core.world import ANNA, SALES, SUPPORT, World, open_world, plan, seen
from tests.core.world import Place as At

MARA, OTTO = ("mara",), ("otto",)


def sales(**changes: object) -> FloorPlan:
    """Anna serves both queues; changes are those of sales."""
    base = plan({ANNA: [SALES, SUPPORT]}, wrap_up_s=0)
    queues = tuple(msgspec.structs.replace(q, **changes) if q.id == SALES else q for q in base.queues)
    return msgspec.structs.replace(base, queues=queues)


def rings(world: World, callers: tuple[str, ...] = MARA, queue: QueueId = SALES, dnis: str = "5000") -> inp.CallArrived:
    """Somebody arrives and waits in queue."""
    call = world.arrive()
    other = msgspec.structs.replace(
        call, contact=f"{call.contact[:-1]}{'0' if call.contact[-1] != '0' else '1'}", callers=callers, dnis=dnis
    )
    world.hang_up(call)
    world.put(other)
    world.hold(other, queue)
    return other


def queued(world: World) -> ev.ContactQueued:
    return next(e for e in world.steps[-1].events if isinstance(e, ev.ContactQueued))


def place_until(world: World) -> float | None:
    return next(e for e in world.steps[-1].events if isinstance(e, ev.ContactEnded)).place_until


def test_who_is_cut_off_while_waiting_and_rings_back_goes_before_those_who_came_later() -> None:
    world = open_world(sales())
    first = rings(world)
    since = world.now
    behind = rings(world, OTTO)
    world.hang_up(first)
    assert place_until(world) == world.now + 60
    again = rings(world.wait(50))
    assert (queued(world).queued_at, queued(world).resumed) == (since, first.contact)
    assert world.floor.waiting[0] == (since, again.contact)
    world.sign_in(ANNA)
    assert world.contact(again).agent == ANNA and world.contact(behind).agent is None
    world.answer(again)
    (connected,) = [e for e in world.steps[-1].events if isinstance(e, ev.ContactConnected)]
    assert connected.waited_s == world.now - since


def test_the_contact_that_was_lost_stays_an_abandon() -> None:
    world = open_world(sales())
    first = rings(world)
    world.wait(30).hang_up(first)
    ended = world.facts(ev.ContactEnded)[-1]
    assert isinstance(ended, ev.ContactEnded)
    assert (ended.outcome, ended.waited_s) == (Outcome.ABANDONED_WAITING, 30)
    rings(world)
    assert not [e for e in world.steps[-1].events if not isinstance(e, ev.ContactQueued)]


def test_a_place_is_given_once() -> None:
    world = open_world(sales())
    world.hang_up(rings(world))
    rings(world)
    assert queued(world).resumed is not None
    rings(world)
    assert queued(world).resumed is None


def test_who_is_cut_off_twice_keeps_the_first_place() -> None:
    world = open_world(sales())
    first = rings(world)
    since = world.now
    world.wait(20).hang_up(first)
    second = rings(world.wait(20))
    world.wait(20).hang_up(second)
    rings(world.wait(20))
    assert (queued(world).queued_at, queued(world).resumed) == (since, second.contact)


@pytest.mark.parametrize(("after_s", "gets_it"), [(60, True), (61, False)])
def test_the_place_is_kept_for_a_minute(after_s: float, gets_it: bool) -> None:
    world = open_world(sales())
    world.hang_up(rings(world))
    rings(world.wait(after_s - 1))  # and a second until it arrives
    assert (queued(world).resumed is not None) is gets_it


def test_a_queue_says_for_how_long_and_zero_is_never() -> None:
    world = open_world(sales(ring_back_s=300))
    world.hang_up(rings(world))
    rings(world.wait(200))
    assert queued(world).resumed is not None
    never = open_world(sales(ring_back_s=0))
    never.hang_up(rings(never))
    assert place_until(never) is None and not never.floor.state.losses
    # Nor does it take back whom another queue lost.
    never.hang_up(rings(never, queue=SUPPORT))
    rings(never, queue=SALES)
    assert queued(never).resumed is None


def test_the_same_queue_or_the_same_line_is_enough_and_one_of_them_it_must_be() -> None:
    for queue, dnis, gets_it in ((SALES, "5001", True), (SUPPORT, "5000", True), (SUPPORT, "5001", False)):
        world = open_world(sales())
        world.hang_up(rings(world))
        rings(world, queue=queue, dnis=dnis)
        assert (queued(world).resumed is not None) is gets_it, (queue, dnis)


def test_somebody_else_gets_nothing_and_who_is_not_known_neither() -> None:
    world = open_world(sales())
    world.hang_up(rings(world))
    rings(world, OTTO)
    assert queued(world).resumed is None
    world.hang_up(rings(world, ()))
    assert place_until(world) is None
    rings(world, ())
    assert queued(world).resumed is None


def test_a_caller_is_known_under_the_salt_before_too() -> None:
    world = open_world(sales())
    lost = rings(world, ("old",))
    world.hang_up(lost)
    rings(world, ("new", "old"))
    assert queued(world).resumed == lost.contact
    assert not world.floor.state.losses


def test_who_hangs_up_while_it_rings_gets_the_place_too() -> None:
    world = open_world(sales())
    world.sign_in(ANNA)
    first = rings(world)
    assert world.contact(first).agent == ANNA
    world.hang_up(first)
    assert place_until(world) is not None


def test_who_hung_up_in_the_menu_or_was_sent_away_gets_nothing() -> None:
    world = open_world(sales())
    call = msgspec.structs.replace(world.arrive(), contact="menu", callers=MARA)
    world.put(call)
    world.hang_up(call)
    assert place_until(world) is None
    sent_away = rings(world)
    world.put(inp.CallerHungUp(contact=sent_away.contact, cause=16, timed_out=True))
    assert place_until(world) is None


@pytest.mark.parametrize(("cause", "kept"), [(16, False), (0, False), (19, False), (38, True), (44, True), (102, True)])
def test_a_talk_that_the_network_cut_keeps_the_place_and_one_that_somebody_ended_does_not(
    cause: int, kept: bool
) -> None:
    world = open_world(sales())
    world.sign_in(ANNA)
    call = rings(world)
    world.answer(call)
    world.wait(30).put(inp.CallerHungUp(contact=call.contact, cause=cause))
    assert (place_until(world) is not None) is kept


def test_a_pbx_that_restarted_and_lost_the_call_costs_nobody_the_place() -> None:
    world = open_world(sales())
    waiting, talking = rings(world), rings(world, OTTO)
    world.sign_in(ANNA)
    world.answer(waiting)
    world.wait(10).compare(booted_at=world.now - 5)
    assert [e.outcome for e in world.steps[-1].events if isinstance(e, ev.ContactEnded)] == [Outcome.PBX_LOST] * 2
    for callers, lost in ((MARA, waiting), (OTTO, talking)):
        rings(world, callers)
        assert queued(world).resumed == lost.contact


def test_a_transferred_caller_who_is_cut_off_in_the_second_wait_gets_that_place() -> None:
    world = open_world(sales())
    world.sign_in(ANNA)
    call = rings(world)
    world.answer(call)
    world.wait(20).agent_hangs_up(call, transferred=True)
    world.put(inp.NotReadyAsked(agent=ANNA, reason="break"))
    world.hold(call, SUPPORT, since=world.now)
    second = world.now
    world.wait(5).hang_up(call)
    rings(world, queue=SUPPORT)
    assert (queued(world).queued_at, queued(world).resumed) == (second, call.contact)


def test_the_old_place_outlives_a_failed_offer_the_static_queue_and_a_comparison() -> None:
    world = open_world(sales())
    first = rings(world)
    since = world.now
    world.hang_up(first)
    again = rings(world.wait(40))
    new = world.now
    world.sign_in(ANNA)
    world.fail(again, "NOANSWER", 19)
    world.hold(again, SALES, since=new)
    assert world.contact(again).queued_at == since
    world.put(inp.PbxAbsent(pbx=again.pbx, why="?"))
    world.put(
        inp.CallFellBack(
            contact=again.contact,
            pbx=again.pbx,
            call=again.call,
            channel=again.channel,
            dnis=again.dnis,
            queue=SALES,
            queued_at=new,
        )
    )
    assert world.contact(again).queued_at == since
    world.compare(seen(again, At.HOLD, queued_at=new))
    assert world.contact(again).queued_at == since


def test_the_steps_of_the_plan_count_from_the_old_place() -> None:
    from contactd.core.plan import RoutingStep

    world = open_world(sales(steps=(RoutingStep(after_s=30, lower_by=1),)))
    world.wait(1).hang_up(rings(world))
    rings(world.wait(40))
    assert queued(world).step == 1


def test_a_full_queue_takes_back_who_had_a_place_in_it() -> None:
    world = open_world(sales(max_waiting=1, full=ToQueue(queue=SUPPORT)))
    first = rings(world)
    world.hang_up(first)
    other = rings(world, OTTO)
    assert world.contact(other).queue == SALES
    again = rings(world)
    assert world.contact(again).queue == SALES
    assert world.contact(rings(world, ("third",))).queue == SUPPORT


def test_what_was_lost_survives_a_restart_and_is_bounded_in_number_and_time() -> None:
    world = open_world(sales())
    lost = rings(world)
    world.hang_up(lost)
    world.floor = restarted(world.floor)
    rings(world)
    assert queued(world).resumed == lost.contact
    for number in range(3):
        world.hang_up(rings(world, (f"caller{number}",)))
    assert list(world.floor.state.losses) == ["caller0", "caller1", "caller2"]
    world.wait(100).hang_up(rings(world))
    assert list(world.floor.state.losses) == ["mara"]
    losses = world.floor.state.losses
    kept = losses.pop("mara")
    losses |= {f"other{number}": kept for number in range(MOST)}
    world.hang_up(rings(world, OTTO))
    assert len(losses) == MOST and "other0" not in losses and "otto" in losses
