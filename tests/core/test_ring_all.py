"""Ring-all: one offer, several legs, each with an outcome of its own."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import AgentState, By, Handset, Status
from contactd.core.commands import ComparePbx, RingAgent, WithdrawOffer
from contactd.core.contact import ContactState, Outcome
from contactd.core.ids import AgentId, OfferId
from contactd.core.inputs import Place
from contactd.core.plan import FloorPlan, RoutingStep, Strategy
from contactd.core.routing.waits import estimated_wait
from contactd.core.step import Step
from tests.core.invariants import check_floor
from tests.core.world import PBX, SALES, SUPPORT, World, open_world, plan, seen

ANNA, BILAL, CARLA, DAVID = (AgentId(name) for name in ("anna", "bilal", "carla", "david"))
CREW = {"anna": [SALES], "bilal": [SALES], "carla": [SALES], "david": [SUPPORT, SALES]}


def ringing_plan(most: int = 3, *, not_ready: bool = False) -> FloorPlan:
    made = plan(CREW, wrap_up_s=0)
    sales, support = made.queues
    sales = msgspec.structs.replace(sales, strategy=Strategy.RING_ALL, ring_all_most=most, ring_all_not_ready=not_ready)
    return msgspec.structs.replace(made, queues=(sales, support))


def ringing_world(most: int = 3, *, not_ready: bool = False) -> World:
    """Anna has been idle for longest, then bilal, carla and david."""
    world = open_world(ringing_plan(most, not_ready=not_ready))
    world.sign_in("anna", "bilal", "carla", "david")
    return world


def answer_at(world: World, call: inp.CallArrived, endpoint: str) -> Step:
    return world.put(inp.OfferAnswered(contact=call.contact, offer=world.offer(call), endpoint=endpoint))


def leg_fails(world: World, call: inp.CallArrived, endpoint: str, cause: int) -> Step:
    return world.put(inp.LegFailed(contact=call.contact, offer=world.offer(call), endpoint=endpoint, cause=cause))


def ended(world: World) -> list[tuple[str, str]]:
    """Whose rings the last step ended, and how."""
    events = world.steps[-1].events
    return [(e.agent, str(e.outcome)) for e in events if isinstance(e, ev.LegEnded | ev.OfferEnded)]


def test_one_offer_rings_as_many_as_the_queue_allows_the_longest_idle_first() -> None:
    world = ringing_world(most=3)
    call = world.arrive(SALES)
    contact = world.contact(call)
    assert (contact.agent, contact.legs) == (ANNA, (ANNA, BILAL, CARLA))
    (command,) = world.commands
    assert isinstance(command, RingAgent)
    assert (command.endpoint, command.also, command.offer) == ("1001", ("1002", "1003"), contact.offer)
    assert {world.agent(name).state for name in CREW} == {AgentState.OFFERED, AgentState.IDLE}
    assert world.agent(DAVID).state is AgentState.IDLE
    assert {world.agent(name).offer for name in contact.legs} == {contact.offer}
    check_floor(world.floor)


def test_the_first_who_answers_has_the_caller_and_nothing_is_held_against_the_others() -> None:
    world = ringing_world()
    before = {name: world.agent(name).idle_since for name in CREW}
    call = world.arrive(SALES)
    world.wait(3)
    answer_at(world, call, "1002")
    assert ended(world) == [(ANNA, "answered_elsewhere"), (CARLA, "answered_elsewhere")]
    assert (world.contact(call).agent, world.contact(call).legs) == (BILAL, ())
    assert world.agent(BILAL).state is AgentState.BUSY
    for name in (ANNA, CARLA):
        agent = world.agent(name)
        assert (agent.status, agent.state, agent.idle_since) == (Status.READY, AgentState.IDLE, before[name])
    check_floor(world.floor)


def test_of_two_who_answer_at_once_there_is_one_winner() -> None:
    """The PBX says who: a second word is of an offer that is not running any more."""
    world = ringing_world()
    call = world.arrive(SALES)
    offer = world.offer(call)
    answer_at(world, call, "1003")
    late = world.put(inp.OfferAnswered(contact=call.contact, offer=offer, endpoint="1001"))
    assert (late.events, late.commands) == ([], [])
    assert world.contact(call).agent == CARLA


def test_an_answer_by_somebody_whom_it_does_not_ring_is_looked_into() -> None:
    world = ringing_world(most=2)
    call = world.arrive(SALES)
    answer_at(world, call, "1004")
    assert world.kinds() == []
    assert [type(command) for command in world.commands] == [ComparePbx]
    answer_at(world, call, "")
    assert world.kinds() == [] and world.contact(call).state is ContactState.OFFERED


def test_one_who_declines_stops_nobody() -> None:
    world = ringing_world()
    call = world.arrive(SALES)
    leg_fails(world, call, "1001", 21)
    assert ended(world) == [(ANNA, "declined")]
    assert (world.agent(ANNA).status, world.agent(ANNA).reason) == (Status.NOT_READY, "declined")
    contact = world.contact(call)
    assert (contact.state, contact.agent, contact.legs) == (ContactState.OFFERED, BILAL, (BILAL, CARLA))
    check_floor(world.floor)
    answer_at(world, call, "1003")
    assert ended(world) == [(BILAL, "answered_elsewhere")]
    assert world.contact(call).agent == CARLA


@pytest.mark.parametrize(
    ("cause", "outcome", "until_s"),
    [(17, "busy", 5.0), (21, "declined", None), (19, "rona", None), (20, "unregistered", None)],
)
def test_each_leg_ends_in_its_own_way(cause: int, outcome: str, until_s: float | None) -> None:
    world = ringing_world()
    call = world.arrive(SALES)
    leg_fails(world, call, "1002", cause)
    assert ended(world) == [(BILAL, outcome)]
    bilal = world.agent(BILAL)
    assert (bilal.status, bilal.reason) == (Status.NOT_READY, outcome)
    assert bilal.ready_at == (None if until_s is None else world.now + until_s)


def test_a_leg_that_was_only_stopped_says_nothing() -> None:
    world = ringing_world()
    call = world.arrive(SALES)
    for cause in (0, 16, 26):
        assert leg_fails(world, call, "1002", cause).events == []


def test_when_the_last_leg_fails_the_offer_is_over_with_that_one_s_own_outcome() -> None:
    world = ringing_world(most=2)
    call = world.arrive(SALES)
    offer = world.offer(call)
    leg_fails(world, call, "1001", 17)
    leg_fails(world, call, "1002", 21)
    assert world.kinds()[:1] == ["OfferEnded"] and ended(world) == [(BILAL, "declined")]
    assert world.contact(call).state is ContactState.WAITING
    # What Dial() says of its end comes after it, and is the last one's word for all.
    late = world.put(inp.OfferFailed(contact=call.contact, offer=offer, dial_status="BUSY", cause=21))
    assert late.events == []


def test_nobody_answers_and_all_stay_ready_and_ring_again() -> None:
    world = ringing_world()
    before = world.agent(ANNA).idle_since
    call = world.arrive(SALES)
    world.wait(20)
    world.fail(call, "NOANSWER", 0)
    assert ended(world) == [(BILAL, "rona"), (CARLA, "rona"), (ANNA, "rona")]
    assert world.contact(call).queued_at == world.now - 20
    assert {world.agent(name).status for name in CREW} == {Status.READY}
    assert world.agent(ANNA).idle_since == before
    world.hold(call, SALES)
    assert world.contact(call).legs == (ANNA, BILAL, CARLA)


def test_the_queue_may_say_that_who_rang_to_the_end_is_not_ready() -> None:
    world = ringing_world(not_ready=True)
    call = world.arrive(SALES)
    world.wait(20)
    world.fail(call, "NOANSWER", 0)
    for name in (ANNA, BILAL, CARLA):
        assert (world.agent(name).status, world.agent(name).reason) == (Status.NOT_READY, "rona")
    world.hold(call, SALES)
    assert world.contact(call).agent == DAVID


def test_a_handset_that_gives_up_early_has_not_rung_to_the_end() -> None:
    """480 at once, as a handset answers that must not be disturbed: it would be rung again and again."""
    world = ringing_world()
    call = world.arrive(SALES)
    world.wait(2)
    leg_fails(world, call, "1001", 19)
    assert (world.agent(ANNA).status, world.agent(ANNA).reason) == (Status.NOT_READY, "rona")


def test_the_same_rule_holds_where_only_one_was_ready() -> None:
    world = open_world(ringing_plan())
    world.sign_in("anna")
    call = world.arrive(SALES)
    (command,) = world.commands
    assert isinstance(command, RingAgent) and command.also == ()
    world.wait(20)
    world.fail(call, "NOANSWER", 0)
    assert ended(world) == [(ANNA, "rona")] and world.agent(ANNA).status is Status.READY


def test_a_handset_that_is_gone_was_not_rung() -> None:
    world = ringing_world()
    call = world.arrive(SALES)
    world.handset("bilal", Handset.UNAVAILABLE)
    world.wait(20)
    world.fail(call, "NOANSWER", 0)
    assert dict(ended(world)) == {BILAL: "unregistered", CARLA: "rona", ANNA: "rona"}
    assert world.agent(BILAL).reason == "unregistered"


def test_a_dial_that_reached_nobody_says_so_of_all() -> None:
    world = ringing_world(most=2)
    call = world.arrive(SALES)
    leg_fails(world, call, "1002", 21)
    world.fail(call, "CHANUNAVAIL", 21)
    assert ended(world) == [(ANNA, "unregistered")]


def test_the_caller_who_hangs_up_stops_all_of_them() -> None:
    world = ringing_world()
    call = world.arrive(SALES)
    world.hang_up(call)
    assert ended(world) == [(BILAL, "caller_gone"), (CARLA, "caller_gone"), (ANNA, "caller_gone")]
    (end,) = world.facts(ev.ContactEnded)
    assert isinstance(end, ev.ContactEnded) and end.outcome is Outcome.ABANDONED_RINGING
    assert {agent.state for agent in world.floor.agents.values()} == {AgentState.IDLE}
    assert {agent.status for agent in world.floor.agents.values()} == {Status.READY}


def test_an_agent_who_hangs_up_before_the_bridge_gives_the_caller_back_to_the_old_place() -> None:
    """AQ #1557. The dialplan holds the caller again; the others are free and ring again."""
    world = ringing_world()
    call = world.arrive(SALES)
    since = world.contact(call).queued_at
    answer_at(world, call, "1001")
    world.agent_hangs_up(call)
    world.hold(call, SALES, since=since)
    contact = world.contact(call)
    assert contact.queued_at == since and contact.state is ContactState.OFFERED
    assert set(contact.legs) == {BILAL, CARLA, DAVID}


