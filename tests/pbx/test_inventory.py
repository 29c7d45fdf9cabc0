"""What the PBX has, from recorded lists: who stands where, and on which handset."""

from __future__ import annotations

import pytest

from contactd.core.agent import Handset
from contactd.core.contact import Needs
from contactd.core.ids import PbxId, SkillId, contact_id
from contactd.core.inputs import CallSeen, Place
from contactd.pbx.inventory import calls_seen, handsets_seen, variables
from contactd.protocols.ami import Message
from tests.pbx.recorded import changed, transcript

PBX, NOW = PbxId("pbx1"), 1_900_000_000.0


def listed(name: str, event: str = "Status") -> list[Message]:
    return [message for message in transcript(name) if message.event == event]


def places(name: str) -> dict[Place, CallSeen]:
    return {call.place: call for call in calls_seen(PBX, listed(name), NOW)}


def caller(context: str) -> Message:
    """The caller's channel in that context, with who stands there."""
    return next(
        s for n in ("inventory_offer", "inventory_talk_hold_menu") for s in listed(n) if s["Context"] == context
    )


def test_a_ringing_offer() -> None:
    seen = places("inventory_offer")[Place.OFFER]
    status = caller("contactd-offer")
    assert seen.endpoint == "1001" == status["Exten"].split("*")[0]
    assert seen.call == status["Uniqueid"]
    assert seen.contact == contact_id(PBX, seen.call, NOW)
    assert (seen.queue, seen.dnis) == ("sales", "5001")
    epoch, seq = status["Exten"].split("*")[1:3]
    assert seen.offer == f"{epoch}-{seq}"
    assert seen.queued_at == float(variables(status)["CONTACTD_SINCE"])


def test_a_talk_a_hold_and_a_menu() -> None:
    seen = places("inventory_talk_hold_menu")
    assert set(seen) == {Place.TALK, Place.HOLD, Place.MENU}
    assert seen[Place.TALK].endpoint == "1001" and seen[Place.TALK].offer is not None
    assert (seen[Place.HOLD].queue, seen[Place.HOLD].offer, seen[Place.HOLD].endpoint) == ("sales", None, None)
    assert (seen[Place.MENU].queue, seen[Place.MENU].queued_at, seen[Place.MENU].dnis) == (None, None, "5000")


def test_the_longest_waiting_come_first_and_agents_legs_are_no_callers() -> None:
    statuses = listed("inventory_talk_hold_menu")
    calls = calls_seen(PBX, list(reversed(statuses)), NOW)
    assert calls == calls_seen(PBX, statuses, NOW)
    waited = [call.queued_at or NOW for call in calls]
    assert waited == sorted(waited)
    assert len(calls) == 3 < len(statuses)


def test_what_asterisk_calls_null_is_not_there() -> None:
    leg = next(s for s in listed("inventory_talk_hold_menu") if s["Context"] == "contactd-agent")
    assert set(variables(leg)) == {"CONTACTD_CALL", "CONTACTD_OFFER"}
    held = caller("contactd-hold")
    bare = changed(held, Variable=f"CONTACTD_CALL={held['Uniqueid']}")
    null = Message(
        [*((n, bare[n]) for n in bare), ("Variable", "CONTACTD_SINCE=(null)"), ("Variable", "CONTACTD_OFFER=(null)")]
    )
    (seen,) = calls_seen(PBX, [null], NOW)
    assert (seen.queue, seen.queued_at, seen.offer, seen.dnis) == (None, None, None, "")


def test_channels_that_are_none_of_ours() -> None:
    held = caller("contactd-hold")
    assert calls_seen(PBX, [changed(held, Variable=None)], NOW) == ()
    assert calls_seen(PBX, [changed(held, Variable="CONTACTD_CALL=")], NOW) == ()
    assert calls_seen(PBX, [], NOW) == ()


@pytest.mark.parametrize(
    ("context", "place"),
    [
        ("contactd-in", Place.MENU),
        ("contactd-agi", Place.MENU),
        ("contactd-hold", Place.HOLD),
        ("contactd-return", Place.HOLD),
        ("contactd-fallback", Place.FALLBACK),
        ("contactd-after", Place.ELSEWHERE),
        ("from-somebody", Place.ELSEWHERE),
    ],
)
def test_contexts(context: str, place: Place) -> None:
    (seen,) = calls_seen(PBX, [changed(caller("contactd-hold"), Context=context)], NOW)
    assert (seen.place, seen.endpoint) == (place, None)


def test_a_bridge_without_a_leg_of_ours_is_elsewhere() -> None:
    (seen,) = calls_seen(PBX, [changed(caller("contactd-hold"), BridgeID="a-conference")], NOW)
    assert (seen.place, seen.endpoint) == (Place.ELSEWHERE, None)


def test_whom_the_agent_consulted_is_known_by_the_bridge() -> None:
    """An attended transfer joins the caller with a handset that nothing of ours rang."""
    leg, *_ = [s for s in listed("inventory_talk_hold_menu") if s["Context"] == "contactd-agent"]
    status = next(s for s in listed("inventory_talk_hold_menu") if s["Uniqueid"] == variables(leg)["CONTACTD_CALL"])
    (seen,) = calls_seen(PBX, [status, changed(leg, Variable=None, Channel="PJSIP/1002-00000003")], NOW)
    assert (seen.place, seen.endpoint) == (Place.TALK, "1002")


def test_who_was_put_through_into_the_hold_is_a_caller_whatever_the_variables_say() -> None:
    held = caller("contactd-hold")
    (seen,) = calls_seen(PBX, [changed(held, Variable="CONTACTD_CALL=pbx1-1.1")], NOW)
    assert (seen.place, seen.call) == (Place.HOLD, held["Uniqueid"])


def test_what_a_caller_needs_stands_on_the_channel() -> None:
    held = caller("contactd-hold")
    told = changed(held, Variable=f"CONTACTD_CALL={held['Uniqueid']}", **{"Variable(1)": "CONTACTD_NEEDS=german:7//"})
    (seen,) = calls_seen(PBX, [told], NOW)
    assert seen.needs == Needs(skills={SkillId("german"): 7})
    assert places("inventory_talk_hold_menu")[Place.HOLD].needs is None


def test_a_talk_of_the_static_queue_has_no_offer() -> None:
    leg, *_ = [s for s in listed("inventory_talk_hold_menu") if s["Context"] == "contactd-agent"]
    status = next(s for s in listed("inventory_talk_hold_menu") if s["Uniqueid"] == variables(leg)["CONTACTD_CALL"])
    bare = changed(status, Context="contactd-fallback", Variable=f"CONTACTD_CALL={status['Uniqueid']}")
    (seen,) = calls_seen(PBX, [bare, leg], NOW)
    assert (seen.place, seen.endpoint, seen.offer) == (Place.TALK, "1001", None)


def test_handsets() -> None:
    states = listed("inventory_offer", "DeviceStateChange")
    seen = handsets_seen(states)
    assert seen["1001"] in (Handset.RINGING, Handset.IN_USE, Handset.FREE)
    assert seen["1002"] is Handset.UNAVAILABLE
    assert not [endpoint for endpoint in seen if "Queue" in endpoint or "fallback" in endpoint]
    assert handsets_seen([changed(states[0], Device="PJSIP/1001", State="ODD")]) == {}
