"""A mailbox of the lab's server, a Fetcher on it, and what is kept of it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any

from contactd.config.sections import Mailbox as Section
from contactd.mail.fetching import Fetcher, Ways
from contactd.store import mail as rows
from contactd.store.audit import Who
from contactd.store.mail import MailKeeper
from contactd.store.vault import Vault
from tests.lab.mail.dovecot import PASSWORD, Dovecot

VAULT = Vault([b"k" * 32])
_numbers = count(1)


def user() -> str:
    """One that nobody else has."""
    return f"user{next(_numbers)}"


def message(number: int = 0, size: int = 400) -> bytes:
    """A whole one, unlike every other."""
    head = f"From: a@example.org\r\nSubject: number {number} * OK {{5}} )((\r\nMessage-ID: <{number}@x>\r\n\r\n"
    line = f"line of {number}: * 1 FETCH (UID 5 BODY[] {{3}}\r\n"
    return (head + line * (1 + max(0, size - len(head)) // len(line))).encode()


def section(server: Dovecot, name: str, **more: Any) -> Section:
    more = {"poll_s": 5, **more}
    return Section(host="127.0.0.1", port=server.port, tls="none", username=name, **more)


def fetcher(pool: Any, name: str, one: Section, folder: Path, **more: Any) -> Fetcher:
    room = more.pop("room", None) or asyncio.Semaphore(8)
    ways = Ways(room, more.pop("may", lambda: True), folder, more.pop("reached", lambda _: None))
    password = None if one.token_file else PASSWORD
    return Fetcher(name, one, password, MailKeeper(pool, VAULT, name), ways, **{"pause_s": 0.05, **more})


@contextlib.asynccontextmanager
async def running(*fetchers: Fetcher) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in fetchers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError), result


async def kept(pool: Any, name: str) -> list[bytes]:
    """All messages of a mailbox, opened, in the order of the server."""
    async with pool.acquire() as connection:
        found = []
        places = await connection.fetch("SELECT mail::text, uid FROM mail_place WHERE mailbox = $1", name)
        uids = {row["mail"]: row["uid"] for row in places}
        for mail in sorted(await rows.listed(connection, 100_000, name), key=lambda one: uids[one.id]):
            pieces = await rows.reveal(connection, VAULT, Who.me(), mail)
            assert pieces is not None
            found.append(b"".join([piece async for piece in pieces]))
        return found


async def hashes(pool: Any, name: str) -> list[bytes]:
    """By which kept messages are known, without opening them."""
    rows_ = await pool.fetch("SELECT lookup FROM mail WHERE mailbox = $1", name)
    return sorted(row["lookup"] for row in rows_)


def hash_of(one: bytes) -> bytes:
    return VAULT.lookup("mail", hashlib.sha256(one).hexdigest())


async def until(condition: Callable[[], Any], what: str, patience_s: float = 30) -> None:
    """condition: a plain function or one that is awaited."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            while True:
                found = condition()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.02)
    raise AssertionError(f"waited {patience_s:g} s in vain for {what}")


async def until_kept(pool: Any, name: str, number: int, patience_s: float = 30) -> None:
    async def enough() -> bool:
        row = await pool.fetchrow("SELECT count(*) AS n FROM mail WHERE mailbox = $1", name)
        return bool(row["n"] >= number)

    await until(enough, f"{number} messages of {name}", patience_s)
