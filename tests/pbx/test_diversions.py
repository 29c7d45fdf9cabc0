"""A destination on its way into the dialplan and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.core import inputs as inp
from contactd.core.commands import DivertCaller
from contactd.core.destination import Outside, ToExternal, ToMessage, Tone, ToTone, ToVoicemail
from contactd.core.ids import ContactId, DiversionId, PbxId, contact_id
from contactd.core.inputs import Place
from contactd.pbx.diversions import CONTEXTS, LONGEST_EXTEN, exten_of, read_exten
from contactd.pbx.inventory import calls_seen
from contactd.pbx.translate import CALLERS_CONTEXTS, translate
from tests.pbx.recorded import changed, transcript

PBX, NOW = PbxId("pbx1"), 1_900_000_000.0
LONGEST = DiversionId("9999-9999999999")


def command(to: Outside, diversion: DiversionId = LONGEST, epoch: int = 9999) -> DivertCaller:
    return DivertCaller(pbx=PBX, contact=ContactId("c"), channel="PJSIP/x-1", to=to, diversion=diversion, epoch=epoch)


@pytest.mark.parametrize(
    ("to", "exten"),
    [
        (ToVoicemail(box="100@sales"), "voicemail*4*3-77*100@sales"),
        (ToExternal(number="+4930123"), "external*4*3-77*+4930123"),
        (ToMessage(sound="custom/closed"), "message*4*3-77*custom/closed"),
        (ToTone(tone=Tone.CONGESTION), "hang_up*4*3-77*congestion"),
    ],
)
def test_each_kind_is_an_extension_and_is_read_again(to: Outside, exten: str) -> None:
    assert exten_of(command(to, DiversionId("3-77"), 4)) == exten
    assert read_exten(exten) == ("3-77", to)


@pytest.mark.parametrize(
    "to",
    [
        ToVoicemail(box="b" * 20 + "@" + "c" * 20),
        ToExternal(number="+" + "9" * 20),
        ToMessage(sound="m" * 48),
        ToTone(tone=Tone.CONGESTION),
    ],
)
def test_the_longest_that_a_configuration_allows_fits_into_an_extension(to: Outside) -> None:
    assert len(exten_of(command(to))) <= LONGEST_EXTEN


@given(st.text(max_size=90))
def test_whatever_a_channel_carries_is_read_or_is_none_of_ours(text: str) -> None:
    diversion, to = read_exten(text)
    assert (diversion is None) == (to is None)


@pytest.mark.parametrize(
    "text", ["", "3-77", "voicemail", "voicemail*4", "voicemail*4*", "queue*4*3-77*", "hang_up*4*3-77*loud"]
)
def test_what_no_contactd_wrote_says_nothing(text: str) -> None:
    assert read_exten(text) == (None, None)


def test_the_end_of_a_destination_that_failed() -> None:
    event = next(message for message in transcript("answered") if message.event == "UserEvent")
    told = changed(event, UserEvent="ContactdDivertEnd", Context="contactd-leave-to", Diversion="3-77", Status="BUSY")
    assert translate(PBX, told, NOW) == inp.DestinationFailed(
        contact=contact_id(PBX, event["Uniqueid"], NOW), diversion=DiversionId("3-77"), status="BUSY"
    )


def test_who_answers_at_a_destination_answers_no_offer() -> None:
    event = next(message for message in transcript("answered") if message.event == "DialEnd")
    assert isinstance(translate(PBX, event, NOW), inp.OfferAnswered)
    assert translate(PBX, changed(event, Context="contactd-external-call"), NOW) is None


@pytest.mark.parametrize("context", sorted(CONTEXTS))
def test_who_stands_there_is_diverted_in_a_bridge_too(context: str) -> None:
    assert context in CALLERS_CONTEXTS
    statuses = [message for message in transcript("inventory_talk_hold_menu") if message.event == "Status"]
    talking = next(s for s in statuses if s["Context"] == "contactd-offer" and s.get("BridgeID"))
    others = [status for status in statuses if status is not talking]
    calls = calls_seen(PBX, [*others, changed(talking, Context=context)], NOW)
    assert next(call for call in calls if call.call == talking["Uniqueid"]).place is Place.DIVERTED
