"""Callers who go elsewhere instead of waiting: a box, a number outside, a message, a tone, another queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contactd.config import load
from contactd.core.ids import PbxId
from contactd.ctl.doctor.findings import Findings, Level
from contactd.ctl.doctor.run import check_pbx
from tests.lab.asterisk import Handset as Endpoint
from tests.lab.asterisk import handset_conf
from tests.lab.phones import Handset
from tests.system.centre import AGENT_HZ, Centre
from tests.system.conftest import CREW
from tests.system.reloading import Files
from tests.system.telling import about, body, hears_music, kinds, message, talk

OUTSIDE = "030123456"
UNLISTED = "030999999"
"""In external_numbers, but not in the PBX's own list."""
CLOSED_HZ = 700
TRUNK = Endpoint("trunk", "trunk-secret", "contactd-in")
SALES, SUPPORT = "[queues.sales]\n", "[queues.support]\n"
DIVERTED = ["ContactArrived", "ContactQueued", "ContactDiverted", "ContactEnded"]


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    listed = f"[contactd-external]\nexten => {OUTSIDE},1,Goto(contactd-external-call,${{EXTEN}},1)\n"
    given = {
        "CONTACTD_EXTERNAL_TRUNK=  ": "CONTACTD_EXTERNAL_TRUNK=trunk ;",
        "CONTACTD_EXTERNAL_ID=  ": "CONTACTD_EXTERNAL_ID=+4930100 ;",
        "[contactd-external]\n": listed,
        "CONTACTD_VOICEMAIL=u ": "CONTACTD_VOICEMAIL=us",
    }
    conf = {
        "pjsip.conf": handset_conf(TRUNK),
        "modules.conf": "load = app_voicemail.so",
        "voicemail.conf": "[general]\nformat = wav\nminsecs = 1\n[default]\n100 => 1234,Sales",
    }
    folder = tmp_path_factory.mktemp("diverting")
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(folder, people=CREW[:2], queues=queues, extra_conf=conf, substitutions=given) as centre:
        message(centre.stack.asterisk.folder, "custom/closed", CLOSED_HZ)
        yield centre


@pytest.fixture
async def files(made: Centre) -> AsyncIterator[Files]:
    async with Files.restored(made) as files:
        yield files


@pytest.fixture
def centre(files: Files) -> Centre:
    return files.centre


async def configure(files: Files, *, sales: str = "", support: str = "") -> None:
    numbers = f'external_numbers = ["{OUTSIDE}", "{UNLISTED}"]\n'
    files.write(
        ("log_level =", f"{numbers}log_level ="), (SALES, f"{SALES}{sales}\n"), (SUPPORT, f"{SUPPORT}{support}\n")
    )
    await files.reload("taken")


def go(after_s: int, to: str) -> str:
    """A step, as the last of its section."""
    return f"steps.{after_s}.go = {to}"


async def at_the_far_end(centre: Centre) -> Handset:
    return await centre.phones.handset("trunk", "trunk-secret", tone_hz=AGENT_HZ)


def box(centre: Centre) -> list[Path]:
    return sorted(centre.stack.asterisk.spool.glob("voicemail/default/100/INBOX/*.wav"))


async def test_a_queue_that_is_full_tells_who_comes_next_and_hangs_up(files: Files) -> None:
    centre = files.centre
    await configure(files, sales='max_waiting = 1\nfull = { message = "custom/closed" }')
    first = await centre.dial("5001")
    await centre.until_queued(1)
    second = await centre.dial("5001")
    await second.hears(CLOSED_HZ)
    await second.wait("disconnected")
    stories = await centre.until_ended(1)
    ((contact, story),) = [(c, story) for c, story in stories.items() if story[-1].kind == "ContactEnded"]
    assert kinds(story) == DIVERTED
    sent, ended = body(story, "ContactDiverted"), body(story, "ContactEnded")
    assert (sent["why"], sent["to"]) == ("full", {"to": "message", "sound": "custom/closed"})
    assert ended["outcome"] == "diverted_message" and ended["waited_s"] < 1
    await hears_music(first)
    assert [one["state"] for one in centre.contacts()] == ["waiting"]
    # What an operator reads of it.
    told = centre.stack.daemon.ctl("explain", contact).stdout
    assert "sent from the queue sales to the message custom/closed: it was full" in told
    assert "1 of 1" in centre.stack.daemon.ctl("queues").stdout
    await first.hangup()


async def test_a_queue_that_nobody_serves_takes_a_message_into_the_box(files: Files) -> None:
    centre = files.centre
    await configure(files, sales='unstaffed = { voicemail = "100" }')
    before = len(box(centre))
    call = await centre.dial("5001")
    await centre.until_fact("ContactDiverted")
    await centre.until(lambda: [one["state"] for one in centre.contacts()] == ["diverted"], "the caller to be there")
    # Past the greeting; a recorded second is enough for Asterisk to keep it.
    await centre.until(lambda: recording(centre), "the message to be recorded", 30)
    await asyncio.sleep(1.5)
    await call.hangup()
    await centre.until(lambda: len(box(centre)) == before + 1, "the message's file")
    assert box(centre)[-1].stat().st_size > 8000
    story = await centre.story()
    assert kinds(story) == DIVERTED
    assert body(story, "ContactEnded")["outcome"] == "diverted_voicemail"
    # Somebody signs in, and the next caller waits.
    (anna,) = await centre.duty("anna")
    helped = await centre.dial("5001")
    await talk(helped, await (await anna.next_call()).wait("confirmed"))
    await helped.hangup()


