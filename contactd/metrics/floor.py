"""The floor in numbers: counted as facts happen, and read when Prometheus asks."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from contactd import __version__
from contactd.core import events as ev
from contactd.core.agent import NO_REASON, SYSTEM_REASONS, Agent, AgentState, Status
from contactd.core.announcements import kind_of as said_kind
from contactd.core.callback import Missed
from contactd.core.contact import IN_LINE, ContactState, Outcome
from contactd.core.destination import kind_of
from contactd.core.dialling import Why
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId, Instant, PbxId, QueueId
from contactd.core.inputs import PbxCompared
from contactd.core.listener import Mode
from contactd.core.opening import opening_of
from contactd.core.plan import Medium
from contactd.core.step import Step
from contactd.metrics import registry as r
from contactd.metrics.readings import Readings, collect_readings

OTHER = "other"
"""Stands for a label's value that neither the code nor the configuration knows: a series each would let anybody who
can reach the dialplan fill Prometheus's memory."""
_MEDIA = frozenset(Medium)
_SIGN_IN = frozenset({"wrong_pin", "locked", "unknown_agent", "handset_locked", "occupied", "talking", "no_handset"})


_UNANSWERED = {
    Outcome.ABANDONED_IN_MENU: "abandoned",
    Outcome.ABANDONED_WAITING: "abandoned",
    Outcome.ABANDONED_RINGING: "abandoned",
    Outcome.TIMED_OUT: "timed_out",
    **{outcome: "diverted" for outcome in Outcome if outcome.startswith("diverted_")},
}
"""Of a wait that ended without a talk: its result."""


_CALLBACK_WORDS: dict[type[ev.Event], str] = {
    ev.CallbackTaken: "taken",
    ev.CustomerDialled: "dialled",
    ev.CallbackReached: "reached",
    ev.CallbackWithdrawn: "withdrawn",
}
_MISSED = frozenset({*map(str, Missed), *map(str, Why)})


