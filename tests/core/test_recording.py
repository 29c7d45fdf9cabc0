"""Which talks are recorded, and a recording from its first word to its end."""

from __future__ import annotations

import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import By
from contactd.core.commands import PauseRecording, RingAgent
from contactd.core.contact import Known, Recorder
from contactd.core.ids import AgentId, OfferId
from contactd.core.inputs import CallArrived, RecordingWord
from contactd.core.plan import RecordRule
from tests.core.world import ANNA, BILAL, SALES, World, open_world, plan, seen

CHANNEL = "PJSIP/1001-0000002a"


def recording(rule: RecordRule = RecordRule.NOT_REFUSED, *, announcement: str = "", agent: bool | None = None) -> World:
    """Anna is ready for sales, whose talks are recorded so."""
    made = plan()
    sales = msgspec.structs.replace(made.queues[0], record=rule, record_announcement=announcement)
    anna = msgspec.structs.replace(made.agents[0], record=agent)
    world = open_world(msgspec.structs.replace(made, queues=(sales, *made.queues[1:]), agents=(anna, *made.agents[1:])))
    world.sign_in(ANNA)
    return world


def talking(world: World) -> tuple[CallArrived, OfferId]:
    call = world.arrive(SALES)
    offer = world.offer_of(call.contact)
    world.take(call.contact)
    return call, offer


def tell(world: World, call: CallArrived, offer: OfferId, word: RecordingWord = RecordingWord.STARTED) -> None:
    world.put(inp.RecordingTold(contact=call.contact, offer=offer, word=word, channel=CHANNEL))


@pytest.mark.parametrize(
    ("rule", "said", "agent", "verdict"),
    [
        (RecordRule.NO, None, None, ""),
        (RecordRule.NO, True, None, ""),
        (RecordRule.NO, None, True, "yes"),
        (RecordRule.NO, False, True, "refused"),
        (RecordRule.AGREED, None, None, "not_agreed"),
        (RecordRule.AGREED, True, None, "yes"),
        (RecordRule.AGREED, False, None, "refused"),
        (RecordRule.AGREED, None, True, "not_agreed"),
        (RecordRule.NOT_REFUSED, None, None, "yes"),
        (RecordRule.NOT_REFUSED, False, None, "refused"),
        (RecordRule.NOT_REFUSED, True, False, "agent"),
        (RecordRule.ALWAYS, False, None, "yes"),
        (RecordRule.ALWAYS, False, False, "agent"),
    ],
)
def test_queue_customer_and_agent_decide_together(
    rule: RecordRule, said: bool | None, agent: bool | None, verdict: str
) -> None:
    world = recording(rule, announcement="recorded", agent=agent)
    call = world.arrive()
    world.put(inp.PartyKnown(contact=call.contact, known=Known(matches=1, recording=said)))
    world.hold(call, SALES)
    (rings,) = [command for command in world.commands if isinstance(command, RingAgent)]
    offered = world.facts(ev.ContactOffered)[-1]
    assert isinstance(offered, ev.ContactOffered) and offered.record == verdict
    assert (rings.record, rings.announcement) == ((True, "recorded") if verdict == "yes" else (False, ""))


def test_a_recording_is_paused_once_the_pbx_has_done_it_and_goes_on_likewise() -> None:
    world = recording()
    call, offer = talking(world)
    tell(world, call, offer)
    assert world.kinds() == ["RecordingStarted"]
    for paused, kind in ((True, "RecordingPaused"), (False, "RecordingResumed")):
        asked = world.put(inp.RecordingPauseAsked(agent=AgentId(ANNA), pause=paused, by=By.AGENT))
        (command,) = asked.commands
        assert isinstance(command, PauseRecording) and (command.channel, command.paused) == (CHANNEL, paused)
        assert not asked.events and world.contact(call).recorder == Recorder(
            offer=offer, channel=CHANNEL, paused=not paused
        )
        world.put(inp.RecordingMuted(contact=call.contact, offer=offer, paused=paused, by=By.AGENT))
        assert world.kinds() == [kind]
        again = world.put(inp.RecordingPauseAsked(contact=call.contact, pause=paused, by=By.SYSTEM))
        assert not again.commands and not again.events


def test_nobody_pauses_what_is_not_recorded() -> None:
    world = recording()
    call, offer = talking(world)
    for who in ({"agent": AgentId(ANNA)}, {"agent": AgentId(BILAL)}, {"contact": call.contact}, {}):
        made = world.put(inp.RecordingPauseAsked(pause=True, by=By.AGENT, **who))  # type: ignore[arg-type]
        assert not made.commands and not made.events
    world.put(inp.RecordingMuted(contact=call.contact, offer=offer, paused=True, by=By.AGENT))
    assert not world.kinds()


def test_a_recording_ends_with_the_talk_and_of_another_offer_nothing_is_believed() -> None:
    world = recording()
    call, offer = talking(world)
    tell(world, call, OfferId("1-1"))
    assert not world.kinds()
    tell(world, call, offer)
    tell(world, call, offer)
    assert not world.kinds()
    world.close(call.contact)
    assert world.contact(call).recorder is None
    assert not world.put(inp.RecordingPauseAsked(contact=call.contact, pause=True, by=By.AGENT)).commands


def test_what_could_not_be_written_is_a_fact_also_after_the_call() -> None:
    world = recording(announcement="recorded")
    call, offer = talking(world)
    tell(world, call, offer, RecordingWord.ANNOUNCED)
    assert world.kinds() == ["RecordingAnnounced"]
    world.put(inp.CallerHungUp(contact=call.contact, cause=16))
    tell(world, call, offer, RecordingWord.NOT_WRITTEN)
    (failed,) = world.facts(ev.RecordingFailed)
    assert isinstance(failed, ev.RecordingFailed) and failed.why is ev.RecordingFailure.NOT_WRITTEN


def test_who_is_put_through_by_way_of_a_line_goes_on_in_the_recording_of_that_talk() -> None:
    world = recording()
    call, _ = talking(world)
    world.sign_in(BILAL)
    asked, offer = talking(world)
    tell(world, asked, offer)
    done = inp.TransferCompleted(
        contact=call.contact, offer=world.offer_of(call.contact), endpoint="1002", consult=asked.contact
    )
    world.put(done)
    started = world.facts(ev.RecordingStarted)[-1]
    assert isinstance(started, ev.RecordingStarted)
    assert (started.contact, started.offer, started.passed_on) == (call.contact, offer, asked.contact)
    assert world.contact(call).recorder == Recorder(offer=offer, channel=CHANNEL)


def test_a_comparison_finds_what_is_recorded_and_whether_it_is_paused() -> None:
    world = recording()
    call, offer = talking(world)
    world.wait(5)
    found = Recorder(offer=offer, channel=CHANNEL)
    world.compare(_found(call, found))
    assert world.kinds() == ["RecordingStarted"] and world.contact(call).recorder == found
    # Somebody died between the mark on the channel and the pause: it is done now.
    made = world.compare(_found(call, msgspec.structs.replace(found, paused=True)))
    assert [type(command) for command in made.commands] == [PauseRecording] and not made.events


def _found(call: CallArrived, recorder: Recorder) -> inp.CallSeen:
    there = seen(call, inp.Place.TALK, offer=recorder.offer, endpoint="1001")
    return msgspec.structs.replace(there, recorder=recorder)
