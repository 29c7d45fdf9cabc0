"""One offer rings several handsets: the first who answers has the caller, the others stop, and nobody is to blame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.lab.phones import Call, Handset
from tests.system.centre import Centre, Fact
from tests.system.telling import about, body, hears_music, kinds, talk


@pytest.fixture(scope="module")
async def ringing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Sales rings all; support rings all as well, and who lets it ring is not ready."""
    rings = 'strategy = "ring_all"\n'
    keys = {"sales": rings, "support": f"{rings}ring_all_not_ready = true\n"}
    queues = {"sales": (10, 0), "support": (5, 0)}
    async with Centre(tmp_path_factory.mktemp("ring-all"), agents=3, queues=queues, keys=keys) as centre:
        yield centre


@pytest.fixture
async def centre(ringing: Centre) -> AsyncIterator[Centre]:
    yield ringing
    await ringing.clear()


async def rung(centre: Centre, line: str = "5001") -> tuple[Call, list[Handset], list[Call]]:
    """A caller, and the handsets of all three, which ring."""
    handsets = await centre.duty("anna", "bilal", "carla")
    for handset in handsets:
        await handset.set_policy("manual")
    call = await centre.dial(line)
    rings = [await (await handset.next_call()).wait("early") for handset in handsets]
    return call, handsets, rings


def legs(facts: Sequence[Fact]) -> dict[str, str]:
    """How each agent's ring ended, but for the winner's."""
    return {fact.body["agent"]: fact.body["outcome"] for fact in facts if fact.kind in ("LegEnded", "OfferEnded")}


async def all_ready(centre: Centre, *agents: str) -> None:
    for agent in agents:
        await centre.until_agent(agent, status="ready", state="idle", handset="free")


async def test_the_first_who_answers_has_the_caller_and_the_others_stop(centre: Centre) -> None:
    call, _, (anna, bilal, carla) = await rung(centre)
    await hears_music(call)
    await bilal.answer()
    await talk(call, bilal)
    for other in (anna, carla):
        await other.wait("disconnected", 3)
    await all_ready(centre, "anna", "carla")
    await call.hangup()
    story = await centre.story()
    assert kinds(story) == [
        *("ContactArrived", "ContactQueued", "ContactOffered", "LegOffered", "LegOffered"),
        *("LegEnded", "LegEnded", "ContactConnected", "TalkEnded", "ContactEnded"),
    ]
    assert legs(story) == {"anna": "answered_elsewhere", "carla": "answered_elsewhere"}
    assert body(story, "ContactConnected")["agent"] == "bilal"
    told = centre.stack.daemon.ctl("explain", body(story, "ContactArrived")["contact"]).stdout
    assert "rings at bilal as well" in told and "the offer to anna was answered by another" in told


async def test_of_two_who_answer_in_the_same_moment_one_has_the_caller(centre: Centre) -> None:
    anna, bilal = await centre.duty("anna", "bilal")
    for _ in range(4):
        call = await centre.dial("5001")
        at = [await handset.next_call() for handset in (anna, bilal)]
        connected = await centre.until_fact("ContactConnected")
        winner = at[("anna", "bilal").index(connected.body["agent"])]
        await talk(call, winner)
        await at[at.index(winner) - 1].wait("disconnected", 3)
        await call.hangup()
        await centre.clear()
        await centre.duty("anna", "bilal")
    assert not centre.last_of("ContactConnected")


async def test_one_who_declines_stops_nobody(centre: Centre) -> None:
    call, _, (anna, bilal, carla) = await rung(centre)
    await anna.hangup(603)
    declined = await centre.until_fact("LegEnded", agent="anna")
    assert (declined.body["outcome"], declined.body["cause"]) == ("declined", 21)
    await centre.until_agent("anna", status="not_ready", reason="declined", state="idle")
    await bilal.hangup(486)
    await centre.until_agent("bilal", status="not_ready", reason="busy", state="idle")
    assert carla.state == "early"
    await carla.answer()
    await talk(call, carla)
    assert legs(centre.facts()) == {"anna": "declined", "bilal": "busy"}


async def test_nobody_answers_and_all_ring_again_at_the_old_place(centre: Centre) -> None:
    call, handsets, rings = await rung(centre)
    for ring in rings:
        await ring.wait("disconnected", 13)
        assert about(ring.times["disconnected"] - ring.times["invite"], 10, 1.5)
    again = [await (await handset.next_call()).wait("early") for handset in handsets]
    facts = centre.facts()
    assert legs(facts) == dict.fromkeys(("anna", "bilal", "carla"), "rona")
    assert not [fact for fact in facts if fact.kind == "AgentNotReady"]
    await again[2].answer()
    await talk(call, again[2])
    queued = next(fact for fact in facts if fact.kind == "ContactQueued")
    connected = await centre.until_fact("ContactConnected")
    assert about(connected.body["waited_s"], connected.at - queued.body["queued_at"], 0.1)


