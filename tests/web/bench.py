"""The surfaces over a floor in memory: the real step, without spool and database."""

from __future__ import annotations

import asyncio

from contactd.config import Settings
from contactd.core.errors import ContactdError
from contactd.core.floor import LiveFloor
from contactd.core.ids import Instant
from contactd.core.inputs import Input
from contactd.core.step import Step, step
from contactd.engine.inbox import Words
from contactd.metrics import PbxReading, Readings
from contactd.reload import Reload
from contactd.store.audit import Entry
from contactd.web import Surface
from tests.store.walk import PBX, Walk


class Full(ContactdError):
    """As the inbox says it."""


class Trail:
    """Who acted. crowded: PostgreSQL has been away for too long."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries
        self.crowded = False

    @property
    def waiting(self) -> int:
        return len(self._entries)

    def full(self) -> bool:
        return self.crowded

    def put(self, entry: Entry) -> None:
        self._entries.append(entry)


class Bench:
    """An Engine. full: refuse every request."""

    def __init__(self, settings: Settings) -> None:
        self.walk = Walk()
        self.settings = settings
        self.reload = Reload(settings, asyncio.Event(), take=lambda _: None, keep=self._keep)
        self.full = False
        self.kept: list[str] = []
        self.asked: list[Input] = []
        self.words: list[Words] = []
        self.readings = Readings(holds_epoch=True, pbx={PBX: PbxReading(connected=True)})
        self.audited: list[Entry] = []
        self.trail = Trail(self.audited)
        self.surface = Surface(self, self.reload, lambda: self.readings, lambda: self.now, trail=self.trail)

    async def _keep(self, settings: Settings) -> None:
        self.kept.append(settings.sha256)

    @property
    def floor(self) -> LiveFloor:
        return self.walk.floor

    @property
    def now(self) -> Instant:
        return self.walk.now

    async def ask(self, input_: Input, *, words: Words | None = None) -> Step:
        if self.full:
            raise Full("contactd has too much to do; nothing was changed.")
        self.asked.append(input_)
        if words is not None:
            self.words.append(words)
        return step(self.walk.floor, input_, self.walk.now)