def test_who_signs_out_or_goes_on_a_break_rings_on_and_is_not_to_blame() -> None:
    world = ringing_world(not_ready=True)
    call = world.arrive(SALES)
    world.put(inp.SignOutAsked(agent=ANNA))
    world.put(inp.NotReadyAsked(agent=BILAL, reason="break"))
    assert world.contact(call).legs == (ANNA, BILAL, CARLA)
    world.wait(20)
    world.fail(call, "NOANSWER", 0)
    assert world.agent(ANNA).status is Status.SIGNED_OUT
    assert world.agent(BILAL).reason == "break"
    assert world.agent(CARLA).reason == "rona"


def test_who_signs_out_while_it_rings_may_still_answer() -> None:
    world = ringing_world()
    call = world.arrive(SALES)
    world.put(inp.SignOutAsked(agent=ANNA))
    answer_at(world, call, "1001")
    assert world.contact(call).agent == ANNA and world.agent(ANNA).pending()


def test_who_becomes_ready_while_it_rings_does_not_join() -> None:
    """Joining would stop the handsets that ring; the next who waits is not kept waiting either."""
    world = open_world(ringing_plan())
    world.sign_in("anna", "bilal")
    call = world.arrive(SALES)
    world.sign_in("carla")
    assert world.contact(call).legs == (ANNA, BILAL)
    second = world.arrive(SALES)
    assert world.contact(second).legs == (CARLA,)


