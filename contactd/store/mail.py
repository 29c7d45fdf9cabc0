"""Mail as it was fetched: each message once, encrypted by a key of its own, which the vault seals with its hash.

A message is kept in pieces of 256 KiB, each AES-256-GCM: the nonce counts them and marks the last, and the message's id
is authenticated with each. Erasing the row forgets the key. How far a mailbox was fetched moves in the transaction that
keeps the messages, under a lock on its row, so that two who fetch it keep each message once.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contactd.core.ids import Instant
from contactd.store.audit import Who
from contactd.store.parties import fresh_id
from contactd.store.queries import query
from contactd.store.trouble import AWAY, DATA, StoreRefused, away
from contactd.store.vault import NotOpened, Vault

PIECE = 256 << 10
VIA = "contactctl mail"
WHOLE, CUT, UNREADABLE = "whole", "cut", "unreadable"
_IN_MEMORY = 1 << 20
_MOST = 500
_NONCE = 12


class Parcel:
    """One message on its way into the store: sealed as it comes, in memory up to 1 MiB, then in a file without a name.

    folder: where that file is. To be closed.
    """

    def __init__(self, uid: int, arrived: Instant, folder: Path) -> None:
        self.uid = uid
        self.arrived = arrived
        self.id = fresh_id()
        self.state = WHOLE
        self.size = 0
        self.pieces = 0
        self._key = secrets.token_bytes(32)
        self._cipher = AESGCM(self._key)
        self._hash = hashlib.sha256()
        self._waiting = b""
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder))  # noqa: SIM115 - it is closed

    def __enter__(self) -> Parcel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)
        self._waiting += data
        while len(self._waiting) > PIECE:
            self._seal(self._waiting[:PIECE], last=False)
            self._waiting = self._waiting[PIECE:]

    def end(self) -> None:
        """Nothing more comes."""
        self._seal(self._waiting, last=True)
        self._waiting = b""

    def close(self) -> None:
        self._file.close()

    def key(self, vault: Vault) -> tuple[str, str]:
        """The key with the hash, sealed; and the hash."""
        digest = self._hash.hexdigest()
        return vault.seal(f"{self._key.hex()}:{digest}", about(self.id)), digest

    def bodies(self) -> Iterator[bytes]:
        self._file.seek(0)
        while length := self._file.read(4):
            yield self._file.read(int.from_bytes(length, "big"))

    def _seal(self, piece: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self.pieces, last=last), piece, self.id.encode())
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)
        self.pieces += 1


@dataclass(frozen=True, slots=True)
class Mail:
    """One message, for people. Times in Unix seconds."""

    id: str
    mailbox: str
    state: str
    bytes: int
    arrived_at: Instant
    kept_at: Instant


@dataclass(frozen=True, slots=True)
class Fetched:
    """How far a mailbox was fetched. unsettled: kept, and not yet marked or moved on the server."""

    name: str
    validity: int
    uid: int
    kept: int
    not_whole: int
    bytes: int
    last_kept_at: Instant | None
    unsettled: int


@dataclass(slots=True)
class MailKeeper:
    """Of one mailbox. Raises StoreAway, StoreRefused."""

    pool: asyncpg.Pool
    vault: Vault = field(repr=False)
    mailbox: str
    validity: int = 0
    uid: int = 0
    """Up to here all is kept."""

    async def open(self, validity: int, begin_after: int) -> None:
        """begin_after: where to begin if it was never opened before."""
        row = await self._one("open_mailbox", self.mailbox, validity, begin_after)
        self.validity, self.uid = validity, row["uid"]

    async def keep(self, parcels: Sequence[Parcel], up_to: int, *, settles: bool) -> list[Parcel] | None:
        """Those that are new, all in one transaction, and how far we are then. settles: something is to be done with
        them on the server. None: another contactd was first, or the server counts anew: open again."""
        try:
            async with self.pool.acquire(timeout=10) as connection, connection.transaction():
                row = await connection.fetchrow(query("lock_mailbox"), self.mailbox)
                if row is None or (row["validity"], row["uid"]) != (self.validity, self.uid):
                    return None
                new = [parcel for parcel in parcels if await self._kept(connection, parcel, settles=settles)]
                await connection.execute(query("mailbox_came_to"), self.mailbox, up_to)
        except DATA as error:
            raise StoreRefused(f"PostgreSQL refuses a message ({type(error).__name__}: {error}).") from error
        except AWAY as error:
            raise away(error) from error
        self.uid = up_to
        return new

    async def unsettled(self) -> list[int]:
        """Some of them, ascending."""
        return [row["uid"] for row in await self._all("mail_unsettled", self.mailbox, self.validity, _MOST)]

    async def settle(self, uids: Sequence[int]) -> None:
        await self._all("settle_mail", self.mailbox, self.validity, list(uids))

    async def _kept(self, connection: asyncpg.Connection, parcel: Parcel, *, settles: bool) -> bool:
        key, digest = parcel.key(self.vault)
        known = None
        if parcel.state != UNREADABLE:
            known = await connection.fetchval(
                query("mail_known"), self.mailbox, self.validity, self.vault.lookups("mail", digest)
            )
        if known is None:
            columns = (parcel.state, parcel.size, self.vault.lookup("mail", digest), key, parcel.arrived)
            await connection.execute(query("keep_mail"), parcel.id, self.mailbox, *columns)
            for n, body in enumerate(parcel.bodies()):
                await connection.execute(query("keep_mail_piece"), parcel.id, n, body)
        settled = not settles or parcel.state != WHOLE
        place = (self.mailbox, self.validity, parcel.uid, known or parcel.id, settled)
        await connection.execute(query("keep_mail_place"), *place)
        return known is None

    async def _all(self, name: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            async with self.pool.acquire(timeout=10) as connection:
                rows: list[asyncpg.Record] = await connection.fetch(query(name), *arguments)
                return rows
        except AWAY as error:
            raise away(error) from error

    async def _one(self, name: str, *arguments: object) -> asyncpg.Record:
        return (await self._all(name, *arguments))[0]


# --- for people ---


async def listed(
    connection: asyncpg.Connection, most: int, mailbox: str | None = None, *, not_whole: bool = False
) -> list[Mail]:
    """The newest first."""
    return [Mail(**row) for row in await connection.fetch(query("mails"), most, mailbox, None, not_whole)]


async def beginning(connection: asyncpg.Connection, text: str) -> list[Mail]:
    """Whose id begins so; two at most."""
    return [Mail(**row) for row in await connection.fetch(query("mails"), 2, None, text, False)]


async def mailboxes(connection: asyncpg.Connection) -> list[Fetched]:
    return [Fetched(**row) for row in await connection.fetch(query("mailboxes"))]


async def reveal(connection: asyncpg.Connection, vault: Vault, who: Who, mail: Mail) -> AsyncIterator[bytes] | None:
    """Write down that who reads it, then its bytes, piece by piece. None: it was erased meanwhile. Raises NotOpened."""
    audited = await connection.fetchval(query("audit_mail"), str(who), who.uid, VIA, "read", mail.id)
    row = await connection.fetchrow(query("reveal_mail"), audited)
    if row is None:
        return None
    key, _, digest = vault.open(row["key"], about(mail.id)).partition(":")
    return _opened(connection, mail.id, AESGCM(bytes.fromhex(key)), digest)


async def erase(connection: asyncpg.Connection, who: Who, mail: Mail) -> bool:
    """False: somebody else did. Written down in the same transaction."""
    async with connection.transaction():
        audited = await connection.fetchval(query("audit_mail"), str(who), who.uid, VIA, "erase", mail.id)
        removed: int = await connection.fetchval(query("erase_mail"), audited)
    return removed > 0


def about(mail: str) -> str:
    return f"{mail}/mail"


async def _opened(connection: asyncpg.Connection, mail: str, cipher: AESGCM, digest: str) -> AsyncIterator[bytes]:
    changed = "The message was changed, or is not whole: restore the tables mail and mail_piece from a backup."
    whole, n = hashlib.sha256(), 0
    sealed = await connection.fetchval(query("mail_piece"), mail, n)
    while sealed is not None:
        following = await connection.fetchval(query("mail_piece"), mail, n + 1)
        try:
            piece = cipher.decrypt(_nonce(n, last=following is None), sealed, mail.encode())
        except InvalidTag:
            raise NotOpened(changed) from None
        whole.update(piece)
        yield piece
        sealed, n = following, n + 1
    if whole.hexdigest() != digest:
        raise NotOpened(changed)


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(_NONCE - 1, "big") + bytes([last])
