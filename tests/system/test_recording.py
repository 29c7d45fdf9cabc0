"""Talks on real telephones are recorded by the PBX: who is on which channel, what a pause and a transfer leave out."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator

import pytest

from tests.lab.phones import Call, Handset
from tests.system.centre import AGENT_HZ, CALLER_HZ, Centre
from tests.system.hearing import Recorded, recorded, sides
from tests.system.reloading import Files
from tests.system.telling import kinds, message, talk, transferred

SPOKEN_HZ, NOTICE_HZ, WHISPER_HZ = 1700, 620, 2300
"""What a held caller says to nobody; what callers hear of being recorded; what agents hear before a talk."""


@pytest.fixture(scope="module")
async def recording(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Sales is recorded, and says so; support is not."""
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(tmp_path_factory.mktemp("recording"), queues=queues, agents=3, compare_s=5) as centre:
        notice = message(centre.stack.asterisk.folder, "custom/recorded", NOTICE_HZ)
        notice.write_bytes(notice.read_bytes()[:6000])  # three quarters of a second
        daemon = centre.stack.daemon
        (centre.folder / "store").mkdir(mode=0o700)
        centre.stack.asterisk.recordings.mkdir(parents=True, exist_ok=True)
        toml = daemon.config.read_text().replace(
            "[queues.sales]\n", '[queues.sales]\nrecord = "not_refused"\nrecord_announcement = "custom/recorded"\n'
        )
        toml += f'[recording]\ninbox = "{centre.stack.asterisk.recordings}"\nstore = "{centre.folder / "store"}"\n'
        hidden = (daemon.folder / "secrets.toml").read_text() + f'[recording]\nkey = "{"1f" * 32}"\n'
        daemon.write(toml, hidden)
        daemon.hup()
        await centre.until(lambda: "configuration_loaded" in daemon.log.read_text(), "sales to be recorded")
        yield centre


@pytest.fixture
async def centre(recording: Centre) -> AsyncIterator[Centre]:
    for path in recording.stack.asterisk.recordings.glob("*"):
        path.unlink()
    await recording.clear()
    yield recording
    await recording.clear()


async def talking(centre: Centre, line: str = "5001") -> tuple[Handset, Call, Call]:
    """Anna's handset, the caller's side and hers."""
    (anna,) = await centre.duty("anna")
    call = await centre.dial(line)
    at_anna = await (await anna.next_call(timeout_s=15)).wait("confirmed")
    await talk(call, at_anna)
    return anna, call, at_anna


async def files(centre: Centre, count: int = 1) -> list[Recorded]:
    """The recordings that are whole, the oldest first."""
    inbox = centre.stack.asterisk.recordings
    await centre.until(lambda: len(list(inbox.glob("*.done"))) >= count, f"{count} recordings to be whole")
    found = [recorded(path) for path in inbox.glob("*.done")]
    assert len(found) == count
    return sorted(found, key=lambda one: one.began)


