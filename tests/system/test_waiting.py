"""What a caller hears while waiting: welcome, position, wait, messages, music; and that nothing of it costs a place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.lab.phones import Call
from tests.lab.phones.call import Heard
from tests.system.centre import AGENT_HZ, Centre, Fact
from tests.system.conftest import CREW
from tests.system.reloading import Files
from tests.system.telling import NOTES, about, body, hears_music, kinds, message, talk

WELCOME_HZ, MESSAGE_HZ, OTHER_HZ, WHISPER_HZ = 350, 1700, 1950, 2300
SALES, SUPPORT = "[queues.sales]\n", "[queues.support]\n"
OTHER_MUSIC = "[other]\nmode = files\ndirectory = {folder}/share/other\n"


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder = tmp_path_factory.mktemp("waiting")
    queues = {"sales": (5, 0), "support": (5, 0)}
    music = OTHER_MUSIC.format(folder=folder / "pbx")
    message(folder / "pbx", "../other/tune", OTHER_HZ)
    async with Centre(
        folder, people=CREW[:2], queues=queues, compare_s=5, extra_conf={"musiconhold.conf": music}
    ) as centre:
        message(centre.stack.asterisk.folder, "custom/welcome", WELCOME_HZ)
        message(centre.stack.asterisk.folder, "custom/message", MESSAGE_HZ)
        yield centre


@pytest.fixture
async def files(made: Centre) -> AsyncIterator[Files]:
    async with Files.restored(made) as files:
        yield files


async def configure(files: Files, sales: str, support: str = "") -> None:
    files.write((SALES, f"{SALES}{sales}\n"), (SUPPORT, f"{SUPPORT}{support}\n"))
    await files.reload("taken")


def announced(facts: Sequence[Fact]) -> list[list[dict[str, Any]]]:
    """What was said, announcement by announcement."""
    return [fact.body["said"] for fact in facts if fact.kind == "ContactAnnounced"]


def length_s(centre: Centre, *sounds: str) -> float:
    """Of the PBX's own prompts, which are GSM: 33 bytes of it last 20 ms."""
    folder = centre.stack.asterisk.folder / "share/sounds/en"
    return sum((folder / f"{sound}.gsm").stat().st_size for sound in sounds) / 33 * 0.02


async def ears(call: Call, seconds: float) -> list[Heard]:
    """All that is heard for so long."""
    heard = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        heard.append(await call.listen())
    return heard


async def speaking(call: Call, seconds: float) -> float:
    """The part of the time in which the caller hears something loud that is no music."""
    heard = await ears(call, seconds)
    loud = [one for one in heard if one.dbfs > -40 and not any(one.has(note) for note in NOTES)]
    return len(loud) / len(heard)


async def test_the_welcome_comes_first_and_then_music(files: Files) -> None:
    centre = files.centre
    await configure(files, 'welcome = ["custom/welcome"]')
    call = await centre.dial("5001")
    await call.hears(WELCOME_HZ)
    told = await centre.until_fact("ContactAnnounced")
    ended = await centre.until_fact("AnnouncementEnded")
    assert ended.body["end"] == "heard" and about(ended.at - told.at, 4.0, 0.7)
    await hears_music(call)
    await call.hangup()
    story = await centre.story()
    assert kinds(story) == [
        *("ContactArrived", "ContactQueued", "ContactAnnounced", "AnnouncementEnded", "ContactEnded"),
    ]
    assert body(story, "ContactEnded")["outcome"] == "abandoned_waiting"
    told_words = centre.stack.daemon.ctl("explain", story[0].body["contact"]).stdout
    assert "announced: the welcome" in told_words and "heard to the end: music again" in told_words


async def test_an_agent_who_gets_ready_cuts_an_announcement_off(files: Files) -> None:
    centre = files.centre
    await configure(files, 'welcome = ["custom/welcome"]')
    (anna,) = await centre.duty("anna")
    centre.act("anna", "not-ready", "break")
    call = await centre.dial("5001")
    await call.hears(WELCOME_HZ)
    centre.act("anna", "ready")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    await call.hangup()
    story = await centre.story()
    # It was not said to its end: the offer is of the same step as the agent's word.
    (offered,) = [fact for fact in story if fact.kind == "ContactOffered"]
    (ready,) = centre.facts("kind = 'AgentReady'")
    assert offered.at == ready.at
    assert "AnnouncementEnded" not in kinds(story)
    assert kinds(story)[-3:] == ["ContactConnected", "TalkEnded", "ContactEnded"]


async def test_the_caller_who_hangs_up_in_the_middle_of_an_announcement_is_gone_at_once(files: Files) -> None:
    centre = files.centre
    await configure(files, 'welcome = ["custom/welcome"]')
    call = await centre.dial("5001")
    await call.hears(WELCOME_HZ)
    await call.hangup()
    story = await centre.story()
    assert kinds(story) == ["ContactArrived", "ContactQueued", "ContactAnnounced", "ContactEnded"]
    assert body(story, "ContactEnded")["outcome"] == "abandoned_waiting"
    assert story[-1].at - call.times["disconnected"] < 1


