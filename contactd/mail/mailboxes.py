"""All mailboxes of the configuration, each in a task of its own; a reload begins and ends them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from contactd.config import Settings
from contactd.engine import fault
from contactd.services.crm.recogniser import vault_with
from contactd.store.journal import open_pool
from contactd.store.mail import MailKeeper

if TYPE_CHECKING:
    from contactd.mail.fetching import Fetcher

log = structlog.get_logger()

_POOL = 3
_AT_ONCE = 8
"""Mailboxes that hold messages in memory at a time, some two MiB each."""


class Mailboxes:
    """run() as a task. may: whether anything new is to be taken just now. Without mailboxes nothing is opened."""

    def __init__(self, settings: Settings, may: Callable[[], bool]) -> None:
        self._settings = settings
        self._may = may
        self._changed = asyncio.Event()
        self._running: dict[str, tuple[object, Fetcher, asyncio.Task[None]]] = {}

    @property
    def trouble(self) -> dict[str, str]:
        """Of each mailbox from which nothing is fetched just now."""
        return {name: one.trouble for name, (_, one, _) in self._running.items() if one.trouble}

    @property
    def count(self) -> int:
        return len(self._running)

    def reload(self, settings: Settings) -> None:
        self._settings = settings
        self._changed.set()

    async def run(self) -> None:
        pool: Any = None
        room = asyncio.Semaphore(_AT_ONCE)
        try:
            while True:
                self._changed.clear()
                if pool is None and self._settings.mailboxes:
                    database, secret = self._settings.database, self._settings.secrets.database
                    pool = await open_pool(database.dsn, password=secret.password, size=_POOL, program="contactd mail")
                await self._adopt(pool, room)
                await self._changed.wait()
        finally:
            await self._end(list(self._running))
            if pool is not None:
                pool.terminate()

    async def _adopt(self, pool: Any, room: asyncio.Semaphore) -> None:
        """Begin, end and begin anew what the settings say; all others are left alone."""
        settings = self._settings
        wanted = {
            name: (section, secret.password if (secret := settings.secrets.mailboxes.get(name)) else None)
            for name, section in settings.mailboxes.items()
        }
        keys = settings.secrets.customers
        await self._end([name for name, one in self._running.items() if one[0] != (wanted.get(name), keys)])
        if not wanted:
            return
        # Not before there is one: it takes a while.
        from contactd.mail.fetching import Fetcher, Ways  # noqa: PLC0415

        reached = fault.points(os.environ.get("CONTACTD_FAULT", ""))
        ways = Ways(room, self._may, Path(settings.state_dir), reached)
        vault = vault_with(keys)
        for name, (section, password) in wanted.items():
            if name not in self._running:
                fetcher = Fetcher(name, section, password, MailKeeper(pool, vault, name), ways)
                task = asyncio.create_task(fetcher.run())
                self._running[name] = ((section, password), keys), fetcher, task
                task.add_done_callback(self._ended)

    async def _end(self, names: list[str]) -> None:
        tasks = []
        for name in names:
            _, fetcher, task = self._running.pop(name)
            task.cancel()
            tasks.append(task)
            fetcher.forgotten()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A bug of ours: it begins anew, and is told; the calls go on."""
        if task.cancelled():
            return
        for name, one in list(self._running.items()):
            if one[2] is task:
                log.error("mailbox_task_broke", mailbox=name, exc_info=task.exception(), remedy="Send the log.")
                del self._running[name]
        asyncio.get_running_loop().call_later(60, self._changed.set)
