"""Asking others over HTTP: let be while they fail, read no further than they may say, and only where the file leads."""

from __future__ import annotations

import ssl

import aiohttp


class TooLong(Exception):
    """The answer is longer than it may be."""


class Breaker:
    """Closed, open for a while after failures in a row, then one request tries."""

    def __init__(self, after: int, pause_s: float) -> None:
        self._after = after
        self._pause_s = pause_s
        self._failures = 0
        self._open_until: float | None = None
        self._trying = False

    @property
    def open(self) -> bool:
        return self._open_until is not None

    def lets(self, now: float) -> bool:
        """Whether a request may be made; if so it must be told how it ended."""
        if self._open_until is None:
            return True
        if now < self._open_until or self._trying:
            return False
        self._trying = True
        return True

    def ended(self, now: float, *, well: bool) -> bool:
        """True: it opened, or closed, by this."""
        was, self._trying = self.open, False
        self._failures = 0 if well else self._failures + 1
        if well:
            self._open_until = None
        elif was or self._failures >= self._after:
            self._open_until = now + self._pause_s
        return was != self.open


def session(ca_file: str, most_at_once: int) -> aiohttp.ClientSession:
    """Without cookies, proxies of the environment, and time-outs, which are the asker's. Certificates are looked at.

    ca_file: the CA that signed theirs; empty: those that the system knows.
    """
    context = ssl.create_default_context(cafile=ca_file or None)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=most_at_once),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


async def whole(response: aiohttp.ClientResponse, most: int) -> bytes:
    """All of an answer. Raises TooLong."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            raise TooLong
    return bytes(body)
