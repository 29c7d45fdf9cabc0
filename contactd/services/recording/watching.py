"""Whether recordings come and are kept: room on both disks, and talks that nobody fetches. The calls go on."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from contactd.config import Settings
from contactd.config.destinations import takes_messages
from contactd.metrics import RECORDING_FREE_BYTES, RECORDING_OLDEST_SECONDS, RECORDING_TROUBLE, RECORDINGS_WAITING

log = structlog.get_logger()

_EVERY_S = 15.0
_LATE_S = 900.0
"""So long a talk that is whole may wait for the worker: jobs that take long go before it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. trouble, remedy: empty when all is well."""

    free: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    oldest_s: float = 0.0
    trouble: str = ""
    remedy: str = ""


def records(settings: Settings) -> bool:
    """Whether anything is recorded."""
    queues = any(queue.record != "no" for queue in settings.queues.values())
    return queues or any(agent.record for agent in settings.agents.values()) or takes_messages(settings)


def look(settings: Settings, now: float | None = None) -> Look:
    """Blocking: a folder may be on a network. Where nothing is recorded, nothing is looked at."""
    if not records(settings):
        return Look()
    section, at = settings.recording, time.time() if now is None else now
    try:
        whole = [path.stat().st_mtime for path in Path(section.inbox).iterdir() if path.suffix == ".done"]
    except FileNotFoundError:
        whole = []  # or one was fetched just now
    except OSError as error:
        return Look(
            trouble=f"{section.inbox} cannot be read ({error.strerror}): no recording is fetched",
            remedy="Let contactd into the folder that the PBX records into (docs/recording.rst)",
        )
    oldest_s = max(0.0, at - min(whole)) if whole else 0.0
    free: dict[str, int] = {}
    for name, folder in (("inbox", section.inbox), ("store", section.store)):
        space = _space(Path(folder))
        if space is None:
            return Look(
                waiting=len(whole),
                oldest_s=oldest_s,
                trouble=f"{folder} of [recording] {name} is not there",
                remedy="Make it as docs/recording.rst tells, or name the right one",
            )
        free[name] = space
    trouble, remedy = "", ""
    for name, space in free.items():
        if space < section.min_free_mb << 20:
            folder = section.inbox if name == "inbox" else section.store
            trouble = f"{folder} has {space >> 20} MiB left, and talks are about to go unrecorded"
            remedy = "Make room there, or shorten keep_days of [recording]; the calls go on"
    if not trouble and oldest_s > _LATE_S:
        trouble = f"{len(whole)} recordings wait in {section.inbox}, the oldest for {oldest_s:.0f} s"
        remedy = (
            "contactctl jobs list --kind recordings tells why; is a worker running (systemctl status"
            " 'contactd-worker@*')?"
        )
    return Look(free, len(whole), oldest_s, trouble, remedy)


def _space(folder: Path) -> int | None:
    """Bytes that are left there for us."""
    try:
        seen = os.statvfs(folder)
    except OSError:
        return None
    return seen.f_bavail * seen.f_frsize


class Watch:
    """run() as a task. settings: those in force."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self.last = Look()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.tell(await asyncio.to_thread(look, self._settings()))
            await asyncio.sleep(_EVERY_S)

    def tell(self, seen: Look) -> None:
        if seen.trouble and seen.trouble.partition(" ")[0] != self.last.trouble.partition(" ")[0]:
            log.error("recording_in_trouble", trouble=seen.trouble, remedy=seen.remedy)
        elif self.last.trouble and not seen.trouble:
            log.info("recording_well_again")
        self.last = seen
        RECORDING_TROUBLE.set(bool(seen.trouble))
        RECORDINGS_WAITING.set(seen.waiting)
        RECORDING_OLDEST_SECONDS.set(seen.oldest_s)
        for name, space in seen.free.items():
            RECORDING_FREE_BYTES.labels(name).set(space)
