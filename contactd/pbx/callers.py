"""What a caller who rings back is known by: a salted commitment to the number, under a salt that is soon destroyed.

The journal keeps commitments for years. Whoever has the salt could try all numbers, so it lives for an hour, in one
file of ours and nowhere else: not in the database, not in its backups. The file makes it outlive a kill -9; the salt
before it stays for another hour, so that nobody is missed at the change. After that a commitment says nothing of
anybody, and erasing a person need not touch what was kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

log = structlog.get_logger()

FILE = "callers.salt"
LIFE_S = 3600.0
_OVERLAP_S = 600.0
"""So long after a change the salt before it is asked too: the longest ring_back_s."""
_LOOK_S = 300.0
_FEWEST_DIGITS = 3
_WITHHELD = 0x60
"""The bits of Asterisk's CALLINGPRES that say restricted or unavailable."""


class Salt(msgspec.Struct, frozen=True):
    made_at: float
    salt: bytes


class Callers:
    """shared: numbers behind which many people are; one that ends in * stands for all that begin so."""

    def __init__(self, folder: Path, shared: Sequence[str] = (), now: Callable[[], float] = time.time) -> None:
        self._path = folder / FILE
        self._now = now
        self.shared = shared
        self._salts = self._read()
        self.change_salt()

    def known_by(self, number: str, presentation: str = "") -> tuple[str, ...]:
        """The newest salt's commitment first. Empty for who withholds the number, and for one of many behind it."""
        digits = digits_of(number)
        if len(digits) < _FEWEST_DIGITS or withheld(presentation) or self._is_shared(digits):
            return ()
        self.change_salt()
        asked = self._salts[:1] if self._now() - self._salts[0].made_at > _OVERLAP_S else self._salts
        return tuple(hmac.new(one.salt, digits.encode(), hashlib.sha256).hexdigest()[:32] for one in asked)

    def commitments(self, number: str) -> tuple[str, ...]:
        """By both salts, the newest first: of a number that we dial, whoever is behind it."""
        self.change_salt()
        digits = digits_of(number).encode()
        return tuple(hmac.new(one.salt, digits, hashlib.sha256).hexdigest()[:32] for one in self._salts)

    async def run(self) -> None:
        """Until cancelled: a salt goes in time though nobody calls."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.change_salt()

    def change_salt(self) -> None:
        now = self._now()
        # One from the future was made by a clock that was wrong.
        young = [one for one in self._salts if 0 <= now - one.made_at < 2 * LIFE_S]
        if not young or now - young[0].made_at >= LIFE_S:
            young = [Salt(now, secrets.token_bytes(32)), *young[:1]]
        if young != self._salts:
            self._salts = young
            self._write()

    def _is_shared(self, digits: str) -> bool:
        return any(
            digits.startswith(digits_of(one)) if one.endswith("*") else digits == digits_of(one) for one in self.shared
        )

    def _read(self) -> list[Salt]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Salt])[:2]
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            log.warning("caller_salt_not_read", file=str(self._path), error=str(error), remedy=_REMEDY)
            return []

    def _write(self) -> None:
        """A disk that refuses costs a ring-back after a restart, and no call."""
        beside = self._path.with_suffix(".new")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(self._salts))
            beside.replace(self._path)
        except OSError as error:
            log.warning("caller_salt_not_kept", file=str(self._path), error=str(error), remedy=_REMEDY)


_REMEDY = "Who was cut off before a restart gets no old place by ringing back. See that we may read and write the file."


def digits_of(number: str) -> str:
    """
    >>> digits_of("+49 (30) 123"), digits_of("anonymous")
    ('4930123', '')
    """
    return "".join(character for character in number if character.isascii() and character.isdigit())


def withheld(presentation: str) -> bool:
    return presentation.isascii() and presentation.isdigit() and bool(int(presentation[:9]) & _WITHHELD)
