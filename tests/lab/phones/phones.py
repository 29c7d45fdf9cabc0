"""All phones of a test, and the processes behind them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

from tests.lab.phones.line import COMMAND_TIMEOUT_S, LOOPBACK, Line, PhoneError
from tests.lab.phones.phone import Caller, Handset, Phone, Policy, Secure, identity


class Phones:
    """All phones of a test, and the processes behind them."""

    def __init__(self, registrar: str = LOOPBACK, sip_port: int = 5060, *, folder: Path) -> None:
        self.registrar = f"{registrar}:{sip_port}"
        self.folder = folder
        self._phones: list[Phone] = []
        self._arriving: dict[str, asyncio.Future[Line]] = {}
        self._names: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._spawner: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Not below self.folder: a unix socket's path must be shorter than 108 bytes.
        self._socket_folder = tempfile.TemporaryDirectory(prefix="phones-")
        path = Path(self._socket_folder.name) / "link"
        self._server = await asyncio.start_unix_server(self._connected, path)
        with (self.folder / "phones.out").open("ab") as out:
            self._spawner = await asyncio.create_subprocess_exec(
                sys.executable,
                str(Path(__file__).with_name("process.py")),
                str(path),
                str(self.folder),
                stdin=asyncio.subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Hang up and unregister what still answers, for at most two seconds, then kill the lot."""
        lines = [line for phone in self._phones for line in phone._lines if line.alive and not line.frozen]
        with contextlib.suppress(TimeoutError, PhoneError):
            async with asyncio.timeout(2):
                await asyncio.gather(*(line.command("quit") for line in lines))
                for call in [call for line in lines for call in line.calls.values()]:
                    await call.wait("disconnected")
                for phone in self._phones:
                    while isinstance(phone, Handset) and phone.registered and phone._lines[0] in lines:
                        await phone._registration_changed.wait()
        assert self._spawner is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._spawner.pid, signal.SIGKILL)  # frozen ones too; it led its own session
        await self._spawner.wait()
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._socket_folder.cleanup()

    async def handset(
        self,
        name: str,
        password: str,
        *,
        answer: Policy = "auto",
        answer_after_s: float = 0.0,
        tone_hz: int | None = 0,
        register: bool = True,
        secure: Secure | None = None,
    ) -> Handset:
        """A phone for one of the PBX's accounts; it plays silence unless given a tone."""
        handset = Handset(self, name, password, tone_hz, secure)
        handset._policy, handset._answer_after_s = answer, answer_after_s
        await self._take_in(handset)
        if register:
            await handset.register()
        return handset

    async def caller(
        self,
        name: str = "caller",
        password: str | None = None,
        *,
        number: str | None = None,
        display: str | None = None,
        tone_hz: int | None = 0,
    ) -> Caller:
        """A phone outside, not registered; with a password it answers challenges as `name`."""
        caller = Caller(self, name, identity(number or name, self.registrar, display), password, tone_hz)
        await self._take_in(caller)
        return caller

    async def _take_in(self, phone: Phone) -> None:
        await phone._add_line()
        self._phones.append(phone)

    async def _spawn(self, name: str) -> Line:
        assert self._spawner is not None and self._spawner.stdin is not None, "use `async with Phones(...)`"
        unique = name
        while unique in self._names:
            unique = f"{name}+{len(self._names)}"
        self._names.add(unique)
        arriving: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        self._arriving[unique] = arriving
        self._spawner.stdin.write(unique.encode() + b"\n")
        ended = asyncio.ensure_future(self._spawner.wait())
        try:
            await asyncio.wait((arriving, ended), timeout=COMMAND_TIMEOUT_S, return_when="FIRST_COMPLETED")
        finally:
            ended.cancel()
        if not arriving.done():
            raise PhoneError(
                f"phone {unique} did not start: {self.folder / 'phones.out'} says why "
                "(is pjsua2-python there? It has wheels for x86-64 and up to Python 3.12)"
            )
        return arriving.result()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        hello = json.loads(await reader.readline())
        line = Line(reader, writer, hello)
        self._arriving.pop(line.name).set_result(line)
        with contextlib.suppress(asyncio.CancelledError):
            await line.run()
        self._tasks.discard(task)
