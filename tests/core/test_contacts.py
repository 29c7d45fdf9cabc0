"""A contact's way through the floor, from arrival to end."""

from __future__ import annotations

import uuid

import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import AgentState, Engagement
from contactd.core.commands import ReturnToHold
from contactd.core.contact import ContactState, Outcome
from contactd.core.errors import FloorBug
from contactd.core.floor import Floor, LiveFloor
from contactd.core.ids import ContactId, OfferId, QueueId, call_started, contact_id
from contactd.core.step import step
from tests.core.world import ANNA, BILAL, OTHER_PBX, PBX, SALES, START, SUPPORT, World, open_world, plan


def ended(world: World) -> ev.ContactEnded:
    event = world.steps[-1].events[-1]
    assert isinstance(event, ev.ContactEnded)
    return event


def test_a_contact_id_is_the_same_from_whichever_side_it_is_heard() -> None:
    one = contact_id(PBX, "pbx1-1700000000.12", START)
    assert one == contact_id(PBX, "pbx1-1700000000.12", START + 50)
    assert one != contact_id(OTHER_PBX, "pbx1-1700000000.12", START)
    value = uuid.UUID(one)
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert value.int >> 80 == 1_700_000_000_000


@pytest.mark.parametrize(
    ("call", "started"),
    [
        ("pbx1-1700000000.12", 1_700_000_000.0),
        ("1700000000.12", 1_700_000_000.0),
        ("my-pbx-1700000000.12", 1_700_000_000.0),
        ("9999999999.1", START),
        ("from-elsewhere", START),
        ("", START),
        ("pbx1-1234567890123456.1", START),
    ],
)
def test_when_a_call_started_is_read_from_its_uniqueid_and_never_lies_in_the_future(call: str, started: float) -> None:
    assert call_started(call, START) == started


def test_a_call_arrives_once() -> None:
    world = open_world()
    call = world.arrive()
    assert world.kinds() == ["ContactArrived"]
    assert world.put(call).events == []


def test_the_menus_choice_is_kept_and_a_queue_that_is_gone_becomes_the_default() -> None:
    world = open_world()
    first, second = world.arrive(), world.arrive()
    world.put(inp.MenuAnswered(contact=first.contact, menu="main", choice="2", queue=SUPPORT))
    world.put(inp.MenuAnswered(contact=second.contact, menu="main", choice="9", queue=QueueId("gone")))
    assert world.contact(first).queue == SUPPORT
    assert world.contact(second).queue == SALES


def test_a_menu_answered_too_late_yields_nothing() -> None:
    world = open_world()
    call = world.arrive(SALES)
    late = inp.MenuAnswered(contact=call.contact, menu="main", choice="2", queue=SUPPORT)
    assert world.put(late).events == []
    world.hang_up(call)
    assert world.put(late).events == []


def test_a_held_call_that_was_never_announced_is_adopted() -> None:
    world = open_world()
    call = world.arrive(SALES)
    floor = open_world()
    floor.wait(100).hold(call, SALES, since=call_started(call.call, START))
    assert floor.kinds() == ["ContactAdopted", "ContactQueued"]
    contact = floor.contact(call)
    assert contact.arrived_at == call_started(call.call, floor.now)
    assert (contact.state, contact.held) == (ContactState.WAITING, True)


def test_a_place_in_line_never_lies_in_the_future() -> None:
    world = open_world()
    call = world.arrive()
    world.hold(call, SALES, since=world.now + 3600)
    assert world.contact(call).queued_at == world.now


def test_held_twice_says_it_once() -> None:
    world = open_world()
    call = world.arrive(SALES)
    assert world.hold(call, SALES).events == []


def test_held_in_another_queue_moves_there() -> None:
    world = open_world()
    call = world.arrive(SALES)
    world.hold(call, SUPPORT)
    assert world.kinds() == ["ContactQueued"]
    assert world.contact(call).queue == SUPPORT


