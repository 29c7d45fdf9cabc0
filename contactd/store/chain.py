"""Whether the journal is what was written: the chain of hashes, computed anew and held against the seals."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import asyncpg

from contactd.store.queries import query

PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one floor. broken: between which facts the journal differs from what was sealed; None: nowhere."""

    floor: int
    facts: int
    to_seq: int
    seals: int
    broken: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Place:
    """How far a look has come: the chain over all of a floor's facts up to seq."""

    floor: int
    seq: int
    facts: int
    chain: bytes


async def verify(connection: asyncpg.Connection) -> list[Verdict]:
    """Every floor, from its first fact on. Facts that are appended meanwhile are not looked at."""
    return [verdict async for verdict in verdicts(connection)]


async def verdicts(
    connection: asyncpg.Connection, *, since: Place | None = None, report: Callable[[Place], None] = lambda _: None
) -> AsyncIterator[Verdict]:
    """Floor by floor. since: where an earlier look broke off, told by report after each page."""
    for row in await connection.fetch(query("floors")):
        floor = row["id"]
        if since is not None and floor < since.floor:
            continue
        # A floor that goes less far than an earlier look came is another database, restored: begin again.
        known = since is not None and since.floor == floor and since.seq <= row["seq"]
        start = since if since is not None and known else Place(floor, 0, 0, bytes(32))
        yield await _verify(connection, start, row["seq"], bytes(row["chain"]), report)


async def _verify(
    connection: asyncpg.Connection, start: Place, to_seq: int, chain_there: bytes, report: Callable[[Place], None]
) -> Verdict:
    floor, seq, facts, chain = start.floor, start.seq, start.facts, start.chain
    rows = await connection.fetch(query("seals"), floor)
    marks = [(row["last_seq"], bytes(row["hash"])) for row in rows if row["last_seq"] <= to_seq]
    marks.append((to_seq, chain_there))
    since = 0
    for last_seq, wanted in marks:
        if last_seq < start.seq:  # held against its seal by the look that broke off
            since = last_seq
            continue
        while page := await connection.fetch(query("bodies"), floor, seq, last_seq, PAGE):
            for row in page:
                chain = hashlib.sha256(chain + row["body"].encode()).digest()
            seq, facts = page[-1]["seq"], facts + len(page)
            report(Place(floor, seq, facts, chain))
        if chain != wanted:
            return Verdict(floor, facts, to_seq, len(marks) - 1, (since + 1, last_seq))
        since = last_seq
    return Verdict(floor, facts, to_seq, len(marks) - 1, None)
