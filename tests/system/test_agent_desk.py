"""The agent desk on a real PBX: what is done there ends in a fact of the journal and in a state of the handset."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.desk.place import PASSWORD, Person
from tests.lab import ports
from tests.lab.progress import ROOT
from tests.system.centre import Centre

DISPOSITIONS = '\n[dispositions.sold]\nlabel = "Sold"\nqueues = ["sales"]\n'


def add_user(centre: Centre, name: str, *options: str) -> None:
    words = ["--config", str(centre.stack.daemon.config), "desk", "user", "add", name, "--password-stdin", *options]
    done = subprocess.run(
        [sys.executable, "-m", "contactd.ctl", *words], input=f"{PASSWORD}\n", text=True, capture_output=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert "may sign in at the desk" in done.stdout


@pytest.fixture(scope="module")
async def desked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Centre, str]]:
    port = ports.reserve()
    folder = tmp_path_factory.mktemp("desk")
    async with Centre(folder, agents=2, queues={"sales": (10, 20), "support": (10, 0)}) as centre:
        daemon = centre.stack.daemon
        desk = f"\n[desk]\nport = {port.first}\n{DISPOSITIONS}"
        daemon.write(daemon.config.read_text() + desk)
        await asyncio.to_thread(daemon.stop)
        await asyncio.to_thread(daemon.start)
        add_user(centre, "anna")
        yield centre, f"http://127.0.0.1:{port.first}"
    port.release()


@pytest.fixture
async def at_desk(desked: tuple[Centre, str]) -> AsyncIterator[tuple[Centre, Person]]:
    centre, base = desked
    await centre.clear()
    async with Person(base) as person:
        assert (await person.sign_in("anna"))[0] == 200
        yield centre, person
    await centre.clear()


async def me_with(socket: aiohttp.ClientWebSocketResponse, state: str) -> dict[str, Any]:
    """The first view in which the only contact is so."""
    while True:
        me = (await asyncio.wait_for(socket.receive_json(), 15)).get("me", {"contacts": []})
        if [one["state"] for one in me["contacts"]] == [state]:
            return dict(me)


async def test_a_call_is_offered_answered_and_wrapped_up_at_the_desk(at_desk: tuple[Centre, Person]) -> None:
    centre, anna = at_desk
    handset = await centre.handset("anna")
    await centre.until(lambda: centre.now("anna")["handset"] == "free", "the handset to be free")
    assert await anna.ask("POST", "/me/status", {"status": "ready"}) == (200, {"done": "ready"})
    signed_in = await centre.until_fact("AgentSignedIn", agent="anna")
    assert signed_in.body["by"] == "agent"
    async with anna.stream() as stream:
        call = await centre.dial("5001")
        me = await me_with(stream, "offered")
        contact = me["contacts"][0]
        assert (contact["queue"], contact["why"]["dialled"]) == ("sales", "5001")
        await me_with(stream, "busy")
        await (await handset.next_call()).wait("confirmed")
        await call.hangup()
        me = await me_with(stream, "wrap_up")
        body = {"disposition": "sold", "notes": "Wants a red one."}
        assert (await anna.ask("POST", f"/contacts/{contact['id']}/wrap_up", body))[0] == 200
    fact = await centre.until_fact("ContactDisposed", contact=contact["id"])
    assert (fact.body["disposition"], fact.body["agent"]) == ("sold", "anna")
    assert (await centre.until_fact("WrapUpEnded", agent="anna")).body["by"] == "agent"
    told = centre.stack.daemon.ctl("transcript", contact["id"]).stdout
    assert "Wants a red one." in told
    assert "red one" not in centre.stack.daemon.log.read_text()
    assert not centre.psql("SELECT 1 FROM event WHERE body LIKE '%red one%'")
    audited = centre.psql("SELECT act FROM audit WHERE who = 'desk:anna' ORDER BY id")
    assert {"desk sign-in", "desk ready", "desk wrap-up", "read"} <= set(audited)


async def test_what_is_declined_at_the_desk_stops_ringing_at_the_handset(at_desk: tuple[Centre, Person]) -> None:
    centre, anna = at_desk
    handset = await centre.handset("anna")
    await handset.set_policy("manual")
    await centre.until(lambda: centre.now("anna")["handset"] == "free", "the handset to be free")
    await anna.ask("POST", "/me/status", {"status": "ready"})
    async with anna.stream() as stream:
        call = await centre.dial("5001")
        me = await me_with(stream, "offered")
        ringing = await handset.next_call(timeout_s=10)
        assert await anna.ask("POST", f"/contacts/{me['contacts'][0]['id']}/decline") == (200, {"done": "declined"})
        await ringing.wait("disconnected", 10)
    ended = await centre.until_fact("OfferEnded", agent="anna")
    assert ended.body["outcome"] == "declined"
    assert (await centre.until_agent("anna", status="not_ready"))["reason"] == "declined"
    await centre.until_queued(1)
    await call.hangup()


async def test_a_killed_contactd_comes_back_to_its_desks(at_desk: tuple[Centre, Person]) -> None:
    centre, anna = at_desk
    await centre.handset("anna")
    await centre.until(lambda: centre.now("anna")["handset"] == "free", "the handset to be free")
    await anna.ask("POST", "/me/status", {"status": "ready"})
    async with anna.stream() as stream:
        before = (await stream.receive_json())["me"]
        centre.stack.daemon.kill()
        gone = await stream.receive(timeout=5)
        assert gone.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR)
    await asyncio.to_thread(centre.stack.daemon.start)
    async with anna.stream(f"?epoch={before['epoch']}&seq={before['seq']}") as stream:
        me = (await asyncio.wait_for(stream.receive_json(), 10))["me"]
        assert me["epoch"] > before["epoch"]
        assert me["agent"]["status"] == "ready"
