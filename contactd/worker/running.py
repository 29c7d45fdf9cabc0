"""One attempt at a job, seen from the worker: a child process, what it says, and the reasons to end it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import contactd
from contactd.store.jobs import Taken

_LINE_BYTES = 1 << 20
"""The longest thing that a job may say: its result, or how far it came."""


@dataclass(frozen=True, slots=True)
class Limits:
    wall_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended. result: it is done. Else error is a sentence; again: another attempt may do better."""

    result: Mapping[str, Any] | None = None
    error: str = ""
    again: bool = True


class Attempt:
    """run() ends with the child's end, whoever ended it. progress: as the child told it last."""

    def __init__(
        self,
        job: Taken,
        function: str,
        limits: Limits,
        dsn: str,
        password: str | None,
        log_level: str = "info",
        sections: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.job = job
        self.progress: Mapping[str, Any] | None = None
        self.began = time.monotonic()
        self._limits = limits
        self._told = {
            "function": function,
            "arguments": job.arguments,
            "progress": job.progress,
            "memory_bytes": limits.memory_bytes,
            "wall_s": limits.wall_s,
            "dsn": dsn,
            "password": password,
            "log_level": log_level,
            "sections": dict(sections),
        }
        self._process: asyncio.subprocess.Process | None = None
        self._killed = False

    @property
    def ran_s(self) -> float:
        return time.monotonic() - self.began

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def kill(self) -> None:
        """At once: a job may be run twice, so it may be ended anywhere."""
        self._killed = True
        process = self._process
        if process is not None and process.returncode is None:
            # It is the first of its own group: whatever it started ends with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def ask_to_end(self) -> None:
        """As a person would, with SIGTERM: for functions that know what to do then."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    async def run(self) -> Ended:
        self._process = await asyncio.create_subprocess_exec(
            *_python(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            # Each thread would reserve 64 MiB of the address space that it may use, and touch next to none of it.
            env={**os.environ, "MALLOC_ARENA_MAX": "2", **_where()},
            # A terminal's Ctrl-C is for the worker, which gives the job back.
            start_new_session=True,
        )
        if self._killed:
            self.kill()
        said: Ended | None = None
        late = False
        try:
            try:
                async with asyncio.timeout(self._limits.wall_s):
                    said = await self._listen(self._process)
            except TimeoutError:
                late = True
            except ValueError:
                said = Ended(error=f"It said more than {_LINE_BYTES >> 20} MiB at once.", again=False)
        finally:
            # Said or not: nothing of it is to stay.
            self.kill()
            code = await self._process.wait()
        if late:
            return Ended(error=f"It took longer than the {self._limits.wall_s:g} s that it may.")
        return said or Ended(error=_end(code))

    async def _listen(self, process: asyncio.subprocess.Process) -> Ended | None:
        """Until it has said how it ended; None when it goes without a word. Its input stays open as long as we live."""
        told, said = cast(asyncio.StreamWriter, process.stdin), cast(asyncio.StreamReader, process.stdout)
        with contextlib.suppress(ConnectionError):
            told.write(json.dumps(self._told).encode() + b"\n")
            await told.drain()
        while line := await said.readline():
            word = json.loads(line)
            if "progress" in word:
                self.progress = word["progress"]
            elif "done" in word:
                return Ended(result=word["done"])
            else:
                return Ended(error=word.get("refused") or word["failed"], again="failed" in word)
        return None


def _python() -> list[str]:
    """As we were started: the installed programs trust neither the environment nor the folder they stand in."""
    return [sys.executable, *(["-I"] if sys.flags.isolated else []), "-m", "contactd.worker.child"]


def _where() -> dict[str, str]:
    """From a checkout the child runs the same checkout."""
    if sys.flags.isolated:
        return {}
    return {"PYTHONPATH": os.pathsep.join([str(Path(contactd.__file__).parents[1]), *filter(None, sys.path)])}


def _end(code: int) -> str:
    if code < 0:
        return f"Its process was ended by {signal.Signals(-code).name}: it needed too much, or somebody killed it."
    return f"Its process ended without a word, with exit code {code}; the journal may tell more."
