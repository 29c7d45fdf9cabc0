"""Many parties at once: whose identities they are, and a batch of rows with the import's place in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg

from contactd.core.errors import ContactdError
from contactd.core.ids import Instant, PartyId
from contactd.store.audit import Who
from contactd.store.parties import write_down
from contactd.store.queries import query

_VIA = "contactctl customers import"
_HOW = "import"
_LOCK = 1668247414
_NOTICED = (
    ("client_connection_check_interval", "1s"),
    # Over a network whose other end says nothing any more; a Unix socket has no need of them.
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
)
_WAIT_S, _LOOK_S = 5.0, 0.2


class ImportLost(ContactdError):
    """Somebody else went on with the import, or removed what it was about to change."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows by what became of them."""

    made: int = 0
    completed: int = 0
    updated: int = 0
    skipped: int = 0
    refused: int = 0

    @property
    def rows(self) -> int:
        return self.made + self.completed + self.updated + self.skipped + self.refused

    def plus(self, other: Tally) -> Tally:
        return Tally(
            self.made + other.made,
            self.completed + other.completed,
            self.updated + other.updated,
            self.skipped + other.skipped,
            self.refused + other.refused,
        )


@dataclass(frozen=True, slots=True)
class Begun:
    """The newest import of a file."""

    id: int
    options: bytes
    who: str
    began_at: Instant
    ended: bool
    position: int
    tally: Tally


@dataclass(frozen=True, slots=True)
class Match:
    party: PartyId
    light: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """at: None where nobody knows when."""

    purpose: str
    given: bool
    at: Instant | None


@dataclass(slots=True)
class Batch:
    """What is written, sealed, as the columns stand in the tables. changed and the lists beside it: records that there
    are; the others are of those made here. fields and notes: of both, and cleared are the fields of changed ones."""

    made: list[tuple[str, str, str | None, str | None, bool]] = field(default_factory=list)
    """Party, kind, language, medium, vip."""
    identities: list[tuple[str, str, bytes, str]] = field(default_factory=list)
    fields: list[tuple[str, str, str, bytes | None]] = field(default_factory=list)
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    """Note, party, body."""
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    changed: list[tuple[str, str | None, str | None, str | None, bool | None]] = field(default_factory=list)
    more_identities: list[tuple[str, str, bytes, str]] = field(default_factory=list)
    cleared: list[tuple[str, str]] = field(default_factory=list)
    more_answers: list[tuple[str, Answer]] = field(default_factory=list)
    merged: list[tuple[PartyId, PartyId]] = field(default_factory=list)
    """Light records, and whole ones that they are the same person as."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who imports now. pid: of its process in PostgreSQL. The rest is of the import that went on last and has not
    ended; None: there is none yet. still_s: since it went on."""

    pid: int
    who: str | None
    began_at: Instant | None
    position: int | None
    still_s: float | None


async def alone(connection: asyncpg.Connection, *, wait_s: float = _WAIT_S) -> Holder | None:
    """None: no other import begins until the connection ends. Else who imports now, and did for wait_s: one that was
    killed is gone before."""
    for setting, value in _NOTICED:
        # PostgreSQL notices within seconds that we are gone, also in the middle of a statement.
        # A server on a system that cannot tell refuses the first; then its own notion of gone counts.
        with contextlib.suppress(asyncpg.InvalidParameterValueError):
            await connection.execute("SELECT set_config($1, $2, false)", setting, value)
    until = time.monotonic() + wait_s
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        row = await connection.fetchrow(query("import_holder"), _LOCK)
        if row is not None and time.monotonic() > until:
            return Holder(**row)
        await asyncio.sleep(_LOOK_S)
    return None


async def find(connection: asyncpg.Connection, sha256: bytes) -> Begun | None:
    row = await connection.fetchrow(query("import_find"), sha256)
    if row is None:
        return None
    tally = Tally(row["made"], row["completed"], row["updated"], row["skipped"], row["refused"])
    return Begun(row["id"], row["options"], row["who"], row["began_at"], row["ended"], row["position"], tally)


async def begin(connection: asyncpg.Connection, who: Who, sha256: bytes, options: bytes) -> int:
    async with connection.transaction():
        number: int = await connection.fetchval(query("import_begin"), sha256, options, str(who))
        await write_down(connection, who, "customer-import", None, f"import {number} began")
    return number


