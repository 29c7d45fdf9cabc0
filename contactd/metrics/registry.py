"""The one registry, what is counted as it happens, and the page that Prometheus reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import chain

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from contactd.metrics.pauses import GcPauses
from contactd.metrics.wide import WideHistogram

# A second line beside each counter, for the moment it was made: Prometheus has no use for it.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
GC_PAUSES = GcPauses()
REGISTRY.register(GC_PAUSES)

_WAIT_BUCKETS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600)
_ERROR_BUCKETS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
_TALK_BUCKETS = (10, 30, 60, 120, 180, 300, 600, 900, 1800, 3600)
_RING_BUCKETS = (1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60)
_LATE_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)
_STEP_BUCKETS = (0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.02, 0.1)
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 10)

ARRIVED = Counter("contactd_contacts_arrived", "Contacts that arrived or were adopted.", ["medium"], registry=REGISTRY)
ENDED = Counter("contactd_contacts", "Contacts that ended.", ["queue", "outcome"], registry=REGISTRY)
OFFERS = Counter(
    "contactd_offers",
    "Offers that ended: answered, or why not; of one that rang several, each of them.",
    ["outcome"],
    registry=REGISTRY,
)
DIVERTED = Counter(
    "contactd_diverted",
    "Contacts that left a queue for another destination, by why and to what kind.",
    ["queue", "reason", "to"],
    registry=REGISTRY,
)
DIVERSIONS_FAILED = Counter(
    "contactd_diversions_failed",
    "Contacts that came back to their queue, since the destination did not take them.",
    ["queue", "reason"],
    registry=REGISTRY,
)
CALLBACKS = Counter(
    "contactd_callbacks",
    "Callbacks: taken, dialled (the customer's telephone), reached, withdrawn (the caller stayed).",
    ["queue", "what"],
    registry=REGISTRY,
)
CALLBACKS_MISSED = Counter(
    "contactd_callbacks_missed",
    "Attempts to call a customer back that did not reach them, by why.",
    ["queue", "reason"],
    registry=REGISTRY,
)
ANNOUNCED = Counter(
    "contactd_announcements",
    "What was said to waiting callers: welcome, position, wait, message; unsaid: what was due and could not be said.",
    ["queue", "what"],
    registry=REGISTRY,
)
ANNOUNCEMENTS_FAILED = Counter(
    "contactd_announcements_failed",
    "Announcements of which the PBX lacks a sound (incomplete), or that it did not carry out (not_sent).",
    ["queue", "reason"],
    registry=REGISTRY,
)
ANNOUNCEMENT_LATE_SECONDS = Histogram(
    "contactd_announcement_late_seconds",
    "From when an announcement was due to when it was sent to the PBX. One that waits for another one's end is late.",
    buckets=_LATE_BUCKETS,
    registry=REGISTRY,
)
ANSWER_SECONDS = Histogram(
    "contactd_offer_answer_seconds",
    "From the offer to the agent's answer.",
    buckets=_RING_BUCKETS,
    registry=REGISTRY,
)
WAIT_SECONDS = WideHistogram(
    "contactd_wait_seconds",
    "From the queueing to the answer, or to the end of a contact that nobody answered.",
    ["queue", "result"],
    _WAIT_BUCKETS,
)
TALK_SECONDS = WideHistogram("contactd_talk_seconds", "A talk with one agent.", ["queue"], _TALK_BUCKETS)
WAIT_ESTIMATE_ERROR_SECONDS = WideHistogram(
    "contactd_wait_estimate_error_seconds",
    "How far an answered wait was from its estimated median; it ended before, within or after the range.",
    ["queue", "result"],
    _ERROR_BUCKETS,
)
WIDE = (WAIT_SECONDS, TALK_SECONDS, WAIT_ESTIMATE_ERROR_SECONDS)
WEB_CONNECTIONS_CUT = Counter(
    "contactd_web_connections_cut",
    "Connections to [web] and the control socket that asked nothing in time, spoke no HTTP, or were too many.",
    ["reason"],
    registry=REGISTRY,
)
SIGN_IN_REFUSED = Counter("contactd_sign_in_refused", "Sign-ins refused.", ["reason"], registry=REGISTRY)
EVENTS = Counter("contactd_events", "Facts by kind.", ["kind"], registry=REGISTRY)
DESK_SESSIONS = Gauge("contactd_desk_sessions", "Who is signed in at the desk.", registry=REGISTRY)
DESK_STREAMS = Gauge(
    "contactd_desk_streams", "Event streams that are open, of desks and of the floor.", ["kind"], registry=REGISTRY
)
DESK_REFUSED = Counter(
    "contactd_desk_refused", "Requests of the desk that were refused, by why.", ["reason"], registry=REGISTRY
)
DESK_SIGN_INS = Counter(
    "contactd_desk_sign_ins", "Sign-ins at the desk, by what came of them.", ["outcome"], registry=REGISTRY
)
DESK_CLOSED = Counter(
    "contactd_desk_streams_closed", "Event streams that we closed, by why.", ["reason"], registry=REGISTRY
)
DESK_TOLD = Counter("contactd_desk_events", "Views that were sent to desks.", ["kind"], registry=REGISTRY)
DESK_FANOUT_SECONDS = Histogram(
    "contactd_desk_fanout_seconds",
    "From the end of a turn until all desks whose view it changed have it in their sockets.",
    buckets=_LAG_BUCKETS,
    registry=REGISTRY,
)
DESK_CERTIFICATE_END = Gauge(
    "contactd_desk_certificate_expiry_timestamp_seconds", "When the desk's certificate ends.", registry=REGISTRY
)
MAILBOX_UP = Gauge("contactd_mailbox_up", "1 while the mailbox is open and fetched.", ["mailbox"], registry=REGISTRY)
MAILBOX_LOOKED_AT = Gauge(
    "contactd_mailbox_looked_timestamp_seconds",
    "When all that lay there had last been kept.",
    ["mailbox"],
    registry=REGISTRY,
)
MAILBOX_WAITING = Gauge(
    "contactd_mailbox_waiting",
    "Messages that lie there and are not kept yet, when last looked at.",
    ["mailbox"],
    registry=REGISTRY,
)
MAILS_KEPT = Counter(
    "contactd_mails_kept",
    "Messages that were kept: whole, cut (longer than max_mb) or unreadable (the server did not give them).",
    ["mailbox", "state"],
    registry=REGISTRY,
)
RECORDING_TROUBLE = Gauge(
    "contactd_recording_trouble", "1 while talks cannot be recorded or fetched: /healthz tells why.", registry=REGISTRY
)
RECORDINGS_WAITING = Gauge(
    "contactd_recordings_waiting", "Recordings that are whole and wait for a worker.", registry=REGISTRY
)
RECORDING_OLDEST_SECONDS = Gauge(
    "contactd_recording_oldest_waiting_seconds", "For how long the oldest of them has waited.", registry=REGISTRY
)
VOICEMAILS_WAITING = Gauge(
    "contactd_voicemails_waiting",
    "Messages of callers that nobody has dealt with, by the queue for whose people they are.",
    ["queue"],
    registry=REGISTRY,
)
VOICEMAIL_OLDEST_SECONDS = Gauge(
    "contactd_voicemail_oldest_waiting_seconds",
    "For how long the oldest of them has waited.",
    ["queue"],
    registry=REGISTRY,
)
TEXT_CALLS = Gauge("contactd_text_calls", "Calls whose words are text, just now.", registry=REGISTRY)
TEXTS = Counter(
    "contactd_texts", "Calls that became calls of text, by how that came out.", ["found_by"], registry=REGISTRY
)
TEXT_REFUSED = Counter(
    "contactd_text_refused",
    "Callers on text telephones who were answered by voice, by why: edition (of the dialplan), at_once, no_audio.",
    ["why"],
    registry=REGISTRY,
)
for _why in ("edition", "at_once", "no_audio"):
    TEXT_REFUSED.labels(_why)
TEXT_CHARACTERS = Counter(
    "contactd_text_characters",
    "Characters written in calls of text, by who wrote; unsure: read, and rather wrong than right.",
    ["author", "read"],
    registry=REGISTRY,
)
RECORDING_FREE_BYTES = Gauge(
    "contactd_recording_free_bytes", "What is left where recordings come from and go to.", ["folder"], registry=REGISTRY
)
LISTENING_REFUSED = Counter(
    "contactd_listening_refused",
    "Supervisors who were not let to a talk, by why.",
    ["reason"],
    registry=REGISTRY,
)
COMPARISONS = Counter("contactd_comparisons", "Comparisons of the floor with a PBX.", ["pbx"], registry=REGISTRY)
CORRECTIONS = Counter(
    "contactd_comparison_corrections",
    "Facts that a comparison had to add, since AMI had not told them.",
    ["pbx", "kind"],
    registry=REGISTRY,
)

STEP_SECONDS = Histogram("contactd_step_seconds", "Deciding on one input.", buckets=_STEP_BUCKETS, registry=REGISTRY)
TURN_SECONDS = Histogram(
    "contactd_turn_seconds",
    "One turn of the circle: all that waited decided, kept, told and acted on.",
    buckets=_LAG_BUCKETS,
    registry=REGISTRY,
)
LOOP_LAG_SECONDS = Histogram(
    "contactd_loop_lag_seconds",
    "How late the event loop came back, measured twice a second.",
    buckets=_LAG_BUCKETS,
    registry=REGISTRY,
)
AMI_EVENT_LAG_SECONDS = Histogram(
    "contactd_ami_event_lag_seconds",
    "From the PBX's stamp on an event to our reading it, beyond the quickest of the last minutes.",
    ["pbx"],
    buckets=_LAG_BUCKETS,
    registry=REGISTRY,
)
AMI_HEARTBEAT_SECONDS = Histogram(
    "contactd_ami_heartbeat_seconds",
    "The heartbeat's way to the PBX and back, both of its actions.",
    ["pbx"],
    buckets=_LAG_BUCKETS,
    registry=REGISTRY,
)
POSTGRESQL_SECONDS = Histogram(
    "contactd_postgresql_round_trip_seconds",
    "Asking PostgreSQL for the floor's row, once a second.",
    buckets=_LAG_BUCKETS,
    registry=REGISTRY,
)
CUSTOMER_MATCH_SECONDS = Histogram(
    "contactd_customer_match_seconds",
    "Looking up who is calling, from the question to PostgreSQL's answer.",
    buckets=_LAG_BUCKETS,
    registry=REGISTRY,
)
CUSTOMER_MATCHES = Counter(
    "contactd_customer_matches",
    "Callers looked up, by what was found, or why nobody was asked; late: again, when the limit was passed.",
    ["result"],
    registry=REGISTRY,
)
for _result in ("customer", "light", "ambiguous", "nobody", "no_identity", "not_asked", "away", "late"):
    CUSTOMER_MATCHES.labels(_result)
CUSTOMER_LOOKUP_SECONDS = Histogram(
    "contactd_customer_lookup_seconds",
    "Asking the other system of [lookup] who is calling, up to an answer that can be used.",
    buckets=_LAG_BUCKETS,
    registry=REGISTRY,
)
CUSTOMER_LOOKUPS = Counter(
    "contactd_customer_lookups",
    "Callers for whom the other system of [lookup] was wanted, by what came of it.",
    ["result"],
    registry=REGISTRY,
)
for _result in ("found", "nobody", "remembered", "slow", "away", "refused", "busy", "open"):
    CUSTOMER_LOOKUPS.labels(_result)
CUSTOMER_LOOKUP_OPEN = Gauge(
    "contactd_customer_lookup_open",
    "1 while the other system of [lookup] is not asked, since it failed several times in a row.",
    registry=REGISTRY,
)
CUSTOMER_LOOKUP_VALUES_REFUSED = Counter(
    "contactd_customer_lookup_values_refused",
    "Values of an answer that were left out, being of another kind than declared.",
    ["value"],
    registry=REGISTRY,
)
for _result in ("external_id", "name", "language", "vip"):
    CUSTOMER_LOOKUP_VALUES_REFUSED.labels(_result)
STANDBY = Gauge("contactd_standby", "1 while this daemon stands by for the floor.", registry=REGISTRY)
HISTORY_SEQ = Gauge("contactd_history_seq", "How far the follower history has come.", registry=REGISTRY)
HISTORY_SKIPPED = Counter(
    "contactd_history_skipped", "Facts that the follower history could not read.", registry=REGISTRY
)

CONFIG_LOADED_AT = Gauge(
    "contactd_config_loaded_timestamp_seconds", "When the configuration in force was taken.", registry=REGISTRY
)
CONFIG_RESTART_PENDING = Gauge(
    "contactd_config_restart_pending", "Changed keys of the files that wait for a restart.", registry=REGISTRY
)
CONFIG_RELOADS = Counter("contactd_config_reloads", "Reloads by what came of them.", ["result"], registry=REGISTRY)
# Seen as 0 from the start, so that the first one is a rise.
for _result in ("taken", "partial", "held", "refused", "failed"):
    CONFIG_RELOADS.labels(_result)

_SLICE = 400
"""Samples written between two breaths of the loop: a millisecond or two."""


async def exposition(registry: CollectorRegistry = REGISTRY) -> bytes:
    """What /metrics answers. Run it in the loop, since it reads the floor; offers go out between its slices."""
    page: list[bytes] = []
    for slice_ in chain(
        chain.from_iterable(map(_slices, registry.collect())), chain.from_iterable(wide.slices() for wide in WIDE)
    ):
        page.append(slice_)
        await asyncio.sleep(0)
    return b"".join(page)


def families(registry: CollectorRegistry = REGISTRY) -> Iterator[Metric]:
    """All that is measured."""
    yield from registry.collect()
    yield from (wide.collect() for wide in WIDE)


def _slices(family: Metric) -> Iterator[bytes]:
    samples = family.samples
    family.samples = samples[:_SLICE]
    yield generate_latest(_One(family))
    for start in range(_SLICE, len(samples), _SLICE):
        family.samples = samples[start : start + _SLICE]
        # Not the lines # HELP and # TYPE again.
        yield generate_latest(_One(family)).split(b"\n", 2)[2]


class _One(CollectorRegistry):
    """generate_latest() wants a registry."""

    def __init__(self, family: Metric) -> None:
        super().__init__()
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return [self._family]
