"""TLS before a PostgreSQL that may have none: the server's side of its handshake, with a certificate of the test's."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CERTIFICATES = Path(__file__).with_name("certificates")
_ASKS_FOR_TLS = bytes.fromhex("00000008 04d2162f")


class TlsFront:
    """dsn leads through it, with sslmode=verify-full. certificate: valid or expired; may change while it serves."""

    def __init__(self, dsn: str, certificate: str) -> None:
        url = urlsplit(dsn)
        self._url = url
        self._target = (url.hostname or "", url.port or 5432)
        self.certificate = certificate
        self.dsn = ""
        self._serving: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        query = f"sslmode=verify-full&sslrootcert={CERTIFICATES / 'ca.crt'}"
        netloc = f"{self._url.username}:{self._url.password}@127.0.0.1:{port}"
        self.dsn = urlunsplit(self._url._replace(netloc=netloc, query=query))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def cut(self) -> None:
        """Every connection, now."""
        for writer in self._writers:
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            assert await reader.readexactly(8) == _ASKS_FOR_TLS
            writer.write(b"S")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATES / f"{self.certificate}.crt", CERTIFICATES / "server.key")
            await writer.start_tls(context)
            there = await asyncio.open_connection(*self._target)
            self._writers.add(there[1])
            await asyncio.gather(_pipe(reader, there[1]), _pipe(there[0], writer))
        writer.transport.abort()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
