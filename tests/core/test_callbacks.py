"""Callbacks step by step: the place, the attempt, its ends, and what a restart of the PBX leaves of them."""

from __future__ import annotations

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import By
from contactd.core.commands import CallCustomer, DivertCaller, EndAttempt, RingAgent
from contactd.core.contact import Contact
from contactd.core.destination import ToCallback
from contactd.core.dialling import DialRules, Number, NumberKind
from contactd.core.ids import AgentId, CalendarId, ContactId, contact_id
from contactd.core.inputs import Place
from contactd.core.plan import CallbackFirst, CallbackPlan, FloorPlan, RoutingStep
from tests.core.world import PBX, SALES, World, open_world, plan, seen

NUMBER = Number(country="DE", kind=NumberKind.MOBILE, known_by=("n1",), clocks=(600,))
OFFICE = CalendarId("office")


def calling_plan(first: CallbackFirst = CallbackFirst.AGENT, **fields: object) -> FloorPlan:
    """Whoever has waited in sales for a minute is asked for a number."""
    made = plan({"anna": [SALES]})
    callback = CallbackPlan(first=first, tries=2, retry_s=60, expires_s=600)
    steps = (RoutingStep(after_s=60, go=ToCallback()),)
    sales = msgspec.structs.replace(made.queues[0], steps=steps, callback=callback, **fields)
    rules = DialRules(countries=("DE",), kinds=(NumberKind.MOBILE,))
    return msgspec.structs.replace(
        made, queues=(sales, *made.queues[1:]), dialling=rules, calendars=(OFFICE,) if fields else ()
    )


def promised(world: World) -> tuple[inp.CallArrived, Contact]:
    """A caller who has waited for a minute, gave a number, and has hung up."""
    call = world.arrive(SALES)
    world.wait(60).put(inp.TimePassed())
    (sent,) = world.commands
    assert isinstance(sent, DivertCaller) and sent.to == ToCallback()
    world.wait(5).put(inp.CallbackAsked(contact=call.contact, number=NUMBER))
    world.wait(1).put(inp.CallerHungUp(contact=call.contact, cause=16, call=call.call))
    return call, world.contact(call)


def rung(world: World) -> RingAgent:
    (command,) = (one for one in world.commands if isinstance(one, RingAgent))
    return command


def dial(world: World, contact: ContactId, call: str, number: Number | None = NUMBER) -> list[str]:
    world.put(inp.CallbackDialAsked(contact=contact, call=call, number=number))
    return world.kinds()


def test_the_contact_keeps_its_id_and_its_place_before_who_came_later() -> None:
    world = open_world(calling_plan())
    call, contact = promised(world)
    younger = world.arrive(SALES)
    assert [who for _, who in world.floor.waiting] == [call.contact, younger.contact]
    assert contact.state == "waiting" and contact.callback is not None and contact.held
    world.sign_in("anna")
    assert contact.state == "offered" and world.contact(younger).state == "waiting"
    ring = rung(world)
    assert ring.attempt == ring.channel == f"{call.call}.cb{ring.offer.replace('-', '.')}"
    assert contact_id(PBX, ring.attempt, world.now) == call.contact


def test_the_talk_begins_when_the_customer_answers_and_ends_as_any_other() -> None:
    world = open_world(calling_plan())
    call, contact = promised(world)
    world.sign_in("anna")
    attempt = rung(world).attempt
    world.put(inp.OfferAnswered(contact=call.contact, offer=world.offer(call), endpoint="1001"))
    assert contact.state == "offered"
    assert dial(world, call.contact, attempt) == ["CustomerDialled"]
    # Asked again, it is told to nobody.
    assert dial(world, call.contact, attempt) == []
    world.put(inp.CustomerAnswered(contact=call.contact, call=attempt))
    assert world.kinds() == ["CallbackReached", "ContactConnected"]
    assert (contact.state, contact.call, contact.callback) == ("connected", attempt, None)
    world.wait(60).put(inp.CallerHungUp(contact=call.contact, cause=16, call=attempt))
    assert world.kinds() == ["TalkEnded", "ContactEnded"]
    assert [one.at for one in world.floor.state.dialled] and not world.floor.callbacks


def test_an_agent_who_does_not_answer_costs_no_try_and_no_place() -> None:
    world = open_world(calling_plan())
    call, contact = promised(world)
    world.sign_in("anna")
    first = rung(world).attempt
    world.fail(call, "NOANSWER", 19)
    assert contact.held and contact.callback is not None and contact.callback.tries == 0
    world.put(inp.ReadyAsked(agent=world.agent("anna").id))
    assert rung(world).attempt != first
    # The end of the old attempt is told late, and means nothing.
    world.put(inp.CallerHungUp(contact=call.contact, cause=16, call=first))
    assert world.kinds() == [] and contact.state == "offered"


