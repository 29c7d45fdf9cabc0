"""A child that is there while the configuration has a use for it: begun again when it ends, whatever ended it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from contactd.config import Settings
from contactd.store.jobs import Taken
from contactd.worker import sending
from contactd.worker.running import Attempt, Limits

log = structlog.get_logger()

_PAUSES_S = (1.0, 5.0, 30.0)
"""After a child that ended with an error; the more in a row, the longer."""
GRACE_S = 15.0
"""So long what is on its way may take to end; then it is sent again by the next one."""


class Resident:
    """run() until cancelled, which ends the child. settings, access: those in force; changed() has them read anew.

    worker: its name, by which a child takes over at once what an earlier one of the same worker held.
    """

    def __init__(
        self,
        worker: str,
        settings: Callable[[], Settings],
        access: Callable[[], tuple[str, str | None]],
        *,
        lease_s: float = sending.LEASE_S,
    ) -> None:
        self._worker = worker
        self._settings = settings
        self._access = access
        self._lease_s = lease_s
        self._changed = asyncio.Event()
        self._attempt: Attempt | None = None

    @property
    def pid(self) -> int | None:
        return self._attempt.pid if self._attempt is not None else None

    def changed(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        failed = 0
        while True:
            settings = self._settings()
            self._changed.clear()
            if not sending.wanted(settings):
                await self._changed.wait()
                continue
            error = await self._one(settings)
            if not error:
                failed = 0
                continue
            pause_s = _PAUSES_S[min(failed, len(_PAUSES_S) - 1)]
            failed += 1
            log.error("sender_ended", error=error, again_in_s=pause_s, remedy="It is begun again; the log tells more.")
            await asyncio.wait({asyncio.create_task(self._changed.wait())}, timeout=pause_s)

    async def _one(self, settings: Settings) -> str:
        """One child, until it ends or must. Returns why it ended by itself; empty: it was to."""
        dsn, password = self._access()
        job = Taken(0, "sender", "", {"worker": self._worker, "lease_s": self._lease_s}, 1, None)
        limits = Limits(sending.WALL_S, settings.jobs.memory_mb << 20)
        function = f"{sending.__name__}:run"
        attempt = Attempt(job, function, limits, dsn, password, settings.log_level, sending.more(settings))
        self._attempt = attempt
        running = asyncio.create_task(attempt.run())
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({running, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            if not running.done():
                attempt.ask_to_end()
                await asyncio.wait({running}, timeout=GRACE_S)
                attempt.kill()
            await asyncio.wait({running})
        ended = running.result()
        return "" if self._changed.is_set() or ended.result is not None else ended.error
