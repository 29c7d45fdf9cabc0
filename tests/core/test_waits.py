"""The estimated wait: from place, staff and what was learnt; nothing is guessed when nobody is there."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.contact import Estimate, Needs
from contactd.core.ids import AgentId, ContactId, GroupId, QueueId, SkillId
from contactd.core.plan import FloorPlan, Medium, RoutingStep
from contactd.core.routing.demand import target_of
from contactd.core.routing.index import ASKED
from contactd.core.routing.waits import estimated_wait, remaining_wait
from contactd.core.step import step
from tests.core.invariants import frozen, restarted
from tests.core.world import ANNA, BILAL, OTHER_PBX, PBX, SALES, SUPPORT, World, open_world, plan
from tests.lab.bench.figures import Figures
from tests.lab.bench.waits import Replay, made_day, measure

CARLA = "carla"


def wait_in(world: World, queue: QueueId = SALES, needs: Needs | None = None) -> Estimate | None:
    return estimated_wait(world.floor, queue, world.now, pbx=PBX, needs=needs)


def median(world: World, queue: QueueId = SALES, needs: Needs | None = None) -> float:
    found = wait_in(world, queue, needs)
    assert found is not None
    assert 0 <= found.low_s <= found.median_s <= found.high_s
    return found.median_s


def talking(world: World, *names: str, queue: QueueId = SALES) -> list[inp.CallArrived]:
    """These agents sign in and talk."""
    calls = []
    for name in names:
        world.sign_in(name)
        calls.append(world.arrive(queue))
        world.answer(calls[-1])
    return calls


def with_queue(floor_plan: FloorPlan, queue: QueueId = SALES, **changes: object) -> FloorPlan:
    queues = tuple(msgspec.structs.replace(q, **changes) if q.id == queue else q for q in floor_plan.queues)
    return msgspec.structs.replace(floor_plan, queues=queues)


def test_with_nobody_signed_in_the_wait_is_unknown() -> None:
    world = open_world()
    assert wait_in(world) is None
    assert remaining_wait(world.floor, world.contact(world.arrive(SALES)), world.now) is None


def test_with_everybody_on_a_break_without_an_end_the_wait_is_unknown() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    world.sign_in(ANNA)
    assert wait_in(world) is not None
    world.put(inp.NotReadyAsked(agent=ANNA, reason="break"))
    assert wait_in(world) is None


def test_an_agent_who_signs_out_during_the_talk_counts_no_more() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    talking(world, ANNA)
    assert wait_in(world) is not None
    world.put(inp.SignOutAsked(agent=ANNA))
    assert wait_in(world) is None


def test_for_an_unsteered_pbx_and_for_an_unknown_queue_the_wait_is_unknown() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    world.sign_in(ANNA)
    assert estimated_wait(world.floor, SALES, world.now, pbx=OTHER_PBX) is None
    assert wait_in(world, QueueId("gone")) is None
    world.put(inp.PbxAbsent(pbx=PBX, why="?"))
    assert wait_in(world) is None


def test_with_somebody_ready_it_takes_as_long_as_a_handset_rings() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    world.sign_in(ANNA)
    assert median(world) == 5.0
    for _ in range(60):
        call = world.arrive(SALES)
        world.wait(11)
        world.answer(call)
        world.agent_hangs_up(call)
        world.hang_up(call)
        world.put(inp.ReadyAsked(agent=ANNA))
    assert median(world) == pytest.approx(11, abs=0.7)


def test_each_place_further_back_waits_longer_and_each_agent_more_makes_it_shorter() -> None:
    world = open_world(plan({name: [SALES] for name in (ANNA, BILAL, CARLA)}))
    talking(world, ANNA)
    waits = [median(world)]
    for _ in range(3):
        world.arrive(SALES)
        waits.append(median(world))
    assert waits == sorted(set(waits))
    last = world.arrive(SALES)
    alone = remaining_wait(world.floor, world.contact(last), world.now)
    world.sign_in(BILAL)  # and takes the first of them
    two = remaining_wait(world.floor, world.contact(last), world.now)
    assert alone is not None and two is not None
    assert two.median_s < 0.7 * alone.median_s


def test_a_contact_that_waits_is_told_by_its_place_and_not_by_how_long_it_waited() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    talking(world, ANNA)
    first, second = world.arrive(SALES), world.arrive(SALES)
    now = [remaining_wait(world.floor, world.contact(call), world.now) for call in (first, second)]
    assert now[0] is not None and now[1] is not None and now[0].median_s < now[1].median_s
    world.hang_up(first)
    then = remaining_wait(world.floor, world.contact(second), world.now)
    assert then is not None and (then.low_s, then.median_s) == (now[0].low_s, now[0].median_s)


def test_who_waits_in_another_queue_for_the_same_agents_is_in_the_way() -> None:
    world = open_world(plan({ANNA: [SALES, SUPPORT]}))
    talking(world, ANNA)
    before = median(world)
    world.arrive(SUPPORT)
    assert median(world) > 1.5 * before


def test_who_waits_for_other_agents_is_not_in_the_way_and_who_waits_for_some_is_so_in_part() -> None:
    world = open_world(plan({ANNA: [SALES], BILAL: [SUPPORT], CARLA: [SALES, SUPPORT]}))
    (call,) = talking(world, ANNA)
    alone = median(world)
    world.arrive(SUPPORT)
    assert median(world) == pytest.approx(alone, abs=2)  # a second later
    target = target_of(world.floor.queues[SALES], world.contact(call), world.floor.agents)
    last, who = (world.now + 99, ContactId("~")), world.floor.routing.able(target)
    assert world.floor.routing.ahead(last, who, Medium.VOICE) == 0
    # Carla takes the first of support; the second waits for Bilal or Carla, of whom one is ours too.
    world.sign_in(CARLA)
    world.handset(BILAL, Handset.IN_USE)
    world.put(inp.SignInAsked(agent=AgentId(BILAL), pin_right=True))
    world.arrive(SUPPORT)
    assert world.floor.routing.ahead(last, who, Medium.VOICE) == pytest.approx(0.5)


def test_a_boost_counts_only_those_who_stay_before_it() -> None:
    world = open_world(plan({ANNA: [SALES, SUPPORT]}))
    world.put(inp.ConfigurationLoaded(plan=with_queue(plan({ANNA: [SALES, SUPPORT]}, mark="b"), SUPPORT, boost_s=600)))
    talking(world, ANNA)
    for _ in range(4):
        world.arrive(SALES)
    assert median(world, SUPPORT) < median(world, SALES) / 2


def test_only_those_who_have_what_is_needed_count() -> None:
    world = open_world(plan({ANNA: [SALES], BILAL: [SALES]}))
    world.put(inp.SkillsAsked(agent=ANNA, skills={SkillId("german"): 5}))
    talking(world, ANNA)
    world.sign_in(BILAL)
    german = Needs(skills={SkillId("german"): 5})
    assert median(world) < 5.1
    assert median(world, needs=german) > 30
    assert wait_in(world, needs=Needs(skills={SkillId("german"): 9})) is None


def test_a_wrap_up_that_ends_soon_bounds_the_wait() -> None:
    world = open_world(plan({ANNA: [SALES], BILAL: [SALES]}, wrap_up_s=60))
    calls = talking(world, ANNA, BILAL)
    world.wait(30)
    before = wait_in(world)
    world.agent_hangs_up(calls[0])
    world.wait(50)
    after = wait_in(world)
    assert before is not None and after is not None
    assert 10 < after.high_s < 10 + 5 < before.high_s


def test_a_pause_that_ends_by_itself_counts() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    world.sign_in(ANNA)
    world.fail(world.arrive(SALES), "BUSY", 17)
    assert world.agent(ANNA).ready_at is not None
    known = wait_in(world)
    assert known is not None and known.median_s > 5


def test_a_talk_that_has_lasted_long_is_expected_to_last_longer_than_a_new_one() -> None:
    """Talks are lognormal, with a long tail: of those that last longer than most, few end in the next minute."""
    world = open_world(plan({ANNA: [SALES]}))
    talking(world, ANNA)
    world.wait(100)
    soon = median(world)
    world.wait(3000)
    assert median(world) > 2 * soon


def test_the_step_that_lets_others_help_bounds_the_wait_but_not_before_it_begins() -> None:
    reserve = GroupId("reserve")
    base = plan({ANNA: [SALES], BILAL: [SUPPORT]})
    agents = tuple(msgspec.structs.replace(a, groups=(reserve,)) if a.id == BILAL else a for a in base.agents)
    base = msgspec.structs.replace(base, agents=agents)
    world = open_world(with_queue(base, steps=(RoutingStep(after_s=200, also_groups=(reserve,)),)))
    world.sign_in(BILAL)
    only_later = wait_in(world)
    assert only_later == Estimate(low_s=205.0, median_s=205.0, high_s=205.0)
    talking(world, ANNA)
    found = wait_in(world)
    assert found is not None and found.low_s < 150 and 200 < found.high_s < 205


def test_who_waits_for_one_agent_alone_waits_no_longer_than_that() -> None:
    world = open_world(with_queue(plan({ANNA: [SALES], BILAL: [SALES]}), sticky_s=20))
    talking(world, ANNA)
    world.sign_in(BILAL)
    found = wait_in(world, needs=Needs(preferred_agent=ANNA))
    assert found is not None and 20 <= found.high_s <= 25


def test_talks_are_learnt_and_the_configuration_counts_until_then() -> None:
    world = open_world(with_queue(plan({ANNA: [SALES]}, wrap_up_s=0), expected_talk_s=600))
    (first,) = talking(world, ANNA)
    expected = median(world)
    world.put(
        inp.ConfigurationLoaded(plan=with_queue(plan({ANNA: [SALES]}, wrap_up_s=0, mark="b"), expected_talk_s=60))
    )
    assert median(world) < expected / 4
    world.hang_up(first)
    for _ in range(300):
        call = world.arrive(SALES)
        world.answer(call)
        world.wait(600)
        world.hang_up(call)
    learnt = world.floor.state.learnt[SALES]
    assert learnt.talks.total_s / learnt.talks.count == pytest.approx(600, rel=0.01)
    assert learnt.talks.count < 100.1


def test_callers_who_give_up_make_the_wait_of_those_behind_shorter() -> None:
    patient, hasty = (open_world(plan({ANNA: [SALES]})) for _ in range(2))
    for world in (patient, hasty):
        talking(world, ANNA)
        for _ in range(100):
            call = world.arrive(SALES)
            world.wait(9)
            if world is hasty:
                world.hang_up(call)
            else:
                world.put(inp.CallerHungUp(contact=call.contact, cause=16, timed_out=True))
        for _ in range(6):
            world.arrive(SALES)
    assert median(hasty) < 0.7 * median(patient)


def test_what_is_learnt_is_bounded_by_the_configured_queues_and_survives_a_restart() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    (call,) = talking(world, ANNA)
    world.wait(70).hang_up(call)
    assert set(world.floor.state.learnt) == {SALES}
    again = restarted(world.floor)
    assert again.state.learnt == world.floor.state.learnt
    world.put(inp.ConfigurationLoaded(plan=plan({ANNA: [SUPPORT]}, [SUPPORT], mark="b")))
    assert SALES not in world.floor.state.learnt


def test_the_fact_of_the_queueing_tells_the_estimate_and_that_of_the_connection_again() -> None:
    world = open_world(plan({ANNA: [SALES]}, wrap_up_s=0))
    (first,) = talking(world, ANNA)
    world.wait(1)
    wanted = estimated_wait(world.floor, SALES, world.now + 1, pbx=PBX)
    second = world.arrive(SALES)
    (queued,) = [e for e in world.steps[-1].events if isinstance(e, ev.ContactQueued)]
    assert queued.estimate is not None and wanted is not None
    assert queued.estimate.median_s == pytest.approx(wanted.median_s, abs=2)
    world.wait(30).hang_up(first)
    world.answer(second)
    (connected,) = [e for e in world.steps[-1].events if isinstance(e, ev.ContactConnected)]
    assert connected.estimate == queued.estimate


def test_nothing_is_estimated_for_a_contact_that_somebody_is_ready_for() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    world.sign_in(ANNA)
    world.arrive(SALES)
    (queued,) = [e for e in world.steps[-1].events if isinstance(e, ev.ContactQueued)]
    assert queued.estimate is None


def test_of_a_crowd_some_are_estimated() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    talking(world, ANNA)
    told = []
    for _ in range(200):
        world.now = round(world.now - 0.95, 6)  # arrive() moves it by a second
        world.arrive(SALES)
        told += [e.estimate is not None for e in world.steps[-1].events if isinstance(e, ev.ContactQueued)]
    assert told[0] and 40 < sum(told[:100]) < 60
    assert 5 < sum(told[-50:]) < 20, "the more wait, the fewer"


def test_a_floor_from_a_snapshot_says_the_same_of_a_large_crowd() -> None:
    """What is estimated becomes a fact, so it may not hang on how the indexes came about."""
    world = open_world(plan({ANNA: [SALES], CARLA: [SUPPORT]}))
    talking(world, ANNA)
    world.sign_in(CARLA)
    calls = []
    for number in range(1500):
        calls.append(world.arrive(SALES if number % 3 else SUPPORT))
        if number % 2:
            world.hang_up(calls.pop(len(calls) // 3))
    assert len(world.floor.routing.waiting) < ASKED
    for crowd in (0, 400):
        for _ in range(crowd):
            world.arrive(SALES)
        again = restarted(world.floor)
        for number in range(10):
            world.wait(9).arrive(SALES if number % 2 else SUPPORT)
            for made in world.steps[-2:]:
                assert step(again, made.input, made.at).events == made.events
    assert len(world.floor.routing.waiting) > ASKED


def test_asking_changes_nothing() -> None:
    world = open_world(plan({ANNA: [SALES]}))
    talking(world, ANNA)
    call = world.arrive(SALES)
    before, needs = frozen(world.floor), Needs(skills={SkillId("rare"): 3})
    wait_in(world), wait_in(world, needs=needs), remaining_wait(world.floor, world.contact(call), world.now)
    assert frozen(world.floor) == before
    assert world.put(inp.TimePassed()).events == []


def test_on_a_made_day_four_waits_of_five_end_within_the_range() -> None:
    """tests/lab/bench/waits.py, over the made day; over a bank's real calls when their folder is given."""
    figures = Figures()
    measure(Replay([made_day()]).run(), figures)
    assert figures["waits"] > 200
    assert 0.7 < figures["range_holds"] < 0.95
    assert 0.35 < figures["longer_than_median"] < 0.65
    assert figures["estimate_error_median"] < 0.75 * figures["asterisk_error_median"]
    assert figures["estimate_error_mean"] < figures["naive_error_mean"]
