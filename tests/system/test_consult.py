"""Attended transfers on real telephones: the agent holds the caller, asks somebody, and puts the caller through or not.

contactd compares itself with the PBX every five seconds here: whatever the two say differently would become a fact.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.lab.phones import Call, Handset, PhoneError
from tests.system.centre import AGENT_HZ, CALLER_HZ, Centre, Fact
from tests.system.telling import about, body, hears_music, kinds, talk, transferred

OUTSIDE_HZ = 1700
DIALPLAN = """
[contactd-agent-own](+)
exten => _0X.,1,Dial(PJSIP/anonymous/sip:${EXTEN:1}@${OUTSIDE},30)
"""
FIRST_TALK = ["ContactArrived", "ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded"]


@pytest.fixture(scope="module")
async def comparing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Sales wraps up for a second, support not at all."""
    queues = {"sales": (5, 1), "support": (5, 0)}
    folder = tmp_path_factory.mktemp("consult")
    async with Centre(
        folder, queues=queues, compare_s=5, log_level="debug", extra_conf={"extensions.conf": DIALPLAN}
    ) as centre:
        yield centre


@pytest.fixture
async def centre(comparing: Centre) -> AsyncIterator[Centre]:
    await comparing.clear()
    yield comparing
    await comparing.clear()


async def talking(centre: Centre) -> tuple[Handset, Call, Call]:
    """Anna's handset, the caller's side and hers."""
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    return anna, call, at_anna


async def consult(anna: Handset, at_anna: Call, number: str) -> Call:
    """She puts the caller on hold and dials."""
    await at_anna.hold()
    return await anna.dial(number)


async def put_through(by: Call, other: Call) -> None:
    """The handset refers one of its two calls to the other."""
    await by.attended_transfer(other)
    with contextlib.suppress(PhoneError):  # the PBX may be the first to hang up
        await transferred(by)
    await by.wait("disconnected")
    await other.wait("disconnected")


async def compared(centre: Centre) -> None:
    """Wait for contactd's next look at the PBX."""
    log = centre.stack.daemon.log
    before = log.read_text().count("pbx_compared")
    await centre.until(lambda: log.read_text().count("pbx_compared") > before, "a comparison")


async def only_story(centre: Centre, of: Call) -> list[Fact]:
    """The caller's whole story: it began once and ended once."""
    await of.wait("disconnected")
    await centre.until(lambda: not centre.contacts(), "the floor to be empty")
    arrived = centre.facts("kind = 'ContactArrived'")[0]
    story = (await centre.until_ended(1))[arrived.body["contact"]]
    assert kinds(story).count("ContactArrived") == 1 and kinds(story).count("ContactEnded") == 1
    assert kinds(story)[-1] == "ContactEnded" and kinds(story)[:5] == FIRST_TALK
    return story


def talks(story: list[Fact]) -> list[tuple[str, str]]:
    """With whom, and who ended it."""
    return [(fact.body["agent"], fact.body["by"]) for fact in story if fact.kind == "TalkEnded"]


async def test_the_caller_is_put_through_to_the_agent_who_was_asked(centre: Centre) -> None:
    anna, call, at_anna = await talking(centre)
    (bilal,) = await centre.duty("bilal")
    second = await consult(anna, at_anna, "1002")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await asyncio.gather(second.hears(AGENT_HZ), at_bilal.hears(AGENT_HZ))
    # Bilal is ready and idle, and his handset is in use: the next caller waits.
    await centre.until_agent("bilal", status="ready", state="idle", handset="in_use")
    waiting = await centre.dial("5001")
    await compared(centre)
    assert len(await centre.until_queued(1)) == 1
    await waiting.hangup()
    await put_through(at_anna, second)
    connected = await centre.until_fact("ContactConnected", agent="bilal")
    await talk(call, at_bilal)
    assert connected.body | {"offer": None, "waited_s": None, "seen_late": False} == dict(connected.body)
    ended = await centre.until_fact("TalkEnded", agent="anna")
    assert ended.body["by"] == "transfer" and about(ended.at, connected.at, 0.01)
    await centre.until_agent("anna", state="idle", status="ready", handset="free")
    await compared(centre)
    assert centre.now("bilal")["state"] == "busy"
    await at_bilal.hangup()
    story = await only_story(centre, call)
    assert kinds(story)[5:] == ["ContactConnected", "TalkEnded", "ContactEnded"]
    assert talks(story) == [("anna", "transfer"), ("bilal", "agent")]
    assert story[-1].body["outcome"] == "handled"
    assert about(story[6].body["talk_s"], at_bilal.times["disconnected"] - connected.at)
    assert about((await centre.until_fact("WrapUpEnded", agent="bilal")).at, story[6].at + 1)
    await centre.until_agent("bilal", state="idle", status="ready", handset="free")


