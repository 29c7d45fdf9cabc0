"""The echo line: a caller's audio to contactd and back, on a real Asterisk."""

from __future__ import annotations

import asyncio
import re
from uuid import UUID

from contactd.config import load
from contactd.protocols import audiosocket as wire
from tests.lab.stack import ECHO
from tests.system.centre import CALLER_HZ, Centre
from tests.system.telling import about, body, kinds, transferred


def metric(centre: Centre, line: str) -> float:
    found = re.search(rf"^{re.escape(line)} (\S+)$", centre.stack.daemon.metrics(), re.MULTILINE)
    return float(found[1]) if found else 0.0


async def variable(centre: Centre, name: str) -> str:
    """Of the only call's channel."""
    cli = centre.stack.asterisk.cli
    (channel,) = re.findall(r"^(PJSIP/\S+?)!", await asyncio.to_thread(cli, "core show channels concise"), re.MULTILINE)
    shown = await asyncio.to_thread(cli, f"core show channel {channel}")
    found = re.search(rf"^{name}=(.*)$", shown, re.MULTILINE)
    assert found, shown
    return found[1]


async def test_callers_hear_themselves_and_are_no_contact(centre: Centre) -> None:
    call = await centre.dial(ECHO)
    await call.hears_only(CALLER_HZ)
    assert metric(centre, "contactd_audio_sessions") == 1
    assert await variable(centre, "CONTACTD_CALL") == ""  # so events and comparisons pass it over
    for hz in (660, 0, 880, CALLER_HZ):
        await call.play(hz)
        await call.hears_only(hz) if hz else await call.hears(0)
    assert centre.contacts() == []
    await call.hangup()
    await centre.until(lambda: metric(centre, "contactd_audio_sessions") == 0, "the session to end")
    assert metric(centre, "contactd_audio_failures_total") == 0
    # A real contact afterwards: what the journal has of the echo call would stand before it.
    real = await centre.dial("5001")
    await real.hangup()
    (contact,) = await centre.until_ended(1)
    assert {fact.body["contact"] for fact in centre.facts("contact IS NOT NULL")} == {contact}


async def test_a_uuid_that_was_used_opens_no_second_connection(centre: Centre) -> None:
    call = await centre.dial(ECHO)
    await call.hears(CALLER_HZ)
    used = UUID(await variable(centre, "CONTACTD_AUDIO"))
    before = metric(centre, 'contactd_audio_refused_total{reason="token"}')
    settings = load(centre.stack.daemon.config)
    assert await variable(centre, "CONTACTD_AUDIO_AT") == f"127.0.0.1:{settings.audiosocket.port}"
    reader, writer = await asyncio.open_connection(settings.audiosocket.listen, settings.audiosocket.port)
    writer.write(wire.encode(wire.UUID, used.bytes))
    try:
        assert await reader.read() == b""
    except ConnectionError:
        pass
    finally:
        writer.close()
    await centre.until(
        lambda: metric(centre, 'contactd_audio_refused_total{reason="token"}') == before + 1, "the refusal to be told"
    )
    await call.hears_only(CALLER_HZ)  # who was first is not disturbed
    await call.hangup()


async def test_an_agent_tries_the_headset_without_being_signed_in(centre: Centre) -> None:
    handset = await centre.handset("bilal", tone_hz=1200)
    if not handset.registered:
        await handset.register()
    call = await handset.dial(ECHO)
    await call.wait("confirmed")
    await call.play(1200)
    await call.hears_only(1200)
    await call.hangup()


async def test_a_caller_whom_an_agent_sends_to_the_echo_line_stays_a_contact_to_the_end(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await at_anna.blind_transfer(ECHO)
    await transferred(at_anna)
    await call.hears_only(CALLER_HZ)
    await centre.until_agent("anna", state="idle", status="ready")
    assert [contact["state"] for contact in centre.contacts()] == ["released"]
    await call.hangup()
    story = await centre.story()
    assert kinds(story)[-2:] == ["TalkEnded", "ContactEnded"]
    ended = body(story, "ContactEnded")
    assert (ended["outcome"], ended["seen_late"]) == ("handled", False)
    assert about(ended["lasted_s"], call.times["disconnected"] - call.times["invite"])


async def test_an_echo_call_is_ended_after_its_time(centre: Centre) -> None:
    cli = centre.stack.asterisk.cli
    usual = re.findall(r"CONTACTD_MAX_AUDIO=(\d+)", await asyncio.to_thread(cli, "dialplan show globals"))
    assert usual == ["300"]
    await asyncio.to_thread(cli, "dialplan set global CONTACTD_MAX_AUDIO 2")
    try:
        call = await centre.dial(ECHO)
        await call.hears_only(CALLER_HZ)
        await call.wait("disconnected", 6)
        assert 1 < call.times["disconnected"] - call.times["confirmed"] < 4
    finally:
        await asyncio.to_thread(cli, "dialplan set global CONTACTD_MAX_AUDIO 300")
