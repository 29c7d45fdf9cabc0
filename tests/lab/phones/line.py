"""The wire to one phone's process: commands go down, events come up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.lab.phones.call import Call

LOOPBACK = "127.0.0.1"
COMMAND_TIMEOUT_S = 10.0


class PhoneError(Exception):
    """The SIP stack refused a command, or the phone's process has gone."""


class Line:
    """One phone process: commands go down, events come up."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: dict[str, Any]) -> None:
        self.name: str = hello["name"]
        self.pid: int = hello["pid"]
        self.sip: str = hello["sip"]
        self.alive = True
        self.frozen = False
        self.calls: dict[str, Call] = {}
        self.troubles: list[str] = []
        self.on_event: Callable[[Line, dict[str, Any]], None] = lambda line, event: None
        self._reader, self._writer = reader, writer
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0

    @property
    def busy(self) -> int:
        """Calls not yet over."""
        return sum(call.state != "disconnected" for call in self.calls.values())

    async def run(self) -> None:
        """Read until the process goes away."""
        try:
            while message := await self._reader.readline():
                self._take(json.loads(message))
        except (ConnectionError, ValueError) as error:
            self.troubles.append(repr(error))
        finally:
            self.alive = False
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(PhoneError(f"phone {self.name} has died; see {self.name}.log"))
            for call in self.calls.values():
                call._lost()
            self._writer.close()

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            self.on_event(self, message)
            return
        future = self._waiting.pop(message["id"], None)
        if future is None or future.done():
            if "error" in message:
                self.troubles.append(message["error"])
        elif "error" in message:
            future.set_exception(PhoneError(f"{self.name}: {message['error']}"))
        else:
            future.set_result(message.get("value"))

    async def command(self, op: str, **fields: Any) -> Any:
        """Run one command in the phone; raises PhoneError when it is refused."""
        number = self.tell(op, **fields)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            return await asyncio.wait_for(future, COMMAND_TIMEOUT_S)
        except TimeoutError:
            raise PhoneError(f"phone {self.name} did not do {op!r} within {COMMAND_TIMEOUT_S:.0f} s") from None
        finally:
            self._waiting.pop(number, None)

    def tell(self, op: str, **fields: Any) -> int:
        """Send one command and do not wait for its answer; returns its number."""
        if not self.alive:
            raise PhoneError(f"phone {self.name} has died; see {self.name}.log")
        if self.frozen:
            raise PhoneError(f"phone {self.name} is frozen: thaw() it first")
        self._number += 1
        self._writer.write(json.dumps({"id": self._number, "op": op, **fields}).encode() + b"\n")
        return self._number

    def freeze(self) -> None:
        """Stop it in its tracks: its sockets stay open, so the far side sees silence and no refusal."""
        self.frozen = True
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
        self.frozen = False

    def kill(self) -> None:
        """End the process at once: its ports then refuse packets, as a rebooting phone's do."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
