"""Can a call be answered, can a fact be kept? One check a thing that must be so, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

from contactd.core.floor import LiveFloor
from contactd.core.ids import PbxId
from contactd.core.inputs import Input
from contactd.core.step import Step
from contactd.engine.inbox import Words
from contactd.metrics import Readings

BEAT_LATE_S = 10.0
"""CONTACTD_LATE of the dialplan: from then on it takes contactd for gone."""
APPEND_LAG_S = 30.0
"""PostgreSQL away this long is worth a look; the calls go on, so it alone is no failure."""


_CLOCK_S = 2.0
"""Time synchronisation slews what is less."""


class Engine(Protocol):
    """What this folder needs of the circle."""

    @property
    def floor(self) -> LiveFloor: ...

    async def ask(self, input_: Input, *, words: Words | None = None) -> Step:
        """The step that came of a request. words: kept beside it. Raises a ContactdError when the inbox is full."""
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


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of trying something. error: empty when it went well."""

    took_s: float
    error: str = ""


def checks(
    floor: LiveFloor, readings: Readings, wanted_pbx: Iterable[PbxId], probed: Mapping[str, Probed]
) -> list[Check]:
    """wanted_pbx: those of the configuration. probed: circle (a request went round it), and what else was tried."""
    return [
        _epoch(floor, readings),
        _circle(readings, probed["circle"]),
        *(_pbx(floor, readings, pbx) for pbx in wanted_pbx),
        *(_probed(name, probed[name]) for name in _REMEDY if name in probed),
        _spool(readings),
        _append(readings),
        _postgresql(readings),
        *_lookup(readings),
        _bugs(readings),
        _clock(readings),
        _recording(readings),
        *_mail(readings),
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


def _circle(readings: Readings, probed: Probed) -> Check:
    if not probed.error:
        return Check(
            "circle", Level.OK, f"turned in {probed.took_s * 1000:.0f} ms, {readings.inbox_depth} inputs waiting"
        )
    return Check(
        "circle",
        Level.FAILING,
        f"{probed.error}; {readings.inbox_depth} inputs waiting, the loop is {readings.loop_lag_s:.1f} s late",
        "Look at journalctl -u contactd; if it goes on, systemctl restart contactd: no call is lost by it",
    )


_REMEDY = {
    "agi": "The dialplan cannot ask contactd: new callers wait without a menu. Look at journalctl -u contactd for agi_",
    "disk": "Look at the disk of state_dir (df, dmesg): what PostgreSQL does not have yet is in memory only",
}


def _probed(name: str, probed: Probed) -> Check:
    if not probed.error:
        return Check(name, Level.OK, f"answered in {probed.took_s * 1000:.0f} ms")
    return Check(name, Level.FAILING, probed.error, _REMEDY[name])


def _pbx(floor: LiveFloor, readings: Readings, pbx: PbxId) -> Check:
    name = f"pbx {pbx}"
    reading = readings.pbx.get(pbx)
    if pbx in floor.steered:
        beat_age_s = reading.beat_age_s if reading is not None else None
        if beat_age_s is not None and beat_age_s > BEAT_LATE_S:
            return Check(
                name,
                Level.FAILING,
                f"the last heartbeat came back {beat_age_s:.0f} s ago: its dialplan takes contactd for gone",
                f"Look at the load of {pbx} and of this host, and at the network between them",
            )
        return Check(name, Level.OK, "steered" if beat_age_s is None else f"steered, heartbeat {beat_age_s:.1f} s ago")
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


def _postgresql(readings: Readings) -> Check:
    if readings.postgresql_up:
        return Check("postgresql", Level.OK, "answers")
    return Check(
        "postgresql",
        Level.WARNING,
        "does not answer; the calls go on, and no standby could take over",
        readings.append_trouble or "Is PostgreSQL running, and reachable from here?",
    )


def _lookup(readings: Readings) -> Iterator[Check]:
    if readings.lookup_trouble is None:
        return
    if not readings.lookup_trouble:
        yield Check("lookup", Level.OK, "the other system is asked who is calling")
        return
    yield Check(
        "lookup",
        Level.WARNING,
        f"the other system is not asked who is calling: {readings.lookup_trouble}",
        "Callers are served without it; see that it runs and can be reached as [lookup] says",
    )


def _bugs(readings: Readings) -> Check:
    if not readings.quarantined and not readings.bugs:
        if readings.in_quarantine:
            return Check(
                "facts",
                Level.WARNING,
                f"{readings.in_quarantine} files in spool/quarantine hold facts that are not in the journal",
                "docs/backup.rst tells why; move them away, or delete them",
            )
        return Check("facts", Level.OK, "none refused")
    return Check(
        "facts",
        Level.WARNING,
        f"{readings.quarantined} frames quarantined, {readings.bugs} steps broken off: a bug",
        "Send state_dir/spool/quarantine and the log's step_broken and fact_quarantined to the developers",
    )


def _clock(readings: Readings) -> Check:
    if abs(readings.clock_stepped_s) <= _CLOCK_S:
        return Check("clock", Level.OK, "as it was at the start")
    return Check(
        "clock",
        Level.WARNING,
        f"the system's clock was set by {readings.clock_stepped_s:+.0f} s; facts go on by the old time",
        "See that time synchronisation works, then systemctl restart contactd when it suits you: no call is lost",
    )


def _recording(readings: Readings) -> Check:
    if not readings.recording_trouble:
        return Check("recording", Level.OK, f"{readings.recordings_waiting} wait to be fetched")
    return Check("recording", Level.WARNING, readings.recording_trouble, readings.recording_remedy)


def _mail(readings: Readings) -> Iterable[Check]:
    if not readings.mailboxes:
        return []
    if not readings.mailbox_trouble:
        return [Check("mail", Level.OK, f"{readings.mailboxes} mailboxes are fetched")]
    told = "; ".join(f"{name}: {why}" for name, why in sorted(readings.mailbox_trouble.items())[:5])
    remedy = "It is tried again, at most every five minutes; docs/mail.rst tells what to look at"
    return [Check("mail", Level.WARNING, f"not fetched: {told}", remedy)]
