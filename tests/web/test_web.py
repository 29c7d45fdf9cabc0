"""/metrics, /healthz and the control socket, over real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contactd.config import Change
from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Status
from contactd.core.contact import Needs
from contactd.core.errors import ContactdError
from contactd.core.ids import AgentId, SkillId
from contactd.metrics import FloorMetrics, PbxReading
from contactd.web import Lobby, Surface, peers, serve_control, serve_standby, serve_web
from contactd.web.health import Level
from contactd.web.peers import Peer, Right, SocketRefused, control_socket, peer_of, right_of
from contactd.web.server import WebRefused
from tests.store.walk import PBX, QUEUES
from tests.web.bench import Bench

ALICE, BOB = AgentId("alice"), AgentId("bob")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question is answered anew."""
    monkeypatch.setattr("contactd.web.surface._FRESH_S", -1.0)


@pytest.fixture
async def base(bench: Bench) -> AsyncIterator[str]:
    async with serve_web(bench.surface, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def control(bench: Bench, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    path = str(tmp_path / "ctl.sock")
    async with (
        serve_control(bench.surface, path),
        aiohttp.ClientSession("http://contactd", connector=aiohttp.UnixConnector(path)) as session,
    ):
        yield session


async def get(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.json()


async def post(session: aiohttp.ClientSession, path: str, **body: Any) -> tuple[int, Any]:
    async with session.post(path, json=body) as answer:
        return answer.status, await answer.json()


# --- health ---


async def test_a_daemon_that_steers_is_healthy(base: str) -> None:
    status, body = await get(f"{base}/healthz")
    assert (status, body["level"]) == (200, "ok")
    names = [check["name"] for check in body["checks"]]
    assert names == [
        "epoch",
        "circle",
        "pbx pbx1",
        "spool",
        "append",
        "postgresql",
        "facts",
        "clock",
        "recording",
        "configuration",
        "audit",
    ]
    assert body["role"] == "active"
    assert "ms" in body["checks"][1]["what"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"holds_epoch": False}, "epoch"),
        ({"spool_fault": "No space left on device"}, "spool"),
        ({"spool_full": True}, "spool"),
    ],
)
async def test_a_daemon_that_cannot_steer_says_why_and_what_to_do(
    bench: Bench, base: str, change: dict[str, Any], name: str
) -> None:
    bench.readings = dataclasses.replace(bench.readings, **change)
    status, body = await get(f"{base}/healthz")
    assert status == 503
    (failing,) = [check for check in body["checks"] if check["level"] == "failing"]
    assert failing["name"] == name
    assert failing["remedy"]


async def test_postgresql_away_is_a_warning_since_the_calls_go_on(bench: Bench, base: str) -> None:
    bench.readings = dataclasses.replace(bench.readings, append_lag_s=600.0)
    status, body = await get(f"{base}/healthz")
    assert (status, body["level"]) == (200, "warning")


async def test_facts_that_are_not_in_the_journal_are_told_until_somebody_looks(bench: Bench, base: str) -> None:
    bench.readings = dataclasses.replace(bench.readings, in_quarantine=2)
    status, body = await get(f"{base}/healthz")
    assert (status, body["level"]) == (200, "warning")
    (check,) = [check for check in body["checks"] if check["name"] == "facts"]
    assert "2 files in spool/quarantine" in check["what"] and "docs/backup.rst" in check["remedy"]


async def test_a_pbx_that_is_not_steered_fails_the_check(bench: Bench, base: str) -> None:
    bench.walk.put(inp.PbxAbsent(pbx=PBX, why="gone"))
    _, body = await get(f"{base}/healthz")
    assert "not compared" in body["checks"][2]["what"]
    bench.readings = dataclasses.replace(bench.readings, pbx={PBX: PbxReading(connected=False)})
    status, body = await get(f"{base}/healthz")
    assert status == 503
    assert "[pbx.pbx1]" in body["checks"][2]["remedy"]


async def test_a_full_inbox_fails_the_check(bench: Bench, base: str) -> None:
    bench.full = True
    status, body = await get(f"{base}/healthz")
    assert status == 503
    assert body["checks"][1]["level"] == "failing"


