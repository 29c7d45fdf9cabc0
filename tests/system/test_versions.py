"""The drop-ins on Asterisk 16, which has neither AudioSocket nor event filters by name, and joined to a FreePBX."""

from __future__ import annotations

import array
import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contactd.config import load
from contactd.core.ids import PbxId
from contactd.ctl.doctor.findings import Finding, Findings, Level
from contactd.ctl.doctor.run import check_pbx
from tests.lab.asterisk import find_old
from tests.lab.phones import Handset
from tests.lab.progress import ROOT
from tests.system.centre import AGENT_HZ, CALLER_HZ, Centre
from tests.system.conftest import CREW
from tests.system.hearing import Channel, recorded
from tests.system.reloading import Files
from tests.system.telling import HANDLED, body, hears_music, kinds, message, talk


@pytest.fixture(scope="module")
async def old(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder = tmp_path_factory.mktemp("old")
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(folder, people=CREW[:2], queues=queues, installation=find_old()) as centre:
        yield centre


@pytest.fixture
async def centre(old: Centre) -> AsyncIterator[Centre]:
    await old.clear()
    yield old
    await old.clear()


async def test_it_is_the_old_one_and_it_says_nothing_against_the_drop_ins(centre: Centre) -> None:
    pbx = centre.stack.asterisk
    assert pbx.cli("core show version").startswith("Asterisk 16.")
    complaints = re.findall(r".*(?:WARNING|ERROR)\[.*", pbx.log.read_text())
    assert not complaints
    # The drop-in that is for it, with the filter that it knows.
    assert "manager_contactd_regex.conf" in (pbx.folder / "etc/manager.conf").read_text()


async def test_a_call_goes_from_the_menu_to_the_agent_on_asterisk_16(centre: Centre) -> None:
    (anna,) = await centre.sign_in("anna", tone_hz=AGENT_HZ)
    await whole_call(centre, anna)


async def test_a_talk_is_recorded_and_paused_on_asterisk_16(centre: Centre) -> None:
    files = Files.of(centre)
    key = f'[recording]\nkey = "{"1f" * 32}"\n[pbx.'
    try:
        files.write(("[queues.sales]\n", '[queues.sales]\nrecord = "always"\n'), secrets=(("[pbx.", key),))
        await files.reload("taken")
        await centre.duty("anna")
        call = await centre.dial("5001")
        at_anna = await (await centre.handsets["anna"].next_call()).wait("confirmed")
        await talk(call, at_anna)
        await centre.until_fact("RecordingStarted", agent="anna")
        await asyncio.to_thread(files.daemon.ctl, "recordings", "pause", "anna")
        paused = await centre.until_fact("RecordingPaused", agent="anna")
        await asyncio.sleep(0.6)
        await call.hangup()
        inbox = centre.stack.asterisk.recordings
        await centre.until(lambda: list(inbox.glob("*.done")), "the recording to be whole")
        one = recorded(next(inbox.glob("*.done")))
    finally:
        files.write()
        await files.reload("taken")
    assert one.caller.has_only(CALLER_HZ, at=0.1) and one.agent.has_only(AGENT_HZ, at=0.1)
    assert one.caller.silent(paused.at - one.began + 0.1, one.seconds)


async def test_a_queue_sends_callers_elsewhere_on_asterisk_16(centre: Centre) -> None:
    """To a message; and to a box, which this one has no app_voicemail for: the caller comes back."""
    message(centre.stack.asterisk.folder, "custom/closed", 700)
    files = Files.of(centre)
    try:
        files.write(("[queues.sales]\n", '[queues.sales]\nunstaffed = { message = "custom/closed" }\n'))
        await files.reload("taken")
        call = await centre.dial("5001")
        await call.hears(700)
        await call.wait("disconnected")
        assert body(await centre.story(), "ContactEnded")["outcome"] == "diverted_message"
        await centre.clear()
        files.write(("[queues.sales]\n", '[queues.sales]\nunstaffed = { voicemail = "100" }\n'))
        await files.reload("taken")
        call = await centre.dial("5001")
        assert (await centre.until_fact("DiversionFailed")).body["failure"] == "unavailable"
        await hears_music(call)
        assert await centre.until_queued(1)
        await call.hangup()
    finally:
        files.write()
        await files.reload("taken")


async def test_what_a_waiting_caller_hears_on_asterisk_16(centre: Centre) -> None:
    """A welcome, the position said by Asterisk, and an agent who gets ready in the middle of it."""
    message(centre.stack.asterisk.folder, "custom/welcome", 350)
    files = Files.of(centre)
    try:
        told = 'welcome = ["custom/welcome"]\nannounce_position = { after_s = 5 }\n'
        files.write(("[queues.sales]\n", f"[queues.sales]\n{told}"))
        await files.reload("taken")
        call = await centre.dial("5001")
        await call.hears(350)
        assert (await centre.until_fact("AnnouncementEnded")).body["end"] == "heard"
        said = await centre.until(
            lambda: [f for f in centre.facts() if f.kind == "ContactAnnounced" and "position" in str(f.body)], "it"
        )
        assert said[0].body["said"] == [{"say": "position", "position": 1}]
        (anna,) = await centre.duty("anna")
        await talk(call, await (await anna.next_call()).wait("confirmed"))
        await call.hangup()
    finally:
        files.write()
        await files.reload("taken")


async def test_keys_while_waiting_on_asterisk_16(centre: Centre) -> None:
    """In the music, and in the middle of a number; and while contactd is dead."""
    message(centre.stack.asterisk.folder, "custom/info", 1700)
    files = Files.of(centre)
    keys = 'keys.1 = { message = "custom/info" }\nkeys.2 = { queue = "support" }\nkeys."#" = { hang_up = "busy" }\n'
    words = "[announcements]\nposition_next = []\nposition_before = []\nposition_after = []\n[menus.main]\n"
    try:
        files.write(
            ("[queues.sales]\n", f"[queues.sales]\nannounce_position = {{ after_s = 12 }}\n{keys}"),
            ("[menus.main]\n", words),
        )
        await files.reload("taken")
        older, call = await centre.dial("5001"), await centre.dial("5001")
        order = await centre.until_queued(2)
        await hears_music(call)
        await call.dtmf("1")
        await call.hears(1700)
        await hears_music(call)
        assert await centre.until_queued(2) == order
        await centre.until_fact("ContactAnnounced", contact=order[1])
        await call.dtmf("2")
        await centre.until_fact("ContactQueued", contact=order[1], queue="support", passed=["sales"])
        files.daemon.kill()
        await older.dtmf("#")
        await asyncio.to_thread(files.daemon.start)
        gone = await centre.until_fact("ContactDiverted", contact=order[0])
        assert gone.body["to"] == {"to": "hang_up", "tone": "busy"}
        for one in (older, call):
            await one.hangup()
    finally:
        files.write()
        await files.reload("taken")


async def test_a_caller_leaves_a_message_on_asterisk_16(centre: Centre) -> None:
    files = Files.of(centre)
    key = f'[recording]\nkey = "{"1f" * 32}"\n[pbx.'
    inbox = centre.stack.asterisk.recordings
    inbox.mkdir(parents=True, exist_ok=True)
    try:
        files.write(
            ("[queues.sales]\n", '[queues.sales]\nunstaffed = { mailbox = "sales" }\n'), secrets=(("[pbx.", key),)
        )
        await files.reload("taken")
        call = await centre.dial("5001")
        await centre.until(lambda: [one for one in inbox.glob("*_m*.sln") if one.stat().st_size > 32000], "the message")
        await call.hangup()
        (done,) = await centre.until(lambda: list(inbox.glob("*_m*.done")), "the message to be whole")
    finally:
        files.write()
        await files.reload("taken")
    assert done.read_text().split()[1:3] == ["mailbox", "sales"]
    assert body(await centre.story(), "ContactEnded")["outcome"] == "diverted_voicemail"
    samples = array.array("h", done.with_suffix(".sln").read_bytes())
    assert Channel(samples).has_only(CALLER_HZ, at=1)


async def test_a_whisper_to_the_agent_on_asterisk_16(centre: Centre) -> None:
    message(centre.stack.asterisk.folder, "custom/whisper", 2300)
    files = Files.of(centre)
    try:
        files.write(("[queues.sales]\n", '[queues.sales]\nwhisper = ["custom/whisper"]\n'))
        await files.reload("taken")
        (anna,) = await centre.duty("anna")
        call = await centre.dial("5001")
        at_anna = await (await anna.next_call()).wait("confirmed")
        await at_anna.hears_only(2300)
        assert [one["state"] for one in centre.contacts()] == ["offered"]
        await talk(call, at_anna)
        await call.hangup()
    finally:
        files.write()
        await files.reload("taken")


async def test_a_refused_call_keeps_its_place_and_a_transferred_one_comes_back_on_asterisk_16(centre: Centre) -> None:
    anna, bilal = await centre.duty("anna", "bilal")
    await anna.set_policy("decline")
    call = await centre.dial("5001")
    await anna.next_call()
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await centre.until_agent("anna", status="not_ready", reason="declined")
    await talk(call, at_bilal)
    await anna.set_policy("auto")
    centre.act("anna", "ready")
    await centre.until_agent("anna", status="ready", handset="free")
    await at_bilal.blind_transfer("5002")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    await call.hangup()


async def test_the_callers_of_a_dead_contactd_wait_and_are_served_when_it_is_back_on_asterisk_16(
    centre: Centre,
) -> None:
    (anna,) = await centre.duty("anna")
    talking = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    waiting = await centre.dial("5001")
    (contact,) = await centre.until_queued(1)
    centre.stack.daemon.kill()
    await hears_music(waiting)
    await talk(talking, at_anna)
    await asyncio.to_thread(centre.stack.daemon.start)
    assert await centre.until_queued(1) == [contact]
    await at_anna.hangup()
    await talk(waiting, await (await anna.next_call()).wait("confirmed"))
    await waiting.hangup()
    await centre.until_ended(2)


async def test_the_echo_line_is_refused_in_words_where_there_is_no_audiosocket(centre: Centre) -> None:
    call = await centre.dial("5900")
    assert await call.tone() > 0, "nothing was said"
    await call.wait("disconnected", 10)
    (line,) = re.findall(r"contactd: line \d+ needs.*", centre.stack.asterisk.log.read_text(errors="replace"))
    assert line.startswith("contactd: line 5900 needs AudioSocket: Asterisk 18 or newer")


async def test_the_doctor_and_a_test_call_know_asterisk_16(centre: Centre) -> None:
    for agent in ("anna", "bilal"):
        handset = await centre.handset(agent)
        if not handset.registered:
            await handset.register()
    found = {finding.check: finding for finding in await of_pbx(centre) if finding.level is not Level.OK}
    assert set(found) == {"audiosocket-modules", "emergency-trunk"}, found
    assert found["audiosocket-modules"].remedy.startswith("Asterisk 18 is the first that has them")
    done = await asyncio.to_thread(centre.stack.daemon.ctl, "testcall", "--stay", "1")
    assert done.stdout.endswith("the call went well\n")


async def test_a_call_goes_through_a_freepbx_and_its_own_dialplan_stays_what_it_was(tmp_path: Path) -> None:
    queues = {"sales": (5, 0), "support": (5, 0)}
    options = {"layout": "freepbx", "context": "from-internal"}
    async with Centre(tmp_path, people=CREW[:2], queues=queues, **options) as centre:
        # *45 is FreePBX's own code too: contactd's is found first.
        (anna,) = await centre.sign_in("anna", tone_hz=AGENT_HZ)
        await whole_call(centre, anna)
        # An Emergency route of FreePBX is met as before, and so is the other extension.
        emergency = await (await anna.dial("112")).wait("confirmed")
        assert await emergency.tone() > 0
        bilal = await centre.handset("bilal")
        await bilal.register()
        await emergency.hangup()
        await anna.dial("1002")
        await (await bilal.next_call()).wait("confirmed")
        assert [fact.kind for fact in centre.facts()].count("ContactArrived") == 1
        found = {finding.check for finding in await of_pbx(centre) if finding.level is not Level.OK}
        # Emergency numbers are FreePBX's own there, and no concern of the drop-in's.
        assert found == set(), found
        unwanted = re.findall(r".*(?:WARNING|ERROR)\[.*", centre.stack.asterisk.log.read_text(errors="replace"))
        # FreePBX's own contexts name ones that an administrator may make.
        assert [line for line in unwanted if "tries to include nonexistent context 'from-" not in line] == []


def lines_of_the_paper() -> dict[str, str]:
    """What docs/joining.rst has an administrator write into each file of a plain Asterisk."""
    paper = (ROOT / "docs/joining.rst").read_text().split("A plain Asterisk", 1)[1]
    table = re.split(r"(?m)^ +={10,} +={10,}$", paper)[2]
    found: dict[str, str] = {}
    name = ""
    for row in table.splitlines():
        name = (re.match(r" +``([\w.]+)`` ", row) or [None, name])[1] or name
        for line in re.findall(r"``((?:#include|channelvars|timestampevents)[^`]*)``", row):
            general = "" if line.startswith("#") else "[general](+)\n"
            # What belongs to a section that is there stands before the include.
            found[name] = f"{general}{line}\n{found.get(name, '')}" if general else found.get(name, "") + line + "\n"
    return found


async def test_a_plain_asterisk_is_joined_by_the_lines_that_the_paper_tells(tmp_path: Path) -> None:
    lines = lines_of_the_paper()
    assert set(lines) == {"extensions.conf", "manager.conf", "queues.conf"}
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(tmp_path, people=CREW[:1], queues=queues, layout="bare", extra_conf=lines) as centre:
        (anna,) = await centre.sign_in("anna", tone_hz=AGENT_HZ)
        await whole_call(centre, anna)
        found = {finding.check for finding in await of_pbx(centre) if finding.level is not Level.OK}
        assert found == {"emergency-trunk"}, found


async def whole_call(centre: Centre, handset: Handset) -> None:
    """From the greeting by a key to the agent of the handset, and both hear each other."""
    call = await centre.dial("5000")
    assert await call.tone() > 0, "no greeting was heard"
    await call.dtmf("1")
    at_agent = await (await handset.next_call()).wait("confirmed")
    await talk(call, at_agent)
    await at_agent.hangup()
    await call.wait("disconnected")
    story = await centre.story()
    assert kinds(story) == HANDLED
    assert body(story, "TalkEnded")["by"] == "agent"
    assert body(story, "ContactEnded")["outcome"] == "handled"


async def of_pbx(centre: Centre) -> list[Finding]:
    """What the doctor finds at the PBX."""
    findings = Findings()
    settings = load(centre.stack.daemon.config)
    await asyncio.to_thread(check_pbx, findings.at("pbx1"), settings, PbxId("pbx1"), answered=True)
    return findings.all


async def test_a_supervisor_listens_whispers_barges_in_and_takes_over_on_asterisk_16(centre: Centre) -> None:
    boss_hz = 1700
    files = Files.of(centre)
    files.write(
        ("[agents.bilal]\n", '[supervisors.floor]\n[agents.bilal]\nsupervisor = "floor"\n'),
    )
    await files.reload("taken")
    try:
        (anna,) = await centre.duty("anna")
        bilal = await centre.handset("bilal", tone_hz=boss_hz)
        call = await centre.dial("5001")
        at_anna = await (await anna.next_call(timeout_s=15)).wait("confirmed")
        await talk(call, at_anna)
        centre.act("bilal", "sign-in")
        at_boss = await (await bilal.dial("*311001")).wait("confirmed")

        async def hears(agent: bool, caller: bool) -> None:
            async def as_said() -> bool:
                heard = await asyncio.gather(at_anna.listen(), call.listen(), at_boss.listen())
                said = (heard[0].has(boss_hz), heard[1].has(boss_hz))
                return said == (agent, caller) and heard[2].has(AGENT_HZ) and heard[2].has(CALLER_HZ)

            await centre.until(as_said, f"the agent to hear the supervisor: {agent}; the caller: {caller}")

        await hears(agent=False, caller=False)
        await at_boss.dtmf("5")
        await hears(agent=True, caller=False)
        await at_boss.dtmf("6")
        await hears(agent=True, caller=True)
        await at_boss.dtmf("7")
        await at_anna.wait("disconnected")
        await asyncio.gather(call.hears_only(boss_hz), at_boss.hears_only(CALLER_HZ))
        await call.hangup()
        story = await centre.story()
        assert [fact.body["mode"] for fact in story if fact.kind.startswith("Listening") and "mode" in fact.body] == [
            *("listen", "whisper", "barge"),
        ]
        assert [fact.body["by"] for fact in story if fact.kind == "TalkEnded"] == ["supervisor", "caller"]
    finally:
        files.write()
        await files.reload("taken")
