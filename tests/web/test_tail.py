"""Live facts: what a reader sees, and that no reader holds anybody up."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.ids import AgentId
from contactd.web import serve_control
from contactd.web.tail import Filter, Tail, TailEnded, TailFull
from tests.pbx.fakes import until
from tests.store.walk import QUEUES, Walk
from tests.web.bench import Bench

BOB = AgentId("bob")


@pytest.fixture
def walk() -> Walk:
    walk = Walk()
    walk.open()
    walk.steps.clear()
    return walk


def told(tail: Tail, walk: Walk) -> None:
    tail.publish(walk.steps)
    walk.steps.clear()


async def some(lines: AsyncIterator[bytes], count: int) -> list[dict[str, Any]]:
    return [json.loads(await anext(lines)) for _ in range(count)]


async def test_a_reader_sees_each_fact_with_its_number_and_queue(walk: Walk) -> None:
    tail = Tail(walk.floor)
    lines = tail.open(Filter()).lines(1)
    call = walk.arrive(QUEUES[0])
    told(tail, walk)
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=9)
    told(tail, walk)
    arrived, queued, ended = await some(lines, 3)
    assert [fact["event"]["kind"] for fact in (arrived, queued, ended)] == [
        "ContactArrived",
        "ContactQueued",
        "ContactEnded",
    ]
    assert (queued["seq"], ended["seq"]) == (arrived["seq"] + 1, arrived["seq"] + 2)
    assert (arrived["queue"], queued["queue"], ended["queue"]) == ("sales", "sales", "sales")
    assert ended["at"] - arrived["at"] == 9


async def test_filters_keep_the_rest_away(walk: Walk) -> None:
    tail = Tail(walk.floor)
    one = walk.arrive(QUEUES[0])
    told(tail, walk)
    readers = {
        "contact": tail.open(Filter(contact=one.contact[:13])),
        "queue": tail.open(Filter(queue=QUEUES[1])),
        "kind": tail.open(Filter(kinds={"AgentSignedIn"})),
    }
    walk.put(inp.SignInAsked(agent=AgentId("a0"), pin_right=True), after_s=120)
    walk.arrive(QUEUES[1], after_s=120)
    told(tail, walk)
    seen = {name: [json.loads(line)["event"] for line in reader._lines] for name, reader in readers.items()}
    assert {event["contact"] for event in seen["contact"]} == {one.contact}
    assert [event["kind"] for event in seen["contact"]] == ["ContactOffered"]
    assert [event["kind"] for event in seen["queue"]][-1] == "ContactQueued"
    assert [event["kind"] for event in seen["kind"]] == ["AgentSignedIn"]


async def test_the_queue_of_a_contact_that_is_gone_is_known(walk: Walk) -> None:
    """All of it in one batch: the floor has forgotten the contact when its first facts are told."""
    tail = Tail(walk.floor)
    reader = tail.open(Filter(queue=QUEUES[0]))
    call = walk.arrive(QUEUES[0])
    offered = walk.put(inp.SignInAsked(agent=AgentId("a0"), pin_right=True))[-1]
    assert isinstance(offered, ev.ContactOffered)
    walk.put(inp.OfferAnswered(contact=call.contact, offer=offered.offer))
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=3)
    told(tail, walk)
    kinds = [json.loads(line)["event"]["kind"] for line in reader._lines]
    assert kinds == ["ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded", "ContactEnded"]
    assert not tail._queue_of


async def test_a_reader_that_falls_behind_is_let_go_with_a_sentence(walk: Walk) -> None:
    tail = Tail(walk.floor, buffer=10)
    slow, quick = tail.open(Filter()), tail.open(Filter(kinds={"ContactEnded"}))
    for _ in range(20):
        walk.arrive(QUEUES[0])
    told(tail, walk)
    with pytest.raises(TailEnded, match="10 facts behind"):
        await anext(slow.lines(1))
    assert tail.dropped == 1
    assert quick.ended is None


async def test_readers_are_bounded(walk: Walk) -> None:
    tail = Tail(walk.floor, most_readers=2)
    first, _ = tail.open(Filter()), tail.open(Filter())
    with pytest.raises(TailFull):
        tail.open(Filter())
    tail.close(first)
    tail.open(Filter())


def test_nobody_looking_on_costs_nothing(walk: Walk) -> None:
    tail = Tail(walk.floor)
    walk.wander(3, 300)

    def cost_s() -> float:
        began = time.thread_time()
        for _ in range(20):
            tail.publish(walk.steps)
        return time.thread_time() - began

    nobody = min(cost_s() for _ in range(5))
    tail.open(Filter())
    assert nobody < min(cost_s() for _ in range(5)) / 10


# --- over the socket ---


@pytest.fixture
async def path(bench: Bench, tmp_path: Path) -> AsyncIterator[str]:
    path = str(tmp_path / "ctl.sock")
    async with serve_control(bench.surface, path):
        yield path


def session(path: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession("http://contactd", connector=aiohttp.UnixConnector(path))


async def test_facts_come_as_lines_of_json(bench: Bench, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contactd.web.tail_page._IDLE_S", 0.1)
    async with session(path) as client, client.get("/facts", params={"kind": "AgentSignedIn"}) as answer:
        assert answer.content_type == "application/x-ndjson"
        bench.walk.put(inp.SignInAsked(agent=BOB, pin_right=True))
        bench.surface.tail.publish(bench.walk.steps)
        fact = json.loads(await answer.content.readline())
        assert {"kind": "AgentSignedIn", "agent": "bob"}.items() <= fact["event"].items()
    await until(lambda: len(bench.surface.tail) == 0)


@pytest.mark.parametrize(("query", "status"), [({"queue": "nosuch"}, 404), ({"kind": "Nosuch"}, 404)])
async def test_an_unknown_queue_or_kind_is_told(path: str, query: dict[str, str], status: int) -> None:
    async with session(path) as client, client.get("/facts", params=query) as answer:
        assert answer.status == status
        assert "There is no" in (await answer.json())["reason"]


async def test_a_peer_that_reads_nothing_holds_nobody_up_and_is_cut_off(
    bench: Bench, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contactd.web.tail_page._STUCK_S", 0.3)
    tail = bench.surface.tail
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.connect(path)
        stuck.sendall(b"GET /facts HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(tail) == 1)
        for _ in range(400):
            bench.walk.arrive(QUEUES[0])
            tail.publish(bench.walk.steps[-2:])
            await asyncio.sleep(0)
        for _ in range(4):
            tail.publish(bench.walk.steps)
        await until(lambda: len(tail) == 0)


async def test_readers_are_told_when_the_daemon_goes(bench: Bench, tmp_path: Path) -> None:
    path = str(tmp_path / "going.sock")
    client = session(path)
    async with serve_control(bench.surface, path):
        answer = await client.get("/facts")
        began = time.monotonic()
    last = json.loads(await answer.content.readline())
    assert last["code"] == "stopping"
    assert time.monotonic() - began < 10
    await client.close()
