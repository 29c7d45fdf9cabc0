"""Offers: who gets which, and what becomes of one that fails."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import UNREGISTERED, AgentState, Handset, Status
from contactd.core.commands import ComparePbx, RingAgent
from contactd.core.contact import ContactState, Outcome
from contactd.core.events import OfferOutcome
from contactd.core.ids import OfferId
from contactd.core.inputs import Place
from contactd.core.offers import outcome_of
from contactd.core.plan import QueuePlan
from tests.core.world import ANNA, BILAL, OTHER_PBX, PBX, SALES, START, SUPPORT, open_world, plan, seen


def test_an_offer_rings_the_longest_idle_agents_handset() -> None:
    world = open_world()
    world.sign_in(BILAL, ANNA)
    call = world.arrive(SALES)
    contact = world.contact(call)
    assert contact.state is ContactState.OFFERED
    assert contact.agent == BILAL
    assert world.commands == [
        RingAgent(
            pbx=PBX,
            contact=call.contact,
            channel=call.channel,
            endpoint="1002",
            offer=OfferId(f"1-{world.floor.seq}"),
            ring_s=20,
        )
    ]
    assert world.agent(BILAL).state is AgentState.OFFERED


def test_a_handset_rings_for_as_long_as_the_queue_says() -> None:
    quick = msgspec.structs.replace(plan(), queues=(QueuePlan(id=SALES, ring_s=7), QueuePlan(id=SUPPORT, ring_s=9)))
    world = open_world(quick)
    world.sign_in(ANNA)
    world.arrive(SUPPORT)
    (command,) = world.commands
    assert isinstance(command, RingAgent) and command.ring_s == 9


def test_equally_idle_agents_are_taken_by_id() -> None:
    world = open_world(plan({"zoe": [SALES], "adam": [SALES]}))
    for name in ("zoe", "adam"):
        world.handset(name, Handset.FREE)
        world.put(inp.SignInAsked(agent=world.agent(name).id, pin_right=True))
    assert world.contact(world.arrive(SALES)).agent == "adam"


def test_first_come_first_served_across_queues() -> None:
    world = open_world()
    first, second = world.arrive(SUPPORT), world.arrive(SALES)
    world.sign_in(ANNA)
    assert world.contact(first).state is ContactState.OFFERED
    assert world.contact(second).state is ContactState.WAITING


def test_the_place_counts_and_not_the_order_of_the_reports() -> None:
    world = open_world()
    late, early = world.arrive(), world.arrive()
    world.hold(late, SALES)
    world.hold(early, SALES, since=START)
    world.sign_in(ANNA)
    assert world.contact(early).state is ContactState.OFFERED


def test_a_contact_that_nobody_can_serve_blocks_nobody_behind_it() -> None:
    # AQ #1561
    world = open_world(plan({ANNA: [SUPPORT]}))
    first, second = world.arrive(SALES), world.arrive(SUPPORT)
    world.sign_in(ANNA)
    assert world.contact(second).agent == ANNA
    assert world.contact(first).state is ContactState.WAITING


def test_one_step_offers_to_every_free_agent() -> None:
    world = open_world()
    world.sign_in(ANNA, BILAL)
    world.put(inp.PbxAbsent(pbx=PBX, why="a cable"))
    calls = [world.arrive(SALES) for _ in range(3)]
    held = [seen(call, Place.HOLD, queued_at=world.contact(call).queued_at) for call in calls]
    world.compare(*held)
    assert world.kinds() == ["PbxSteered", "ContactOffered", "ContactOffered"]
    assert [world.contact(call).agent for call in calls] == [ANNA, BILAL, None]


def test_an_agent_of_another_pbx_is_not_offered_the_contact() -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.compare(pbx=OTHER_PBX)
    call = world.arrive(SALES, pbx=OTHER_PBX)
    assert world.contact(call).state is ContactState.WAITING


def test_nothing_is_offered_while_the_pbx_is_away() -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.put(inp.PbxAbsent(pbx=PBX, why="the AMI link broke"))
    assert world.kinds() == ["PbxLost"]
    call = world.arrive(SALES)
    assert world.contact(call).state is ContactState.WAITING
    assert world.put(inp.PbxAbsent(pbx=PBX, why="still")).events == []


def test_nobody_is_offered_before_the_dialplan_says_that_they_are_held() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive()
    world.put(inp.MenuAnswered(contact=call.contact, menu="main", choice="1", queue=SALES))
    assert world.contact(call).state is ContactState.MENU
    assert world.contact(call).queue == SALES


def test_an_answer_connects_and_tells_how_long_the_contact_waited() -> None:
    world = open_world()
    call = world.arrive(SALES)
    world.wait(9).sign_in(ANNA)
    world.wait(5).answer(call)
    assert world.steps[-1].events == [
        ev.ContactConnected(contact=call.contact, agent=ANNA, offer=world.offer(call), waited_s=15.0)
    ]
    assert world.contact(call).handled
    assert world.agent(ANNA).state is AgentState.BUSY


def test_declined_offer_returns_the_contact_to_its_place() -> None:
    world = open_world()
    world.sign_in(ANNA)
    first, second = world.arrive(SALES), world.arrive(SALES)
    world.wait(3).fail(first, "CHANUNAVAIL", 21)
    world.hold(first, SALES)
    # The declining agent is not ready; the next one who is gets the first, not the second.
    world.sign_in(BILAL)
    assert world.contact(first).agent == BILAL
    assert world.contact(second).state is ContactState.WAITING


def test_a_contact_whose_offer_failed_waits_for_the_hold_loop() -> None:
    world = open_world()
    world.sign_in(ANNA, BILAL)
    call = world.arrive(SALES)
    world.fail(call, "NOANSWER", 0)
    assert world.contact(call).state is ContactState.WAITING
    assert world.commands == []
    world.hold(call, SALES)
    assert world.kinds() == ["ContactHeld", "ContactOffered"]
    assert world.contact(call).agent == BILAL


@pytest.mark.parametrize(
    ("dial_status", "cause", "outcome"),
    [
        ("NOANSWER", 0, OfferOutcome.RONA),
        ("NOANSWER", 19, OfferOutcome.RONA),
        ("NOANSWER", 21, OfferOutcome.DECLINED),
        ("BUSY", 17, OfferOutcome.BUSY),
        ("CHANUNAVAIL", 29, OfferOutcome.NOT_ACCEPTED),
        ("NOANSWER", 29, OfferOutcome.NOT_ACCEPTED),
        ("CANCEL", 29, OfferOutcome.CALLER_GONE),
        ("CHANUNAVAIL", 21, OfferOutcome.DECLINED),
        ("CHANUNAVAIL", 3, OfferOutcome.UNREGISTERED),
        ("CHANUNAVAIL", 20, OfferOutcome.UNREGISTERED),
        ("CONGESTION", 34, OfferOutcome.UNREGISTERED),
        ("CANCEL", 0, OfferOutcome.CALLER_GONE),
        ("STALE", 0, OfferOutcome.LOST),
        ("what Asterisk 30 invents", 0, OfferOutcome.RONA),
    ],
)
def test_what_dialstatus_and_cause_mean(dial_status: str, cause: int, outcome: OfferOutcome) -> None:
    assert outcome_of(dial_status, cause) is outcome


@pytest.mark.parametrize(
    ("dial_status", "cause", "reason"),
    [("NOANSWER", 0, "rona"), ("BUSY", 17, "busy"), ("CHANUNAVAIL", 21, "declined"), ("CHANUNAVAIL", 3, UNREGISTERED)],
)
def test_who_does_not_take_an_offer_is_not_ready_with_the_reason(dial_status: str, cause: int, reason: str) -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.fail(world.arrive(SALES), dial_status, cause)
    agent = world.agent(ANNA)
    assert (agent.status, agent.reason, agent.state) == (Status.NOT_READY, reason, AgentState.IDLE)


@pytest.mark.parametrize("dial_status", ["CANCEL", "STALE"])
def test_an_offer_that_failed_through_no_fault_of_the_agent_leaves_them_ready(dial_status: str) -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.fail(world.arrive(SALES), dial_status)
    assert world.agent(ANNA).available()


def test_an_offer_does_not_cost_the_agent_the_place_among_the_idle() -> None:
    world = open_world()
    world.sign_in(ANNA, BILAL)
    gone = world.arrive(SALES)
    world.wait(5).hang_up(gone)
    assert world.contact(world.arrive(SALES)).agent == ANNA


def test_an_agent_who_chose_a_break_while_ringing_keeps_that_reason() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.put(inp.NotReadyAsked(agent=ANNA, reason="lunch"))
    world.fail(call, "NOANSWER")
    assert world.agent(ANNA).reason == "lunch"


def test_a_caller_who_hangs_up_while_ringing_abandons_and_frees_the_agent() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.wait(4).hang_up(call)
    assert world.kinds() == ["OfferEnded", "ContactEnded"]
    ended = world.steps[-1].events[1]
    assert isinstance(ended, ev.ContactEnded)
    assert (ended.outcome, ended.waited_s) == (Outcome.ABANDONED_RINGING, 4.0)
    assert world.agent(ANNA).available()


def test_a_refused_redirect_takes_the_offer_back_and_compares() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    offer = world.offer(call)
    world.put(inp.CommandFailed(contact=call.contact, offer=offer, why="No such channel"))
    assert world.facts(ev.OfferEnded)[-1] == ev.OfferEnded(
        contact=call.contact, agent=ANNA, offer=offer, outcome=OfferOutcome.NOT_SENT
    )
    # No tight loop: nobody is offered again before somebody says where the caller stands.
    assert world.commands == [ComparePbx(pbx=PBX, why="No such channel")]
    assert world.contact(call).state is ContactState.WAITING
    assert world.agent(ANNA).available()


def test_a_late_answer_or_failure_of_an_older_offer_yields_nothing() -> None:
    world = open_world()
    world.sign_in(ANNA, BILAL)
    call = world.arrive(SALES)
    old = world.offer(call)
    world.fail(call, "NOANSWER")
    world.hold(call, SALES)
    assert world.put(inp.OfferFailed(contact=call.contact, offer=old, dial_status="BUSY", cause=17)).events == []
    assert world.put(inp.CommandFailed(contact=call.contact, offer=old, why="late")).events == []
    late = world.put(inp.OfferAnswered(contact=call.contact, offer=old))
    assert late.events == []
    assert late.commands == [ComparePbx(pbx=PBX, why="an offer was answered that is not running")]


def test_a_decline_after_the_caller_hung_up_yields_nothing() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    offer = world.offer(call)
    world.hang_up(call)
    assert world.put(inp.OfferFailed(contact=call.contact, offer=offer, dial_status="BUSY", cause=17)).events == []
    assert world.put(inp.OfferAnswered(contact=call.contact, offer=offer)).commands == []
    assert world.hang_up(call).events == []


def test_a_second_answer_of_a_running_talk_asks_for_nothing() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    again = world.answer(call)
    assert (again.events, again.commands) == ([], [])


def test_held_again_while_offered_ends_the_offer() -> None:
    # The end of the offer was lost on the way; where the caller stands says it too.
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.hold(call, SALES)
    assert world.kinds() == ["OfferEnded", "ContactHeld", "ContactOffered"]


@pytest.mark.parametrize(("outside", "again"), [(True, True), (False, False)])
def test_a_number_outside_that_is_not_reached_is_tried_again_and_a_handset_when_it_is_back(
    outside: bool, again: bool
) -> None:
    made = plan({"anna": [SALES]})
    if outside:
        (anna,) = made.agents
        made = msgspec.structs.replace(made, agents=(msgspec.structs.replace(anna, endpoint="@anna"),))
    world = open_world(made)
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    (command,) = world.commands
    assert isinstance(command, RingAgent) and command.endpoint == ("@anna" if outside else "1001")
    world.put(inp.OfferFailed(contact=call.contact, offer=world.offer(call), dial_status="CHANUNAVAIL", cause=20))
    assert (world.agent(ANNA).status, world.agent(ANNA).reason) == (Status.NOT_READY, UNREGISTERED)
    assert (world.agent(ANNA).ready_at is not None) is again


def test_who_does_not_accept_outside_is_not_ready_until_somebody_says_so() -> None:
    made = plan({"anna": [SALES]})
    (anna,) = made.agents
    world = open_world(msgspec.structs.replace(made, agents=(msgspec.structs.replace(anna, endpoint="@anna"),)))
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.put(inp.OfferFailed(contact=call.contact, offer=world.offer(call), dial_status="CHANUNAVAIL", cause=29))
    agent = world.agent(ANNA)
    assert (agent.status, agent.reason, agent.ready_at) == (Status.NOT_READY, "not_accepted", None)
    assert world.contact(call).state is ContactState.WAITING