def test_who_is_not_reached_is_called_again_later_and_not_for_ever() -> None:
    world = open_world(calling_plan())
    call, contact = promised(world)
    world.sign_in("anna")
    attempt = rung(world).attempt
    dial(world, call.contact, attempt)
    world.put(inp.CallbackOver(contact=call.contact, call=attempt, status="BUSY"))
    assert world.kinds() == ["OfferEnded", "CallbackFailed"]
    assert contact.callback is not None and contact.callback.tries == 1 and not contact.held
    assert world.floor.wake_at() == world.now + 60
    assert world.agent("anna").available()
    world.wait(60).put(inp.TimePassed())
    attempt = rung(world).attempt
    dial(world, call.contact, attempt)
    world.put(inp.CallerHungUp(contact=call.contact, cause=16, call=attempt))
    (*_, ended) = world.facts(ev.ContactEnded)
    assert isinstance(ended, ev.ContactEnded) and ended.outcome == "callback_failed"


def test_a_promise_ends_in_time() -> None:
    world = open_world(calling_plan())
    promised(world)
    world.wait(601).put(inp.TimePassed())
    (ended,) = world.facts(ev.ContactEnded)
    assert isinstance(ended, ev.ContactEnded) and ended.outcome == "callback_expired"
    assert not world.floor.callbacks and world.floor.wake_at() is None


def test_nobody_is_called_while_the_queue_is_closed() -> None:
    world = open_world(calling_plan(calendar=OFFICE))
    call, contact = promised(world)
    world.put(inp.CalendarTurned(calendar=OFFICE, open=False, why="hours", until=world.now + 100))
    world.sign_in("anna")
    assert not contact.held and contact.state == "waiting"
    world.put(inp.CalendarTurned(calendar=OFFICE, open=True, why="hours"))
    attempt = rung(world).attempt
    # And when it closes while the agent's telephone rings.
    world.put(inp.CalendarTurned(calendar=OFFICE, open=False, why="hours", until=world.now + 100))
    assert dial(world, call.contact, attempt) == ["OfferEnded", "CallbackFailed"]
    assert contact.callback is not None and contact.callback.due_at == world.now + 100
    assert contact.callback.tries == 0


def test_who_may_never_be_called_is_not_and_who_may_later_is_later() -> None:
    world = open_world(calling_plan())
    call, contact = promised(world)
    world.sign_in("anna")
    night = msgspec.structs.replace(NUMBER, clocks=(60,))
    dial(world, call.contact, rung(world).attempt, night)
    assert contact.callback is not None and contact.callback.due_at == world.now + 7 * 3600
    world = open_world(calling_plan())
    call, contact = promised(world)
    world.sign_in("anna")
    dial(world, call.contact, rung(world).attempt, msgspec.structs.replace(NUMBER, refused=True))
    assert world.kinds() == ["OfferEnded", "CallbackFailed", "ContactEnded"]


def test_the_customer_is_called_when_somebody_is_ready_and_waits_at_the_head() -> None:
    world = open_world(calling_plan(CallbackFirst.CUSTOMER))
    call, contact = promised(world)
    assert not contact.held
    world.put(inp.CallbackMoment())
    assert world.kinds() == []
    world.sign_in("anna")
    world.put(inp.CallbackMoment())
    (command,) = world.commands
    assert isinstance(command, CallCustomer)
    world.put(inp.CallbackMoment())
    assert world.kinds() == []
    assert dial(world, call.contact, command.call) == ["CustomerDialled"]
    world.put(
        inp.CallHeld(
            contact=call.contact,
            pbx=PBX,
            call=command.call,
            channel="Local/1;1",
            dnis="5000",
            queue=SALES,
            queued_at=world.now,
        )
    )
    assert world.kinds()[:2] == ["CallbackReached", "ContactHeld"]
    assert contact.state == "offered" and rung(world).channel == "Local/1;1" and not rung(world).attempt


def test_as_many_customers_are_called_as_agents_are_ready() -> None:
    world = open_world(calling_plan(CallbackFirst.CUSTOMER))
    calls = [promised(world)[0] for _ in range(3)]
    world.sign_in("anna")
    world.put(inp.CallbackMoment())
    assert [one.contact for one in world.commands if isinstance(one, CallCustomer)] == [calls[0].contact]