async def test_the_handset_may_refer_the_other_call_as_well(centre: Centre) -> None:
    anna, call, at_anna = await talking(centre)
    (bilal,) = await centre.duty("bilal")
    second = await consult(anna, at_anna, "1002")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    # Asterisk transfers what is bridged: Bilal has answered some milliseconds before that.
    await asyncio.gather(second.hears(AGENT_HZ), at_bilal.hears(AGENT_HZ))
    await put_through(second, at_anna)
    await talk(call, at_bilal)
    assert not (await centre.until_fact("ContactConnected", agent="bilal")).body["seen_late"]
    await call.hangup()
    assert talks(await only_story(centre, call)) == [("anna", "transfer"), ("bilal", "caller")]


async def test_the_caller_is_put_through_while_the_other_handset_still_rings(centre: Centre) -> None:
    anna, call, at_anna = await talking(centre)
    (bilal,) = await centre.duty("bilal")
    await bilal.set_policy("manual")
    second = await (await consult(anna, at_anna, "1002")).wait("early")
    at_bilal = await bilal.next_call()
    await put_through(at_anna, second)
    ended = await centre.until_fact("TalkEnded", agent="anna")
    assert ended.body["by"] == "transfer"
    await compared(centre)
    assert centre.now("bilal")["state"] == "idle"
    await at_bilal.answer()
    await talk(call, at_bilal)
    await centre.until_agent("bilal", state="busy")
    await at_bilal.hangup()
    # It was Anna's own Dial(): when it ends the dialplan hangs the caller up, and who began that is not told.
    assert [agent for agent, _ in talks(await only_story(centre, call))] == ["anna", "bilal"]
    await centre.until_agent("bilal", state="idle", status="ready", handset="free")


async def test_the_caller_is_put_through_to_a_number_outside(centre: Centre) -> None:
    bank = await centre.phones.caller("bank", tone_hz=OUTSIDE_HZ)
    centre.stack.asterisk.cli(f"dialplan set global OUTSIDE {bank.address}")
    anna, call, at_anna = await talking(centre)
    second = await consult(anna, at_anna, "0555")
    at_bank = await (await bank.next_call()).wait("confirmed")
    await second.hears(OUTSIDE_HZ)
    await put_through(at_anna, second)
    await asyncio.gather(call.hears(OUTSIDE_HZ), at_bank.hears(CALLER_HZ))
    await centre.until_agent("anna", state="idle", status="ready", handset="free")
    await compared(centre)
    assert [contact["state"] for contact in centre.contacts()] == ["released"]
    await at_bank.hangup()
    story = await only_story(centre, call)
    assert kinds(story) == [*FIRST_TALK, "ContactEnded"] and talks(story) == [("anna", "transfer")]
    assert story[-1].body["outcome"] == "handled"


async def test_the_caller_is_put_through_into_a_line_and_keeps_the_place_that_the_agent_had(centre: Centre) -> None:
    anna, call, at_anna = await talking(centre)
    second = await (await consult(anna, at_anna, "5002")).wait("confirmed")
    own = (await centre.until_fact("ContactQueued", queue="support")).body
    behind = await centre.dial("5002")
    await centre.until_queued(2)
    await put_through(at_anna, second)
    await centre.until_fact("ContactEnded", contact=own["contact"], outcome="merged")
    await hears_music(call)
    first, _ = await centre.until_queued(2)
    queued = await centre.until_fact("ContactQueued", contact=first)
    assert (queued.body["queue"], queued.body["queued_at"]) == ("support", own["queued_at"])
    # Anna serves support as well, so she gets the caller back.
    again = await (await anna.next_call()).wait("confirmed")
    await talk(call, again)
    await compared(centre)
    await again.hangup()
    await behind.hangup()
    story = await only_story(centre, call)
    assert kinds(story)[5:] == ["ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded", "ContactEnded"]
    assert story[0].body["contact"] == first
    assert talks(story) == [("anna", "transfer"), ("anna", "agent")]
    consulted = centre.stories()[own["contact"]]
    assert kinds(consulted) == ["ContactArrived", "ContactQueued", "ContactEnded"]