def test_a_caller_who_leaves_the_menu_abandoned_there() -> None:
    world = open_world()
    call = world.arrive()
    world.wait(7).hang_up(call)
    assert (ended(world).outcome, ended(world).waited_s, ended(world).lasted_s) == (
        Outcome.ABANDONED_IN_MENU,
        None,
        7.0,
    )
    assert call.contact not in world.floor.contacts


def test_a_caller_who_leaves_the_queue_abandoned_waiting() -> None:
    world = open_world()
    call = world.arrive(SALES)
    world.wait(12).hang_up(call)
    assert (ended(world).outcome, ended(world).waited_s) == (Outcome.ABANDONED_WAITING, 12.0)
    assert world.floor.waiting == []


def test_a_caller_who_hangs_up_ends_the_talk_and_is_handled() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.wait(2).answer(call)
    world.wait(60).hang_up(call)
    assert world.steps[-1].events[0] == ev.TalkEnded(
        contact=call.contact, agent=ANNA, by="caller", talk_s=60.0, wrap_up_until=world.now + 30
    )
    assert (ended(world).outcome, ended(world).waited_s) == (Outcome.HANDLED, 2.0)


def test_an_agent_who_hangs_up_is_free_of_a_caller_who_stays() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.wait(60).agent_hangs_up(call)
    assert world.contact(call).state is ContactState.RELEASED
    assert world.facts(ev.TalkEnded)[-1].by == "agent"  # type: ignore[attr-defined]
    assert world.agent(ANNA).state is AgentState.WRAP_UP
    world.hang_up(call)
    assert ended(world).outcome is Outcome.HANDLED


def test_a_hang_up_of_an_earlier_offers_agent_does_not_end_the_talk() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    assert world.put(inp.AgentHungUp(contact=call.contact, offer=OfferId("0-1"))).events == []
    assert world.contact(call).state is ContactState.CONNECTED


def test_a_transfer_into_a_queue_begins_a_new_wait() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    moved_at = world.wait(100).now
    world.hold(call, SUPPORT, since=moved_at)
    assert world.kinds() == ["TalkEnded", "ContactQueued"]
    contact = world.contact(call)
    assert (contact.queue, contact.queued_at, contact.agent) == (SUPPORT, moved_at, None)


def test_a_transfer_seen_first_as_the_agents_leaving_is_queued_as_well() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.agent_hangs_up(call, transferred=True)
    assert world.facts(ev.TalkEnded)[-1].by == "transfer"  # type: ignore[attr-defined]
    world.hold(call, SUPPORT)
    assert world.contact(call).queue == SUPPORT
    world.sign_in(BILAL)
    assert world.contact(call).agent == BILAL


def test_a_caller_of_the_static_queue_is_fetched_back_to_the_old_place() -> None:
    world = open_world()
    call = world.arrive(SALES)
    place = world.contact(call).queued_at
    world.wait(60).fall_back(call)
    assert world.contact(call).state is ContactState.FALLBACK
    assert world.commands == [ReturnToHold(pbx=PBX, contact=call.contact, channel=call.channel)]
    world.hold(call, SALES)
    assert (world.contact(call).state, world.contact(call).queued_at) == (ContactState.WAITING, place)


def test_nobody_is_fetched_back_while_the_pbx_is_not_compared() -> None:
    world = open_world()
    call = world.arrive(SALES)
    world.put(inp.PbxAbsent(pbx=PBX, why="gone"))
    world.fall_back(call)
    assert world.commands == []


def test_falling_back_out_of_an_offer_ends_it_and_out_of_a_talk_is_late() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.fall_back(call)
    assert world.kinds() == ["OfferEnded", "ContactFellBack"]
    world.hold(call, SALES)
    world.answer(call)
    assert world.fall_back(call).events == []


def test_an_unknown_caller_of_the_static_queue_is_adopted() -> None:
    world = open_world()
    call = world.arrive()
    fresh = open_world()
    fresh.wait(9).fall_back(call)
    assert fresh.kinds() == ["ContactAdopted", "ContactFellBack"]