async def test_a_circle_that_stands_still_fails_the_check(
    bench: Bench, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: inp.Input) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(bench, "ask", never)
    monkeypatch.setattr("contactd.web.surface.PROBE_S", 0.01)
    status, body = await get(f"{base}/healthz")
    assert status == 503
    assert body["checks"][1]["what"].startswith("no answer")


async def test_a_heartbeat_that_does_not_come_back_fails_the_check(bench: Bench, base: str) -> None:
    """The AMI session is there, the floor is compared, and the dialplan sends the callers to the static queue."""
    bench.readings = dataclasses.replace(bench.readings, pbx={PBX: PbxReading(connected=True, beat_age_s=11.0)})
    status, body = await get(f"{base}/healthz")
    assert (status, body["checks"][2]["level"]) == (503, "failing")
    assert "takes contactd for gone" in body["checks"][2]["what"]


async def test_postgresql_that_does_not_answer_is_told_before_anything_waits_for_it(bench: Bench, base: str) -> None:
    bench.readings = dataclasses.replace(bench.readings, postgresql_up=False)
    status, body = await get(f"{base}/healthz")
    assert (status, body["level"]) == (200, "warning")


@pytest.mark.parametrize("name", ["agi", "disk"])
async def test_what_is_tried_and_fails_is_told_with_its_remedy(bench: Bench, name: str) -> None:
    async def broken() -> None:
        raise ContactdError("it does not work")

    async def fine() -> None: ...

    probes = {"agi": fine, "disk": fine, name: broken}
    surface = Surface(bench, bench.reload, lambda: bench.readings, lambda: bench.now, bench.trail, probes)
    found = {check.name: check for check in await surface.health()}
    assert (found[name].level, found[name].what) == (Level.FAILING, "it does not work")
    assert found[name].remedy
    assert found["agi" if name == "disk" else "disk"].level is Level.OK


async def test_a_disk_that_hangs_is_tried_by_one_and_no_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contactd.web.surface.PROBE_S", 0.01)
    tried = 0
    back = asyncio.Event()

    async def hangs() -> None:
        nonlocal tried
        tried += 1
        await back.wait()

    surface = Surface(bench, bench.reload, lambda: bench.readings, lambda: bench.now, bench.trail, {"disk": hangs})
    for _ in range(5):
        found = {check.name: check for check in await surface.health()}
        assert found["disk"].what == "no answer"
    assert tried == 1
    back.set()
    await asyncio.sleep(0)
    found = {check.name: check for check in await surface.health()}
    assert found["disk"].level is Level.OK


