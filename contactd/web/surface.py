"""What both doors read: the daemon at work, or one that stands by for the floor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from contactd.config import Settings
from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId, Instant, QueueId
from contactd.core.inputs import TimePassed
from contactd.metrics import Readings
from contactd.reload import Reload
from contactd.services.crm.recogniser import Recogniser
from contactd.store.audit import Entry
from contactd.web import configuration
from contactd.web.health import Check, Engine, Level, Probed, checks
from contactd.web.tail import Tail

PROBE_S = 2.0
"""Longer, and a caller would notice as well."""
_FRESH_S = 1.0

Probe = Callable[[], Awaitable[None]]
"""Tries something for real. Raises a ContactdError with the remedy."""


class Face(Protocol):
    """What the TCP door needs."""

    @property
    def role(self) -> str:
        """active or standby."""
        ...

    async def health(self) -> list[Check]: ...

    async def ready(self) -> list[Check]: ...


@dataclass(frozen=True, slots=True)
class Promised:
    """What came of somebody's wish that a customer be called. contact: of the callback, where it was promised."""

    code: str
    reason: str = ""
    contact: ContactId | None = None


Promise = Callable[[str, QueueId], Awaitable[Promised]]
"""A number as somebody writes it, and the queue in which it is to wait."""


class Trail(Protocol):
    """Who acted, as store.audit keeps it."""

    @property
    def waiting(self) -> int: ...

    def full(self) -> bool: ...

    def put(self, entry: Entry) -> None: ...


class Surface:
    """reload: knows the settings in force, which change meanwhile.

    trail: keeps who acted; nobody waits for it. probes: by the names of their checks. tail: told what is kept.
    recogniser: who knows the customers. wipe_spool: removes what PostgreSQL has from the local disk; True: all of it.
    promise: makes a callback on a customer's behalf. texts: the calls of text, as web.texts.Texts has them.
    """

    role = "active"

    def __init__(
        self,
        engine: Engine,
        reload: Reload,
        read: Callable[[], Readings],
        now: Callable[[], Instant],
        trail: Trail,
        probes: Mapping[str, Probe] | None = None,
        tail: Tail | None = None,
        recogniser: Recogniser | None = None,
        wipe_spool: Callable[[], bool] = lambda: False,
        promise: Promise | None = None,
        texts: Any = None,
    ) -> None:
        self.promise = promise
        self.texts = texts
        self.recogniser = recogniser
        self.wipe_spool = wipe_spool
        self.engine = engine
        self.reload = reload
        self.read = read
        self.now = now
        self.trail = trail
        self.tail = tail if tail is not None else Tail(engine.floor)
        self._probes = {"circle": self._turn, **(probes or {})}
        self._running: dict[str, asyncio.Task[Probed]] = {}
        self._asked: asyncio.Task[list[Check]] | None = None
        self._asked_at = 0.0

    def settings(self) -> Settings:
        return self.reload.settings

    async def health(self) -> list[Check]:
        """Whether calls are answered and facts kept, tried for real; one answer for all who ask within a second."""
        if self._asked is None or time.monotonic() - self._asked_at > _FRESH_S:
            self._asked_at = time.monotonic()
            self._asked = asyncio.create_task(self._examine())
        # Whoever asked first may hang up; the others still want to know.
        tried = await asyncio.shield(self._asked)
        # Costs nothing, and an admin who has just reloaded looks for it.
        return [*tried, configuration.check(self.reload), self._audited()]

    def _audited(self) -> Check:
        waiting = self.trail.waiting
        if self.trail.full():
            what = f"{waiting} acts wait for PostgreSQL: nobody may act by contactctl until they are written down"
            return Check("audit", Level.WARNING, what, "Bring PostgreSQL back")
        return Check("audit", Level.OK, f"{waiting} acts wait for PostgreSQL" if waiting else "all is written down")

    async def ready(self) -> list[Check]:
        """Whether calls should come here: the floor is ours, the circle turns, and a PBX is steered."""
        found = await self.health()
        needed = [check for check in found if check.name in ("epoch", "circle")]
        steered = self.engine.floor.steered
        if steered:
            return [*needed, Check("steering", Level.OK, ", ".join(sorted(steered)))]
        return [
            *needed,
            Check("steering", Level.FAILING, "no PBX is steered", "See /healthz: the checks pbx tell which and why"),
        ]

    async def _examine(self) -> list[Check]:
        names = list(self._probes)
        found = await asyncio.gather(*(self._probe(name) for name in names))
        probed = dict(zip(names, found, strict=True))
        return checks(self.engine.floor, self.read(), self.settings().pbx, probed)

    async def _probe(self, name: str) -> Probed:
        """One at a time: a disk that hangs must not gather threads that hang with it."""
        task = self._running.get(name)
        if task is None or task.done():
            task = self._running[name] = asyncio.create_task(_tried(self._probes[name]))
        done, _ = await asyncio.wait({task}, timeout=PROBE_S)
        return task.result() if done else Probed(PROBE_S, "no answer")

    async def _turn(self) -> None:
        """A request once round the circle. A TimePassed that comes early changes nothing."""
        await self.engine.ask(TimePassed())


async def _tried(probe: Probe) -> Probed:
    began = time.monotonic()
    try:
        await probe()
    except ContactdError as error:
        return Probed(time.monotonic() - began, str(error))
    return Probed(time.monotonic() - began)


class Lobby:
    """The TCP door's face from the start: a standby's until surface is set, the surface's from then on.

    why: what is waited for, as it was told last. store: asks PostgreSQL; a standby that cannot, cannot take over.
    """

    def __init__(self, store: Probe) -> None:
        self.surface: Surface | None = None
        self.why = "stands by for the floor"
        self._store = store

    @property
    def role(self) -> str:
        return self.surface.role if self.surface is not None else "standby"

    async def health(self) -> list[Check]:
        if self.surface is not None:
            return await self.surface.health()
        waiting = Check("floor", Level.OK, self.why)
        try:
            async with asyncio.timeout(PROBE_S):
                await self._store()
        except (TimeoutError, ContactdError) as error:
            remedy = "Is PostgreSQL running, and does [database] name it? Without it no contactd takes the floor"
            what = str(error) or "PostgreSQL does not answer"
            return [waiting, Check("postgresql", Level.FAILING, what, remedy)]
        return [waiting, Check("postgresql", Level.OK, "answers")]

    async def ready(self) -> list[Check]:
        if self.surface is not None:
            return await self.surface.ready()
        remedy = "Nothing, when another contactd is meant to steer; else see journalctl -u contactd"
        return [Check("floor", Level.FAILING, self.why, remedy)]