class FloorMetrics(Collector):
    """publish() after every batch; the rest is read when Prometheus asks.

    now: the circle's clock. read: the parts' own numbers.
    """

    def __init__(
        self,
        floor: LiveFloor,
        read: Callable[[], Readings],
        now: Callable[[], Instant],
        registry: CollectorRegistry = r.REGISTRY,
    ) -> None:
        self._floor = floor
        self._read = read
        self._now = now
        self._queue_of: dict[ContactId, str] = {c.id: c.queue for c in floor.contacts.values() if c.queue}
        self._offered_at: dict[ContactId, Instant] = {
            offer.contact: offer.since
            for agent in floor.agents.values()
            for offer in agent.engagements
            if offer.state is AgentState.OFFERED
        }
        self._tests: set[ContactId] = {c.id for c in floor.contacts.values() if c.test}
        """Test calls: counted nowhere but among the facts."""
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
                self._child(r.EVENTS, kind.__name__).inc()
                count = _COUNT.get(kind)
                if count is not None and not self._of_a_test(event):
                    count(self, event, step.at)
            if isinstance(step.input, PbxCompared):
                self._compared(step.input.pbx, step.events)

    def _of_a_test(self, event: Any) -> bool:
        if getattr(event, "test", False):
            self._tests.add(event.contact)
            return True
        if not self._tests:
            return False
        test = getattr(event, "contact", None) in self._tests
        if test and isinstance(event, ev.ContactEnded):
            self._tests.discard(event.contact)
        return test

    def _child(self, metric: Any, *labels: str) -> Any:
        """metric.labels(*labels), cached: the look-up in the library costs more than the counting."""
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def _queue(self, name: str | None) -> str:
        """The label: empty for no queue, OTHER for one that is not configured."""
        if not name:
            return ""
        return name if name in self._floor.queues else OTHER

    def _compared(self, pbx: PbxId, events: Sequence[ev.Event]) -> None:
        self._child(r.COMPARISONS, pbx).inc()
        for event in events:
            if type(event) not in _NO_CORRECTION:
                self._child(r.CORRECTIONS, pbx, type(event).__name__).inc()

    def _arrived(self, event: ev.ContactArrived | ev.ContactAdopted, _: Instant) -> None:
        self._child(r.ARRIVED, event.medium if event.medium in _MEDIA else OTHER).inc()

    def _queued(self, event: ev.MenuChosen | ev.ContactQueued | ev.ContactFellBack, _: Instant) -> None:
        self._queue_of[event.contact] = self._queue(event.queue)

    def _diverted(self, event: ev.ContactDiverted, _: Instant) -> None:
        queue = self._queue_of[event.contact] = self._queue(event.queue)
        reason = _one_of(ev.DiversionReason, event.why)
        self._child(r.DIVERTED, queue, reason, kind_of(event.to)).inc()

    def _called_back(self, event: ev.Event, _: Instant) -> None:
        queue = self._queue_of.get(ContactId(getattr(event, "contact", "")), "")
        self._child(r.CALLBACKS, queue, _CALLBACK_WORDS[type(event)]).inc()

    def _callback_failed(self, event: ev.CallbackFailed, _: Instant) -> None:
        reason = event.why if event.why in _MISSED else OTHER
        self._child(r.CALLBACKS_MISSED, self._queue_of.get(event.contact, ""), reason).inc()

    def _diversion_failed(self, event: ev.DiversionFailed, _: Instant) -> None:
        queue = self._queue_of.get(event.contact, "")
        self._child(r.DIVERSIONS_FAILED, queue, _one_of(ev.DiversionFailure, event.failure)).inc()

    def _announced(self, event: ev.ContactAnnounced, at: Instant) -> None:
        queue = self._queue(event.queue)
        for said in event.said:
            self._child(r.ANNOUNCED, queue, said_kind(said)).inc()
        if event.unsaid:
            self._child(r.ANNOUNCED, queue, "unsaid").inc(len(event.unsaid))
        if event.said:
            r.ANNOUNCEMENT_LATE_SECONDS.observe(max(0.0, at - event.due))

    def _announcement_ended(self, event: ev.AnnouncementEnded, _: Instant) -> None:
        if event.end is not ev.AnnouncementEnd.HEARD:
            queue = self._queue_of.get(event.contact, "")
            self._child(r.ANNOUNCEMENTS_FAILED, queue, _one_of(ev.AnnouncementEnd, event.end)).inc()

    def _offered(self, event: ev.ContactOffered, at: Instant) -> None:
        self._offered_at[event.contact] = at

    def _offer_ended(self, event: ev.OfferEnded, _: Instant) -> None:
        self._offered_at.pop(event.contact, None)
        self._child(r.OFFERS, _one_of(ev.OfferOutcome, event.outcome)).inc()

    def _leg_ended(self, event: ev.LegEnded, _: Instant) -> None:
        """The offer goes on; each handset that rang counts."""
        self._child(r.OFFERS, _one_of(ev.OfferOutcome, event.outcome)).inc()

    def _connected(self, event: ev.ContactConnected, at: Instant) -> None:
        if event.offer is not None:
            self._child(r.OFFERS, "answered").inc()
            offered_at = self._offered_at.pop(event.contact, None)
            # One that was found later by a comparison would tell the comparison's time.
            if offered_at is not None and not event.seen_late:
                r.ANSWER_SECONDS.observe(max(0.0, at - offered_at))
        if event.waited_s is not None:
            queue = self._queue_of.get(event.contact, "")
            self._child(r.WAIT_SECONDS, queue, "answered").observe(event.waited_s)
            estimate = event.estimate
            if estimate is not None:
                result = "before" if event.waited_s < estimate.low_s else "within"
                result = "after" if event.waited_s > estimate.high_s else result
                error_s = abs(event.waited_s - estimate.median_s)
                self._child(r.WAIT_ESTIMATE_ERROR_SECONDS, queue, result).observe(error_s)

    def _talk_ended(self, event: ev.TalkEnded, _: Instant) -> None:
        self._child(r.TALK_SECONDS, self._queue_of.get(event.contact, "")).observe(event.talk_s)

    def _ended(self, event: ev.ContactEnded, _: Instant) -> None:
        self._queue_of.pop(event.contact, None)
        self._offered_at.pop(event.contact, None)
        queue = self._queue(event.queue)
        self._child(r.ENDED, queue, _one_of(Outcome, event.outcome)).inc()
        result = _UNANSWERED.get(event.outcome)
        if event.waited_s is not None and result is not None:
            self._child(r.WAIT_SECONDS, queue, result).observe(event.waited_s)

    def _refused(self, event: ev.AgentRefused, _: Instant) -> None:
        self._child(r.SIGN_IN_REFUSED, event.reason if event.reason in _SIGN_IN else OTHER).inc()

    def _no_seat(self, event: ev.SignInRefused, _: Instant) -> None:
        self._child(r.SIGN_IN_REFUSED, event.reason if event.reason in _SIGN_IN else OTHER).inc()

    def _handset_refused(self, event: ev.HandsetRefused, _: Instant) -> None:
        if event.reason == "wrong_pin":
            return  # counted for the agent
        reason = "handset_locked" if event.reason == "locked" else event.reason
        self._child(r.SIGN_IN_REFUSED, reason if reason in _SIGN_IN else OTHER).inc()

    # --- read when asked ---

    def describe(self) -> Iterable[Metric]:
        # Nothing is read while registering: the parts may not be there yet.
        return []

    def collect(self) -> Iterator[Metric]:
        readings = self._read()
        floor = self._floor
        yield InfoMetricFamily("contactd_build", "This contactd.", {"version": __version__})
        yield GaugeMetricFamily("contactd_epoch", "The epoch under which this daemon writes.", floor.epoch)
        yield GaugeMetricFamily("contactd_seq", "The last fact on the floor.", floor.seq)
        sha256 = floor.state.plan.sha256 if floor.state.plan is not None else ""
        yield InfoMetricFamily("contactd_config", "The configuration in force.", {"sha256": sha256})
        yield from self._collect_contacts()
        yield from self._collect_agents()
        yield from self._collect_listening()
        yield from self._collect_hours()
        steered = GaugeMetricFamily("contactd_pbx_steered", "1 while the PBX's callers are offered.", labels=["pbx"])
        for pbx in set(readings.pbx) | floor.steered:
            steered.add_metric([pbx], pbx in floor.steered)
        yield steered
        yield from collect_readings(readings)

    def _collect_hours(self) -> Iterator[Metric]:
        floor, now = self._floor, self._now()
        is_open: dict[QueueId, int] = {}
        by_hand = GaugeMetricFamily(
            "contactd_queue_switched_seconds",
            "How long a supervisor has had the queue closed or open by hand; 0: its hours count.",
            labels=["queue", "to"],
        )
        for queue in floor.queues.values():
            told = opening_of(queue, floor.state.calendars, floor.state.switches)
            is_open[queue.id] = int(told.open)
            for to in (True, False):
                since = told.since if told.by_hand and told.open is to else now
                by_hand.add_metric([queue.id, "open" if to else "closed"], max(0.0, now - since))
        yield _by_queue("contactd_queue_open", "1 while the queue is open, by its hours or by hand.", is_open)
        yield by_hand

    def _collect_contacts(self) -> Iterator[Metric]:
        floor, now = self._floor, self._now()
        live: Tally[ContactState] = Tally()
        waiting = dict.fromkeys(floor.queues, 0)
        talking = dict.fromkeys(floor.queues, 0)
        longest = dict.fromkeys(floor.queues, 0.0)
        promised = dict.fromkeys(floor.queues, 0)
        for contact in floor.contacts.values():
            if contact.test:
                continue
            state, queue = contact.state, contact.queue
            live[state] += 1
            if queue not in waiting:
                continue
            if contact.callback is not None:
                # Nobody is on the line who could lose patience.
                promised[queue] += 1
            elif state is ContactState.CONNECTED:
                talking[queue] += 1
            elif state in IN_LINE and contact.queued_at is not None:
                waiting[queue] += 1
                longest[queue] = max(longest[queue], now - contact.queued_at)
        contacts = GaugeMetricFamily("contactd_contacts_live", "Contacts on the floor.", labels=["state"])
        for state in ContactState:
            if state is not ContactState.ENDED:
                contacts.add_metric([state], live[state])
        yield contacts
        yield _by_queue("contactd_waiting", "Contacts that wait or ring, in each queue.", waiting)
        yield _by_queue("contactd_callbacks_waiting", "Customers who are to be called back, of each queue.", promised)
        yield _by_queue("contactd_talking", "Contacts that talk, of each queue.", talking)
        yield _by_queue("contactd_longest_wait_seconds", "The longest running wait in each queue.", longest)

    def _collect_listening(self) -> Iterator[Metric]:
        listening = GaugeMetricFamily("contactd_listening", "Supervisors at talks, by mode.", labels=["mode"])
        counts = Tally(one.mode for one in self._floor.state.listening.values())
        for mode in Mode:
            listening.add_metric([mode], counts[mode])
        yield listening

    def _collect_agents(self) -> Iterator[Metric]:
        floor = self._floor
        tally: Tally[tuple[Status, AgentState]] = Tally()
        # First those who serve the same queues together: a hundred queues times a thousand agents would be felt.
        teams: Tally[tuple[tuple[str, ...], Status]] = Tally()
        free: Tally[tuple[str, ...]] = Tally()
        for agent in floor.agents.values():
            tally[agent.status, agent.state] += 1
            queues = _queues_of(agent)
            teams[queues, agent.status] += 1
            free[queues] += agent.available()
        agents = GaugeMetricFamily("contactd_agents", "Agents by status and state.", labels=["status", "state"])
        for status in Status:
            for doing in AgentState:
                agents.add_metric([status, doing], tally[status, doing])
        yield agents
        yield from self._collect_reasons()
        yield GaugeMetricFamily(
            "contactd_agents_available", "Agents who can be offered a contact.", len(floor.available)
        )
        staff = {status: dict.fromkeys(floor.queues, 0) for status in Status}
        for (queues, status), count in teams.items():
            _add(staff[status], queues, count)
        by_status = GaugeMetricFamily(
            "contactd_queue_agents", "Agents who serve a queue, by their status.", labels=["queue", "status"]
        )
        for status, counts in staff.items():
            for queue, count in counts.items():
                by_status.add_metric([queue, status], count)
        yield by_status
        available = dict.fromkeys(floor.queues, 0)
        for queues, count in free.items():
            _add(available, queues, count)
        yield _by_queue(
            "contactd_queue_agents_available", "Agents who can be offered a contact of this queue.", available
        )

    def _collect_reasons(self) -> Iterator[Metric]:
        """By the reasons that are configured, and contactd's own."""
        plan = self._floor.state.plan
        known = [reason.id for reason in plan.reasons] if plan else []
        not_ready = dict.fromkeys((*known, *sorted(SYSTEM_REASONS), NO_REASON, OTHER), 0)
        overdue = dict.fromkeys(known, 0)
        for agent in self._floor.agents.values():
            if agent.status is Status.NOT_READY:
                not_ready[agent.reason if agent.reason in not_ready else OTHER] += 1
                if agent.overdue and agent.reason in overdue:
                    overdue[agent.reason] += 1
        text = "Agents who are not ready, by reason; one who still talks or wraps up is counted too."
        by_reason = GaugeMetricFamily("contactd_agents_not_ready", text, labels=["reason"])
        for reason, count in not_ready.items():
            by_reason.add_metric([reason], count)
        yield by_reason
        late = GaugeMetricFamily(
            "contactd_agents_overdue",
            "Agents who are not ready for longer than the reason's longest_s.",
            labels=["reason"],
        )
        for reason, count in overdue.items():
            late.add_metric([reason], count)
        yield late


