"""Limits, steps that go elsewhere, and what becomes of whoever is sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contactd.config.sections import DestinationTable, KeyTable
from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.commands import ComparePbx, DivertCaller
from contactd.core.contact import ContactState, Needs, Outcome
from contactd.core.destination import (
    KINDS,
    Destination,
    ToExternal,
    ToMessage,
    Tone,
    ToQueue,
    ToTone,
    ToVoicemail,
    kind_of,
)
from contactd.core.events import DiversionFailure
from contactd.core.ids import ContactId, DiversionId, GroupId, OfferId, QueueId
from contactd.core.inputs import Place
from contactd.core.plan import FloorPlan, Medium, RoutingStep
from contactd.core.routing.demand import target_of
from contactd.core.routing.index import ASKED
from contactd.core.routing.waits import estimated_wait
from tests.core.invariants import check_floor, restarted
from tests.core.world import (
    ANNA,
    BILAL,
    OTHER_PBX,
    PBX,
    SALES,
    START,
    SUPPORT,
    World,
    never_announced,
    open_world,
    plan,
    seen,
)

BOX, OUT = ToVoicemail(box="100"), ToExternal(number="030123")
THIRD = QueueId("third")
S = ContactState


def planned(**queues: dict[str, Any]) -> FloorPlan:
    """Queues by name with what is given of each; Anna serves all of them, Bilal support only."""
    names = tuple(QueueId(name) for name in queues)
    made = plan({ANNA: names, BILAL: [name for name in names if name == SUPPORT]}, names)
    replaced = tuple(msgspec.structs.replace(queue, **queues[queue.id]) for queue in made.queues)
    return msgspec.structs.replace(made, queues=replaced)


def full(most: int, to: Destination) -> dict[str, Any]:
    return {"max_waiting": most, "full": to}


def steps(*goes: tuple[int, Destination | None]) -> dict[str, Any]:
    return {"steps": tuple(RoutingStep(after_s=after_s, go=to) for after_s, to in goes)}


def diverted(world: World) -> list[tuple[str, str]]:
    """Why, and to which kind of destination, in the last step."""
    return [(e.why, kind_of(e.to)) for e in world.steps[-1].events if isinstance(e, ev.ContactDiverted)]


def sent(world: World) -> DivertCaller:
    """The last step's only command."""
    (command,) = world.commands
    assert isinstance(command, DivertCaller)
    return command


def outcome(world: World) -> ev.ContactEnded:
    (ended,) = world.facts(ev.ContactEnded)
    assert isinstance(ended, ev.ContactEnded)
    return ended


# --- limits -----------------------------------------------------------------------------------------------------------


def test_who_comes_into_a_full_queue_goes_where_it_says() -> None:
    world = open_world(planned(sales=full(2, BOX)))
    first, second = world.arrive(SALES), world.arrive(SALES)
    third = world.arrive(SALES)
    assert world.kinds() == ["ContactQueued", "ContactDiverted"]
    assert diverted(world) == [("full", "voicemail")]
    command = sent(world)
    assert (command.contact, command.channel, command.to, command.epoch) == (third.contact, third.channel, BOX, 1)
    assert [world.contact(call).state for call in (first, second, third)] == [S.WAITING, S.WAITING, S.DIVERTED]


@pytest.mark.parametrize("leaves", ["hangs up", "is answered"])
def test_a_place_that_becomes_free_is_anybodys(leaves: str) -> None:
    world = open_world(planned(sales=full(1, BOX)))
    first = world.arrive(SALES)
    if leaves == "hangs up":
        world.hang_up(first)
    else:
        world.sign_in(ANNA)
        assert world.contact(first).state is S.OFFERED
        world.arrive(SALES)
        assert diverted(world) == [("full", "voicemail")]
        world.answer(first)
    world.arrive(SALES)
    assert diverted(world) == []


