"""A caller with a text telephone, for system tests: minimodem behind a real SIP telephone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from tests.lab.phones.rtp import RtpCall, rtp_call
from tests.lab.tty import peer
from tests.lab.tty.line import RATE_HZ, padded
from tests.system.centre import Centre


def wrong_in(text: str, found: str) -> int:
    """How many characters of text came wrong, where it came best."""
    row = [0] * (len(found) + 1)
    for count, letter in enumerate(text, 1):
        last, row[0] = row[0], count
        for place, other in enumerate(found, 1):
            last, row[place] = row[place], min(last + (letter != other), row[place] + 1, row[place - 1] + 1)
    return min(row)


class TtyCaller:
    """minimodem behind a telephone that keeps the PBX's own packets.

    On a quiet machine each character comes right, both ways. On one that works at other things a character was torn now
    and then, and where is not known yet: so a third of a line may be wrong, and a line is written again, as people do.
    """

    def __init__(self, call: RtpCall) -> None:
        self.call = call

    @classmethod
    @contextlib.asynccontextmanager
    async def dial(cls, centre: Centre, line: str) -> AsyncIterator[TtyCaller]:
        async with rtp_call(line, port=centre.stack.asterisk.sip_port) as call:
            yield cls(call)

    def came(self, text: str, found: str) -> bool:
        return wrong_in(text, found) <= max(2, len(text) // 3)

    def read(self) -> str:
        """All that came so far."""
        heard = self.call.heard()
        return peer.receive(heard) if len(heard) > RATE_HZ else ""

    async def reads(self, text: str, timeout_s: float = 40.0) -> str:
        """Until this has come."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not self.came(text, found := await asyncio.to_thread(self.read)):
            assert asyncio.get_running_loop().time() < deadline, (
                f"{text!r} did not come, but {found!r}: {wrong_in(text, found)} characters are wrong,"
                f" and this machine was late by {self.call.late_s:.3f} s"
            )
            await asyncio.sleep(0.5)
        return found

    def quiet(self) -> bool:
        """Whether nothing has come for a second."""
        return bool(abs(self.call.heard()[-RATE_HZ:]).max(initial=0) < 500)

    async def types(self, text: str) -> None:
        """Once the line is free; returns when the last tone is on its way."""
        deadline = asyncio.get_running_loop().time() + 30
        while not self.quiet():
            assert asyncio.get_running_loop().time() < deadline, "the line is never free"
            await asyncio.sleep(0.1)
        self.call.say(padded(await asyncio.to_thread(peer.send, text), 0.2))
        await self.call.said()

    async def answers(self, centre: Centre, text: str) -> None:
        """To the menu."""
        for _ in range(3):
            await self.types(text)
            with contextlib.suppress(AssertionError):
                return await centre.until(lambda: centre.last_of("MenuChosen"), "the menu to take it")
        raise AssertionError(f"the menu never took {text!r}")

    async def gives_turn(self, terminal: Terminal, text: str) -> None:
        for _ in range(3):
            await self.types(text)
            with contextlib.suppress(AssertionError):
                return await terminal.shows(lambda one: self._given(text, one.wrote("caller")), f"{text!r}")
        raise AssertionError(f"{text!r} never came, in three times")

    def _given(self, text: str, found: str) -> bool:
        return self.came(text, found) and found.rstrip().endswith("GA")


class Terminal:
    """``contactctl --json tty CONTACT`` of an agent: lines in, notices out."""

    def __init__(self, centre: Centre, contact: str, folder: Path) -> None:
        import os
        import subprocess
        import sys

        from tests.lab.progress import ROOT

        self._out = folder / "terminal.jsonl"
        self._handle = self._out.open("wb")
        argv = [sys.executable, "-m", "contactd.ctl", "--json", "--config", str(centre.stack.daemon.config)]
        self._process = subprocess.Popen(
            [*argv, "tty", contact],
            stdin=subprocess.PIPE,
            stdout=self._handle,
            stderr=self._handle,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def types(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def notices(self) -> list[dict[str, Any]]:
        found = []
        for line in self._out.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError as error:
                raise AssertionError(line) from error
        return found

    def wrote(self, by: str) -> str:
        return "".join(one["text"] for one in self.notices() if one["kind"] == "wrote" and one["by"] == by)

    def state(self) -> dict[str, Any]:
        return next((one for one in reversed(self.notices()) if one["kind"] == "state"), {})

    async def shows(self, condition: Callable[[Terminal], object], what: str, timeout_s: float = 20.0) -> None:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not condition(self):
            assert asyncio.get_running_loop().time() < deadline, f"no {what}: {self._out.read_text()[-2000:]}"
            await asyncio.sleep(0.05)

    def close(self) -> int:
        """The exit code, once it has ended by itself or was made to."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            return self._process.wait(10)
        except Exception:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._handle.close()
