"""How late an event is read, though no two hosts' clocks agree."""

from __future__ import annotations

from contactd.core.ids import Instant

_HALF_S = 300.0


class EventLag:
    """An event's lag beyond the quickest one of the last five to ten minutes.

    Our reading less the PBX's stamp is the way of the event and the difference of the clocks. The smallest of many is
    nearly the clocks alone, since some event always comes at once; it is forgotten after a while, since clocks drift
    and are set.
    """

    def __init__(self) -> None:
        self._now_s: float | None = None
        self._before_s: float | None = None
        self._since: Instant = 0.0

    @property
    def smallest_s(self) -> float | None:
        known = [difference for difference in (self._now_s, self._before_s) if difference is not None]
        return min(known, default=None)

    def of(self, stamped: Instant, now: Instant) -> float:
        """Seconds, never negative."""
        difference = now - stamped
        if now - self._since > _HALF_S:
            self._before_s, self._now_s, self._since = self._now_s, None, now
        if self._now_s is None or difference < self._now_s:
            self._now_s = difference
        smallest = self._now_s if self._before_s is None else min(self._now_s, self._before_s)
        return difference - smallest
