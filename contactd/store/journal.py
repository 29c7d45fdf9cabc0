"""The journal in PostgreSQL: epochs, fenced appends, snapshots, and reading back."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import asyncpg
import orjson

from contactd.core.errors import ContactdError
from contactd.core.ids import Instant
from contactd.store.queries import query
from contactd.store.trouble import AWAY, DATA, StoreAway, StoreMisconfigured, StoreRefused, away

__all__ = [
    "Batch",
    "Fact",
    "FloorLock",
    "FloorRow",
    "Journal",
    "SchemaUnfit",
    "StoreAway",
    "StoreMisconfigured",
    "StoreRefused",
    "open_pool",
]

PAGE = 5000


class SchemaUnfit(ContactdError):
    """The database is not migrated as far as this program needs it, or further than it can work with."""


@dataclass(frozen=True, slots=True)
class FloorRow:
    epoch: int
    seq: int
    chain: bytes


@dataclass(slots=True)
class Batch:
    """Columns for one append; the lists of a group are equally long."""

    seq_before: int
    seq_after: int
    chain_before: bytes
    chain_after: bytes
    seal_month: datetime.date | None = None
    input_seq: list[int] = field(default_factory=list)
    input_at: list[float] = field(default_factory=list)
    input_kind: list[str] = field(default_factory=list)
    input_version: list[int] = field(default_factory=list)
    input_config: list[bytes] = field(default_factory=list)
    input_body: list[str] = field(default_factory=list)
    event_seq: list[int] = field(default_factory=list)
    event_at: list[float] = field(default_factory=list)
    event_kind: list[str] = field(default_factory=list)
    event_version: list[int] = field(default_factory=list)
    event_contact: list[str | None] = field(default_factory=list)
    event_agent: list[str | None] = field(default_factory=list)
    event_body: list[str] = field(default_factory=list)
    private_contact: list[str] = field(default_factory=list)
    private_salt: list[bytes] = field(default_factory=list)
    private_ani: list[str | None] = field(default_factory=list)
    private_name: list[str | None] = field(default_factory=list)
    private_lookup: list[bytes | None] = field(default_factory=list)
    words_contact: list[str] = field(default_factory=list)
    words_message: list[str] = field(default_factory=list)
    words_at: list[float] = field(default_factory=list)
    words_author: list[str] = field(default_factory=list)
    words_body: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of the journal. at: Unix seconds."""

    seq: int
    at: Instant
    kind: str
    version: int
    body: str


