"""What jobs in the tests do; run in the worker's child."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

from contactd.core.errors import ContactdError
from contactd.worker.job import Job, JobRefused


async def echo(job: Job) -> dict[str, Any]:
    print("what a job prints is no answer")
    return {"said": job.arguments.get("say"), "from": job.progress}


async def count(job: Job) -> dict[str, Any]:
    """Counts on from where it was, a hundred a second, and tells; up to the number that it was given."""
    done = (job.progress or {}).get("done", 0)
    while done < job.arguments["to"]:
        done += 1
        job.report({"done": done})
        await asyncio.sleep(0.01)
    return {"done": done}


async def mark(job: Job) -> dict[str, Any]:
    """A line in a file for each time that it runs, with its process; then for ever, or for so long."""
    _note(Path(job.arguments["file"]))
    await asyncio.sleep(job.arguments.get("for_s", 3600))
    return {}


def _note(path: Path) -> None:
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")


async def gorge(job: Job) -> dict[str, Any]:
    held = []
    while True:
        held.append(bytes(1 << 24))


async def spin(job: Job) -> dict[str, Any]:
    """Deaf to everything but SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)  # noqa: ASYNC251 - deaf is what it is meant to be


async def crash(job: Job) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


async def stumble(job: Job) -> dict[str, Any]:
    """An error of ours, with something of a caller's in its text."""
    raise ValueError("cannot read 'Eve <eve@example.org>'")


async def fail(job: Job) -> dict[str, Any]:
    raise ContactdError("The mailbox is locked: try again later.")


async def refuse(job: Job) -> dict[str, Any]:
    raise JobRefused("This mail is none: it has no header.")


async def babble(job: Job) -> dict[str, Any]:
    return {"much": "x" * (2 << 20)}
