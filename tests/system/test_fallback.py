"""Nobody steers: the static queue takes the callers, and gives them back in their old order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from contactd.pbx.steering import RETURN_KEY
from tests.lab.phones import Call, Handset
from tests.lab.stack import ECHO
from tests.system.centre import AGENT_HZ, Centre
from tests.system.manager import Manager
from tests.system.telling import body, hears_music, kinds, talk

LATE_S, PATIENCE_S = 5, 2


@pytest.fixture(scope="module")
async def impatient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    short = {
        "CONTACTD_LATE=10": f"CONTACTD_LATE={LATE_S}",
        "CONTACTD_PATIENCE=60": f"CONTACTD_PATIENCE={PATIENCE_S}",
        "retry = 3": "retry = 1",
        "wrapuptime = 5": "wrapuptime = 0",
    }
    folder = tmp_path_factory.mktemp("impatient")
    async with Centre(folder, agents=3, queues={"sales": (5, 0)}, substitutions=short) as centre:
        yield centre


@pytest.fixture
async def centre(impatient: Centre) -> AsyncIterator[Centre]:
    await impatient.clear()
    for handset in impatient.handsets.values():
        if handset.registered:
            await handset.unregister()  # or the static queue rings it
    yield impatient
    await impatient.clear()


def in_static_queue(centre: Centre) -> int:
    shown = centre.stack.asterisk.cli("core show channels concise")
    return sum("!contactd-fallback!" in line for line in shown.splitlines())


def is_up(centre: Centre, handset_number: str) -> int:
    shown = centre.stack.asterisk.cli("core show channels concise")
    return sum(line.startswith(f"PJSIP/{handset_number}-") for line in shown.splitlines())


def caller_channel(centre: Centre) -> str:
    """Of the only call."""
    (line,) = centre.stack.asterisk.cli("core show channels concise").splitlines()
    return line.partition("!")[0]


async def at_the_desk(centre: Centre, agent: str) -> Handset:
    """A registered handset whose agent is signed in nowhere; the static queue rings it all the same."""
    handset = await centre.handset(agent, tone_hz=AGENT_HZ)
    if not handset.registered:
        await handset.register()
    return handset


async def waiting(centre: Centre, count: int) -> tuple[list[Call], list[str]]:
    """So many callers, in order, with the ids of their contacts."""
    calls = []
    for number in range(1, count + 1):
        calls.append(await centre.dial("5001"))
        await centre.until_queued(number)
    return calls, await centre.until_queued(count)


async def serve_in_order(centre: Centre, agent: str, calls: list[Call], order: list[str]) -> None:
    """The agent answers one after the other, and it is the right one each time."""
    handset = centre.handsets[agent]
    for caller, contact in zip(calls, order, strict=True):
        at_agent = await (await handset.next_call()).wait("confirmed")
        await talk(caller, at_agent)
        assert (await centre.until_fact("ContactConnected", contact=contact)).body["agent"] == agent
        await at_agent.hangup()


async def test_a_dead_contactd_s_callers_are_served_by_the_static_queue_and_return_in_order(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    talking = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    calls, order = await waiting(centre, 4)
    centre.stack.daemon.kill()
    bilal = await at_the_desk(centre, "bilal")
    # Held in music until the patience is over, then bilal's handset rings, signed in or not.
    at_bilal = await bilal.next_call(LATE_S + PATIENCE_S + 4)
    assert at_bilal.times["invite"] - calls[-1].times["confirmed"] > PATIENCE_S
    await talk(calls[0], await at_bilal.wait("confirmed"))
    await centre.until(lambda: in_static_queue(centre) == 4, "four callers in the static queue")
    # Who talked goes on talking.
    await talk(talking, at_anna)
    # A caller who comes now waits in the hold first; the menu is not asked.
    late = await centre.dial("5000")
    await hears_music(late)
    await asyncio.to_thread(centre.stack.daemon.start)
    # Whom the static queue connected is adopted as connected.
    adopted = await centre.until_fact("ContactConnected", contact=order[0])
    assert adopted.body | {"agent": "bilal", "offer": None, "seen_late": True} == dict(adopted.body)
    await talk(calls[0], at_bilal)
    await talk(talking, at_anna)
    everybody = await centre.until_queued(4)
    assert everybody[:3] == order[1:]
    assert in_static_queue(centre) == 1  # whom bilal talks to
    await centre.duty("carla")
    await serve_in_order(centre, "carla", [*calls[1:], late], everybody)
    await at_bilal.hangup()
    await at_anna.hangup()
    stories = await centre.until_ended(6)
    assert {story[-1].body["outcome"] for story in stories.values()} == {"handled"}
    assert all(story[-2].kind == "TalkEnded" for story in stories.values())


async def test_a_frozen_contactd_is_as_gone_as_a_dead_one(centre: Centre) -> None:
    calls, order = await waiting(centre, 3)
    bilal = await at_the_desk(centre, "bilal")
    await bilal.set_policy("manual")
    await centre.until_agent("bilal", handset="free")
    centre.stack.daemon.pause()
    try:
        rung = await bilal.next_call(LATE_S + PATIENCE_S + 4)
        await centre.until(lambda: in_static_queue(centre) == 3, "all callers in the static queue")
    finally:
        centre.stack.daemon.cont()
    # contactd fetches them back; the handset that the static queue rang is silent before anybody else rings.
    await rung.wait("disconnected", 5)
    assert await centre.until_queued(3) == order
    assert in_static_queue(centre) == 0
    assert is_up(centre, "1002") == 0
    for contact in order:
        # The floor knows first, the journal some milliseconds later.
        await centre.until(
            lambda contact=contact: (
                kinds(centre.stories()[contact])
                in (
                    ["ContactArrived", "ContactQueued", "ContactFellBack", "ContactHeld"],
                    ["ContactArrived", "ContactQueued", "ContactFellBack", "ContactQueued"],
                )
            ),
            "the story of the way back",
        )
    await bilal.set_policy("auto")
    centre.act("bilal", "sign-in")
    await serve_in_order(centre, "bilal", calls, order)
    await centre.until_ended(3)


async def test_who_was_served_while_contactd_was_dead_has_not_abandoned(centre: Centre) -> None:
    """Nobody could tell: the call came and went between two lives."""
    calls, _ = await waiting(centre, 1)
    centre.stack.daemon.kill()
    bilal = await at_the_desk(centre, "bilal")
    at_bilal = await (await bilal.next_call(LATE_S + PATIENCE_S + 4)).wait("confirmed")
    await talk(calls[0], at_bilal)
    await at_bilal.hangup()
    await calls[0].wait("disconnected")
    await asyncio.to_thread(centre.stack.daemon.start)
    ended = body(await centre.story(), "ContactEnded")
    assert (ended["outcome"], ended["seen_late"]) == ("unseen", True)


async def test_whom_the_static_queue_has_just_connected_is_not_fetched_back(centre: Centre) -> None:
    """contactd's wish and the answer may cross: only the queue itself knows who still waits."""
    calls, _ = await waiting(centre, 2)
    centre.stack.daemon.kill()
    bilal = await at_the_desk(centre, "bilal")
    at_bilal = await (await bilal.next_call(LATE_S + PATIENCE_S + 4)).wait("confirmed")
    await centre.until(lambda: in_static_queue(centre) == 2, "both callers in the static queue")
    manager = await Manager.login(centre.stack.asterisk)
    for line in centre.stack.asterisk.cli("core show channels concise").splitlines():
        if "!contactd-fallback!" in line:
            answer = await manager.ask("PlayDTMF", Channel=line.partition("!")[0], Digit=RETURN_KEY, Receive="1")
            assert "Response: Success" in answer
    await centre.until(lambda: in_static_queue(centre) == 1, "who waits to be back in the hold")
    await talk(calls[0], at_bilal)
    await hears_music(calls[1])
    await asyncio.to_thread(centre.stack.daemon.start)
    assert (await centre.until_fact("ContactConnected")).body["agent"] == "bilal"
    await talk(calls[0], at_bilal)


