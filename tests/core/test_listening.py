"""Supervisors at talks, as the floor knows them: begun, turned, over; silent with a pause; found again."""

from __future__ import annotations

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import By
from contactd.core.commands import ComparePbx, PauseRecording, StopListening, TakeOver, TurnListening
from contactd.core.contact import Recorder
from contactd.core.ids import ListeningId, OfferId
from contactd.core.inputs import CallArrived, Place, RecordingWord
from contactd.core.listener import ListeningSeen, Mode
from contactd.core.listening import ListeningWord
from tests.core.world import ANNA, BILAL, OTHER_PBX, PBX, SALES, World, open_world, seen

LEG, BOSS = "PJSIP/1001-0000002a", "PJSIP/1002-0000002b"


def talking() -> tuple[World, CallArrived]:
    """Anna talks, and is recorded; Bilal is the supervisor."""
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    offer = world.offer_of(call.contact)
    world.take(call.contact)
    world.put(inp.RecordingTold(contact=call.contact, offer=offer, word=RecordingWord.STARTED, channel=LEG))
    return world, call


def heard(call: CallArrived, mode: Mode = Mode.LISTEN, *, number: str = "pbx1-9.1", **other: object) -> ListeningSeen:
    made = ListeningSeen(
        id=ListeningId(number), pbx=PBX, contact=call.contact, agent=ANNA, supervisor=BILAL, channel=BOSS, mode=mode
    )
    return msgspec.structs.replace(made, **other)


def hears(world: World, one: ListeningSeen) -> list[str]:
    world.wait(1).put(inp.ListeningTold(seen=one, word=ListeningWord.HEARS))
    return world.kinds()


def compared(world: World, call: CallArrived, *found: ListeningSeen, paused: bool = False, asked_s: float = 0) -> None:
    """The talk as it is, and these supervisors."""
    contact = world.contact(call)
    assert contact.offer is not None
    recorder = Recorder(offer=contact.offer, channel=LEG, paused=paused)
    here = seen(call, Place.TALK, offer=contact.offer, endpoint="1001")
    world.wait(1).put(
        inp.PbxCompared(
            pbx=PBX,
            asked_at=world.now - asked_s,
            booted_at=0.0,
            calls=(msgspec.structs.replace(here, recorder=recorder),),
            handsets={},
            listening=found,
        )
    )


def test_each_turn_is_a_fact_and_the_same_again_is_none() -> None:
    world, call = talking()
    assert hears(world, heard(call)) == ["ListeningBegan"]
    assert hears(world, heard(call)) == []
    assert hears(world, heard(call, Mode.BARGE)) == ["ListeningTurned"]
    world.wait(2).put(inp.ListeningTold(seen=heard(call, Mode.BARGE), word=ListeningWord.ENDED, why="talk"))
    (ended,) = world.facts(ev.ListeningEnded)
    assert isinstance(ended, ev.ListeningEnded) and (ended.lasted_s, ended.why) == (4.0, "talk")
    assert not world.floor.state.listening
    world.put(inp.ListeningTold(seen=heard(call), word=ListeningWord.ENDED, why="talk"))
    assert world.kinds() == []


def test_a_listening_outlives_the_contact_until_the_pbx_ends_it() -> None:
    world, call = talking()
    hears(world, heard(call))
    world.put(inp.CallerHungUp(contact=call.contact, cause=16))
    assert world.floor.state.listening
    world.put(inp.ListeningTold(seen=heard(call), word=ListeningWord.ENDED, why="talk"))
    assert world.kinds() == ["ListeningEnded"]


def test_who_listens_to_nobody_is_told_to_stop() -> None:
    world, call = talking()
    world.put(inp.CallerHungUp(contact=call.contact, cause=16))
    assert hears(world, heard(call)) == []
    assert world.commands == [StopListening(pbx=PBX, listening=ListeningId("pbx1-9.1"), channel=BOSS)]


def test_a_pause_silences_whoever_listens_to_this_talk_and_nobody_else() -> None:
    world, call = talking()
    other = world.arrive(SALES)
    hears(world, heard(call))
    hears(world, heard(other, number="pbx1-9.2"))
    world.put(inp.RecordingPauseAsked(agent=ANNA, pause=True, by=By.AGENT))
    pause, *silenced = world.commands
    assert isinstance(pause, PauseRecording)
    assert silenced == [
        TurnListening(pbx=PBX, listening=ListeningId("pbx1-9.1"), channel=BOSS, mode=Mode.SILENT),
    ]
    contact = world.contact(call)
    assert contact.offer is not None
    world.put(inp.RecordingMuted(contact=call.contact, offer=contact.offer, paused=True, by=By.AGENT))
    world.put(inp.RecordingPauseAsked(agent=ANNA, pause=False, by=By.AGENT))
    # It goes on by itself.
    assert [type(one) for one in world.commands] == [PauseRecording]


