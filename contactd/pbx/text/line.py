"""One TTY line: the modem between a call's audio and its conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from contactd.core.ids import Instant
from contactd.pbx.audio_session import AudioSession
from contactd.pbx.text.conversation import Heard
from contactd.protocols.baudot.modem import GUARD_MS, Modem
from contactd.protocols.baudot.turn import Turn

_AHEAD_S = 0.4
"""Silence before all else: what the PBX whispers has so much in hand, and a late loop of ours tears no tone. It is
nothing to who writes six characters a second."""
_SURE = 0.1
"""Less sure, it is taken for no character."""
_BYTES_S = 16_000


class TtyLine:
    """Outlives its audio: a connection that breaks is followed by another, and the modem goes on.

    told: what came, and whether anything else about the line changed; called at each piece of audio that has news.
    """

    def __init__(self, told: Callable[[list[Heard]], None], now: Callable[[], Instant]) -> None:
        # Our echo comes later by as much.
        self._modem = Modem(guard_ms=GUARD_MS + round(_AHEAD_S * 1000))
        self._told = told
        self._now = now
        self._was = Turn.QUIET
        self._connected = asyncio.Event()
        self.closed = False

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

    async def serve(self, session: AudioSession) -> None:
        """The handler of the call's audio, to its end."""
        self._connected.set()
        try:
            session.lead_s = _AHEAD_S
            await session.send(bytes(int(_AHEAD_S * _BYTES_S)))
            async for samples in session:
                heard = [
                    Heard(one.text, round(one.confidence * 100))
                    for one in self._modem.hear(samples)
                    if one.text and one.confidence >= _SURE
                ]
                line = self._modem.speak(len(samples) // 2)
                if heard or self._modem.turn is not self._was:
                    self._was = self._modem.turn
                    self._told(heard)
                await session.send(line)
        finally:
            self._connected.clear()
            self._told([Heard(one.text, round(one.confidence * 100)) for one in self._modem.flush() if one.text])

    # --- the way to the caller, as a conversation has it --------------------------------------------------------------

    def write(self, text: str) -> str:
        return self._modem.write(text).text

    def unsent(self) -> int:
        return len(self._modem.transmitter.waiting)

    def take_back(self, most: int) -> int:
        return self._modem.transmitter.take_back(most)