def test_who_comes_back_from_an_offer_or_the_static_queue_is_never_refused() -> None:
    world = open_world(planned(sales=full(1, BOX)))
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.fail(call, "NOANSWER")
    world.put(inp.ReadyAsked(agent=ANNA))
    world.arrive(SALES)
    assert diverted(world) == [("full", "voicemail")]
    world.hold(call, SALES)
    assert diverted(world) == [] and world.contact(call).state is S.OFFERED
    world.fall_back(call)
    world.hold(call, SALES)
    assert diverted(world) == []


def test_who_is_found_after_a_silence_is_not_refused() -> None:
    world = open_world(planned(sales=full(1, BOX)))
    first = world.arrive(SALES)
    lost = world.arrive()
    world.wait(60).compare(
        seen(first, Place.HOLD, queued_at=START + 1), seen(lost, Place.HOLD, queued_at=world.now - 9)
    )
    assert world.contact(lost).state is S.WAITING
    assert world.facts(ev.ContactDiverted) == []


def test_somebody_whom_nobody_announced_has_arrived_when_the_wait_is_young() -> None:
    world = open_world(planned(sales=full(1, BOX)))
    world.arrive(SALES)
    young, old = never_announced(7, world.now), never_announced(8, world.now)
    world.hold(young, SALES, since=world.now - 1.9)
    assert diverted(world) == [("full", "voicemail")]
    world.hold(old, SALES, since=world.now - 2)
    assert diverted(world) == []


def test_who_is_transferred_in_by_an_agent_arrives() -> None:
    world = open_world(planned(sales={}, support=full(1, BOX)))
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.arrive(SUPPORT)
    world.agent_hangs_up(call, transferred=True)
    world.hold(call, SUPPORT, since=world.now)
    assert diverted(world) == [("full", "voicemail")]
    world.hang_up(call)
    assert outcome(world).outcome is Outcome.HANDLED


def test_a_queue_that_is_full_passes_on_to_the_next_which_has_its_own_limit() -> None:
    world = open_world(
        planned(
            sales=full(1, ToQueue(queue=SUPPORT)),
            support=full(1, ToQueue(queue=THIRD)),
            third=full(1, ToTone(tone=Tone.BUSY)),
        )
    )
    calls = [world.arrive(SALES) for _ in range(4)]
    assert [(world.contact(c).queue, world.contact(c).state) for c in calls] == [
        (SALES, S.WAITING),
        (SUPPORT, S.WAITING),
        (THIRD, S.WAITING),
        (THIRD, S.DIVERTED),
    ]
    assert diverted(world) == [("full", "queue"), ("full", "queue"), ("full", "hang_up")]
    assert world.contact(calls[3]).passed == (SALES, SUPPORT)


def test_the_number_of_who_waits_is_exact_when_many_come_in_one_step() -> None:
    to_support = steps((60, ToQueue(queue=SUPPORT)))
    world = open_world(planned(sales=to_support, support=full(2, BOX)))
    calls = [world.arrive(SALES) for _ in range(4)]
    world.wait(90).put(inp.TimePassed())
    states = [(world.contact(call).queue, world.contact(call).state) for call in calls]
    assert states == [(SUPPORT, S.WAITING)] * 2 + [(SUPPORT, S.DIVERTED)] * 2
    ids = [command.diversion for command in world.commands if isinstance(command, DivertCaller)]
    assert len(set(ids)) == 2


def test_who_would_wait_for_too_long_goes_where_a_full_queue_sends() -> None:
    limit = {"max_estimated_wait_s": 300, "full": BOX}
    world = open_world(planned(sales=limit))
    world.arrive(SALES)
    assert diverted(world) == [], "nobody is there: nobody knows how long"
    world.sign_in(ANNA)
    first = next(iter(world.floor.contacts.values()))
    assert first.state is S.OFFERED
    world.put(inp.OfferAnswered(contact=first.id, offer=first.offer or OfferId("")))
    estimates = []
    for _ in range(9):
        estimate = estimated_wait(world.floor, SALES, world.now + 1, pbx=PBX)
        assert estimate is not None
        call = world.arrive(SALES)
        estimates.append((estimate.median_s, world.contact(call).state))
    assert {state for median_s, state in estimates if median_s <= 300} == {S.WAITING}, estimates
    assert {state for median_s, state in estimates if median_s > 300} == {S.DIVERTED}
    assert diverted(world) == [("estimated_wait", "voicemail")]