async def test_who_asks_often_asks_the_parts_once_a_second(
    bench: Bench, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contactd.web.surface._FRESH_S", 1.0)
    for _ in range(20):
        assert (await get(f"{base}/healthz"))[0] == 200
    assert len(bench.asked) < 5


# --- ready ---


async def test_a_daemon_that_steers_is_ready(base: str) -> None:
    status, body = await get(f"{base}/readyz")
    assert (status, body["level"], body["role"]) == (200, "ok", "active")
    assert [check["name"] for check in body["checks"]] == ["epoch", "circle", "steering"]


async def test_one_that_steers_no_pbx_is_not_ready(bench: Bench, base: str) -> None:
    bench.walk.put(inp.PbxAbsent(pbx=PBX, why="gone"))
    status, body = await get(f"{base}/readyz")
    assert (status, body["checks"][-1]["name"]) == (503, "steering")


async def test_one_whose_postgresql_is_away_is_ready(bench: Bench, base: str) -> None:
    """It steers from memory."""
    bench.readings = dataclasses.replace(bench.readings, postgresql_up=False, append_lag_s=90.0)
    assert (await get(f"{base}/readyz"))[0] == 200


async def test_a_standby_is_healthy_and_not_ready_until_it_takes_over(bench: Bench) -> None:
    async def store() -> None: ...

    lobby = Lobby(store)
    lobby.why = "another contactd holds the floor; this one stands by"
    async with serve_web(lobby, "127.0.0.1", 0) as port:
        base = f"http://127.0.0.1:{port}"
        status, body = await get(f"{base}/healthz")
        assert (status, body["role"], body["level"]) == (200, "standby", "ok")
        status, body = await get(f"{base}/readyz")
        assert (status, body["role"]) == (503, "standby")
        assert body["checks"][0]["what"] == lobby.why
        async with aiohttp.ClientSession() as session, session.get(f"{base}/metrics") as answer:
            assert "contactd_standby" in await answer.text()
        lobby.surface = bench.surface
        assert (await get(f"{base}/readyz"))[0] == 200
        assert (await get(f"{base}/healthz"))[1]["role"] == "active"


async def test_a_standby_that_cannot_ask_postgresql_is_not_healthy() -> None:
    async def store() -> None:
        raise ContactdError("PostgreSQL does not answer")

    async with serve_web(Lobby(store), "127.0.0.1", 0) as port:
        status, body = await get(f"http://127.0.0.1:{port}/healthz")
    assert status == 503
    assert body["checks"][1]["remedy"]


# --- metrics ---


async def test_the_metrics_tell_what_happened_and_what_is(bench: Bench, base: str) -> None:
    metrics = FloorMetrics(bench.floor, lambda: bench.readings, lambda: bench.now)
    try:
        before = await _metrics(base)
        walk = bench.walk
        done = walk.arrive(QUEUES[0])
        offered = walk.put(inp.SignInAsked(agent=ALICE, pin_right=True), after_s=7)[-1]
        walk.put(inp.OfferAnswered(contact=done.contact, offer=offered.offer))  # type: ignore[attr-defined]
        walk.put(inp.CallerHungUp(contact=done.contact, cause=16), after_s=30)
        walk.arrive(QUEUES[1])
        walk.now += 12
        metrics.publish(walk.steps)
        after = await _metrics(base)
    finally:
        metrics.close()

    def rise(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return after[key] - before.get(key, 0.0)

    assert rise("contactd_contacts_total", queue="sales", outcome="handled") == 1
    assert rise("contactd_offers_total", outcome="answered") == 1
    assert rise("contactd_wait_seconds_sum", queue="sales", result="answered") == 7
    assert rise("contactd_talk_seconds_sum", queue="sales") == 30
    assert rise("contactd_contacts_arrived_total", medium="voice") == 2
    assert after["contactd_waiting", (("queue", "service"),)] == 1
    assert after["contactd_longest_wait_seconds", (("queue", "service"),)] == 12
    assert after["contactd_agents", (("state", "wrap_up"), ("status", "ready"))] == 1
    assert after["contactd_ami_connected", (("pbx", "pbx1"),)] == 1
    assert after["contactd_config_info", (("sha256", bench.settings.sha256),)] == 1
    assert after["contactd_seq", ()] == bench.floor.seq


async def _metrics(base: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    async with aiohttp.ClientSession() as session, session.get(f"{base}/metrics") as answer:
        text = await answer.text()
        assert answer.content_type == "text/plain"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_the_tcp_door_shows_numbers_and_nothing_else(base: str) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/agents", "/status", "/contacts", "/"):
            async with session.get(f"{base}{path}") as answer:
                assert answer.status == 404
        async with session.post(f"{base}/agents/alice/sign-in") as answer:
            assert answer.status == 404


async def test_a_port_in_use_is_told_with_its_section(bench: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(WebRefused, match=r"\[web\]"):
            async with serve_web(bench.surface, "127.0.0.1", taken.getsockname()[1]):
                pass


# --- the control socket: looking ---


async def test_status_agents_queues_and_contacts_are_the_floor_as_it_is(
    bench: Bench, control: aiohttp.ClientSession
) -> None:
    walk = bench.walk
    walk.arrive(QUEUES[0])
    in_menu = walk.arrive()
    walk.put(inp.SignInAsked(agent=BOB, pin_right=True), after_s=8)
    async with control.get("/status") as answer:
        status = await answer.json()
    assert (status["level"], status["contacts"], status["agents_available"]) == ("ok", {"waiting": 1, "menu": 1}, 1)
    assert status["readings"]["pbx"]["pbx1"]["connected"] is True
    async with control.get("/queues") as answer:
        sales, service = await answer.json()
    assert (sales["id"], sales["label"], sales["waiting"], sales["longest_wait_s"]) == ("sales", "Sales", 1, 8)
    assert (service["agents"], service["agents_available"], sales["agents_available"]) == (2, 1, 0)
    async with control.get("/agents") as answer:
        alice, bob = await answer.json()
    assert (alice["status"], alice["for_s"]) == ("signed_out", None)
    assert (bob["status"], bob["state"], bob["for_s"], bob["available"]) == ("ready", "idle", 0, True)
    async with control.get("/contacts") as answer:
        contacts = await answer.json()
    assert {contact["state"] for contact in contacts} == {"waiting", "menu"}
    assert next(c for c in contacts if c["id"] == in_menu.contact)["waited_s"] is None


async def test_queues_and_contacts_tell_how_long_it_will_take_or_that_nobody_knows(
    bench: Bench, control: aiohttp.ClientSession
) -> None:
    async def asked() -> tuple[list[dict[str, Any] | None], dict[str, Any] | None]:
        async with control.get("/queues") as answer:
            queues = [queue["estimated_wait"]["pbx1"] for queue in await answer.json()]
        async with control.get("/contacts") as answer:
            return queues, (await answer.json())[-1]["estimated_wait"]

    walk = bench.walk
    walk.arrive(QUEUES[0])
    assert await asked() == ([None, None], None)
    offered = walk.put(inp.SignInAsked(agent=AgentId("alice"), pin_right=True))[-1]
    assert isinstance(offered, ev.ContactOffered)
    walk.put(inp.OfferAnswered(contact=offered.contact, offer=offered.offer), after_s=3)
    walk.arrive(QUEUES[0], after_s=1)
    (sales, service), waiting = await asked()
    assert sales is not None and waiting is not None and service is not None
    assert 0 < waiting["low_s"] < waiting["median_s"] < waiting["high_s"]
    assert sales["median_s"] > waiting["median_s"]


# --- the control socket: acting ---


async def test_a_supervisor_acts_for_an_agent(bench: Bench, control: aiohttp.ClientSession) -> None:
    status, agent = await post(control, "/agents/alice/sign-in")
    assert (status, agent["status"]) == (200, "ready")
    status, agent = await post(control, "/agents/alice/not-ready", reason="break")
    assert (status, agent["reason"]) == (200, "break")
    assert (await post(control, "/agents/alice/ready"))[1]["status"] == "ready"
    assert (await post(control, "/agents/alice/sign-out"))[1]["status"] == "signed_out"
    assert bench.floor.agents[ALICE].status is Status.SIGNED_OUT


@pytest.mark.parametrize(
    ("path", "reason", "answer"),
    [
        ("/agents/alice/ready", "", (409, "signed_out")),
        ("/agents/alice/sign-out", "", (409, "signed_out")),
        ("/agents/bob/sign-in", "", (409, "already_ready")),
        ("/agents/bob/ready", "", (409, "already_ready")),
        ("/agents/bob/not-ready", "holiday", (400, "unknown_reason")),
        ("/agents/bob/not-ready", "", (400, "unknown_reason")),
        ("/agents/eve/ready", "", (404, "unknown_agent")),
        ("/agents/bob/fire", "", (404, "unknown_act")),
        ("/agents/bob/skills", "german=3 germn=4", (400, "unknown_skill")),
        ("/agents/bob/skills", "german=11", (400, "unknown_skill")),
        ("/agents/bob/skills", "", (400, "unknown_skill")),
        ("/agents/bob/skills", "configured", (409, "same_skills")),
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_code_and_changes_nothing(
    bench: Bench, control: aiohttp.ClientSession, path: str, reason: str, answer: tuple[int, str]
) -> None:
    bench.walk.put(inp.SignInAsked(agent=BOB, pin_right=True))
    before = bench.floor.seq
    answered, body = await post(control, path, reason=reason)
    assert (answered, body["code"]) == answer
    assert body["reason"].endswith(".")
    assert bench.floor.seq == before


async def test_a_supervisor_changes_skills_and_takes_it_back(bench: Bench, control: aiohttp.ClientSession) -> None:
    bob = bench.floor.agents[BOB]
    status, agent = await post(control, "/agents/bob/skills", reason="german=8 english=2")
    assert (status, agent["skills"], agent["skills_set"]) == (200, {"german": 8, "english": 2}, True)
    assert bob.skills == {"german": 8, "english": 2}
    assert (await post(control, "/agents/bob/skills", reason="none"))[1]["skills"] == {}
    status, agent = await post(control, "/agents/bob/skills", reason="configured")
    assert (status, agent["skills"], agent["skills_set"]) == (200, {"german": 3}, False)
    assert [(entry.act, entry.agent) for entry in bench.audited] == [("skills", BOB)] * 3
    assert bench.audited[0].outcome == "done: german=8 english=2"


async def test_a_supervisor_closes_a_queue_for_a_time_and_lets_its_hours_count_again(
    bench: Bench, control: aiohttp.ClientSession
) -> None:
    status, queues = await post(control, "/hours/queue/sales/close", why="fire drill", for_s=7200)
    assert status == 200
    told = next(queue for queue in queues if queue["id"] == "sales")["hours"]
    assert told == {"open": False, "by": "hand", "why": "fire drill", "until": bench.now + 7200, "since": bench.now}
    assert next(queue for queue in queues if queue["id"] == "service")["hours"]["open"]
    assert (await post(control, "/hours/queue/sales/close", why="fire drill", for_s=7200))[1]["code"] == "same"
    assert (await post(control, "/hours/calendar/office/open", why="late shift", for_s=60))[0] == 200
    status, queues = await post(control, "/hours/queue/sales/lift")
    assert (status, queues[0]["hours"]["why"]) == (200, "late shift")
    assert [(entry.act, entry.outcome) for entry in bench.audited] == [
        ("close", "done: queue:sales, for_s=7200, why=fire drill"),
        ("close", "same: queue:sales, for_s=7200, why=fire drill"),
        ("open", "done: calendar:office, for_s=60, why=late shift"),
        ("lift", "done: queue:sales"),
    ]


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("queue/gone/close", {"why": "fire"}, (404, "unknown_queue")),
        ("calendar/gone/close", {"why": "fire"}, (404, "unknown_calendar")),
        ("queue/sales/burn", {"why": "fire"}, (404, "unknown_act")),
        ("house/sales/close", {"why": "fire"}, (404, "unknown_act")),
        ("queue/sales/close", {}, (400, "no_reason")),
        ("queue/sales/close", {"why": "  "}, (400, "no_reason")),
        ("queue/sales/close", {"why": "a\nb"}, (400, "no_reason")),
        ("queue/sales/close", {"why": "a" * 201}, (400, "no_reason")),
        ("queue/sales/close", {"why": "fire", "for_s": 0}, (400, "wrong_time")),
        ("queue/sales/close", {"why": "fire", "for_s": 1e9}, (400, "wrong_time")),
        ("queue/sales/close", {"why": "fire", "for_s": "long"}, (400, "wrong_body")),
        ("queue/sales/close", {"why": "fire", "waiting": "shout"}, (400, "wrong_body")),
        ("queue/service/close", {"why": "fire"}, (409, "no_destination")),
        ("queue/sales/open", {"why": "party"}, (400, "no_time")),
        ("queue/sales/lift", {}, (409, "not_switched")),
    ],
)
async def test_what_cannot_be_closed_or_opened_is_refused_with_a_code(
    bench: Bench, control: aiohttp.ClientSession, path: str, body: dict[str, Any], answer: tuple[int, str]
) -> None:
    before = bench.floor.seq
    answered, told = await post(control, f"/hours/{path}", **body)
    assert (answered, told["code"]) == answer
    assert told["reason"].endswith(".")
    assert bench.floor.seq == before


async def test_a_supervisor_says_what_a_contact_needs(bench: Bench, control: aiohttp.ClientSession) -> None:
    call = bench.walk.arrive(QUEUES[0])
    status, told = await post(control, f"/contacts/{call.contact[:20]}/needs", skills="english=5", boost_s=60)
    assert (status, told["skills"]) == (200, {"english": 5, "german": 7})
    assert bench.floor.contacts[call.contact].needs == Needs(skills={SkillId("english"): 5}, boost_s=60)
    status, body = await post(control, f"/contacts/{call.contact}/needs", skills="english=5", boost_s=60)
    assert (status, body["code"]) == (409, "same_needs")
    assert (await post(control, f"/contacts/{call.contact}/needs"))[0] == 200
    assert bench.floor.contacts[call.contact].needs == Needs()
    assert [(entry.act, entry.contact, entry.outcome) for entry in bench.audited] == [
        ("needs", call.contact, "done: english:5//60"),
        ("needs", call.contact, "same_needs: english:5//60"),
        ("needs", call.contact, "done: nothing of its own"),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"skills": "germn=5"}, "unknown_skill"),
        ({"skills": "german=11"}, "unknown_skill"),
        ({"skills": " ".join(["german=5"] * 21)}, "unknown_skill"),
        ({"agent": "eve"}, "unknown_agent"),
        ({"boost_s": 86401}, "wrong_boost"),
        ({"boost_s": "long"}, "wrong_body"),
    ],
)
async def test_needs_that_nobody_could_meet_are_refused(
    bench: Bench, control: aiohttp.ClientSession, body: dict[str, Any], code: str
) -> None:
    call = bench.walk.arrive(QUEUES[0])
    before = bench.floor.seq
    status, told = await post(control, f"/contacts/{call.contact}/needs", **body)
    assert (status, told["code"]) == (400, code) and told["reason"].endswith(".")
    assert bench.floor.seq == before and not bench.audited
    assert (await post(control, "/contacts/0000/needs"))[1]["code"] == "unknown_contact"


async def test_the_candidates_of_a_contact_say_why_each_agent_is_or_is_not_offered_it(
    bench: Bench, control: aiohttp.ClientSession
) -> None:
    call = bench.walk.arrive(QUEUES[0])
    async with control.get(f"/contacts/{call.contact[:20]}/candidates") as answer:
        told = await answer.json()
    assert (told["queue"], told["strategy"], told["skills"], told["step"]) == (
        "sales",
        "longest_idle",
        {"german": 7},
        0,
    )
    assert [(one["agent"], one["reason"]) for one in told["agents"]] == [("bob", "elsewhere"), ("alice", "signed_out")]
    async with control.get("/contacts/0000/candidates") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "unknown_contact")


