"""One attempt to tell one receiver, who may be hostile: what is sent, how long it may take, what the answer means."""

from __future__ import annotations

import asyncio
import email.utils
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
import orjson
from yarl import URL

from contactd.config import Webhook, WebhookSecrets
from contactd.services import http
from contactd.services.webhooks.signing import signed
from contactd.services.webhooks.telling import envelope
from contactd.store.outbox import Waiting

_MOST_ANSWER_BYTES = 64 << 10
"""Nothing in an answer counts but its status; so much is read that the connection can be used again."""
_MOST_QUIET_S = 3600.0
_BUSY = (429, 503)
_AGENT = "contactd"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an attempt. error: a sentence of ours; empty: it was taken."""

    error: str = ""
    gone: bool = False
    """The receiver says that it is no more (410)."""
    quiet_s: float | None = None
    """It asks to be let be for so long."""
    final: bool = False
    """It answered, and no further attempt at this message is of use."""


@dataclass(slots=True)
class Hook:
    """One for each receiver. clock: Unix seconds."""

    section: Webhook
    secrets: WebhookSecrets
    clock: Callable[[], float] = time.time
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def send(self, message: Waiting) -> Verdict:
        """At most timeout_s. Never raises but when it is cancelled."""
        section = self.section
        body = orjson.dumps(envelope(message.event, message.at, message.data))
        kept = self.secrets
        secrets = [kept.secret, *([kept.old_secret] if kept.old_secret is not None else [])]
        headers = {
            "User-Agent": _AGENT,
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            **section.headers,
            **kept.headers,
            **signed(message.message, int(self.clock()), body, secrets),
        }
        verdict = Verdict(f"No answer within {section.timeout_s:g} s.")
        try:
            async with asyncio.timeout(section.timeout_s):
                async with self._opened().post(
                    URL(section.url, encoded=True), data=body, headers=headers, allow_redirects=False
                ) as response:
                    verdict = self._judge(response)
                    if not verdict.error:
                        await _pass_over(response)
                    return verdict
        except TimeoutError:
            # Whoever said 2xx and then dribbled has taken it.
            return verdict
        except (aiohttp.ClientSSLError, ssl.SSLError):
            return Verdict("Its certificate is not accepted: see ca_file, and its names and dates.")
        except aiohttp.ClientConnectorDNSError:
            return Verdict("Its name leads to no address (DNS).")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its own words have the URL in them, which may be a secret.
            return Verdict(f"No HTTP with it ({type(error).__name__}).")

    async def sent(self, message: Waiting) -> None:
        """It is marked."""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = http.session(self.section.ca_file, self.section.most_at_once)
        return self._session

    def _judge(self, response: aiohttp.ClientResponse) -> Verdict:
        status = response.status
        if 200 <= status < 300:
            return Verdict()
        quiet_s = _quiet(response.headers.get("Retry-After"), self.clock()) if status in _BUSY else None
        if status == 410:
            return Verdict("HTTP 410: it says that it is no more.", gone=True)
        if 300 <= status < 400:
            return Verdict(f"HTTP {status}: a redirect, which is not followed. Give the URL that it leads to.")
        return Verdict(f"HTTP {status} instead of 2xx.", quiet_s=quiet_s)


async def _pass_over(response: aiohttp.ClientResponse) -> None:
    try:
        await http.whole(response, _MOST_ANSWER_BYTES)
    except (http.TooLong, aiohttp.ClientError):
        # It was taken all the same; only the connection is of no use any more.
        response.close()


def _quiet(text: str | None, now: float) -> float | None:
    """Retry-After: seconds, or a date; an hour at most.

    >>> _quiet("120", 0), _quiet("Thu, 01 Jan 1970 00:01:00 GMT", 0.0), _quiet("1e9", 0), _quiet("99999999", 0)
    (120.0, 60.0, None, 3600.0)
    """
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return min(float(text), _MOST_QUIET_S)
    try:
        at = email.utils.parsedate_to_datetime(text[:100]).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, at - now), _MOST_QUIET_S)
