"""Targets of cases as the worker moves and marks them, and as Prometheus is told of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import asyncpg

from contactd.metrics import CaseFigures, CaseMetrics
from contactd.store.cases import Target, target_of
from contactd.store.queries import query
from contactd.store.trouble import AWAY, StoreAway, away

Place = tuple[str, str]
FIRST: Place = ("00000000-0000-0000-0000-000000000000", "")


@dataclass(frozen=True, slots=True)
class Running:
    """A target that runs. type: the case's."""

    place: Place
    type: str
    target: Target


async def last_rules(connection: asyncpg.Connection) -> str | None:
    """By which rules all was counted last; None: never."""
    found: str | None = await connection.fetchval(query("last_case_rules"))
    return found


async def running(connection: asyncpg.Connection, after: Place, most: int) -> list[Running]:
    """By place."""
    rows = await connection.fetch(query("running_targets"), *after, most)
    return [
        Running((row["case_id"], row["kind"]), row["type"], target_of({n: v for n, v in row.items() if n != "type"}))
        for row in rows
    ]


async def move(connection: asyncpg.Connection, place: Place, target: Target) -> bool:
    """False: somebody changed the case meanwhile, by the new calendars or with the next look."""
    columns = (*place, target.since, target.left_s, target.warn_at, target.due)
    return await connection.fetchrow(query("move_target"), *columns) is not None


async def soon(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Number and target of those that are about to break and were not told before; now they are."""
    return [(row["number"], row["kind"]) for row in await connection.fetch(query("targets_soon"))]


async def broken(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Number and target of those that broke and were not told before; now they are."""
    return [(row["number"], row["kind"]) for row in await connection.fetch(query("targets_broken"))]


async def figures(pool: asyncpg.Pool) -> CaseFigures:
    """For Prometheus. Raises StoreAway."""
    try:
        async with pool.acquire(timeout=10) as connection:
            return await read_figures(connection)
    except AWAY as error:
        raise away(error) from error


async def read_figures(connection: asyncpg.Connection) -> CaseFigures:
    cases = await connection.fetch(query("case_counts"), timeout=10)
    targets = await connection.fetch(query("target_counts"), timeout=10)
    return CaseFigures(
        cases={row["phase"]: row["count"] for row in cases},
        targets={(row["kind"], state): row[state] for row in targets for state in ("running", "soon", "broken")},
    )


async def watch(pool: asyncpg.Pool, metrics: CaseMetrics, *, every_s: float = 30.0) -> None:
    """Until cancelled: tell the metrics what the tables say. An outage is others' to tell."""
    while True:
        try:
            metrics.tell(await figures(pool))
        except StoreAway:
            metrics.tell(None)
        await asyncio.sleep(every_s)
