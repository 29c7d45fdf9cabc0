"""Tells the floor when a calendar opens or closes.

The hours are the wall clock's, so this asks the system's time, which time synchronisation sets right, and not the
circle's, which goes on evenly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from contactd.core.ids import CalendarId, Instant
from contactd.core.inputs import CalendarTurned, Input
from contactd.hours.calendar import Calendar, Turn

log = structlog.get_logger()

_LOOK_S = 15.0
"""A clock that was set, and a machine that slept, are noticed within so long."""
_AGAIN_S = 60.0


@dataclass(slots=True)
class _Told:
    turn: Turn
    made_at: Instant
    good_until: Instant


class Hours:
    """put: takes an input to the floor. run() as a task."""

    def __init__(
        self,
        put: Callable[[Input], None],
        calendars: Mapping[CalendarId, Calendar],
        wall: Callable[[], Instant] = time.time,
    ) -> None:
        self._put = put
        self._wall = wall
        self._calendars = calendars
        self._told: dict[CalendarId, _Told] = {}

    def take(self, calendars: Mapping[CalendarId, Calendar]) -> None:
        """New ones, after the floor has been told of them; each is told at once."""
        self._calendars = calendars
        self._told.clear()
        self.tell()

    async def run(self) -> None:
        """Until cancelled."""
        while True:  # noqa: ASYNC110 - nobody knows of a clock that is set but who looks
            await asyncio.sleep(min(_LOOK_S, max(0.0, self.tell() - self._wall())))

    def tell(self) -> Instant:
        """Put what has changed; returns when something changes next."""
        now = self._wall()
        for name, calendar in self._calendars.items():
            told = self._told.get(name)
            if told is None or not told.made_at <= now < told.good_until:
                try:
                    self._look(name, calendar, now)
                except Exception:
                    # It stays as it was told last; the calls go on.
                    self._told[name] = _Told(Turn(True, "", None), now, now + _AGAIN_S)
                    log.exception("calendar_failed", calendar=name, remedy="The queue stays as it is; send this to us.")
        return min((told.good_until for told in self._told.values()), default=now + _LOOK_S)

    def _look(self, name: CalendarId, calendar: Calendar, now: Instant) -> None:
        turn = calendar.at(now)
        told = self._told.get(name)
        good_until = min(turn.until or now + 86400, calendar.next_midnight(now))
        self._told[name] = _Told(turn, now, good_until)
        if told is None or told.turn != turn:
            self._put(CalendarTurned(calendar=name, open=turn.open, why=turn.why, until=turn.until))
            log.info("calendar_turned", calendar=name, open=turn.open, why=turn.why, until=turn.until)
