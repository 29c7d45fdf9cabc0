"""UTC anchored to the monotonic clock, so that a stepped clock never makes a negative wait."""

from __future__ import annotations

import time

from contactd.core.ids import Instant


class Clock:
    """now() rises evenly from the UTC time at which the clock was made."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def now(self) -> Instant:
        """Seconds since the Unix epoch, rounded to the microsecond that PostgreSQL keeps."""
        return round(self._offset_s + time.monotonic(), 6)

    def stepped_s(self) -> float:
        """How far the system's clock has been set forward (or back, negative) since ours was made."""
        return time.time() - self.now()

    def happened(self, stamped: Instant | None) -> Instant:
        """When an event with the PBX's own stamp happened: never in the future, and now if the stamp is absurd.

        After a freeze events are read late; their stamps keep the story's times right.
        """
        now = self.now()
        if stamped is None or not now - 3600 < stamped < now:
            return now
        return round(stamped, 6)
