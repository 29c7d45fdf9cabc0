"""A hand-made AMI session with contactd's own account: what it may do, and what not."""

from __future__ import annotations

import asyncio
from typing import Self

from tests.lab.asterisk import Asterisk


class Manager:
    """`await Manager.login(asterisk)`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def login(cls, asterisk: Asterisk) -> Self:
        reader, writer = await asyncio.open_connection("127.0.0.1", asterisk.ami_port)
        await reader.readline()
        manager = cls(reader, writer)
        answer = await manager.ask("Login", Username="contactd", Secret=asterisk.ami_secret, Events="off")
        assert "Response: Success" in answer
        return manager

    async def ask(self, action: str, **headers: str) -> str:
        lines = [f"Action: {action}", "ActionID: mine", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        while True:
            answer = (await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 5)).decode()
            if "ActionID: mine" in answer and "Response: " in answer:
                return answer
