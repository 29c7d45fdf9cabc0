"""What is counted, and that no caller, agent or PBX can make a series."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.contact import Estimate
from contactd.core.ids import AgentId, ContactId, OfferId, QueueId, contact_id
from contactd.core.step import Step
from contactd.metrics import FloorMetrics, PbxReading, Readings
from contactd.metrics.pauses import GcPauses
from contactd.metrics.registry import REGISTRY, families
from contactd.metrics.wide import WideHistogram
from contactd.pbx.lag import EventLag
from contactd.pbx.translate import stamped
from contactd.protocols.ami import Parser
from tests.store.walk import PBX, QUEUES, Walk

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def walk() -> Walk:
    walk = Walk()
    walk.open()
    return walk


@pytest.fixture
def metrics(walk: Walk) -> Iterator[FloorMetrics]:
    metrics = FloorMetrics(walk.floor, lambda: Readings(holds_epoch=True), lambda: walk.now)
    yield metrics
    metrics.close()


def values() -> Values:
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families() for s in family.samples}


def rise(before: Values, name: str, **labels: str) -> float:
    key = (name, tuple(sorted(labels.items())))
    return values().get(key, 0.0) - before.get(key, 0.0)


def test_a_flood_of_odd_values_makes_no_new_series(metrics: FloorMetrics) -> None:
    agent, offer = AgentId("a0"), OfferId("1-1")

    def odd(n: int) -> list[ev.Event]:
        contact, queue = contact_id(PBX, f"pbx1-1.{n}", 1_800_000_000.0), QueueId(f"queue-{n}\n\"'")
        return [
            ev.ContactArrived(contact=contact, medium=f"m{n}", pbx=PBX, call="c", channel="c", dnis=f"{n}"),
            ev.ContactQueued(contact=contact, queue=queue, queued_at=0.0),
            ev.ContactOffered(contact=contact, agent=agent, offer=offer),
            ev.OfferEnded(contact=contact, agent=agent, offer=offer, outcome=f"o{n}"),  # type: ignore[arg-type]
            ev.ContactConnected(contact=contact, agent=agent, offer=offer, waited_s=4.0),
            ev.TalkEnded(contact=contact, agent=agent, by="caller", talk_s=60.0, wrap_up_until=None),
            ev.ContactEnded(
                contact=contact,
                outcome=f"abandoned{n}",  # type: ignore[arg-type]
                queue=queue,
                waited_s=4.0,
                lasted_s=70.0,
            ),
            ev.AgentRefused(agent=agent, reason=f"r{n}", locked_until=None),
        ]

    metrics.publish([Step(inp.TimePassed(), 1.0, 1, odd(0), [])])
    before = values()
    for n in range(1, 2000):
        metrics.publish([Step(inp.TimePassed(), 1.0, 1, odd(n), [])])
    assert set(values()) == set(before)
    assert rise(before, "contactd_contacts_total", queue="other", outcome="other") == 1999
    assert rise(before, "contactd_contacts_arrived_total", medium="other") == 1999
    assert rise(before, "contactd_sign_in_refused_total", reason="other") == 1999
    assert not metrics._queue_of
    assert not metrics._offered_at


def test_an_answer_is_timed_from_its_offer(walk: Walk, metrics: FloorMetrics) -> None:
    walk.steps.clear()
    before = values()
    call = walk.arrive(QUEUES[0])
    offered = walk.put(inp.SignInAsked(agent=AgentId("a0"), pin_right=True))[-1]
    assert isinstance(offered, ev.ContactOffered)
    walk.put(inp.OfferAnswered(contact=call.contact, offer=offered.offer), after_s=7)
    metrics.publish(walk.steps)
    assert rise(before, "contactd_offer_answer_seconds_count") == 1
    assert rise(before, "contactd_offer_answer_seconds_sum") == 7


@pytest.mark.parametrize(
    ("waited_s", "result", "error_s"), [(10, "before", 50), (90, "within", 30), (200, "after", 140)]
)
def test_an_answered_wait_is_held_against_its_estimate(
    metrics: FloorMetrics, walk: Walk, waited_s: float, result: str, error_s: float
) -> None:
    contact = contact_id(PBX, "pbx1-1.1", 1_800_000_000.0)
    told = ev.ContactConnected(
        contact=contact,
        agent=AgentId("a0"),
        offer=None,
        waited_s=waited_s,
        estimate=Estimate(low_s=20, median_s=60, high_s=180),
    )
    unknown = ev.ContactConnected(contact=contact, agent=AgentId("a0"), offer=None, waited_s=5.0)
    before = values()
    queued = ev.ContactQueued(contact=contact, queue=QUEUES[0], queued_at=walk.now)
    metrics.publish([Step(inp.TimePassed(), walk.now, 1, [queued, told, unknown], [])])
    labels = {"queue": QUEUES[0], "result": result}
    assert rise(before, "contactd_wait_estimate_error_seconds_sum", **labels) == error_s
    assert rise(before, "contactd_wait_estimate_error_seconds_count", **labels) == 1


def test_an_offer_of_an_earlier_life_is_timed_too(walk: Walk) -> None:
    call = walk.arrive(QUEUES[0])
    offered = walk.put(inp.SignInAsked(agent=AgentId("a0"), pin_right=True))[-1]
    assert isinstance(offered, ev.ContactOffered)
    after_restart = FloorMetrics(walk.floor, lambda: Readings(holds_epoch=True), lambda: walk.now)
    try:
        before = values()
        walk.steps.clear()
        walk.put(inp.OfferAnswered(contact=call.contact, offer=offered.offer), after_s=9)
        after_restart.publish(walk.steps)
        assert rise(before, "contactd_offer_answer_seconds_sum") == 9
    finally:
        after_restart.close()


def test_what_a_comparison_had_to_add_is_counted_by_kind(walk: Walk, metrics: FloorMetrics) -> None:
    """Three calls that nobody announced, and one that ended unseen."""
    gone = walk.arrive(QUEUES[0])
    walk.steps.clear()
    before = values()
    free = {f"100{n}": Handset.FREE for n in range(4)}
    unheard = tuple(
        inp.CallSeen(
            contact=ContactId(f"0190-{n}"),
            call=f"pbx1-9.{n}",
            channel=f"PJSIP/t-{n}",
            dnis="5000",
            place=inp.Place.HOLD,
            queue=QUEUES[0],
            queued_at=walk.now,
        )
        for n in range(3)
    )
    walk.now += 60
    walk.put(inp.PbxCompared(pbx=PBX, asked_at=walk.now, booted_at=1.0, calls=unheard, handsets=free))
    walk.put(inp.PbxCompared(pbx=PBX, asked_at=walk.now, booted_at=1.0, calls=unheard, handsets=free), after_s=1)
    metrics.publish(walk.steps)
    assert rise(before, "contactd_comparisons_total", pbx=PBX) == 2
    assert rise(before, "contactd_comparison_corrections_total", pbx=PBX, kind="ContactAdopted") == 3
    assert rise(before, "contactd_comparison_corrections_total", pbx=PBX, kind="ContactEnded") == 1
    assert rise(before, "contactd_comparison_corrections_total", pbx=PBX, kind="PbxSteered") == 0
    assert gone.contact not in walk.floor.contacts


def test_staff_and_available_agents_are_told_by_queue(walk: Walk, metrics: FloorMetrics) -> None:
    for n in range(3):
        walk.put(inp.SignInAsked(agent=AgentId(f"a{n}"), pin_right=True))
    walk.put(inp.HandsetChanged(pbx=PBX, endpoint="1002", handset=Handset.UNAVAILABLE))
    now = values()
    for queue in QUEUES:
        assert now["contactd_queue_agents", (("queue", queue), ("status", "ready"))] == 3
        assert now["contactd_queue_agents", (("queue", queue), ("status", "signed_out"))] == 1
        assert now["contactd_queue_agents_available", (("queue", queue),)] == 2


def test_a_reading_that_is_not_there_yet_is_no_zero(walk: Walk) -> None:
    """A heartbeat of age 0 that never came would hide that it never came."""
    reading = Readings(holds_epoch=True, pbx={PBX: PbxReading(connected=False)})
    metrics = FloorMetrics(walk.floor, lambda: reading, lambda: walk.now)
    try:
        assert not [name for name, _ in values() if name == "contactd_ami_heartbeat_age_seconds"]
    finally:
        metrics.close()


# --- how long things took ---


def test_a_garbage_collection_is_timed() -> None:
    pauses = GcPauses()
    try:
        gc.collect()
        (family,) = pauses.collect()
        counted = {s.name: s.value for s in family.samples if s.name.endswith(("_count", "_sum"))}
        assert counted["contactd_gc_pause_seconds_count"] >= 1
        assert counted["contactd_gc_pause_seconds_sum"] > 0
    finally:
        gc.callbacks.remove(pauses._on_gc)


def test_a_wide_histogram_writes_what_the_library_would() -> None:
    wide = WideHistogram("contactd_x_seconds", "A test.", ["queue"], (0.5, 1, 30))
    for value in (0.2, 0.5, 7, 31):
        wide.labels('odd"\\\n').observe(value)
    page = b"".join(wide.slices()).decode().splitlines()
    assert page == [
        "# HELP contactd_x_seconds A test.",
        "# TYPE contactd_x_seconds histogram",
        r'contactd_x_seconds_bucket{queue="odd\"\\\n",le="0.5"} 2.0',
        r'contactd_x_seconds_bucket{queue="odd\"\\\n",le="1.0"} 2.0',
        r'contactd_x_seconds_bucket{queue="odd\"\\\n",le="30.0"} 3.0',
        r'contactd_x_seconds_bucket{queue="odd\"\\\n",le="+Inf"} 4.0',
        r'contactd_x_seconds_count{queue="odd\"\\\n"} 4.0',
        r'contactd_x_seconds_sum{queue="odd\"\\\n"} 38.7',
    ]
    assert {s.value for s in wide.collect().samples} == {2.0, 3.0, 4.0, 38.7}


def test_an_events_lag_is_told_though_the_clocks_differ() -> None:
    """The PBX's clock is 100 s behind ours; the quickest way takes 2 ms."""
    lag = EventLag()
    assert lag.of(1000.0, 1100.002) == 0
    assert lag.of(1001.0, 1101.502) == pytest.approx(0.5)
    assert lag.of(1002.0, 1102.002) == pytest.approx(0, abs=1e-9)
    assert lag.smallest_s == pytest.approx(100.002)