def test_the_place_of_who_comes_from_another_queue_counts_in_the_estimate() -> None:
    limited = {"max_estimated_wait_s": 400, "full": BOX}
    world = open_world(planned(sales=steps((60, ToQueue(queue=SUPPORT))), support=limited))
    world.sign_in(ANNA)
    talking = world.arrive(SUPPORT)
    world.answer(talking)
    old = world.arrive(SALES)
    world.wait(30)
    young = [world.arrive(SUPPORT) for _ in range(6)]
    assert world.contact(young[-1]).state is S.DIVERTED, "the queue takes no newcomer"
    world.wait(25).put(inp.TimePassed())
    assert (world.contact(old).queue, world.contact(old).state) == (SUPPORT, S.WAITING)


def test_a_crowd_is_counted_in_whole_where_something_is_decided_by_it() -> None:
    """Of a large crowd an estimate counts a sample, which a floor from a snapshot draws otherwise."""
    limit = {"max_estimated_wait_s": 86_400, "full": BOX}
    world = open_world(planned(sales=limit))
    world.sign_in(ANNA)
    for number in range(2 * ASKED):
        call = never_announced(number, world.now)
        world.hold(call, SALES, since=world.now - number * 7919 % 100)
    somebody = next(contact for contact in world.floor.contacts.values() if contact.held)
    who = world.floor.routing.able(target_of(world.floor.queues[SALES], somebody, world.floor.agents))
    here, medium = (world.now - 50.0, ContactId("~")), Medium.VOICE
    again = restarted(world.floor)
    exact = world.floor.routing.ahead(here, who, medium, exact=True)
    assert exact == again.routing.ahead(here, who, medium, exact=True)
    assert exact == sum(rank <= here[0] for rank, _ in world.floor.waiting)


def test_a_queue_that_nobody_serves_now_sends_who_comes_away() -> None:
    world = open_world(planned(sales={"unstaffed": ToMessage(sound="closed")}))
    world.arrive(SALES)
    assert diverted(world) == [("unstaffed", "message")]
    world.sign_in(ANNA)
    world.put(inp.NotReadyAsked(agent=ANNA, reason="break"))
    waits = world.arrive(SALES)
    assert diverted(world) == [] and world.contact(waits).state is S.WAITING
    world.put(inp.SignOutAsked(agent=ANNA))
    assert world.contact(waits).state is S.WAITING
    world.arrive(SALES)
    assert diverted(world) == [("unstaffed", "message")]


def test_who_helps_by_a_group_at_a_later_step_staffs_the_queue() -> None:
    helped = {"unstaffed": BOX, "steps": (RoutingStep(after_s=60, also_groups=(GroupId("reserve"),)),)}
    made = planned(sales=helped, support={})
    agents = tuple(
        msgspec.structs.replace(agent, groups=(GroupId("reserve"),), queues=(SUPPORT,)) for agent in made.agents
    )
    world = open_world(msgspec.structs.replace(made, agents=agents))
    world.arrive(SALES)
    assert diverted(world) == [("unstaffed", "voicemail")]
    world.sign_in(BILAL)
    world.arrive(SALES)
    assert diverted(world) == []


def test_somebody_at_another_pbx_staffs_nothing_here() -> None:
    made = planned(sales={"unstaffed": BOX})
    agents = tuple(msgspec.structs.replace(agent, pbx=OTHER_PBX) for agent in made.agents)
    world = open_world(msgspec.structs.replace(made, agents=agents))
    world.sign_in(ANNA)
    world.arrive(SALES)
    assert diverted(world) == [("unstaffed", "voicemail")]


