"""Every number Prometheus reads: counted as facts happen, or read from the floor and the parts when asked.

Base units; labels are bounded by the configuration: queues, PBXes, outcomes, never a contact or a number.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from contactd.core import events as ev
from contactd.core.agent import AgentState, Status
from contactd.core.contact import ContactState
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId, Instant, PbxId
from contactd.core.step import Step

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

_WAIT_BUCKETS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600)
_TALK_BUCKETS = (10, 30, 60, 120, 180, 300, 600, 900, 1800, 3600)
_STEP_BUCKETS = (0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.02, 0.1)

ARRIVED = Counter("contactd_contacts_arrived", "Contacts that arrived or were adopted.", ["medium"], registry=REGISTRY)
ENDED = Counter("contactd_contacts", "Contacts that ended.", ["queue", "outcome"], registry=REGISTRY)
OFFERS = Counter("contactd_offers", "Offers that ended: answered, or why not.", ["outcome"], registry=REGISTRY)
WAIT_SECONDS = Histogram(
    "contactd_wait_seconds",
    "From the queueing to the answer, or to the end of a contact that nobody answered.",
    ["queue", "result"],
    buckets=_WAIT_BUCKETS,
    registry=REGISTRY,
)
TALK_SECONDS = Histogram(
    "contactd_talk_seconds", "A talk with one agent.", ["queue"], buckets=_TALK_BUCKETS, registry=REGISTRY
)
SIGN_IN_REFUSED = Counter("contactd_sign_in_refused", "Sign-ins refused.", ["reason"], registry=REGISTRY)
STEP_SECONDS = Histogram("contactd_step_seconds", "Deciding on one input.", buckets=_STEP_BUCKETS, registry=REGISTRY)
EVENTS = Counter("contactd_events", "Facts by kind.", ["kind"], registry=REGISTRY)
HISTORY_SEQ = Gauge("contactd_history_seq", "How far the follower history has come.", registry=REGISTRY)
HISTORY_SKIPPED = Counter(
    "contactd_history_skipped", "Facts that the follower history could not read.", registry=REGISTRY
)


def exposition() -> bytes:
    """What /metrics answers. To be called in the loop: it reads the floor."""
    return generate_latest(REGISTRY)


@dataclass(frozen=True, slots=True)
class PbxReading:
    """One PBX's link. The counts only rise while the daemon lives."""

    connected: bool
    messages: int = 0
    reconnects: int = 0
    timeouts: int = 0
    refused: int = 0
    failures: int = 0


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