async def end(connection: asyncpg.Connection, who: Who, number: int, tally: Tally) -> None:
    """tally: of the whole file."""
    told = (
        f"import {number} ended: {tally.made} made, {tally.completed} completed, {tally.updated} updated,"
        f" {tally.skipped} skipped, {tally.refused} refused"
    )
    async with connection.transaction():
        if await connection.fetchrow(query("import_end"), number) is not None:
            await write_down(connection, who, "customer-import", None, told)


async def match(connection: asyncpg.Connection, lookups: Sequence[bytes]) -> dict[bytes, list[Match]]:
    """Whose identities these are; a hash of nobody's is not in it."""
    found: dict[bytes, list[Match]] = {}
    for row in await connection.fetch(query("import_match"), list(lookups)):
        found.setdefault(row["lookup"], []).append(Match(row["party"], row["light"]))
    return found


async def write(
    connection: asyncpg.Connection, who: Who, number: int, position: int, batch: Batch, tally: Tally
) -> None:
    """All of it and the import's new place, or nothing. Raises ImportLost."""
    source = f"import {number}"
    async with connection.transaction():
        stay = await _held_values(connection, batch)
        place = (number, position, position + tally.rows)
        counts = (tally.made, tally.completed, tally.updated, tally.skipped, tally.refused)
        if await connection.fetchrow(query("import_advance"), *place, *counts) is None:
            raise ImportLost("Somebody else goes on with this import: let them, or look again with --resume later.")
        if batch.made:
            columns = ["id", "kind", "language", "medium", "vip", "source"]
            await connection.copy_records_to_table(
                "party", records=[(*row, source) for row in batch.made], columns=columns
            )
            columns = ["party", "kind", "lookup", "value"]
            await connection.copy_records_to_table("party_identity", records=batch.identities, columns=columns)
            await _answer(connection, str(who), batch.answers)
        if batch.changed:
            await _change(connection, who, source, batch, stay)
        if fields := [row for row in batch.fields if row[:2] not in stay]:
            columns = ["party", "field", "value", "lookup"]
            await connection.copy_records_to_table("party_private", records=fields, columns=columns)
        if batch.notes:
            rows = [(note, party, str(who), body) for note, party, body in batch.notes]
            columns = ["id", "party", "who", "body"]
            await connection.copy_records_to_table("party_note", records=rows, columns=columns)


async def _change(
    connection: asyncpg.Connection, who: Who, source: str, batch: Batch, stay: set[tuple[str, str]]
) -> None:
    """stay: party and field of what is held."""
    parties = [row[0] for row in batch.changed]
    held = {row["id"]: row["merged_into"] for row in await connection.fetch(query("party_lock"), _all(batch))}
    if len(held) < len(_all(batch)) or any(held.values()):
        raise ImportLost("A customer was erased or merged in this moment: go on with --resume.")
    await connection.execute(query("import_change"), *_columns(batch.changed))
    if batch.more_identities:
        await connection.execute(query("import_identify"), *_columns(batch.more_identities))
    if cleared := [one for one in batch.cleared if tuple(one) not in stay]:
        await connection.execute(query("import_clear_fields"), *_columns(cleared))
    if batch.more_answers:
        rows = [(party, one.purpose, one.given, one.at) for party, one in batch.more_answers]
        await connection.execute(query("import_consents"), *_columns(rows), _HOW, str(who))
    for light, party in batch.merged:
        await connection.execute(query("party_merge"), light, party)
        await write_down(connection, who, "customer-merge", light, f"into {party}")
    await connection.execute(query("audit_import_changes"), str(who), who.uid, _VIA, parties, source)


async def _held_values(connection: asyncpg.Connection, batch: Batch) -> set[tuple[str, str]]:
    """Party and field of what may not be written over, since a legal hold is on it; it stays as it is."""
    asked = list({party for party, _ in batch.cleared})
    if not asked:
        return set()
    held = [row["party"] for row in await connection.fetch(query("parties_held"), asked)]
    return {(party, row["field"]) for party in held for row in await connection.fetch(query("party_has_fields"), party)}


def _all(batch: Batch) -> list[str]:
    return list({*(row[0] for row in batch.changed), *(light for light, _ in batch.merged)})


async def _answer(connection: asyncpg.Connection, who: str, answers: Sequence[tuple[str, Answer]]) -> None:
    if not answers:
        return
    now = datetime.now(UTC)
    rows = [
        (party, one.purpose, one.given, now if one.at is None else datetime.fromtimestamp(one.at, UTC), _HOW, who)
        for party, one in answers
    ]
    columns = ["party", "purpose", "given", "at", "how", "who"]
    await connection.copy_records_to_table("party_consent", records=rows, columns=columns)


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