def recording(centre: Centre) -> bool:
    found = centre.stack.asterisk.spool.glob("voicemail/default/100/tmp/*")
    return any(path.stat().st_size > 1000 for path in found)


async def test_a_box_that_is_not_there_gives_the_caller_back_to_the_old_place(files: Files) -> None:
    centre = files.centre
    await configure(files, sales=go(2, '{ voicemail = "999" }'))
    call = await centre.dial("5001")
    failed = await centre.until_fact("DiversionFailed")
    assert failed.body["failure"] == "unavailable"
    younger = await centre.dial("5002")
    order = await centre.until_queued(2)
    assert order[0] == failed.body["contact"]
    await hears_music(call)
    (anna,) = await centre.duty("anna")
    await talk(call, await (await anna.next_call()).wait("confirmed"))
    await call.hangup()
    await younger.hangup()
    story = (await centre.until_ended(2))[failed.body["contact"]]
    assert kinds(story) == [
        *("ContactArrived", "ContactQueued", "ContactDiverted", "DiversionFailed", "ContactHeld", "ContactOffered"),
        *("ContactConnected", "TalkEnded", "ContactEnded"),
    ]
    assert body(story, "ContactEnded")["outcome"] == "handled"


async def test_a_number_outside_gets_who_has_waited_and_contactd_may_die_meanwhile(files: Files) -> None:
    centre = files.centre
    await configure(files, sales=go(2, f'{{ external = "{OUTSIDE}" }}'))
    outside = await at_the_far_end(centre)
    call = await centre.dial("5001")
    at_outside = await (await outside.next_call()).wait("confirmed")
    assert at_outside.remote_number == "+4930100"
    await talk(call, at_outside)
    centre.stack.daemon.kill()
    await asyncio.sleep(1)
    await talk(call, at_outside)
    await asyncio.to_thread(centre.stack.daemon.start)
    assert [one["state"] for one in centre.contacts()] == ["diverted"]
    await talk(call, at_outside)
    await at_outside.hangup()
    await call.wait("disconnected")
    story = await centre.story()
    assert kinds(story) == DIVERTED
    ended = body(story, "ContactEnded")
    assert ended["outcome"] == "diverted_external" and about(ended["waited_s"], 2)
    assert ended["lasted_s"] > ended["waited_s"] + 1


@pytest.mark.parametrize(
    ("refused", "failure"), [("busy", "busy"), ("unlisted", "not_allowed"), ("away", "unavailable")]
)
async def test_a_number_that_does_not_take_the_call_gives_the_caller_back(
    files: Files, refused: str, failure: str
) -> None:
    centre = files.centre
    number = UNLISTED if refused == "unlisted" else OUTSIDE
    await configure(files, sales=go(1, f'{{ external = "{number}" }}'))
    outside = await at_the_far_end(centre)
    try:
        if refused == "busy":
            await outside.set_policy("busy")
        elif refused == "away":
            await outside.unregister()
        call = await centre.dial("5001", headers={"P-Asserted-Identity": "<sip:030777@lab>"})
        assert (await centre.until_fact("DiversionFailed")).body["failure"] == failure
        await hears_music(call)
        assert await centre.until_queued(1)
        await call.hangup()
        assert body(await centre.story(), "ContactEnded")["outcome"] == "abandoned_waiting"
    finally:
        await outside.set_policy("auto")
        if refused == "away":
            await outside.register()


async def test_who_waits_when_the_last_agent_signs_out_is_told_unless_somebody_comes(files: Files) -> None:
    centre = files.centre
    await configure(files, sales='unstaffed = { message = "custom/closed" }\nunstaffed_grace_s = 3')
    await centre.duty("anna")
    centre.act("anna", "not-ready", "break")
    call = await centre.dial("5001")
    await centre.until_queued(1)
    # The handset is lost, and nobody minds; the agent leaves, and the next shift is there in time.
    anna = await centre.handset("anna")
    await anna.unregister()
    await centre.until(lambda: centre.now("anna")["handset"] == "unavailable", "the handset to be away")
    centre.act("anna", "sign-out")
    centre.act("bilal", "sign-in")
    centre.act("bilal", "not-ready", "break")
    await hears_music(call)
    began = (await centre.until_fact("AgentSignedIn", agent="bilal")).at
    await centre.until(lambda: time.time() > began + 4, "the grace to be over", 10)
    assert [one["state"] for one in centre.contacts()] == ["waiting"]
    # And then nobody.
    centre.act("bilal", "sign-out")
    await call.hears(CLOSED_HZ)
    await call.wait("disconnected")
    ((contact, story),) = (await centre.until_ended(1)).items()
    out = await centre.until_fact("AgentSignedOut", agent="bilal")
    assert kinds(story) == DIVERTED and body(story, "ContactDiverted")["why"] == "unstaffed"
    gone = next(fact for fact in story if fact.kind == "ContactDiverted")
    assert 3 <= (gone.at - out.at) < 5
    assert body(story, "ContactEnded")["outcome"] == "diverted_message"
    told = centre.stack.daemon.ctl("explain", contact).stdout
    assert "nobody was signed in who serves it" in told
    await anna.register()