async def test_position_and_wait_are_spoken_by_the_pbx(files: Files) -> None:
    centre = files.centre
    await configure(files, "announce_position = { after_s = 3 }\nannounce_wait = { after_s = 3 }")
    (anna,) = await centre.duty("anna")
    talking = await centre.dial("5001")
    await talk(talking, await (await anna.next_call()).wait("confirmed"))
    first, second = await centre.dial("5001"), await centre.dial("5001")

    def both() -> list[Fact]:
        found = [fact for fact in centre.facts() if fact.kind == "ContactAnnounced"]
        return found if len(found) == 2 else []

    told = await centre.until(both, "both to be told")
    loud = await asyncio.gather(speaking(first, 4), speaking(second, 4))
    assert all(part > 0.3 for part in loud), loud
    positions = [one["position"] for said in announced(told) for one in said if one["say"] == "position"]
    assert positions == [1, 2]
    ranges = [one["range"] for said in announced(told) for one in said if one["say"] == "wait"]
    assert len(ranges) == 2 and all(0 <= one["low_min"] <= one["high_min"] for one in ranges)
    ends = {
        fact.body["contact"]: fact
        for fact in [
            await centre.until_fact("AnnouncementEnded", announcement=one.body["announcement"]) for one in told
        ]
    }
    for fact, prompts in zip(
        told, (["queue-youarenext"], ["queue-thereare", "digits/2", "queue-callswaiting"]), strict=True
    ):
        spoken = fact.body["said"][1]["range"]
        words = ["queue-less-than"] if not spoken["low_min"] else ["letters/dash", f"digits/{spoken['low_min']}"]
        words = words if spoken["low_min"] != spoken["high_min"] else []
        minutes = "queue-minute" if spoken["high_min"] == 1 else "queue-minutes"
        expected = length_s(centre, *prompts, "queue-holdtime", *words, f"digits/{spoken['high_min']}", minutes)
        assert about(ends[fact.body["contact"]].at - fact.at, expected, 0.8), (spoken, expected)
    await hears_music(second)
    for call in (first, second, talking):
        await call.hangup()


async def test_messages_come_at_their_times_and_an_offer_that_fails_costs_no_place(files: Files) -> None:
    centre = files.centre
    section = '[queues.sales.messages.web]\nsounds = ["custom/message"]\nafter_s = 2\nevery_s = 10'
    files.write(("[menus.main]\n", f"{section}\n[menus.main]\n"))
    await files.reload("taken")
    call = await centre.dial("5001")
    first = await centre.until_fact("ContactAnnounced")
    await call.hears(MESSAGE_HZ)
    # An offer cuts it off and is declined: back to the old place, and to music.
    anna = await centre.handset("anna")
    await anna.register()
    await anna.set_policy("decline")
    await centre.until(lambda: centre.now("anna")["handset"] == "free", "anna's handset to be free")
    centre.act("anna", "sign-in")
    await centre.until_fact("OfferEnded")
    await hears_music(call)
    await centre.until(lambda: len(announced(centre.facts())) == 2, "the second time", 15)
    await call.hears(MESSAGE_HZ)
    await call.hangup()
    story = await centre.story()
    due = [fact.body["due"] for fact in story if fact.kind == "ContactAnnounced"]
    queued = next(fact for fact in story if fact.kind == "ContactQueued")
    assert about(due[0] - queued.at, 2, 0.01) and about(due[1] - due[0], 10, 0.001)
    late = [fact.at - fact.body["due"] for fact in story if fact.kind == "ContactAnnounced"]
    assert all(0 <= seconds < 1 for seconds in late), late
    assert first.body["said"][0]["id"] == "web"
    assert body(story, "ContactEnded")["waited_s"] > 12


async def test_killed_in_the_middle_of_an_announcement_the_caller_hears_it_out_and_then_music(files: Files) -> None:
    centre = files.centre
    await configure(files, 'welcome = ["custom/welcome"]\nannounce_position = { after_s = 3, every_s = 10 }')
    call = await centre.dial("5001")
    await call.hears(WELCOME_HZ)
    centre.stack.daemon.kill()
    await call.hears(WELCOME_HZ)
    await hears_music(call)
    await asyncio.to_thread(centre.stack.daemon.start)
    # It is known that the welcome is over, and the rest goes on.
    await centre.until(lambda: len(announced(centre.facts())) >= 2, "the position to be told", 25)
    story = [fact for fact in centre.facts() if fact.body.get("contact")]
    assert [one["say"] for said in announced(story) for one in said][:2] == ["welcome", "position"]
    queued = [fact for fact in story if fact.kind == "ContactQueued"]
    assert len(queued) == 1
    await call.hangup()