async def test_a_locked_agent_cannot_be_signed_in_past_the_lock(bench: Bench, control: aiohttp.ClientSession) -> None:
    for _ in range(3):
        bench.walk.put(inp.SignInAsked(agent=ALICE, pin_right=False))
    status, body = await post(control, "/agents/alice/sign-in")
    assert (status, body["code"]) == (409, "locked")


async def test_a_full_inbox_is_answered_with_try_again(bench: Bench, control: aiohttp.ClientSession) -> None:
    bench.full = True
    status, body = await post(control, "/agents/alice/sign-in")
    assert (status, body["code"]) == (503, "busy")


async def test_an_odd_request_is_answered_and_breaks_nothing(control: aiohttp.ClientSession) -> None:
    for data in (b"{", b"[1]", b'{"reason": 5}', b"\xff"):
        async with control.post("/agents/alice/not-ready", data=data) as answer:
            assert answer.status == 400
    async with control.post("/agents/alice/not-ready", data=b"x" * 5000) as answer:
        assert answer.status == 413
    async with control.get("/nothing") as answer:
        assert answer.status == 404
        assert (await answer.json())["code"] == "http"


# --- who may ---


@pytest.mark.parametrize(
    ("peer", "right"),
    [
        (Peer(1, 0, frozenset()), Right.ACT),
        (Peer(1, 990, frozenset({990})), Right.ACT),
        (Peer(1, 1000, frozenset({1000, 77})), Right.READ),
        (Peer(1, 1000, frozenset({1000, 78})), Right.NOTHING),
    ],
)
def test_root_and_our_user_act_and_our_group_reads(peer: Peer, right: Right) -> None:
    assert right_of(peer, own_uid=990, group=77) is right
    assert right_of(Peer(1, 1000, frozenset({77})), own_uid=990, group=None) is Right.NOTHING


