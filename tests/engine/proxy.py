"""A TCP proxy before PostgreSQL that can cut the wire at the worst moment."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """dsn leads through it. lose_next(needle): pass on the request that holds needle, and never its answer."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        url = urlsplit(dsn)
        self._target = (url.hostname or "", url.port or 5432)
        self._needle: bytes | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._open = True
        self.lost = 0
        self.dsn = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        url = urlsplit(self._dsn)
        self.dsn = urlunsplit(url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{port}"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._server.close()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def lose_next(self, needle: bytes) -> None:
        self._needle = needle

    def cut(self) -> None:
        """Every connection, now; and no new one until mend()."""
        self._open = False
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._open = True

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, upstream_writer}
        armed = asyncio.Event()

        async def up() -> None:
            while data := await reader.read(1 << 16):
                if self._needle is not None and self._needle in data:
                    self._needle = None
                    armed.set()
                upstream_writer.write(data)
                await upstream_writer.drain()

        async def down() -> None:
            while data := await upstream_reader.read(1 << 16):
                if armed.is_set():
                    # The server has done it and said so; nobody hears.
                    self.lost += 1
                    return
                writer.write(data)
                await writer.drain()

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        with contextlib.suppress(OSError):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._writers -= {writer, upstream_writer}
        for each in (writer, upstream_writer):
            each.transport.abort()
