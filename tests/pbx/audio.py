"""Asterisk's end of AudioSocket, and a server to connect to."""

import asyncio
import contextlib
from typing import Self

from contactd.pbx.audiosocket import AudioHandler, AudioSocketServer
from contactd.pbx.ivr import echo
from contactd.protocols import audiosocket as wire

FRAME = b"\x01\x02" * 160  # 20 ms


class Channel:
    """Asterisk's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def says(self, *frames: bytes) -> None:
        self.writer.write(b"".join(wire.encode(wire.AUDIO, frame) for frame in frames))

    async def hears(self) -> wire.Frame:
        kind, *length = await self.reader.readexactly(3)
        return wire.Frame(kind, await self.reader.readexactly(int.from_bytes(bytes(length))))

    async def closed(self) -> bool:
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass
        return True


class Line:
    """A server, and who is connected to it."""

    def __init__(self, **options: object) -> None:
        self.server = AudioSocketServer("127.0.0.1", 0, **options)  # type: ignore[arg-type]
        self.channels: list[Channel] = []

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(self, first: bytes = b"") -> Channel:
        channel = Channel(*await asyncio.open_connection("127.0.0.1", self.server.port))
        self.channels.append(channel)
        channel.writer.write(first)
        return channel

    async def call(self, handler: AudioHandler = echo) -> Channel:
        return await self.connect(wire.encode(wire.UUID, self.server.issue(handler).bytes))

    async def close(self) -> None:
        await self.server.close(0)
        for channel in self.channels:
            channel.writer.close()