class FloorMetrics(Collector):
    """publish() after every batch; the rest is read when Prometheus asks.

    now: the circle's clock. read: the parts' own numbers.
    """

    def __init__(
        self,
        floor: LiveFloor,
        read: Callable[[], Readings],
        now: Callable[[], Instant],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._floor = floor
        self._read = read
        self._now = now
        self._queue_of: dict[ContactId, str] = {c.id: c.queue for c in floor.contacts.values() if c.queue}
        self._children: dict[tuple[Any, ...], Any] = {}
        self._registry = registry
        registry.register(self)

    def close(self) -> None:
        self._registry.unregister(self)

    # --- counted as it happens ---

    def publish(self, steps: Sequence[Step]) -> None:
        """A few microseconds an event, and no await."""
        for step in steps:
            for event in step.events:
                kind = type(event)
                self._child(EVENTS, kind.__name__).inc()
                count = _COUNT.get(kind)
                if count is not None:
                    count(self, event)

    def _child(self, metric: Any, *labels: str) -> Any:
        """metric.labels(*labels), cached: the look-up in the library costs more than the counting."""
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def _arrived(self, event: ev.ContactArrived | ev.ContactAdopted) -> None:
        self._child(ARRIVED, event.medium).inc()

    def _queued(self, event: ev.MenuChosen | ev.ContactQueued | ev.ContactFellBack) -> None:
        self._queue_of[event.contact] = event.queue

    def _offer_ended(self, event: ev.OfferEnded) -> None:
        self._child(OFFERS, event.outcome).inc()

    def _connected(self, event: ev.ContactConnected) -> None:
        if event.offer is not None:
            self._child(OFFERS, "answered").inc()
        if event.waited_s is not None:
            queue = self._queue_of.get(event.contact, "")
            self._child(WAIT_SECONDS, queue, "answered").observe(event.waited_s)

    def _talk_ended(self, event: ev.TalkEnded) -> None:
        self._child(TALK_SECONDS, self._queue_of.get(event.contact, "")).observe(event.talk_s)

    def _ended(self, event: ev.ContactEnded) -> None:
        self._queue_of.pop(event.contact, None)
        queue = event.queue or ""
        self._child(ENDED, queue, event.outcome).inc()
        if event.waited_s is not None and event.outcome.startswith("abandoned"):
            self._child(WAIT_SECONDS, queue, "abandoned").observe(event.waited_s)

    def _refused(self, event: ev.AgentRefused) -> None:
        self._child(SIGN_IN_REFUSED, event.reason).inc()

    # --- read when asked ---

    def describe(self) -> Iterable[Metric]:
        # Nothing is read while registering: the parts may not be there yet.
        return []

    def collect(self) -> Iterator[Metric]:
        readings = self._read()
        yield from self._collect_floor(set(readings.pbx))
        yield from _collect_readings(readings)

    def _collect_floor(self, known_pbx: set[PbxId]) -> Iterator[Metric]:
        floor, now = self._floor, self._now()
        yield GaugeMetricFamily("contactd_epoch", "The epoch under which this daemon writes.", floor.epoch)
        yield GaugeMetricFamily("contactd_seq", "The last fact on the floor.", floor.seq)
        sha256 = floor.state.plan.sha256 if floor.state.plan is not None else ""
        yield InfoMetricFamily("contactd_config", "The configuration in force.", {"sha256": sha256})
        live = Tally(contact.state for contact in floor.contacts.values())
        contacts = GaugeMetricFamily("contactd_contacts_live", "Contacts on the floor.", labels=["state"])
        for state in ContactState:
            if state is not ContactState.ENDED:
                contacts.add_metric([state], live[state])
        yield contacts
        waiting = dict.fromkeys(floor.queues, 0)
        longest = dict.fromkeys(floor.queues, 0.0)
        for contact in floor.contacts.values():
            queue = contact.queue
            if queue in waiting and contact.state in _IN_LINE and contact.queued_at is not None:
                waiting[queue] += 1
                longest[queue] = max(longest[queue], now - contact.queued_at)
        counts = GaugeMetricFamily("contactd_waiting", "Contacts that wait or ring, in each queue.", labels=["queue"])
        waits = GaugeMetricFamily(
            "contactd_longest_wait_seconds", "The longest running wait in each queue.", labels=["queue"]
        )
        for queue, count in waiting.items():
            counts.add_metric([queue], count)
            waits.add_metric([queue], longest[queue])
        yield counts
        yield waits
        tally = Tally((agent.status, agent.state) for agent in floor.agents.values())
        agents = GaugeMetricFamily("contactd_agents", "Agents by status and state.", labels=["status", "state"])
        for status in Status:
            for doing in AgentState:
                agents.add_metric([status, doing], tally[status, doing])
        yield agents
        yield GaugeMetricFamily(
            "contactd_agents_available", "Agents who can be offered a contact.", len(floor.available)
        )
        steered = GaugeMetricFamily("contactd_pbx_steered", "1 while the PBX's callers are offered.", labels=["pbx"])
        for pbx in known_pbx | floor.steered:
            steered.add_metric([pbx], pbx in floor.steered)
        yield steered


_IN_LINE = {ContactState.WAITING, ContactState.OFFERED, ContactState.FALLBACK}

_COUNT: dict[type[ev.Event], Callable[[FloorMetrics, Any], None]] = {
    ev.ContactArrived: FloorMetrics._arrived,
    ev.ContactAdopted: FloorMetrics._arrived,
    ev.MenuChosen: FloorMetrics._queued,
    ev.ContactQueued: FloorMetrics._queued,
    ev.ContactFellBack: FloorMetrics._queued,
    ev.OfferEnded: FloorMetrics._offer_ended,
    ev.ContactConnected: FloorMetrics._connected,
    ev.TalkEnded: FloorMetrics._talk_ended,
    ev.ContactEnded: FloorMetrics._ended,
    ev.AgentRefused: FloorMetrics._refused,
}

_PLAIN: tuple[tuple[Any, str, str, Callable[[Readings], float]], ...] = (
    (
        GaugeMetricFamily,
        "contactd_holds_epoch",
        "1 while the floor is ours to write.",
        lambda r: r.holds_epoch,
    ),
    (GaugeMetricFamily, "contactd_inbox_depth", "Inputs waiting for the circle.", lambda r: r.inbox_depth),
    (
        CounterMetricFamily,
        "contactd_inbox_refused",
        "Requests refused by a full inbox.",
        lambda r: r.inbox_refused,
    ),
    (CounterMetricFamily, "contactd_inputs_ignored", "Inputs that changed nothing.", lambda r: r.ignored),
    (CounterMetricFamily, "contactd_step_bugs", "Steps that broke off: send the log.", lambda r: r.bugs),
    (GaugeMetricFamily, "contactd_loop_lag_seconds", "How late the event loop is.", lambda r: r.loop_lag_s),
    (
        GaugeMetricFamily,
        "contactd_spool_pending_bytes",
        "Kept, not in PostgreSQL yet.",
        lambda r: r.spool_pending_bytes,
    ),
    (GaugeMetricFamily, "contactd_spool_max_bytes", "What the spool may hold.", lambda r: r.spool_max_bytes),
    (
        GaugeMetricFamily,
        "contactd_spool_faulty",
        "1 while the disk refuses.",
        lambda r: r.spool_fault is not None,
    ),
    (
        GaugeMetricFamily,
        "contactd_append_lag_seconds",
        "Age of the oldest pending fact.",
        lambda r: r.append_lag_s,
    ),
    (GaugeMetricFamily, "contactd_appended_seq", "The last fact in PostgreSQL.", lambda r: r.appended_seq),
    (CounterMetricFamily, "contactd_append_retries", "Appends tried again.", lambda r: r.append_retries),
    (
        CounterMetricFamily,
        "contactd_quarantined_frames",
        "Frames that PostgreSQL refused.",
        lambda r: r.quarantined,
    ),
    (GaugeMetricFamily, "contactd_agi_sessions", "FastAGI sessions now.", lambda r: r.agi_sessions),
    (
        CounterMetricFamily,
        "contactd_agi_failures",
        "FastAGI sessions broken by an error.",
        lambda r: r.agi_failures,
    ),
    (GaugeMetricFamily, "contactd_audio_sessions", "AudioSocket sessions now.", lambda r: r.audio_sessions),
    (CounterMetricFamily, "contactd_audio_failures", "Audio handlers that broke off.", lambda r: r.audio_failures),
    (CounterMetricFamily, "contactd_audio_dropped_frames", "Audio nobody took in time.", lambda r: r.audio_dropped),
)

_PBX: tuple[tuple[Any, str, str, Callable[[PbxReading], float]], ...] = (
    (GaugeMetricFamily, "contactd_ami_connected", "1 while the AMI session lives.", lambda p: p.connected),
    (CounterMetricFamily, "contactd_ami_messages", "AMI messages read.", lambda p: p.messages),
    (
        CounterMetricFamily,
        "contactd_ami_reconnects",
        "AMI sessions that came up again.",
        lambda p: p.reconnects,
    ),
    (
        CounterMetricFamily,
        "contactd_ami_timeouts",
        "AMI actions without an answer in time.",
        lambda p: p.timeouts,
    ),
    (CounterMetricFamily, "contactd_ami_refused", "AMI actions that the PBX refused.", lambda p: p.refused),
    (CounterMetricFamily, "contactd_ami_failures", "Errors of ours while reading AMI.", lambda p: p.failures),
)


def _collect_readings(readings: Readings) -> Iterator[Metric]:
    for kind, name, text, read in _PLAIN:
        plain: Any = kind(name, text)
        plain.add_metric([], read(readings))
        yield plain
    for kind, name, text, read_pbx in _PBX:
        by_pbx: Any = kind(name, text, labels=["pbx"])
        for pbx, reading in readings.pbx.items():
            by_pbx.add_metric([pbx], read_pbx(reading))
        yield by_pbx
    for name, text, counts in (
        ("contactd_agi_refused", "FastAGI sessions refused.", readings.agi_refused),
        ("contactd_audio_refused", "AudioSocket connections refused or broken.", readings.audio_refused),
    ):
        refused = CounterMetricFamily(name, text, labels=["reason"])
        for reason, count in counts.items():
            refused.add_metric([reason], count)
        yield refused
