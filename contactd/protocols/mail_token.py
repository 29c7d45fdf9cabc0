"""The signed token by which an answer is known again: it names a thread of mail, and nobody else can make one.

It stands in the Message-ID of what is sent and in the local part of its Reply-To: lower-case letters and digits, since
servers on the way change the case of both. It proves that we named the thread, not who answers: accept it only from
somebody who could have got it.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence

_MARK = "ct1"
_THREAD, _SEAL = 16, 8
_THREAD_LETTERS, _SEAL_LETTERS = 26, 13
_TOKEN = re.compile(rf"(?<![a-z0-9]){_MARK}([a-z2-7]{{{_THREAD_LETTERS}}})([a-z2-7]{{{_SEAL_LETTERS}}})(?![a-z0-9])")
_LONGEST_LOCAL = 64
_MOST_TRIED = 200
"""Tokens that are looked at in one text: who writes ten thousand of them makes no work."""


class Tokens:
    """keys: at least 16 bytes each, the current one first; older ones still verify."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or min(map(len, keys)) < 16:
            raise ValueError("a token is signed with a key of 16 bytes or more")
        self._keys = tuple(keys)

    def __repr__(self) -> str:
        return "Tokens(...)"

    def token(self, thread: str) -> str:
        """thread: a UUID. The same thread has the same token, as long as the key is the same.

        >>> Tokens([b"k" * 16]).token("018f3a52-0000-7000-8000-000000000001")
        'ct1aghtuuqaabyabaaaaaaaaaaaaeof6uplg5oljqg'
        """
        raw = bytes.fromhex(thread.replace("-", ""))
        if len(raw) != _THREAD:
            raise ValueError("a thread is named by a UUID")
        return _MARK + _letters(raw) + _letters(self._seal(self._keys[0], raw))

    def message_id(self, thread: str, unique: bytes, domain: str) -> str:
        """Of one message that is sent, with its angle brackets. unique: 8 random bytes or more."""
        if len(unique) < 8 or not re.fullmatch(r"[A-Za-z0-9.-]{1,190}", domain):
            raise ValueError("a Message-ID needs 8 bytes that nobody else has, and a domain")
        return f"<{self.token(thread)}.{_letters(unique)}@{domain}>"

    def reply_to(self, address: str, thread: str) -> str:
        """address with the token as its detail: support+ct1...@example.org. The address itself where that is too long.

        The mail server must take such addresses for the mailbox (Postfix: recipient_delimiter = +).
        """
        local, at, domain = address.rpartition("@")
        tagged = f"{local}+{self.token(thread)}"
        return f"{tagged}@{domain}" if at and len(tagged.encode()) <= _LONGEST_LOCAL else address

    def threads(self, *texts: str) -> list[str]:
        """The threads (UUIDs) that genuine tokens in these texts name, each once, in their order.

        texts: whatever may hold one: Message-IDs, In-Reply-To, References, addresses. Anything else is passed over.
        """
        found: dict[str, None] = {}
        tried = 0
        for text in texts:
            for match in _TOKEN.finditer(text.lower()):
                tried += 1
                if tried > _MOST_TRIED:
                    return list(found)
                thread, seal = _bytes(match[1], _THREAD), _bytes(match[2], _SEAL)
                if thread and seal and any(hmac.compare_digest(self._seal(key, thread), seal) for key in self._keys):
                    name = thread.hex()
                    found["-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))] = None
        return list(found)

    @staticmethod
    def _seal(key: bytes, thread: bytes) -> bytes:
        return hmac.digest(key, b"contactd mail thread\0" + thread, "sha256")[:_SEAL]


def _letters(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _bytes(letters: str, length: int) -> bytes | None:
    """None: other letters than those that these bytes are written with."""
    raw = base64.b32decode(letters.upper() + "=" * (-len(letters) % 8))
    return raw if len(raw) == length and _letters(raw) == letters else None