def test_nobody_is_sent_anywhere_on_a_pbx_that_is_not_steered() -> None:
    world = open_world(planned(sales={**full(1, BOX), **steps((30, BOX))}))
    world.put(inp.PbxAbsent(pbx=PBX, why="?"))
    calls = [world.arrive(SALES), world.arrive(SALES)]
    world.wait(60).put(inp.TimePassed())
    assert world.facts(ev.ContactDiverted) == []
    assert world.floor.wake_at() is None
    world.compare(*(seen(call, Place.HOLD, queued_at=world.contact(call).queued_at) for call in calls))
    assert world.floor.wake_at() is not None
    world.put(inp.TimePassed())
    assert diverted(world) == [("step", "voicemail")] * 2


# --- steps ------------------------------------------------------------------------------------------------------------


def test_a_step_goes_when_its_time_has_come_and_not_before() -> None:
    world = open_world(planned(sales=steps((60, OUT))))
    call = world.arrive(SALES)
    assert world.floor.wake_at() == world.now + 60
    world.wait(59.9).put(inp.TimePassed())
    assert world.kinds() == []
    world.wait(0.1).put(inp.TimePassed())
    assert diverted(world) == [("step", "external")]
    command = sent(world)
    assert command.to == OUT and command.diversion == f"1-{world.floor.seq}"
    assert world.contact(call).state is S.DIVERTED


def test_another_queue_gets_the_contact_at_the_place_of_its_whole_wait() -> None:
    world = open_world(planned(sales=steps((60, ToQueue(queue=SUPPORT))), support={}))
    old = world.arrive(SALES)
    world.wait(30)
    young = world.arrive(SUPPORT)
    world.wait(40).put(inp.TimePassed())
    assert world.contact(old).queue == SUPPORT
    assert [contact for _, contact in world.floor.waiting] == [old.contact, young.contact]
    world.sign_in(BILAL)
    assert world.contact(old).state is S.OFFERED


def test_the_steps_of_the_other_queue_count_by_the_whole_wait() -> None:
    world = open_world(
        planned(sales=steps((60, ToQueue(queue=SUPPORT))), support=steps((20, None), (50, None), (90, BOX)))
    )
    call = world.arrive(SALES)
    world.wait(60).put(inp.TimePassed())
    assert (world.contact(call).queue, world.contact(call).step) == (SUPPORT, 2)
    assert world.floor.wake_at() == world.contact(call).queued_at + 90  # type: ignore[operator]
    world.wait(30).put(inp.TimePassed())
    assert diverted(world) == [("step", "voicemail")]


def test_a_step_that_is_behind_already_in_the_other_queue_sends_on_at_once() -> None:
    world = open_world(
        planned(
            sales=steps((60, ToQueue(queue=SUPPORT))), support=steps((30, ToQueue(queue=THIRD)), (40, BOX)), third={}
        )
    )
    call = world.arrive(SALES)
    world.wait(60).put(inp.TimePassed())
    assert world.contact(call).queue == SUPPORT and world.floor.wake_at() == START + 31
    world.put(inp.TimePassed())
    assert world.contact(call).queue == THIRD
    world.put(inp.TimePassed())
    assert world.kinds() == []


def test_whoever_can_be_helped_at_once_in_the_next_queue_is() -> None:
    world = open_world(planned(sales=steps((60, ToQueue(queue=SUPPORT))), support=steps((30, BOX))))
    call = world.arrive(SALES)
    world.handset(BILAL, Handset.FREE)
    world.put(inp.SignInAsked(agent=BILAL, pin_right=True))
    world.wait(60).put(inp.TimePassed())
    assert world.contact(call).state is S.OFFERED
    world.fail(call, "NOANSWER")
    assert world.floor.wake_at() is None, "nobody is sent away who does not stand in the hold"
    world.hold(call, SALES)
    world.put(inp.TimePassed())
    assert diverted(world) == [("step", "voicemail")]


def test_the_pbx_goes_on_naming_the_queue_that_the_caller_chose() -> None:
    world = open_world(
        planned(sales=steps((60, ToQueue(queue=SUPPORT))), support=steps((90, ToQueue(queue=THIRD))), third={})
    )
    call = world.arrive(SALES)
    world.wait(60).put(inp.TimePassed())
    world.hold(call, SALES)
    assert world.kinds() == [] and world.contact(call).queue == SUPPORT
    world.wait(30).put(inp.TimePassed())
    for queue in (SALES, SUPPORT, THIRD):
        world.hold(call, queue)
        world.compare(seen(call, Place.HOLD, queue=queue, queued_at=START))
        assert world.contact(call).queue == THIRD
    world.fall_back(call, SALES)
    assert world.contact(call).queue == THIRD
    world.hold(call, SALES)
    assert world.contact(call).queue == THIRD


