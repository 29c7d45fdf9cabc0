"""One TTY call: both directions of one line, of which only one may be used at a time.

Both ends use the same two tones, so each hears itself, from its own hybrid or from the far one. Whose turn it is, is a
table of states; time is the line's own, counted in the samples that were heard.
"""

from __future__ import annotations

from contactd.protocols.baudot.alphabet import Prepared
from contactd.protocols.baudot.receive import Character, Receiver
from contactd.protocols.baudot.tones import PER_MS
from contactd.protocols.baudot.transmit import HOLD_MS, LEVEL_DBM0, Transmitter
from contactd.protocols.baudot.turn import TRANSITIONS, Turn

GUARD_MS = 300
"""V.18 A.1: so long after our last character nothing that is heard counts, since it may be our echo. As long as we hold
the carrier, so that by default we hear again when it ends."""


class Modem:
    """``hear`` what came and ``speak`` as much: the two are the line's clock, in pieces of any length.

    guard_ms: more than GUARD_MS where echo comes later, as over satellites and long chains of gateways.
    receiver: the detector's, when it found the far end.
    """

    def __init__(
        self,
        rate_baud: float | None = None,
        *,
        level_dbm0: float = LEVEL_DBM0,
        guard_ms: int = GUARD_MS,
        unshift_on_space: bool = False,
        receiver: Receiver | None = None,
    ) -> None:
        self.receiver = receiver or Receiver(rate_baud, unshift_on_space=unshift_on_space)
        self.transmitter = Transmitter(self.receiver.rate_baud or 45.45, level_dbm0=level_dbm0)
        self.turn = Turn.QUIET
        self._guard = max(0, guard_ms - HOLD_MS) * PER_MS
        self._guarded = 0

    @property
    def may_send(self) -> bool:
        """Whether what is written now begins at once."""
        return self.turn is not Turn.THEIRS

    def write(self, text: str) -> Prepared:
        """Sent when it is our turn. Returns what the far end will read."""
        return self.transmitter.write(text)

    def hear(self, samples: bytes) -> list[Character]:
        """What came from the far end; the characters that are read by now."""
        if self.turn in (Turn.OURS, Turn.GUARD):
            read = self.receiver.deaf(len(samples) // 2)
            if self.turn is Turn.GUARD:
                self._guarded -= len(samples) // 2
                if self._guarded <= 0:
                    self._go(Turn.QUIET)
            return read
        read = self.receiver.feed(samples)
        if rate := self.receiver.rate_baud:
            self.transmitter.rate_baud = rate
        if self.receiver.carrier != (self.turn is Turn.THEIRS):
            self._go(Turn.THEIRS if self.receiver.carrier else Turn.QUIET)
        return read

    def speak(self, samples: int) -> bytes:
        """What goes to the far end."""
        line = self.transmitter.read(samples, may_begin=self.may_send)
        if self.transmitter.carrier and self.turn in (Turn.QUIET, Turn.GUARD):
            self._go(Turn.OURS)
        elif not self.transmitter.carrier and self.turn is Turn.OURS:
            self._guarded = self._guard
            self._go(Turn.GUARD if self._guard else Turn.QUIET)
        return line

    def flush(self) -> list[Character]:
        """What is still on its way when the call is over."""
        return self.receiver.flush()

    def _go(self, turn: Turn) -> None:
        if turn not in TRANSITIONS[self.turn]:
            raise RuntimeError(f"a line that is {self.turn.value} never becomes {turn.value}")
        self.turn = turn
