"""A real centre, looked at from outside: /healthz, /readyz, /metrics and contactctl tail, through calls and faults."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.system.centre import Centre


@pytest.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    async with Centre(tmp_path_factory.mktemp("observed"), agents=2, queues={"sales": (5, 1)}) as centre:
        yield centre


@pytest.fixture
async def centre(own: Centre) -> AsyncIterator[Centre]:
    await own.clear()
    yield own
    await own.clear()


def page(centre: Centre, name: str) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{centre.stack.daemon.web_port}/{name}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def measured(centre: Centre) -> dict[str, float]:
    """Sums over the labels."""
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(centre.stack.daemon.metrics()):
        for sample in family.samples:
            values[sample.name] = values.get(sample.name, 0.0) + sample.value
    return values


async def test_a_call_is_told_live_and_measured(centre: Centre) -> None:
    daemon = centre.stack.daemon
    before = measured(centre)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "contactd.ctl", "--config", str(daemon.config), "tail", "--json", "--queue", "sales"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        await centre.until(lambda: measured(centre)["contactd_tail_readers"] == 1, "the reader to be there")
        (anna,) = await centre.duty("anna")
        call = await centre.dial("5001")
        at_anna = await (await anna.next_call()).wait("confirmed")
        await call.wait("confirmed")
        await at_anna.hangup()
        await call.wait("disconnected")
        told: list[dict[str, Any]] = []
        async with asyncio.timeout(20):
            while not told or told[-1]["event"]["kind"] != "ContactEnded":
                told.append(json.loads(await child.stdout.readline()))
    finally:
        child.terminate()
        await child.wait()
    kinds = [fact["event"]["kind"] for fact in told]
    assert kinds == ["ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded", "ContactEnded"]
    story = await centre.story()
    assert [fact["seq"] for fact in told] == [fact.seq for fact in story if fact.kind in kinds]
    after = measured(centre)
    for name in (
        "contactd_offer_answer_seconds_count",
        "contactd_wait_seconds_count",
        "contactd_ami_event_lag_seconds_count",
        "contactd_turn_seconds_count",
    ):
        assert after[name] > before.get(name, 0.0), name
    assert after["contactd_ami_event_lag_seconds_sum"] >= 0


async def test_a_centre_that_works_says_so_by_trying(centre: Centre) -> None:
    status, body = page(centre, "healthz")
    assert (status, body["role"]) == (200, "active")
    found = {check["name"]: check for check in body["checks"]}
    assert "heartbeat" in found["pbx pbx1"]["what"]
    assert found["agi"]["what"].startswith("answered in")
    assert found["disk"]["what"].startswith("answered in")
    status, body = page(centre, "readyz")
    assert (status, body["level"]) == (200, "ok")
    now = measured(centre)
    assert now["contactd_ami_heartbeat_seconds_count"] >= 1
    assert now["contactd_postgresql_up"] == 1
    assert now["contactd_postgresql_round_trip_seconds_count"] >= 1
    assert centre.stack.daemon.ctl("status").returncode == 0


async def test_a_frozen_pbx_makes_it_unhealthy_and_not_ready_and_passes(centre: Centre) -> None:
    """No socket closes: only the heartbeat that does not come back tells."""
    centre.stack.asterisk.pause()
    try:
        await centre.until(lambda: page(centre, "healthz")[0] == 503, "the health to fail", 25)
        _, body = page(centre, "healthz")
        failing = [check for check in body["checks"] if check["level"] == "failing"]
        assert [check["name"] for check in failing] == ["pbx pbx1"]
        assert failing[0]["remedy"]
        await centre.until(lambda: page(centre, "readyz")[0] == 503, "it to be not ready", 25)
        assert centre.stack.daemon.ctl("status", check=False).returncode == 3
    finally:
        centre.stack.asterisk.cont()
    await centre.until(lambda: page(centre, "readyz")[0] == 200, "it to be ready again", 25)
    await centre.until(lambda: page(centre, "healthz")[0] == 200, "the health to be back", 25)


async def test_a_standby_is_healthy_and_not_ready(centre: Centre) -> None:
    standby = centre.stack.standby()
    standby.start(wait=False)
    try:
        await centre.until(lambda: standby.answers("healthz") == 200, "the standby to be healthy", 25)
        assert standby.answers("readyz") == 503
        assert "contactd_standby 1.0" in standby.metrics()
        refused = standby.ctl("status", check=False)
        assert refused.returncode == 6
        assert "standby" in refused.stderr
    finally:
        standby.stop()