async def test_killed_between_keeping_and_acting_the_schedule_goes_on(files: Files) -> None:
    """A frozen PBX says nothing; the fact is kept, and the caller is where they were."""
    centre = files.centre
    await configure(files, "announce_position = { after_s = 2, every_s = 10 }")
    call = await centre.dial("5001")
    await centre.until_queued(1)
    centre.stack.asterisk.pause()
    try:
        await asyncio.sleep(2.5)
        centre.stack.daemon.kill()
    finally:
        centre.stack.asterisk.cont()
    await asyncio.to_thread(centre.stack.daemon.start)
    await hears_music(call)
    assert len(await centre.until_queued(1)) == 1
    await call.hangup()
    story = await centre.story()
    assert body(story, "ContactEnded")["outcome"] == "abandoned_waiting"


async def test_a_key_that_means_nothing_ends_the_sound_and_keeps_the_place(files: Files) -> None:
    centre = files.centre
    await configure(files, 'welcome = ["custom/welcome"]')
    call = await centre.dial("5001")
    await call.hears(WELCOME_HZ)
    await call.dtmf("7")
    await hears_music(call)
    ended = await centre.until_fact("AnnouncementEnded")
    told = await centre.until_fact("ContactAnnounced")
    assert ended.at - told.at < 3.5
    (anna,) = await centre.duty("anna")
    await talk(call, await (await anna.next_call()).wait("confirmed"))
    await call.hangup()


async def test_a_sound_that_is_missing_is_passed_over_and_told(files: Files) -> None:
    centre = files.centre
    await configure(files, 'welcome = ["custom/gone", "custom/welcome"]')
    call = await centre.dial("5001")
    await call.hears(WELCOME_HZ)
    ended = await centre.until_fact("AnnouncementEnded")
    assert ended.body["end"] == "incomplete"
    assert files.metric('contactd_announcements_failed_total{queue="sales",reason="incomplete"}') >= 1
    await call.hangup()


async def test_a_dialplan_of_before_plays_music_only(files: Files) -> None:
    centre = files.centre
    await configure(files, 'welcome = ["custom/welcome"]')
    pbx = centre.stack.asterisk
    pbx.cli("dialplan remove context contactd-announce")
    try:
        call = await centre.dial("5001")
        assert (await centre.until_fact("AnnouncementEnded")).body["end"] == "not_sent"
        await hears_music(call)
        await call.hangup()
    finally:
        pbx.cli("dialplan reload")
    assert files.said("command_failed")[-1]["command"] == "Announce"


async def test_a_queue_has_its_own_music_and_who_goes_on_to_another_queue_hears_that_one(files: Files) -> None:
    centre = files.centre
    await configure(files, 'steps.3.go = { queue = "support" }', 'music = "other"')
    call = await centre.dial("5001")
    await hears_music(call)
    moved = await centre.until_fact("ContactQueued", queue="support")
    await call.hears(OTHER_HZ, timeout_s=15)
    # A reload that takes it away is heard by who waits.
    await configure(files, 'steps.3.go = { queue = "support" }')
    await hears_music(call, within_s=30)
    assert moved.body["passed"] == ["sales"]
    await call.hangup()


async def test_the_agent_hears_a_whisper_that_the_caller_does_not(files: Files) -> None:
    """Longer than it is from one comparison to the next, which takes nobody out of it."""
    centre = files.centre
    message(centre.stack.asterisk.folder, "custom/whisper", WHISPER_HZ)
    await configure(files, 'whisper = ["custom/whisper", "custom/whisper"]\nwhisper_wait = true')
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    heard = asyncio.create_task(ears(call, 7))
    await at_anna.hears_only(WHISPER_HZ)
    at_caller = await heard
    assert not any(one.has(WHISPER_HZ) or one.has(AGENT_HZ) for one in at_caller)
    # And the wait in seconds; then the two talk. Until then it counts as ringing, also for a comparison.
    assert [one["state"] for one in centre.contacts()] == ["offered"]
    await talk(call, at_anna)
    (connected,) = [fact for fact in centre.facts() if fact.kind == "ContactConnected"]
    assert not [fact for fact in centre.facts() if fact.kind == "TalkEnded"]
    await call.hangup()
    story = await centre.story()
    assert body(story, "TalkEnded")["by"] == "caller" and kinds(story).count("ContactOffered") == 1
    assert connected.body["agent"] == "anna" and connected.body["waited_s"] > 8


async def test_a_caller_who_hangs_up_during_the_whisper_frees_the_agent(files: Files) -> None:
    centre = files.centre
    message(centre.stack.asterisk.folder, "custom/whisper", WHISPER_HZ)
    await configure(files, 'whisper = ["custom/whisper"]')
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await at_anna.hears(WHISPER_HZ)
    await call.hangup()
    await at_anna.wait("disconnected")
    await centre.until(lambda: centre.now("anna")["handset"] == "free", "anna's handset to be free")
    assert body(await centre.story(), "TalkEnded")["by"] == "caller"


async def test_instead_of_a_class_of_music_that_is_not_there_the_usual_one_is_heard(files: Files) -> None:
    centre = files.centre
    await configure(files, 'music = "nosuch"')
    call = await centre.dial("5001")
    await hears_music(call)
    (anna,) = await centre.duty("anna")
    await talk(call, await (await anna.next_call()).wait("confirmed"))
    await call.hangup()