def test_nobody_waits_because_another_rings_at_several() -> None:
    world = open_world(ringing_plan(most=8))
    calls = [world.arrive(SALES) for _ in range(3)]
    # All become ready in one moment: a PBX that is steered again.
    world.put(inp.PbxAbsent(pbx=PBX, why="?"))
    world.sign_in("anna", "bilal", "carla", "david")
    world.compare(*(seen(call, Place.HOLD, queued_at=world.contact(call).queued_at) for call in calls))
    assert [len(world.contact(call).legs) for call in calls] == [2, 1, 1]
    check_floor(world.floor)


def test_the_others_are_offered_who_waits_as_soon_as_one_has_answered() -> None:
    world = ringing_world(most=4)
    first, second = world.arrive(SALES), world.arrive(SALES)
    assert world.contact(second).state is ContactState.WAITING
    answer_at(world, first, "1003")
    assert set(world.contact(second).legs) == {ANNA, BILAL, DAVID}


def test_a_dialplan_that_cannot_ring_several_rings_one() -> None:
    world = World()
    world.put(inp.ConfigurationLoaded(plan=ringing_plan()))
    world.compare(edition=2)
    world.sign_in("anna", "bilal")
    call = world.arrive(SALES)
    assert world.contact(call).legs == (ANNA,)
    world.hang_up(call)
    world.compare(edition=3)
    assert world.floor.state.editions == {PBX: 3}
    assert world.contact(world.arrive(SALES)).legs == (ANNA, BILAL)
    world.compare(edition=3)
    assert "DialplanSeen" not in world.kinds()


