"""Keys while waiting: a box, another queue, the menu, a message, a number; and no place is lost, whoever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.lab.asterisk import Handset as Endpoint
from tests.lab.asterisk import handset_conf
from tests.lab.phones import Call
from tests.system.centre import AGENT_HZ, Centre, Fact
from tests.system.conftest import CREW
from tests.system.reloading import Files
from tests.system.telling import body, hears_music, kinds, message, talk

OUTSIDE = "030123456"
INFO_HZ, OTHER_HZ, WELCOME_HZ = 1700, 1950, 350
TRUNK = Endpoint("trunk", "trunk-secret", "contactd-in")
SALES, SUPPORT = "[queues.sales]\n", "[queues.support]\n"
OTHER_MUSIC = "[other]\nmode = files\ndirectory = {folder}/share/other\n"
KEYS = f"""
keys.1 = {{ voicemail = "100" }}
keys.2 = {{ queue = "support" }}
keys.3 = {{ message = "custom/info" }}
keys.4 = {{ external = "{OUTSIDE}" }}
keys.9 = {{ menu = true }}
keys."*" = {{ hang_up = "busy" }}
"""
BACK_TO_SALES = 'keys.2 = { queue = "sales" }\nmusic = "other"\n'


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder = tmp_path_factory.mktemp("keys")
    listed = f"[contactd-external]\nexten => {OUTSIDE},1,Goto(contactd-external-call,${{EXTEN}},1)\n"
    given = {"CONTACTD_EXTERNAL_TRUNK=  ": "CONTACTD_EXTERNAL_TRUNK=trunk ;", "[contactd-external]\n": listed}
    conf = {
        "pjsip.conf": handset_conf(TRUNK),
        "modules.conf": "load = app_voicemail.so",
        "voicemail.conf": "[general]\nformat = wav\nminsecs = 1\n[default]\n100 => 1234,Sales",
        "musiconhold.conf": OTHER_MUSIC.format(folder=folder / "pbx"),
    }
    message(folder / "pbx", "../other/tune", OTHER_HZ)
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(
        folder, people=CREW[:2], queues=queues, compare_s=5, extra_conf=conf, substitutions=given
    ) as centre:
        message(centre.stack.asterisk.folder, "custom/info", INFO_HZ)
        message(centre.stack.asterisk.folder, "custom/welcome", WELCOME_HZ)
        yield centre


@pytest.fixture
async def files(made: Centre) -> AsyncIterator[Files]:
    async with Files.restored(made) as files:
        await configure(files)
        yield files


async def configure(files: Files, sales: str = "", support: str = "") -> None:
    files.write(
        ("log_level =", f'external_numbers = ["{OUTSIDE}"]\nlog_level ='),
        (SALES, f"{SALES}{sales}{KEYS}"),
        (SUPPORT, f"{SUPPORT}{support}{BACK_TO_SALES}"),
    )
    await files.reload("taken")


async def waiting(files: Files, line: str = "5001") -> Call:
    call = await files.centre.dial(line)
    await files.centre.until_queued(1)
    await hears_music(call)
    return call


async def by_the_menu(centre: Centre) -> Call:
    """A caller who chose a queue in the menu, and has come back to the menu."""
    call = await centre.dial("5000")
    await call.dtmf("1")
    await centre.until_queued(1)
    await hears_music(call)
    await call.dtmf("9")
    await centre.until(lambda: [one["state"] for one in centre.contacts()] == ["menu"], "the caller in the menu")
    return call


def boxed(centre: Centre) -> list[Path]:
    return sorted(centre.stack.asterisk.spool.glob("voicemail/default/100/INBOX/*.wav"))


def recording(centre: Centre) -> bool:
    found = centre.stack.asterisk.spool.glob("voicemail/default/100/tmp/*")
    return any(path.stat().st_size > 1000 for path in found)


def since(story: list[Fact]) -> set[float]:
    return {fact.body["queued_at"] for fact in story if fact.kind == "ContactQueued"}


def variable(centre: Centre, name: str) -> str:
    """Of the only caller's channel."""
    pbx = centre.stack.asterisk
    (channel,) = [line.split("!")[0] for line in pbx.cli("core show channels concise").splitlines() if "!" in line]
    said = [
        line for line in pbx.cli(f"core show channel {channel}").splitlines() if line.strip().startswith(f"{name}=")
    ]
    return said[0].partition("=")[2] if said else ""


async def test_a_key_leads_to_the_box_and_the_message_is_kept(files: Files) -> None:
    centre = files.centre
    before = len(boxed(centre))
    call = await waiting(files)
    await call.dtmf("1")
    gone = await centre.until_fact("ContactDiverted")
    assert (gone.body["why"], gone.body["to"]) == ("key", {"to": "voicemail", "box": "100"})
    await centre.until(lambda: recording(centre), "the message to be recorded", 30)
    await asyncio.sleep(1.5)
    await call.hangup()
    await centre.until(lambda: len(boxed(centre)) == before + 1, "the message's file")
    story = await centre.story()
    assert kinds(story) == ["ContactArrived", "ContactQueued", "ContactDiverted", "ContactEnded"]
    assert body(story, "ContactEnded")["outcome"] == "diverted_voicemail"
    told = centre.stack.daemon.ctl("explain", story[0].body["contact"]).stdout
    assert "sent from the queue sales to the box 100: the caller pressed a key" in told


