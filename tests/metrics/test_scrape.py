"""A scrape of a large centre does not hold up the calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from contactd.metrics import FloorMetrics, exposition
from tests.metrics.big import AGENTS, QUEUES, big_floor, every_series, readings
from tests.store.walk import Walk


@pytest.fixture(scope="module")
async def big() -> AsyncIterator[Walk]:
    walk = big_floor()
    metrics = FloorMetrics(walk.floor, readings, lambda: walk.now + 30)
    every_series(metrics)
    yield walk
    metrics.close()


async def longest_hold(work: object) -> tuple[float, float]:
    """The longest time that the loop was not let run while `work` was done, and how long all of it took; seconds.

    Of this thread's own processor time: what else the machine does meanwhile is no fault of the work.
    """
    longest_s, last = 0.0, time.thread_time()
    done = asyncio.ensure_future(work)  # type: ignore[arg-type]
    began = last
    while not done.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest_s, last = max(longest_s, now - last), now
    return longest_s, last - began


async def test_a_scrape_lets_the_loop_run(big: Walk) -> None:
    """100 queues, 500 agents, 2,000 waiting: written in slices, a quarter of the work at most in one piece."""
    found = [await longest_hold(exposition()) for _ in range(10)]
    page = await exposition()
    held_s, took_s = min(found, key=lambda one: one[0] / one[1])
    lines = page.count(b"\n")
    print(f"{lines} lines, {len(page)} bytes: {took_s * 1000:.1f} ms in all, at most {held_s * 1000:.1f} ms at a time")
    assert lines > 5_000
    assert held_s < took_s / 2


async def test_a_scrape_in_slices_reads_as_one_page(big: Walk) -> None:
    families = {family.name: family for family in text_string_to_metric_families((await exposition()).decode())}
    waits = families["contactd_wait_seconds"]
    counted = [s for s in waits.samples if s.name.endswith("_count") and s.labels["result"] == "answered"]
    assert {s.labels["queue"] for s in counted} >= set(QUEUES)
    assert (await exposition()).count(b"# TYPE contactd_wait_seconds ") == 1
    staff = families["contactd_queue_agents"]
    assert sum(s.value for s in staff.samples) == AGENTS * 5
    waiting = families["contactd_waiting"]
    assert sum(s.value for s in waiting.samples) == sum(c.state != "connected" for c in big.floor.contacts.values())
