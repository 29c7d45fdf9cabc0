"""Passwords by argon2id, in a few threads: each takes 64 MiB and a tenth of a second, and calls must not wait."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contactd.core.errors import ContactdError

SHORTEST, LONGEST = 12, 256
_HASHER = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
"""RFC 9106, 4, the second recommended option, with one lane: a thread each."""
_THREADS, _MOST_WAITING = 2, 32


class PasswordRefused(ContactdError):
    """Nobody may have this one."""


class TooManySignIns(ContactdError):
    """More passwords wait to be looked at than can be soon."""


def hash_of(name: str, password: str) -> str:
    """Raises PasswordRefused. NIST SP 800-63B, 5.1.1.2: length counts, and no rule of what is in it."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordRefused(f"A password has {SHORTEST} to {LONGEST} characters: take a few words.")
    if name.lower() in password.lower() or len(set(password)) < 5:
        raise PasswordRefused("This password is guessed at once: it repeats the name, or a few characters.")
    return _HASHER.hash(password)


def fits(hash_: str, password: str) -> bool:
    try:
        return _HASHER.verify(hash_, password)
    except (VerificationError, InvalidHashError):
        return False


class Checker:
    """Whether a password is right; so many at once and so many waiting, and no more."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        # Of nobody's: who is not there takes as long as who is.
        self._nobodys = _HASHER.hash(secrets.token_hex(16))
        self.waiting = 0

    async def right(self, hash_: str | None, password: str) -> bool:
        """hash_: None: of a user who is not there, or has none. Raises TooManySignIns."""
        if self.waiting >= _MOST_WAITING:
            raise TooManySignIns("Too many people sign in at this moment: try again in a few seconds.")
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            known = await loop.run_in_executor(self._threads, fits, hash_ or self._nobodys, password)
        finally:
            self.waiting -= 1
        return known and hash_ is not None

    async def renewed(self, hash_: str, password: str) -> str | None:
        """By today's costs; None: it is so already."""
        if not _HASHER.check_needs_rehash(hash_):
            return None
        return await asyncio.get_running_loop().run_in_executor(self._threads, _HASHER.hash, password)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