def test_a_comparison_ends_no_promise_and_settles_an_attempt_that_it_does_not_find() -> None:
    world = open_world(calling_plan())
    call, contact = promised(world)
    world.wait(5).compare()
    assert contact.state == "waiting" and contact.callback is not None
    world.compare(booted_at=world.now)
    assert call.contact in world.floor.contacts
    world.sign_in("anna")
    attempt = rung(world).attempt
    dial(world, call.contact, attempt)
    world.wait(5).compare()
    assert "CallbackFailed" in world.kinds() and contact.callback is not None and contact.callback.tries == 1


def test_an_attempt_that_is_found_goes_on() -> None:
    world = open_world(calling_plan())
    call, contact = promised(world)
    world.sign_in("anna")
    ring = rung(world)
    dial(world, call.contact, ring.attempt)
    there = msgspec.structs.replace(call, call=ring.attempt, channel="Local/1;2")
    world.wait(5).compare(seen(there, Place.OFFER, offer=ring.offer, endpoint="1001"))
    assert contact.state == "offered"
    world.wait(5).compare(seen(there, Place.TALK, offer=ring.offer, endpoint="1001"))
    assert contact.state == "connected" and contact.callback is None and contact.channel == "Local/1;2"


def test_a_caller_who_stayed_on_the_line_is_not_called() -> None:
    world = open_world(calling_plan())
    call = world.arrive(SALES)
    world.wait(60).put(inp.TimePassed())
    world.wait(5).put(inp.CallbackAsked(contact=call.contact, number=NUMBER))
    world.hold(call, SALES)
    assert world.kinds()[:2] == ["CallbackWithdrawn", "ContactHeld"]
    assert world.contact(call).callback is None and world.contact(call).held


def test_somebody_cancels_it_and_what_rings_is_stopped() -> None:
    world = open_world(calling_plan())
    call, _ = promised(world)
    world.sign_in("anna")
    attempt = rung(world).attempt
    world.put(inp.CallbackCancelAsked(contact=call.contact, by="supervisor"))
    assert world.kinds() == ["OfferEnded", "ContactEnded"]
    assert [one.call for one in world.commands if isinstance(one, EndAttempt)] == [attempt]


def test_somebody_asks_on_a_customers_behalf_who_then_waits_in_line() -> None:
    world = open_world(calling_plan())
    made = f"{PBX}-{int(world.now)}.made1"
    who = contact_id(PBX, made, world.now)
    asked = inp.CallbackAsked(contact=who, number=NUMBER, pbx=PBX, call=made, queue=SALES, by="supervisor")
    world.put(asked)
    assert world.kinds() == ["ContactArrived", "ContactQueued", "CallbackTaken"]
    world.put(inp.CallbackNowAsked(contact=who, by="supervisor"))
    assert world.floor.contacts[who].held
    premium = msgspec.structs.replace(NUMBER, kind=NumberKind.PREMIUM)
    world.put(msgspec.structs.replace(asked, contact=ContactId("other"), number=premium))
    assert world.kinds() == []


def test_who_chooses_it_in_a_menu_is_asked_as_soon_as_they_stand_in_the_queue() -> None:
    world = open_world(calling_plan())
    call = world.arrive()
    world.put(inp.CallbackWanted(contact=call.contact))
    assert world.kinds() == ["CallbackWished"]
    world.put(inp.MenuAnswered(contact=call.contact, menu="main", choice="3", queue=SALES))
    world.hold(call, SALES)
    assert world.kinds() == ["ContactQueued", "ContactDiverted"] and not world.contact(call).calls_back
    diversion = world.contact(call).diversion
    assert diversion is not None
    world.put(inp.DestinationFailed(contact=call.contact, diversion=diversion, status="DECLINED"))
    world.hold(call, SALES)
    assert world.contact(call).held


def test_a_supervisor_s_sign_out_stops_the_attempt_until_the_customer_s_telephone_rings() -> None:
    world = open_world(calling_plan())
    call, contact = promised(world)
    world.sign_in("anna")
    attempt = rung(world).attempt
    world.put(inp.SignOutAsked(agent=AgentId("anna"), by=By.SUPERVISOR))
    assert world.commands == [EndAttempt(pbx=PBX, contact=call.contact, call=attempt)]
    assert (contact.state, contact.agent) == ("waiting", None)
    world.sign_in("anna")
    again = rung(world).attempt
    assert again != attempt
    assert dial(world, call.contact, again) == ["CustomerDialled"]
    world.put(inp.SignOutAsked(agent=AgentId("anna"), by=By.SUPERVISOR))
    assert world.commands == [] and contact.state == "offered"
    world.put(inp.CustomerAnswered(contact=call.contact, call=again))
    assert (contact.state, contact.agent) == ("connected", "anna")
