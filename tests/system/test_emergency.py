"""Emergency numbers go straight to the trunk, whoever is away, and help that calls back reaches the handset."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.lab.asterisk import Handset as Endpoint
from tests.lab.asterisk import handset_conf
from tests.lab.phones import Handset
from tests.system.centre import AGENT_HZ, CALLER_HZ, Centre
from tests.system.conftest import CREW
from tests.system.telling import hears_music, talk

TRUNKS = (Endpoint("trunk", "trunk-secret", "contactd-in"), Endpoint("trunk2", "trunk-secret", "contactd-in"))
MAIN = "5001"
"""The number that every handset shows in an emergency: a line of contactd's."""


@pytest.fixture(scope="module")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    given = {
        "CONTACTD_TRUNK=  ": "CONTACTD_TRUNK=trunk ;",
        "CONTACTD_TRUNK_2=  ": "CONTACTD_TRUNK_2=trunk2 ;",
        "CONTACTD_EMERGENCY_ID=  ": f"CONTACTD_EMERGENCY_ID={MAIN} ;",
        "CONTACTD_MAX_TALK=14400": "CONTACTD_MAX_TALK=2",
    }
    conf = {"pjsip.conf": "\n".join(handset_conf(trunk) for trunk in TRUNKS)}
    folder = tmp_path_factory.mktemp("emergency")
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(folder, people=CREW[:2], queues=queues, extra_conf=conf, substitutions=given) as made:
        yield made


async def help_desk(centre: Centre, name: str = "trunk") -> Handset:
    """A trunk, with help at its far end."""
    return await centre.phones.handset(name, "trunk-secret", tone_hz=CALLER_HZ)


async def test_help_is_reached_by_any_handset_with_everything_else_dead_and_calls_back(centre: Centre) -> None:
    trunk = await help_desk(centre)
    anna = await centre.handset("anna", tone_hz=AGENT_HZ)  # not signed in
    await centre.until_agent("anna", handset="free")

    # With all alive: no contact comes of it.
    call = await anna.dial("911")
    at_help = await (await trunk.next_call()).wait("confirmed")
    assert at_help.remote_number == MAIN
    await asyncio.gather(call.hears(CALLER_HZ), at_help.hears(AGENT_HZ))
    assert "PJSIP/911@trunk" in centre.stack.asterisk.cli("core show channels verbose")
    await call.hangup()
    await at_help.wait("disconnected")

    centre.stack.daemon.kill()
    await asyncio.to_thread(centre.stack.postgres.stop)
    try:
        call = await anna.dial("112")
        at_help = await (await trunk.next_call()).wait("confirmed")
        # Longer than the longest talk that contactd lets anybody have (2 s here).
        await asyncio.sleep(3)
        await asyncio.gather(call.hears(CALLER_HZ), at_help.hears(AGENT_HZ))
        await at_help.hangup()
        await call.wait("disconnected")

        # Help calls the number that it was shown.
        back = await trunk.dial(MAIN)
        at_anna = await (await anna.next_call()).wait("confirmed")
        await asyncio.gather(at_anna.hears(CALLER_HZ), back.hears(AGENT_HZ))
        await back.hangup()
        await at_anna.wait("disconnected")
    finally:
        await asyncio.to_thread(centre.stack.postgres.start)
        await asyncio.to_thread(centre.stack.daemon.start)
    assert not centre.facts("contact IS NOT NULL")


async def test_a_trunk_that_is_away_is_followed_by_the_second_one(centre: Centre) -> None:
    first = next(phone for phone in centre.phones._phones if phone.name == "trunk")
    assert isinstance(first, Handset)
    await first.unregister()
    second = await help_desk(centre, "trunk2")
    bilal = await centre.handset("bilal", tone_hz=AGENT_HZ)
    call = await bilal.dial("999")
    at_help = await (await second.next_call()).wait("confirmed")
    await asyncio.gather(call.hears(CALLER_HZ), at_help.hears(AGENT_HZ))
    await call.hangup()


async def test_who_is_not_help_is_served_like_any_other(centre: Centre) -> None:
    """Bilal's handset was the last to call for help; it is busy, and the caller of the main number is queued."""
    bilal = await centre.handset("bilal", tone_hz=AGENT_HZ)
    await bilal.set_policy("busy")
    (anna,) = await centre.duty("anna")
    await bilal.hangup_all()
    call = await centre.dial(MAIN)
    await talk(call, await (await anna.next_call()).wait("confirmed"))
    await call.hangup()
    await centre.until_ended(1)
    # After CONTACTD_CALLBACK nobody is asked any more.
    await asyncio.to_thread(centre.stack.asterisk.cli, "dialplan set global CONTACTD_CALLBACK 0")
    await bilal.set_policy("auto")
    await centre.clear()
    call = await centre.dial(MAIN)
    await hears_music(call)
    await centre.until_queued(1)
    assert "0 results found" in centre.stack.asterisk.cli("database show contactd-callback")
    await call.hangup()
