"""Which kinds of jobs there are, what each may cost, and how often it is tried."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contactd.config import Settings
from contactd.config.sections import Jobs
from contactd.worker import recordings


@dataclass(frozen=True, slots=True)
class Kind:
    """function: ``module:name`` of an ``async def name(job: Job) -> dict``, run in a process of its own.

    It may be run twice: a worker that was cut off from PostgreSQL goes on while another one begins. So it is to be
    written so that the second time does no harm.
    """

    function: str
    wall_s: float
    """Longer, and its process is killed: the attempt has failed."""
    attempts: int = 5
    """So often it is tried before it is dead."""
    pause_s: float = 30.0
    """Before the second attempt; four times as long before each further one."""
    most_pause_s: float = 3600.0
    memory_mb: int | None = None
    """Of address space. None: memory_mb of [jobs]."""
    daily: bool = False
    """Once a day at verify_at of [jobs], by itself."""
    every_s: int | None = None
    """Once in so many seconds, by itself; a divisor of a day. None: not so."""
    sections: tuple[str, ...] = ()
    """What it is given of the configuration in force, by the names of the sections."""
    sweep_s: float = 0.0
    """So often, by itself, while wanted says so and no job of the kind is open. 0: never."""
    wanted: Callable[[Settings], bool] = lambda _: True
    of_use: Callable[[Settings], bool] = lambda _: True
    """Whether the configuration has any use for it; else nobody asks for it by the day."""
    more: Callable[[Settings], Mapping[str, Any]] | None = None
    """What it is given beside its sections, secrets too: by a pipe, and kept nowhere."""

    def pause_after(self, attempt: int) -> float:
        """Seconds until the attempt after this one.

        >>> [Kind("a:b", 1).pause_after(attempt) for attempt in (1, 2, 3, 9)]
        [30.0, 120.0, 480.0, 3600.0]
        """
        return min(self.most_pause_s, self.pause_s * 4.0 ** min(attempt - 1, 10))


KINDS: Mapping[str, Kind] = {
    # Whether the journal is what was written. It goes on where a broken attempt was, so a long one ends some time.
    "verify": Kind("contactd.worker.verify:run", wall_s=6 * 3600, daily=True),
    # It looks at an index and is done in a moment; only after calendars were changed it goes through all that runs.
    "case_targets": Kind(
        "contactd.worker.case_targets:run", wall_s=900, every_s=600, sections=("calendars", "case_types")
    ),
    # What is older than it may be. A batch a transaction, so it may break off anywhere.
    "retention": Kind("contactd.worker.retention:run", wall_s=6 * 3600, daily=True),
    # While a disk is full it goes on trying: nothing is lost as long as it lies on the PBX.
    "recordings": Kind(
        "contactd.worker.recordings:run",
        wall_s=3600,
        attempts=500,
        most_pause_s=300.0,
        daily=True,
        of_use=recordings.of_use,
        sweep_s=20.0,
        wanted=recordings.wanted,
        more=recordings.more,
    ),
}


@dataclass(slots=True)
class Calendar:
    """Which jobs are to be asked for now by themselves. Each by its day or time, so that many workers ask for one."""

    kinds: Mapping[str, Kind]
    settings: Jobs
    _asked: dict[str, str] = field(default_factory=dict)

    def due(self, now: datetime.datetime) -> list[tuple[str, str]]:
        """Kinds with their keys. now: aware, in UTC."""
        hour, minute = map(int, self.settings.verify_at.split(":"))
        day = (now - datetime.timedelta(hours=hour, minutes=minute)).date().isoformat()
        keys = {name: day for name, kind in self.kinds.items() if kind.daily}
        for name, kind in self.kinds.items():
            if kind.every_s is not None:
                at = datetime.datetime.fromtimestamp(now.timestamp() // kind.every_s * kind.every_s, datetime.UTC)
                keys[name] = f"{at:%Y-%m-%d %H:%M:%S}"
        return [(name, key) for name, key in keys.items() if self._asked.get(name) != key]

    def asked(self, name: str, key: str) -> None:
        self._asked[name] = key


@dataclass(slots=True)
class Sweeps:
    """Which jobs are to be asked for now, of the kinds that run every so often while there is something to do."""

    kinds: Mapping[str, Kind]
    settings: Settings
    _looked: dict[str, int] = field(default_factory=dict)

    def due(self, now: datetime.datetime) -> list[tuple[str, str]]:
        """Kinds with their keys. now: aware, in UTC."""
        found = []
        for name, kind in self.kinds.items():
            turn = int(now.timestamp() // kind.sweep_s) if kind.sweep_s else 0
            if turn and self._looked.get(name) != turn:
                self._looked[name] = turn
                if kind.wanted(self.settings):
                    found.append((name, now.strftime("%Y-%m-%d %H:%M:%S")))
        return found
