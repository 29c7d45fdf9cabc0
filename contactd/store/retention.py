"""How long each kind of data is kept: set by the owner, carried out in batches by a worker, counted by whoever asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from contactd.core.ids import Instant
from contactd.store.queries import query

KINDS = ("callers", "light_records", "inputs", "notes", "consents", "case_words", "mails", "audit", "jobs", "outbox")
"""As the keys of [retention]. A new one: a branch in retention_batch() and retention_ended() in the schema."""
BY_OWNER = frozenset({"inputs"})
"""Whole partitions, which only their owner drops: `contactd migrate` does, when it cuts the journal."""
MOST = 1000
_PAUSE_S = 0.01
"""Between two batches: whoever waits for the disk comes first."""
_OVERDUE_S = 36 * 3600.0
"""A worker runs it each night."""
Place = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table. Times in Unix seconds."""

    kind: str
    keep_days: int | None
    """None: until somebody erases it."""
    ran_at: Instant | None
    removed: int
    """In all."""
    last_removed: int
    held: int
    oldest: Instant | None


@dataclass(frozen=True, slots=True)
class Gone:
    """What a run removed of a kind, or would remove; held: what was old enough and stays all the same."""

    removed: int = 0
    held: int = 0


async def rules(connection: asyncpg.Connection) -> list[Rule]:
    return [Rule(**row) for row in await connection.fetch(query("retention"))]


async def set_days(owner: asyncpg.Connection, days: Mapping[str, int]) -> None:
    """As the configuration says; 0: for ever."""
    await owner.executemany(query("retention_set"), [(kind, kept or None) for kind, kept in days.items()])


async def overdue(connection: asyncpg.Connection) -> bool:
    """Whether no run has ended for so long that none will come by itself."""
    now = time.time()
    mine = [rule for rule in await rules(connection) if rule.kind not in BY_OWNER]
    return any(rule.ran_at is None or now - rule.ran_at > _OVERDUE_S for rule in mine)


async def forget(
    connection: asyncpg.Connection,
    report: Callable[[Place], None] = lambda _: None,
    since: Place | None = None,
    *,
    most: int = MOST,
) -> dict[str, Gone]:
    """Remove what is older than the table says, kind by kind, a transaction each batch.

    report: told after each batch where it is; since: goes on from there. Done twice, the second time finds nothing.
    """
    kinds = [kind for kind in KINDS if kind not in BY_OWNER]
    if since is not None and since["kind"] in kinds:
        kinds = kinds[kinds.index(since["kind"]) :]
    done = {}
    for kind in kinds:
        place, removed, held = None, 0, 0
        if since is not None and kind == since["kind"]:
            place, removed, held = since["place"], since["removed"], since["held"]
        while True:
            row = await connection.fetchrow(query("forget_batch"), kind, place, most, timeout=300)
            place, removed, held = row["next"], removed + row["removed"], held + row["held"]
            if place is None:
                break
            report({"kind": kind, "place": place, "removed": removed, "held": held})
            await asyncio.sleep(_PAUSE_S)
        await connection.execute(query("retention_ended"), kind, removed, held, timeout=300)
        done[kind] = Gone(removed, held)
    return done


async def due(connection: asyncpg.Connection, kind: str, days: int, *, most: int = 10 * MOST) -> Gone:
    """What would go if so many days were kept; nothing does."""
    place, removed, held = None, 0, 0
    while True:
        row = await connection.fetchrow(query("count_batch"), kind, days, place, most, timeout=300)
        place, removed, held = row["next"], removed + row["removed"], held + row["held"]
        if place is None:
            return Gone(removed, held)