async def test_a_queue_may_take_who_lets_it_ring_for_not_ready(centre: Centre) -> None:
    _, _, rings = await rung(centre, "5002")
    for ring in rings:
        await ring.wait("disconnected", 8)
    for agent in ("anna", "bilal", "carla"):
        await centre.until_agent(agent, status="not_ready", reason="rona", state="idle")
    await centre.until_queued(1)


async def test_a_caller_who_hangs_up_stops_all_of_them(centre: Centre) -> None:
    call, _, rings = await rung(centre)
    await call.hangup()
    for ring in rings:
        await ring.wait("disconnected", 3)
    story = await centre.story()
    assert legs(story) == dict.fromkeys(("anna", "bilal", "carla"), "caller_gone")
    assert body(story, "ContactEnded")["outcome"] == "abandoned_ringing"
    await all_ready(centre, "anna", "bilal", "carla")


async def test_an_agent_who_answers_and_hangs_up_at_once_gives_the_caller_back(centre: Centre) -> None:
    call, handsets, (anna, _, _) = await rung(centre)
    await anna.answer()
    await anna.hangup()
    again = [await (await handset.next_call()).wait("early") for handset in handsets[1:]]
    await again[0].answer()
    await talk(call, again[0])
    story = centre.stories()[(await centre.until_fact("ContactConnected", agent="bilal")).body["contact"]]
    queued = [fact.body["queued_at"] for fact in story if fact.kind == "ContactQueued"]
    assert len(set(queued)) == 1


async def test_a_handset_that_is_gone_stops_nobody(centre: Centre) -> None:
    call, handsets, (anna, _, _) = await rung(centre)
    await handsets[1].unregister()
    await anna.answer()
    await talk(call, anna)
    assert legs(centre.facts())["carla"] == "answered_elsewhere"
    await handsets[1].register()


async def test_whom_a_supervisor_signs_out_rings_no_more_and_the_others_ring_again(centre: Centre) -> None:
    call, handsets, rings = await rung(centre)
    centre.act("anna", "sign-out")
    for ring in rings:
        await ring.wait("disconnected", 3)
    _, carla = [await (await handset.next_call()).wait("early") for handset in handsets[1:]]
    await carla.answer()
    await talk(call, carla)
    await centre.until_agent("anna", status="signed_out", state="idle")
    assert len([fact for fact in centre.facts() if fact.kind == "ContactOffered"]) == 2


async def test_several_ring_on_when_contactd_is_killed_and_one_who_answers_is_found(centre: Centre) -> None:
    call, _, (anna, bilal, carla) = await rung(centre)
    await centre.until_fact("LegOffered", agent="carla")
    centre.stack.daemon.kill()
    await hears_music(call)
    await carla.answer()
    await talk(call, carla)
    for other in (anna, bilal):
        await other.wait("disconnected", 3)
    await asyncio.to_thread(centre.stack.daemon.start)
    connected = await centre.until_fact("ContactConnected", agent="carla")
    assert connected.body["seen_late"]
    assert legs(centre.facts()) == {"anna": "answered_elsewhere", "bilal": "answered_elsewhere"}
    await talk(call, carla)


async def test_several_ring_on_through_a_restart(centre: Centre) -> None:
    call, _, (anna, bilal, carla) = await rung(centre)
    await centre.until_fact("LegOffered", agent="carla")
    centre.stack.daemon.kill()
    await asyncio.to_thread(centre.stack.daemon.start)
    await anna.hangup(603)
    await centre.until_fact("LegEnded", agent="anna", outcome="declined")
    await bilal.answer()
    await talk(call, bilal)
    await carla.wait("disconnected", 3)


async def test_a_dialplan_of_before_rings_one_at_a_time(centre: Centre) -> None:
    asterisk, daemon = centre.stack.asterisk, centre.stack.daemon
    asterisk.cli("dialplan set global CONTACTD_DIALPLAN 2")
    centre.mark = 0
    daemon.kill()
    await asyncio.to_thread(daemon.start)
    await centre.until_fact("DialplanSeen", edition=2)
    anna, bilal = await centre.duty("anna", "bilal")
    await anna.set_policy("manual")
    try:
        await centre.dial("5001")
        await (await anna.next_call()).wait("early")
        assert not [call for call in bilal.calls if call.state != "disconnected"]
    finally:
        asterisk.cli("dialplan set global CONTACTD_DIALPLAN 3")
