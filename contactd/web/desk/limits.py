"""Who may try a password again, and when.

Three counts, each forgotten by time alone: of one user from one address, of one user from everywhere, and of one
address. What comes from a browser in which this user signed in before has a count of its own. So whoever guesses is
slowed down to some dozens a day, and nobody can keep somebody else out of a desk that they have used: a lock of the
first three does not hold for that browser, and no lock holds longer than a quarter of an hour.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

_FREE = {"pair": 5, "user": 20, "address": 50, "known": 10}
"""Wrong tries before the first wait. An address may be a whole house behind one router."""
_FIRST_S, _LONGEST_S = 15.0, 900.0
_FORGET_S = 3600.0
_MOST = 20_000
"""Counts that are kept; the one that was asked for longest ago goes first."""


@dataclass(slots=True)
class _Count:
    wrong: int = 0
    at: float = 0.0
    until: float = 0.0


class Limits:
    """now: seconds of a clock that only rises."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def waits_s(self, user: str, address: str, known: bool, now: float) -> float:
        """How long this one has to wait before the next try; 0: not at all."""
        found = [self._counts[key] for key in _keys(user, address, known) if key in self._counts]
        return max((one.until - now for one in found if one.until > now), default=0.0)

    def wrong(self, user: str, address: str, known: bool, now: float) -> None:
        """Longer from try to try, up to a quarter of an hour."""
        for key in _keys(user, address, known):
            count = self._counts.pop(key, None)
            if count is None or now - count.at > _FORGET_S:
                count = _Count()
            count.wrong += 1
            count.at = now
            over = count.wrong - _FREE[key[0]]
            if over >= 0:
                count.until = now + min(_LONGEST_S, _FIRST_S * 2 ** min(over, 10))
            self._counts[key] = count
        while len(self._counts) > _MOST:
            self._counts.popitem(last=False)

    def right(self, user: str, address: str, known: bool) -> None:
        """Signed in. What others tried for this user elsewhere, and here for other users, stays counted."""
        first, *others = _keys(user, address, known)
        self._counts.pop(first, None)
        for key in others:
            count = self._counts.get(key)
            if count is not None:
                # Counted as wrong before it was looked at.
                count.wrong -= 1
                if count.wrong < _FREE[key[0]]:
                    count.until = 0.0


def _keys(user: str, address: str, known: bool) -> list[tuple[str, str]]:
    if known:
        return [("known", user)]
    return [("pair", f"{user} {address}"), ("user", user), ("address", address)]
