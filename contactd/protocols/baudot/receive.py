"""The receiver: samples in, characters out, each with the probability that it is right.

Two states. *Searching*: only the front end runs, and asks whether the mark and space tones stand out of what is beside
them. *Following*: the last half second is taken up again with the level and the offset that were found in it, and goes
through the trellis, as does what comes, until the carrier has been gone for a while.

What a tone explains is judged against the noise beside it at that time, so there is no fixed threshold: a voice, a
burst of noise or a lost packet makes the evidence of its moment weak, not wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from contactd.protocols.baudot.alphabet import Decoder
from contactd.protocols.baudot.tones import BATCH, BATCH_MS, PER_MS, Complexes, Floats, amplitude, mix
from contactd.protocols.baudot.trellis import Heard, Trellis

RATES_BAUD = (45.45, 50.0)

# What the front end sums for its own question: shorter than a bit, so that tones that are off by 60 Hz still count.
_SLICE_MS = 10
_SLICES = BATCH_MS // _SLICE_MS
_SEARCHED = 6  # batches: 240 ms
_KEPT = 14  # batches of strength, taken up again when a signal is found
_FOUND = 2.6
_HEARD_OUT = 4  # batches after it was found, for a sight of its level
_LEAST_DBM0 = -48.0
# Nothing on a telephone line is purer than this; a bit's evidence (in nats) stays below about as much.
_PUREST = 30.0
# A tone's energy where a codec or a lost packet took most of it, and how unlikely that is.
_FAINT, _UNLIKELY = 0.12, 3.0
_OFFSETS_HZ = tuple(range(-90, 91, 10))
_GONE_MS = 600
_FLUSHED_MS = 400  # what a character needs to be read after its end
# How sure one rate must be against the other (nats), or after how many characters it need not.
_RATE_SURE, _RATE_CHARACTERS = 14.0, 8


@dataclass(frozen=True, slots=True)
class Character:
    """text: one character; none for a shift. at_s: when its start bit began, from the first sample heard."""

    text: str
    code: int
    at_s: float
    confidence: float


class Receiver:
    """Feed it what the far end sends: signed 16-bit little-endian mono at 8 kHz, in pieces of any length.

    rate_baud: None finds out which of RATES_BAUD it is, once, from the first characters.
    """

    def __init__(self, rate_baud: float | None = None, *, unshift_on_space: bool = False) -> None:
        self._decoder = Decoder(unshift_on_space=unshift_on_space)
        self._rates = RATES_BAUD if rate_baud is None else (rate_baud,)
        self._rest = b""
        self._now = 0  # milliseconds of whole batches
        self._missed = 0
        self._strengths: list[Complexes] = []
        self._slices: list[tuple[float, float]] = []  # of a batch: the stronger tone, and what is beside them
        self._noise = 0.0
        self._level = np.zeros(2)
        self._offset_hz = 0.0
        self._turned: Complexes | None = None
        self._following: list[Trellis] = []
        self._found = 0
        self._seen_ms = 0
        self._slower = 0.0  # how much better the first of two rates is
        self._quick = False

    @property
    def rate_baud(self) -> float | None:
        """The far end's, once it is known."""
        return self._rates[0] if len(self._rates) == 1 else None

    @property
    def offset_hz(self) -> float:
        """By how much the far end's tones are too high."""
        return self._offset_hz

    @property
    def carrier(self) -> bool:
        """Whether the far end sends, as far as is known: some 80 ms after it began, to as much after its end."""
        return self._quick or any(trellis.carrier for trellis in self._following)

    def feed(self, samples: bytes) -> list[Character]:
        """What was read by now. A character comes some 150 ms after its stop bit."""
        data = self._rest + samples
        whole = len(data) // (2 * BATCH) * (2 * BATCH)
        self._rest = data[whole:]
        read: list[Character] = []
        for at in range(0, whole, 2 * BATCH):
            read += self._batch(np.frombuffer(data, "<i2", BATCH, at).astype(np.float64))
        return read

    def flush(self) -> list[Character]:
        """What is still on its way, when nothing more will come."""
        return self.feed(bytes(2 * BATCH * math.ceil(_FLUSHED_MS / BATCH_MS))) + self._finish()

    def deaf(self, samples: int) -> list[Character]:
        """So many samples are ours, not the far end's: time goes on. Returns what was still on its way."""
        read = self._finish()
        missed = samples + len(self._rest) // 2 + self._missed
        self._rest = b""
        self._missed = missed % PER_MS
        self._now += missed // PER_MS
        self._strengths.clear()
        self._slices.clear()
        self._found = 0
        self._quick = False
        return read

    def _finish(self) -> list[Character]:
        for trellis in self._following:
            trellis.settle_all()
        return self._take(final=True)

    # --- a batch ------------------------------------------------------------------------------------------------------

    def _batch(self, samples: Floats) -> list[Character]:
        strengths = mix(samples)
        self._strengths.append(strengths)
        del self._strengths[:-_KEPT]
        self._now += BATCH_MS
        sums = strengths.reshape(_SLICES, _SLICE_MS, -1).sum(axis=1)
        powers = sums.real**2 + sums.imag**2
        stronger = beside = 0.0
        for mark, space, *others in powers.tolist():
            stronger += max(mark, space) / _SLICES
            beside += sum(others) / len(others) / _SLICES
        self._slices.append((stronger, beside))
        del self._slices[:-_SEARCHED]
        self._noise = beside if self._noise == 0.0 else self._noise + 0.08 * (beside - self._noise)
        whole = _SLICE_MS**2 * float(samples @ samples) / (2 * BATCH)  # what it would be if all were one tone
        self._quick = stronger > 8 * beside + _LEAST and stronger > 0.35 * whole
        if not self._following:
            self._found = self._found + 1 if self._stands_out(_FOUND) else 0
            if self._found <= _HEARD_OUT:
                return []
            self._begin()
        else:
            self._follow(strengths)
        return self._take(final=False)

    def _stands_out(self, factor: float) -> bool:
        stronger = sum(one[0] for one in self._slices) / len(self._slices)
        beside = sum(one[1] for one in self._slices) / len(self._slices)
        return stronger > factor * beside + _LEAST and len(self._slices) == _SEARCHED

    # --- following ----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Find offset and level in what was kept, and take it up from its beginning."""
        kept = np.concatenate(self._strengths)
        bit_ms = 22
        recent = kept[-_SEARCHED * BATCH_MS :, :2]
        found, zero, best = 0, 0.0, 0.0
        for offset in _OFFSETS_HZ:
            power = _windows(recent * _turn(len(recent), offset), bit_ms)
            strength = float(power.max(axis=1).mean())
            if offset == 0:
                zero = strength
            if strength > best:
                found, best = offset, strength
        if best < 1.25 * zero:
            found = 0
        self._offset_hz = float(found)
        power = _windows(recent * _turn(len(recent), self._offset_hz), bit_ms)
        noise = max(sum(one[1] for one in self._slices) / len(self._slices), _LEAST / 20) * bit_ms / _SLICE_MS
        self._noise = noise * _SLICE_MS / bit_ms
        stronger = power.max(axis=1)
        strong = stronger[stronger > 0.5 * np.partition(stronger, -len(stronger) // 20)[-len(stronger) // 20]]
        level = max(1.1 * (float(strong.mean()) - noise), 2 * noise)
        self._turned = _turn(2 * BATCH_MS, self._offset_hz) if found else None
        self._level = np.full(2, level)
        self._following = [Trellis(rate) for rate in self._rates]
        for trellis in self._following:
            trellis.begin(self._now - len(kept))
        self._seen_ms, self._found, self._slower = self._now, 0, 0.0
        before = np.zeros_like(self._strengths[0])
        for strengths in self._strengths:
            self._advance(before, strengths, noise)
            before = strengths

    def _follow(self, strengths: Complexes) -> None:
        local = 0.6 * (self._slices[-1][1] + self._slices[-2][1]) / 2
        noise = max(self._noise, local, _LEAST / 20) * 22 / _SLICE_MS
        self._advance(self._strengths[-2], strengths, noise)
        if self.carrier or self._stands_out(_FOUND):
            self._seen_ms = self._now
        elif self._now - self._seen_ms > _GONE_MS:
            for trellis in self._following:
                trellis.settle_all()

    def _advance(self, before: Complexes, strengths: Complexes, noise: float) -> None:
        both = np.concatenate((before, strengths))[:, :2]
        if self._turned is not None:
            both = both * self._turned
        sums = np.cumsum(both.T, axis=1)
        for trellis in self._following:
            bit_ms = trellis.bit_ms
            window = sums[:, BATCH_MS:] - sums[:, BATCH_MS - bit_ms : 2 * BATCH_MS - bit_ms]
            power = window.real**2 + window.imag**2
            share = bit_ms / 22
            level = (self._level * share**2)[:, None]
            floor = np.maximum(noise * share, level / (_PUREST * share))
            expected = level / floor
            trellis.step(
                power, *_explained(np.minimum(power, 1.5 * level) / floor, expected), float(expected[0, 0]) / 4
            )

    # --- what was read ------------------------------------------------------------------------------------------------

    def _take(self, final: bool) -> list[Character]:
        if not self._following:
            return []
        over = self._now - self._seen_ms > _GONE_MS
        if len(self._following) > 1:
            self._choose(final or over)
        read = []
        if len(self._following) == 1:
            heard = self._following[0].pending
            for one in heard:
                self._learn(one)
            read = [self._character(one) for one in heard]
            heard.clear()
        if over or final:
            self._following = []
        return read

    def _choose(self, now: bool) -> None:
        """Which rate it is: the better story, once it was much better for a while, or long enough."""
        slower, faster = self._following
        self._slower += 0.15 * (slower.standing()[0] - faster.standing()[0] - self._slower)
        better = slower if self._slower > 0 else faster
        if not better.pending:
            return
        if now or abs(self._slower) > _RATE_SURE or len(better.pending) >= _RATE_CHARACTERS:
            self._following = [better]
            self._rates = (better.rate_baud,)

    def _learn(self, heard: Heard) -> None:
        """Level and offset of each tone follow what was sent, as far as it is sure."""
        noise = self._noise * 22 / _SLICE_MS
        share = self._following[0].bit_ms / 22
        powers = np.array(heard.powers) / share**2 - noise / share
        self._level += 0.2 * max(heard.certainty, 0.1) * np.maximum(powers - self._level, -0.5 * self._level)
        np.maximum(self._level, 2 * noise, out=self._level)

    def _character(self, heard: Heard) -> Character:
        return Character(self._decoder.decode(heard.code), heard.code, heard.start_ms / 1_000, heard.certainty)


def _explained(power: Floats, expected: Floats) -> tuple[Floats, Floats]:
    """How much better a tone of the expected energy explains this power than noise of one does (nats).

    ln I0(x) is taken as sqrt(4 + x^2) - 2, which is near enough. The second value is for a bit of a character: codecs
    and lost packets take most of one away, so a much weaker tone is possible too, if unlikely, and does not outweigh
    six good ones.
    """
    scaled = power * expected
    whole = 2 * np.sqrt(1 + scaled) - (2 + expected)
    faint = 2 * np.sqrt(1 + _FAINT * scaled) - (2 + _FAINT * expected + _UNLIKELY)
    return whole, np.maximum(whole, faint)


def _windows(strengths: Complexes, length: int) -> Floats:
    """The power of each tone in the window that ends at each millisecond but the first ``length``."""
    sums = np.cumsum(strengths, axis=0)
    window = sums[length:] - sums[:-length]
    power: Floats = window.real**2 + window.imag**2
    return power


def _turn(count: int, offset_hz: float) -> Complexes:
    turned: Complexes = np.exp(-2j * np.pi / 1_000 * offset_hz * np.arange(count))[:, None]
    return turned


# Of the weakest tone that counts, summed over a slice.
_LEAST = (amplitude(_LEAST_DBM0) / 2 * _SLICE_MS) ** 2