_NO_CORRECTION = {ev.PbxSteered, ev.DialplanSeen, ev.ContactOffered, ev.LegOffered}
"""Part of every comparison, or of the routing that follows it."""

_COUNT: dict[type[ev.Event], Callable[[FloorMetrics, Any, Instant], None]] = {
    ev.ContactArrived: FloorMetrics._arrived,
    ev.ContactAdopted: FloorMetrics._arrived,
    ev.MenuChosen: FloorMetrics._queued,
    ev.ContactQueued: FloorMetrics._queued,
    ev.ContactFellBack: FloorMetrics._queued,
    ev.ContactDiverted: FloorMetrics._diverted,
    ev.DiversionFailed: FloorMetrics._diversion_failed,
    **dict.fromkeys(_CALLBACK_WORDS, FloorMetrics._called_back),
    ev.CallbackFailed: FloorMetrics._callback_failed,
    ev.ContactAnnounced: FloorMetrics._announced,
    ev.AnnouncementEnded: FloorMetrics._announcement_ended,
    ev.ContactOffered: FloorMetrics._offered,
    ev.OfferEnded: FloorMetrics._offer_ended,
    ev.LegEnded: FloorMetrics._leg_ended,
    ev.ContactConnected: FloorMetrics._connected,
    ev.TalkEnded: FloorMetrics._talk_ended,
    ev.ContactEnded: FloorMetrics._ended,
    ev.AgentRefused: FloorMetrics._refused,
    ev.SignInRefused: FloorMetrics._no_seat,
    ev.HandsetRefused: FloorMetrics._handset_refused,
}


def _queues_of(agent: Agent) -> tuple[str, ...]:
    return tuple(agent.profile.queues)


def _add(counts: dict[Any, int], queues: Iterable[str], count: int) -> None:
    for queue in queues:
        if queue in counts:
            counts[queue] += count


def _by_queue(name: str, text: str, values: dict[Any, Any]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["queue"])
    for queue, value in values.items():
        family.add_metric([queue], value)
    return family


def _one_of(known: Any, value: str) -> str:
    return value if value in known._value2member_map_ else OTHER
