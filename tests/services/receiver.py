"""A receiver of web hooks, over real TLS: it verifies as docs/webhooks.rst says, and answers as the test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
import textwrap
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.store import tls

CERTIFICATES = Path(tls.__file__).parent / "certificates"
CA = str(CERTIFICATES / "ca.crt")
PAPER = Path(__file__).resolve().parents[2] / "docs" / "webhooks.rst"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUJD" * 11
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def documented_verify() -> Callable[[str, dict[str, str], bytes], None]:
    """The function that the paper gives to who receives."""
    found = re.search(r"^    import base64.*?\n\n(?=\S)", PAPER.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    names: dict[str, Any] = {}
    exec(textwrap.dedent(found[0]), names)  # noqa: S102 - our own paper
    made: Callable[[str, dict[str, str], bytes], None] = names["verify"]
    return made


def says(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True, slots=True)
class Got:
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        return str(self.body["type"])


@dataclass
class Receiver:
    """reply: what it answers; None: nothing more is said on that line until let is set."""

    secret: str = SECRET
    reply: Callable[[Got], bytes | None] = lambda _: OK
    got: list[Got] = field(default_factory=list)
    let: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/in?key=abc"

    @property
    def types(self) -> list[str]:
        return [one.type for one in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        verify = documented_verify()
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                assert lines[0] == "POST /in?key=abc HTTP/1.1"
                headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines[1:])}
                body = await reader.readexactly(int(headers["content-length"]))
                verify(self.secret, headers, body)
                got = Got(headers, json.loads(body))
                self.got.append(got)
                said = self.reply(got)
                if said is None:
                    await self.let.wait()
                    said = OK
                writer.write(said)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def receiving(certificate: str = "valid.crt", port: int = 0) -> AsyncIterator[Receiver]:
    made = Receiver()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / certificate, CERTIFICATES / "server.key")
    server = await asyncio.start_server(made.serve, "127.0.0.1", port, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        made.let.set()
        server.close()