async def test_who_leaves_no_message_waits_on_at_the_old_place(files: Files) -> None:
    centre = files.centre
    call = await waiting(files)
    younger = await centre.dial("5002")
    order = await centre.until_queued(2)
    await call.dtmf("1")
    await centre.until_fact("ContactDiverted")
    assert await centre.until_queued(1) == order[1:]
    await call.dtmf("*")
    back = await centre.until_fact("DiversionFailed")
    assert back.body["failure"] == "returned"
    await hears_music(call)
    assert await centre.until_queued(2) == order
    await younger.hangup()
    (anna,) = await centre.duty("anna")
    await talk(call, await (await anna.next_call()).wait("confirmed"))
    await call.hangup()
    story = (await centre.until_ended(2))[order[0]]
    assert kinds(story)[2:5] == ["ContactDiverted", "DiversionFailed", "ContactHeld"]
    assert body(story, "ContactEnded")["outcome"] == "handled"


async def test_a_key_in_the_middle_of_an_announcement_leads_to_another_queue_with_the_wait_so_far(files: Files) -> None:
    centre = files.centre
    await configure(files, sales='welcome = ["custom/welcome"]\n')
    call = await centre.dial("5001")
    await call.hears(WELCOME_HZ)
    await call.dtmf("2")
    there = await centre.until_fact("ContactQueued", queue="support")
    assert there.body["passed"] == ["sales"]
    await call.hears(OTHER_HZ, timeout_s=15)
    # And back, as often as they like.
    await centre.until(lambda: "2=queue*sales" in variable(centre, "CONTACTD_HOLD"), "the hold of support")
    await call.dtmf("2")
    await centre.until_fact("ContactQueued", queue="sales", passed=["support"])
    await call.hangup()
    story = await centre.story()
    assert len(since(story)) == 1
    keys = [fact.body["diversion"] for fact in story if fact.kind == "ContactDiverted"]
    assert keys == ["key-1", "key-2"]


async def test_a_key_is_heard_while_a_number_is_said(files: Files) -> None:
    centre = files.centre
    await configure(files, sales="announce_position = { after_s = 1, every_s = 10 }\n")
    older = [await centre.dial("5001") for _ in range(2)]
    words = "position_before = []\nposition_after = []\n"
    text = files.daemon.config.read_text()
    files.daemon.write(f"{text}\n[announcements]\n{words}", files.secrets)
    await files.reload("taken")
    call = await centre.dial("5001")
    await centre.until_queued(3)
    for one in older:
        await one.hangup()
    await centre.until_queued(1)
    (contact,) = await centre.until_queued(1)
    await centre.until(lambda: centre.last_of("ContactAnnounced", contact=contact), "the position to be said")
    await call.dtmf("2")
    await centre.until_fact("ContactQueued", queue="support", contact=contact)
    await call.hangup()


async def test_a_message_is_heard_and_the_wait_goes_on(files: Files) -> None:
    centre = files.centre
    call = await waiting(files)
    await call.dtmf("3")
    await call.hears(INFO_HZ)
    await hears_music(call)
    assert len(await centre.until_queued(1)) == 1
    # A key that means nothing is no fact, and no silence.
    facts = len(centre.facts())
    await call.dtmf("7")
    await hears_music(call)
    assert len(centre.facts()) == facts
    await call.hangup()
    story = await centre.story()
    assert body(story, "DiversionFailed")["failure"] == "returned"
    assert body(story, "ContactEnded")["outcome"] == "abandoned_waiting"


async def test_from_the_menu_the_same_queue_is_the_same_place_and_another_one_takes_the_wait_along(
    files: Files,
) -> None:
    centre = files.centre
    call = await by_the_menu(centre)
    await call.dtmf("1")
    await centre.until_fact("ContactHeld")
    await hears_music(call)
    await call.dtmf("9")
    await centre.until(lambda: [one["state"] for one in centre.contacts()] == ["menu"], "the caller in the menu")
    await call.dtmf("2")
    there = await centre.until_fact("ContactQueued", queue="support")
    assert there.body["passed"] == ["sales"]
    await call.hangup()
    story = await centre.story()
    assert len(since(story)) == 1
    gone = [fact.body["to"] for fact in story if fact.kind == "ContactDiverted"]
    assert gone == [{"to": "menu"}, {"to": "menu"}]
    assert body(story, "ContactEnded")["outcome"] == "abandoned_waiting"


async def test_killed_while_the_caller_is_in_the_menu_the_place_is_kept(files: Files) -> None:
    centre = files.centre
    call = await by_the_menu(centre)
    centre.stack.daemon.kill()
    await hears_music(call)
    await asyncio.to_thread(centre.stack.daemon.start)
    await centre.until_fact("ContactHeld")
    (anna,) = await centre.duty("anna")
    await talk(call, await (await anna.next_call()).wait("confirmed"))
    await call.hangup()
    story = await centre.story()
    assert len(since(story)) == 1 and body(story, "ContactEnded")["outcome"] == "handled"