def test_a_new_wait_after_a_transfer_has_passed_through_nothing() -> None:
    world = open_world(planned(sales=steps((60, ToQueue(queue=SUPPORT))), support={}))
    call = world.arrive(SALES)
    world.wait(60).put(inp.TimePassed())
    world.sign_in(BILAL)
    world.answer(call)
    world.agent_hangs_up(call, transferred=True)
    world.hold(call, SALES, since=world.now)
    assert (world.contact(call).queue, world.contact(call).passed) == (SALES, ())


def test_two_configurations_that_make_a_circle_end_it_where_it_closes() -> None:
    there = planned(sales=steps((60, ToQueue(queue=SUPPORT))), support={})
    back = msgspec.structs.replace(planned(sales={}, support=steps((60, ToQueue(queue=SALES)))), sha256="b" * 64)
    world = open_world(there)
    call = world.arrive(SALES)
    world.wait(60).put(inp.TimePassed())
    world.put(inp.ConfigurationLoaded(plan=back))
    world.put(inp.TimePassed())
    assert world.kinds() == ["ContactRelaxed"]
    assert world.contact(call).queue == SUPPORT
    world.put(inp.TimePassed())
    assert world.kinds() == []


def test_needs_that_are_told_late_do_not_pass_over_a_step_that_goes() -> None:
    world = open_world(planned(sales=steps((60, BOX), (70, None))))
    call = world.arrive(SALES)
    world.wait(80).put(inp.NeedsAsked(contact=call.contact, needs=Needs(boost_s=5)))
    assert world.contact(call).step == 0
    world.put(inp.TimePassed())
    assert diverted(world) == [("step", "voicemail")]


# --- at the destination -----------------------------------------------------------------------------------------------


def at_the_box(to: Destination = BOX) -> tuple[World, inp.CallArrived, DiversionId]:
    world = open_world(planned(sales=steps((60, to), (600, OUT))))
    call = world.arrive(SALES)
    world.wait(60).put(inp.TimePassed())
    return world, call, sent(world).diversion


@pytest.mark.parametrize(
    ("to", "how"),
    [
        (BOX, Outcome.DIVERTED_VOICEMAIL),
        (OUT, Outcome.DIVERTED_EXTERNAL),
        (ToMessage(sound="x"), Outcome.DIVERTED_MESSAGE),
        (ToTone(tone=Tone.CONGESTION), Outcome.DIVERTED_HANG_UP),
    ],
)
def test_a_call_that_ends_there_is_no_abandon_and_has_waited_until_it_was_sent(to: Destination, how: Outcome) -> None:
    world, call, _ = at_the_box(to)
    world.wait(25)
    world.hang_up(call)
    ended = outcome(world)
    assert (ended.outcome, ended.waited_s, ended.lasted_s, ended.queue) == (how, 60, 85, SALES)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        ("FAILED", DiversionFailure.UNAVAILABLE),
        ("CHANUNAVAIL", DiversionFailure.UNAVAILABLE),
        ("", DiversionFailure.UNAVAILABLE),
        ("BUSY", DiversionFailure.BUSY),
        ("NOANSWER", DiversionFailure.NOT_ANSWERED),
        ("NOTALLOWED", DiversionFailure.NOT_ALLOWED),
        ("STALE", DiversionFailure.STALE),
    ],
)
def test_who_comes_back_has_the_old_place_and_is_not_sent_there_again(status: str, failure: DiversionFailure) -> None:
    world, call, diversion = at_the_box()
    younger = world.arrive(SALES)
    world.put(inp.DestinationFailed(contact=call.contact, diversion=diversion, status=status))
    (said,) = world.steps[-1].events
    assert isinstance(said, ev.DiversionFailed) and said.failure is failure
    assert not world.contact(call).held
    world.hold(call, SALES)
    assert world.kinds() == ["ContactHeld"]
    assert [contact for _, contact in world.floor.waiting] == [call.contact, younger.contact]
    world.wait(9).put(inp.TimePassed())
    assert world.contact(call).state is S.WAITING
    world.wait(600).put(inp.TimePassed())
    assert world.contact(call).diverted_to == OUT, "a later step goes on"


