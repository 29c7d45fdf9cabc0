"""SIGHUP: the files are read and checked whole, and all of them that a running contactd can take is taken at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import structlog

from contactd.config import Change, ConfigErrors, Plan, Problem, Settings, load
from contactd.config.plan import plan, refused
from contactd.core.errors import ContactdError
from contactd.metrics import CONFIG_LOADED_AT, CONFIG_RELOADS, CONFIG_RESTART_PENDING
from contactd.store.audit import Who

log = structlog.get_logger()

KEEP_AGAIN_S = 5.0
Result = Literal["taken", "partial", "held", "refused", "failed"]
"""All; the live keys, while others wait for a restart; nothing, since the live keys do not fit without the others;
nothing, since the files are wrong; nothing, by an error of ours."""


async def read_again(settings: Settings) -> Settings | None:
    """For a standby, which has nothing open yet: all of the files, or None when they are wrong."""
    try:
        new = await asyncio.to_thread(load, Path(settings.path))
    except ConfigErrors as errors:
        _tell_refused(errors.errors)
        return None
    log.info("configuration_read", sha256=new.sha256)
    return new


def _plan(running: Settings) -> Plan:
    try:
        return plan(running, load(Path(running.path)))
    except ConfigErrors as errors:
        return refused(running, errors)


def _tell_refused(errors: Iterable[Problem]) -> None:
    log.error(
        "reload_refused",
        errors=[str(problem) for problem in errors],
        remedy="The old configuration stays in force. Mend the files and reload again.",
    )


class Reload:
    """Owns which settings are in force. run() as a task.

    asked: set at SIGHUP. take: makes all parts use new settings, in one go. keep: puts them into config_version.
    prepare: what they need before; a ContactdError refuses them.
    began, ended: told at each reload; ended with what came of it, and who asked (nobody known: a signal).
    """

    def __init__(
        self,
        settings: Settings,
        asked: asyncio.Event,
        *,
        take: Callable[[Settings], None],
        keep: Callable[[Settings], Awaitable[None]],
        prepare: Callable[[Settings], Awaitable[None]] | None = None,
        began: Callable[[], None] = lambda: None,
        ended: Callable[[Result, Sequence[Who]], None] = lambda _result, _who: None,
    ) -> None:
        self.settings = settings
        self.pending: tuple[Change, ...] = ()
        """Read from the files; only a restart takes them."""
        self.refused = ""
        """Why the last reload took nothing; empty: it did not."""
        self._take = take
        self._keep = keep
        self._prepare = prepare
        self._began = began
        self._ended = ended
        self._asked = asked
        self._askers: list[tuple[Who, asyncio.Future[Result]]] = []
        self._kept = settings.sha256
        self._loaded()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(None if self._kept == self.settings.sha256 else KEEP_AGAIN_S):
                    await self._asked.wait()
            except TimeoutError:
                await self._keep_whole(self.settings)
                continue
            self._asked.clear()
            askers, self._askers = self._askers, []
            self._began()
            try:
                result: Result = await self._reload()
            except Exception:
                log.exception("reload_failed", remedy="The old configuration stays in force; send this to us.")
                result, self.refused = "failed", "an error of contactd: the log tells more"
            CONFIG_RELOADS.labels(result).inc()
            self._ended(result, [who for who, _ in askers])
            for _, told in askers:
                if not told.done():  # who asked may have gone
                    told.set_result(result)

    async def ask(self, who: Who) -> Result:
        """As SIGHUP does, for somebody whose name is known; what came of it. Several at once share one reload."""
        told: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._askers.append((who, told))
        self._asked.set()
        return await told

    async def plan(self) -> Plan:
        """What a reload would do now. Nothing is changed."""
        # In a thread: five thousand agents take a second to read, and callers must not wait for it.
        return await asyncio.to_thread(_plan, self.settings)

    async def _reload(self) -> Result:
        made = await self.plan()
        if made.errors:
            self.refused = "the files are wrong: " + "; ".join(map(str, made.errors))
            _tell_refused(made.errors)
            return "refused"
        self.pending = made.waiting
        CONFIG_RESTART_PENDING.set(len(self.pending))
        if made.held:
            self.refused = "what a reload takes does not fit without a restart: " + "; ".join(map(str, made.held))
            log.error(
                "reload_held",
                reasons=[str(problem) for problem in made.held],
                waiting=[str(change) for change in made.waiting],
                remedy="The old configuration stays in force whole. Restart contactd: calls go on meanwhile.",
            )
            return "held"
        try:
            if self._prepare is not None:
                await self._prepare(made.settings)
        except ContactdError as error:
            self.refused = str(error)
            log.error("reload_refused", errors=[str(error)], remedy="The old configuration stays in force.")
            return "refused"
        self.refused = ""
        # Kept first: no fact shall name a configuration that nobody knows. A database that is away stops nothing.
        await self._keep_whole(made.settings)
        self._take(made.settings)
        self.settings = made.settings
        self._loaded()
        taken = [str(change) for change in made.changes if change.live]
        log.info("configuration_loaded", sha256=made.settings.sha256, taken=taken)
        if not self.pending:
            return "taken"
        log.warning(
            "restart_needed",
            waiting=[str(change) for change in self.pending],
            remedy="These run on as they were. Restart contactd: calls go on meanwhile.",
        )
        return "partial"

    async def _keep_whole(self, settings: Settings) -> None:
        try:
            await self._keep(settings)
        except ContactdError as error:
            log.warning("config_not_kept", error=str(error), again_in_s=KEEP_AGAIN_S)
        else:
            self._kept = settings.sha256

    def _loaded(self) -> None:
        self.loaded_at = time.time()
        CONFIG_LOADED_AT.set(self.loaded_at)
        CONFIG_RESTART_PENDING.set(len(self.pending))
