"""AMI events into inputs, from recorded transcripts: one case an event, and what is none of ours."""

from __future__ import annotations

import pytest

from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.contact import Needs
from contactd.core.ids import AgentId, OfferId, PbxId, SkillId, contact_id
from contactd.pbx.translate import EVENTS, call_of, contact_of, endpoint_of, instant, number, stamped, translate
from contactd.protocols.ami import Message, chan_variables
from tests.pbx.recorded import changed, transcript

PBX, NOW = PbxId("pbx1"), 1_900_000_000.0
TRANSFERS = (
    *("blind_transfer", "attended_transfer", "attended_transfer_ringing", "attended_transfer_to_line"),
    "attended_transfer_line_answered",
)


def said(name: str) -> list[inp.Input]:
    """The inputs that a transcript means, handsets left out."""
    made = [translate(PBX, message, NOW) for message in transcript(name)]
    return [input_ for input_ in made if input_ is not None and not isinstance(input_, inp.HandsetChanged)]


def first(name: str, event: str, **wanted: str) -> Message:
    found = [m for m in transcript(name) if m.event == event and all(m.get(k) == v for k, v in wanted.items())]
    return found[0]


def test_held_and_answered() -> None:
    held, answered = said("answered")
    event = first("answered", "UserEvent")
    contact = contact_id(PBX, event["Uniqueid"], NOW)
    assert held == inp.CallHeld(
        contact=contact,
        pbx=PBX,
        call=event["Uniqueid"],
        channel=event["Channel"],
        dnis="5001",
        queue="sales",
        queued_at=float(event["Since"]),
    )
    assert answered == inp.OfferAnswered(contact=contact, offer=call_offer("answered", "DialEnd"), endpoint="1001")


def test_what_the_caller_needs_comes_with_the_hold_and_nonsense_does_not() -> None:
    event = first("answered", "UserEvent")
    held = translate(PBX, changed(event, Needs="german:7&cards/anna/60"), NOW)
    assert isinstance(held, inp.CallHeld)
    assert held.needs == Needs(skills={SkillId("german"): 7}, preferred_agent=AgentId("anna"), boost_s=60)
    empty = translate(PBX, changed(event, Needs=""), NOW)
    assert isinstance(empty, inp.CallHeld) and empty.needs is None


def call_offer(name: str, event: str) -> str:
    return chan_variables(first(name, event), "")["CONTACTD_OFFER"]


def test_a_decline_is_told_of_the_handset_and_of_the_offer_and_the_caller_is_held_again() -> None:
    held, leg, failed, again = said("declined")
    assert isinstance(held, inp.CallHeld) and again == held
    leg_gone = inp.LegFailed(
        contact=held.contact,
        offer=first("declined", "UserEvent", UserEvent="ContactdOfferEnd")["Offer"],
        endpoint="1001",
        cause=21,
    )
    assert leg == leg_gone
    assert isinstance(failed, inp.OfferFailed)
    assert (failed.contact, failed.dial_status, failed.cause) == (held.contact, "CHANUNAVAIL", 21)
    assert failed.offer == first("declined", "UserEvent", UserEvent="ContactdOfferEnd")["Offer"]


def test_an_agent_who_hangs_up_leaves_and_then_the_caller_ends() -> None:
    left, ended = said("agent_hung_up")
    assert isinstance(left, inp.AgentHungUp) and not left.transferred
    assert isinstance(ended, inp.CallerHungUp) and contact_id(PBX, ended.call, NOW) == left.contact
    assert ended == inp.CallerHungUp(contact=left.contact, cause=16, call=ended.call)


def test_a_caller_who_hangs_up_waiting() -> None:
    (ended,) = said("hang_up_waiting")
    call = first("hang_up_waiting", "Hangup")["Uniqueid"]
    assert ended == inp.CallerHungUp(contact=contact_id(PBX, call, NOW), cause=0, call=call)


def test_a_caller_who_was_sent_away_did_not_give_up() -> None:
    event = changed(first("hang_up_waiting", "Hangup"), Context="contactd-after", Exten="max-wait")
    told = translate(PBX, event, NOW)
    assert isinstance(told, inp.CallerHungUp) and told.timed_out
    assert not any(input_.timed_out for input_ in said("agent_hung_up") if isinstance(input_, inp.CallerHungUp))


def test_a_caller_who_hangs_up_while_ringing_is_no_agents_hang_up() -> None:
    assert [type(input_) for input_ in said("hang_up_ringing")] == [inp.CallerHungUp]


def test_a_blind_transfer_frees_the_agent() -> None:
    told = said("blind_transfer")
    (moved,) = [input_ for input_ in told if isinstance(input_, inp.AgentHungUp)]
    event = first("blind_transfer", "BlindTransfer")
    assert moved.transferred
    assert moved.contact == contact_id(PBX, event["TransfereeUniqueid"], NOW)
    assert not [input_ for input_ in told if isinstance(input_, inp.CallerHungUp)]