def test_a_comparison_knows_who_came_turned_and_left() -> None:
    world, call = talking()
    compared(world, call, heard(call, Mode.WHISPER))
    (began,) = [event for event in world.steps[-1].events if isinstance(event, ev.ListeningBegan)]
    assert began.seen_late and began.mode is Mode.WHISPER
    compared(world, call, heard(call, Mode.BARGE))
    assert "ListeningTurned" in world.kinds()
    compared(world, call, asked_s=9)
    # It began after the list was asked for.
    assert world.floor.state.listening
    compared(world, call)
    assert [event.why for event in world.steps[-1].events if isinstance(event, ev.ListeningEnded)] == ["unseen"]


def test_a_comparison_of_another_pbx_ends_nothing() -> None:
    world, call = talking()
    hears(world, heard(call))
    world.wait(1).put(inp.PbxCompared(pbx=OTHER_PBX, asked_at=world.now, booted_at=0.0, calls=(), handsets={}))
    assert world.floor.state.listening


def test_a_pause_that_somebody_died_over_silences_at_the_next_comparison() -> None:
    world, call = talking()
    hears(world, heard(call))
    contact = world.contact(call)
    assert contact.offer is not None
    world.put(inp.RecordingMuted(contact=call.contact, offer=contact.offer, paused=True, by=By.AGENT))
    compared(world, call, heard(call), paused=True)
    assert [one.mode for one in world.commands if isinstance(one, TurnListening)] == [Mode.SILENT]
    compared(world, call, heard(call, Mode.SILENT), paused=True)
    assert not [one for one in world.commands if isinstance(one, TurnListening)]


def test_contactctl_turns_and_stops_what_a_supervisor_listens_to() -> None:
    world, call = talking()
    world.put(inp.ListeningTurnAsked(supervisor=BILAL, mode=Mode.BARGE))
    assert world.commands == []
    hears(world, heard(call))
    world.put(inp.ListeningTurnAsked(supervisor=BILAL, mode=Mode.BARGE))
    assert [one.mode for one in world.commands if isinstance(one, TurnListening)] == [Mode.BARGE]
    assert world.kinds() == []
    world.put(inp.ListeningTurnAsked(supervisor=BILAL, mode=None))
    assert [type(one) for one in world.commands] == [StopListening]


def asks(world: World, call: CallArrived) -> list[str]:
    world.wait(1).put(inp.ListeningTold(seen=heard(call), word=ListeningWord.TAKES))
    return world.kinds()


def steered() -> tuple[World, CallArrived]:
    world, call = talking()
    hears(world, heard(call))
    return world, call


def test_a_supervisor_has_the_caller_and_the_agent_wraps_up() -> None:
    world, call = steered()
    assert asks(world, call) == ["TakeOverBegun"]
    (command,) = world.commands
    assert isinstance(command, TakeOver) and (command.channel, command.taker) == (call.channel, BOSS)
    assert command.offer == f"1-{world.floor.seq}"
    # Nothing has happened yet, and a second key is the same one.
    assert world.agent(ANNA).contact == call.contact and asks(world, call) == []
    world.wait(1).put(inp.CallerTaken(contact=call.contact, offer=command.offer, listening=ListeningId("pbx1-9.1")))
    assert world.kinds() == ["TalkEnded", "ListeningEnded", "ContactConnected"]
    assert [event.by for event in world.steps[-1].events if isinstance(event, ev.TalkEnded)] == ["supervisor"]
    assert world.agent(ANNA).state == "wrap_up" and world.agent(BILAL).contact == call.contact
    world.put(inp.CallerTaken(contact=call.contact, offer=command.offer, listening=ListeningId("pbx1-9.1")))
    assert world.kinds() == [] and world.commands == []
    world.wait(9).put(inp.AgentHungUp(contact=call.contact, offer=command.offer))
    assert world.agent(BILAL).state == "wrap_up"


def test_a_take_over_that_came_to_nothing_may_be_asked_for_again() -> None:
    world, call = steered()
    asks(world, call)
    world.wait(5)
    assert asks(world, call) == ["TakeOverBegun"]


def test_nobody_is_taken_over_in_a_pause() -> None:
    world, call = steered()
    contact = world.contact(call)
    assert contact.offer is not None
    world.put(inp.RecordingMuted(contact=call.contact, offer=contact.offer, paused=True, by=By.AGENT))
    assert asks(world, call) == [] and world.commands == []


def test_a_supervisor_with_a_contact_of_their_own_takes_nobody_over() -> None:
    world, call = steered()
    world.sign_in(BILAL)
    other = world.arrive(SALES)
    world.take(other.contact)
    assert asks(world, call) == [] and world.commands == []


def test_a_caller_who_was_taken_by_nobody_who_is_known_is_looked_for() -> None:
    world, call = talking()
    world.put(inp.CallerTaken(contact=call.contact, offer=OfferId("1-99"), listening=ListeningId("pbx1-9.1")))
    assert world.kinds() == [] and [type(one) for one in world.commands] == [ComparePbx]
