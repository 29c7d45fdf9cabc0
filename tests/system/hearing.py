"""What is on a recording: tones, and silence, by the second."""

from __future__ import annotations

import array
import math
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.system.centre import AGENT_HZ, CALLER_HZ

RATE_HZ = 8000
_TONES = (AGENT_HZ, CALLER_HZ, 620, 1000, 1700)
_LOUD, _QUIET = 2000.0, 200.0
_PIECE = 2000


@dataclass(frozen=True, slots=True)
class Channel:
    samples: array.array[int]

    def has_only(self, hz: int, *, at: float) -> bool:
        """Of the tones of tests, in the quarter of a second from then on."""
        piece = self._from(at)
        return bool(piece) and all((_level(piece, one) > _LOUD) is (one == hz) for one in _TONES)

    def has(self, hz: int) -> bool:
        """Anywhere."""
        return any(_level(piece, hz) > _LOUD for piece in self._pieces())

    def silent(self, since: float, until: float) -> bool:
        between = self.samples[int(since * RATE_HZ) : int(until * RATE_HZ)]
        return len(between) > 0 and max(map(abs, between)) < _QUIET

    def _from(self, at: float) -> array.array[int]:
        return self.samples[int(at * RATE_HZ) : int(at * RATE_HZ) + _PIECE]

    def _pieces(self) -> Iterator[array.array[int]]:
        for begin in range(0, len(self.samples) - _PIECE, _PIECE):
            yield self.samples[begin : begin + _PIECE]


@dataclass(frozen=True, slots=True)
class Recorded:
    """As the PBX left it. began: Unix seconds."""

    call: str
    offer: str
    endpoint: str
    began: float
    caller: Channel
    agent: Channel

    @property
    def seconds(self) -> float:
        return len(self.caller.samples) / RATE_HZ


def recorded(done: Path) -> Recorded:
    call, offer, endpoint, began, _ = done.read_text().split()
    tx, rx = (_channel(done.with_name(f"{done.stem}-{side}.sln")) for side in ("tx", "rx"))
    assert abs(len(tx.samples) - len(rx.samples)) <= 160  # one packet
    return Recorded(call, offer, endpoint, float(began), caller=tx, agent=rx)


def sides(path: Path) -> tuple[Channel, Channel]:
    """Left and right of a WAV: the caller, and the agent."""
    with wave.open(str(path)) as made:
        assert (made.getnchannels(), made.getframerate(), made.getsampwidth()) == (2, RATE_HZ, 2)
        samples = array.array("h", made.readframes(made.getnframes()))
    return Channel(samples[0::2]), Channel(samples[1::2])


def _channel(path: Path) -> Channel:
    samples = array.array("h")
    samples.frombytes(path.read_bytes())
    return Channel(samples)


def _level(samples: array.array[int], hz: int) -> float:
    turns = [2 * math.pi * hz * n / RATE_HZ for n in range(len(samples))]
    real = sum(one * math.cos(turn) for one, turn in zip(samples, turns, strict=True))
    other = sum(one * math.sin(turn) for one, turn in zip(samples, turns, strict=True))
    return 2 * math.hypot(real, other) / max(1, len(samples))