def test_the_kernel_says_who_the_peer_is() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        peer = peer_of(ours)
    assert (peer.pid, peer.uid) == (os.getpid(), os.getuid())
    assert peer.groups >= {os.getgid(), *os.getgroups()}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a process other groups")
def test_every_group_of_the_peer_counts(tmp_path: Path) -> None:
    """A member of the group contactd has it beside a group of her own."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "ctl.sock"))
        listening.listen()
        words = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(tmp_path / 'ctl.sock')!r}); input()"
        groups = range(4001, 4101)
        with subprocess.Popen([sys.executable, "-c", words], stdin=subprocess.PIPE, extra_groups=groups) as peer:
            connection, _ = listening.accept()
            with connection:
                assert peer_of(connection).groups >= set(groups)
            peer.communicate(b"\n")


_PYTHON = "/usr/bin/python3"


only_root = pytest.mark.skipif(
    os.getuid() != 0 or not os.access(_PYTHON, os.X_OK), reason="only root can become somebody else"
)


async def _as_somebody(path: Path, gid: int, request: str) -> bytes:
    """The first line of the answer to nobody's request, made as a member of a group."""
    code = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect(%r);"
        "s.sendall(b'%s HTTP/1.0\\r\\n\\r\\n'); print(s.recv(4096).split(b'\\r\\n')[0].decode())"
    )
    child = await asyncio.create_subprocess_exec(
        *("setpriv", "--reuid=65534", f"--regid={gid}", "--clear-groups", _PYTHON, "-c", code % (str(path), request)),
        stdout=subprocess.PIPE,
    )
    out, _ = await child.communicate()
    return out