def completed(name: str) -> inp.TransferCompleted:
    (told,) = [input_ for input_ in said(name) if isinstance(input_, inp.TransferCompleted)]
    return told


def test_an_attended_transfer_names_the_caller_and_the_handset_that_was_asked() -> None:
    event = first("attended_transfer", "AttendedTransfer")
    wanted = inp.TransferCompleted(
        contact=contact_id(PBX, event["TransfereeUniqueid"], NOW),
        offer=OfferId(chan_variables(event, "Transferee")["CONTACTD_OFFER"]),
        endpoint="1002",
    )
    assert completed("attended_transfer") == wanted
    # Afterwards the caller goes on as before: the end of the second talk is told by the first offer.
    left, ended = said("attended_transfer")[-2:]
    assert left == inp.AgentHungUp(contact=wanted.contact, offer=wanted.offer)
    call = event["TransfereeUniqueid"]
    assert ended == inp.CallerHungUp(contact=wanted.contact, cause=16, call=call)


def test_a_handset_may_refer_either_of_its_calls() -> None:
    event = first("attended_transfer", "AttendedTransfer")
    sides = {"Transferee": "TransferTarget", "OrigTransferer": "SecondTransferer"}
    sides |= {there: here for here, there in sides.items()}
    turned = []
    for name in event:
        side = next((side for side in sides if name.startswith(side)), "")
        turned += [(sides.get(side, "") + name.removeprefix(side), value) for value in event.all(name)]
    assert translate(PBX, Message(turned), NOW) == completed("attended_transfer")


def test_a_transfer_while_the_other_handset_rings_names_nobody_and_the_answer_is_told_later() -> None:
    told = completed("attended_transfer_ringing")
    assert (told.endpoint, told.consult) == (None, None)
    answered = [one for one in said("attended_transfer_ringing") if isinstance(one, inp.OfferAnswered)]
    assert (told.contact, told.offer) in [(one.contact, one.offer) for one in answered]


def test_a_transfer_into_a_line_names_the_agent_s_own_contact_there() -> None:
    """From then on the caller's channel carries the agent's CONTACTD_CALL; it is the caller all the same."""
    event = first("attended_transfer_to_line", "AttendedTransfer")
    told = completed("attended_transfer_to_line")
    assert told.consult == contact_id(PBX, event["SecondTransfererUniqueid"], NOW)
    assert told.contact == contact_id(PBX, event["TransfereeUniqueid"], NOW)
    later = said("attended_transfer_to_line")
    later = later[later.index(told) + 1 :]
    assert [type(one) for one in later] == [inp.CallerHungUp, inp.OfferAnswered, inp.AgentHungUp, inp.CallerHungUp]
    gone, *rest = later
    assert isinstance(gone, inp.CallerHungUp) and gone.contact == told.consult
    assert {getattr(one, "contact", None) for one in rest} == {told.contact}


def test_a_transfer_to_whom_the_line_found_names_both() -> None:
    told = completed("attended_transfer_line_answered")
    assert (told.endpoint, told.consult is not None) == ("1002", True)


def test_an_unregistered_handset() -> None:
    made = [translate(PBX, message, NOW) for message in transcript("unregistered")]
    assert inp.HandsetChanged(pbx=PBX, endpoint="1001", handset=Handset.UNAVAILABLE) in made


def test_a_feature_code_is_no_contact_and_shows_the_handset() -> None:
    assert said("sign_in") == []
    made = [translate(PBX, message, NOW) for message in transcript("sign_in")]
    handsets = [input_.handset for input_ in made if isinstance(input_, inp.HandsetChanged)]
    assert handsets == [Handset.FREE, Handset.IN_USE, Handset.FREE]


def test_every_recorded_event_is_one_that_the_filter_lets_through() -> None:
    for name in ("answered", "declined", "agent_hung_up", "hang_up_waiting", "sign_in", *TRANSFERS):
        assert {message.event for message in transcript(name)} <= {*EVENTS, None}


def test_falling_back_is_told_like_being_held() -> None:
    event = changed(first("answered", "UserEvent"), UserEvent="ContactdFellBack", Queue="")
    told = translate(PBX, event, NOW)
    assert isinstance(told, inp.CallFellBack) and told.queue is None


@pytest.mark.parametrize("status", ["NOANSWER", "BUSY", "CANCEL", "STALE"])
def test_offer_ends_carry_dialstatus_as_it_is(status: str) -> None:
    event = changed(first("declined", "UserEvent", UserEvent="ContactdOfferEnd"), DialStatus=status, Cause="x")
    told = translate(PBX, event, NOW)
    assert isinstance(told, inp.OfferFailed) and (told.dial_status, told.cause) == (status, 0)


