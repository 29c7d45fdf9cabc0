"""Messages that callers left, as rows: for whose people each is, and who has dealt with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import asyncpg

from contactd.core.ids import ContactId, Instant
from contactd.metrics import VOICEMAIL_OLDEST_SECONDS, VOICEMAILS_WAITING
from contactd.store.audit import Entry, Who, audit_act
from contactd.store.queries import query
from contactd.store.trouble import AWAY

VIA = "contactctl voicemail"


@dataclass(frozen=True, slots=True)
class Voicemail:
    """id: of the recording that it is. contact: the caller's. Times in Unix seconds."""

    id: str
    contact: str
    queue: str
    left_at: Instant
    seconds: float
    done_at: Instant | None
    done_by: str | None
    """None: it waits."""


async def listed(connection: asyncpg.Connection, queue: str | None, most: int, *, done: bool) -> list[Voicemail]:
    """Those that wait, the oldest first; done: the others as well."""
    return [Voicemail(**row) for row in await connection.fetch(query("voicemails"), queue, done, most, None)]


async def one(connection: asyncpg.Connection, beginning: str) -> list[Voicemail]:
    """Whose id begins so; two at most."""
    return [Voicemail(**row) for row in await connection.fetch(query("voicemails"), None, True, 2, beginning)]


async def settle(connection: asyncpg.Connection, who: Who, voicemail: Voicemail, *, done: bool) -> bool:
    """It was dealt with, or waits again. False: it is so already."""
    async with connection.transaction():
        by = str(who) if done else None
        if await connection.fetchrow(query("voicemail_done"), voicemail.id, by) is None:
            return False
        act = "done" if done else "reopen"
        entry = Entry(who, VIA, act, ContactId(voicemail.contact), outcome=f"voicemail {voicemail.id}")
        await audit_act(connection, entry)
    return True


async def watch(pool: asyncpg.Pool, *, every_s: float = 30.0) -> None:
    """Until cancelled: tell Prometheus how many wait. An outage is others' to tell; old figures would look like new."""
    while True:
        try:
            async with pool.acquire(timeout=10) as connection:
                rows = await connection.fetch(query("voicemails_waiting"), timeout=10)
        except AWAY:
            rows = []
        for gauge, name in ((VOICEMAILS_WAITING, "waiting"), (VOICEMAIL_OLDEST_SECONDS, "oldest_s")):
            gauge.clear()
            for row in rows:
                gauge.labels(row["queue"]).set(row[name])
        await asyncio.sleep(every_s)
