"""The outbox: messages to others as rows, each written with its fact, and marked by whoever has its destination.

Customers and cases write theirs by triggers of the schema. Of contacts and agents a follower of the journal does, which
moves its place in the same transaction.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import msgspec
import structlog

from contactd.core import events as ev
from contactd.core.ids import ContactId, Instant, PartyId
from contactd.metrics import HookFigures
from contactd.store.queries import query
from contactd.store.trouble import AWAY, away

log = structlog.get_logger()

WEBHOOK = "webhook"
"""A kind of destination; MAIL of mail_out.py is another."""
Pool = asyncpg.Pool
BATCH = 200
_TIMEOUT_S = 10.0
_decoder = msgspec.json.Decoder(ev.AnyEvent)


@dataclass(frozen=True, slots=True)
class Fact:
    """An event of the journal."""

    seq: int
    at: Instant
    event: ev.Event


@dataclass(frozen=True, slots=True)
class Message:
    """One to be: for every destination that is told it. subject: what it is about. party, contact: with whom it
    is erased."""

    event: str
    subject: str
    at: Instant
    data: Mapping[str, Any]
    party: PartyId | None
    contact: ContactId | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """One that may be sent now."""

    id: int
    message: str
    event: str
    subject: str
    at: Instant
    data: Any
    attempts: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a destination that is ours. paused_s: it wants quiet for so long; 0: it does not."""

    gone: bool
    paused_s: float


class Telling(Protocol):
    """What is told of facts; see services/webhooks/telling.py."""

    def concerns(self, event: ev.Event, wanted: Collection[str]) -> bool: ...

    def messages(self, before: Iterable[Fact], facts: Iterable[Fact], wanted: Collection[str]) -> list[Message]: ...


async def route(pool: asyncpg.Pool, kind: str, told: Mapping[str, Collection[str]], floor: int) -> None:
    """Destination -> what it is told, as the configuration says; others of the kind are told nothing any more. What
    happened before anybody was told anything is not told. Raises StoreAway."""
    try:
        async with pool.acquire(timeout=_TIMEOUT_S) as connection, connection.transaction():
            await connection.fetchval(query("outbox_place"))
            followed = await connection.fetchval(query("outbox_followed"))
            names = list(told)
            await connection.execute(query("outbox_routes"), kind, names, [",".join(told[name]) for name in names])
            if not followed:
                await connection.execute(query("outbox_begin"), floor)
    except AWAY as error:
        raise away(error) from error


async def follow(pool: asyncpg.Pool, floor: int, telling: Telling, *, most: int = BATCH) -> int:
    """Take up to ``most`` facts further, in one transaction with the messages that they make. Returns how many were
    read; 0: nothing new. Raises StoreAway."""
    try:
        async with pool.acquire(timeout=_TIMEOUT_S) as connection, connection.transaction():
            return await _follow(connection, floor, telling, most)
    except AWAY as error:
        raise away(error) from error


async def _follow(connection: asyncpg.Connection, floor: int, telling: Telling, most: int) -> int:
    before = await connection.fetchval(query("outbox_place"))
    rows = await connection.fetch(query("events_after"), floor, before, most)
    if not rows:
        return 0
    wanted = {row["event"] for row in await connection.fetch(query("outbox_wanted"))}
    facts = list(_facts(rows))
    contacts = {fact.event.contact for fact in facts if telling.concerns(fact.event, wanted)}  # type: ignore[attr-defined]
    earlier = await connection.fetch(query("events_of_contacts"), list(contacts), before) if contacts else []
    made = telling.messages(_facts(earlier), facts, wanted)
    if made:
        columns = (
            [one.event for one in made],
            [one.subject for one in made],
            [one.at for one in made],
            [json.dumps(one.data) for one in made],
            [one.party for one in made],
            [one.contact for one in made],
        )
        await connection.execute(query("outbox_add"), *columns)
    await connection.execute(query("outbox_placed"), rows[-1]["seq"])
    return len(rows)


def _facts(rows: list[asyncpg.Record]) -> Iterable[Fact]:
    """One that this version cannot read tells nothing: a newer contactd's."""
    for row in rows:
        try:
            yield Fact(row["seq"], row["at"], _decoder.decode(row["body"]))
        except msgspec.DecodeError as error:
            log.error("outbox_event_skipped", seq=row["seq"], event_kind=row["kind"], error=str(error))


@dataclass(slots=True)
class Desk:
    """One worker's hold on one destination. All raise StoreAway."""

    pool: asyncpg.Pool
    kind: str
    name: str
    worker: str
    """A name that no other process has."""
    lease_s: float
    term: int = field(default=0, init=False)

    async def take(self) -> bool:
        """False: another worker has it."""
        row = await self._row("outbox_take", self.worker, self.lease_s)
        self.term = row["term"] if row is not None else 0
        return row is not None

    async def beat(self) -> Standing | None:
        """Keep the lease. None: it is ours no more."""
        row = await self._row("outbox_beat", self.worker, self.term, self.lease_s)
        return Standing(**row) if row is not None else None

    async def release(self) -> None:
        await self._row("outbox_release", self.worker, self.term)

    async def heads(self, most: int, busy: Collection[str]) -> list[Waiting]:
        """What may be sent now, of subjects that are not busy."""
        rows = await self._rows("outbox_heads", most, list(busy))
        return [Waiting(**{**row, "data": json.loads(row["data"])}) for row in rows]

    async def hurry(self) -> None:
        """What waits for its next attempt need not wait."""
        await self._rows("outbox_hurry")

    async def sent(self, message: Waiting) -> bool:
        """False: the destination is ours no more, or somebody dropped or erased the message."""
        return await self._row("outbox_sent", self.worker, self.term, message.id) is not None

    async def failed(
        self, message: Waiting, error: str, again_in_s: float, max_age_s: float, *, quiet_s: float | None, gone: bool
    ) -> str | None:
        """The message's state then; None as in sent()."""
        columns = (message.id, error, again_in_s, max_age_s, quiet_s, gone)
        row = await self._row("outbox_failed", self.worker, self.term, *columns)
        return row["state"] if row is not None else None

    async def _row(self, name: str, *arguments: object) -> asyncpg.Record | None:
        rows = await self._rows(name, *arguments)
        return rows[0] if rows else None

    async def _rows(self, name: str, *arguments: object) -> list[asyncpg.Record]:
        return await asked(self.pool, name, self.kind, self.name, *arguments)


