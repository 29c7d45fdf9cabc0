"""Agents at their handsets: feature codes, PINs, reasons; and the configuration that names them, loaded live."""

from __future__ import annotations

import asyncio
import time

from tests.lab.stack import Person
from tests.system.centre import AGENT_HZ, Centre
from tests.system.telling import about, kinds, talk


async def typed(centre: Centre, agent: str, code: str, digits: str = "", **then: str) -> None:
    """Dial a code; the PBX says what it thinks of it, and hangs up by itself. then: hang up when this is so."""
    handset = await centre.handset(agent, tone_hz=AGENT_HZ)
    if not handset.registered:
        await handset.register()
    call = await handset.dial(code)
    await call.wait("confirmed")
    if digits:
        await call.dtmf(digits)
    assert await call.tone() > 0, "no prompt was heard"
    if then:
        await centre.until_agent(agent, **then)
        await call.hangup()
    await call.wait("disconnected", 15)


async def test_an_agent_signs_in_pauses_returns_and_signs_out_by_feature_codes(centre: Centre) -> None:
    pin = centre.person("carla").pin
    await typed(centre, "carla", "*45", pin + "#")
    await centre.until_agent("carla", status="ready", handset="free")
    await typed(centre, "carla", "*47", "1", status="not_ready", reason="break")
    call = await centre.dial("5002")
    await centre.until_queued(1)
    await typed(centre, "carla", "*48", status="ready")
    handset = centre.handsets["carla"]
    at_carla = await (await handset.next_call()).wait("confirmed")
    await talk(call, at_carla)
    await call.hangup()
    await centre.until_agent("carla", state="idle", handset="free")
    await typed(centre, "carla", "*47", "2", status="not_ready", reason="training")
    await typed(centre, "carla", "*46", status="signed_out")
    facts = centre.facts("agent = 'carla' AND kind LIKE 'Agent%'")
    assert kinds(facts) == ["AgentSignedIn", "AgentNotReady", "AgentReady", "AgentNotReady", "AgentSignedOut"]
    for name in ("contactd.log",):
        assert pin not in (centre.stack.daemon.folder / name).read_text()
    assert pin not in centre.stack.asterisk.log.read_text(errors="replace")
    tables = "event", "input", "agent_span", "config_version"
    assert not [table for table in tables if centre.psql(f"SELECT 1 FROM {table} t WHERE t::text LIKE '%{pin}%'")]


async def test_signing_in_fetches_a_waiting_caller(centre: Centre) -> None:
    call = await centre.dial("5002")
    await centre.until_queued(1)
    await typed(centre, "bilal", "*45", centre.person("bilal").pin + "#")
    at_bilal = await (await centre.handsets["bilal"].next_call()).wait("confirmed")
    await talk(call, at_bilal)


async def test_not_ready_without_a_reason_and_with_an_unknown_one(centre: Centre) -> None:
    await centre.duty("anna")
    await typed(centre, "anna", "*47", "9", status="not_ready", reason="not_ready")


async def test_codes_of_who_is_not_signed_in_change_nothing(centre: Centre) -> None:
    for code in ("*46", "*48"):
        await typed(centre, "anna", code, status="signed_out")  # the prompt follows the answer
    await typed(centre, "anna", "*47", "1")
    assert not centre.facts("agent = 'anna' AND kind LIKE 'Agent%'")


