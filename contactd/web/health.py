"""Is somebody steering? One check a thing that must be so, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

from contactd.core.floor import LiveFloor
from contactd.core.ids import PbxId
from contactd.core.inputs import Input
from contactd.core.step import Step
from contactd.metrics import Readings

APPEND_LAG_S = 30.0
"""PostgreSQL away this long is worth a look; the calls go on, so it alone is no failure."""


class Engine(Protocol):
    """What this folder needs of the circle."""

    @property
    def floor(self) -> LiveFloor: ...

    async def ask(self, input_: Input) -> Step:
        """The step that came of a request. Raises a ContactdError when the inbox is full."""
        ...


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Nothing is lost and callers are served, but somebody should look."""
    FAILING = "failing"
    """Callers are not steered, or facts are about to be lost."""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    level: Level
    what: str
    remedy: str = ""

    def json(self) -> dict[str, Any]:
        return asdict(self)


def checks(floor: LiveFloor, readings: Readings, wanted_pbx: Iterable[PbxId], *, answers: bool) -> list[Check]:
    """wanted_pbx: those of the configuration. answers: a request went through the circle just now."""
    return [
        _epoch(floor, readings),
        _inbox(readings, answers),
        *(_pbx(floor, readings, pbx) for pbx in wanted_pbx),
        _spool(readings),
        _append(readings),
        _bugs(readings),
    ]


def worst(found: Iterable[Check]) -> Level:
    levels = {check.level for check in found}
    return next((level for level in (Level.FAILING, Level.WARNING) if level in levels), Level.OK)


def _epoch(floor: LiveFloor, readings: Readings) -> Check:
    if readings.holds_epoch:
        return Check("epoch", Level.OK, f"this daemon writes as epoch {floor.epoch}")
    return Check(
        "epoch",
        Level.FAILING,
        f"another contactd took the floor over from epoch {floor.epoch}",
        "Look at the other one; this one ends by itself. To have the floor back: contactd run --take-over",
    )


def _inbox(readings: Readings, answers: bool) -> Check:
    if answers:
        return Check("inbox", Level.OK, f"{readings.inbox_depth} inputs waiting")
    return Check(
        "inbox",
        Level.FAILING,
        f"no answer; {readings.inbox_depth} inputs waiting, the loop is {readings.loop_lag_s:.1f} s late",
        "Look at journalctl -u contactd; if it goes on, systemctl restart contactd: no call is lost by it",
    )


def _pbx(floor: LiveFloor, readings: Readings, pbx: PbxId) -> Check:
    name = f"pbx {pbx}"
    if pbx in floor.steered:
        return Check(name, Level.OK, "steered")
    reading = readings.pbx.get(pbx)
    if reading is not None and reading.connected:
        return Check(
            name,
            Level.FAILING,
            "connected, but not compared with the floor yet",
            "Wait some seconds; if it stays so, look for pbx_ lines in journalctl -u contactd",
        )
    return Check(
        name,
        Level.FAILING,
        "no AMI session: its callers wait in the static queue",
        f"Is Asterisk running there? Check host, port, username and secret of [pbx.{pbx}]",
    )


def _spool(readings: Readings) -> Check:
    if readings.spool_fault is not None:
        return Check(
            "spool",
            Level.FAILING,
            f"facts cannot be written to disk: {readings.spool_fault}",
            "Make room on the disk of state_dir, or replace it; the static queue takes new callers",
        )
    if readings.spool_full:
        return Check(
            "spool",
            Level.FAILING,
            "nearly full: new callers go to the static queue",
            "Bring PostgreSQL back, or raise max_mb of [spool]",
        )
    return Check("spool", Level.OK, f"{readings.spool_pending_bytes} bytes pending")


def _append(readings: Readings) -> Check:
    if readings.append_lag_s <= APPEND_LAG_S:
        return Check("append", Level.OK, f"{readings.append_lag_s:.1f} s behind")
    return Check(
        "append",
        Level.WARNING,
        f"PostgreSQL has taken nothing for {readings.append_lag_s:.0f} s; facts are kept on disk meanwhile",
        readings.append_trouble
        or "Is PostgreSQL running, and has its disk room? Nothing is lost while the spool holds",
    )


def _bugs(readings: Readings) -> Check:
    if not readings.quarantined and not readings.bugs:
        return Check("facts", Level.OK, "none refused")
    return Check(
        "facts",
        Level.WARNING,
        f"{readings.quarantined} frames quarantined, {readings.bugs} steps broken off: a bug",
        "Send state_dir/spool/quarantine and the log's step_broken and fact_quarantined to the developers",
    )
