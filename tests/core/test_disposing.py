"""What an agent says of a contact: that it is not taken, and what came of it."""

from __future__ import annotations

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Status
from contactd.core.commands import WithdrawOffer
from contactd.core.events import OfferOutcome
from contactd.core.ids import ContactId
from contactd.core.text import MessageId
from tests.core.world import ANNA, BILAL, SALES, World, open_world


def ringing() -> tuple[World, inp.CallArrived]:
    """Anna alone is ready, and rings."""
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    assert world.contact(call).agent == ANNA
    return world, call


def test_who_declines_is_not_ready_and_the_caller_does_not_wait_for_the_handset() -> None:
    world, call = ringing()
    offer = world.offer_of(call.contact)
    made = world.put(inp.OfferDeclineAsked(agent=ANNA, contact=call.contact))
    ended = [event for event in made.events if isinstance(event, ev.OfferEnded)]
    assert [(one.agent, one.outcome) for one in ended] == [(ANNA, OfferOutcome.DECLINED)]
    assert [command.offer for command in made.commands if isinstance(command, WithdrawOffer)] == [offer]
    assert (world.agent(ANNA).status, world.agent(ANNA).reason) == (Status.NOT_READY, "declined")
    # What the handset says of it afterwards is late.
    assert not world.put(inp.OfferFailed(contact=call.contact, offer=offer, dial_status="CHANUNAVAIL", cause=21)).events


def test_nobody_declines_for_another_or_what_does_not_ring() -> None:
    world, call = ringing()
    assert not world.put(inp.OfferDeclineAsked(agent=BILAL, contact=call.contact)).events
    assert not world.put(inp.OfferDeclineAsked(agent=ANNA, contact=ContactId("nobody"))).events
    world.take(call.contact)
    assert not world.put(inp.OfferDeclineAsked(agent=ANNA, contact=call.contact)).events


def test_a_disposition_is_said_in_talk_and_in_wrap_up_by_who_had_the_contact() -> None:
    world, call = ringing()
    asked = inp.ContactDisposeAsked(agent=ANNA, contact=call.contact, disposition="sold", note=MessageId("note-1"))
    assert not world.put(asked).events
    world.take(call.contact)
    (fact,) = world.put(asked).events
    assert fact == ev.ContactDisposed(
        contact=call.contact, agent=ANNA, disposition="sold", note=MessageId("note-1"), characters=0
    )
    world.hang_up(call)
    assert world.agent(ANNA).wrap_ups()
    assert len(world.put(asked).events) == 1
    assert not world.put(inp.ContactDisposeAsked(agent=BILAL, contact=call.contact, disposition="sold")).events
    world.put(inp.WrapUpEndAsked(agent=ANNA, by="agent"))
    assert not world.put(asked).events
