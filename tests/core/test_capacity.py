"""Several contacts at once: what an agent has room for, what interrupts what, and what the agent is shown to do."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import AgentState, By, Handset, Status
from contactd.core.contact import ContactState, Outcome
from contactd.core.events import OfferOutcome
from contactd.core.floor import SNAPSHOT_VERSION, Floor, LiveFloor
from contactd.core.ids import ContactId, PbxId
from contactd.core.inputs import Place
from contactd.core.plan import Capacity, Medium, MediumLoad
from contactd.core.step import step
from tests.core.invariants import check_floor, frozen, restarted
from tests.core.world import ANNA, BILAL, SALES, SUPPORT, World, never_announced, open_world, plan, seen

VOICE, CHAT, MAIL, SMS = Medium.VOICE, Medium.CHAT, Medium.MAIL, Medium.SMS
BLENDED = Capacity(
    media={
        VOICE: MediumLoad(interrupts=(MAIL,)),
        CHAT: MediumLoad(most=3, weight=30),
        MAIL: MediumLoad(weight=60),
    }
)
SAMPLE = Path(__file__).parent / "samples/floor-of-one-contact-an-agent.msgpack"


def blended(*names: str, capacity: Capacity = BLENDED, wrap_up_s: int = 30) -> World:
    """These agents signed in, with everything to do."""
    agents = {name: [SALES, SUPPORT] for name in names or (ANNA,)}
    world = open_world(plan(agents, capacity=capacity, wrap_up_s=wrap_up_s))
    world.sign_in(*agents)
    return world


def doing(world: World, name: str = ANNA) -> tuple[AgentState, ContactId | None]:
    agent = world.agent(name)
    return agent.state, agent.contact


def offered_to(world: World, contact: ContactId) -> str | None:
    known = world.floor.contacts[contact]
    return known.agent if known.state is ContactState.OFFERED else None


# --- room ---


def test_chats_come_until_the_most_and_no_further() -> None:
    world = blended()
    chats = [world.receive(CHAT) for _ in range(4)]
    for chat in chats[:3]:
        assert offered_to(world, chat) == ANNA
        world.take(chat)
    assert offered_to(world, chats[3]) is None
    world.close(chats[1])
    assert offered_to(world, chats[3]) is None, "its wrap-up has the room"
    world.put(inp.ReadyAsked(agent=ANNA))
    assert offered_to(world, chats[3]) == ANNA


def test_weights_add_up_over_media() -> None:
    world = blended()
    mail = world.receive(MAIL)
    world.take(mail)
    chat = world.receive(CHAT)
    assert offered_to(world, chat) == ANNA, "60 and 30"
    world.take(chat)
    assert offered_to(world, world.receive(CHAT)) is None, "60 and 30 and 30"


def test_a_chat_does_not_stop_for_a_call_and_no_call_for_a_chat() -> None:
    world = blended()
    chat = world.receive(CHAT)
    world.take(chat)
    call = world.arrive(SALES)
    assert offered_to(world, call.contact) is None
    world.close(chat)
    world.put(inp.ReadyAsked(agent=ANNA))
    assert offered_to(world, call.contact) == ANNA
    world.answer(call)
    assert offered_to(world, world.receive(CHAT)) is None


def test_nobody_has_two_offers_whatever_the_room() -> None:
    world = blended()
    first, second = world.receive(CHAT), world.receive(CHAT)
    assert (offered_to(world, first), offered_to(world, second)) == (ANNA, None)
    world.take(first)
    assert offered_to(world, second) == ANNA


def test_a_medium_that_the_profile_does_not_name_is_not_offered() -> None:
    world = blended()
    assert offered_to(world, world.receive(SMS)) is None
    world = open_world()
    world.sign_in(ANNA)
    assert offered_to(world, world.receive(CHAT)) is None, "without a profile an agent takes calls"


def test_a_contact_that_nobody_has_room_for_blocks_no_other_medium() -> None:
    world = blended()
    world.take(world.receive(MAIL))
    second_mail = world.receive(MAIL)
    chat = world.receive(CHAT)
    assert (offered_to(world, second_mail), offered_to(world, chat)) == (None, ANNA)


def test_what_is_written_needs_no_pbx_and_no_handset() -> None:
    world = World()
    world.put(inp.ConfigurationLoaded(plan=plan({ANNA: [SALES]}, capacity=BLENDED)))
    world.put(inp.SignInAsked(agent=ANNA, pin_right=True))
    assert world.agent(ANNA).handset is Handset.UNAVAILABLE
    chat = world.receive(CHAT)
    assert offered_to(world, chat) == ANNA
    assert world.commands == [], "a desk sees the event"
    assert not world.floor.steered


def test_agents_of_every_pbx_are_offered_what_is_written() -> None:
    world = open_world(plan({ANNA: [SALES]}, capacity=BLENDED, pbx=PbxId("pbx2")))
    world.put(inp.SignInAsked(agent=ANNA, pin_right=True))
    assert offered_to(world, world.receive(CHAT)) == ANNA


@pytest.mark.parametrize(("takes_all", "chats"), [(False, True), (True, False)])
def test_an_own_call_takes_the_room_of_a_call_or_all_of_it(takes_all: bool, chats: bool) -> None:
    half = Capacity(
        media={VOICE: MediumLoad(weight=50), CHAT: MediumLoad(weight=50), MAIL: MediumLoad(weight=60)},
        own_calls_take_all=takes_all,
    )
    world = blended(capacity=half)
    world.handset(ANNA, Handset.IN_USE)
    mail = world.receive(MAIL)
    assert offered_to(world, mail) is None, "50 and 60"
    chat = world.receive(CHAT)
    assert (offered_to(world, chat) == ANNA) is chats
    world.handset(ANNA, Handset.FREE)
    assert offered_to(world, chat if chats else mail) == ANNA


def test_a_contact_call_is_no_own_call() -> None:
    world = blended(capacity=Capacity(media={VOICE: MediumLoad(weight=50), CHAT: MediumLoad(weight=50)}))
    call = world.arrive(SALES)
    world.answer(call)
    world.handset(ANNA, Handset.IN_USE)
    assert offered_to(world, world.receive(CHAT)) == ANNA


# --- offers at a desk ---


def test_an_offer_at_a_desk_that_nobody_takes_is_over_by_itself() -> None:
    world = blended(ANNA, BILAL)
    chat = world.receive(CHAT)
    assert world.floor.wake_at() == world.now + 20
    world.wait(20).put(inp.TimePassed())
    ended = world.facts(ev.OfferEnded)
    assert [(e.agent, e.outcome) for e in ended if isinstance(e, ev.OfferEnded)] == [(ANNA, OfferOutcome.RONA)]
    assert (world.agent(ANNA).status, world.agent(ANNA).reason) == (Status.NOT_READY, "rona")
    assert offered_to(world, chat) == BILAL, "at its old place, at once"


def test_a_declined_chat_goes_to_the_next_and_a_taken_one_has_no_timer() -> None:
    world = blended(ANNA, BILAL)
    chat = world.receive(CHAT)
    world.put(inp.OfferFailed(contact=chat, offer=world.offer_of(chat), dial_status="DECLINED", cause=0))
    assert (world.agent(ANNA).reason, offered_to(world, chat)) == ("declined", BILAL)
    world.take(chat)
    assert world.floor.wake_at() is None


def test_a_customer_who_leaves_while_it_is_offered_frees_the_agent() -> None:
    world = blended()
    chat = world.receive(CHAT)
    world.put(inp.CallerHungUp(contact=chat, cause=0))
    assert (chat in world.floor.contacts, doing(world)) == (False, (AgentState.IDLE, None))
    assert world.floor.wake_at() is None


def test_an_agent_who_is_done_with_it_ends_talk_and_contact_in_one_step() -> None:
    world = blended()
    chat = world.receive(CHAT)
    offered = world.put(inp.CallerHungUp(contact=chat, cause=0, by=ANNA))
    assert not offered.events, "what is only offered is nobody's to end"
    world.take(chat)
    assert not world.put(inp.CallerHungUp(contact=chat, cause=0, by=BILAL)).events, "it is another one's"
    ended = world.put(inp.CallerHungUp(contact=chat, cause=0, by=ANNA)).events
    (talk,) = (event for event in ended if isinstance(event, ev.TalkEnded))
    (end,) = (event for event in ended if isinstance(event, ev.ContactEnded))
    assert (talk.by, end.outcome, chat in world.floor.contacts) == ("agent", Outcome.HANDLED, False)


def test_no_agent_ends_a_call_by_saying_that_it_is_done() -> None:
    world = blended()
    call = world.arrive(SALES)
    world.answer(call)
    assert not world.put(inp.CallerHungUp(contact=call.contact, cause=0, by=ANNA)).events


def test_a_chat_is_transferred_by_being_received_again() -> None:
    world = blended(ANNA, BILAL, wrap_up_s=0)
    chat = world.receive(CHAT)
    world.take(chat)
    world.receive(CHAT, SUPPORT, contact=chat)
    assert world.kinds()[:2] == ["TalkEnded", "ContactQueued"]
    assert (world.floor.contacts[chat].queue, world.floor.contacts[chat].state) == (SUPPORT, ContactState.OFFERED)
    assert world.receive(CHAT, SUPPORT, contact=chat) and world.kinds() == [], "said again"


def test_a_comparison_leaves_alone_what_no_pbx_carries() -> None:
    world = blended()
    chat, waiting = world.receive(CHAT), world.receive(SMS)
    world.take(chat)
    world.compare(pbx=PbxId(""))
    world.wait(5).compare()
    assert {chat, waiting} <= set(world.floor.contacts)
    assert doing(world) == (AgentState.BUSY, chat)


def test_what_is_erased_waits_for_nobody_and_who_has_it_ends_it() -> None:
    world = blended(ANNA, BILAL)
    taken, offered = world.receive(CHAT), world.receive(CHAT)
    world.take(taken)
    world.put(inp.ContactWithdrawn(contact=taken))
    assert world.kinds() == []
    world.put(inp.ContactWithdrawn(contact=offered))
    (offer,) = world.facts(ev.OfferEnded)
    (ended,) = world.facts(ev.ContactEnded)
    assert isinstance(offer, ev.OfferEnded) and offer.outcome is OfferOutcome.WITHDRAWN
    assert isinstance(ended, ev.ContactEnded) and (ended.contact, ended.outcome) == (offered, Outcome.WITHDRAWN)
    assert taken in world.floor.contacts


def test_the_telephone_cannot_speak_for_a_chat() -> None:
    world = blended(ANNA, BILAL)
    chat = world.receive(CHAT)
    world.take(chat)
    offer = world.offer_of(chat)
    world.put(inp.TransferCompleted(contact=chat, offer=offer, endpoint="1002"))
    assert world.kinds() == []
    world.put(inp.ContactReceived(contact=never_announced(1).contact, medium=VOICE, queue=SALES, received_at=world.now))
    assert world.kinds() == []


def test_a_queue_that_is_gone_takes_back_what_it_offers_at_a_desk() -> None:
    world = blended()
    chat = world.receive(CHAT, SUPPORT)
    assert offered_to(world, chat) == ANNA
    world.put(inp.ConfigurationLoaded(plan=plan({ANNA: [SALES]}, (SALES,), capacity=BLENDED, mark="b")))
    assert world.kinds() == ["FloorConfigured", "OfferEnded", "ContactQueued", "ContactOffered"]
    assert (world.floor.contacts[chat].queue, offered_to(world, chat)) == (SALES, ANNA)


# --- interrupting ---


def mail_and_call() -> tuple[World, ContactId, inp.CallArrived]:
    """anna works on a mail, and a call rings."""
    world = blended()
    mail = world.receive(MAIL)
    world.take(mail)
    call = world.arrive(SALES)
    return world, mail, call


def test_a_call_interrupts_mail_which_goes_on_after_the_wrap_up() -> None:
    world, mail, call = mail_and_call()
    assert offered_to(world, call.contact) == ANNA
    assert doing(world) == (AgentState.BUSY, mail), "the mail goes on while it rings"
    world.answer(call)
    assert world.kinds() == ["ContactConnected", "ContactParked"]
    assert doing(world) == (AgentState.BUSY, call.contact)
    world.agent_hangs_up(call)
    assert doing(world) == (AgentState.WRAP_UP, None)
    world.wait(30).put(inp.TimePassed())
    assert world.kinds() == ["WrapUpEnded", "ContactResumed", "AgentTurned"]
    assert doing(world) == (AgentState.BUSY, mail)


def test_a_call_that_is_not_answered_does_not_stop_the_mail() -> None:
    world, mail, call = mail_and_call()
    world.fail(call, "NOANSWER")
    assert world.kinds() == ["OfferEnded", "AgentNotReady", "AgentTurned"]
    assert doing(world) == (AgentState.BUSY, mail)
    assert not world.facts(ev.ContactParked)


def test_parked_mail_keeps_its_room_from_all_that_may_not_interrupt_it() -> None:
    half = Capacity(
        media={
            VOICE: MediumLoad(weight=50, interrupts=(MAIL,)),
            CHAT: MediumLoad(weight=50),
            MAIL: MediumLoad(weight=100),
        }
    )
    world = blended(capacity=half, wrap_up_s=0)
    mail = world.receive(MAIL)
    world.take(mail)
    call = world.arrive(SALES)
    world.answer(call)
    assert offered_to(world, world.receive(CHAT)) is None, "there would be no room when the mail goes on"
    world.agent_hangs_up(call)
    assert doing(world) == (AgentState.BUSY, mail)


def test_nothing_is_offered_that_would_be_parked_at_once() -> None:
    half = Capacity(media={VOICE: MediumLoad(weight=10, interrupts=(MAIL,)), MAIL: MediumLoad(weight=10)})
    world = blended(capacity=half)
    call = world.arrive(SALES)
    world.answer(call)
    mail = world.receive(MAIL)
    assert offered_to(world, mail) is None
    world.agent_hangs_up(call)
    assert offered_to(world, mail) is None, "nor in the wrap-up"
    world.put(inp.ReadyAsked(agent=ANNA))
    assert offered_to(world, mail) == ANNA


def test_a_call_does_not_wait_for_the_wrap_up_of_mail() -> None:
    world, mail, call = mail_and_call()
    world.close(mail)
    assert doing(world) == (AgentState.WRAP_UP, None)
    world.answer(call)
    assert doing(world) == (AgentState.BUSY, call.contact)


def test_mail_that_ends_while_parked_has_no_wrap_up() -> None:
    world, mail, call = mail_and_call()
    world.answer(call)
    world.put(inp.CallerHungUp(contact=mail, cause=0))
    assert [e.contact for e in world.agent(ANNA).engagements] == [call.contact]


def test_a_comparison_that_finds_a_talk_parks_the_mail() -> None:
    """The static queue rang the handset, whatever the agent did."""
    world = blended()
    mail = world.receive(MAIL)
    world.take(mail)
    call = never_announced(7, world.now)
    world.wait(3).compare(seen(call, Place.TALK, queued_at=world.now - 2, endpoint="1001"))
    assert doing(world) == (AgentState.BUSY, call.contact)
    assert [e.parked for e in world.agent(ANNA).engagements] == [True, False]


def test_a_reload_that_takes_the_right_to_interrupt_lets_the_mail_go_on() -> None:
    world, _, call = mail_and_call()
    world.answer(call)
    meek = Capacity(media={**BLENDED.media, VOICE: MediumLoad()})
    world.put(inp.ConfigurationLoaded(plan=plan({ANNA: [SALES, SUPPORT]}, capacity=meek, mark="b")))
    assert world.kinds() == ["FloorConfigured", "ContactResumed"]
    check_floor(world.floor)
    world.put(inp.ConfigurationLoaded(plan=plan({ANNA: [SALES, SUPPORT]}, mark="c")))
    check_floor(world.floor)


# --- wrap-up, state and idle time ---


def test_each_wrap_up_ends_in_its_own_time_and_ready_ends_all() -> None:
    world = blended()
    first, second, third = (world.receive(CHAT) for _ in range(3))
    for chat in (first, second, third):
        world.take(chat)
    world.close(first)
    world.wait(10).close(second)
    assert doing(world) == (AgentState.BUSY, third)
    world.wait(20).put(inp.TimePassed())
    assert [e.contact for e in world.agent(ANNA).wrap_ups()] == [second]
    assert world.facts(ev.WrapUpEnded) == [ev.WrapUpEnded(agent=ANNA, contact=first, by=By.SYSTEM)]
    world.close(third)
    world.put(inp.ReadyAsked(agent=ANNA))
    assert world.facts(ev.WrapUpEnded)[-1] == ev.WrapUpEnded(agent=ANNA)
    assert doing(world) == (AgentState.IDLE, None)


def test_followers_are_told_what_an_agent_with_several_contacts_does_foremost() -> None:
    world = blended()
    first, second = world.receive(CHAT), world.receive(CHAT)
    world.take(first)
    assert world.facts(ev.AgentTurned) == [ev.AgentTurned(agent=ANNA, state=AgentState.BUSY, contact=first)]
    world.take(second)
    world.close(second)
    assert world.facts(ev.AgentTurned)[1:] == [ev.AgentTurned(agent=ANNA, state=AgentState.BUSY, contact=first)]


def test_who_has_less_to_do_is_idle_for_longer() -> None:
    world = blended(ANNA, BILAL)
    first = world.receive(CHAT)
    assert offered_to(world, first) == ANNA
    world.take(first)
    second = world.receive(CHAT)
    assert offered_to(world, second) == BILAL, "though anna came earlier"
    world.take(second)
    third = world.receive(CHAT)
    assert offered_to(world, third) == ANNA, "both have one: whose last work is longest over"


def test_agents_who_take_calls_only_say_what_they_always_said() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    world.agent_hangs_up(call)
    world.wait(30).put(inp.TimePassed())
    told = {type(event) for made in world.steps for event in made.events}
    assert not told & {ev.AgentTurned, ev.ContactParked, ev.ContactResumed}
    assert world.facts(ev.WrapUpEnded) == [ev.WrapUpEnded(agent=ANNA, by=By.SYSTEM)]
    assert all(event.until is None for event in world.facts(ev.ContactOffered) if isinstance(event, ev.ContactOffered))


# --- what is stored ---


def test_a_snapshot_of_before_is_the_floor_that_it_was() -> None:
    """Kept by a contactd in which an agent had one contact, one offer and one state."""
    assert SNAPSHOT_VERSION == 1
    floor = LiveFloor(msgspec.msgpack.decode(SAMPLE.read_bytes(), type=Floor))
    check_floor(floor)
    has = {a.id: [(e.state, e.until) for e in a.engagements] for a in floor.agents.values()}
    assert has == {
        "anna": [(AgentState.WRAP_UP, 1800000034.0)],
        "bilal": [(AgentState.BUSY, None)],
        "carla": [(AgentState.OFFERED, None)],
        "dora": [],
    }
    assert frozen(restarted(floor)) == frozen(floor)
    step(floor, inp.TimePassed(), 1800000034.0)
    check_floor(floor)
    assert floor.agents[ANNA].state is AgentState.IDLE
    talk, ringing = floor.agents[BILAL].contact, floor.agents["carla"].contact  # type: ignore[index]
    assert talk is not None and ringing is not None
    for contact in (ringing, talk):
        made = step(floor, inp.CallerHungUp(contact=contact, cause=16), 1800000040.0)
        assert made.bug is None
        check_floor(floor)


def test_what_is_kept_now_says_to_an_older_contactd_what_agents_with_one_call_do() -> None:
    """It reads the state, the contact and the offer, and knows of nothing else."""
    old = msgspec.msgpack.decode(SAMPLE.read_bytes())["agents"]
    floor = LiveFloor(msgspec.msgpack.decode(SAMPLE.read_bytes(), type=Floor))
    new = msgspec.msgpack.decode(msgspec.msgpack.encode(floor.state))["agents"]
    for agent, said in old.items():
        assert {name: new[agent][name] for name in said if name != "profile"} == {
            name: value for name, value in said.items() if name != "profile"
        }


def test_the_journal_of_before_makes_the_same_floor() -> None:
    """Events without what came later: no medium's room, no time of an offer, no contact of a wrap-up."""
    world = open_world(plan({"anna": [SALES], "bilal": [SALES]}))
    world.sign_in(ANNA, BILAL)
    first, second = world.arrive(SALES), world.arrive(SALES)
    world.answer(first)
    world.agent_hangs_up(first)
    world.answer(second)
    world.wait(30).put(inp.TimePassed())
    later = {"ContactOffered": ("until",), "WrapUpEnded": ("contact",)}
    rebuilt = LiveFloor(Floor(epoch=1))
    decode = msgspec.json.Decoder(ev.AnyEvent).decode
    for made in world.steps:
        for event in made.events:
            body = msgspec.to_builtins(event)
            for name in later.get(body["kind"], ()):
                del body[name]
            if body["kind"] == "FloorConfigured":
                for profile in body["plan"]["agents"]:
                    del profile["capacity"]
            rebuilt.apply(decode(msgspec.json.encode(body)), made.at)
    assert frozen(rebuilt) == frozen(world.floor)


def test_mail_that_is_offered_to_whom_a_supervisor_signs_out_goes_to_the_next() -> None:
    world = blended(ANNA, BILAL)
    mail = world.receive(MAIL)
    assert offered_to(world, mail) == ANNA
    world.put(inp.SignOutAsked(agent=ANNA, by=By.SUPERVISOR))
    assert (offered_to(world, mail), world.commands) == (BILAL, [])
