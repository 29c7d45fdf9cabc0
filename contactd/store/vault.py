"""Personal values at rest: sealed one by one where a key is configured, and found again by a keyed hash.

A sealed value is text: ``1:<key>:<base64 of nonce and AES-256-GCM>``; one that is not sealed is ``=`` and itself. What
it is about (whose, and which) is authenticated with it, so a value moved to another row does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contactd.core.errors import ContactdError

_NONCE = 12
_BLOCK = 64


class NotOpened(ContactdError):
    """A value that none of our keys opens."""


class _Keyed:
    """HMAC-SHA256 (RFC 2104) under one key, whose two blocks are hashed once: a fourth of what hmac.digest() takes, and
    an import wants five of each row."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def hash(self, kind: str, value: str) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"{kind}\0{value}".encode())
        outer.update(inner.digest())
        return outer.digest()


class Finder:
    """By what values are found: hashes under keys that open nothing."""

    __slots__ = ("_keys", "_made")

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = list(keys)
        self._made = [_Keyed(key) for key in keys]

    def __reduce__(self) -> tuple[type[Finder], tuple[list[bytes]]]:
        return Finder, (self._keys,)

    def __repr__(self) -> str:
        return "Finder(...)"

    def lookup(self, kind: str, value: str) -> bytes:
        """Under the current key."""
        return self._made[0].hash(kind, value)

    def lookups(self, kind: str, value: str) -> list[bytes]:
        """Under every key that a row may have been kept with, the current one first."""
        return [key.hash(kind, value) for key in self._made]


class Vault:
    """keys: 32 bytes each, the current one first; none: nothing is sealed. Older ones still open and still find."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._ciphers = {key_id(key): AESGCM(_derived(key, b"contactd seal")) for key in keys}
        self._current = key_id(keys[0]) if keys else None
        # What was kept before there was a key is found as well, until it is sealed.
        self.finder = Finder([*(_derived(key, b"contactd lookup") for key in keys), b""])

    @classmethod
    def of_hex(cls, keys: Sequence[str]) -> Vault:
        return cls([bytes.fromhex(key) for key in keys])

    def __repr__(self) -> str:
        return "Vault(...)"

    @property
    def seals(self) -> bool:
        return self._current is not None

    def seal(self, text: str, about: str) -> str:
        if self._current is None:
            return f"={text}"
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._ciphers[self._current].encrypt(nonce, text.encode(), about.encode())
        return f"{self.prefix}{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, about: str) -> str:
        """Raises NotOpened."""
        if sealed.startswith("="):
            return sealed[1:]
        version, _, rest = sealed.partition(":")
        key, _, body = rest.partition(":")
        cipher = self._ciphers.get(key)
        if version != "1" or cipher is None:
            raise NotOpened(
                f"A value is sealed with the key {key}, which is not among ours: run this as a user who may read the"
                " secrets file (sudo -u contactd ...), and keep every old key in old_keys until `contactd migrate` has"
                " sealed all values anew."
            )
        try:
            raw = base64.b64decode(body, validate=True)
            return cipher.decrypt(raw[:_NONCE], raw[_NONCE:], about.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise NotOpened(
                "A value was changed, or moved to another person's row: restore contact_private and the tables party*"
                " from a backup."
            ) from None

    @property
    def prefix(self) -> str:
        """What every value begins with that seal() makes now."""
        return "=" if self._current is None else f"1:{self._current}:"

    def lookup(self, kind: str, value: str) -> bytes:
        """By which the value is found: equal values give equal hashes; without the key nobody can try some out."""
        return self.finder.lookup(kind, value)

    def lookups(self, kind: str, value: str) -> list[bytes]:
        """Under every key that a row may have been kept with, the current one first."""
        return self.finder.lookups(kind, value)


def key_id(key: bytes) -> str:
    """Names a key, in values and messages; says nothing of it."""
    return hashlib.sha256(b"contactd key id" + key).hexdigest()[:8]


def _derived(key: bytes, use: bytes) -> bytes:
    return hmac.digest(key, use, "sha256")
