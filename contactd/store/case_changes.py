"""Changing cases: each in one transaction with its history and its row of the audit, so what was not written down was
not done. What follows from a change is decided above (services/cases); here it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from contactd.core.ids import ContactId, Instant, PartyId
from contactd.store.audit import Who
from contactd.store.cases import Case, Target, about_word, target_of
from contactd.store.parties import fresh_id
from contactd.store.queries import query
from contactd.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Written:
    """What a change writes beside the case's row. lines: (what, was, now) for the history; never a word of anybody.

    words: field -> text, None clears it.
    """

    lines: Sequence[tuple[str, str | None, str | None]] = ()
    targets: Sequence[Target] = ()
    words: Mapping[str, str | None] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Held:
    """A case that nobody else changes until the transaction ends. at: when that is, by PostgreSQL's clock."""

    case: Case
    targets: tuple[Target, ...]
    at: Instant


@dataclass(frozen=True, slots=True)
class Met:
    """What history knows of a contact."""

    party: PartyId | None
    arrived_at: Instant
    connected_at: Instant | None


async def hold(connection: asyncpg.Connection, case_id: str) -> Held | None:
    """None: there is none."""
    row = await connection.fetchrow(query("case_hold"), case_id)
    if row is None:
        return None
    found = await connection.fetch(query("case_targets"), [case_id])
    case = Case(**{name: value for name, value in row.items() if name != "at"})
    return Held(case, tuple(map(target_of, found)), row["at"])


async def add(connection: asyncpg.Connection, case: Case) -> Instant | None:
    """When it was made, by PostgreSQL's clock. None: the number is another case's."""
    columns = (case.id, case.number, case.type, case.topic, case.status, case.phase, case.party, case.agent, case.queue)
    at: Instant | None = await connection.fetchval(query("case_add"), *columns, case.follows)
    return at


async def looked_at(connection: asyncpg.Connection, party: PartyId) -> None:
    """A customer who has a case is no light record, which would be forgotten."""
    await connection.execute(query("party_set"), party, None, None, None, None)


async def set_row(connection: asyncpg.Connection, case: Case) -> None:
    columns = (case.id, case.type, case.topic, case.status, case.phase, case.party, case.agent, case.queue)
    await connection.execute(query("case_set"), *columns)


async def write(connection: asyncpg.Connection, vault: Vault, who: Who, case_id: str, written: Written) -> None:
    """History, targets and words; the row itself is add()'s or set_row()'s."""
    if written.lines:
        what, was, now = (list(column) for column in zip(*written.lines, strict=True))
        await connection.execute(query("case_changed"), case_id, str(who), what, was, now)
    for target in written.targets:
        times = (target.since, target.warn_at, target.due, target.met_at, target.broken_at, target.warned_at)
        columns = (case_id, target.kind, target.calendar, target.left_s, *times)
        await connection.execute(query("case_target_write"), *columns)
    for name, text in written.words.items():
        await word(connection, vault, who, case_id, name, text)


async def word(
    connection: asyncpg.Connection,
    vault: Vault,
    who: Who,
    case_id: str,
    name: str,
    text: str | None,
    contact: ContactId | None = None,
) -> str:
    """Returns the word's id."""
    made = fresh_id()
    sealed = vault.seal(text, about_word(made)) if text is not None else None
    await connection.execute(query("case_word"), made, case_id, name, str(who), contact, sealed)
    return made


async def link(connection: asyncpg.Connection, case_id: str, contact: ContactId) -> bool:
    """False: it was linked already."""
    return await connection.fetchrow(query("case_link"), case_id, contact) is not None


async def unlink(connection: asyncpg.Connection, case_id: str, contact: ContactId) -> bool:
    """False: it was not linked."""
    return await connection.fetchrow(query("case_unlink"), case_id, contact) is not None


async def met(connection: asyncpg.Connection, contact: ContactId) -> Met | None:
    """None: history does not know the contact yet."""
    row = await connection.fetchrow(query("contact_of_case"), contact)
    return Met(**row) if row is not None else None


async def write_down(connection: asyncpg.Connection, who: Who, via: str, act: str, case: Case, outcome: str) -> None:
    """Somebody did something to a case; no value may be in it."""
    await connection.execute(query("audit_case_act"), str(who), who.uid, via, act, case.party, case.id, outcome)


async def last_status(connection: asyncpg.Connection, case: Case) -> tuple[Instant, str | None]:
    """Since when it has its status, and which it had before; None: it is the first one."""
    row = await connection.fetchrow(query("case_last_status"), case.id)
    return (row["at"], row["was"]) if row is not None else (case.made_at, None)
