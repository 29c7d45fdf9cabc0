"""Whether the journal is what was written: the chain of hashes, computed anew and held against the seals."""

from __future__ import annotations

import hashlib
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


async def verify(connection: asyncpg.Connection) -> list[Verdict]:
    """Every floor, from its first fact on. Facts that are appended meanwhile are not looked at."""
    return [
        await _verify(connection, floor["id"], floor["seq"], bytes(floor["chain"]))
        for floor in await connection.fetch(query("floors"))
    ]


async def _verify(connection: asyncpg.Connection, floor: int, to_seq: int, chain_there: bytes) -> Verdict:
    rows = await connection.fetch(query("seals"), floor)
    marks = [(row["last_seq"], bytes(row["hash"])) for row in rows if row["last_seq"] <= to_seq]
    marks.append((to_seq, chain_there))
    chain, seq, facts = bytes(32), 0, 0
    for last_seq, wanted in marks:
        since = seq
        while page := await connection.fetch(query("bodies"), floor, seq, last_seq, PAGE):
            for row in page:
                chain = hashlib.sha256(chain + row["body"].encode()).digest()
            seq, facts = page[-1]["seq"], facts + len(page)
        if chain != wanted:
            return Verdict(floor, facts, to_seq, len(marks) - 1, (since + 1, last_seq))
    return Verdict(floor, facts, to_seq, len(marks) - 1, None)
