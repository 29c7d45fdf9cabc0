"""The most likely story of what a TTY sent: silence, carrier, characters (Viterbi, a step a millisecond).

Each millisecond ends three stories, and of each only the best so far is kept: the line is silent, the carrier idles
(mark), a character has just ended. A character is a start bit (space), five bits of which each may be either tone, and
a stop bit (mark); it can begin at any millisecond in any story that had got there. So timing is found anew for each
character, by all its bits and by what came before and after, not by the edge of the start bit alone.

A story's score is the logarithm of how much better it explains what was heard than silence and noise do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from contactd.protocols.baudot.tones import BATCH_MS, Floats

DATA_BITS = 5
# Between silence and carrier either way: how sure it must be (in nats, as all scores).
_ON, _OFF = 5.0, 3.0
# How much of its evidence the carrier before a character counts, where it speaks against it.
_LEAD = 1.0
# Of a character: ln 32 for which of them it is, and the rest for that there is one.
_CHARACTER = 5.5
# A character's length in bits. V.18 wants 1.5 stop bits at least; a little less, for clocks that are fast.
_LENGTH_BITS = 7.4
# Stories whose characters differ by no more than this are one.
_SAME_MS = 8
# Less sure than one in ten, it is rather a voice than a character.
_NOTHING = math.log(10)
# A start or stop bit that is so clearly the other tone (nats) is none.
_UNFRAMED = 8.0
# The gap to the next character that counts as a machine's, how much it varies, and how much likelier it is (nats).
_LONGEST_GAP_BITS, _GAP_SPAN_MS, _USUAL = 1.2, 2, 4.0
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
        self._longest_gap = round(_LONGEST_GAP_BITS * bit)
        self._gaps: list[int] = []
        self._gap: int | None = None
        self.begin(0)

    def begin(self, now: int) -> None:
        """Silence until now; nothing of before is known any more."""
        self._now = now - self.late_ms  # of the next step
        # Rows: mark, space, the better of both; a column each millisecond.
        self._told = np.full((3, self._keep), -1.0)
        self._power = np.zeros((2, self._keep))
        self._idle = np.zeros(self._keep)  # of a millisecond of carrier
        self._edge = 0.0
        self._silence, self._carrier = 0.0, _NEVER
        self._silent: _Node | None = None
        self._carried: _Node | None = None
        # The better of both stories, at each of the last milliseconds: what a character may have begun in.
        self._back = self._length + self._longest_gap + _GAP_SPAN_MS
        self._scores = [0.0] * self._back
        self._nodes: list[_Node | None] = [None] * self._back
        # Where a character had just ended in it.
        self._ended = [_NEVER] * self._back
        self._settled = self._now - self._length
        self.pending: list[Heard] = []

    def standing(self) -> tuple[float, _Node | None]:
        """The best story's score, also of those in the middle of a character, and its last character that has ended."""
        end = self._keep - self.late_ms
        begun = np.array(self._scores[-self._length :])
        mark, space, either = self._told
        # A character that began at index i ends i after now, and each of its windows so much before.
        for kind, ago in ((space, self._starts), *((either, ago) for ago in self._data), (mark, self._stop)):
            begun[:ago] += kind[end - ago : end]
        at = int(begun.argmax())
        score = float(begun[at]) - _CHARACTER + self._edge
        if score > self._carrier and score > self._silence:
            return score, self._nodes[at - self._length]
        return (self._carrier, self._carried) if self._carrier > self._silence else (self._silence, self._silent)

    @property
    def carrier(self) -> bool:
        """Whether the far end's carrier is the better story now."""
        return self._carrier > self._silence

    def step(self, power: Floats, idle: Floats, told: Floats, edge: float) -> None:
        """Of mark and space (rows) in the window of a bit that ends at each millisecond: its power, and how much better
        this tone explains what was heard than noise does, as idle carrier and as a bit. edge: what the carrier loses
        where it begins or ends, since windows across its edge are only half full."""
        count = power.shape[1]
        self._power = np.concatenate((self._power[:, count:], power), axis=1)
        self._told = np.concatenate((self._told[:, count:], np.concatenate((told, told.max(axis=0)[None]))), axis=1)
        mark, space, either = self._told
        end = self._keep - self.late_ms
        begin = end - count
        whole = space[begin - self._starts : end - self._starts] + mark[begin - self._stop : end - self._stop]
        for ago in self._data:
            whole += either[begin - ago : end - ago]
        whole += self._rest * mark[begin:end]
        self._idle = np.concatenate((self._idle[count:], idle[0] / self.bit_ms))
        lead = self._idle[begin - self._length : end - self._length]
        whole += np.minimum(lead, 0.0) * (_LEAD * self.bit_ms)
        whole += edge - _CHARACTER
        self._edge = edge
        self._walk(self._idle[-count:].tolist(), whole.tolist())

    def _walk(self, idle: list[float], told: list[float]) -> None:
        scores, nodes, ends, now = self._scores, self._nodes, self._ended, self._now
        silence, carrier = self._silence, self._carrier
        silent, carried = self._silent, self._carried
        count = len(idle)
        for rest, character, (before, node) in zip(idle, told, self._before(count), strict=True):
            on = silence - _ON
            if on > carrier:
                carrier, carried = on, silent
            carrier += rest
            ended = before + character
            if ended > carrier:
                carrier, carried = ended, _Node(now, node)
                ends.append(ended)
            else:
                ends.append(_NEVER)
            if carrier - _OFF > silence:
                silence, silent = carrier - _OFF, carried
            on = silence - _ON
            if carrier > on:
                scores.append(carrier)
                nodes.append(carried)
            else:
                scores.append(on)
                nodes.append(silent)
            now += 1
        del scores[:count], nodes[:count], ends[:count]
        self._now = now
        self._silence, self._carrier, self._silent, self._carried = silence, carrier, silent, carried
        self._settle(now - _SETTLE_MS)

    def _before(self, count: int) -> Iterator[tuple[float, _Node | None]]:
        """The best story up to where each character would have begun that ends in the next milliseconds."""
        first = self._back - self._length
        scores, nodes = self._scores[first : first + count], self._nodes[first : first + count]
        if self._gap is None:
            return zip(scores, nodes, strict=True)
        # Or the one with a character that ended a usual gap before, if one did.
        last = first - self._gap
        if max(self._ended[max(0, last - _GAP_SPAN_MS) : last + count + _GAP_SPAN_MS]) == _NEVER:
            return zip(scores, nodes, strict=True)
        idle = np.cumsum(self._idle[-count - self._back :])
        best = np.full(count, _NEVER)
        which = np.zeros(count, np.int64)
        for gap in range(max(0, self._gap - _GAP_SPAN_MS), self._gap + _GAP_SPAN_MS + 1):
            begin = first - gap
            story = np.array(self._ended[begin : begin + count])
            story += idle[first : first + count] - idle[begin : begin + count] + _USUAL
            better = story > best
            best[better] = story[better]
            which[better] = gap
        for at in np.flatnonzero(best > scores).tolist():
            scores[at] = float(best[at])
            nodes[at] = self._nodes[first + at - which[at]]
        return zip(scores, nodes, strict=True)

    def settle_all(self) -> None:
        """The signal is over: what stands is what was sent."""
        self._settle(self._now)

    def _settle(self, until: int) -> None:
        """Take what ended by then out of the best story, and end all stories without it."""
        if not (self._unsettled(self._carried, until) or self._unsettled(self._silent, until)):
            return
        chain = self._unsettled(self.standing()[1], until)
        if not chain:
            return
        last = chain[0]
        for one in reversed(chain):
            if (heard := self._read(one.end)) is not None:
                self.pending.append(heard)
        for one in reversed(chain):
            self._learn(one.end - self._length - self._settled)
            self._settled = one.end
        last.before = None
        if not _has(self._carried, last):
            self._carrier, self._carried = _NEVER, last
        if not _has(self._silent, last):
            self._silence, self._silent = _NEVER, last
        for at, node in enumerate(self._nodes):
            if not _has(node, last):
                self._scores[at], self._nodes[at], self._ended[at] = _NEVER, last, _NEVER

    def _learn(self, gap: int) -> None:
        """Machines, and people who paste or type fast, leave the same gap after each character."""
        if gap > self._longest_gap:
            return
        self._gaps = [*self._gaps[-7:], gap]
        middle = sorted(self._gaps)[len(self._gaps) // 2]
        usual = sum(abs(one - middle) <= _GAP_SPAN_MS for one in self._gaps)
        self._gap = middle if usual >= 3 and 2 * usual > len(self._gaps) else None

    def _unsettled(self, node: _Node | None, until: int) -> list[_Node]:
        """The characters of a story that ended by then and are not taken yet, the last one first."""
        chain = []
        while node is not None and node.end > self._settled + _SAME_MS:
            if node.end <= until:
                chain.append(node)
            node = node.before
        return chain

    def _read(self, end_ms: int) -> Heard | None:
        """None for what is hardly one, and for a space tone that goes on or ends: all zeros, but for the stop bit."""
        at = self._keep - self.late_ms - (self._now - end_ms)
        where = [at - self._starts, *(at - ago for ago in self._data), at - self._stop]
        more = (self._told[0, where] - self._told[1, where]).tolist()
        bits = [False, *(one > 0 for one in more[1:-1]), True]
        if more[0] > _UNFRAMED or more[-1] < -_UNFRAMED:
            return None
        doubt = sum(_doubt(one if bit else -one) for bit, one in zip(bits, more, strict=True))
        if not any(bits[1:-1]) and self._told[0, where[-1]] < 0:
            return None
        power = self._power[:, where].tolist()
        powers = (
            sum(one for one, bit in zip(power[0], bits, strict=True) if bit) / sum(bits),
            sum(one for one, bit in zip(power[1], bits, strict=True) if not bit) / (len(bits) - sum(bits)),
        )
        code = sum(bit << place for place, bit in enumerate(bits[1:-1]))
        if doubt > _NOTHING:
            return None
        return Heard(code, end_ms - self._length, math.exp(-doubt), powers)


def _doubt(more: float) -> float:
    """-ln of the probability that a bit is right that explains so much more than the other tone."""
    return math.log1p(math.exp(-more)) if more > -30 else -more


def _has(node: _Node | None, wanted: _Node) -> bool:
    while node is not None and node.end > wanted.end + _SAME_MS:
        node = node.before
    return node is not None and node.end >= wanted.end - _SAME_MS
