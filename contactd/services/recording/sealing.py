"""A recording at rest: encrypted by a key of its own, which is wrapped by the configured one.

The file is ``CTDREC1\\n`` and pieces of 64 KiB, each AES-256-GCM: the nonce counts them and marks the last, and the
recording's id is authenticated with each, so nothing can be cut off, put in another order or put under another name.
Whoever forgets the wrapped key has shredded the file and every backup of it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contactd.core.errors import ContactdError
from contactd.store.vault import key_id

_MAGIC = b"CTDREC1\n"
_PIECE = 1 << 16
_TAG, _NONCE = 16, 12


class NotReadable(ContactdError):
    """A recording that cannot be opened, or is not what was written."""


class KeyRing:
    """keys: 32 bytes each, the current one first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {key_id(key): AESGCM(hmac.digest(key, b"contactd recording", "sha256")) for key in keys}
        self.current = key_id(keys[0]) if keys else ""

    @classmethod
    def of_hex(cls, keys: Sequence[str]) -> KeyRing:
        return cls([bytes.fromhex(key) for key in keys])

    def __repr__(self) -> str:
        return "KeyRing(...)"

    def wrap(self, key: bytes, about: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._ciphers[self.current].encrypt(nonce, key, about.encode())

    def unwrap(self, with_key: str, wrapped: bytes, about: str) -> bytes:
        """Raises NotReadable."""
        cipher = self._ciphers.get(with_key)
        if cipher is None:
            raise NotReadable(
                f"The recording is encrypted with the key {with_key}, which is not among ours: run this as a user who"
                " may read the secrets file (sudo -u contactd ...), and keep old keys in old_keys of [recording]."
            )
        try:
            return cipher.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], about.encode())
        except InvalidTag:
            raise NotReadable("The recording's key was changed: restore the table blob from a backup.") from None


def fresh_key() -> bytes:
    return secrets.token_bytes(32)


def seal(parts: Iterable[bytes], out: BinaryIO, key: bytes, about: str) -> tuple[bytes, int]:
    """Writes all of it; returns the SHA-256 of what was given, and its length. In no more memory than a piece."""
    cipher, told = AESGCM(key), about.encode()
    whole, size, count, waiting = hashlib.sha256(), 0, 0, b""
    out.write(_MAGIC)
    for part in parts:
        whole.update(part)
        size += len(part)
        waiting += part
        while len(waiting) > _PIECE:
            out.write(cipher.encrypt(_nonce(count, last=False), waiting[:_PIECE], told))
            waiting, count = waiting[_PIECE:], count + 1
    out.write(cipher.encrypt(_nonce(count, last=True), waiting, told))
    return whole.digest(), size


def opened(file: BinaryIO, key: bytes, about: str) -> Iterator[bytes]:
    """What was sealed, a piece at a time. Raises NotReadable; what came before it is right."""
    cipher, told = AESGCM(key), about.encode()
    if file.read(len(_MAGIC)) != _MAGIC:
        raise NotReadable("The file is no recording of contactd: restore it from a backup.")
    sealed, count = file.read(_PIECE + _TAG), 0
    while True:
        following = file.read(_PIECE + _TAG)
        try:
            piece = cipher.decrypt(_nonce(count, last=not following), sealed, told)
        except InvalidTag:
            raise NotReadable("The file was changed, or is not whole: restore it from a backup.") from None
        yield piece
        if not following:
            return
        sealed, count = following, count + 1


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(_NONCE - 1, "big") + bytes([last])
