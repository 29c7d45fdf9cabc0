"""The rules of listening once more, by what was said of each: for the random walks."""

from __future__ import annotations

from typing import NamedTuple

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import PauseRecording, StopListening, TakeOver, TurnListening
from contactd.core.floor import LiveFloor
from contactd.core.listener import Mode
from contactd.core.step import Step


class Heard(NamedTuple):
    mode: str
    contact: str
    pbx: str
    since: float


class Listeners:
    """follow() after each step; it keeps its own book of who listens."""

    def __init__(self) -> None:
        self.open: dict[str, Heard] = {}
        self.asked: dict[str, float] = {}

    def follow(self, made: Step, floor: LiveFloor) -> None:
        before = dict(self.open)
        for event in made.events:
            if isinstance(event, ev.ListeningBegan):
                assert event.listening not in self.open, f"{event.listening} began twice"
                assert event.contact in floor.contacts, "somebody listens to nobody"
                self.asked.pop(event.listening, None)
                self.open[event.listening] = Heard(event.mode, event.contact, event.pbx, made.at)
            elif isinstance(event, ev.ListeningTurned):
                known = self.open[event.listening]
                assert known.mode != event.mode and known.contact == event.contact
                self.open[event.listening] = known._replace(mode=event.mode)
            elif isinstance(event, ev.ListeningEnded):
                known = self.open.pop(event.listening)
                assert known.contact == event.contact
                assert event.lasted_s == round(max(0.0, made.at - known.since), 6)
        kept = {one.id: Heard(one.mode, one.contact, one.pbx, one.since) for one in floor.state.listening.values()}
        assert kept == self.open
        self._nobody_hears_a_pause(made, before)
        self._nobody_is_forgotten(made, before)

    def _nobody_hears_a_pause(self, made: Step, before: dict[str, Heard]) -> None:
        """Whoever listens is silenced after the mark stands on the channel, for which the dialplan looks."""
        if not isinstance(made.input, inp.RecordingPauseAsked):
            return
        for place, command in enumerate(made.commands):
            if isinstance(command, PauseRecording) and command.paused:
                silenced = {
                    after.listening
                    for after in made.commands[place:]
                    if isinstance(after, TurnListening) and after.mode is Mode.SILENT
                }
                assert silenced == {one for one, heard in before.items() if heard.contact == command.contact}

    def _nobody_is_forgotten(self, made: Step, before: dict[str, Heard]) -> None:
        """What a PBX tells of is known afterwards, over, or told to stop; what it does not have is over."""
        told = made.input
        if isinstance(told, inp.ListeningTold):
            stopped = any(isinstance(one, StopListening) and one.listening == told.seen.id for one in made.commands)
            if told.word == "ended":
                assert told.seen.id not in self.open
            elif told.word == "takes":
                self._once(made, before)
            else:
                assert (told.seen.id in self.open) is not stopped
        elif isinstance(told, inp.CallerTaken) and made.events:
            # The next talk is that supervisor's, and nobody has two.
            connected = [one for one in made.events if isinstance(one, ev.ContactConnected)]
            ended = [one for one in made.events if isinstance(one, ev.ListeningEnded)]
            assert [one.agent for one in connected] == [one.supervisor for one in ended] and told.listening in before
        elif isinstance(told, inp.PbxCompared):
            named = {one.id for one in told.listening}
            for one, heard in before.items():
                if heard.pbx == told.pbx and heard.since < told.asked_at:
                    assert one in named or one not in self.open, f"{one} listens, and the PBX does not have it"

    def _once(self, made: Step, before: dict[str, Heard]) -> None:
        """One Redirect for a key, of who hears; none again within five seconds."""
        asked = [one for one in made.events if isinstance(one, ev.TakeOverBegun)]
        assert len(asked) == len([one for one in made.commands if isinstance(one, TakeOver)]) <= 1
        for one in asked:
            assert before[one.listening].mode != "silent"
            last = self.asked.get(one.listening)
            assert last is None or made.at >= last + 5
            self.asked[one.listening] = made.at
