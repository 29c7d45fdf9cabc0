"""What the parts of the daemon say of themselves, and how Prometheus is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from contactd.core.ids import PbxId


@dataclass(frozen=True, slots=True)
class PbxReading:
    """One PBX's link. The counts only rise while the daemon lives."""

    connected: bool
    messages: int = 0
    reconnects: int = 0
    timeouts: int = 0
    refused: int = 0
    failures: int = 0
    dropped: int = 0
    beat_age_s: float | None = None
    """Since a heartbeat last came back; None before the first one."""
    clock_offset_s: float | None = None
    """Our clock less the PBX's, with the quickest way of an event on top; None before the first stamped event."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What the parts of the daemon say of themselves, for /metrics, /healthz and contactctl status."""

    holds_epoch: bool
    """The floor is ours to write; False once fenced."""
    inbox_depth: int = 0
    inbox_refused: int = 0
    ignored: int = 0
    """Inputs that changed nothing: late, odd, or repeated."""
    bugs: int = 0
    loop_lag_s: float = 0.0
    clock_stepped_s: float = 0.0
    """How far the system's clock was set since the start; facts go on by the old time."""
    spool_pending_bytes: int = 0
    spool_max_bytes: int = 0
    spool_fault: str | None = None
    spool_full: bool = False
    append_lag_s: float = 0.0
    append_trouble: str | None = None
    """Why PostgreSQL takes nothing just now, with the remedy."""
    appended_seq: int = 0
    append_retries: int = 0
    quarantined: int = 0
    in_quarantine: int = 0
    postgresql_up: bool = True
    """It answered when it was last asked, at most some seconds ago."""
    lookup_trouble: str | None = None
    """Why the other system of [lookup] is not asked just now; empty: it is. None: there is none."""
    log_withheld: int = 0
    log_lost: int = 0
    tail_readers: int = 0
    tail_dropped: int = 0
    recording_trouble: str = ""
    """Why talks cannot be recorded, or not be fetched; empty: nothing is recorded, or all is well."""
    recording_remedy: str = ""
    recordings_waiting: int = 0
    mailboxes: int = 0
    mailbox_trouble: Mapping[str, str] = field(default_factory=dict)
    """Why nothing is fetched from a mailbox just now, with the remedy."""
    pbx: Mapping[PbxId, PbxReading] = field(default_factory=dict)
    agi_sessions: int = 0
    """Running now; the other counts of FastAGI only rise."""
    agi_failures: int = 0
    agi_refused: Mapping[str, int] = field(default_factory=dict)
    audio_sessions: int = 0
    """Running now; the other counts of AudioSocket only rise."""
    audio_failures: int = 0
    audio_dropped: int = 0
    audio_refused: Mapping[str, int] = field(default_factory=dict)


_GAUGE, _COUNTER = GaugeMetricFamily, CounterMetricFamily

