"""The detector: whether a call that began like any other has a text telephone at its far end.

Two stages. The first costs little and is always on: are the tones of a TTY, and hardly anything else, heard for a
quarter of a second? Only then, and on what was kept of the last half second, the real receiver runs as the proof: two
whole characters, each of whose seven bits is by itself mostly the tone that it stands for. Voices, music and the tones
of networks and other machines now and then pass the first stage, and never the second.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from contactd.protocols.baudot.receive import Character, Receiver
from contactd.protocols.baudot.tones import BATCH, BATCH_MS, MARK_HZ, PER_MS, SAMPLE_RATE_HZ, SPACE_HZ, Floats, mix

_SLICE_MS = 10
_SLICES = BATCH_MS // _SLICE_MS
_KEPT = 14  # batches that the proof begins with
_NEEDED, _OF = 5, 6  # batches with the tones, of the last ones
_SHARE = 0.2  # of a batch's power: little, for tones that are off by 60 Hz
_QUIETEST = 30.0  # of a sample: below, a line is silent
_GIVEN_UP_MS = 3_000  # without the tones
_WITHIN_S = 8.0
_CHARACTERS = 2
_SURE = 0.9
_BIT_SHARE, _MEAN_SHARE = 0.25, 0.5


class Detector:
    """Feed it what the caller's line brings until ``found``; then go on with ``receiver``, which has missed nothing.

    ``read`` has what was read until then. The first stage alone takes some half a millisecond of CPU a second.
    """

    def __init__(self) -> None:
        self.found = False
        self.read: list[Character] = []
        self.receiver: Receiver | None = None
        self.suspected = 0
        """How often the first stage thought so."""
        self._rest = b""
        self._kept: deque[Floats] = deque(maxlen=_KEPT)
        self._history: deque[Floats] = deque(maxlen=2_000 // BATCH_MS)
        self._tonal: deque[tuple[bool, bool, bool]] = deque(maxlen=_OF)
        self._now_ms = 0
        self._began_ms = 0
        self._heard_ms = 0
        self._proofs: list[float] = []

    def feed(self, samples: bytes) -> bool:
        """Whether it is a TTY: from the second character on."""
        data = self._rest + samples
        whole = len(data) // (2 * BATCH) * (2 * BATCH)
        self._rest = data[whole:]
        for at in range(0, whole, 2 * BATCH):
            piece = data[at : at + 2 * BATCH]
            if self.found and self.receiver is not None:
                self.read += self.receiver.feed(piece)
            else:
                self._batch(piece)
        return self.found

    def _batch(self, piece: bytes) -> None:
        samples = np.frombuffer(piece, "<i2").astype(np.float64)
        self._kept.append(samples)
        self._now_ms += BATCH_MS
        tonal = _tones(samples)
        self._tonal.append(tonal)
        if tonal[0]:
            self._heard_ms = self._now_ms
        if self.receiver is None:
            if not self._suspects():
                return
            self.suspected += 1
            self.receiver = Receiver()
            self._began_ms = self._now_ms - len(self._kept) * BATCH_MS
            self._history.clear()
            for one in self._kept:
                self._prove(one)
        else:
            self._prove(samples)
        if not self.found and self._now_ms - self._heard_ms > _GIVEN_UP_MS:
            self.receiver = None
            self.read.clear()

    def _suspects(self) -> bool:
        count = sum(tonal for tonal, _, _ in self._tonal)
        return (
            count >= _NEEDED and any(mark for _, mark, _ in self._tonal) and any(space for _, _, space in self._tonal)
        )

    # --- the proof ----------------------------------------------------------------------------------------------------

    def _prove(self, samples: Floats) -> None:
        if self.receiver is None:
            return
        self._history.append(samples)
        fed = self.receiver.feed(samples.astype("<i2").tobytes())
        self.read += fed
        for one in fed:
            if one.confidence >= _SURE and self._is_pure(one, self.receiver.rate_baud or 45.45):
                self._proofs.append(one.at_s + self._began_ms / 1_000)
        recent = self._now_ms / 1_000 - _WITHIN_S
        self._proofs = [at for at in self._proofs if at > recent]
        self.found = self.found or len(self._proofs) >= _CHARACTERS

    def _is_pure(self, character: Character, rate_baud: float) -> bool:
        """Whether each bit is mostly the tone that it stands for, in the samples themselves."""
        if self.receiver is None:
            return False
        bit = SAMPLE_RATE_HZ / rate_baud
        heard = np.concatenate(self._history)
        ago = (self._now_ms - self._began_ms) * PER_MS - round(character.at_s * SAMPLE_RATE_HZ)
        start = len(heard) - ago
        shares = []
        for place, is_mark in enumerate((False, *(bool(character.code >> k & 1) for k in range(5)), True)):
            begin = start + round(place * bit)
            if begin < 0 or begin + bit > len(heard):
                return False
            part = heard[begin : begin + int(bit)]
            hz = (MARK_HZ if is_mark else SPACE_HZ) + self.receiver.offset_hz
            turned = part @ np.exp(-2j * np.pi * hz / SAMPLE_RATE_HZ * np.arange(len(part)))
            shares.append(2 * abs(turned) ** 2 / (len(part) * float(part @ part) + 1))
        return bool(min(shares) >= _BIT_SHARE and sum(shares) / len(shares) >= _MEAN_SHARE)


def _tones(samples: Floats) -> tuple[bool, bool, bool]:
    """Of a batch: whether it is the tones of a TTY and little else; and whether mark, and space, stand out in it."""
    power = float(samples @ samples) / len(samples)
    if power < _QUIETEST**2:
        return False, False, False
    sums = mix(samples).reshape(_SLICES, _SLICE_MS, -1).sum(axis=1)
    powers = (sums.real**2 + sums.imag**2).tolist()
    both = sum(mark + space for mark, space, *_ in powers) / _SLICES
    beside = sum(sum(others) for _, _, *others in powers) / _SLICES / 3
    tonal = both > _SHARE * _SLICE_MS**2 * power / 2 and both > 3 * beside
    return (
        tonal,
        tonal and any(mark > 4 * space for mark, space, *_ in powers),
        tonal and any(space > 4 * mark for mark, space, *_ in powers),
    )
