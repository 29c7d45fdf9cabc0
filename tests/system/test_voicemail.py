"""Messages that callers leave in a queue's own mailbox: recorded whoever steers, kept once, heard, dealt with."""

from __future__ import annotations

import array
import asyncio
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.phones import Call
from tests.system.centre import CALLER_HZ, Centre
from tests.system.hearing import Channel
from tests.system.reloading import Files
from tests.system.telling import body, hears_music, kinds, message

GREETING_HZ = 1700
SALES = "[queues.sales]\n"
KEYS = 'keys.1 = { mailbox = "support" }\n'


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(tmp_path_factory.mktemp("voicemail"), queues=queues, compare_s=5) as centre:
        greeting = message(centre.stack.asterisk.folder, "custom/mailbox-support", GREETING_HZ)
        greeting.write_bytes(greeting.read_bytes()[:12000])  # a second and a half
        daemon = centre.stack.daemon
        (centre.folder / "store").mkdir(mode=0o700)
        centre.stack.asterisk.recordings.mkdir(parents=True, exist_ok=True)
        toml = daemon.config.read_text().replace(SALES, f"{SALES}{KEYS}")
        toml += f'[recording]\ninbox = "{centre.stack.asterisk.recordings}"\nstore = "{centre.folder / "store"}"\n'
        hidden = (daemon.folder / "secrets.toml").read_text() + f'[recording]\nkey = "{"1f" * 32}"\n'
        daemon.write(toml, hidden)
        await Files.of(centre).reload("taken")
        yield centre


@pytest.fixture
async def centre(made: Centre) -> AsyncIterator[Centre]:
    await made.clear()
    yield made
    await made.clear()


async def ctl(centre: Centre, *words: str) -> str:
    return (await asyncio.to_thread(centre.stack.daemon.ctl, *words)).stdout


def inbox(centre: Centre, pattern: str = "*") -> list[Path]:
    return list(centre.stack.asterisk.recordings.glob(pattern))


async def speaking(centre: Centre) -> Call:
    """A caller who waits for sales, presses 1, and is being recorded."""
    call = await centre.dial("5001")
    await centre.until_queued(1)
    await hears_music(call)
    await call.dtmf("1")
    await call.hears(GREETING_HZ)
    await centre.until(lambda: [one for one in inbox(centre, "*.sln") if one.stat().st_size > 16000], "a second of it")
    return call


async def kept(centre: Centre, count: int) -> list[dict[str, Any]]:
    async with centre.worker():
        await centre.until(lambda: len(centre.psql("SELECT blob FROM voicemail")) >= count, "it to be kept", 60)
        await centre.until(lambda: not inbox(centre), "the PBX to be rid of it", 60)
    found: list[dict[str, Any]] = json.loads(await ctl(centre, "--json", "voicemail", "list"))
    return found


async def test_a_message_is_kept_for_the_people_of_the_queue_heard_and_done_with(centre: Centre) -> None:
    call = await speaking(centre)
    await asyncio.sleep(1.5)
    await call.hangup()
    story = await centre.story()
    assert kinds(story) == ["ContactArrived", "ContactQueued", "ContactDiverted", "ContactEnded"]
    assert body(story, "ContactDiverted")["to"] == {"to": "mailbox", "queue": "support"}
    assert body(story, "ContactEnded")["outcome"] == "diverted_voicemail"
    (one,) = await kept(centre, 1)
    contact = story[0].body["contact"]
    assert (one["queue"], one["contact"], one["done_by"]) == ("support", contact, None) and one["seconds"] > 2
    assert "the mailbox of support" in await ctl(centre, "explain", contact)
    out = centre.folder / "message.wav"
    await ctl(centre, "recordings", "export", one["id"], str(out))
    with wave.open(str(out)) as said:
        assert said.getnchannels() == 1
        samples = array.array("h", said.readframes(said.getnframes()))
    assert Channel(samples).has_only(CALLER_HZ, at=0.5)
    listed = await ctl(centre, "voicemail", "list", "--queue", "support")
    assert one["id"][:13] in listed and "waits for" in listed
    assert "done" in await ctl(centre, "voicemail", "done", one["id"][:8])
    assert await ctl(centre, "voicemail", "list") == ""
    assert "done by" in await ctl(centre, "voicemail", "list", "--all")
    twice = await asyncio.to_thread(centre.stack.daemon.ctl, "voicemail", "done", one["id"], check=False)
    assert twice.returncode == 5 and "done already" in twice.stderr
    assert "waits" in await ctl(centre, "voicemail", "reopen", one["id"])
    acts = [row["act"] for row in json.loads(await ctl(centre, "--json", "audit", contact))]
    assert acts[:3] == ["reopen", "done", "read"] or acts[-3:] == ["read", "done", "reopen"]
    # It goes with the person.
    await ctl(centre, "erase", contact, "--yes")
    assert await ctl(centre, "voicemail", "list", "--all") == ""


async def test_a_message_left_while_contactd_is_dead_waits_for_it(centre: Centre) -> None:
    call = await centre.dial("5001")
    (contact,) = await centre.until_queued(1)
    await hears_music(call)
    centre.stack.daemon.kill()
    await call.dtmf("1")
    await call.hears(GREETING_HZ)
    await centre.until(lambda: [one for one in inbox(centre, "*.sln") if one.stat().st_size > 32000], "two seconds")
    await call.dtmf("#")
    await call.wait("disconnected")
    (done,) = await centre.until(lambda: inbox(centre, "*.done"), "the message to be whole")
    assert done.read_text().split()[1:3] == ["mailbox", "support"]
    await asyncio.to_thread(centre.stack.daemon.start)
    (one,) = await kept(centre, 1)
    assert one["contact"] == contact and one["queue"] == "support"
    await ctl(centre, "erase", contact, "--yes")


async def test_a_star_instead_of_a_message_leads_back_to_the_old_place(centre: Centre) -> None:
    call = await centre.dial("5001")
    order = await centre.until_queued(1)
    await hears_music(call)
    await call.dtmf("1")
    await call.hears(GREETING_HZ)
    await call.dtmf("*")
    await hears_music(call)
    assert await centre.until_queued(1) == order
    assert (await centre.until_fact("DiversionFailed")).body["failure"] == "returned"
    assert not inbox(centre, "*.done")
    await call.hangup()


async def test_a_folder_that_cannot_be_written_gives_the_caller_back(centre: Centre) -> None:
    folder = centre.stack.asterisk.recordings
    away = folder.with_name("elsewhere")
    call = await centre.dial("5001")
    await centre.until_queued(1)
    await hears_music(call)
    folder.rename(away)
    folder.write_text("no folder")
    try:
        await call.dtmf("1")
        await call.hears(GREETING_HZ)
        assert (await centre.until_fact("DiversionFailed")).body["failure"] == "unavailable"
        await hears_music(call)
    finally:
        folder.unlink()
        away.rename(folder)
    await call.hangup()
