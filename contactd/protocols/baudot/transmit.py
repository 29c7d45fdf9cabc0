"""The transmitter: text in, samples out. Frequency shift keying without a jump of phase."""

from __future__ import annotations

from collections import deque

import numpy as np

from contactd.protocols.baudot.alphabet import Encoder, Prepared, prepare
from contactd.protocols.baudot.tones import MARK_HZ, PER_MS, SAMPLE_RATE_HZ, SPACE_HZ, amplitude

LEAD_MS = 150
"""V.18 A.1: carrier before the first character."""
HOLD_MS = 300
"""And after the last one, so that the far end knows a pause from an end."""
STOP_BITS = 2.0
"""V.18 A.2 wants 1.5 at least. With two a far end finds its way back after a lost bit; some (minimodem) need them."""
LEVEL_DBM0 = -10.0


class Transmitter:
    """``write`` text, and ``read`` samples as the line needs them: silence while there is nothing to say."""

    def __init__(self, rate_baud: float = 45.45, *, level_dbm0: float = LEVEL_DBM0) -> None:
        if not -40 <= level_dbm0 <= 0:
            raise ValueError("a TTY is sent at -40 to 0 dBm0; -10 is usual")
        self.rate_baud = rate_baud
        self._amplitude = amplitude(level_dbm0)
        self._encoder = Encoder()
        self._waiting: deque[str] = deque()
        self._runs: deque[tuple[int, int]] = deque()  # tone, samples
        self._phase = 0.0  # in cycles
        self._left = 0.0  # of a sample, from bits that are no whole number of them
        self._hold = 0

    @property
    def carrier(self) -> bool:
        """Whether the line carries our tones: characters, or the carrier round them."""
        return bool(self._runs) or self._hold > 0

    @property
    def waiting(self) -> str:
        """Text that has not begun yet."""
        return "".join(self._waiting)

    def write(self, text: str) -> Prepared:
        """After what is waiting. Returns what the far end will read."""
        prepared = prepare(text)
        self._waiting.extend(prepared.text)
        return prepared

    def clear(self) -> str:
        """Give up what has not begun, and return it. A character on the line is finished."""
        left = self.waiting
        self._waiting.clear()
        return left

    def take_back(self, most: int) -> int:
        """Give up so many characters that have not begun, the last first; how many there were."""
        count = min(most, len(self._waiting))
        for _ in range(count):
            self._waiting.pop()
        return count

    def read(self, samples: int, *, may_begin: bool = True) -> bytes:
        """The next samples, signed 16-bit little-endian. may_begin: False keeps a silent line silent."""
        line = np.zeros(samples)
        at = 0
        while at < samples:
            if not self._runs and not self._next(may_begin):
                break
            tone, length = self._runs.popleft()
            count = min(length, samples - at)
            if count < length:
                self._runs.appendleft((tone, length - count))
            turns = self._phase + tone / SAMPLE_RATE_HZ * np.arange(count)
            line[at : at + count] = np.sin(2 * np.pi * turns)
            self._phase = (self._phase + tone / SAMPLE_RATE_HZ * count) % 1
            at += count
        return np.rint(line * self._amplitude).astype("<i2").tobytes()

    def _next(self, may_begin: bool) -> bool:
        """Something more for the line, if there is."""
        if self._waiting and (self._hold > 0 or may_begin):
            if self._hold == 0:
                self._encoder.reset()
                self._runs.append((MARK_HZ, LEAD_MS * PER_MS))
            for code in self._encoder.encode(self._waiting.popleft()):
                self._bit(SPACE_HZ)
                for place in range(5):
                    self._bit(MARK_HZ if code >> place & 1 else SPACE_HZ)
                self._bit(MARK_HZ, STOP_BITS)
            self._hold = HOLD_MS * PER_MS
            return True
        if self._hold > 0:
            # In small pieces: what is written meanwhile goes on at once.
            piece = min(self._hold, 5 * PER_MS)
            self._hold -= piece
            self._runs.append((MARK_HZ, piece))
            return True
        return False

    def _bit(self, tone: int, bits: float = 1.0) -> None:
        self._left += bits * SAMPLE_RATE_HZ / self.rate_baud
        whole = int(self._left)
        self._left -= whole
        self._runs.append((tone, whole))