async def aged(pool: asyncpg.Pool, kind: str, name: str | None, max_age_s: float) -> int:
    """What has waited for too long is dead. name None: of destinations that are not configured. Returns how many."""
    return len(await asked(pool, "outbox_aged", kind, name, max_age_s))


async def tidy(pool: asyncpg.Pool, kind: str) -> None:
    """Forget destinations that are configured no more and have nothing left."""
    await asked(pool, "outbox_tidy", kind)


async def asked(pool: asyncpg.Pool, name: str, *arguments: object) -> list[asyncpg.Record]:
    """Raises StoreAway."""
    try:
        async with pool.acquire(timeout=_TIMEOUT_S) as connection:
            rows: list[asyncpg.Record] = await connection.fetch(query(name), *arguments, timeout=_TIMEOUT_S)
            return rows
    except AWAY as error:
        await pool.expire_connections()
        raise away(error) from error


# --- for the daemon's figures and contactctl --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Destination:
    """How one stands. Times in Unix seconds."""

    kind: str
    name: str
    events: tuple[str, ...]
    """Empty: it is not configured any more."""
    worker: str
    served: bool
    """Whether a worker has it now."""
    sent: int
    failed: int
    """Attempts."""
    error: str
    sent_at: Instant | None
    failed_at: Instant | None
    paused_until: Instant | None
    gone_at: Instant | None
    queued: int
    dead: int
    oldest_s: float
    lag_s: float
    """Since when the journal has facts that no worker has looked at."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One message, for people."""

    id: int
    destination: str
    message: str
    event: str
    subject: str
    state: str
    attempts: int
    error: str
    data: Any
    at: Instant
    since: Instant
    due: Instant
    ended_at: Instant | None


async def destinations(connection: asyncpg.Connection, floor: int) -> list[Destination]:
    rows = await connection.fetch(query("outbox_figures"), floor, timeout=_TIMEOUT_S)
    return [Destination(**{**row, "events": tuple(row["events"])}) for row in rows]


async def figures(connection: asyncpg.Connection, floor: int, kind: str = WEBHOOK) -> dict[str, HookFigures]:
    """Of every destination of a kind that is configured, or has something left."""
    names = tuple(HookFigures.__dataclass_fields__)
    found = [one for one in await destinations(connection, floor) if one.kind == kind]
    told = {one.name: {name: getattr(one, name) for name in names if name != "gone"} for one in found}
    return {one.name: HookFigures(**told[one.name], gone=one.gone_at is not None) for one in found}


class Told(Protocol):
    """Metrics of a kind."""

    def tell(self, figures: Mapping[str, HookFigures] | None) -> None: ...


async def watch(pool: asyncpg.Pool, floor: int, metrics: Told, kind: str = WEBHOOK, *, every_s: float = 15.0) -> None:
    """Until cancelled: tell the metrics what the tables say. An outage is others' to tell."""
    while True:
        try:
            async with pool.acquire(timeout=_TIMEOUT_S) as connection:
                metrics.tell(await figures(connection, floor, kind))
        except AWAY:
            metrics.tell(None)
        await asyncio.sleep(every_s)


async def listed(
    connection: asyncpg.Connection, kind: str, name: str | None, state: str | None, most: int
) -> list[Kept]:
    """The newest first."""
    return [_kept(row) for row in await connection.fetch(query("outbox_messages"), kind, name, state, most)]


async def one(connection: asyncpg.Connection, kind: str, message: str) -> Kept | None:
    row = await connection.fetchrow(query("outbox_message"), kind, message)
    return _kept(row) if row is not None else None


async def retry(connection: asyncpg.Connection, kind: str, name: str, message: str | None) -> int:
    """One message, or all dead ones; and the destination is tried again, whatever it said. Returns how many."""
    found = await connection.fetch(query("outbox_retry"), kind, name, message)
    await connection.fetch(query("outbox_resume"), kind, name)
    return len(found)


async def drop(connection: asyncpg.Connection, kind: str, name: str, message: str | None, *, queued: bool) -> int:
    """One message, or all dead ones; queued: those that wait too. Returns how many."""
    return len(await connection.fetch(query("outbox_drop"), kind, name, message, queued))


async def put_test(connection: asyncpg.Connection, kind: str, name: str, event: str, data: Mapping[str, Any]) -> str:
    """Returns the message's id."""
    made: str = await connection.fetchval(query("outbox_test"), kind, name, event, f"test:{name}", json.dumps(data))
    return made


def _kept(row: asyncpg.Record) -> Kept:
    return Kept(**{**row, "data": json.loads(row["data"])})
