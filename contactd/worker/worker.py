"""One worker: takes a job, runs it in a process of its own, keeps the lease while it runs, writes what became of it."""

from __future__ import annotations

import asyncio
import datetime
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from contactd import log as logging
from contactd.config import Settings
from contactd.log import flood, watch_memory
from contactd.notify import Notifier
from contactd.reload import read_again
from contactd.store import outbox
from contactd.store.jobs import JobDesk, Outcome, Taken
from contactd.store.journal import open_pool
from contactd.store.mail_out import MAIL
from contactd.store.trouble import StoreAway
from contactd.worker import sending
from contactd.worker.kinds import KINDS, Calendar, Kind, Sweeps
from contactd.worker.resident import Resident
from contactd.worker.running import Attempt, Ended, Limits

log = structlog.get_logger()

_IDLE_S = 1.0
"""Between two looks for a job that is due."""
_AWAY_S = 5.0
GRACE_S = 20.0
"""How long a job may go on after SIGTERM; then it is given back. Well within TimeoutStopSec of the unit."""


class Worker:
    """run() until SIGTERM or SIGINT. SIGHUP reads the files again, for the next job.

    lease_s: so long after its last heartbeat a worker is taken for dead. grace_s: for a running job after SIGTERM.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        kinds: Mapping[str, Kind] = KINDS,
        lease_s: float = 60.0,
        grace_s: float = GRACE_S,
        idle_s: float = _IDLE_S,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        # Told apart from every other process that ever was one: a lease is its alone.
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._settings = settings
        self._kinds = kinds
        self._lease_s = lease_s
        self._grace_s = grace_s
        self._idle_s = idle_s
        self._now = now
        self._stop = asyncio.Event()
        self._hup = asyncio.Event()
        self._systemd = Notifier()
        self._tally = {"done": 0, "failed": 0}
        self._resident = Resident(
            self.name,
            lambda: self._settings,
            lambda: _access(self._settings),
            lease_s=min(self._lease_s, sending.LEASE_S),
        )

    @property
    def sender(self) -> int | None:
        """The process that tells others; None: there is none yet."""
        return self._resident.pid

    @property
    def settings(self) -> Settings:
        """Those that the next job is run by."""
        return self._settings

    def stop(self) -> None:
        """As SIGTERM does."""
        self._stop.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(watch_memory)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hup.set)
        self._systemd.ready(self._idle_text())
        log.info("worker_started", worker=self.name, kinds=sorted(self._kinds))
        telling = asyncio.create_task(flood.tell_every_period())
        resident = asyncio.create_task(self._reside(self._resident))
        try:
            while not self._stop.is_set():
                await self._work(self._settings)
        finally:
            telling.cancel()
            self._stop.set()
            await resident
        log.info("worker_stopped", worker=self.name, **self._tally)

    async def _reside(self, resident: Resident) -> None:
        """Beside the jobs, and given up with them at SIGTERM."""
        running = asyncio.create_task(resident.run())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, stopping):
            task.cancel()
        await asyncio.gather(running, stopping, return_exceptions=True)

    async def _work(self, settings: Settings) -> None:
        """Until a signal."""
        dsn, password = _access(settings)
        pool = await open_pool(dsn, password=password, size=2, role="contactd_worker", program="contactd worker")
        desk = JobDesk(pool, self.name, lease_s=self._lease_s)
        calendar, sweeps = Calendar(self._kinds, settings.jobs), Sweeps(self._kinds, settings)
        routed = sending.wanted(settings)
        try:
            while not self._stop.is_set():
                if self._hup.is_set():
                    await self._reload()
                    return
                try:
                    if not routed:
                        # Nobody is there who would say so: what an earlier configuration told is told no more.
                        for way in (outbox.WEBHOOK, MAIL):
                            await outbox.route(pool, way, {}, settings.floor)
                        routed = True
                    found = await self._turn(desk, calendar, sweeps)
                except StoreAway as away:
                    self._systemd.waiting(str(away))
                    log.warning("store_away", error=str(away), again_in_s=_AWAY_S)
                    await self._wait(_AWAY_S)
                else:
                    self._systemd.status(self._idle_text())
                    if not found:
                        await self._wait(self._idle_s)
        finally:
            pool.terminate()

    async def _turn(self, desk: JobDesk, calendar: Calendar, sweeps: Sweeps) -> bool:
        """Ask for what the time brings, then do one job. False: there was none. Raises StoreAway."""
        self._systemd.fed()
        for name, key in calendar.due(self._now()):
            if self._kinds[name].of_use(self._settings) and await desk.add(name, key):
                log.info("job_asked_for", kind=name, key=key)
            calendar.asked(name, key)
        for name, key in sweeps.due(self._now()):
            if await desk.add_alone(name, key):
                log.debug("job_asked_for", kind=name, key=key)
        job = await desk.take(list(self._kinds))
        if job is None:
            return False
        kind = self._kinds[job.kind]
        if job.attempt > kind.attempts:
            # Its workers died with it, which no attempt of its own could tell.
            error = f"{job.attempt - 1} workers died while they ran it; the journal of their hosts may tell why."
            await self._end(desk, job, Outcome.DEAD, 0.0, error=error)
            return True
        await self._run_one(desk, job, kind)
        return True

    async def _run_one(self, desk: JobDesk, job: Taken, kind: Kind) -> None:
        dsn, password = _access(self._settings)
        memory_mb = kind.memory_mb or self._settings.jobs.memory_mb
        limits = Limits(kind.wall_s, memory_mb << 20)
        sections = {name: msgspec.to_builtins(getattr(self._settings, name)) for name in kind.sections}
        sections |= kind.more(self._settings) if kind.more is not None else {}
        attempt = Attempt(job, kind.function, limits, dsn, password, self._settings.log_level, sections)
        log.info("job_begun", job_id=job.id, kind=job.kind, key=job.key, attempt=job.attempt)
        running = asyncio.create_task(attempt.run())
        verdict = await self._accompany(desk, attempt, running)
        ended = await running
        if verdict == "lost":
            log.warning("job_lost", job_id=job.id, kind=job.kind, remedy="It was dropped, or another worker has it.")
            return
        if verdict == "stopped" and ended.result is None:
            await self._end(desk, job, Outcome.GIVEN_BACK, attempt.ran_s, progress=attempt.progress)
        elif ended.result is not None:
            await self._end(desk, job, Outcome.DONE, attempt.ran_s, result=ended.result, progress=attempt.progress)
        else:
            await self._failed(desk, attempt, kind, ended)

    async def _failed(self, desk: JobDesk, attempt: Attempt, kind: Kind, ended: Ended) -> None:
        job = attempt.job
        dead = not ended.again or job.attempt >= kind.attempts
        outcome = Outcome.DEAD if dead else Outcome.FAILED
        again_in_s = 0.0 if dead else kind.pause_after(job.attempt)
        more: dict[str, Any] = {"error": ended.error, "again_in_s": again_in_s, "progress": attempt.progress}
        await self._end(desk, job, outcome, attempt.ran_s, **more)

    async def _accompany(self, desk: JobDesk, attempt: Attempt, running: asyncio.Task[Ended]) -> str:
        """Beat until the child has ended, or must: "ended", "lost" (the job is not ours), "stopped" (we have to go)."""
        beaten, stopping_at = time.monotonic(), None
        job = attempt.job
        since = self._now().strftime("%H:%M:%S")
        while not running.done():
            self._systemd.fed()
            so_far = f", at {_short(attempt.progress)}" if attempt.progress else ""
            self._systemd.status(f"Running job {job.id} ({job.kind} {job.key}) since {since} UTC{so_far}")
            if self._stop.is_set() and stopping_at is None:
                stopping_at = time.monotonic()
                self._systemd.stopping(f"Giving job {job.id} up to {self._grace_s:g} s to end")
            if stopping_at is not None and time.monotonic() - stopping_at > self._grace_s:
                attempt.kill()
                return "stopped"
            if time.monotonic() - beaten >= self._lease_s / 4:
                try:
                    if not await desk.beat(job, attempt.progress):
                        attempt.kill()
                        return "lost"
                    beaten = time.monotonic()
                except StoreAway as away:
                    # Nobody else can take it either. Should somebody, later, the next beat tells.
                    log.warning("lease_not_kept", job_id=job.id, error=str(away))
                    beaten = time.monotonic() - self._lease_s / 4 + _IDLE_S
            await asyncio.wait({running}, timeout=min(_IDLE_S, self._lease_s / 8))
        return "ended"

    async def _end(self, desk: JobDesk, job: Taken, outcome: Outcome, ran_s: float, **more: Any) -> None:
        """Written, however long PostgreSQL is away; unless we have to go: the lease then ends by itself."""
        told = {"job_id": job.id, "kind": job.kind, "key": job.key, "attempt": job.attempt, "ran_s": round(ran_s, 3)}
        if outcome is Outcome.DONE:
            log.info("job_done", **told, result=more["result"])
        elif outcome is Outcome.GIVEN_BACK:
            log.info("job_given_back", **told)
        elif outcome is Outcome.FAILED:
            log.warning("job_failed", **told, error=more["error"], again_in_s=more["again_in_s"])
        else:
            remedy = "contactctl jobs show tells more; retry it, or drop it."
            log.error("job_dead", **told, error=more["error"], remedy=remedy)
        self._tally["done" if outcome is Outcome.DONE else "failed"] += outcome is not Outcome.GIVEN_BACK
        while True:
            try:
                if not await desk.end(job, outcome, ran_s, **more):
                    log.warning("job_lost", job_id=job.id, kind=job.kind, remedy="Nothing: another worker has it.")
                return
            except StoreAway as away:
                self._systemd.waiting(str(away))
                if self._stop.is_set():
                    log.warning("job_not_told", job_id=job.id, error=str(away), remedy="Nothing: its lease ends.")
                    return
                await self._wait(_AWAY_S)

    async def _reload(self) -> None:
        self._hup.clear()
        self._systemd.reloading()
        new = await read_again(self._settings)
        if new is not None:
            self._settings = new
            self._resident.changed()
            logging.set_level(new.log_level)
        self._systemd.reloaded()

    async def _wait(self, seconds: float) -> None:
        """Or until a signal; the watchdog is fed meanwhile."""
        self._systemd.fed()
        signals = [asyncio.ensure_future(event.wait()) for event in (self._stop, self._hup)]
        await asyncio.wait(signals, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in signals:
            one.cancel()
        await asyncio.gather(*signals, return_exceptions=True)

    def _idle_text(self) -> str:
        done, failed = self._tally["done"], self._tally["failed"]
        return f"Waiting for jobs ({done} done, {failed} attempts failed since the start)"


def _access(settings: Settings) -> tuple[str, str | None]:
    secret = settings.secrets.database
    return settings.database.worker_dsn or settings.database.dsn, secret.worker_password or secret.password


def _short(progress: Mapping[str, Any]) -> str:
    """For a status line: numbers and short words."""
    parts = (f"{name} {value}" for name, value in progress.items() if len(str(value)) <= 20)
    return ", ".join(parts)
