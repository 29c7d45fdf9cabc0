"""Builds every part once, in order, and runs them together until a signal or a fence."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog

from contactd import log as logging
from contactd.config import Settings, calendars_of
from contactd.config.flows import flows_of
from contactd.core import inputs as inp
from contactd.core.errors import ContactdError
from contactd.core.floor import LiveFloor
from contactd.core.ids import PbxId, QueueId
from contactd.core.step import Step
from contactd.engine import fault
from contactd.engine.appender import Appender, Fenced
from contactd.engine.circle import Circle
from contactd.engine.clock import Clock
from contactd.engine.hours import Hours
from contactd.engine.inbox import Inbox
from contactd.engine.notices import Notices
from contactd.engine.recovery import EpochWatch, take_floor
from contactd.engine.spool import Spool, SpoolBroken
from contactd.log import flood, lost_lines, watch_memory
from contactd.mail.mailboxes import Mailboxes
from contactd.mail.routing import MailRouting
from contactd.metrics import (
    STANDBY,
    CaseMetrics,
    FloorMetrics,
    JobMetrics,
    MailOutMetrics,
    Readings,
    WebhookMetrics,
    watch_certificates,
)
from contactd.notify import Notifier, Teller
from contactd.pbx.voice import Voice
from contactd.reload import Reload, Result, read_again
from contactd.services.crm.callers import CallerKeeper
from contactd.services.crm.calling import Calling
from contactd.services.crm.recogniser import ANSWER_S, Recogniser
from contactd.services.recording.watching import Watch as RecordingWatch
from contactd.services.speech import Speaker, SpeechFailed
from contactd.services.supervising.auditing import ListeningAudit
from contactd.store import case_watch, jobs, outbox, voicemail
from contactd.store.audit import AuditTrail, Entry, Who
from contactd.store.desk import DeskStore
from contactd.store.history import History
from contactd.store.journal import FloorLock, FloorRow, Journal, open_pool
from contactd.store.mail_out import MAIL
from contactd.store.parties import Directory, open_directory_pool
from contactd.web import Lobby, Promised, Surface, serve_control, serve_standby, serve_web
from contactd.web.desk import DeskDoor
from contactd.web.tail import Tail

log = structlog.get_logger()
Task = Callable[[], Coroutine[Any, Any, None]]

_DRAIN_S = 5.0
_CRM_POOL = 2
"""Connections for looking callers up; each answers some hundred a second."""
_DESK_POOL = 3
_SPEAK_FIRST_S = 30.0
"""How long a start waits for texts that were never spoken; well below TimeoutStartSec."""
_KEEP_S = 2.0
"""How long a reload waits for a PostgreSQL that does not answer; the configuration is then kept later."""


class Daemon:
    """settings: as they were loaded; SIGHUP reads their files again."""

    def __init__(self, settings: Settings, *, take_over: bool = False) -> None:
        self._settings = settings
        self._take_over = take_over
        self._stop = asyncio.Event()
        self._hup = asyncio.Event()
        self._systemd = Notifier()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises Fenced when another contactd took over."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(watch_memory)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        # From the first moment on: unhandled, it would end us.
        loop.add_signal_handler(signal.SIGHUP, self._hup.set)
        # Before the floor is taken, since another contactd may steer until then; but neither systemd nor callers wait
        # for ever.
        speaking = asyncio.create_task(_speak_or_tell(self._settings))
        await asyncio.wait({speaking}, timeout=_SPEAK_FIRST_S)
        while not self._stop.is_set():
            # Comes back without a signal when new settings were read while standing by, with nothing opened yet.
            await self._steer(self._settings)

    async def _steer(self, settings: Settings) -> None:
        async with contextlib.AsyncExitStack() as stack:
            spool = self._spool(stack)
            password = settings.secrets.database.password
            pool = await open_pool(settings.database.dsn, password=password, size=settings.database.pool_size)
            stack.callback(pool.terminate)
            journal = Journal(pool, settings.floor)
            trail = AuditTrail(journal)
            lock = FloorLock(settings.database.dsn, settings.floor, password=password)
            stack.push_async_callback(lock.release)
            lobby = Lobby(functools.partial(_ask_store, journal))
            web, ctl = settings.web, settings.ctl
            opened = await self._open_early(stack, lobby)
            async with self._standing_by(lobby, ctl.socket):
                taken = await self._take_floor(journal, lock, spool, lobby)
            if taken is None:
                return
            floor, row = taken
            if self._take_over:
                trail.put(Entry(Who.me(), "contactd run", "take-over", outcome=f"epoch {row.epoch}"))
            await journal.keep_config(settings.sha256, settings.files())

            watch = EpochWatch(journal, lock, row.epoch)
            appended = asyncio.Event()
            appender = Appender(journal, spool, row, lambda _seq: appended.set(), lambda: circle.snapshot())
            keeper = CallerKeeper(settings)
            circle = Circle(
                floor,
                Inbox(),
                spool,
                appender,
                Clock(),
                # Made below, with the circle.
                publish=lambda steps: _publish(steps, measured, tail, notices, voice, listened, *desks),
                act=lambda command: voice.act(command),
                still_ours=watch.still_ours,
                row_of=keeper,
                words_of=keeper.words,
                kept=fault.planned(os.environ.get("CONTACTD_FAULT", "")),
                turned=self._systemd.fed,
                # As systemd asks: well within half the time.
                idle_turn_s=self._systemd.watchdog_s / 4 if self._systemd.watchdog_s else None,
            )
            recogniser = await self._recogniser(stack, settings, circle)
            calling = Calling(recogniser.directory, settings)
            voice = Voice(settings, circle, recogniser, calling, accepting=lambda: not spool.full, audit=trail.put)
            tail = Tail(floor)
            listened = ListeningAudit(trail.put)
            desks: list[DeskDoor] = []
            notices, kept = Notices(), RecordingWatch(lambda: reload.settings)
            mailboxes = Mailboxes(settings, may=lambda: not spool.full)
            read = functools.partial(
                _readings,
                circle,
                spool,
                appender,
                voice,
                watch,
                tail,
                recogniser,
                settings.spool.max_mb << 20,
                kept,
                mailboxes,
            )
            measured = FloorMetrics(floor, read, circle.clock.now)
            stack.callback(measured.close)
            teller = Teller(self._systemd, row.epoch, read, lambda: watch.store_away, circle.clock.now)
            hours = _tell_first(circle, settings)
            reload = self._reloading(
                settings, circle, voice, (recogniser, keeper, mailboxes), desks, hours, journal, teller, trail
            )
            await voice.open(stack, self._insist)
            probes = {"agi": voice.probe, "disk": spool.probe}
            surface = Surface(
                *(circle, reload, read, circle.clock.now, trail, probes, tail, recogniser, appender.wipe_spool),
                promise=lambda number, queue: _promised(voice, number, queue),
                texts=voice.texts,
            )
            lobby.surface = surface
            if not opened:
                await self._insist(lambda: stack.enter_async_context(serve_web(lobby, web.listen, web.port)))
            await self._insist(lambda: stack.enter_async_context(serve_control(surface, ctl.socket)))
            await self._open_desk(stack, surface, settings, desks)

            tasks: list[Task] = [
                circle.run,
                circle.watch,
                appender.run,
                spool.sync_every_second,
                watch.run,
                teller.run,
                hours.run,
                trail.run,
                kept.run,
                mailboxes.run,
                MailRouting(pool, circle, lambda: reload.settings, may=lambda: not spool.full).run,
                reload.run,
                flood.tell_every_period,
                functools.partial(History(pool, settings.floor).run, appended),
                *_table_watches(stack, pool, settings.floor),
                functools.partial(watch_certificates, _tls_doors(settings)),
                *voice.tasks(),
                *(desk.run for desk in desks),
            ]
            self._systemd.ready(teller.text())
            log.info("contactd_started", epoch=row.epoch, seq=row.seq, agi_port=voice.agi.port)
            await self._run_until_stopped(tasks, voice, circle, appender, trail)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _spool(self, stack: contextlib.AsyncExitStack) -> Spool:
        folder = Path(self._settings.state_dir) / "spool"
        spool = Spool(
            folder,
            segment_bytes=self._settings.spool.segment_mb << 20,
            max_bytes=self._settings.spool.max_mb << 20,
        )
        stack.callback(spool.close)
        handle = stack.enter_context((folder / "lock").open("w"))
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SpoolBroken(
                f"Another contactd uses {folder}: stop it, or give this one a state_dir of its own."
            ) from error
        return spool

    async def _recogniser(self, stack: contextlib.AsyncExitStack, settings: Settings, circle: Circle) -> Recogniser:
        """With connections of its own: a caller who is looked up waits for no append, and no append for a caller."""
        password = settings.secrets.database.password
        pool = await open_directory_pool(settings.database.dsn, password=password, size=_CRM_POOL)
        stack.callback(pool.terminate)
        made = Recogniser(
            Directory(pool, timeout_s=ANSWER_S),
            settings,
            lambda input_, beside: circle.put(input_, private=beside),
        )
        stack.push_async_callback(made.close)
        return made

    def _reloading(
        self,
        settings: Settings,
        circle: Circle,
        voice: Voice,
        parts: tuple[Recogniser, CallerKeeper, Mailboxes],
        desks: Sequence[DeskDoor],
        hours: Hours,
        journal: Journal,
        teller: Teller,
        trail: AuditTrail,
    ) -> Reload:
        """What SIGHUP does."""

        def take(new: Settings) -> None:
            logging.set_level(new.log_level)
            voice.reload(new)
            for part in parts:
                part.reload(new)
            for desk in desks:
                desk.reload(new)
            circle.put(inp.ConfigurationLoaded(plan=new.plan()))
            hours.take(calendars_of(new.calendars))

        def reloaded(result: Result, askers: Sequence[Who]) -> None:
            outcome = f"{result}, sha256 {reload.settings.sha256}"
            for who in askers:
                trail.put(Entry(who, "contactctl reload", "reload", outcome=outcome))
            if not askers:
                # Root or our own user: the kernel does not tell us more of a signal.
                trail.put(Entry(None, "SIGHUP", "reload", outcome=outcome))
            if reload.refused:
                teller.reload_refused()
            else:
                teller.reload_taken(len(reload.pending))
            self._systemd.reloaded()

        reload = Reload(
            settings,
            self._hup,
            take=take,
            keep=lambda new: journal.keep_config(new.sha256, new.files(), timeout_s=_KEEP_S),
            prepare=_speak,
            began=self._systemd.reloading,
            ended=reloaded,
        )
        return reload

    async def _open_early(self, stack: contextlib.AsyncExitStack, lobby: Lobby) -> bool:
        """A standby answers /healthz and /metrics too; unless the contactd that it waits for holds the same port."""
        try:
            await stack.enter_async_context(serve_web(lobby, self._settings.web.listen, self._settings.web.port))
        except ContactdError as error:
            log.info("web_opens_later", error=str(error))
            return False
        return True

    async def _open_desk(
        self, stack: contextlib.AsyncExitStack, surface: Surface, settings: Settings, into: list[DeskDoor]
    ) -> None:
        """With connections of its own: nobody who signs in waits for an append, and no append for them."""
        if not settings.desk.port:
            return
        password = settings.secrets.database.password
        pool = await open_pool(settings.database.dsn, password=password, size=_DESK_POOL, program="contactd desk")
        stack.callback(pool.terminate)
        desk = DeskDoor(surface, DeskStore(pool), settings)
        into.append(desk)
        await self._insist(lambda: stack.enter_async_context(desk.serve()))

    @contextlib.asynccontextmanager
    async def _standing_by(self, lobby: Lobby, socket: str) -> AsyncIterator[None]:
        """contactctl is told where it came to; unless the contactd that steers answers at the same socket."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(serve_standby(lobby, socket))
            except ContactdError as error:
                log.info("control_opens_later", error=str(error))
            yield

    async def _insist(self, start: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """A port may still be held for a moment by the contactd that was taken over."""
        for attempt in range(20):
            try:
                await start()
                return
            except ContactdError as error:
                if attempt == 19:
                    raise
                self._systemd.waiting(str(error))
                await asyncio.sleep(0.5)

    # --- running ----------------------------------------------------------------------------------------------------

    async def _take_floor(
        self, journal: Journal, lock: FloorLock, spool: Spool, lobby: Lobby
    ) -> tuple[LiveFloor, FloorRow] | None:
        """Stand by until the floor is ours; None when a signal came first."""

        def waiting(why: str) -> None:
            lobby.why = why
            self._systemd.waiting(why)

        STANDBY.set(1)
        taken: tuple[LiveFloor, FloorRow] | None = await self._or_signal(
            take_floor(journal, lock, spool, take_over=self._take_over, waiting=waiting)
        )
        if taken is not None:
            STANDBY.set(0)
        return taken

    async def _or_signal(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result, or None when a signal came first: a standby waits for ever, and takes new settings whole."""
        self._systemd.ready("Standing by for the floor")
        task = asyncio.ensure_future(work)
        new: Settings | None = None
        while not task.done() and not self._stop.is_set() and new is None:
            signals = [asyncio.ensure_future(event.wait()) for event in (self._stop, self._hup)]
            await asyncio.wait({task, *signals}, return_when=asyncio.FIRST_COMPLETED)
            for one in signals:
                one.cancel()
            if self._hup.is_set() and not task.done():
                self._hup.clear()
                self._systemd.reloading()
                new = await read_again(self._settings)
                self._systemd.reloaded()
        if task.done():
            if new is not None:
                # The floor came in the meantime, and the settings of before with it: reload once more.
                self._hup.set()
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._settings = new or self._settings
        return None

    async def _run_until_stopped(
        self,
        tasks: Sequence[Task],
        voice: Voice,
        circle: Circle,
        appender: Appender,
        trail: AuditTrail,
    ) -> None:
        async def guarded(task: Task) -> None:
            try:
                await task()
            except Fenced:
                # At once, before any other task gets to run: from here on nothing is sent in our name.
                voice.stop_acting()
                raise

        running = [asyncio.create_task(guarded(task)) for task in tasks]
        stop = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait({*running, stop}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stop}:
                task.result()
            self._systemd.stopping("Keeping what happened")
            log.info("contactd_stopping", pending_bytes=appender.pending_bytes)
            voice.stop_acting()
            circle.snapshot()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    await appender.drained()
                    await trail.written()
        finally:
            for task in [*running, stop]:
                task.cancel()
            await asyncio.gather(*running, stop, return_exceptions=True)
        log.info("contactd_stopped", seq=circle.floor.seq, appended_seq=appender.appended_seq)


def _table_watches(stack: contextlib.AsyncExitStack, pool: Any, floor: int) -> Iterator[Task]:
    """What Prometheus is told of tables that others write."""
    job_metrics, case_metrics, hook_metrics = JobMetrics(jobs.KINDS), CaseMetrics(), WebhookMetrics()
    answer_metrics = MailOutMetrics()
    for metrics in (job_metrics, case_metrics, hook_metrics, answer_metrics):
        stack.callback(metrics.close)
    yield functools.partial(jobs.watch, pool, floor, job_metrics)
    yield functools.partial(case_watch.watch, pool, case_metrics)
    yield functools.partial(voicemail.watch, pool)
    yield functools.partial(outbox.watch, pool, floor, hook_metrics)
    yield functools.partial(outbox.watch, pool, floor, answer_metrics, MAIL)


def _publish(steps: Sequence[Step], *told: FloorMetrics | Tail | Notices | Voice | ListeningAudit | DeskDoor) -> None:
    for one in told:
        one.publish(steps)


def _tls_doors(settings: Settings) -> dict[PbxId, tuple[str, int]]:
    return {name: (one.host, one.sip_tls_port) for name, one in settings.pbx.items() if one.sip_tls_port}


async def _speak(settings: Settings) -> None:
    """The texts of all flows, as far as they are not there. Raises SpeechFailed."""
    if settings.speech.engine:
        await asyncio.to_thread(lambda: Speaker(settings.speech).prepare(flows_of(settings)))


async def _speak_or_tell(settings: Settings) -> None:
    try:
        await _speak(settings)
    except SpeechFailed as error:
        log.error("texts_unspoken", error=str(error), remedy="Callers do not hear them. Mend it, and reload.")


async def _promised(voice: Voice, number: str, queue: QueueId) -> Promised:
    return Promised(*await voice.promise(number, queue))


def _tell_first(circle: Circle, settings: Settings) -> Hours:
    """What the floor learns before any caller: by what it decides, what is open, and that no PBX was compared yet."""
    circle.put(inp.ConfigurationLoaded(plan=settings.plan()))
    hours = Hours(circle.put, calendars_of(settings.calendars))
    hours.tell()
    for pbx in sorted(circle.floor.steered):
        circle.put(inp.PbxAbsent(pbx=pbx, why="contactd started"))
    return hours


async def _ask_store(journal: Journal) -> None:
    await journal.row(timeout_s=1)


def _readings(
    circle: Circle,
    spool: Spool,
    appender: Appender,
    voice: Voice,
    watch: EpochWatch,
    tail: Tail,
    recogniser: Recogniser,
    spool_max_bytes: int,
    kept: RecordingWatch,
    mailboxes: Mailboxes,
) -> Readings:
    """What the parts say of themselves."""
    return Readings(
        holds_epoch=voice.acting,
        inbox_depth=len(circle.inbox),
        inbox_refused=circle.inbox.refused,
        ignored=circle.ignored,
        bugs=circle.bugs,
        loop_lag_s=circle.loop_lag_s,
        clock_stepped_s=circle.clock_stepped_s,
        log_lost=lost_lines(),
        spool_pending_bytes=appender.pending_bytes,
        spool_max_bytes=spool_max_bytes,
        spool_fault=spool.fault,
        spool_full=spool.full,
        append_lag_s=appender.lag_s,
        append_trouble=appender.trouble,
        lookup_trouble=recogniser.lookup_trouble,
        appended_seq=appender.appended_seq,
        append_retries=appender.retries,
        quarantined=appender.quarantined,
        in_quarantine=spool.in_quarantine,
        postgresql_up=not watch.store_away,
        log_withheld=flood.withheld,
        tail_readers=len(tail),
        tail_dropped=tail.dropped,
        recording_trouble=kept.last.trouble,
        recording_remedy=kept.last.remedy,
        recordings_waiting=kept.last.waiting,
        mailboxes=mailboxes.count,
        mailbox_trouble=mailboxes.trouble,
        pbx=voice.readings(),
        agi_sessions=voice.agi.active,
        agi_failures=voice.agi.stats.failures,
        agi_refused=dict(voice.agi.stats.refused),
        audio_sessions=voice.audio.active,
        audio_failures=voice.audio.stats.failures,
        audio_dropped=voice.audio.stats.dropped,
        audio_refused=dict(voice.audio.stats.refused),
    )