@pytest.mark.parametrize(
    ("name", "event", "headers"),
    [
        ("answered", "UserEvent", {"UserEvent": "SomebodyElses"}),
        ("answered", "UserEvent", {"ChanVariable": "CONTACTD_CALL="}),
        ("answered", "UserEvent", {"ChanVariable": None}),
        ("answered", "DialEnd", {"DialStatus": "BUSY"}),
        ("answered", "DialEnd", {"Uniqueid": "pbx1-1.1", "Context": "from-inside"}),
        ("answered", "DialEnd", {"ChanVariable": "CONTACTD_CALL=pbx1-1.1", "Context": "from-inside"}),
        ("hang_up_waiting", "Hangup", {"ChanVariable": None}),
        ("hang_up_waiting", "Hangup", {"Uniqueid": "pbx1-1.1", "Context": "contactd-agent"}),
        ("blind_transfer", "BlindTransfer", {"Result": "Fail"}),
        ("blind_transfer", "BlindTransfer", {"TransfereeUniqueid": "pbx1-1.1", "TransfereeContext": "from-inside"}),
        ("attended_transfer", "AttendedTransfer", {"Result": "Fail"}),
        ("attended_transfer", "AttendedTransfer", {"TransfereeChanVariable": None}),
        ("unregistered", "DeviceStateChange", {"Device": "Queue:contactd-fallback_avail"}),
        ("unregistered", "DeviceStateChange", {"State": "NEVER_HEARD_OF"}),
        ("answered", "DialEnd", {"Event": "DialBegin"}),
    ],
)
def test_what_means_nothing_to_the_floor(name: str, event: str, headers: dict[str, str | None]) -> None:
    assert translate(PBX, changed(first(name, event), **headers), NOW) is None


@pytest.mark.parametrize(
    ("state", "handset"),
    [
        ("NOT_INUSE", Handset.FREE),
        ("INUSE", Handset.IN_USE),
        ("BUSY", Handset.IN_USE),
        ("ONHOLD", Handset.IN_USE),
        ("RINGING", Handset.RINGING),
        ("RINGINUSE", Handset.IN_USE),
        ("UNAVAILABLE", Handset.UNAVAILABLE),
        ("INVALID", Handset.UNAVAILABLE),
        ("UNKNOWN", Handset.UNAVAILABLE),
    ],
)
def test_device_states(state: str, handset: Handset) -> None:
    event = changed(first("unregistered", "DeviceStateChange", Device="PJSIP/1001"), State=state)
    assert translate(PBX, event, NOW) == inp.HandsetChanged(pbx=PBX, endpoint="1001", handset=handset)


@pytest.mark.parametrize(
    ("device", "endpoint"),
    [
        ("PJSIP/1001", "1001"),
        ("PJSIP/1001-0000002a", "1001"),
        ("PJSIP/front-desk", "front-desk"),
        ("PJSIP/front-desk-0000002a", "front-desk"),
        ("PJSIP/", None),
        ("SIP/1001", None),
        ("Local/anna*20*030123@contactd-far-0000002a;1", "@anna"),
        ("Local/anna*20*030123@elsewhere-0000002a;1", None),
        ("Queue:x", None),
        ("", None),
    ],
)
def test_endpoints(device: str, endpoint: str | None) -> None:
    assert endpoint_of(device) == endpoint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1800000000.25", 1_800_000_000.25),
        *((odd, NOW) for odd in ("", None, "soon", "-5", "0", "nan", "inf", "2500000000")),
    ],
)
def test_a_place_in_line_is_a_time_that_was(text: str | None, value: float) -> None:
    assert instant(text, NOW) == value


def test_numbers_and_stamps_that_are_none() -> None:
    assert [number(text) for text in ("16", "", None, "x", "-1", "1234567890123")] == [16, 0, 0, 0, 0, 0]
    assert stamped(first("answered", "UserEvent")) is not None
    assert stamped(changed(first("answered", "UserEvent"), Timestamp=None)) is None


def test_whose_call_an_event_is_on_either_leg() -> None:
    event = first("answered", "DialEnd")
    caller = contact_of(PBX, event, NOW)
    assert caller == contact_of(PBX, changed(event, ChanVariable=None), NOW) is not None
    assert contact_of(PBX, changed(event, ChanVariable=None, DestChanVariable=None), NOW) is None
    assert contact_of(PBX, first("blind_transfer", "BlindTransfer"), NOW) is not None
    assert call_of(first("sign_in", "Hangup")) == ""


def test_the_leg_that_dials_a_number_outside_is_no_caller_wherever_it_stands() -> None:
    said = {"Event": "Hangup", "Uniqueid": "2.1", "Context": "contactd-external-call"}
    said["ChanVariable"] = "CONTACTD_CALL=1.1"
    assert call_of(Message([*said.items(), ("Channel", "PJSIP/trunk-00000001")])) == "2.1"
    assert call_of(Message([*said.items(), ("Channel", "Local/anna*20*030123@contactd-far-0000002a;2")])) == "1.1"