async def test_who_agreed_by_staying_is_recorded_on_two_channels_and_has_heard_so(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    await call.hears(NOTICE_HZ)
    at_anna = await (await anna.next_call(timeout_s=15)).wait("confirmed")
    await talk(call, at_anna)
    await asyncio.sleep(1)  # the length of the recording, measured below
    await at_anna.hangup()
    await call.wait("disconnected")
    story = await centre.story()
    assert kinds(story)[2:6] == ["ContactOffered", "RecordingAnnounced", "RecordingStarted", "ContactConnected"]
    offered, started = story[2].body, story[4].body
    assert offered["record"] == "yes" and started["agent"] == "anna" and started["offer"] == offered["offer"]
    (one,) = await files(centre)
    assert (one.call, one.offer, one.endpoint) == (story[0].body["call"], offered["offer"], "1001")
    assert abs(one.seconds - next(f.body["talk_s"] for f in story if f.kind == "TalkEnded")) < 0.3
    middle = one.seconds / 2
    assert one.agent.has_only(AGENT_HZ, at=middle) and one.caller.has_only(CALLER_HZ, at=middle)


async def test_a_queue_that_does_not_record_leaves_no_file(centre: Centre) -> None:
    _, call, at_anna = await talking(centre, "5002")
    await call.hangup()
    await at_anna.wait("disconnected")
    story = await centre.story()
    assert not [kind for kind in kinds(story) if kind.startswith("Recording")] and story[2].body["record"] == ""
    assert not list(centre.stack.asterisk.recordings.glob("*"))


@pytest.mark.parametrize("how", ["code", "contactctl"])
async def test_a_pause_is_silence_on_both_channels_while_the_talk_goes_on(centre: Centre, how: str) -> None:
    anna, call, at_anna = await talking(centre)

    async def press(code: str, word: str) -> None:
        if how == "contactctl":
            assert (await asyncio.to_thread(centre.stack.daemon.ctl, "recordings", word, "anna")).stdout == (
                f"anna: recording {'paused' if word == 'pause' else 'on'}\n"
            )
            return
        await at_anna.hold()
        second = await anna.dial(code)
        await second.wait("confirmed")
        await second.wait("disconnected", 15)
        await at_anna.unhold()

    await asyncio.sleep(0.7)  # what is there before the pause, measured below
    await press("*41", "pause")
    paused = await centre.until_fact("RecordingPaused", agent="anna")
    assert paused.body["by"] == ("agent" if how == "code" else "supervisor")
    await talk(call, at_anna)  # nobody hears a pause
    assert centre.stack.daemon.ctl("recordings", "pause", "anna", check=False).returncode == 5
    await asyncio.sleep(1)  # so long is the silence, measured below
    await press("*42", "resume")
    resumed = await centre.until_fact("RecordingResumed", agent="anna")
    await talk(call, at_anna)
    await asyncio.sleep(0.8)
    await call.hangup()
    await at_anna.wait("disconnected")
    (one,) = await files(centre)
    begin, end = paused.at - one.began, resumed.at - one.began
    for channel, hz in ((one.agent, AGENT_HZ), (one.caller, CALLER_HZ)):
        assert channel.silent(begin + 0.1, end - 0.1), "a word of the pause was recorded"
        # Somewhere: a busy machine drops a packet now and then.
        assert any(channel.has_only(hz, at=end + quarter / 4) for quarter in range(8)), "it did not go on"
    # Before a code the agent holds the caller, and is silent.
    assert one.caller.has_only(CALLER_HZ, at=begin - 0.4) and one.agent.has_only(AGENT_HZ, at=0.4)
    contact = centre.facts("kind = 'ContactArrived'")[-1].body["contact"]
    assert "the recording was paused" in centre.stack.daemon.ctl("explain", contact).stdout


async def test_a_recording_goes_on_without_contactd_and_a_new_one_can_pause_it(centre: Centre) -> None:
    _, call, at_anna = await talking(centre)
    daemon = centre.stack.daemon
    await asyncio.to_thread(daemon.kill)
    await talk(call, at_anna)
    await asyncio.to_thread(daemon.start)
    await centre.until(lambda: centre.now("anna")["state"] == "busy", "anna to talk")
    await asyncio.to_thread(daemon.ctl, "recordings", "pause", "anna")
    paused = await centre.until_fact("RecordingPaused", agent="anna")
    await asyncio.sleep(0.6)
    await call.hangup()
    await at_anna.wait("disconnected")
    (one,) = await files(centre)
    assert one.caller.has_only(CALLER_HZ, at=paused.at - one.began - 0.3)
    assert one.caller.silent(paused.at - one.began + 0.1, one.seconds)


async def test_a_held_caller_hears_music_that_is_not_recorded(centre: Centre) -> None:
    """What the caller says meanwhile is: the line is open, and nobody can tell beforehand what it will be worth."""
    _, call, at_anna = await talking(centre)
    await at_anna.hold()
    await call.play(SPOKEN_HZ)
    await asyncio.sleep(1)
    await at_anna.hangup()
    await call.wait("disconnected")
    (one,) = await files(centre)
    assert one.caller.has_only(SPOKEN_HZ, at=one.seconds - 0.4) and one.agent.silent(one.seconds - 0.6, one.seconds)


async def test_who_is_consulted_is_not_recorded_and_after_the_transfer_nobody_is(centre: Centre) -> None:
    anna, call, at_anna = await talking(centre)
    (bilal,) = await centre.duty("bilal")
    await at_anna.hold()
    second = await anna.dial("1002")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await at_bilal.play(SPOKEN_HZ)
    await second.hears(SPOKEN_HZ)
    await at_anna.attended_transfer(second)
    await transferred(at_anna)
    await call.hears(SPOKEN_HZ)
    await asyncio.sleep(0.5)
    await call.hangup()
    (one,) = await files(centre)
    ended = await centre.until_fact("TalkEnded", agent="anna")
    assert one.endpoint == "1001" and abs(one.began + one.seconds - ended.at) < 0.5
    assert not any(channel.has(SPOKEN_HZ) for channel in (one.agent, one.caller))


async def test_a_caller_who_is_sent_to_the_queue_again_has_a_recording_of_each_talk(centre: Centre) -> None:
    _, call, at_anna = await talking(centre)
    await centre.duty("bilal")
    await at_anna.blind_transfer("5001")
    await transferred(at_anna)
    at_bilal = await (await centre.handsets["bilal"].next_call(timeout_s=15)).wait("confirmed")
    await talk(call, at_bilal)
    await asyncio.sleep(0.5)
    await call.hangup()
    first, second = await files(centre, 2)
    assert (first.endpoint, second.endpoint) == ("1001", "1002") and first.call == second.call
    assert second.caller.has_only(CALLER_HZ, at=second.seconds / 2)
    story = await centre.story()
    assert kinds(story).count("RecordingStarted") == 2 and kinds(story).count("RecordingAnnounced") == 1


async def test_who_cannot_be_told_is_not_recorded(centre: Centre) -> None:
    sound = centre.stack.asterisk.folder / "share/sounds/custom/recorded.ulaw"
    kept = sound.rename(sound.with_suffix(".away"))
    try:
        _, call, at_anna = await talking(centre)
        await call.hangup()
        await at_anna.wait("disconnected")
    finally:
        kept.rename(sound)
    assert (await centre.until_fact("RecordingFailed")).body["why"] == "not_announced"
    assert not list(centre.stack.asterisk.recordings.glob("*"))


async def test_a_full_disk_of_the_pbx_ends_no_talk_and_is_told(centre: Centre) -> None:
    inbox = centre.stack.asterisk.recordings
    inbox.rmdir()
    inbox.touch()  # no folder, so no file: as a disk that takes nothing
    try:
        _, call, at_anna = await talking(centre)
        await talk(call, at_anna)
        await call.hangup()
        await at_anna.wait("disconnected")
        assert (await centre.until_fact("RecordingFailed")).body["why"] == "not_written"
    finally:
        inbox.unlink()
        inbox.mkdir()


async def test_what_is_whispered_to_the_agent_is_not_in_the_recording(centre: Centre) -> None:
    message(centre.stack.asterisk.folder, "custom/whisper", WHISPER_HZ)
    changed = Files.of(centre)
    changed.write(("[queues.sales]\n", '[queues.sales]\nwhisper = ["custom/whisper"]\n'))
    await changed.reload("taken")
    try:
        (anna,) = await centre.duty("anna")
        call = await centre.dial("5001")
        at_anna = await (await anna.next_call(timeout_s=15)).wait("confirmed")
        await at_anna.hears_only(WHISPER_HZ)
        await talk(call, at_anna)
        await at_anna.hangup()
        await call.wait("disconnected")
        story = await centre.story()
        order = [kind for kind in kinds(story) if kind in ("RecordingStarted", "ContactConnected", "TalkEnded")]
        assert order == ["RecordingStarted", "ContactConnected", "TalkEnded"]
        (one,) = await files(centre)
        assert abs(one.seconds - next(f.body["talk_s"] for f in story if f.kind == "TalkEnded")) < 0.3
        assert one.agent.has_only(AGENT_HZ, at=one.seconds / 2)
    finally:
        changed.write()
        await changed.reload("taken")


async def test_a_talk_is_kept_encrypted_heard_by_whoever_may_and_gone_with_the_person(centre: Centre) -> None:
    daemon = centre.stack.daemon

    async def ctl(*words: str) -> str:
        return (await asyncio.to_thread(daemon.ctl, *words)).stdout

    _, call, at_anna = await talking(centre)
    await asyncio.sleep(0.7)
    await call.hangup()
    await at_anna.wait("disconnected")
    contact = (await centre.story())[0].body["contact"]
    async with centre.worker():
        await centre.until(lambda: centre.psql("SELECT id FROM blob"), "the recording to be kept", 60)
        await centre.until(lambda: not list(centre.stack.asterisk.recordings.glob("*")), "the PBX to be rid of it")
    (listed,) = json.loads(await ctl("--json", "recordings", "list", "--contact", contact))
    assert (listed["agent"], listed["queue"], listed["whole"]) == ("anna", "sales", True)
    assert listed["id"][:13] in await ctl("recordings", "list")
    shown = await ctl("recordings", "show", listed["id"][:8])
    assert listed["sha256"] in shown and contact in shown
    (file,) = (centre.folder / "store").rglob("*.rec")
    assert b"RIFF" not in file.read_bytes()

    out = centre.folder / "talk.wav"
    await ctl("recordings", "export", listed["id"], str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    assert hashlib.sha256(out.read_bytes()).hexdigest() == listed["sha256"]
    caller, agent = sides(out)
    assert caller.has_only(CALLER_HZ, at=0.3) and agent.has_only(AGENT_HZ, at=0.3)
    (read,) = [row for row in json.loads(await ctl("--json", "audit", contact)) if row["act"] == "read"]
    assert (read["fields"], read["outcome"]) == (["recording"], listed["id"])

    await ctl("recordings", "hold", listed["id"], "--why", "a complaint")
    assert "under a legal hold, which stay: 1" in await ctl("erase", contact, "--yes")
    await ctl("recordings", "release", listed["id"], "--why", "it is settled")
    assert "Recordings erased: 1" in await ctl("erase", contact, "--yes")
    again = await asyncio.to_thread(daemon.ctl, "recordings", "export", listed["id"], "-", check=False)
    assert again.returncode == 4 and not again.stdout and "no such recording" in again.stderr