async def test_keys_work_while_contactd_is_dead_and_it_learns_of_them(files: Files) -> None:
    centre = files.centre
    moves, boxes, hears = await waiting(files), await centre.dial("5001"), await centre.dial("5001")
    order = await centre.until_queued(3)
    await asyncio.gather(hears_music(boxes), hears_music(hears))
    centre.stack.daemon.kill()
    await moves.dtmf("2")
    await boxes.dtmf("1")
    await hears.dtmf("3")
    await hears.hears(INFO_HZ)
    await hears_music(hears)
    # The menu is contactd's: without it the music goes on.
    await hears.dtmf("9")
    await hears_music(hears)
    await asyncio.to_thread(centre.stack.daemon.start)
    moved = await centre.until_fact("ContactQueued", queue="support")
    assert moved.body["contact"] == order[0] and moved.body["passed"] == ["sales"]
    gone = {fact.body["contact"]: fact.body for fact in centre.facts() if fact.kind == "ContactDiverted"}
    assert {one["why"] for one in gone.values()} == {"key"} and set(gone) == set(order)
    states = {one["id"]: one["state"] for one in centre.contacts()}
    assert states == {order[0]: "waiting", order[1]: "diverted", order[2]: "waiting"}
    # And goes on as ever.
    await moves.hears(OTHER_HZ, timeout_s=15)
    await boxes.dtmf("*")
    await hears_music(boxes)
    await centre.until_fact("DiversionFailed", contact=order[1], failure="returned")
    for call in (moves, boxes, hears):
        await call.hangup()
    stories = await centre.until_ended(3)
    assert all(len(since(story)) == 1 for story in stories.values())
    assert [body(story, "ContactEnded")["outcome"] for story in stories.values()] == ["abandoned_waiting"] * 3
    # Each was followed once, however often was compared.
    assert all(kinds(story).count("ContactDiverted") == 1 for story in stories.values())


async def test_a_number_outside_by_key_and_killed_meanwhile(files: Files) -> None:
    centre = files.centre
    outside = await centre.phones.handset("trunk", "trunk-secret", tone_hz=AGENT_HZ)
    call = await waiting(files)
    await outside.set_policy("busy")
    await call.dtmf("4")
    assert (await centre.until_fact("DiversionFailed")).body["failure"] == "busy"
    await outside.next_call()
    await hears_music(call)
    await outside.set_policy("auto")
    centre.stack.daemon.kill()
    await call.dtmf("4")
    await talk(call, await (await outside.next_call()).wait("confirmed"))
    await asyncio.to_thread(centre.stack.daemon.start)
    await centre.until(lambda: [one["state"] for one in centre.contacts()] == ["diverted"], "the caller to be there")
    await call.hangup()
    story = await centre.story()
    assert [fact.body["diversion"] for fact in story if fact.kind == "ContactDiverted"] == ["key-1", "key-2"]
    assert body(story, "ContactEnded")["outcome"] == "diverted_external"


async def test_an_announcement_that_was_sent_in_the_moment_of_the_key_takes_nobody_back(files: Files) -> None:
    """As contactd sends it, but late: the caller is at the box, and hears its greeting once more."""
    centre = files.centre
    call = await waiting(files)
    await call.dtmf("1")
    await centre.until_fact("ContactDiverted")
    pbx = centre.stack.asterisk
    (channel,) = [line.split("!")[0] for line in pbx.cli("core show channels concise").splitlines() if "!" in line]
    pbx.cli(f"dialplan set chanvar {channel} CONTACTD_SAY custom/info")
    pbx.cli(f"channel redirect {channel} contactd-announce,say*99*1,1")
    await asyncio.sleep(0.5)
    assert "contactd-leave-to" in pbx.cli("core show channels concise")
    assert [one["state"] for one in centre.contacts()] == ["diverted"]
    await call.dtmf("*")
    await hears_music(call)
    await call.hangup()


async def test_an_offer_in_the_moment_of_the_key_goes_before_it(files: Files) -> None:
    centre = files.centre
    call = await waiting(files)
    (anna,) = await centre.duty("anna")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    await call.dtmf("1")
    await talk(call, at_anna)
    await call.hangup()
    assert "ContactDiverted" not in kinds(await centre.story())


async def test_without_the_context_of_keys_they_do_nothing(files: Files) -> None:
    """A dialplan of before has none; it is the doctor who says so."""
    centre = files.centre
    pbx = centre.stack.asterisk
    call = await waiting(files)
    assert "1=voicemail*100" in variable(centre, "CONTACTD_HOLD")
    pbx.cli("dialplan remove extension _[0-9*#]@contactd-hold")
    try:
        await call.dtmf("1")
        await hears_music(call)
        assert [one["state"] for one in centre.contacts()] == ["waiting"]
        await call.hangup()
    finally:
        pbx.cli("dialplan reload")
