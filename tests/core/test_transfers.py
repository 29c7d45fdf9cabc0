"""Attended transfers: the agent consults somebody, and puts the caller through."""

from __future__ import annotations

import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import AgentState, Handset
from contactd.core.commands import MoveToHold
from contactd.core.contact import ContactState, Outcome
from contactd.core.ids import OfferId
from contactd.core.inputs import Place
from contactd.core.step import Step
from tests.core.world import ANNA, BILAL, PBX, SALES, SUPPORT, World, open_world, seen


def talking() -> tuple[World, inp.CallArrived]:
    """Anna talks with a caller; Bilal is signed in."""
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.sign_in(BILAL)
    return world, call


def put_through(
    world: World, call: inp.CallArrived, endpoint: str | None = None, consult: inp.CallArrived | None = None
) -> Step:
    return world.wait(30).put(
        inp.TransferCompleted(
            contact=call.contact,
            offer=world.contact(call).offer or OfferId("1-1"),
            endpoint=endpoint,
            consult=consult.contact if consult else None,
        )
    )


def endings(world: World) -> dict[str, Outcome]:
    return {
        event.contact: event.outcome for event in world.facts(ev.ContactEnded) if isinstance(event, ev.ContactEnded)
    }


def test_the_consulted_agent_has_the_caller_at_once_and_without_a_wait() -> None:
    world, call = talking()
    world.handset(BILAL, Handset.IN_USE)
    step = put_through(world, call, "1002")
    ended, connected = step.events
    assert isinstance(ended, ev.TalkEnded) and isinstance(connected, ev.ContactConnected)
    assert (ended.agent, ended.by) == (ANNA, "transfer")
    assert (connected.agent, connected.offer, connected.waited_s, connected.seen_late) == (BILAL, None, None, False)
    assert world.agent(ANNA).state is AgentState.WRAP_UP and world.agent(BILAL).contact == call.contact
    world.put(inp.AgentHungUp(contact=call.contact, offer=OfferId("an-old-one")))
    assert world.agent(BILAL).state is AgentState.WRAP_UP
    world.hang_up(call)
    assert endings(world) == {call.contact: Outcome.HANDLED}


@pytest.mark.parametrize("endpoint", [None, "trunk"])
def test_an_outside_party_has_the_caller_and_no_agent_does(endpoint: str | None) -> None:
    world, call = talking()
    assert [type(event) for event in put_through(world, call, endpoint).events] == [ev.TalkEnded]
    assert world.contact(call).state is ContactState.RELEASED and world.commands == []
    world.hang_up(call)
    assert endings(world) == {call.contact: Outcome.HANDLED}


def consulting(world: World) -> inp.CallArrived:
    """Anna's second call, to a line of ours: it waits there, for Bilal is not free."""
    world.handset(BILAL, Handset.IN_USE)
    return world.arrive(SUPPORT)


def test_a_caller_put_through_to_a_waiting_line_takes_the_agents_place_there() -> None:
    world, call = talking()
    consult = consulting(world)
    place = world.contact(consult).queued_at
    put_through(world, call, consult=consult)
    assert endings(world) == {consult.contact: Outcome.MERGED}
    assert world.commands == [MoveToHold(pbx=PBX, contact=call.contact, channel=call.channel)]
    # The dialplan has kept the agent's place and queue.
    world.hold(call, SUPPORT, since=place)
    assert (world.contact(call).queue, world.contact(call).queued_at) == (SUPPORT, place)
    world.handset(BILAL, Handset.FREE)
    world.answer(call)
    connected = world.facts(ev.ContactConnected)[-1]
    assert isinstance(connected, ev.ContactConnected) and connected.waited_s is not None


def test_while_the_line_rings_somebody_that_offer_ends_and_blames_nobody() -> None:
    world, call = talking()
    consult = world.arrive(SUPPORT)
    assert world.agent(BILAL).state is AgentState.OFFERED
    step = put_through(world, call, consult=consult)
    (offer,) = [event for event in step.events if isinstance(event, ev.OfferEnded)]
    assert offer.outcome is ev.OfferOutcome.CALLER_GONE
    assert isinstance(world.commands[0], MoveToHold)
    assert world.agent(BILAL).status == "ready"


@pytest.mark.parametrize("left_first", [True, False])
def test_a_caller_put_through_to_an_agent_whom_the_line_found(left_first: bool) -> None:
    """left_first: the PBX tells of the end of the agent's own call before the transfer, or after it."""
    world, call = talking()
    consult = world.arrive(SUPPORT)
    world.answer(consult)
    if left_first:
        world.agent_hangs_up(consult)
    step = put_through(world, call, "1002", consult)
    assert endings(world) == {consult.contact: Outcome.MERGED}
    assert (world.agent(BILAL).state, world.agent(BILAL).contact) == (AgentState.BUSY, call.contact)
    assert step.commands == []
    assert world.hang_up(consult).events == []


def test_a_caller_put_through_into_a_menu_goes_on_in_it() -> None:
    world, call = talking()
    consult = world.arrive()
    put_through(world, call, consult=consult)
    assert endings(world) == {consult.contact: Outcome.MERGED} and world.commands == []
    world.hold(call, SUPPORT, since=world.now)
    assert world.contact(call).queue == SUPPORT


def test_an_agent_with_another_contact_keeps_it() -> None:
    world, call = talking()
    other = world.arrive(SALES)
    put_through(world, call, "1002")
    assert world.agent(BILAL).contact == other.contact
    assert world.contact(call).state is ContactState.RELEASED


def test_a_late_word_of_a_transfer_changes_nothing() -> None:
    world, call = talking()
    stale = inp.TransferCompleted(contact=call.contact, offer=OfferId("0-1"), endpoint="1002")
    assert world.put(stale).events == []
    waiting = consulting(world)
    assert world.put(inp.TransferCompleted(contact=waiting.contact, offer=OfferId("0-1"))).events == []
    myself = inp.TransferCompleted(contact=call.contact, offer=world.offer(call), consult=call.contact)
    assert [type(event) for event in world.put(myself).events] == [ev.TalkEnded]


def test_a_transfer_that_nobody_saw_is_found_by_the_comparison_and_counts_no_wait() -> None:
    world, call = talking()
    world.wait(60).compare(seen(call, Place.TALK, queued_at=world.contact(call).queued_at, endpoint="1002"))
    connected = world.facts(ev.ContactConnected)[-1]
    assert isinstance(connected, ev.ContactConnected)
    assert (connected.agent, connected.waited_s, connected.seen_late) == (BILAL, None, True)


def test_somebody_whom_the_agent_rang_and_who_answers_the_caller_is_looked_for() -> None:
    world, call = talking()
    put_through(world, call)
    world.put(inp.OfferAnswered(contact=call.contact, offer=OfferId("")))
    assert [type(command).__name__ for command in world.commands] == ["ComparePbx"]
