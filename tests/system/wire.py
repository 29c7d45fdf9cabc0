"""The wire between contactd and a real Asterisk's AMI, which can be late, lie, repeat itself, and speak nonsense."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

END = b"\r\n\r\n"
Twist = Callable[[bytes], Sequence[bytes]]


def as_it_is(block: bytes) -> Sequence[bytes]:
    return [block]


class Wire:
    """port leads to the AMI at target.

    twist: what contactd gets instead of each block that Asterisk sends. late_s: how long each takes.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.twist: Twist = as_it_is
        self.late_s = 0.0
        self.connections = 0
        self.port = 0
        self._to_contactd: asyncio.StreamWriter | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def say(self, data: bytes) -> None:
        """To contactd, between two blocks of Asterisk's."""
        assert self._to_contactd is not None, "nobody is connected"
        self._to_contactd.write(data)

    def say_event(self, **headers: str) -> None:
        lines = "\r\n".join(f"{name}: {value}" for name, value in headers.items())
        self.say(lines.encode() + END)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = None
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target)
            self.connections += 1
            self._to_contactd = writer
            directions = {asyncio.ensure_future(work) for work in (_up(reader, there[1]), self._down(there[0], writer))}
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            for each in directions:
                each.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
        except OSError:
            pass
        finally:
            for end in (writer, there[1] if there else None):
                if end is not None:
                    end.transport.abort()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(await reader.readline())
            while True:
                block = await reader.readuntil(END)
                if self.late_s:
                    asyncio.get_running_loop().call_later(self.late_s, writer.write, block)
                    continue
                for one in self.twist(block):
                    writer.write(one)


async def _up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
