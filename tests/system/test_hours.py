"""Closed queues on real telephones: by the calendar, by a reload, by a supervisor's hand, and through kill -9."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contactd.ctl.client import ask
from tests.system.centre import Centre
from tests.system.telling import body, hears_music, kinds, talk

NEVER, ALWAYS = "hours = {}", 'hours = { monday-sunday = "0:00-24:00" }'
CALENDAR = f'[calendars.office]\ntime_zone = "Europe/Berlin"\n{NEVER}\n\n[queues.sales]\n'
SALES = 'calendar = "office"\nclosed = { message = "vm-goodbye" }\n'
SUPPORT = 'closed_by_hand = { message = "ss-noservice" }\nat_closing = "send"\n'
SENT_AWAY = ["ContactArrived", "ContactQueued", "ContactDiverted", "ContactEnded"]


@pytest.fixture(scope="module")
async def closed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Sales is never open; support has no hours."""
    folder = tmp_path_factory.mktemp("hours")
    async with Centre(folder, agents=2, queues={"sales": (5, 0), "support": (5, 0)}) as centre:
        toml = centre.stack.daemon.config.read_text()
        toml = toml.replace("[queues.sales]\n", CALENDAR + SALES)
        await reload(centre, toml.replace("[queues.support]\n", "[queues.support]\n" + SUPPORT))
        yield centre


@pytest.fixture
async def centre(closed: Centre) -> AsyncIterator[Centre]:
    await closed.clear()
    yield closed
    await closed.clear()


async def reload(centre: Centre, toml: str) -> None:
    daemon = centre.stack.daemon
    before = daemon.log.read_text().count("configuration_loaded")
    daemon.write(toml)
    daemon.hup()
    await centre.until(
        lambda: daemon.log.read_text().count("configuration_loaded") > before, "the configuration to be taken"
    )


def hours(centre: Centre, queue: str) -> dict[str, Any]:
    """What contactctl shows of a queue."""
    queues = ask(str(centre.stack.daemon.socket), "GET", "/queues")
    found: dict[str, Any] = next(one for one in queues if one["id"] == queue)["hours"]
    return found


async def contactctl(centre: Centre, *words: str) -> str:
    command = [sys.executable, "-m", "contactd.ctl", "--socket", str(centre.stack.daemon.socket), *words]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_who_calls_a_closed_queue_hears_so_and_rings_nobody(centre: Centre) -> None:
    await centre.duty("anna")
    assert (hours(centre, "sales")["open"], hours(centre, "sales")["why"]) == (False, "out of hours")
    call = await centre.dial("5001")
    assert await call.tone() > 0, "no message was heard"
    await call.wait("disconnected", 20)
    story = await centre.story()
    assert kinds(story) == SENT_AWAY
    went = body(story, "ContactDiverted")
    assert (went["why"], went["to"]) == ("closed", {"to": "message", "sound": "vm-goodbye"})
    assert body(story, "ContactEnded")["outcome"] == "diverted_message"
    assert centre.now("anna")["status"] == "ready"


async def test_a_reload_with_other_hours_opens_it_at_once_and_closes_it_again(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    toml = centre.stack.daemon.config.read_text()
    await reload(centre, toml.replace(NEVER, ALWAYS))
    await centre.until_fact("CalendarChanged", open=True)
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    await reload(centre, toml)
    await centre.until_fact("CalendarChanged", open=False)
    # Whoever talks goes on.
    await talk(call, at_anna)
    await call.hangup()
    assert body(await centre.story(), "ContactEnded")["outcome"] == "handled"


async def test_a_supervisor_closes_a_queue_and_those_who_wait_are_sent_away(centre: Centre) -> None:
    waiting = await centre.dial("5002")
    await hears_music(waiting)
    await centre.until_queued(1)
    told = await contactctl(centre, "close", "support", "--for", "2h", "--why", "fire drill")
    assert "closed by hand" in told and "(fire drill)" in told
    await waiting.wait("disconnected", 30)
    next_one = await centre.dial("5002")
    await next_one.wait("disconnected", 30)
    stories = await centre.until_ended(2)
    for story in stories.values():
        assert kinds(story) == SENT_AWAY
        assert body(story, "ContactDiverted")["why"] == "closed_by_hand"
    await contactctl(centre, "lift", "support")
    call = await centre.dial("5002")
    await centre.until_queued(1)
    await call.hangup()
    rows = await centre.until(
        lambda: centre.psql("SELECT act, outcome FROM audit WHERE act IN ('close', 'lift') ORDER BY id"), "the audit"
    )
    assert rows == ["close|done: queue:support, for_s=7200.0, why=fire drill", "lift|done: queue:support"]


async def test_what_a_supervisor_closed_stays_closed_through_kill_nine(centre: Centre) -> None:
    daemon = centre.stack.daemon
    await contactctl(centre, "close", "support", "--why", "no power")
    await asyncio.to_thread(daemon.kill)
    await asyncio.to_thread(daemon.start)
    assert (hours(centre, "support")["by"], hours(centre, "support")["why"]) == ("hand", "no power")
    call = await centre.dial("5002")
    await call.wait("disconnected", 30)
    assert kinds(await centre.story()) == SENT_AWAY
    await contactctl(centre, "lift", "support")
    assert hours(centre, "support")["open"]


async def test_an_opening_by_hand_ends_by_itself(centre: Centre) -> None:
    await contactctl(centre, "open", "calendar:office", "--for", "3s", "--why", "late shift")
    assert hours(centre, "sales")["by"] == "hand"
    await centre.until(lambda: not hours(centre, "sales")["open"], "the time to be over")
    assert hours(centre, "sales")["by"] == "calendar"