def test_a_clock_that_was_set_is_forgiven_after_some_minutes() -> None:
    lag = EventLag()
    for second in range(1200):
        step_s = 5.0 if second > 600 else 0.0
        late = lag.of(1000.0 + second - step_s, 1000.0 + second)
        if second == 601:
            assert late == pytest.approx(5.0)
    assert late == 0


def test_a_stamp_that_is_no_time_is_none() -> None:
    parser = Parser()
    parser.feed(b"Asterisk Call Manager/9.0.0\r\n")
    for text in ("nan", "inf", "", "yesterday"):
        (message,) = parser.feed(f"Event: X\r\nTimestamp: {text}\r\n\r\n".encode())
        assert stamped(message) is None
    assert stamped(parser.feed(b"Event: X\r\nTimestamp: 17.5\r\n\r\n")[0]) == 17.5


def test_the_registry_is_the_daemons_own() -> None:
    """Not the library's global one, into which any dependency may write."""
    names = {family.name for family in REGISTRY.collect()}
    assert all(name.startswith(("contactd_", "process_", "python_gc_")) for name in names)


def test_a_test_call_is_counted_nowhere_but_among_the_facts(walk: Walk, metrics: FloorMetrics) -> None:
    before = values()
    walk.now += 1
    call = f"pbx1-{int(walk.now)}.test0a1b2c3db"
    arrived = inp.CallArrived(
        contact=contact_id(PBX, call, walk.now), pbx=PBX, call=call, channel="Local/5000@contactd-in-1;2", dnis="5000"
    )
    walk.steps.clear()
    walk.put(arrived)
    walk.hold(arrived, QUEUES[0])
    metrics.publish(walk.steps)
    assert values()[("contactd_waiting", (("queue", QUEUES[0]),))] == 0
    walk.steps.clear()
    walk.put(inp.CallerHungUp(contact=arrived.contact, cause=16), after_s=9)
    metrics.publish(walk.steps)
    changed = {
        key
        for key, value in values().items()
        if value != before.get(key, 0.0) and key[0].startswith("contactd_") and "_gc_" not in key[0]
    }
    assert {name for name, _ in changed} <= {"contactd_events_total", "contactd_seq"} and changed
    # The next caller counts.
    walk.steps.clear()
    real = walk.arrive(QUEUES[0])
    walk.put(inp.CallerHungUp(contact=real.contact, cause=16), after_s=9)
    metrics.publish(walk.steps)
    assert rise(before, "contactd_contacts_total", queue=QUEUES[0], outcome="abandoned_waiting") == 1
