"""Cases: what is kept of them, found by number, owner, customer or contact. Their words are read through the audit, as
a party's are; ``case_changes.py`` changes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import asyncpg

from contactd.core.ids import AgentId, CalendarId, ContactId, Instant, PartyId, QueueId
from contactd.store.audit import Who
from contactd.store.parties import about
from contactd.store.queries import query
from contactd.store.vault import Vault

SUBJECT, NOTE = "subject", "note"
"""Fields of case_word that every case has; others are declared in the configuration."""
OPEN, WAITING, CLOSED = "open", "waiting", "closed"
FIRST_ANSWER, RESOLUTION = "first_answer", "resolution"


@dataclass(frozen=True, slots=True)
class Case:
    """The table customer_case. phase: OPEN, WAITING (for the customer) or CLOSED."""

    id: str
    number: str
    type: str
    topic: str | None
    status: str
    phase: str
    party: PartyId | None
    agent: AgentId | None
    queue: QueueId | None
    follows: str | None
    made_at: Instant
    changed_at: Instant
    closed_at: Instant | None


@dataclass(frozen=True, slots=True)
class Target:
    """The table case_target: it runs (since), is paused, or has ended (met_at). left_s: of business hours, at since,
    when it was paused, or when it ended."""

    kind: str
    calendar: CalendarId | None
    left_s: float
    since: Instant | None = None
    warn_at: Instant | None = None
    due: Instant | None = None
    met_at: Instant | None = None
    broken_at: Instant | None = None
    warned_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a case's history."""

    at: Instant
    who: str
    what: str
    was: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class Linked:
    """A contact that is about a case; what history does not know yet is None."""

    case_id: str
    contact: ContactId
    linked_at: Instant
    medium: str | None
    queue: str | None
    agent: str | None
    outcome: str | None
    arrived_at: Instant | None
    connected_at: Instant | None
    party: PartyId | None
    talk_s: float


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody wrote, open. text: None where a field was cleared."""

    id: str
    case_id: str
    field: str
    at: Instant
    who: str
    contact: ContactId | None
    text: str | None = dataclasses.field(repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which cases; None asks for no such thing."""

    closed: bool = False
    type: str | None = None
    topic: str | None = None
    status: str | None = None
    agent: str | None = None
    queue: str | None = None
    party: PartyId | None = None
    contact: ContactId | None = None


async def by_number(connection: asyncpg.Connection, number: str) -> str | None:
    """The id of the case with these ten digits."""
    found: str | None = await connection.fetchval(query("case_by_number"), number)
    return found


async def beginning(connection: asyncpg.Connection, digits: str, most: int = 4) -> list[str]:
    """The ids that begin so."""
    lowest, highest = (digits.ljust(32, filler) for filler in "0f")
    return [row["id"] for row in await connection.fetch(query("cases_beginning"), lowest, highest, most)]


async def rows(connection: asyncpg.Connection, ids: Sequence[str]) -> list[Case]:
    """The newest first."""
    return [Case(**row) for row in await connection.fetch(query("case_rows"), list(ids))]


async def found(connection: asyncpg.Connection, asked: Asked, most: int) -> list[Case]:
    """The newest first."""
    values = (getattr(asked, one.name) for one in fields(asked))
    return [Case(**row) for row in await connection.fetch(query("cases"), *values, most)]


async def targets(connection: asyncpg.Connection, ids: Sequence[str]) -> dict[str, list[Target]]:
    """Case -> its targets; who has none is not in it."""
    made: dict[str, list[Target]] = {}
    for row in await connection.fetch(query("case_targets"), list(ids)):
        made.setdefault(row["case_id"], []).append(target_of(row))
    return made


async def due(
    connection: asyncpg.Connection, within_s: float, type_: str | None, agent: str | None, queue: str | None, most: int
) -> list[tuple[str, str]]:
    """Case and target of what breaks within so many seconds; what broke comes first."""
    rows = await connection.fetch(query("cases_due"), within_s, type_, agent, queue, most)
    return [(row["case_id"], row["kind"]) for row in rows]


def target_of(row: Mapping[str, Any]) -> Target:
    return Target(**{name: value for name, value in row.items() if name != "case_id"})


async def changes(connection: asyncpg.Connection, case_id: str) -> list[Change]:
    """The oldest first."""
    return [Change(**row) for row in await connection.fetch(query("case_changes"), case_id)]


async def contacts(connection: asyncpg.Connection, ids: Sequence[str]) -> list[Linked]:
    """Case by case, the oldest first."""
    return [Linked(**row) for row in await connection.fetch(query("case_contacts"), list(ids))]


async def follower(connection: asyncpg.Connection, case_id: str) -> str | None:
    """The newest case that follows this one."""
    newest: str | None = await connection.fetchval(query("case_follower"), case_id)
    return newest


async def reveal(connection: asyncpg.Connection, vault: Vault, who: Who, via: str, ids: Sequence[str]) -> list[Word]:
    """Write down that who reads these cases, then every word of them, the oldest first. Raises NotOpened."""
    reads = await connection.fetch(query("audit_case_reads"), str(who), who.uid, via, list(ids))
    opened = []
    for row in await connection.fetch(query("reveal_case"), [row["id"] for row in reads]):
        text = vault.open(row["value"], about_word(row["id"])) if row["value"] is not None else None
        opened.append(
            Word(row["id"], row["case_id"], row["field"], row["at"], row["who"], row["contact"], text),
        )
    return opened


def current(words: Sequence[Word]) -> dict[str, dict[str, str]]:
    """Case -> field -> what it says now; words: the oldest first. Notes and what was cleared are not in it."""
    now: dict[str, dict[str, str]] = {}
    for word in words:
        if word.field == NOTE:
            continue
        of_case = now.setdefault(word.case_id, {})
        of_case.pop(word.field, None)
        if word.text is not None:
            of_case[word.field] = word.text
    return now


def about_word(word: str) -> str:
    """What a sealed word is authenticated with."""
    return about(word, "case")
