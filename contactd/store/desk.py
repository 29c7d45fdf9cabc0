"""Who may use the desk, and who is at it, as rows. Passwords come here as hashes, tokens as theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from contactd.core.ids import Instant
from contactd.store.queries import query
from contactd.store.trouble import AWAY, away

T = TypeVar("T")
_PATIENCE_S = 3.0
"""Somebody waits in front of a page."""


@dataclass(frozen=True, slots=True)
class User:
    """One row. password: its hash; totp: the sealed secret. Its text form shows neither."""

    name: str
    person: str
    role: str
    agent: str | None
    queues: tuple[str, ...]
    language: str
    password: str | None
    token: bytes | None
    totp: str | None
    totp_step: int
    locked_at: Instant | None
    added_at: Instant
    sessions: int

    def __repr__(self) -> str:
        return f"User({self.name!r}, {self.role!r})"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session with its user's rights of now. open_s, idle_s: since it was opened and used."""

    id: bytes
    name: str
    person: str
    role: str
    agent: str | None
    queues: tuple[str, ...]
    language: str
    open_s: float
    idle_s: float


def hashed(secret: str) -> bytes:
    """As a session's or an integrator's secret is kept: it has 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(secret.encode()).digest()


def about(name: str) -> str:
    """What a sealed secret of one-time codes is authenticated with."""
    return f"desk_user {name} totp"


async def users(connection: asyncpg.Connection, name: str | None = None) -> list[User]:
    rows = await connection.fetch(query("desk_users"), name)
    return [User(**{**row, "queues": tuple(row["queues"])}) for row in rows]


async def add(
    connection: asyncpg.Connection,
    name: str,
    person: str,
    role: str,
    agent: str | None,
    queues: Sequence[str],
    language: str,
    password: str | None,
    token: bytes | None,
) -> bool:
    """False: the name is taken."""
    values = (name, person, role, agent, list(queues), language, password, token)
    return await connection.fetchval(query("desk_user_add"), *values) is not None


async def set_password(
    connection: asyncpg.Connection, name: str, password: str | None, token: bytes | None = None
) -> bool:
    """Whoever is signed in by the one before is signed out. False: there is no such user."""
    done = await connection.fetchval(query("desk_user_password"), name, password, token) is not None
    await connection.execute(query("desk_sessions_end"), name)
    return done


async def set_totp(connection: asyncpg.Connection, name: str, sealed: str | None) -> bool:
    return await connection.fetchval(query("desk_user_totp"), name, sealed) is not None


async def lock(connection: asyncpg.Connection, name: str, *, locked: bool) -> bool:
    done = await connection.fetchval(query("desk_user_lock"), name, locked) is not None
    if locked:
        await connection.execute(query("desk_sessions_end"), name)
    return done


async def remove(connection: asyncpg.Connection, name: str) -> bool:
    return await connection.fetchval(query("desk_user_remove"), name) is not None


class DeskStore:
    """For the daemon, through its pool. Everything raises StoreAway."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def on(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """work on a connection of its own, which whoever waits for it can afford."""
        try:
            async with self._pool.acquire(timeout=_PATIENCE_S) as connection:
                return await work(connection)
        except AWAY as error:
            raise away(error) from error

    async def user(self, name: str) -> User | None:
        found = await self.on(lambda connection: users(connection, name))
        return found[0] if found else None

    async def user_of_token(self, token: str) -> User | None:
        name = await self._value("desk_user_by_token", hashed(token))
        return await self.user(name) if name is not None else None

    async def take_code(self, name: str, step: int) -> bool:
        """False: it was taken before."""
        return await self._value("desk_user_code", name, step) is not None

    async def rehash(self, name: str, before: str, now: str) -> None:
        await self._value("desk_user_rehash", name, before, now)

    async def open_session(self, token: str, name: str) -> bool:
        """False: the user is gone or locked meanwhile."""
        return await self._value("desk_session_add", hashed(token), name) is not None

    async def end_session(self, id_: bytes) -> None:
        await self._value("desk_session_end", id_)

    async def sessions(self, idle_s: float, open_s: float, seen: dict[bytes, float]) -> list[SignedIn]:
        """Tell which were used how long ago, forget those that are over, and read the others."""

        async def work(connection: asyncpg.Connection) -> list[SignedIn]:
            if seen:
                await connection.execute(query("desk_sessions_seen"), list(seen), list(seen.values()))
            await connection.execute(query("desk_sessions_old"), idle_s, open_s)
            rows = await connection.fetch(query("desk_sessions"))
            return [SignedIn(**{**row, "id": bytes(row["id"]), "queues": tuple(row["queues"])}) for row in rows]

        return await self.on(work)

    async def _value(self, name: str, *arguments: object) -> Any:
        return await self.on(lambda connection: connection.fetchval(query(name), *arguments, timeout=_PATIENCE_S))
