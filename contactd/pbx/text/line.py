"""One TTY line: the modem between a call's audio and its conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from contactd.core.ids import Instant
from contactd.pbx.agi_session import CallerGone
from contactd.pbx.audio_session import FRAME_S, AudioSession
from contactd.pbx.text.conversation import Heard
from contactd.protocols.baudot.detect import Detector
from contactd.protocols.baudot.modem import GUARD_MS, Modem
from contactd.protocols.baudot.receive import Character
from contactd.protocols.baudot.turn import Turn

AHEAD_S = 0.24
"""Silence before each burst of tones: so much has the PBX in hand of what it whispers, and neither a late loop of ours
nor an agent's handset that sends in gusts tears a tone. It is half of what Asterisk's queue takes: beyond 0.5 s
it is emptied, unheard. Every burst begins anew, so clocks that differ never use it up."""
_QUEUE_S = 0.04
"""What the connection has in hand besides: characters that are still in the modem can be taken back."""
_GUARD_MS = GUARD_MS + round((AHEAD_S + _QUEUE_S) * 1000)
"""Our echo comes later by what is in hand."""
_MISSED_S = 0.5
"""A far end of which nothing is heard for so long is silent: some send no silence, and their carrier ends as well."""
_SURE = 0.1
"""Less sure, it is taken for no character."""
_RATE_HZ = 8_000
_FRAME = int(FRAME_S * _RATE_HZ)
_SAMPLE_BYTES = 2


class TtyLine:
    """Outlives its audio: a connection that breaks is followed by another, and the modem goes on.

    told: what came, and whether anything else about the line changed; called at each piece of audio that has news.
    """

    def __init__(self, told: Callable[[list[Heard]], None], now: Callable[[], Instant]) -> None:
        self._modem = Modem(guard_ms=_GUARD_MS)
        self._told = told
        self._now = now
        self._was = Turn.QUIET
        self._connected = asyncio.Event()
        self._heard_at = 0.0
        self._detector: Detector | None = None
        self._proven = asyncio.Event()
        self._proven.set()

    @property
    def turn(self) -> Turn:
        return self._modem.turn

    @property
    def rate_baud(self) -> float | None:
        return self._modem.receiver.rate_baud

    @property
    def connected(self) -> bool:
        return self._connected.is_set()

    async def wait_connected(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._connected.wait()
        except TimeoutError:
            return False
        return True

    def doubt(self) -> None:
        """Before it is served: whether there is a TTY at the far end is to be proven by what it sends."""
        self._detector = Detector()
        self._proven.clear()

    async def wait_proven(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._proven.wait()
        except TimeoutError:
            return False
        return True

    def _prove(self, detector: Detector, samples: bytes) -> list[Character]:
        if not detector.feed(samples):
            return []
        self._modem = Modem(guard_ms=_GUARD_MS, receiver=detector.receiver)
        self._detector = None
        self._proven.set()
        return detector.read

    async def serve(self, session: AudioSession) -> None:
        """The handler of the call's audio, to its end."""
        self._connected.set()
        speaking = asyncio.create_task(self._speak(session))
        try:
            async for samples in session:
                self._heard_at = asyncio.get_running_loop().time()
                detector = self._detector
                self._tell(self._modem.hear(samples) if detector is None else self._prove(detector, samples))
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            self._connected.clear()
            self._told([Heard(one.text, round(one.confidence * 100)) for one in self._modem.flush() if one.text])

    def _tell(self, read: list[Character]) -> None:
        heard = [Heard(one.text, round(one.confidence * 100)) for one in read if one.text and one.confidence >= _SURE]
        if heard or self._modem.turn is not self._was:
            self._was = self._modem.turn
            self._told(heard)

    async def _speak(self, session: AudioSession) -> None:
        """At our own clock, not by what is heard: who sends too few packets reads us all the same.

        Nothing is sent while there is nothing to say, so that each burst finds the PBX's queue empty.
        """
        session.lead_s = AHEAD_S
        session.most_ahead_s = _QUEUE_S
        loop = asyncio.get_running_loop()
        due = self._heard_at = loop.time()
        speaking = False
        while True:
            if loop.time() - self._heard_at > _MISSED_S and self._detector is None:
                self._tell(self._modem.hear(bytes(_FRAME * _SAMPLE_BYTES)))
            samples = self._modem.speak(_FRAME)
            self._tell([])
            sounds = self._modem.transmitter.carrier or any(samples)
            try:
                if sounds and not speaking:
                    await session.send(bytes(int(AHEAD_S * _RATE_HZ) * _SAMPLE_BYTES))
                if sounds:
                    await session.send(samples)
            except CallerGone:
                return
            speaking = sounds
            if not sounds:
                due = max(due + FRAME_S, loop.time())
                await asyncio.sleep(due - loop.time())
            else:
                due = loop.time()

    # --- the way to the caller, as a conversation has it --------------------------------------------------------------

    def write(self, text: str) -> str:
        return self._modem.write(text).text

    def unsent(self) -> int:
        return len(self._modem.transmitter.waiting)

    def take_back(self, most: int) -> int:
        return self._modem.transmitter.take_back(most)