_PLAIN: tuple[tuple[Any, str, str, Callable[[Readings], float]], ...] = (
    (_GAUGE, "contactd_holds_epoch", "1 while the floor is ours to write.", lambda r: r.holds_epoch),
    (_GAUGE, "contactd_inbox_depth", "Inputs waiting for the circle.", lambda r: r.inbox_depth),
    (_COUNTER, "contactd_inbox_refused", "Requests refused by a full inbox.", lambda r: r.inbox_refused),
    (_COUNTER, "contactd_inputs_ignored", "Inputs that changed nothing.", lambda r: r.ignored),
    (_COUNTER, "contactd_step_bugs", "Steps that broke off: send the log.", lambda r: r.bugs),
    (_GAUGE, "contactd_spool_pending_bytes", "Kept, not in PostgreSQL yet.", lambda r: r.spool_pending_bytes),
    (_GAUGE, "contactd_spool_max_bytes", "What the spool may hold.", lambda r: r.spool_max_bytes),
    (_GAUGE, "contactd_spool_full", "1 while new callers go to the static queue for it.", lambda r: r.spool_full),
    (_GAUGE, "contactd_spool_faulty", "1 while the disk refuses.", lambda r: r.spool_fault is not None),
    (_GAUGE, "contactd_append_lag_seconds", "Age of the oldest pending fact.", lambda r: r.append_lag_s),
    (_GAUGE, "contactd_appended_seq", "The last fact in PostgreSQL.", lambda r: r.appended_seq),
    (_COUNTER, "contactd_append_retries", "Appends tried again.", lambda r: r.append_retries),
    (_GAUGE, "contactd_quarantine_files", "Files in spool/quarantine: look at them.", lambda r: r.in_quarantine),
    (_COUNTER, "contactd_quarantined_frames", "Frames that PostgreSQL refused.", lambda r: r.quarantined),
    (_GAUGE, "contactd_postgresql_up", "1 while PostgreSQL answers.", lambda r: r.postgresql_up),
    (_COUNTER, "contactd_log_lines_withheld", "Lines that a flood would have written.", lambda r: r.log_withheld),
    (_COUNTER, "contactd_log_lines_lost", "Lines that could not be written.", lambda r: r.log_lost),
    (_GAUGE, "contactd_clock_stepped_seconds", "The system's clock beyond ours.", lambda r: r.clock_stepped_s),
    (_GAUGE, "contactd_tail_readers", "Readers of contactctl tail now.", lambda r: r.tail_readers),
    (_COUNTER, "contactd_tail_dropped", "Readers of contactctl tail that were too slow.", lambda r: r.tail_dropped),
    (_GAUGE, "contactd_agi_sessions", "FastAGI sessions now.", lambda r: r.agi_sessions),
    (_COUNTER, "contactd_agi_failures", "FastAGI sessions broken by an error.", lambda r: r.agi_failures),
    (_GAUGE, "contactd_audio_sessions", "AudioSocket sessions now.", lambda r: r.audio_sessions),
    (_COUNTER, "contactd_audio_failures", "Audio handlers that broke off.", lambda r: r.audio_failures),
    (_COUNTER, "contactd_audio_dropped_frames", "Audio nobody took in time.", lambda r: r.audio_dropped),
)

_PBX: tuple[tuple[Any, str, str, Callable[[PbxReading], float | None]], ...] = (
    (_GAUGE, "contactd_ami_connected", "1 while the AMI session lives.", lambda p: p.connected),
    (_COUNTER, "contactd_ami_messages", "AMI messages read.", lambda p: p.messages),
    (_COUNTER, "contactd_ami_reconnects", "AMI sessions that came up again.", lambda p: p.reconnects),
    (_COUNTER, "contactd_ami_timeouts", "AMI actions without an answer in time.", lambda p: p.timeouts),
    (_COUNTER, "contactd_ami_refused", "AMI actions that the PBX refused.", lambda p: p.refused),
    (_COUNTER, "contactd_ami_failures", "Errors of ours while reading AMI.", lambda p: p.failures),
    (
        _COUNTER,
        "contactd_ami_skipped_messages",
        "AMI messages nobody waited for any more, or left behind by a lost session.",
        lambda p: p.dropped,
    ),
    (
        _GAUGE,
        "contactd_ami_heartbeat_age_seconds",
        "Since a heartbeat last came back; beyond ten the dialplan takes contactd for gone.",
        lambda p: p.beat_age_s,
    ),
    (
        _GAUGE,
        "contactd_pbx_clock_offset_seconds",
        "Our clock less the PBX's, and the quickest way of an event.",
        lambda p: p.clock_offset_s,
    ),
)


def collect_readings(readings: Readings) -> Iterator[Metric]:
    for kind, name, text, read in _PLAIN:
        plain: Any = kind(name, text)
        plain.add_metric([], read(readings))
        yield plain
    for kind, name, text, read_pbx in _PBX:
        by_pbx: Any = kind(name, text, labels=["pbx"])
        for pbx, reading in readings.pbx.items():
            if (value := read_pbx(reading)) is not None:
                by_pbx.add_metric([pbx], value)
        yield by_pbx
    for name, text, counts in (
        ("contactd_agi_refused", "FastAGI sessions refused.", readings.agi_refused),
        ("contactd_audio_refused", "AudioSocket connections refused or broken.", readings.audio_refused),
    ):
        refused = CounterMetricFamily(name, text, labels=["reason"])
        for reason, count in counts.items():
            refused.add_metric([reason], count)
        yield refused
