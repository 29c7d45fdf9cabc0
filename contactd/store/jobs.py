"""Jobs that take long, as rows: asked for once by a key, taken under a lease, and whatever became of them kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import asyncpg

from contactd.core.ids import Instant
from contactd.metrics import JobFigures, JobMetrics, Retained
from contactd.store.queries import query
from contactd.store.trouble import AWAY, StoreAway, away

JsonTable = Mapping[str, Any]
KINDS = ("verify", "case_targets", "retention", "recordings")
"""The names of the kinds that a worker of this version knows; contactd/worker/kinds.py says what each is."""


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    """Tried as often as its kind allows; somebody must look."""
    DROPPED = "dropped"
    """Somebody decided that it is not to be done."""


class Outcome(StrEnum):
    """What became of one attempt."""

    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    GIVEN_BACK = "given_back"


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that is ours for the length of a lease."""

    id: int
    kind: str
    key: str
    arguments: JsonTable
    attempt: int
    """1: the first."""
    progress: JsonTable | None
    """How far an earlier attempt came."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row, for people. Times in Unix seconds."""

    id: int
    kind: str
    key: str
    state: str
    attempts: int
    worker: str
    error: str
    due: Instant
    made_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    arguments: JsonTable
    progress: JsonTable | None
    result: JsonTable | None


class JobDesk:
    """A worker's side: takes jobs, keeps them, and writes what became of them. All raise StoreAway.

    worker: a name that no other process has; what it wrote before stands only while the attempt is its own.
    """

    def __init__(self, pool: asyncpg.Pool, worker: str, *, lease_s: float, timeout_s: float = 10) -> None:
        self._pool = pool
        self._worker = worker
        self._lease_s = lease_s
        self._timeout_s = timeout_s

    async def add(self, kind: str, key: str, arguments: JsonTable | None = None) -> bool:
        """False: asked for before."""
        return await self._row("add_job", kind, key, json.dumps(arguments or {}), 0.0) is not None

    async def add_alone(self, kind: str, key: str) -> bool:
        """False: one of the kind waits or runs already."""
        return await self._row("add_job_alone", kind, key) is not None

    async def take(self, kinds: Collection[str]) -> Taken | None:
        """The one that has been due for longest; None: nothing is to be done."""
        row = await self._row("take_job", self._worker, self._lease_s, list(kinds))
        if row is None:
            return None
        return Taken(
            row["id"], row["kind"], row["key"], _table(row["arguments"]), row["attempts"], _maybe(row, "progress")
        )

    async def beat(self, job: Taken, progress: JsonTable | None) -> bool:
        """Keep the lease. False: the job is not ours any more, and must not go on."""
        told = None if progress is None else json.dumps(progress)
        return await self._row("beat_job", job.id, self._worker, job.attempt, self._lease_s, told) is not None

    async def end(
        self,
        job: Taken,
        outcome: Outcome,
        ran_s: float,
        *,
        error: str = "",
        again_in_s: float = 0.0,
        result: JsonTable | None = None,
        progress: JsonTable | None = None,
    ) -> bool:
        """What became of the attempt. False: the job was not ours any more, and nothing was written."""
        row = await self._row(
            "end_job",
            *(job.id, self._worker, job.attempt, _STATE[outcome], again_in_s, outcome is Outcome.GIVEN_BACK, error),
            *(None if table is None else json.dumps(table) for table in (result, progress)),
            *(outcome, ran_s),
        )
        return row is not None

    async def _row(self, name: str, *arguments: object) -> asyncpg.Record | None:
        try:
            async with self._pool.acquire(timeout=self._timeout_s) as connection:
                return await connection.fetchrow(query(name), *arguments, timeout=self._timeout_s)
        except AWAY as error:
            await self._pool.expire_connections()
            raise away(error) from error


_STATE = {
    Outcome.DONE: JobState.DONE,
    Outcome.FAILED: JobState.WAITING,
    Outcome.DEAD: JobState.DEAD,
    Outcome.GIVEN_BACK: JobState.WAITING,
}


async def figures(pool: asyncpg.Pool, floor: int) -> JobFigures:
    """For Prometheus. Raises StoreAway."""
    try:
        async with pool.acquire(timeout=10) as connection:
            return await read_figures(connection, floor)
    except AWAY as error:
        raise away(error) from error


async def read_figures(connection: asyncpg.Connection, floor: int) -> JobFigures:
    opened = await connection.fetch(query("open_jobs"), timeout=10)
    tallies = await connection.fetch(query("job_tallies"), timeout=10)
    seen = await connection.fetchrow(query("last_verification"), floor, timeout=10)
    kept = await connection.fetch(query("retention"), timeout=10)
    return JobFigures(
        open={(row["kind"], row["state"]): (row["count"], row["oldest_s"]) for row in opened},
        tallies={(row["kind"], row["outcome"]): (row["runs"], row["run_s"]) for row in tallies},
        verified_at=seen["at"] if seen else 0.0,
        verified_seq=seen["to_seq"] if seen else 0,
        broken=seen is not None and seen["broken_from"] is not None,
        retention={
            row["kind"]: Retained(row["ran_at"] or 0.0, row["removed"], row["held"], row["oldest"]) for row in kept
        },
    )


async def watch(pool: asyncpg.Pool, floor: int, metrics: JobMetrics, *, every_s: float = 15.0) -> None:
    """Until cancelled: tell the metrics what the tables say. An outage is others' to tell."""
    while True:
        try:
            metrics.tell(await figures(pool, floor))
        except StoreAway:
            metrics.tell(None)
        await asyncio.sleep(every_s)


# --- for contactctl, over a connection of store.reading.reader ---


async def jobs(connection: asyncpg.Connection, most: int, kind: str | None, state: str | None) -> list[Job]:
    """The newest first."""
    return [_job(row) for row in await connection.fetch(query("jobs"), most, kind, state)]


async def one_job(connection: asyncpg.Connection, number: int) -> Job | None:
    row = await connection.fetchrow(query("one_job"), number)
    return _job(row) if row is not None else None


async def add(connection: asyncpg.Connection, kind: str, key: str) -> int | None:
    """The new job's number; None: asked for before."""
    number: int | None = await connection.fetchval(query("add_job"), kind, key, "{}", 0.0)
    return number


async def retry(connection: asyncpg.Connection, number: int) -> bool:
    """False: it is none that could be tried again."""
    return await connection.fetchrow(query("retry_job"), number) is not None


async def drop(connection: asyncpg.Connection, number: int) -> bool:
    """False: it has ended already."""
    return await connection.fetchrow(query("drop_job"), number) is not None


def _job(row: asyncpg.Record) -> Job:
    tables = {name: _maybe(row, name) for name in ("arguments", "progress", "result")}
    return Job(**{**row, **tables})


def _maybe(row: asyncpg.Record, column: str) -> JsonTable | None:
    return None if row[column] is None else _table(row[column])


def _table(text: str) -> JsonTable:
    made = json.loads(text)
    return made if isinstance(made, dict) else {}