def test_a_step_may_ring_all() -> None:
    made = plan(CREW)
    sales, support = made.queues
    sales = msgspec.structs.replace(sales, steps=(RoutingStep(after_s=10, strategy=Strategy.RING_ALL),))
    world = open_world(msgspec.structs.replace(made, queues=(sales, support)))
    call = world.arrive(SALES)
    world.wait(10).put(inp.TimePassed())
    world.sign_in("anna")
    assert world.contact(call).legs == (ANNA,)


def test_a_comparison_finds_who_answered_of_those_who_rang() -> None:
    world = ringing_world()
    call = world.arrive(SALES)
    offer = world.offer(call)
    world.wait(5)
    world.compare(seen(call, Place.TALK, offer=offer, endpoint="1003"))
    assert ended(world) == [(ANNA, "answered_elsewhere"), (BILAL, "answered_elsewhere")]
    assert world.contact(call).agent == CARLA
    (connected,) = world.facts(ev.ContactConnected)
    assert isinstance(connected, ev.ContactConnected) and connected.seen_late and connected.offer == offer


def test_a_comparison_leaves_alone_what_still_rings() -> None:
    world = ringing_world()
    call = world.arrive(SALES)
    world.wait(5)
    same = seen(call, Place.OFFER, offer=world.offer(call), endpoint="1001", endpoints=("1001", "1002", "1003"))
    world.compare(same)
    assert world.kinds() == []


def test_a_comparison_finds_an_offer_that_rings_several_of_which_nothing_is_known() -> None:
    world = ringing_world()
    call = world.arrive()
    world.compare(
        seen(
            call,
            Place.OFFER,
            queued_at=world.now - 9,
            offer=OfferId("1-9999"),
            endpoint="1001",
            endpoints=("1001", "1002", "1003"),
        )
    )
    contact = world.contact(call)
    assert (contact.state, contact.legs) == (ContactState.OFFERED, (ANNA, BILAL, CARLA))
    check_floor(world.floor)
    answer_at(world, call, "1002")
    assert world.contact(call).agent == BILAL