class Journal:
    """One floor's journal, through a pool whose connections act as the role contactd_daemon."""

    def __init__(self, pool: asyncpg.Pool, floor: int, *, timeout_s: float = 10) -> None:
        self._pool = pool
        self._floor = floor
        self._timeout_s = timeout_s

    async def row(self, *, timeout_s: float | None = None) -> FloorRow:
        return await self._floor_row("floor_row", timeout_s)

    async def next_epoch(self, *, after: int = 0) -> FloorRow:
        """Become the writer: everybody before is fenced. The row carries the new epoch; it is past the one named."""
        return await self._floor_row("next_epoch", None, after)

    async def _floor_row(self, name: str, timeout_s: float | None, *more: int) -> FloorRow:
        row = await self._fetchrow(query(name), self._floor, *more, timeout_s=timeout_s)
        if row is None:
            raise StoreRefused(f"The database has no floor {self._floor}: run `contactd migrate`, or set floor = 1.")
        return FloorRow(row["epoch"], row["seq"], bytes(row["chain"]))

    async def append(self, epoch: int, batch: Batch) -> bool:
        """True: kept, whole. False: nothing was, since epoch or seq is not ours. Raises StoreAway, StoreRefused."""
        b = batch
        row = await self._fetchrow(
            query("append"),
            *(self._floor, epoch, b.seq_before, b.seq_after, b.chain_after),
            *(b.input_seq, b.input_at, b.input_kind, b.input_version, b.input_config, b.input_body),
            *(b.event_seq, b.event_at, b.event_kind, b.event_version),
            *(b.event_contact, b.event_agent, b.event_body),
            *(b.private_contact, b.private_salt, b.private_ani, b.private_name),
            *(b.seal_month, b.chain_before, b.private_lookup),
            *(b.words_contact, b.words_message, b.words_at, b.words_author, b.words_body),
        )
        return row is not None and row["appended"] == 1

    async def last_event_at(self) -> Instant | None:
        row = await self._fetchrow(query("last_event_at"), self._floor)
        return row["at"] if row else None

    async def keep_snapshot(self, seq: int, version: int, body: bytes) -> None:
        await self._fetchrow(query("keep_snapshot"), self._floor, seq, version, body)
        await self._fetchrow(query("drop_old_snapshots"), self._floor)

    async def newest_snapshot(self, oldest_version: int, newest_version: int) -> tuple[int, bytes] | None:
        row = await self._fetchrow(query("newest_snapshot"), self._floor, oldest_version, newest_version)
        return (row["seq"], bytes(row["body"])) if row else None

    async def events_after(self, seq: int) -> AsyncIterator[Fact]:
        async for fact in self._facts("events_after", seq):
            yield fact

    async def inputs_after(self, seq: int) -> AsyncIterator[Fact]:
        async for fact in self._facts("inputs_after", seq):
            yield fact

    async def keep_config(self, sha256: str, files: dict[str, str], *, timeout_s: float | None = None) -> None:
        body = orjson.dumps(files).decode()
        await self._fetchrow(query("keep_config"), bytes.fromhex(sha256), body, timeout_s=timeout_s)

    async def execute(self, name: str, *arguments: object) -> None:
        """A named statement of a neighbour in this room that answers nothing. Raises StoreAway, StoreRefused."""
        await self._fetchrow(query(name), *arguments)

    async def check_schema(self, known: int) -> None:
        """known: the number of this program's last migration. Raises SchemaUnfit, StoreAway."""
        try:
            row = await self._fetchrow(query("known_migrations"))
        except StoreMisconfigured as error:
            unasked = isinstance(error.__cause__, asyncpg.InsufficientPrivilegeError | asyncpg.UndefinedTableError)
            if not unasked or "migration" not in str(error.__cause__):
                raise
            row = None  # older than the table, or than the right to ask
        if row is None or row["number"] < known:
            has = f"has {row['number']:04}" if row is not None else "is older"
            raise SchemaUnfit(
                "The database was not migrated for this contactd: run `contactd migrate` (systemctl start"
                f" contactd-migrate), then start it again. It knows migration {known:04}, the database {has}."
            )
        if row["runs_with"] > known:
            raise SchemaUnfit(
                f"The database has migration {row['number']:04} and needs a contactd that knows {row['runs_with']:04};"
                f" this one knows {known:04}. Install the newer version again, or restore the backup taken before the"
                " upgrade (docs/upgrade.rst)."
            )

    async def _facts(self, name: str, seq: int) -> AsyncIterator[Fact]:
        while True:
            try:
                rows = await self._pool.fetch(query(name), self._floor, seq, PAGE, timeout=60)
            except AWAY as error:
                raise away(error) from error
            for row in rows:
                yield Fact(row["seq"], row["at"], row["kind"], row["version"], row["body"])
            if len(rows) < PAGE:
                return
            seq = rows[-1]["seq"]

    async def _fetchrow(self, sql: str, *arguments: object, timeout_s: float | None = None) -> asyncpg.Record | None:
        limit_s = timeout_s or self._timeout_s
        try:
            async with self._pool.acquire(timeout=limit_s) as connection:
                try:
                    return await connection.fetchrow(sql, *arguments, timeout=limit_s)
                except DATA as error:
                    raise StoreRefused(f"PostgreSQL refused: {type(error).__name__}: {error}") from error
        except AWAY as error:
            # A ValueError here is a connection that cannot even be tried: a wrong sslmode, for one.
            # Sessions keep what they began with: one to a server that became a standby is read-only for ever.
            await self._pool.expire_connections()
            raise away(error) from error


async def open_pool(
    dsn: str,
    *,
    password: str | None = None,
    size: int = 4,
    role: str = "contactd_daemon",
    program: str = "contactd",
    session: Mapping[str, str] = MappingProxyType({}),
    lasting: bool = False,
) -> asyncpg.Pool:
    """A pool that connects on first use, so that a daemon starts while PostgreSQL is away.

    SET ROLE takes the owner's rights away from whoever the dsn names: the journal can be appended to and read.
    session: settings of its sessions. lasting: an idle connection is kept, with what it has prepared.
    """
    options: dict[str, Any] = {"password": password} if password else {}
    if lasting:
        options |= {"max_inactive_connection_lifetime": 0, "max_cached_statement_lifetime": 0}
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        timeout=5,
        command_timeout=60,
        reset=_as_it_is,
        server_settings={"role": role, "application_name": program, "timezone": "UTC", **session},
        **options,
    )


async def _as_it_is(connection: asyncpg.Connection) -> None:
    """Ask for no reset when a connection goes back: that query costs as much as an append, and no statement of ours
    leaves anything in a session. An open transaction is rolled back by asyncpg all the same."""


class FloorLock:
    """The session-level advisory lock that standbys wait for. A comfort: the fence is the epoch in every append."""

    def __init__(self, dsn: str, floor: int, *, password: str | None = None) -> None:
        self._dsn = dsn
        self._floor = floor
        self._options = {"password": password} if password else {}
        self._connection: asyncpg.Connection | None = None

    async def try_lock(self) -> bool:
        """Got it, or had it. Raises StoreAway, StoreMisconfigured."""
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self._dsn, timeout=5, **self._options)
            return bool(await self._connection.fetchval(query("try_floor_lock"), self._floor, timeout=5))
        except AWAY as error:
            await self.release()
            raise away(error) from error

    @property
    def held(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    async def release(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.terminate()
