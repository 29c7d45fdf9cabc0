"""The most likely story of what a TTY sent: silence, carrier, characters (Viterbi, a step a millisecond).

Each millisecond ends three stories, and of each only the best so far is kept: the line is silent, the carrier idles
(mark), a character has just ended. A character is a start bit (space), five bits of which each may be either tone, and
a stop bit (mark); it can begin at any millisecond in any story that had got there. So timing is found anew for each
character, by all its bits and by what came before and after, not by the edge of the start bit alone.

A story's score is the logarithm of how much better it explains what was heard than silence and noise do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from contactd.protocols.baudot.tones import BATCH_MS, Floats

DATA_BITS = 5
# Between silence and carrier either way: how sure it must be (in nats, as all scores).
_ON, _OFF = 5.0, 3.0
# Of a character: ln 32 for which of them it is, and the rest for that there is one.
_CHARACTER = 5.5
# A character's length in bits. V.18 wants 1.5 stop bits at least; a little less, for clocks that are fast.
_LENGTH_BITS = 7.4
# Stories whose characters differ by no more than this are one.
_SAME_MS = 8
# A start or stop bit that is so clearly the other tone (nats) is none.
_UNFRAMED = 8.0
# After its end a character waits so long for a better story.
_SETTLE_MS = 110
_NEVER = -math.inf


@dataclass(frozen=True, slots=True)
class Heard:
    """One character on the line. start_ms: of its start bit, from the first sample. powers: mean of mark and of space,
    each where it was sent."""

    code: int
    start_ms: int
    certainty: float
    powers: tuple[float, float]


class _Node:
    """A character in a story, and the one before it."""

    __slots__ = ("before", "end")

    def __init__(self, end: int, before: _Node | None) -> None:
        self.end = end
        self.before = before


class Trellis:
    """For one rate. Times are milliseconds since the first sample; ``begin`` says where it starts."""

    def __init__(self, rate_baud: float) -> None:
        self.rate_baud = rate_baud
        self.bit_ms = round(1_000 / rate_baud)
        bit = 1_000 / rate_baud
        self._length = round(_LENGTH_BITS * bit)
        # Where the windows of start, data, stop and rest end, before the character's own end.
        self._starts = self._length - self.bit_ms
        self._data = [self._length - round((k + 2) * bit) for k in range(DATA_BITS)]
        self._stop = self._length - round((DATA_BITS + 2) * bit)
        self._rest = _LENGTH_BITS - DATA_BITS - 2
        # An idle carrier is measured in the middle of a window, so all of this is half a window late.
        self.late_ms = self.bit_ms // 2
        self._keep = self._length + self.late_ms + _SETTLE_MS + 2 * BATCH_MS
        self.begin(0)

    def begin(self, now: int) -> None:
        """Silence until now; nothing of before is known any more."""
        self._now = now - self.late_ms  # of the next step
        self._power = np.zeros((self._keep, 2))
        self._told = np.full((self._keep, 2), -1.0)
        self._silence, self._carrier = 0.0, _NEVER
        self._silent: _Node | None = None
        self._carried: _Node | None = None
        # The better of both stories, at each of the last milliseconds: what a character may have begun in.
        self._best: list[tuple[float, _Node | None]] = [(0.0, None)] * self._length
        self._settled = now - self._length
        self.pending: list[Heard] = []

    def standing(self) -> tuple[float, _Node | None]:
        """The best story's score, also of those in the middle of a character, and its last character that has ended."""
        end = self._keep - self.late_ms
        begun = np.array([score for score, _ in self._best])
        # Those that began so long ago that a window has passed, one window after the other.
        mark, space = self._told[:, 0], self._told[:, 1]
        either = np.maximum(mark, space)
        for kind, ago in ((space, self._starts), *((either, ago) for ago in self._data), (mark, self._stop)):
            # A character that began at index i ends at i + length from there, and this window so much before its end.
            count = ago
            begun[:count] += kind[end - ago : end][:count]
        at = int(begun.argmax())
        started = (float(begun[at]) - _CHARACTER, self._best[at][1])
        return max(started, (self._carrier, self._carried), (self._silence, self._silent), key=lambda story: story[0])

    @property
    def carrier(self) -> bool:
        """Whether the far end's carrier is the better story now."""
        return self._carrier > self._silence

    def step(self, power: Floats, told: Floats) -> None:
        """Of mark and space in the window of a bit that ends at each millisecond: its power, and how much better this
        tone explains what was heard than noise does."""
        count = len(power)
        self._power = np.concatenate((self._power[count:], power))
        self._told = np.concatenate((self._told[count:], told))
        mark, space = self._told[:, 0], self._told[:, 1]
        either = np.maximum(mark, space)
        end = self._keep - self.late_ms
        begin = end - count
        whole = space[begin - self._starts : end - self._starts] + mark[begin - self._stop : end - self._stop]
        for ago in self._data:
            whole += either[begin - ago : end - ago]
        whole += self._rest * mark[begin:end]
        self._walk((told[:, 0] / self.bit_ms).tolist(), (whole - _CHARACTER).tolist())

    def _walk(self, idle: list[float], told: list[float]) -> None:
        best, length = self._best, self._length
        silence, carrier = self._silence, self._carrier
        silent, carried = self._silent, self._carried
        settled = self._settled
        for at, (rest, character) in enumerate(zip(idle, told, strict=True)):
            before, node = best[at]
            ended = before + character
            now = self._now + at
            if now - length < settled - _SAME_MS:
                ended = _NEVER
            on = silence - _ON
            if on > carrier:
                carrier, carried = on, silent
            carrier += rest
            if ended > carrier:
                carrier, carried = ended, _Node(now, node)
            if carrier - _OFF > silence:
                silence, silent = carrier - _OFF, carried
            best.append((carrier, carried) if carrier > silence - _ON else (silence - _ON, silent))
        del best[: len(idle)]
        self._now += len(idle)
        self._silence, self._carrier, self._silent, self._carried = silence, carrier, silent, carried
        self._settle(self._now - _SETTLE_MS)

    def settle_all(self) -> None:
        """The signal is over: what stands is what was sent."""
        self._settle(self._now)

    def _settle(self, until: int) -> None:
        """Take what ended by then out of the best story, and end all stories without it."""
        _, node = self.standing()
        chain = []
        while node is not None and node.end > self._settled + _SAME_MS:
            if node.end <= until:
                chain.append(node)
            node = node.before
        if not chain:
            return
        last = chain[0]
        for one in reversed(chain):
            if (heard := self._read(one.end)) is not None:
                self.pending.append(heard)
        last.before = None
        self._settled = last.end
        if not _has(self._carried, last):
            self._carrier, self._carried = _NEVER, last
        if not _has(self._silent, last):
            self._silence, self._silent = _NEVER, last
        self._best = [pair if _has(pair[1], last) else (_NEVER, last) for pair in self._best]

    def _read(self, end_ms: int) -> Heard | None:
        """None for a space tone that goes on or merely ends: it is all zeros, but for the stop bit."""
        at = self._keep - self.late_ms - (self._now - end_ms)
        where = [at - self._starts, *(at - ago for ago in self._data), at - self._stop]
        more = (self._told[where, 0] - self._told[where, 1]).tolist()
        bits = [False, *(one > 0 for one in more[1:-1]), True]
        if more[0] > _UNFRAMED or more[-1] < -_UNFRAMED:
            return None
        doubt = sum(_doubt(one if bit else -one) for bit, one in zip(bits, more, strict=True))
        if not any(bits[1:-1]) and self._told[where[-1], 0] < 0:
            return None
        power = self._power[where]
        chosen = np.array(bits)
        powers = (float(power[chosen, 0].mean()), float(power[~chosen, 1].mean()))
        code = sum(bit << place for place, bit in enumerate(bits[1:-1]))
        return Heard(code, end_ms - self._length, math.exp(-doubt), powers)


def _doubt(more: float) -> float:
    """-ln of the probability that a bit is right that explains so much more than the other tone."""
    return math.log1p(math.exp(-more)) if more > -30 else -more


def _has(node: _Node | None, wanted: _Node) -> bool:
    while node is not None and node.end > wanted.end + _SAME_MS:
        node = node.before
    return node is not None and node.end >= wanted.end - _SAME_MS
