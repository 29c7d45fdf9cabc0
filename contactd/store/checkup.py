"""Is the database as the journal needs it? For contactctl doctor: measures, and leaves nothing behind."""

from __future__ import annotations

import time
from dataclasses import dataclass

import asyncpg

from contactd.store.migrate import migrations
from contactd.store.queries import query

COMMITS = 20


@dataclass(frozen=True, slots=True)
class Checkup:
    """version: as server_version_num. settings: name to value. commit_s: of COMMITS commits, the fastest first.

    rights: what the role may do, by our words for it; see sql/queries/checkup.sql. pending: migrations to be run.
    newer: the database was migrated by a newer contactd. data_directory: None where the server does not tell.
    """

    version: int
    settings: dict[str, str]
    superuser: bool
    rights: dict[str, bool]
    pending: list[str]
    newer: int
    size_bytes: int
    data_directory: str | None
    local: bool
    tls: bool
    clock_ahead_s: float
    commit_s: list[float]


async def checkup(connection: asyncpg.Connection) -> Checkup:
    """connection: of store.reading.reader, with writes. Raises asyncpg's errors, which that one translates."""
    (about,) = await connection.fetch(query("checkup_about"))
    rows = await connection.fetch(query("checkup_settings"))
    # A database that nobody migrated has no table to ask for rights on.
    migrated = bool(about["migrated"])
    rights = await connection.fetchrow(query("checkup_rights")) if migrated else None
    done = {row["number"] for row in await connection.fetch(query("checkup_migrations"))} if migrated else set()
    known = migrations()
    asked = time.time()
    told = await connection.fetchval(query("checkup_clock"))
    answered = time.time()
    commit_s = []
    for _ in range(COMMITS):
        began = time.perf_counter()
        async with connection.transaction():
            await connection.execute(query("checkup_commit"))
        commit_s.append(time.perf_counter() - began)
    return Checkup(
        version=about["version"],
        settings={row["name"]: row["setting"] for row in rows},
        superuser=about["superuser"],
        rights=dict(rights.items()) if rights else {},
        pending=[f"{one.number:04} {one.name}" for one in known if one.number not in done],
        newer=max(0, max(done, default=0) - len(known)),
        size_bytes=about["size_bytes"],
        data_directory=next((row["setting"] for row in rows if row["name"] == "data_directory"), None),
        local=about["local"],
        tls=about["tls"],
        clock_ahead_s=float(told) - (asked + answered) / 2,
        commit_s=sorted(commit_s),
    )
