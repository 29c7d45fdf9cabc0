"""Nothing lasts for ever: a wait, a talk, a dead handset, a menu whose contactd is frozen."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.system.centre import Centre
from tests.system.telling import about, body, hears_music, kinds, talk


@pytest.fixture(scope="module")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Five seconds of waiting, four of talking, three of silence, six in the menu."""
    limits = {
        "CONTACTD_MAX_WAIT=7200": "CONTACTD_MAX_WAIT=5",
        "CONTACTD_MAX_TALK=14400": "CONTACTD_MAX_TALK=4",
        "CONTACTD_MAX_MENU=300": "CONTACTD_MAX_MENU=6",
        "rtp_timeout=20": "rtp_timeout=2",
    }
    folder = tmp_path_factory.mktemp("strict")
    async with Centre(folder, agents=2, queues={"sales": (5, 1)}, substitutions=limits) as centre:
        yield centre


@pytest.fixture
async def centre(strict: Centre) -> AsyncIterator[Centre]:
    await strict.clear()
    yield strict
    await strict.clear()


async def test_a_waiting_caller_is_sent_away_in_the_end(centre: Centre) -> None:
    call = await centre.dial("5001")
    await hears_music(call)
    await call.wait("disconnected", 8)
    assert about(call.times["disconnected"] - call.times["confirmed"], 5, 1.1)
    story = await centre.story()
    assert kinds(story) == ["ContactArrived", "ContactQueued", "ContactEnded"]
    assert body(story, "ContactEnded")["outcome"] == "timed_out"


async def test_a_talk_ends_in_the_end(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    await at_anna.wait("disconnected", 6)
    await call.wait("disconnected", 2)
    assert about(at_anna.times["disconnected"] - at_anna.times["confirmed"], 4, 0.7)
    story = await centre.story()
    assert kinds(story)[-3:] == ["ContactConnected", "TalkEnded", "ContactEnded"]
    assert body(story, "ContactEnded")["outcome"] == "handled"
    await centre.until_agent("anna", status="ready", state="idle", handset="free")


async def test_dead_audio_ends_the_talk(centre: Centre) -> None:
    """The handset lost its network: no BYE will ever come."""
    (bilal,) = await centre.duty("bilal")
    call = await centre.dial("5001")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await talk(call, at_bilal)
    try:
        at_bilal.crash()
        await call.wait("disconnected", 5)
        # Before the talk's own limit.
        assert call.times["disconnected"] - at_bilal.times["confirmed"] < 3.9
        story = await centre.story()
        assert body(story, "TalkEnded")["by"] == "agent"
    finally:
        at_bilal.thaw()


async def test_who_hears_the_menu_for_too_long_waits_in_the_end_and_is_the_same_contact(centre: Centre) -> None:
    call = await centre.dial("5000")
    await hears_music(call)
    queued = await centre.until_fact("ContactQueued")
    await call.hangup()
    story = await centre.story()
    assert kinds(story) == ["ContactArrived", "ContactQueued", "ContactEnded"]
    assert about(queued.at - story[0].at, 6) and queued.body["queue"] == "sales"


async def test_a_frozen_contactd_keeps_nobody_in_the_menu(centre: Centre) -> None:
    """Its sockets are open and say nothing: only the dialplan's own clock frees the caller."""
    call = await centre.dial("5000")
    assert await call.tone() > 0
    centre.stack.daemon.pause()
    try:
        await hears_music(call)
    finally:
        centre.stack.daemon.cont()
    queued = await centre.until_fact("ContactQueued")
    assert queued.body["queue"] == "sales"