def test_those_who_rang_may_be_found_with_others() -> None:
    world = ringing_world()
    call, other = world.arrive(SALES), world.arrive()
    world.wait(5)
    world.compare(
        seen(call, Place.TALK, offer=world.offer(call), endpoint="1003"),
        seen(other, Place.TALK, queued_at=world.now - 9, endpoint="1001"),
    )
    assert (world.contact(call).agent, world.contact(other).agent) == (CARLA, ANNA)
    check_floor(world.floor)


def test_who_would_be_recorded_does_not_ring_beside_who_would_not() -> None:
    """One Dial() says for all whether the talk is recorded."""
    made = ringing_plan()
    agents = tuple(msgspec.structs.replace(one, record=True if one.id == BILAL else None) for one in made.agents)
    world = open_world(msgspec.structs.replace(made, agents=agents))
    world.sign_in("anna", "bilal", "carla")
    assert world.contact(world.arrive(SALES)).legs == (ANNA, CARLA)


def test_to_ring_beside_another_is_a_turn() -> None:
    world = ringing_world(most=2)
    world.arrive(SALES)
    assert world.agent(BILAL).offered_seq > world.agent(ANNA).offered_seq > 0


def test_who_is_back_in_the_hold_rings_nowhere() -> None:
    world = ringing_world()
    call = world.arrive(SALES)
    world.wait(5)
    world.compare(seen(call, Place.HOLD, queued_at=world.contact(call).queued_at))
    assert dict(ended(world)) == dict.fromkeys((ANNA, BILAL, CARLA), "lost")
    assert {world.agent(name).status for name in CREW} == {Status.READY}


def test_a_refused_redirect_takes_all_legs_back() -> None:
    world = ringing_world()
    call = world.arrive(SALES)
    world.put(inp.CommandFailed(contact=call.contact, offer=world.offer(call), why="No such channel"))
    assert dict(ended(world)) == dict.fromkeys((ANNA, BILAL, CARLA), "not_sent")
    assert {world.agent(name).state for name in CREW} == {AgentState.IDLE}


def test_who_rings_beside_another_will_be_free_in_a_moment() -> None:
    alone, beside = ringing_world(most=2), ringing_world(most=4)
    for world in (alone, beside):
        for name in ("carla", "david") if world is alone else ():
            world.put(inp.SignOutAsked(agent=AgentId(name)))
        world.arrive(SALES)
    waits = [estimated_wait(world.floor, SALES, world.now, pbx=PBX) for world in (alone, beside)]
    assert all(one is not None and one.median_s < 30 for one in waits)


def test_no_leg_takes_the_agent_of_somebody_older_on_the_way_back() -> None:
    """David serves support as well, and a caller of support comes back out of the static queue."""
    world = open_world(ringing_plan(most=4))
    older = world.arrive()
    world.wait(5).compare(seen(older, Place.FALLBACK, queue=SUPPORT, queued_at=world.now - 4))
    world.sign_in("anna", "bilal", "carla", "david")
    world.now = world.steps[0].at + 7
    assert world.contact(world.arrive(SALES)).legs == (ANNA, BILAL, CARLA)
    world.hold(older, SUPPORT)
    assert world.contact(older).agent == DAVID


def test_whom_a_supervisor_takes_off_the_floor_rings_no_more() -> None:
    world = ringing_world(most=2)
    call = world.arrive(SALES)
    made = world.put(inp.SignOutAsked(agent=BILAL, by=By.SUPERVISOR))
    assert dict(ended(world)) == {BILAL: "withdrawn", ANNA: "withdrawn"}
    assert [type(command) for command in made.commands] == [WithdrawOffer]
    world.hold(call, SALES)
    assert world.contact(call).legs == (ANNA, CARLA)