async def test_the_caller_is_put_through_while_the_line_rings_an_agent(centre: Centre) -> None:
    anna, call, at_anna = await talking(centre)
    (bilal,) = await centre.duty("bilal")
    await bilal.set_policy("manual")
    second = await (await consult(anna, at_anna, "5002")).wait("confirmed")
    await bilal.next_call()
    centre.act("anna", "not-ready", "break")
    await put_through(at_anna, second)
    # The ring for Anna's own call stops, and the caller's begins.
    at_bilal = await bilal.next_call()
    await at_bilal.answer()
    await talk(call, at_bilal)
    await call.hangup()
    story = await only_story(centre, call)
    assert talks(story) == [("anna", "transfer"), ("bilal", "caller")]
    assert (await centre.until_agent("bilal", state="idle", status="ready"))["reason"] == ""


async def test_the_caller_is_put_through_to_the_agent_whom_the_line_found(centre: Centre) -> None:
    anna, call, at_anna = await talking(centre)
    (bilal,) = await centre.duty("bilal")
    second = await consult(anna, at_anna, "5002")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await asyncio.gather(second.hears(AGENT_HZ), at_bilal.hears(AGENT_HZ))
    await centre.until_agent("bilal", state="busy")
    await put_through(at_anna, second)
    await talk(call, at_bilal)
    own, theirs = [fact.body["contact"] for fact in centre.facts("kind = 'ContactArrived'")][::-1]
    connected = await centre.until_fact("ContactConnected", contact=theirs, agent="bilal")
    assert not connected.body["seen_late"]
    assert (await centre.until_fact("ContactEnded", contact=own)).body["outcome"] == "merged"
    await compared(centre)
    assert (centre.now("bilal")["state"], centre.now("bilal")["contact"]) == ("busy", theirs)
    await at_bilal.hangup()
    story = await only_story(centre, call)
    assert kinds(story)[5:] == ["ContactConnected", "TalkEnded", "ContactEnded"]
    assert talks(story) == [("anna", "transfer"), ("bilal", "agent")]


async def test_the_caller_is_put_through_into_a_menu_and_chooses(centre: Centre) -> None:
    anna, call, at_anna = await talking(centre)
    second = await (await consult(anna, at_anna, "5000")).wait("confirmed")
    assert await second.tone() > 0
    await put_through(at_anna, second)
    centre.act("anna", "not-ready", "break")
    await call.dtmf("2")
    await centre.until_queued(1)
    (bilal,) = await centre.duty("bilal")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await talk(call, at_bilal)
    await at_bilal.hangup()
    story = await only_story(centre, call)
    assert story[5].kind == "ContactQueued" and story[5].body["queue"] == "support"
    assert talks(story) == [("anna", "transfer"), ("bilal", "agent")]


@pytest.mark.parametrize("who", ["agent", "consulted"])
async def test_the_agent_returns_to_the_caller(centre: Centre, who: str) -> None:
    anna, call, at_anna = await talking(centre)
    (bilal,) = await centre.duty("bilal")
    second = await consult(anna, at_anna, "1002")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await second.hears(AGENT_HZ)
    await (second if who == "agent" else at_bilal).hangup()
    await at_bilal.wait("disconnected")
    await at_anna.unhold()
    await talk(call, at_anna)
    await centre.until_agent("bilal", state="idle", status="ready", handset="free")
    await compared(centre)
    assert centre.now("anna")["state"] == "busy"
    await at_anna.hangup()
    story = await only_story(centre, call)
    assert kinds(story) == [*FIRST_TALK, "ContactEnded"] and talks(story) == [("anna", "agent")]
    assert about(body(story, "TalkEnded")["talk_s"], at_anna.times["disconnected"] - at_anna.times["confirmed"])
    await centre.until_agent("anna", state="idle", status="ready", handset="free")


async def test_the_caller_hangs_up_while_the_agent_asks(centre: Centre) -> None:
    anna, call, at_anna = await talking(centre)
    (bilal,) = await centre.duty("bilal")
    second = await consult(anna, at_anna, "1002")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await call.hangup()
    await at_anna.wait("disconnected")
    story = await only_story(centre, call)
    assert kinds(story) == [*FIRST_TALK, "ContactEnded"] and talks(story) == [("anna", "caller")]
    # Both still talk to each other, and get nobody, wrapped up or not.
    await centre.until_agent("anna", state="idle", handset="in_use")
    waiting = await centre.dial("5001")
    await centre.until_queued(1)
    await compared(centre)
    await second.hears(AGENT_HZ)
    assert not [fact for fact in centre.facts("kind = 'ContactOffered'")[1:]]
    await at_bilal.hangup()
    await centre.until_fact("ContactOffered", contact=(await centre.until(centre.contacts, "the caller"))[0]["id"])
    await waiting.hangup()
