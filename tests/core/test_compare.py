"""The floor against what the PBX has: every place in every state, and what a comparison must not touch."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import UNREGISTERED, AgentState, Handset
from contactd.core.commands import ComparePbx, ReturnToHold
from contactd.core.contact import ContactState, Outcome
from contactd.core.destination import ToVoicemail
from contactd.core.ids import ContactId, DiversionId, OfferId
from contactd.core.inputs import CallSeen, Place
from tests.core.world import (
    ANNA,
    BILAL,
    OTHER_PBX,
    PBX,
    SALES,
    START,
    SUPPORT,
    World,
    going,
    never_announced,
    open_world,
    plan,
    seen,
)


def in_state(state: ContactState) -> tuple[World, inp.CallArrived]:
    """A world whose one contact is in this state; Anna is whom it rang at or talked with."""
    if state is ContactState.DIVERTED:
        return diverted()
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive() if state in (ContactState.MENU, ContactState.FALLBACK) else world.arrive(SALES)
    match state:
        case ContactState.WAITING:
            world.fail(call, "CANCEL")
        case ContactState.CONNECTED:
            world.answer(call)
        case ContactState.RELEASED:
            world.answer(call)
            world.agent_hangs_up(call)
        case ContactState.FALLBACK:
            world.fall_back(call)
        case _:
            pass
    assert world.contact(call).state is state
    world.wait(1)
    return world, call


def diverted() -> tuple[World, inp.CallArrived]:
    """Sent to a voicemail box after five seconds, as nobody was there; Anna is now."""
    world = open_world(going(ToVoicemail(box="100"), after_s=5))
    call = world.arrive(SALES)
    world.wait(5).put(inp.TimePassed())
    assert world.contact(call).state is ContactState.DIVERTED
    world.sign_in(ANNA)
    world.wait(1)
    return world, call


def stands(world: World, call: inp.CallArrived, place: Place) -> CallSeen:
    """The caller stands there: with Anna, and by the offer that the floor knows, where that makes sense."""
    contact = world.contact(call)
    return seen(
        call,
        place,
        queued_at=contact.queued_at or world.now,
        offer=contact.offer or (OfferId("1-900") if place in (Place.OFFER, Place.TALK) else None),
        endpoint="1001" if place in (Place.OFFER, Place.TALK) else None,
        diversion=contact.diversion or (DiversionId("1-901") if place is Place.DIVERTED else None),
        diverted_to=ToVoicemail(box="100") if place is Place.DIVERTED else None,
    )


S, P = ContactState, Place
MATRIX: dict[tuple[ContactState, Place], tuple[list[str], ContactState]] = {
    (S.MENU, P.MENU): ([], S.MENU),
    (S.MENU, P.ELSEWHERE): ([], S.MENU),
    (S.MENU, P.HOLD): (["ContactQueued", "ContactOffered"], S.OFFERED),
    (S.MENU, P.FALLBACK): (["ContactFellBack"], S.FALLBACK),
    (S.MENU, P.OFFER): (["ContactQueued", "ContactOffered"], S.OFFERED),
    (S.MENU, P.TALK): (["ContactQueued", "ContactConnected"], S.CONNECTED),
    (S.MENU, P.DIVERTED): (["ContactQueued", "ContactDiverted"], S.DIVERTED),
    (S.WAITING, P.MENU): ([], S.WAITING),
    (S.WAITING, P.ELSEWHERE): ([], S.WAITING),
    (S.WAITING, P.HOLD): (["ContactHeld", "ContactOffered"], S.OFFERED),
    (S.WAITING, P.FALLBACK): (["ContactFellBack"], S.FALLBACK),
    (S.WAITING, P.OFFER): (["ContactOffered"], S.OFFERED),
    (S.WAITING, P.TALK): (["ContactConnected"], S.CONNECTED),
    (S.WAITING, P.DIVERTED): (["ContactDiverted"], S.DIVERTED),
    (S.OFFERED, P.MENU): (["OfferEnded"], S.WAITING),
    (S.OFFERED, P.ELSEWHERE): (["OfferEnded"], S.WAITING),
    (S.OFFERED, P.HOLD): (["OfferEnded", "ContactHeld", "ContactOffered"], S.OFFERED),
    (S.OFFERED, P.FALLBACK): (["OfferEnded", "ContactFellBack"], S.FALLBACK),
    (S.OFFERED, P.OFFER): ([], S.OFFERED),
    (S.OFFERED, P.TALK): (["ContactConnected"], S.CONNECTED),
    (S.OFFERED, P.DIVERTED): (["OfferEnded", "ContactDiverted"], S.DIVERTED),
    (S.CONNECTED, P.MENU): (["TalkEnded"], S.RELEASED),
    (S.CONNECTED, P.ELSEWHERE): (["TalkEnded"], S.RELEASED),
    (S.CONNECTED, P.HOLD): (["TalkEnded", "ContactHeld"], S.WAITING),
    (S.CONNECTED, P.FALLBACK): (["TalkEnded", "ContactFellBack"], S.FALLBACK),
    (S.CONNECTED, P.OFFER): (["TalkEnded", "ContactOffered"], S.OFFERED),
    (S.CONNECTED, P.TALK): ([], S.CONNECTED),
    (S.CONNECTED, P.DIVERTED): (["TalkEnded", "ContactDiverted"], S.DIVERTED),
    (S.FALLBACK, P.MENU): ([], S.FALLBACK),
    (S.FALLBACK, P.ELSEWHERE): ([], S.FALLBACK),
    (S.FALLBACK, P.HOLD): (["ContactHeld", "ContactOffered"], S.OFFERED),
    (S.FALLBACK, P.FALLBACK): ([], S.FALLBACK),
    (S.FALLBACK, P.OFFER): (["ContactOffered"], S.OFFERED),
    (S.FALLBACK, P.TALK): (["ContactConnected"], S.CONNECTED),
    (S.FALLBACK, P.DIVERTED): (["ContactDiverted"], S.DIVERTED),
    (S.DIVERTED, P.MENU): ([], S.DIVERTED),
    (S.DIVERTED, P.ELSEWHERE): ([], S.DIVERTED),
    (S.DIVERTED, P.HOLD): (["DiversionFailed", "ContactHeld", "ContactOffered"], S.OFFERED),
    (S.DIVERTED, P.FALLBACK): (["ContactFellBack"], S.FALLBACK),
    (S.DIVERTED, P.OFFER): (["ContactOffered"], S.OFFERED),
    (S.DIVERTED, P.TALK): (["ContactConnected"], S.CONNECTED),
    (S.DIVERTED, P.DIVERTED): ([], S.DIVERTED),
    (S.RELEASED, P.MENU): ([], S.RELEASED),
    (S.RELEASED, P.ELSEWHERE): ([], S.RELEASED),
    (S.RELEASED, P.HOLD): (["ContactHeld"], S.WAITING),
    (S.RELEASED, P.FALLBACK): (["ContactFellBack"], S.FALLBACK),
    (S.RELEASED, P.OFFER): (["ContactOffered"], S.OFFERED),
    (S.RELEASED, P.TALK): (["ContactConnected"], S.CONNECTED),
    (S.RELEASED, P.DIVERTED): (["ContactDiverted"], S.DIVERTED),
}


def test_the_matrix_is_whole() -> None:
    assert set(MATRIX) == {(s, p) for s in S if s is not S.ENDED for p in P}


@pytest.mark.parametrize(("state", "place"), MATRIX)
def test_a_caller_found_in(state: ContactState, place: Place) -> None:
    kinds, then = MATRIX[state, place]
    world, call = in_state(state)
    world.compare(stands(world, call, place))
    assert world.kinds() == kinds
    assert world.contact(call).state is then
    returned = [ReturnToHold(pbx=PBX, contact=call.contact, channel=call.channel)]
    assert [c for c in world.commands if isinstance(c, ReturnToHold)] == (returned if place is P.FALLBACK else [])


@pytest.mark.parametrize(("state", "place"), MATRIX)
def test_comparing_twice_says_nothing_new(state: ContactState, place: Place) -> None:
    world, call = in_state(state)
    world.compare(stands(world, call, place))
    if MATRIX[state, place][1] is not S.OFFERED or place is P.OFFER:
        assert world.compare(stands(world, call, place)).events == []


@pytest.mark.parametrize(("state", "place"), MATRIX)
def test_a_contact_of_which_something_was_told_meanwhile_is_not_touched(state: ContactState, place: Place) -> None:
    """The list shows a transfer some milliseconds before it is told of."""
    world, call = in_state(state)
    assert world.compare(stands(world, call, place), late=[call.contact]).commands == []
    assert world.compare(late=[call.contact]).events == []
    assert world.contact(call).state is state


def test_nobody_knows_a_contact_of_which_something_was_told_meanwhile_so_it_is_looked_for_again() -> None:
    world = open_world()
    found = world.compare(late=[ContactId("01900000-0000-7000-8000-000000000000")])
    assert [type(command) for command in found.commands] == [ComparePbx]


@pytest.mark.parametrize(("state", "place"), MATRIX)
def test_an_unsure_contact_is_not_touched(state: ContactState, place: Place) -> None:
    world, call = in_state(state)
    world.compare(stands(world, call, place), unsure=[call.contact])
    assert world.compare(unsure=[call.contact]).events == []
    assert world.contact(call).state is state


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (S.MENU, Outcome.ABANDONED_IN_MENU),
        (S.WAITING, Outcome.ABANDONED_WAITING),
        (S.OFFERED, Outcome.UNSEEN),
        (S.CONNECTED, Outcome.HANDLED),
        (S.FALLBACK, Outcome.UNSEEN),
        (S.RELEASED, Outcome.HANDLED),
        (S.DIVERTED, Outcome.DIVERTED_VOICEMAIL),
    ],
)
@pytest.mark.parametrize("rebooted", [False, True])
def test_who_is_gone_has_ended(state: ContactState, outcome: Outcome, rebooted: bool) -> None:
    world, _ = in_state(state)
    world.compare(booted_at=world.now if rebooted else START - 9000)
    ended = world.steps[-1].events[-1]
    assert isinstance(ended, ev.ContactEnded)
    assert (ended.outcome, ended.seen_late) == (Outcome.PBX_LOST if rebooted else outcome, True)
    assert world.floor.contacts == {}
    assert world.agent(ANNA).contact is None


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (S.MENU, Outcome.UNSEEN),
        (S.WAITING, Outcome.UNSEEN),
        (S.OFFERED, Outcome.UNSEEN),
        (S.CONNECTED, Outcome.HANDLED),
        (S.FALLBACK, Outcome.UNSEEN),
        (S.RELEASED, Outcome.HANDLED),
    ],
)
def test_whom_the_static_queue_may_have_served_has_not_abandoned(state: ContactState, outcome: Outcome) -> None:
    world, _ = in_state(state)
    world.compare(static_served=True)
    ended = world.steps[-1].events[-1]
    assert isinstance(ended, ev.ContactEnded)
    assert (ended.outcome, ended.seen_late) == (outcome, True)


def test_who_was_handled_once_is_not_unseen() -> None:
    world, call = in_state(S.RELEASED)
    world.hold(call, SALES)
    world.put(inp.ReadyAsked(agent=ANNA))
    assert world.contact(call).state is S.OFFERED
    world.wait(1).compare()
    ended = world.steps[-1].events[-1]
    assert isinstance(ended, ev.ContactEnded) and ended.outcome is Outcome.HANDLED


def test_who_arrived_after_the_question_was_asked_is_not_gone() -> None:
    world = open_world()
    asked_at = world.now
    call = world.arrive(SALES)
    world.compare(asked_at=asked_at)
    assert world.contact(call).state is S.WAITING


def test_the_other_pbxs_contacts_are_not_touched() -> None:
    world = open_world()
    call = world.arrive(SALES)
    world.wait(1).compare(seen(call, P.FALLBACK), pbx=OTHER_PBX)
    assert world.kinds() == ["PbxSteered"]
    assert world.compare(pbx=OTHER_PBX).events == []
    assert world.contact(call).state is S.WAITING


def test_unknown_callers_are_adopted_and_offered_in_their_old_order() -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.put(inp.PbxAbsent(pbx=PBX, why="we were dead"))
    calls = [never_announced(n) for n in range(3)]
    places = (START - 10, START - 30, START - 20)
    order = sorted(zip(calls, places, strict=True), key=lambda pair: pair[1], reverse=True)
    world.compare(*[seen(call, P.HOLD, queued_at=at) for call, at in order])
    assert world.kinds() == ["ContactAdopted", "ContactQueued"] * 3 + ["PbxSteered", "ContactOffered"]
    assert world.contact(calls[1]).agent == ANNA
    assert [contact for _, contact in world.floor.waiting] == [calls[2].contact, calls[0].contact]


@pytest.mark.parametrize("place", P)
def test_an_unknown_caller_is_adopted_wherever_it_stands(place: Place) -> None:
    world = open_world()
    world.handset(ANNA, Handset.IN_USE)
    call = never_announced(1)
    box = ToVoicemail(box="100") if place is P.DIVERTED else None
    found = seen(call, place, queued_at=START - 5, offer=OfferId("1-7"), endpoint="1001", diverted_to=box)
    world.wait(1).compare(found)
    wanted = {
        P.MENU: S.MENU,
        P.ELSEWHERE: S.MENU,
        P.HOLD: S.WAITING,
        P.FALLBACK: S.FALLBACK,
        P.OFFER: S.OFFERED,
        P.TALK: S.CONNECTED,
        P.DIVERTED: S.DIVERTED,
    }
    contact = world.contact(call)
    assert contact.state is wanted[place]
    assert contact.queued_at == (None if contact.state is S.MENU else START - 5)
    assert contact.arrived_at == START


def test_a_caller_whose_dial_has_just_ended_is_adopted_and_not_yet_offered() -> None:
    world = open_world()
    world.sign_in(ANNA)
    call = never_announced(1)
    world.compare(seen(call, P.OFFER, queued_at=START - 5, endpoint="1001"))
    assert world.kinds() == ["ContactAdopted"]
    assert not world.contact(call).held


def test_a_talk_with_somebody_who_is_no_agent_is_adopted_and_left_alone() -> None:
    world = open_world()
    call = never_announced(1)
    world.compare(seen(call, P.TALK, endpoint="7777"))
    assert world.kinds() == ["ContactAdopted"]


def test_the_agent_is_found_with_the_next_caller_after_the_old_one_is_gone() -> None:
    world, old = in_state(S.CONNECTED)
    new = world.arrive(SALES)
    world.wait(1).compare(seen(new, P.TALK, offer=OfferId("1-99"), endpoint="1001"))
    assert world.kinds() == ["TalkEnded", "ContactEnded", "ContactConnected"]
    assert world.agent(ANNA).contact == new.contact
    assert world.agent(ANNA).wrap_up_until is None
    assert old.contact not in world.floor.contacts


def test_two_callers_at_one_agent_are_not_both_believed() -> None:
    world = open_world()
    first, second = world.arrive(SALES), world.arrive(SALES)
    world.wait(1).compare(*[seen(c, P.TALK, offer=OfferId("1-9"), endpoint="1001") for c in (first, second)])
    assert world.kinds() == ["ContactConnected"]
    assert world.agent(ANNA).contact == first.contact


def test_an_agent_whose_contact_is_unsure_is_not_found_with_another() -> None:
    world, old = in_state(S.CONNECTED)
    new = world.arrive(SALES)
    world.wait(1).compare(seen(new, P.TALK, offer=OfferId("1-9"), endpoint="1001"), unsure=[old.contact])
    assert world.kinds() == []


def test_an_agent_whose_contact_came_after_the_question_is_not_found_with_another() -> None:
    world = open_world()
    asked_at = world.now
    world.sign_in(ANNA)
    old, new = world.arrive(), world.arrive()
    world.hold(old, SALES)
    world.answer(old)
    found = seen(new, P.TALK, offer=OfferId("1-9"), endpoint="1001")
    assert world.compare(found, asked_at=asked_at).events == []


def test_a_talk_that_moved_to_another_agent() -> None:
    world, call = in_state(S.CONNECTED)
    world.compare(seen(call, P.TALK, offer=OfferId("1-9"), endpoint="1002"))
    assert world.kinds() == ["TalkEnded", "ContactConnected"]
    assert world.contact(call).agent == BILAL
    assert world.agent(ANNA).state is AgentState.WRAP_UP


def test_an_offer_answered_on_a_handset_that_was_given_away_meanwhile() -> None:
    world, call = in_state(S.OFFERED)
    world.put(inp.ConfigurationLoaded(plan=plan({BILAL: [SALES]}, mark="b", endpoints={BILAL: "1001"})))
    world.compare(seen(call, P.TALK, offer=world.offer(call), endpoint="1001"))
    assert world.kinds() == ["ContactConnected"]
    assert world.contact(call).agent == ANNA


def test_an_offer_that_somebody_else_picked_up() -> None:
    world, call = in_state(S.OFFERED)
    world.compare(seen(call, P.TALK, offer=world.offer(call), endpoint="1002"))
    assert world.kinds() == ["OfferEnded", "ContactConnected"]
    assert world.contact(call).agent == BILAL


def test_another_offer_at_the_same_agent_replaces_the_old_one() -> None:
    world, call = in_state(S.OFFERED)
    world.compare(seen(call, P.OFFER, offer=OfferId("1-99"), endpoint="1001"))
    assert world.kinds() == ["OfferEnded", "ContactOffered"]
    assert world.offer(call) == "1-99"


def test_an_unseen_transfer_into_another_queue_is_followed() -> None:
    world, call = in_state(S.CONNECTED)
    world.compare(seen(call, P.HOLD, queue=SUPPORT))
    assert world.kinds()[:2] == ["TalkEnded", "ContactQueued"]
    assert world.contact(call).queue == SUPPORT


def test_the_same_call_listed_twice_is_one_contact() -> None:
    world = open_world()
    call = never_announced(1)
    world.compare(seen(call, P.HOLD), seen(call, P.HOLD))
    assert world.kinds() == ["ContactAdopted", "ContactQueued"]


def test_handsets_are_compared_too() -> None:
    world = open_world()
    world.sign_in(ANNA)
    world.handset(ANNA, Handset.UNAVAILABLE)
    world.put(inp.NotReadyAsked(agent=ANNA, reason=UNREGISTERED))
    world.put(inp.PbxAbsent(pbx=PBX, why="a restart"))
    world.compare(handsets={"1001": Handset.FREE, "1002": Handset.IN_USE, "9999": Handset.FREE})
    assert world.kinds() == ["HandsetSeen", "AgentReady", "HandsetSeen", "PbxSteered"]
    assert world.agent(ANNA).available()


def test_steering_is_said_once() -> None:
    assert open_world().compare().events == []


@pytest.mark.parametrize("make", [lambda c: seen(c, P.OFFER), lambda c: seen(c, P.TALK)])
def test_a_place_without_an_endpoint_concludes_nothing(make: Callable[[inp.CallArrived], CallSeen]) -> None:
    world = open_world()
    call = world.arrive(SALES)
    assert world.wait(1).compare(make(call)).events == []


def test_an_offer_whose_agent_got_another_handset_meanwhile_goes_on() -> None:
    world, call = in_state(S.OFFERED)
    offer = world.offer(call)
    world.put(inp.ConfigurationLoaded(plan=plan(mark="b", endpoints={ANNA: "1005", BILAL: "1001"})))
    assert world.compare(seen(call, P.OFFER, offer=offer, endpoint="1001")).events == []
    assert world.contact(call).agent == ANNA
