"""Recordings as rows: where each lies and by what key, whose contact it is of, and who heard it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from contactd.core.ids import ContactId, Instant
from contactd.store.audit import Entry, Who, audit_act
from contactd.store.queries import query

VIA = "contactctl recordings"


@dataclass(frozen=True, slots=True)
class Owned:
    """What the journal says of an offer that was recorded."""

    contacts: list[ContactId]
    agent: str | None
    queue: str | None


@dataclass(frozen=True, slots=True)
class Blob:
    """One file, as it was kept. key: wrapped."""

    id: str
    hash: bytes
    size: int
    path: str
    key_id: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording, for people. Times in Unix seconds."""

    id: str
    contacts: tuple[str, ...]
    agent: str | None
    queue: str | None
    began_at: Instant
    seconds: float
    whole: bool
    sha256: str
    bytes: int
    path: str
    key_id: str
    kept_at: Instant
    expires: Instant
    hold: bool


# --- the worker's ---


async def owned(connection: asyncpg.Connection, floor: int, offer: str) -> Owned | None:
    """None: the journal does not know the offer, perhaps not yet."""
    _, _, seq = offer.partition("-")
    row = await connection.fetchrow(query("offered_contact"), floor, int(seq), offer)
    if row is None:
        return None
    passed = await connection.fetch(query("recording_passed_on"), row["contact"], offer)
    contacts = [ContactId(row["contact"]), *(ContactId(one["contact"]) for one in passed)]
    return Owned(list(dict.fromkeys(contacts)), row["agent"], row["queue"])


async def kept(connection: asyncpg.Connection, blob: str) -> bool:
    return await connection.fetchval(query("blob_kept"), blob) is not None


async def keep(
    connection: asyncpg.Connection,
    blob: Blob,
    of: Owned,
    offer: str,
    *,
    began: float,
    seconds: float,
    whole: bool,
    keep_s: float,
    message: bool = False,
) -> bool:
    """False: somebody else has kept it meanwhile."""
    async with connection.transaction():
        columns = (blob.id, blob.hash, blob.size, blob.path, blob.key_id, blob.key, began + keep_s)
        if await connection.fetchrow(query("keep_blob"), *columns) is None:
            return False
        for contact in of.contacts:
            await connection.execute(
                query("keep_recording"), blob.id, contact, offer, of.agent, of.queue, began, seconds, whole
            )
        if message:
            await connection.execute(query("keep_voicemail"), blob.id, of.contacts[0], of.queue or "", began, seconds)
    return True


async def expire(connection: asyncpg.Connection) -> list[str]:
    """Forget what is old, and not held; returns the paths."""
    return [row["path"] for row in await connection.fetch(query("expire_blobs"))]


async def paths(connection: asyncpg.Connection) -> set[str]:
    """All that are kept."""
    return {row["path"] for row in await connection.fetch(query("blob_paths"))}


async def of_other_keys(connection: asyncpg.Connection, current: str, most: int) -> list[tuple[str, str, bytes]]:
    """Id, key's id and wrapped key of what is not wrapped by the current key."""
    rows = await connection.fetch(query("blobs_of_other_keys"), current, most)
    return [(row["id"], row["key_id"], row["key"]) for row in rows]


async def rewrap(connection: asyncpg.Connection, blob: str, key_id: str, key: bytes) -> None:
    await connection.execute(query("rewrap_blob"), blob, key_id, key)


# --- for people ---


async def listed(
    connection: asyncpg.Connection, most: int, contact: str | None = None, agent: str | None = None
) -> list[Recording]:
    """The newest first."""
    return [_recording(row) for row in await connection.fetch(query("recordings"), most, contact, agent, None)]


async def one(connection: asyncpg.Connection, beginning: str) -> list[Recording]:
    """Whose id begins so; two at most."""
    return [_recording(row) for row in await connection.fetch(query("recordings"), 2, None, None, beginning)]


async def reveal(connection: asyncpg.Connection, who: Who, recording: Recording) -> Blob | None:
    """Write down that who reads it, of which contacts, then by what it can be read. None: it was erased meanwhile."""
    ids = [
        await connection.fetchval(query("audit_recording_read"), str(who), who.uid, VIA, contact, recording.id)
        for contact in recording.contacts
    ]
    row = await connection.fetchrow(query("reveal_blob"), ids[0])
    if row is None:
        return None
    return Blob(recording.id, row["hash"], recording.bytes, row["path"], row["key_id"], row["key"])


async def hold(connection: asyncpg.Connection, who: Who, recording: Recording, *, held: bool, why: str) -> bool:
    """False: it is so already."""
    async with connection.transaction():
        if await connection.fetchrow(query("hold_blob"), recording.id, held) is None:
            return False
        for contact in recording.contacts:
            act = "hold" if held else "release"
            outcome = f"recording {recording.id}: {why}"
            await audit_act(connection, Entry(who, VIA, act, ContactId(contact), outcome=outcome))
    return True


async def erase(connection: asyncpg.Connection, audited: int, contacts: Sequence[str]) -> tuple[int, int]:
    """In the transaction of the row of the audit that says so. How many were removed, and how many are held."""
    row = await connection.fetchrow(query("erase_recordings"), audited, list(contacts))
    return row["removed"], row["held"]


def _recording(row: asyncpg.Record) -> Recording:
    told = dict(row)
    return Recording(**{**told, "contacts": tuple(told["contacts"]), "sha256": told["sha256"].hex()})
