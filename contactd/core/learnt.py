"""What the floor has learnt of each queue from what happened on it lately: for the estimated wait.

Kept by apply(), so a floor that is made again knows the same. Sums in which everything older counts less and less; what
the configuration expects counts like a few facts more, so that it is all there is at first and nothing later on.
"""

from __future__ import annotations

import msgspec

from contactd.core.ids import Instant
from contactd.core.plan import QueuePlan

_FORGET = 0.99
"""What each new fact leaves of the ones before: about the last hundred count."""
_EXPECTED = 5.0
"""So many facts the configuration's expectation is worth."""
_RING_S = 5.0
"""How long it takes until somebody answers, before anybody did."""
_CHANGE = 0.05
"""What nobody can know: who comes, goes and calls meanwhile. By the calls of `python -m tests.lab.bench.waits`."""
_PATIENCE_S = 600.0
"""One caller in so many seconds of waiting gives up, before anybody waited."""


class Sum(msgspec.Struct, gc=False):
    """A decaying sum of durations, of their squares, and of how many they are."""

    count: float = 0.0
    total_s: float = 0.0
    square_s2: float = 0.0

    def add(self, seconds: float) -> None:
        self.count = self.count * _FORGET + 1.0
        self.total_s = self.total_s * _FORGET + seconds
        self.square_s2 = self.square_s2 * _FORGET + seconds * seconds

    def mean_s(self, expected_s: float) -> float:
        return (self.total_s + _EXPECTED * expected_s) / (self.count + _EXPECTED)

    def mean_square_s2(self, expected_s2: float) -> float:
        return (self.square_s2 + _EXPECTED * expected_s2) / (self.count + _EXPECTED)


class Learnt(msgspec.Struct, kw_only=True, gc=False):
    """Of one queue. Changed by apply() only."""

    rings: Sum = msgspec.field(default_factory=Sum)
    """From an offer to its answer."""
    talks: Sum = msgspec.field(default_factory=Sum)
    wrap_ups: Sum = msgspec.field(default_factory=Sum)
    waits: Sum = msgspec.field(default_factory=Sum)
    """However they ended."""
    gave_up: float = 0.0
    """Of these: callers who hung up."""

    def add_wait(self, seconds: float, *, gave_up: bool) -> None:
        self.waits.add(seconds)
        self.gave_up = self.gave_up * _FORGET + gave_up


class Handling(msgspec.Struct, frozen=True, gc=False):
    """What is expected of one queue's contacts: learnt, or configured while little is learnt."""

    ring_s: float
    talk_s: float
    talk_cv2: float
    """The talks' variance over their mean squared."""
    wrap_up_s: float
    giving_up: float
    """Callers a second, of those who wait."""
    doubt: float
    """The variance, over its square, of what all this may be off by: talks differ, and only the last ones count."""

    @property
    def whole_s(self) -> float:
        """What a contact takes of an agent's time."""
        return self.ring_s + self.talk_s + self.wrap_up_s


def handling(queue: QueuePlan, learnt: Learnt | None) -> Handling:
    known = learnt if learnt is not None else Learnt()
    talk_s = known.talks.mean_s(queue.expected_talk_s)
    # Talks of people: as long as their spread, until more is known.
    square_s2 = known.talks.mean_square_s2(2.0 * queue.expected_talk_s**2)
    talk_cv2 = max(0.05, square_s2 / (talk_s * talk_s) - 1.0)
    return Handling(
        ring_s=known.rings.mean_s(_RING_S),
        talk_s=talk_s,
        talk_cv2=talk_cv2,
        wrap_up_s=known.wrap_ups.mean_s(queue.wrap_up_s),
        giving_up=(known.gave_up + 1.0) / (known.waits.total_s + _PATIENCE_S),
        doubt=_CHANGE + talk_cv2 / (known.talks.count + _EXPECTED),
    )


def past(since: Instant, at: Instant) -> float:
    return max(0.0, at - since)
