"""Hot desking on real handsets: Anna has one of her own, Bilal and Carla sign in at a desk by number and PIN."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.lab.phones import Handset
from tests.system.centre import AGENT_HZ, Centre
from tests.system.telling import kinds, talk

NUMBERS = {"bilal": "42", "carla": "43"}
DESK, OTHER_DESK = "bilal", "carla"
"""Phones, by the names under which the lab knows their accounts 1002 and 1003."""


@pytest.fixture(scope="module")
async def desks(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder = tmp_path_factory.mktemp("desks")
    async with Centre(folder, agents=3, queues={"sales": (5, 0), "support": (5, 1)}, compare_s=5) as centre:
        daemon = centre.stack.daemon
        toml = daemon.config.read_text()
        for number, (agent, dialled) in enumerate(NUMBERS.items(), 1002):
            toml = toml.replace(f'[agents.{agent}]\nendpoint = "{number}"', f'[agents.{agent}]\nnumber = "{dialled}"')
        daemon.write(toml + '\n[handsets]\nshared = ["1002", "1?03"]\n[sign_in]\nhandset_tries = 3\nlock_s = 30\n')
        daemon.hup()
        await centre.until(lambda: "configuration_loaded" in daemon.log.read_text(), "the desks")
        for phone in ("anna", DESK, OTHER_DESK):
            await centre.handset(phone, tone_hz=AGENT_HZ)
        yield centre


@pytest.fixture
async def centre(desks: Centre) -> AsyncIterator[Centre]:
    await desks.clear()
    yield desks
    await desks.clear()


async def sit(
    centre: Centre, agent: str, phone: str, pin: str | None = None, *, then: str = "AgentSignedIn"
) -> Handset:
    """Sign in at somebody's phone by number and PIN, and hang up when this is what came of it."""
    handset, before = centre.handsets[phone], len(centre.facts(f"kind = '{then}'"))
    call = await (await handset.dial("*45")).wait("confirmed")
    await call.dtmf(NUMBERS[agent] + "#")
    assert await call.tone() > 0, "the PIN was not asked for"
    await call.dtmf((pin or centre.person(agent).pin) + "#")
    await centre.until(lambda: len(centre.facts(f"kind = '{then}'")) > before, f"{agent} at {phone}: {then}")
    await call.hangup()
    return handset


async def test_an_agent_signs_in_at_a_desk_and_is_rung_there_and_at_the_next_one(centre: Centre) -> None:
    desk = await sit(centre, "bilal", DESK)
    await centre.until_agent("bilal", status="ready", handset="free")
    assert (await centre.until_fact("AgentSignedIn", agent="bilal")).body["endpoint"] == "1002"
    first = await centre.dial()
    await talk(first, await (await desk.next_call()).wait("confirmed"))
    await first.hangup()
    other = await sit(centre, "bilal", OTHER_DESK)
    await centre.until_agent("bilal", status="ready", handset="free")
    assert centre.now("bilal")["endpoint"] == centre.now("bilal")["desk"] == "1003"
    second = await centre.dial()
    await talk(second, await (await other.next_call()).wait("confirmed"))
    await second.hangup()
    stories = await centre.until_ended(2)
    assert all("ContactConnected" in kinds(story) for story in stories.values())
    await centre.code(OTHER_DESK, "*47", "1")
    assert (await centre.until_agent("bilal", status="not_ready"))["reason"] == "break"
    await centre.code(OTHER_DESK, "*46")
    await centre.until_agent("bilal", status="signed_out")
    assert centre.now("bilal")["endpoint"] == ""


async def test_the_next_agent_takes_the_desk_of_one_who_is_idle_and_not_of_one_who_talks(centre: Centre) -> None:
    desk = await sit(centre, "bilal", DESK)
    await sit(centre, "carla", DESK)
    taken = await centre.until_fact("AgentSignedOut", agent="bilal")
    assert (taken.body["by"], taken.body["why"]) == ("system", "desk_taken")
    await centre.until_agent("carla", status="ready", handset="free")
    call = await centre.dial()
    at_carla = await (await desk.next_call()).wait("confirmed")
    await talk(call, at_carla)
    await sit(centre, "bilal", DESK, then="SignInRefused")
    refused = await centre.until_fact("SignInRefused", agent="bilal")
    assert refused.body["reason"] == "occupied"
    await sit(centre, "carla", OTHER_DESK, then="SignInRefused")
    assert (await centre.until_fact("SignInRefused", agent="carla")).body["reason"] == "talking"
    await talk(call, at_carla)
    await call.hangup()


async def test_guessing_number_after_number_locks_the_handset_for_a_while(centre: Centre) -> None:
    for agent, pin in (("bilal", "00000000"), ("carla", "00000000"), ("bilal", "11111111")):
        await sit(centre, agent, OTHER_DESK, pin, then="HandsetRefused")
    locked = await centre.until_fact("HandsetRefused", endpoint="1003", failures=3)
    assert 29 < locked.body["locked_until"] - locked.at < 31
    assert "handset_locked" in centre.stack.daemon.log.read_text()
    await sit(centre, "carla", OTHER_DESK, then="HandsetRefused")
    assert centre.last_of("HandsetRefused", reason="locked"), "a right PIN is refused as well"
    await sit(centre, "bilal", DESK)
    await centre.until_agent("bilal", status="ready")


async def test_a_handset_that_is_no_desk_takes_its_own_agent_only(centre: Centre) -> None:
    call = await (await centre.handsets["anna"].dial("*45")).wait("confirmed")
    await call.dtmf(NUMBERS["bilal"] + "#")
    await centre.until_fact("AgentRefused", agent="anna")
    await call.hangup()
    assert centre.agent("bilal")["status"] == "signed_out"
    await centre.code("anna", "*45", centre.person("anna").pin + "#")
    await centre.until_agent("anna", status="ready", handset="free")
    assert centre.now("anna")["desk"] == ""


async def test_a_seat_outlives_contactd_and_the_pbx(centre: Centre) -> None:
    desk = await sit(centre, "bilal", DESK)
    await centre.until_agent("bilal", status="ready", handset="free")
    daemon = centre.stack.daemon
    await asyncio.to_thread(daemon.kill)
    await asyncio.to_thread(daemon.start)
    assert centre.now("bilal")["endpoint"] == "1002"
    steered = len(centre.facts("kind = 'PbxSteered'"))
    call = await centre.dial()
    await talk(call, await (await desk.next_call()).wait("confirmed"))
    await call.hangup()
    await centre.until_ended(1)

    await asyncio.to_thread(centre.stack.asterisk.kill)
    await centre.until_fact("PbxLost")
    await asyncio.to_thread(centre.stack.asterisk.start)
    await centre.until(lambda: len(centre.facts("kind = 'PbxSteered'")) > steered, "the PBX to be steered", 60)
    await desk.register()
    await centre.until_agent("bilal", timeout_s=30, status="ready", handset="free")
    call = await centre.dial()
    await talk(call, await (await desk.next_call()).wait("confirmed"))
    await call.hangup()
    await centre.until_ended(2)
