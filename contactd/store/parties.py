"""Parties: who an identity belongs to, what is kept of them, and how it is changed, given out and removed.

Whoever reads a value is written down before (``reveal_party`` in the schema insists), whoever changes one in the same
transaction. Values go through the vault: this module gives and takes them in the clear, and PostgreSQL has them sealed.
"""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg

from contactd.core.ids import AgentId, ContactId, Instant, PartyId, QueueId
from contactd.store.audit import Who
from contactd.store.journal import open_pool
from contactd.store.queries import query
from contactd.store.trouble import AWAY, away
from contactd.store.vault import Vault

NAME = "name"
"""The field of party_private that every party may have; others are declared in the configuration."""
VIA = "contactctl customers"
_WORD = re.compile(r"\w+")
_TITLES = frozenset(
    {"dr", "prof", "mr", "mrs", "ms", "miss", "sir", "herr", "frau", "dipl", "ing", "mag", "med", "jr", "sr"}
)
Connection = asyncpg.Connection
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Record:
    """What routing reads of a party. agents: queue -> who last handled a contact of theirs there. recording: what the
    party said to being recorded; None: nothing."""

    party: PartyId
    vip: bool
    language: str | None
    light: bool
    agents: Mapping[QueueId, AgentId]
    recording: bool | None = None
    text: bool = False
    """The party's medium is a text telephone."""


@dataclass(frozen=True, slots=True)
class Row:
    """The table party. Times in Unix seconds."""

    id: PartyId
    kind: str
    light: bool
    language: str | None
    medium: str | None
    vip: bool
    merged_into: PartyId | None
    made_at: Instant
    changed_at: Instant


@dataclass(frozen=True, slots=True)
class Value:
    """One personal value, open. ref: by which it is changed; at: when it was added."""

    party: PartyId
    ref: str
    name: str
    text: str = field(repr=False)
    at: Instant | None


@dataclass(frozen=True, slots=True)
class Consent:
    party: PartyId
    purpose: str
    given: bool
    at: Instant
    how: str
    who: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A party with all that was merged into it; rows has the one itself first."""

    rows: tuple[Row, ...]
    identities: tuple[Value, ...]
    fields: tuple[Value, ...]
    notes: tuple[Value, ...]
    consents: tuple[Consent, ...]

    @property
    def id(self) -> PartyId:
        return self.rows[0].id

    @property
    def ids(self) -> list[PartyId]:
        return [row.id for row in self.rows]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline. kind: contact, note, consent or case; what does not belong to it is None. cases: numbers
    of those that a contact is about, or of the case itself."""

    kind: str
    at: Instant
    party: PartyId
    ref: str
    contact: ContactId | None
    medium: str | None
    queue: str | None
    agent: str | None
    outcome: str | None
    waited_s: float | None
    talk_s: float | None
    verified: bool
    who: str | None
    purpose: str | None
    given: bool | None
    type: str | None
    topic: str | None
    status: str | None
    phase: str | None
    cases: Sequence[str]


