"""Byte by byte: an INVITE as no decent stack would send it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

from tests.lab.phones.line import LOOPBACK


@dataclass
class RawCall(asyncio.DatagramProtocol):
    """An INVITE sent as told, and what came back."""

    server: tuple[str, int]
    request_uri: str
    from_: bytes
    call_id: str
    responses: list[tuple[int, str]] = field(default_factory=list)  # (code, whole message)
    requests: list[str] = field(default_factory=list)  # what the far side sent, such as its BYE

    def __post_init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._changed = asyncio.Event()
        self._to = ""
        self._via = ""

    @property
    def code(self) -> int:
        """The last response's status, 0 before any."""
        return self.responses[-1][0] if self.responses else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # by type it is one only from 3.12 on

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode("utf-8", "surrogateescape")
        if text.startswith("SIP/2.0 "):
            self.responses.append((int(text[8:11]), text))
            to = re.search(r"^(?:To|t)\s*:\s*(.*?)\r$", text, re.M | re.I)
            self._to = to[1] if to else self._to
            if self.code >= 200 and " INVITE" in text:
                self._request("ACK", 1)
        else:
            self.requests.append(text)
            self._ok(text)
        self._changed.set()
        self._changed = asyncio.Event()

    def error_received(self, exc: Exception) -> None:
        self.responses.append((503, f"SIP/2.0 503 {exc}\r\n"))
        self._changed.set()

    def _request(self, method: str, number: int) -> None:
        assert self._transport is not None
        # The ACK of a refusal belongs to the INVITE's transaction, that of a 200 and a BYE to their own.
        via = self._via if method == "ACK" and self.code >= 300 else self._via + secrets.token_hex(4)
        head = (
            f"{method} {self.request_uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nTo: {self._to}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n"
        ).encode()
        self._transport.sendto(head + b"From: " + self.from_ + b"\r\n\r\n", self.server)

    def _ok(self, request: str) -> None:
        assert self._transport is not None
        wanted = ("via", "from", "to", "call-id", "cseq")
        lines = [line for line in request.split("\r\n") if line.partition(":")[0].strip().lower() in wanted]
        reply = "\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""])
        if not request.startswith("ACK"):
            self._transport.sendto(reply.encode("utf-8", "surrogateescape"), self.server)

    async def wait(self, lowest_code: int, timeout_s: float = 10.0) -> int:
        """Wait for a response of at least this status; returns it."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.code < lowest_code:
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no answer of {lowest_code} or more within {timeout_s} s: {self.responses}") from None
        return self.code

    def hangup(self) -> None:
        """BYE; there is no RTP here, so it hears nothing either way."""
        self._request("BYE", 2)


@contextlib.asynccontextmanager
async def raw_invite(
    target: str,
    *,
    host: str = LOOPBACK,
    port: int = 5060,
    from_: bytes = b"<sip:raw@127.0.0.1>",
    headers: bytes = b"",
    sdp: bytes | None = None,
) -> AsyncIterator[RawCall]:
    """Send one INVITE whose From value, further header lines and body are exactly these bytes.

    from_ lacks its tag, which is added; headers are whole lines, each ending in CRLF.  No retransmission, no
    authentication, no media: a hostile client's first shot.
    """
    call = RawCall((host, port), f"sip:{target}@{host}:{port}", from_ + b";tag=" + secrets.token_hex(4).encode(), "")
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: call, (LOOPBACK, 0))
    own = "{}:{}".format(*transport.get_extra_info("sockname"))
    call.call_id = f"{secrets.token_hex(8)}@{own}"
    call._via = f"SIP/2.0/UDP {own};branch=z9hG4bK{secrets.token_hex(8)}"
    body = (
        sdp
        if sdp is not None
        else (
            b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            b"m=audio 9 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
    )
    head = (
        f"INVITE {call.request_uri} SIP/2.0\r\nVia: {call._via}\r\nMax-Forwards: 70\r\n"
        f"To: <{call.request_uri}>\r\n"
        f"Call-ID: {call.call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:raw@{own}>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
    ).encode()
    transport.sendto(head + b"From: " + call.from_ + b"\r\n" + headers + b"\r\n" + body, (host, port))
    try:
        yield call
        if 200 <= call.code < 300 and not any(request.startswith("BYE") for request in call.requests):
            call.hangup()
    finally:
        transport.close()