async def test_a_pause_taken_during_the_talk_holds_after_it_and_ready_cuts_the_wrap_up_short(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await typed(centre, "anna", "*47", "1", status="not_ready", reason="break")
    await talk(call, at_anna)
    await centre.until_agent("anna", status="not_ready", reason="break", state="busy")
    await call.hangup()
    ended = await centre.until_fact("TalkEnded")
    second = await centre.dial("5001")
    await centre.until_queued(1)
    centre.act("anna", "ready")
    await talk(second, await (await anna.next_call()).wait("confirmed"))
    wrap_up = await centre.until_fact("WrapUpEnded")
    assert wrap_up.at <= ended.body["wrap_up_until"] + 0.3


async def test_wrong_pins_lock_the_agent_out(centre: Centre) -> None:
    pin = centre.person("david").pin
    for digits in ("1", "22", "333", pin):
        await tried(centre, "david", digits)
    refused = centre.facts("kind = 'AgentRefused'")
    assert [fact.body["reason"] for fact in refused] == ["wrong_pin", "wrong_pin", "wrong_pin", "locked"]
    assert [fact.body["locked_until"] is None for fact in refused] == [True, True, False, False]
    assert refused[3].body["locked_until"] == refused[2].body["locked_until"]
    assert 299 < refused[2].body["locked_until"] - refused[2].at < 301
    assert centre.agent("david")["status"] == "signed_out"
    # Nobody else is.
    await typed(centre, "anna", "*45", centre.person("anna").pin + "#", status="ready")


async def tried(centre: Centre, agent: str, pin: str) -> None:
    """A PIN that is refused; the agent does not wait to be told."""
    before = len(centre.facts("kind = 'AgentRefused'"))
    call = await (await (await centre.handset(agent)).dial("*45")).wait("confirmed")
    await call.dtmf(pin + "#")
    await centre.until(lambda: len(centre.facts("kind = 'AgentRefused'")) > before, "the refusal")
    await call.hangup()


async def test_the_lock_ends_by_itself(centre: Centre) -> None:
    daemon = centre.stack.daemon
    toml, pin = daemon.config.read_text(), centre.person("carla").pin
    try:
        daemon.write(toml + "\n[sign_in]\npin_tries = 1\nlock_s = 10\n")
        daemon.hup()
        await centre.until_fact("FloorConfigured")
        await tried(centre, "carla", "1")
        locked = await centre.until_fact("AgentRefused", agent="carla", reason="wrong_pin")
        assert about(locked.body["locked_until"] - locked.at, 10, 0.01)
        await tried(centre, "carla", pin)
        refused = await centre.until_fact("AgentRefused", agent="carla", reason="locked")
        assert refused.at < locked.body["locked_until"]
        await centre.until(lambda: time.time() > locked.body["locked_until"], "the lock to end")
        await centre.code("carla", "*45", pin + "#")
        await centre.until_agent("carla", status="ready")
    finally:
        daemon.write(toml)
        daemon.hup()
        await centre.until_fact("FloorConfigured")


async def test_a_handset_signs_in_nobody_but_its_own_agent(centre: Centre) -> None:
    """The PBX says whose handset it is; what the phone claims in From counts for nothing."""
    handset = await centre.handset("bilal", tone_hz=AGENT_HZ)
    call = await handset.dial("*45", headers={"P-Asserted-Identity": "<sip:1001@127.0.0.1>"})
    await call.wait("confirmed")
    await call.dtmf(centre.person("anna").pin + "#")
    await centre.until_fact("AgentRefused", agent="bilal")
    assert centre.agent("anna")["status"] == "signed_out"
    assert not centre.facts("agent = 'anna' AND kind LIKE 'Agent%'")


async def test_reload_adds_an_agent_and_a_queue_live_and_refuses_a_broken_file_whole(centre: Centre) -> None:
    daemon = centre.stack.daemon
    toml, secrets = daemon.config.read_text(), (daemon.folder / "secrets.toml").read_text()
    fred = Person("fred", "1005", "", "9183650274")
    try:
        (anna,) = await centre.duty("anna")
        call = await centre.dial("5001")
        at_anna = await (await anna.next_call()).wait("confirmed")
        # Erin's handset becomes Fred's, and there is a queue that only Fred serves.
        new = toml.replace("[agents.erin]", "[agents.fred]").replace(
            "[menus.main]", "[queues.vip]\nwrap_up_s = 0\n[menus.main]", 1
        )
        new = new.replace("[lines]", '[lines]\n5003 = "queue:vip"')
        head, tail = new.split("[agents.fred]")
        new = head + "[agents.fred]" + tail.replace('queues = ["sales", "support"]', 'queues = ["vip"]')
        daemon.write(
            new, secrets.replace("[agents.erin]", "[agents.fred]").replace(centre.person("erin").pin, fred.pin)
        )
        daemon.hup()
        await centre.until_fact("FloorConfigured")
        await talk(call, at_anna)
        waiting = await centre.dial("5003")
        await centre.until_queued(1)
        assert (await centre.until_fact("ContactQueued", queue="vip")).body["queue"] == "vip"
        await typed(centre, "erin", "*45", fred.pin + "#")  # the handset is known to the lab as Erin's
        at_fred = await (await centre.handsets["erin"].next_call()).wait("confirmed")
        await talk(waiting, at_fred)
        assert (await centre.until_fact("ContactConnected", agent="fred")).body["agent"] == "fred"

        before = len(centre.facts("kind = 'FloorConfigured'"))
        daemon.write(new.replace("ring_s = 5", "ring_s = 6").replace('5003 = "queue:vip"', '5003 = "queue:nowhere"'))
        daemon.hup()
        await centre.until(lambda: 'there is no queue \\"nowhere\\"' in daemon.log.read_text(), "the refusal")
        third = await centre.dial("5003")
        await centre.until_queued(1)
        assert centre.facts("kind = 'ContactQueued'")[-1].body["queue"] == "vip"
        assert len(centre.facts("kind = 'FloorConfigured'")) == before
        await third.hangup()
        await at_fred.hangup()
        await at_anna.hangup()
        await centre.until_ended(3)
    finally:
        await centre.clear()
        daemon.write(toml, secrets)
        daemon.hup()
        await centre.until_fact("FloorConfigured")


async def test_a_wrap_up_is_extended_once_and_ended_early_by_feature_codes(centre: Centre) -> None:
    daemon = centre.stack.daemon
    toml = daemon.config.read_text()
    before = len(centre.facts("kind = 'FloorConfigured'", whole=True))
    try:
        daemon.write(toml.replace("wrap_up_s = 1", "wrap_up_s = 600\nwrap_up_extend_s = 300"))
        daemon.hup()
        await centre.until(
            lambda: len(centre.facts("kind = 'FloorConfigured'", whole=True)) > before, "the longer wrap-up"
        )
        (anna,) = await centre.duty("anna")
        call = await centre.dial("5001")
        at_anna = await (await anna.next_call()).wait("confirmed")
        await talk(call, at_anna)
        await typed(centre, "anna", "*49")
        assert centre.last_of("WrapUpExtended") is None, "there is no wrap-up in a talk"
        await call.hangup()
        await centre.until_agent("anna", state="wrap_up", handset="free")
        ended = await centre.until_fact("TalkEnded", agent="anna")
        for _ in range(2):
            await typed(centre, "anna", "*49")
        (extended,) = centre.facts("kind = 'WrapUpExtended'")
        assert extended.body["until"] == ended.body["wrap_up_until"] + 300
        assert extended.body["by"] == "agent"
        await typed(centre, "anna", "*47", "1", status="not_ready", reason="break")
        assert centre.now("anna")["pending"]
        waiting = await centre.dial("5001")
        await centre.until_queued(1)
        await typed(centre, "anna", "*44", state="idle")
        assert (await centre.until_fact("WrapUpEnded", agent="anna")).body["by"] == "agent"
        assert not centre.now("anna")["pending"], "the break has begun"
        await typed(centre, "anna", "*48", status="ready")
        await talk(waiting, await (await anna.next_call()).wait("confirmed"))
        await waiting.hangup()
    finally:
        await centre.clear()
        daemon.write(toml)
        daemon.hup()
        await centre.until(
            lambda: len(centre.facts("kind = 'FloorConfigured'", whole=True)) > before + 1, "the old wrap-up"
        )


async def test_a_supervisor_signs_out_in_a_talk_without_cutting_it_and_it_is_written_down(centre: Centre) -> None:
    daemon = centre.stack.daemon
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    told = await asyncio.to_thread(daemon.ctl, "agent", "anna", "not-ready", "break")
    assert "then not_ready (break)" in told.stdout
    assert "then not_ready (break)" in (await asyncio.to_thread(daemon.ctl, "agents")).stdout
    told = await asyncio.to_thread(daemon.ctl, "agent", "anna", "sign-out")
    assert "then signed_out" in told.stdout and "supervisor" in told.stdout
    await talk(call, at_anna)
    waiting = await centre.dial("5002")
    await call.hangup()
    await centre.until_fact("WrapUpEnded", agent="anna")
    await centre.until_queued(1)
    assert centre.now("anna")["state"] == "idle" and not centre.now("anna")["pending"]
    out = await centre.until_fact("AgentSignedOut", agent="anna")
    assert (out.body["by"], out.body["why"]) == ("supervisor", "")
    rows = centre.psql("SELECT act || ' ' || outcome FROM audit WHERE agent = 'anna' ORDER BY id DESC")
    assert rows[:2] == ["sign-out done", "not-ready done: break"]
    await waiting.hangup()


async def test_a_break_that_is_too_long_is_told_and_a_handset_that_stays_away_signs_its_agent_out(
    centre: Centre,
) -> None:
    daemon = centre.stack.daemon
    toml = daemon.config.read_text()
    try:
        limits = (
            '[sign_in]\nsign_out_unregistered_s = 2\n[reasons.pause]\ndigits = "3"\nlabel = "Pause"\nlongest_s = 1\n'
        )
        daemon.write(f"{toml}\n{limits}")
        daemon.hup()
        await centre.until_fact("FloorConfigured")
        (anna,) = await centre.duty("anna")
        await typed(centre, "anna", "*47", "3", status="not_ready", reason="pause")
        since = (await centre.until_fact("AgentNotReady", agent="anna")).at
        overdue = await centre.until_fact("AgentOverdue", agent="anna", reason="pause")
        assert about(overdue.at - since, 1, 0.5) and overdue.body["since"] == since
        assert "agent_overdue" in daemon.log.read_text()
        assert 'contactd_agents_overdue{reason="pause"} 1.0' in daemon.metrics()
        assert 'contactd_agents_not_ready{reason="pause"} 1.0' in daemon.metrics()
        assert "not_ready (Pause), overdue" in (await asyncio.to_thread(daemon.ctl, "agents")).stdout
        await typed(centre, "anna", "*48", status="ready")
        assert 'contactd_agents_overdue{reason="pause"} 0.0' in daemon.metrics()

        await anna.unregister()
        away = await centre.until_fact("HandsetSeen", agent="anna", handset="unavailable")
        out = await centre.until_fact("AgentSignedOut", agent="anna")
        assert (out.body["by"], out.body["why"]) == ("system", "unregistered")
        assert about(out.at - away.at, 2, 0.5)
    finally:
        await centre.clear()
        await centre.handsets["anna"].register()
        daemon.write(toml)
        daemon.hup()
        await centre.until_fact("FloorConfigured")