def fresh_id() -> str:
    """A UUIDv7 (RFC 9562) of now."""
    value = (int(time.time() * 1000) & ((1 << 48) - 1)) << 80 | secrets.randbits(80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


async def open_directory_pool(dsn: str, *, password: str | None = None, size: int = 2) -> asyncpg.Pool:
    """For a Directory: sessions that keep what they planned, since a caller waits for each answer.

    A light record is not synced when it is made: what the journal says of it is appended later, and that syncs both.
    """
    session = {"plan_cache_mode": "force_generic_plan", "jit": "off", "synchronous_commit": "off"}
    return await open_pool(dsn, password=password, size=size, session=session, lasting=True)


class Directory:
    """What the daemon asks while a caller waits. pool: its own, so that a slow answer holds up no append."""

    def __init__(self, pool: asyncpg.Pool, *, timeout_s: float) -> None:
        self._pool = pool
        self._timeout_s = timeout_s

    async def arrives(self, vault: Vault, kind: str, value: str, *, days: int, make: bool) -> list[Record]:
        """Whose identity this is. make: nobody's becomes a light record. Raises StoreAway."""
        fresh = PartyId(fresh_id())
        lookups = vault.lookups(kind, value)
        sealed = vault.seal(value, about(fresh, kind))
        return await self._records(
            "party_arrives", fresh if make else None, lookups, kind, lookups[0], sealed if make else "", days
        )

    async def known(self, party: PartyId, *, days: int) -> Record | None:
        """Of the one into which it was merged; None: there is none. Raises StoreAway."""
        found = await self._records("party_known", party, days)
        return found[0] if found else None

    async def on(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Something that takes longer, and for which no caller waits. Raises StoreAway."""
        try:
            async with self._pool.acquire(timeout=self._timeout_s) as connection:
                return await work(connection)
        except AWAY as error:
            await self._pool.expire_connections()
            raise away(error) from error

    async def _records(self, name: str, *arguments: object) -> list[Record]:
        try:
            async with self._pool.acquire(timeout=self._timeout_s) as connection:
                rows = await connection.fetch(query(name), *arguments, timeout=self._timeout_s)
        except AWAY as error:
            await self._pool.expire_connections()
            raise away(error) from error
        return [
            Record(
                row["party"],
                row["vip"],
                row["language"],
                row["light"],
                dict(zip(row["queues"], row["agents"], strict=True)),
                row["recording"],
                row["text"],
            )
            for row in rows
        ]


def about(party: str, what: str) -> str:
    """What a sealed value is authenticated with."""
    return f"{party}/{what}"


# --- for people: contactctl, and later the desk ---


async def find(connection: asyncpg.Connection, vault: Vault, who: Who, kind: str, value: str) -> list[PartyId]:
    """Write down that who searches (not for what), then whose it is."""
    await write_down(connection, who, "search", None, kind)
    rows = await connection.fetch(query("party_find"), vault.lookups(kind, value))
    return [row["party"] for row in rows]


async def beginning(connection: asyncpg.Connection, digits: str, most: int = 4) -> list[PartyId]:
    """Whose ids begin so."""
    lowest, highest = (_uuid(digits.ljust(32, filler)) for filler in "0f")
    rows = await connection.fetch(query("parties_beginning"), lowest, highest, most)
    return [row["id"] for row in rows]


async def root(connection: asyncpg.Connection, party: PartyId) -> PartyId | None:
    """Whom it was merged into in the end."""
    found: PartyId | None = await connection.fetchval(query("party_root"), party)
    return found


async def rows(connection: asyncpg.Connection, party: PartyId) -> list[Row]:
    """The party and all that were merged into it; no value is read."""
    return [Row(**row) for row in await connection.fetch(query("party_family_rows"), party)]


async def reveal(
    connection: asyncpg.Connection, vault: Vault, who: Who, parties: Sequence[PartyId], *, via: str = VIA
) -> list[tuple[str, Value]]:
    """Write down that who reads these, then every value of them, with its source: identity, field or note.

    Raises NotOpened.
    """
    reads = await connection.fetch(query("audit_party_reads"), str(who), who.uid, via, list(parties))
    found = await connection.fetch(query("reveal_party"), [row["id"] for row in reads])
    opened = []
    for row in found:
        text = vault.open(row["value"], _about(row["source"], row["party"], row["ref"], row["name"]))
        opened.append((row["source"], Value(row["party"], row["ref"], row["name"], text, row["at"])))
    return opened


async def names(connection: asyncpg.Connection, vault: Vault, who: Who, parties: Sequence[PartyId]) -> dict[str, str]:
    """Party -> name, written down as a read of each; who has none is not in it."""
    values = await reveal(connection, vault, who, parties)
    return {value.party: value.text for source, value in values if source == "field" and value.name == NAME}


async def profile(connection: asyncpg.Connection, vault: Vault, who: Who, party: PartyId) -> Profile:
    """Everything but the contacts, once it is written down who reads it. Raises NotOpened."""
    family = await rows(connection, party)
    ids = [row.id for row in family]
    values = await reveal(connection, vault, who, ids)
    consents = await connection.fetch(query("party_consents"), ids)

    def of(source: str) -> tuple[Value, ...]:
        return tuple(value for one, value in values if one == source)

    return Profile(
        tuple(family), of("identity"), of("field"), of("note"), tuple(Consent(**consent) for consent in consents)
    )


async def timeline(connection: asyncpg.Connection, party: PartyId, before: Instant, most: int) -> list[Entry]:
    """The newest first: contacts on all media, cases, notes (without their words), consents."""
    return [Entry(**row) for row in await connection.fetch(query("timeline"), party, before, most)]


async def contacts(connection: asyncpg.Connection, parties: Sequence[PartyId]) -> list[dict[str, Any]]:
    """Every contact of these."""
    return [dict(row) for row in await connection.fetch(query("party_contacts"), list(parties))]


async def looks(connection: asyncpg.Connection, parties: Sequence[PartyId]) -> list[dict[str, Any]]:
    """Who read or changed these."""
    return [dict(row) for row in await connection.fetch(query("audit_of_parties"), list(parties))]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two who may be one. score: 1 to 100, the likelier the higher; why: what they share, no value."""

    one: PartyId
    other: PartyId
    score: int
    why: str


async def duplicates(connection: asyncpg.Connection, most: int, party: PartyId | None = None) -> list[Pair]:
    """Pairs that share a number, an address, an id or a name, the likeliest first; with party only its own."""
    return [Pair(**row) for row in await connection.fetch(query("likely_duplicates"), party, most, timeout=300)]


async def write_down(
    connection: asyncpg.Connection, who: Who, act: str, party: PartyId | None, outcome: str, *, via: str = VIA
) -> int:
    """Somebody did something to a party; no value may be in it. Returns the row's id."""
    made: int = await connection.fetchval(query("audit_party_act"), str(who), who.uid, via, act, party, outcome)
    return made


def same_name(name: str) -> str:
    """By which equal names are found: letters' case, width and spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def alike_name(name: str) -> str:
    """By which similar names are found: titles, accents and the order of words do not count either.

    >>> alike_name("Dr. Müller, Anna"), alike_name("anna mueller"), alike_name("ANNA  MULLER")
    ('anna muller', 'anna muller', 'anna muller')
    >>> alike_name("Dr."), alike_name("伊藤")
    ('dr', '伊藤')
    """
    plain = unicodedata.normalize("NFKD", same_name(name))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    for written, meant in (("ae", "a"), ("oe", "o"), ("ue", "u")):
        plain = plain.replace(written, meant)
    words = _WORD.findall(plain)
    return " ".join(sorted([word for word in words if word not in _TITLES] or words))


def name_hashes(vault: Vault, name: str) -> tuple[bytes, bytes]:
    """By which a name, and one that is alike, are found. Kinds of their own: neither passes for the other."""
    return vault.lookup(NAME, same_name(name)), vault.lookup("alike", alike_name(name))


def _about(source: str, party: str, ref: str, name: str) -> str:
    match source:
        case "identity":
            return about(party, name)
        case "field":
            return about(party, f"field/{name}")
        case _:
            return about(ref, "note")


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