async def test_an_echo_call_is_sent_away_while_contactd_is(centre: Centre) -> None:
    """There is nothing to hear, and nobody is there who should be helped."""
    centre.stack.daemon.kill()
    held = await centre.dial("5001")

    def away() -> bool:
        return "CONTACTD_AWAY=1" in centre.stack.asterisk.cli(f"core show channel {caller_channel(centre)}")

    await centre.until(away, "the dialplan to take contactd for gone", LATE_S + 12)
    call = await centre.dial(ECHO)
    assert await call.tone() > 0, "nothing was said"
    await call.wait("disconnected", 8)
    assert held.state == "confirmed"
    await asyncio.to_thread(centre.stack.daemon.start)
    (adopted,) = await centre.until_queued(1)
    # The floor knows first, the journal some milliseconds later.
    await centre.until_fact("ContactAdopted", contact=adopted)
    assert {fact.body["contact"] for fact in centre.facts("contact IS NOT NULL")} == {adopted}
    await held.hangup()


async def test_the_returning_contactd_rings_a_signed_in_agent_once_and_for_the_oldest(centre: Centre) -> None:
    """The static queue rings Anna for the first caller in the moment when contactd is back, and Anna is signed in."""
    (anna,) = await centre.duty("anna")
    await anna.set_policy("manual")
    bilal = await at_the_desk(centre, "bilal")
    private_call = await (await anna.dial("1002")).wait("confirmed")  # contactd and the static queue let them talk
    await centre.until_agent("anna", handset="in_use")
    calls, order = await waiting(centre, 3)
    centre.stack.daemon.kill()
    await centre.until(lambda: in_static_queue(centre) == 3, "all callers in the static queue")
    await bilal.unregister()
    await private_call.hangup()
    rung = await anna.next_call()
    await asyncio.to_thread(centre.stack.daemon.start)
    await rung.wait("disconnected")
    again = await anna.next_call()
    assert is_up(centre, "1001") == 1
    assert (await centre.until_fact("ContactOffered")).body["contact"] == order[0]
    await again.answer()
    await talk(calls[0], again)
    await anna.set_policy("auto")
    await again.hangup()
    await serve_in_order(centre, "anna", calls[1:], order[1:])