@only_root
async def test_somebody_else_is_refused(bench: Bench, tmp_path: Path) -> None:
    path = Path(f"/tmp/contactd-test-{os.getpid()}.sock")
    async with serve_control(bench.surface, str(path)):
        os.chmod(path, 0o666)  # noqa: S103
        assert b" 403 " in await _as_somebody(path, 65534, "GET /agents")


@only_root
async def test_a_member_of_the_group_looks_and_does_not_act(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    group = 47_110
    monkeypatch.setattr(peers, "group_id", lambda: group)
    path = Path(f"/tmp/contactd-test-{os.getpid()}.sock")
    async with serve_control(bench.surface, str(path)):
        assert b" 200 " in await _as_somebody(path, group, "GET /agents")
        assert b" 403 " in await _as_somebody(path, group, "POST /agents/alice/sign-in")
    assert bench.floor.agents[ALICE].status is Status.SIGNED_OUT


async def test_the_socket_is_for_owner_and_group_and_goes_with_the_daemon(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    async with serve_control(bench.surface, str(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with pytest.raises(SocketRefused, match="Another contactd"):
            control_socket(str(path), None)
    assert not path.exists()


async def test_the_socket_of_whoever_took_over_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    async with serve_control(bench.surface, str(path)):
        path.rename(tmp_path / "old")
        control_socket(str(path), None).close()
    assert path.exists()


def test_a_socket_that_a_dead_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    control_socket(str(path), None).close()
    assert path.exists()
    control_socket(str(path), None).close()


def test_a_file_in_the_sockets_place_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    path.write_text("mine")
    with pytest.raises(SocketRefused, match="no socket"):
        control_socket(str(path), None)
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(SocketRefused, match="RuntimeDirectory"):
        control_socket(str(tmp_path / "none" / "ctl.sock"), None)


async def test_a_reload_tells_what_came_of_it(control: aiohttp.ClientSession, bench: Bench) -> None:
    task = asyncio.create_task(bench.reload.run())
    async with control.post("/reload") as response:
        told = await response.json()
    task.cancel()
    assert (response.status, told["result"], told["restart_pending"]) == (200, "taken", [])


async def test_who_places_a_test_call_is_audited_in_a_line(control: aiohttp.ClientSession, bench: Bench) -> None:
    body = {"what": "5001 on pbx1\x1b[2J\n" + "x" * 5000}
    async with control.post("/testcalls", json=body) as response:
        assert response.status == 413
    body["what"] = body["what"][:1000]
    async with control.post("/testcalls", json=body) as response:
        assert response.status == 200
    (entry,) = bench.audited
    assert (entry.via, entry.act, entry.who and entry.who.uid) == ("contactctl testcall", "test call", os.getuid())
    assert entry.outcome.startswith("5001 on pbx1[2Jxxx") and len(entry.outcome) <= 400


async def test_nobody_acts_while_too_much_is_not_written_down(control: aiohttp.ClientSession, bench: Bench) -> None:
    bench.trail.crowded = True
    async with control.post(f"/agents/{ALICE}/sign-in") as response:
        assert (response.status, (await response.json())["code"]) == (503, "busy")
    assert not bench.asked and not bench.audited
    async with control.get("/status") as response:
        (check,) = [check for check in (await response.json())["checks"] if check["name"] == "audit"]
    assert check["level"] == "warning" and "PostgreSQL" in check["remedy"]


async def test_a_standby_says_that_the_active_one_is_elsewhere(bench: Bench, tmp_path: Path) -> None:
    async def answers() -> None:
        return None

    lobby = Lobby(answers)
    lobby.why = "another contactd holds the floor"
    path = str(tmp_path / "standby.sock")
    async with serve_standby(lobby, path), aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
        for method, target in (("GET", "/status"), ("POST", "/agents/alice/ready"), ("POST", "/reload")):
            async with session.request(method, f"http://contactd{target}") as response:
                told = await response.json()
            assert (response.status, told["code"]) == (503, "standby")
            assert "another contactd holds the floor" in told["reason"] and "elsewhere" in told["reason"]
    assert not list(tmp_path.glob("*.sock"))  # noqa: ASYNC240


async def test_who_acts_for_an_agent_is_audited(control: aiohttp.ClientSession, bench: Bench) -> None:
    await post(control, "/agents/alice/sign-in")
    await post(control, "/agents/alice/sign-in")
    await post(control, "/agents/alice/not-ready", reason="break")
    # No act, and nobody's free text in the audit.
    await post(control, "/agents/alice/not-ready", reason="Mrs Smith called")
    await post(control, "/agents/eve/ready")
    await post(control, "/agents/alice/dance")
    assert [(entry.act, entry.agent, entry.outcome) for entry in bench.audited] == [
        ("sign-in", "alice", "done"),
        ("sign-in", "alice", "already_ready"),
        ("not-ready", "alice", "done: break"),
    ]
    assert {(entry.via, entry.who.uid if entry.who else None) for entry in bench.audited} == {("socket", os.getuid())}


# --- the configuration ---


async def test_a_reload_that_took_nothing_is_a_warning_until_one_does(bench: Bench, base: str) -> None:
    async def check() -> tuple[str, str, str]:
        _, body = await get(f"{base}/healthz")
        found = next(one for one in body["checks"] if one["name"] == "configuration")
        return found["level"], found["what"], found["remedy"]

    level, what, _ = await check()
    assert (level, what.startswith(f"that of {bench.settings.path} at 20")) == ("ok", True)
    bench.reload.refused = "the files are wrong: ..."
    level, what, remedy = await check()
    assert level == "warning"
    assert "contactctl plan" in remedy
    bench.reload.refused = ""
    bench.reload.pending = (Change("agi.port", "changed", "4573", "4999", live=False),)
    level, what, remedy = await check()
    # Anybody may read this page: the key, and no value.
    assert (level, what) == ("warning", "what the files say of agi.port waits for a restart")
    assert "4999" not in remedy
