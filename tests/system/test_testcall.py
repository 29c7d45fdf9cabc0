"""contactctl testcall: a call through the running system tells its journey, and rings nobody who was not asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.system.centre import AGENT_HZ, Centre
from tests.system.conftest import CREW


@pytest.fixture(scope="module")
async def called(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder = tmp_path_factory.mktemp("called")
    async with Centre(folder, people=CREW[:2], queues={"sales": (5, 0), "support": (5, 0)}) as made:
        yield made


@pytest.fixture
async def centre(called: Centre) -> AsyncIterator[Centre]:
    await called.clear()
    yield called
    await called.clear()


async def call_by_tool(centre: Centre, *words: str) -> tuple[int, dict[str, Any]]:
    done = await asyncio.to_thread(centre.stack.daemon.ctl, "testcall", "--json", *words, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def words(told: dict[str, Any]) -> list[str]:
    return [step["word"] for step in told["steps"]]


async def test_a_quiet_call_goes_through_menu_and_queue_and_ends_where_a_handset_would_ring(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    code, told = await call_by_tool(centre, "5000", "--keys", "2")
    assert code == 0 and told["faults"] == []
    assert set(words(told)) >= {"answered", "heard", "pressed", "waiting", "offered", "ended"}
    assert next(step for step in told["steps"] if step["word"] == "offered")["what"].startswith("handset 1001")
    assert not anna.calls, "the handset rang"
    await centre.until_agent("anna", status="ready", state="idle")
    (chosen,) = centre.facts("kind = 'MenuChosen'")
    assert chosen.body["contact"] == told["contact"] and chosen.body["queue"] == "support"
    # It can be told from callers, and no number of anybody's is in it.
    private = centre.psql(f"SELECT ani, name FROM contact_private WHERE contact = '{told['contact']}'")
    assert private == ["testcall|contactctl testcall"]
    # It is in no statistic, and who placed it is written down.
    await centre.until(
        lambda: centre.psql(f"SELECT test FROM contact WHERE id = '{told['contact']}'") == ["t"], "history to mark it"
    )
    assert "contactd_contacts_arrived_total{" not in centre.stack.daemon.metrics()
    (who,) = centre.psql("SELECT who, via, act, outcome FROM audit WHERE act = 'test call'")
    assert who == "root|contactctl testcall|test call|line 5000 on pbx1, no handset rings"


async def test_with_nobody_ready_the_call_waits_and_leaves_as_a_person_reads_it(centre: Centre) -> None:
    done = await asyncio.to_thread(centre.stack.daemon.ctl, "testcall", "5001", "--stay", "1")
    lines = done.stdout.splitlines()
    assert lines[0] == "calling 5001 (queue:sales) on pbx1; no handset will ring"
    assert "waits in the queue sales" in done.stdout and "something is heard" in done.stdout
    assert "the journal tells:" in done.stdout and "the caller hung up while waiting" in done.stdout
    assert lines[-1] == "the call went well"


async def test_a_ringing_call_talks_to_who_answers(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    call = asyncio.create_task(call_by_tool(centre, "5001", "--ring", "--stay", "2"))
    at_anna = await (await anna.next_call()).wait("confirmed")
    assert at_anna.remote_number == "testcall"
    code, told = await call
    assert code == 0 and told["faults"] == [] and "talked" in words(told)
    assert centre.last_of("TalkEnded", contact=told["contact"])


async def test_a_call_that_nobody_steers_says_so_and_rings_nobody_in_the_static_queue(centre: Centre) -> None:
    anna = await centre.handset("anna", tone_hz=AGENT_HZ)
    if not anna.registered:
        await anna.register()
    before = len(anna.calls)
    cli = centre.stack.asterisk.cli
    centre.stack.daemon.kill()
    try:
        for name, value in (("CONTACTD_LATE", "1"), ("CONTACTD_PATIENCE", "1")):
            await asyncio.to_thread(cli, f"dialplan set global {name} {value}")
        code, told = await call_by_tool(centre, "5001", "--stay", "15")
        assert code == 3
        assert "fell_back" in words(told) and any("static queue" in fault for fault in told["faults"])
        assert len(anna.calls) == before
    finally:
        await asyncio.to_thread(cli, "dialplan reload")
        await asyncio.to_thread(centre.stack.daemon.start)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["5900"], "echo line"),
        (["112"], "emergency number"),
        (["4444"], "no line of contactd's (5000, 5001, 5002)"),
        (["5000", "--keys", "1,System(x)"], "Keys are"),
    ],
)
async def test_what_it_does_not_call(centre: Centre, given: list[str], says: str) -> None:
    code, told = await call_by_tool(centre, *given)
    assert code == 2 and says in told["error"]
    assert not centre.facts()


async def test_without_the_account_it_says_how_to_get_it(centre: Centre) -> None:
    path = centre.stack.daemon.folder / "secrets.toml"
    before = path.read_text()
    path.write_text(before.replace("test_secret", "# test_secret"))
    try:
        code, told = await call_by_tool(centre, "5001")
        assert code == 2 and "contactd-test" in told["error"] and "test_secret" in told["error"]
        path.write_text(before.replace('test_secret = "', 'test_secret = "not-'))
        code, told = await call_by_tool(centre, "5001")
        assert code == 2 and "refuses the account contactd-test" in told["error"]
    finally:
        path.write_text(before)
