"""A caller with a text telephone, for system tests: minimodem behind a real SIP telephone."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab.phones import Call
from tests.lab.tty import peer
from tests.lab.tty.line import RATE_HZ, bytes_of, padded, samples_of
from tests.system.centre import Centre


def wrong_in(text: str, found: str) -> int:
    """How many characters of text came wrong, where it came best."""
    row = [0] * (len(found) + 1)
    for count, letter in enumerate(text, 1):
        last, row[0] = row[0], count
        for place, other in enumerate(found, 1):
            last, row[place] = row[place], min(last + (letter != other), row[place] + 1, row[place - 1] + 1)
    return min(row)


def nearly(text: str, found: str) -> bool:
    return wrong_in(text, found) <= max(2, len(text) // 3)


class TtyCaller:
    """call: confirmed. What it hears is on tape from the beginning, and read by minimodem."""

    def __init__(self, call: Call, folder: Path) -> None:
        self.call = call
        self._folder = folder
        self._tape = folder / "heard.raw"
        self._count = 0

    @classmethod
    async def dial(cls, centre: Centre, line: str, folder: Path) -> TtyCaller:
        caller = cls(await centre.dial(line), folder)
        await caller.call.play(0)  # a TTY is silent while nobody types
        await caller.call.record(caller._tape)
        return caller

    def read(self) -> str:
        """All that came so far."""
        tape = self._tape.read_bytes() if self._tape.exists() else b""
        return peer.receive(samples_of(tape[: len(tape) // 2 * 2])) if len(tape) > RATE_HZ else ""

    async def reads(self, text: str, timeout_s: float = 30.0) -> str:
        """Until this has come; the telephones and the PBX of a busy machine tear tones, so nearly will do."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not nearly(text, found := await asyncio.to_thread(self.read)):
            assert asyncio.get_running_loop().time() < deadline, f"{text!r} did not come, but {found!r}"
            await asyncio.sleep(0.5)
        return found

    def quiet(self) -> bool:
        """Whether nothing has come for a second."""
        samples = samples_of(self._tape.read_bytes()[-2 * RATE_HZ :])
        return bool(abs(samples).max() < 500)

    async def types(self, text: str) -> None:
        """Once the line is free; returns when the last tone is on its way."""
        deadline = asyncio.get_running_loop().time() + 30
        while not self.quiet():
            assert asyncio.get_running_loop().time() < deadline, "the line is never free"
            await asyncio.sleep(0.1)
        self._count += 1
        samples = padded(await asyncio.to_thread(peer.send, text), 0.2)
        path = self._folder / f"typed{self._count}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(bytes_of(samples))
        await self.call.say(path)
        await asyncio.sleep(len(samples) / RATE_HZ)

    async def answers(self, centre: Centre, text: str) -> None:
        """To the menu, which asks again when it was torn."""
        for _ in range(3):
            await self.types(text)
            deadline = asyncio.get_running_loop().time() + 6
            while asyncio.get_running_loop().time() < deadline:
                if centre.last_of("MenuChosen"):
                    return
                await asyncio.sleep(0.2)
        raise AssertionError(f"the menu never took {text!r}; the caller reads {self.read()!r}")

    async def gives_turn(self, terminal: Terminal, text: str) -> None:
        """Written again when it was torn, as people do."""
        for _ in range(3):
            await self.types(text)
            deadline = asyncio.get_running_loop().time() + 6
            while asyncio.get_running_loop().time() < deadline:
                if nearly(text, terminal.wrote("caller")) and terminal.wrote("caller").rstrip().endswith("GA"):
                    return
                await asyncio.sleep(0.2)
        raise AssertionError(f"{text!r} never came, but {terminal.wrote('caller')!r}")


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