@pytest.mark.parametrize(
    "input_",
    [
        inp.MenuAnswered(contact=ContactId("nobody"), menu="m", choice="1", queue=SALES),
        inp.OfferAnswered(contact=ContactId("nobody"), offer=OfferId("1-1")),
        inp.OfferFailed(contact=ContactId("nobody"), offer=OfferId("1-1"), dial_status="BUSY", cause=17),
        inp.CallerHungUp(contact=ContactId("nobody"), cause=16),
        inp.AgentHungUp(contact=ContactId("nobody"), offer=OfferId("1-1")),
        inp.TransferCompleted(contact=ContactId("nobody"), offer=OfferId("1-1"), endpoint="1001"),
        inp.CommandFailed(contact=ContactId("nobody"), offer=OfferId("1-1"), why="?"),
        inp.TimePassed(),
    ],
)
def test_what_is_said_of_nobody_yields_nothing(input_: inp.Input) -> None:
    made = open_world().put(input_)
    assert (made.events, made.commands) == ([], [])


def test_an_input_before_the_configuration_is_a_bug_that_changes_nothing() -> None:
    floor = LiveFloor(Floor(epoch=1))
    call = open_world().arrive()
    held = inp.CallHeld(
        contact=call.contact, pbx=PBX, call=call.call, channel="c", dnis="", queue=SALES, queued_at=START
    )
    made = step(floor, held, START)
    assert made.bug is not None and "ConfigurationLoaded" in made.bug
    assert (floor.seq, made.events, made.commands) == (0, [], [])


def test_an_event_that_cannot_follow_raises_and_changes_nothing() -> None:
    world = open_world()
    call = world.arrive(SALES)
    seq = world.floor.seq
    for event in (
        ev.TalkEnded(contact=call.contact, agent=ANNA, by="caller", talk_s=1, wrap_up_until=None),
        ev.ContactOffered(contact=call.contact, agent=world.agent(ANNA).id, offer=OfferId("1-1")),
        ev.ContactOffered(contact=ContactId("nobody"), agent=ANNA, offer=OfferId("1-2")),
    ):
        if isinstance(event, ev.ContactOffered) and event.contact == call.contact:
            other = Engagement(contact=ContactId("another"), state=AgentState.BUSY, since=world.now)
            world.agent(ANNA).engagements.append(other)
        with pytest.raises(FloorBug):
            world.floor.apply(event, world.now)
        assert world.floor.seq == seq
        assert world.contact(call).state is ContactState.WAITING


def test_who_is_sent_away_after_the_longest_wait_timed_out_and_who_was_served_before_is_handled() -> None:
    world = open_world()
    call = world.arrive(SALES)
    world.wait(7200).put(inp.CallerHungUp(contact=call.contact, cause=16, timed_out=True))
    assert (ended(world).outcome, ended(world).waited_s) == (Outcome.TIMED_OUT, 7200.0)
    world.sign_in(ANNA)
    served = world.arrive(SALES)
    world.answer(served)
    world.hold(served, SUPPORT)
    world.put(inp.CallerHungUp(contact=served.contact, cause=16, timed_out=True))
    assert ended(world).outcome is Outcome.HANDLED


def test_a_stamp_before_the_arrival_makes_no_negative_time() -> None:
    world = open_world()
    call = world.arrive(SALES)
    world.put(inp.CallerHungUp(contact=call.contact, cause=16), at=world.now - 2)
    assert (ended(world).waited_s, ended(world).lasted_s) == (0.0, 0.0)


def test_a_lost_frames_numbers_are_used_up() -> None:
    world = open_world(plan())
    first = world.floor.seq + 1
    gap = ev.FactQuarantined(file="f", sha256="0" * 64, first_seq=first, last_seq=first + 9, why="?")
    world.floor.apply(gap, world.now)
    assert world.floor.seq == first + 9
