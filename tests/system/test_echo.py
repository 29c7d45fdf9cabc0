"""The echo line: a caller's audio to contactd and back, on a real Asterisk."""

from __future__ import annotations

import asyncio
import re
from uuid import UUID

from contactd.config import load
from contactd.protocols import audiosocket as wire
from tests.lab.stack import ECHO
from tests.system.centre import CALLER_HZ, Centre


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
    await asyncio.sleep(3)  # longer than Asterisk waits for a frame, and than a comparison takes
    await call.hears_only(CALLER_HZ)
    await call.play(660)
    await call.hears_only(660)
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
