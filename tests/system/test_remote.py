"""Agents at a number outside: whoever answers there presses 1 to accept, or the caller keeps the place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.lab.asterisk import handset_conf
from tests.lab.phones import Call, Handset
from tests.system.centre import AGENT_HZ, CALLER_HZ, Centre
from tests.system.conftest import CREW
from tests.system.hearing import recorded
from tests.system.reloading import Files
from tests.system.telling import body, hears_music, kinds, talk
from tests.system.test_diverting import OUTSIDE, TRUNK, UNLISTED


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Anna is outside, bilal at his handset; support rings both."""
    listed = f"[contactd-external]\nexten => {OUTSIDE},1,Goto(contactd-external-call,${{EXTEN}},1)\n"
    given = {
        "CONTACTD_EXTERNAL_TRUNK=  ": "CONTACTD_EXTERNAL_TRUNK=trunk ;",
        "CONTACTD_EXTERNAL_ID=  ": "CONTACTD_EXTERNAL_ID=+4930100 ;",
        "[contactd-external]\n": listed,
    }
    conf = {"pjsip.conf": handset_conf(TRUNK)}
    keys = {"support": 'strategy = "ring_all"\n'}
    queues = {"sales": (10, 0), "support": (30, 0)}
    folder = tmp_path_factory.mktemp("remote")
    async with Centre(
        folder, people=CREW[:2], queues=queues, keys=keys, extra_conf=conf, substitutions=given
    ) as centre:
        centre.stack.asterisk.recordings.mkdir(parents=True, exist_ok=True)
        await at_number(Files.of(centre), OUTSIDE)
        yield centre


async def at_number(files: Files, number: str) -> None:
    pbx = files.centre.stack.asterisk
    recording = f'[recording]\ninbox = "{pbx.recordings}"\nstore = "{files.centre.folder / "store"}"\n'
    files.write(
        ("[queues.support]\n", f'{recording}[queues.support]\nrecord = "not_refused"\n'),
        ("log_level =", f'external_numbers = ["{OUTSIDE}", "{UNLISTED}"]\nlog_level ='),
        ('[agents.anna]\nendpoint = "1001"', f'[agents.anna]\nremote_number = "{number}"'),
        ("[agents.bilal]\n", '[supervisors.floor]\n[agents.bilal]\nsupervisor = "floor"\n'),
        secrets=(("[pbx.", f'[recording]\nkey = "{"1f" * 32}"\n[pbx.'),),
    )
    await files.reload("taken")


@pytest.fixture
async def centre(made: Centre) -> AsyncIterator[Centre]:
    await made.clear()
    yield made
    await made.clear()


async def rung(centre: Centre, line: str = "5001") -> tuple[Call, Handset, Call]:
    """A caller, anna's telephone and the call there, answered."""
    outside = await centre.phones.handset("trunk", "trunk-secret", tone_hz=AGENT_HZ)
    await centre.until(lambda: centre.now("anna")["handset"] == "free", "the number outside to count as free")
    centre.act("anna", "sign-in")
    call = await centre.dial(line)
    return call, outside, await (await outside.next_call()).wait("confirmed")


async def test_who_presses_1_has_the_caller_and_contactd_may_die_meanwhile(centre: Centre) -> None:
    call, _, far = await rung(centre)
    assert far.remote_number == "+4930100"
    await hears_music(call)
    assert centre.now("anna")["state"] == "offered"
    centre.stack.daemon.kill()
    await far.dtmf("1")
    await talk(call, far)
    await asyncio.to_thread(centre.stack.daemon.start)
    await centre.until_agent("anna", state="busy")
    await talk(call, far)
    await far.hangup()
    await call.wait("disconnected")
    story = await centre.story()
    assert body(story, "ContactConnected")["agent"] == "anna"
    assert body(story, "ContactEnded")["outcome"] == "handled"
    await centre.until_agent("anna", status="ready", state="idle", handset="free")