def test_a_limit_does_not_send_away_who_comes_back_from_there() -> None:
    world = open_world(planned(sales=full(1, BOX)))
    world.arrive(SALES)
    call = world.arrive(SALES)
    world.put(inp.DestinationFailed(contact=call.contact, diversion=sent(world).diversion, status="FAILED"))
    world.hold(call, SALES)
    assert world.kinds() == ["ContactHeld"]


def test_a_command_that_the_pbx_refuses_leaves_the_caller_in_line_and_compares() -> None:
    world, call, diversion = at_the_box()
    world.put(
        inp.DestinationFailed(contact=call.contact, diversion=diversion, status=inp.NOT_SENT, why="no such channel")
    )
    assert world.commands == [ComparePbx(pbx=PBX, why="no such channel")]
    world.compare(seen(call, Place.HOLD, queued_at=START + 1))
    assert world.contact(call).state is S.WAITING and world.contact(call).held


def test_a_late_word_of_another_diversion_means_nothing() -> None:
    world, call, _ = at_the_box()
    world.put(inp.DestinationFailed(contact=call.contact, diversion=DiversionId("1-1"), status="FAILED"))
    assert world.kinds() == []
    assert world.contact(call).state is S.DIVERTED


def test_killed_between_keeping_and_acting_it_is_done_after_the_restart() -> None:
    world, call, diversion = at_the_box()
    world.floor = restarted(world.floor)
    world.floor.state.epoch = 2
    check_floor(world.floor)
    world.wait(2).compare(seen(call, Place.HOLD, queued_at=START + 1))
    command = sent(world)
    assert (command.diversion, command.epoch, command.to) == (diversion, 2, BOX)
    assert world.contact(call).state is S.DIVERTED
    world.wait(2).compare(seen(call, Place.DIVERTED, queued_at=START + 1, diversion=diversion, diverted_to=BOX))
    assert world.commands == [] and world.kinds() == []


def test_who_came_back_while_nobody_listened_waits_again() -> None:
    world, call, diversion = at_the_box()
    world.wait(2).compare(seen(call, Place.HOLD, queued_at=START + 1, diversion=diversion))
    assert world.kinds() == ["DiversionFailed", "ContactHeld"]
    assert world.commands == []


def test_where_the_caller_stood_while_the_redirect_was_on_its_way_says_nothing() -> None:
    world, call, _ = at_the_box()
    world.wait(0.5).compare(seen(call, Place.HOLD, queued_at=START + 1))
    assert world.commands == [] and world.kinds() == []
    world.wait(0.1).compare()
    assert world.contact(call).state is S.DIVERTED


def test_who_is_gone_from_there_ended_there() -> None:
    world, _, _ = at_the_box()
    world.wait(5).compare()
    assert (outcome(world).outcome, outcome(world).seen_late) == (Outcome.DIVERTED_VOICEMAIL, True)


def test_the_static_queue_may_take_who_comes_back_while_we_are_away() -> None:
    world, call, _ = at_the_box()
    world.fall_back(call)
    assert world.contact(call).state is S.FALLBACK
    world.hold(call, SALES)
    assert world.contact(call).state is S.WAITING


def test_an_agent_is_not_offered_who_is_at_a_destination() -> None:
    world, call, _ = at_the_box()
    world.sign_in(ANNA)
    assert world.agent(ANNA).available()
    assert world.contact(call).state is S.DIVERTED


def test_the_kinds_are_those_of_the_configuration() -> None:
    assert set(KeyTable.__struct_fields__) == set(KINDS)
    assert {*DestinationTable.__struct_fields__, "menu"} == set(KINDS)