@pytest.mark.parametrize("tone", ["busy", "congestion"])
async def test_a_caller_who_is_turned_away_hears_the_tone(files: Files, tone: str) -> None:
    centre = files.centre
    await configure(files, sales=f'unstaffed = {{ hang_up = "{tone}" }}')
    call = await centre.dial("5001")
    await centre.until_fact("ContactDiverted")
    # Asterisk's indications.conf of the lab.
    heard = await call.tone()
    assert any(abs(heard - hz) < 5 for hz in (480, 425, 620)), heard
    await call.hangup()
    assert body(await centre.story(), "ContactEnded")["outcome"] == "diverted_hang_up"


async def test_the_doctor_looks_whether_the_destinations_are_there(files: Files) -> None:
    centre = files.centre
    await configure(files, sales='unstaffed = { voicemail = "100" }', support=go(9, f'{{ external = "{OUTSIDE}" }}'))
    name = PbxId(centre.stack.asterisk.name)

    def found() -> dict[str, str]:
        told = Findings()
        check_pbx(told.at(name), load(centre.stack.daemon.config), name, answered=False)
        return {one.check: one.what for one in told.all if one.level is not Level.OK or one.check == "destinations"}

    assert "the 2 destinations" in (await asyncio.to_thread(found))["destinations"]
    await configure(files, sales='unstaffed = { voicemail = "999" }', support=go(9, f'{{ external = "{UNLISTED}" }}'))
    wrong = await asyncio.to_thread(found)
    assert "no voicemail box 999" in wrong["voicemail"]
    assert f"does not list {UNLISTED}" in wrong["external"]


async def test_another_queue_takes_the_caller_at_the_place_of_the_whole_wait(files: Files) -> None:
    centre = files.centre
    await configure(files, sales=go(2, '{ queue = "support" }'), support=go(4, '{ message = "custom/closed" }'))
    began = time.monotonic()
    call = await centre.dial("5001")
    moved = await centre.until_fact("ContactQueued", queue="support")
    await hears_music(call)
    # contactd dies; the PBX still names sales, and the caller is in support all the same.
    centre.stack.daemon.kill()
    await asyncio.to_thread(centre.stack.daemon.start)
    (contact,) = centre.contacts()
    assert contact["queue"] == "support" or contact["state"] == "diverted"
    await call.hears(CLOSED_HZ)
    assert time.monotonic() - began < 20
    await call.wait("disconnected")
    story = await centre.story()
    sent = [fact.body for fact in story if fact.kind == "ContactDiverted"]
    assert [(one["queue"], one["why"]) for one in sent] == [("sales", "step"), ("support", "step")]
    assert moved.body["queued_at"] == next(fact for fact in story if fact.kind == "ContactQueued").body["queued_at"]
    assert kinds(story).count("ContactQueued") == 2


async def test_killed_between_keeping_and_acting_the_caller_goes_there_after_the_start(files: Files) -> None:
    centre = files.centre
    await configure(files, sales=go(2, '{ message = "custom/closed" }'))
    call = await centre.dial("5001")
    await centre.until_queued(1)
    # Asterisk stands still: the fact is kept, and the command is not carried out.
    centre.stack.asterisk.pause()
    try:
        await asyncio.sleep(2.5)
        centre.stack.daemon.kill()
    finally:
        centre.stack.asterisk.cont()
    await asyncio.to_thread(centre.stack.daemon.start)
    await call.hears(CLOSED_HZ)
    await call.wait("disconnected")
    story = await centre.story()
    # Said once, by the one who died; done by the next.
    assert kinds(story) == DIVERTED
    assert body(story, "ContactEnded")["outcome"] == "diverted_message"


async def test_a_dialplan_without_the_context_keeps_the_caller(files: Files) -> None:
    centre = files.centre
    await configure(files, sales=go(2, '{ message = "custom/closed" }'))
    pbx = centre.stack.asterisk
    pbx.cli("dialplan remove context contactd-leave")
    try:
        call = await centre.dial("5001")
        assert (await centre.until_fact("DiversionFailed")).body["failure"] == "not_sent"
        await hears_music(call)
        await call.hangup()
    finally:
        pbx.cli("dialplan reload")
    assert body(await centre.story(), "ContactEnded")["outcome"] == "abandoned_waiting"