@pytest.mark.parametrize("does", ["2", "nothing", "hangs up"])
async def test_who_does_not_accept_leaves_the_caller_at_the_old_place(centre: Centre, does: str) -> None:
    call, _, far = await rung(centre)
    if does == "2":
        await far.dtmf("2")
    elif does == "hangs up":
        await far.hangup()
    await far.wait("disconnected", 25)
    ended = await centre.until_fact("OfferEnded", agent="anna")
    assert ended.body["outcome"] == "not_accepted"
    await centre.until_agent("anna", status="not_ready", reason="not_accepted", state="idle")
    await hears_music(call)
    assert await centre.until_queued(1) == [ended.body["contact"]]
    told = centre.stack.daemon.ctl("explain", ended.body["contact"]).stdout
    assert "was answered at the number outside and not accepted" in told
    # The next who is there has the caller, who never left the hold's order.
    (bilal,) = await centre.duty("bilal")
    await talk(call, await (await bilal.next_call()).wait("confirmed"))
    await call.hangup()
    story = await centre.story()
    assert kinds(story).count("ContactQueued") == 1 and kinds(story).count("ContactConnected") == 1


async def test_a_caller_who_hangs_up_ends_the_call_outside(centre: Centre) -> None:
    call, _, far = await rung(centre)
    await call.hangup()
    await far.wait("disconnected", 10)
    story = await centre.story()
    assert body(story, "OfferEnded")["outcome"] == "caller_gone"
    assert body(story, "ContactEnded")["outcome"] == "abandoned_ringing"
    await centre.until_agent("anna", status="ready", state="idle")


async def test_a_number_outside_rings_among_several(centre: Centre) -> None:
    (bilal,) = await centre.duty("bilal")
    await bilal.set_policy("manual")
    call, _, far = await rung(centre, "5002")
    at_bilal = await (await bilal.next_call()).wait("early")
    await far.dtmf("2")
    failed = await centre.until_fact("LegEnded", agent="anna")
    assert failed.body["outcome"] == "not_accepted" and at_bilal.state == "early"
    await at_bilal.answer()
    await talk(call, at_bilal)
    await call.hangup()


async def test_a_talk_outside_is_recorded_as_the_agents(centre: Centre) -> None:
    inbox = centre.stack.asterisk.recordings
    for path in inbox.glob("*"):
        path.unlink()
    call, _, far = await rung(centre, "5002")
    await far.dtmf("1")
    await talk(call, far)
    await asyncio.sleep(1.5)  # the length of the recording, measured below
    await call.hangup()
    await far.wait("disconnected")
    (done,) = await centre.until(lambda: list(inbox.glob("*.done")), "the recording to be whole")
    await centre.until(lambda: len(done.read_text().split()) == 5, "what the recording says of itself")
    one = recorded(done)
    assert one.endpoint == "@anna"
    assert one.agent.has_only(AGENT_HZ, at=one.seconds / 2) and one.caller.has_only(CALLER_HZ, at=one.seconds / 2)
    assert "Unknown or unavailable item" not in centre.stack.asterisk.log.read_text()


async def test_the_pbx_has_the_last_word_and_the_agent_is_tried_again(centre: Centre) -> None:
    files = Files.of(centre)
    files.write((f'remote_number = "{OUTSIDE}"', f'remote_number = "{UNLISTED}"'))
    await files.reload("taken")
    try:
        await centre.until(lambda: centre.now("anna")["handset"] == "free", "the number outside to count as free")
        centre.act("anna", "sign-in")
        call = await centre.dial("5001")
        ended = await centre.until_fact("OfferEnded", agent="anna")
        assert ended.body["outcome"] == "unregistered"
        # No state of a handset tells of the number: the time does.
        assert (await centre.until_fact("AgentNotReady", agent="anna")).body["until"]
        await hears_music(call)
        await call.hangup()
    finally:
        files.write()
        await files.reload("taken")


async def test_a_supervisor_listens_to_an_agent_outside_and_takes_the_caller_over(centre: Centre) -> None:
    bilal = await centre.handset("bilal", tone_hz=AGENT_HZ)
    call, _, far = await rung(centre)
    await far.dtmf("1")
    await talk(call, far)
    centre.act("bilal", "sign-in")
    at_boss = await (await bilal.dial("*32anna")).wait("confirmed")
    await at_boss.play(1700)
    await asyncio.gather(at_boss.hears(CALLER_HZ), at_boss.hears(AGENT_HZ), far.hears(1700))
    assert not (await call.listen()).has(1700)
    await at_boss.dtmf("7")
    await far.wait("disconnected")
    await asyncio.gather(call.hears_only(1700), at_boss.hears_only(CALLER_HZ))
    await at_boss.hangup()
    story = await centre.story()
    assert [(one.body["agent"], one.body["by"]) for one in story if one.kind == "TalkEnded"] == [
        ("anna", "supervisor"),
        ("bilal", "agent"),
    ]
