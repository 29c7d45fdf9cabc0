"""A running centre takes a new configuration: what it can live, the rest at a restart, and never half."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from contactd.ctl.client import ask
from contactd.ctl.exits import Exit
from tests.lab.progress import LabError
from tests.system.centre import Centre
from tests.system.reloading import Files
from tests.system.telling import talk


@pytest.fixture
async def files(centre: Centre) -> AsyncIterator[Files]:
    made = Files.of(centre)
    try:
        yield made
    finally:
        await centre.clear()
        made.write()
        await made.reload("taken")


async def test_what_needs_a_restart_is_told_and_runs_on_while_the_rest_is_taken(files: Files) -> None:
    centre = files.centre
    before = files.status()["configuration"]["sha256"]  # type: ignore[index]
    agi = re.search(r"\[agi\]\nport = (\d+)", files.toml)
    assert agi
    files.write(
        (agi[0], "[agi]\nport = 4999"),
        ("[queues.sales]\nring_s = 5", "[queues.sales]\nring_s = 7"),
        ('5002 = "queue:support"', '5002 = "queue:support"\n5003 = "menu:main"'),
    )
    code, plan = files.plan()
    assert code == Exit.CHANGES
    assert [(one["key"], one["old"], one["new"], one["takes"]) for one in plan["changes"]] == [  # type: ignore[attr-defined]
        ("agi.port", agi[1], "4999", "restart"),
        ("queues.sales.ring_s", "5", "7", "reload"),
        ('lines."5003"', None, '"menu:main"', "reload"),
    ]
    shown = files.daemon.ctl("plan", check=False).stdout
    assert "~ queues.sales.ring_s  5  ->  7" in shown
    assert f"~ agi.port  {agi[1]}  ->  4999" in shown
    assert centre.last_of("FloorConfigured") is None, "a plan changes nothing"

    await files.reload("partial")
    (waits,) = files.said("restart_needed")[-1]["waiting"]  # type: ignore[misc]
    assert waits == f"agi.port: {agi[1]} -> 4999"
    assert files.metric("contactd_config_restart_pending") == 1
    status = files.status()
    assert status["level"] == "warning"
    assert [one["key"] for one in status["configuration"]["restart_pending"]] == ["agi.port"]  # type: ignore[index]
    told = files.daemon.ctl("status", check=False)
    assert told.returncode == Exit.DEGRADED
    assert "agi.port waits for a restart" in told.stdout
    # What was taken works, by the FastAGI that goes on where it was: a new line, and its menu.
    await centre.duty("anna")
    call = await centre.dial("5003")
    await call.dtmf("1")
    at_anna = await (await centre.handsets["anna"].next_call()).wait("confirmed")
    await talk(call, at_anna)
    await centre.until_fact("ContactOffered", agent="anna")
    # Facts name what is in force, which is neither the files of before nor those of now; and it is kept whole.
    in_force = status["config_sha256"]
    assert in_force not in (before, plan["running"])
    assert in_force == plan["after"]
    where = f"sha256 = '\\x{in_force}'"
    (kept,) = centre.psql(f"SELECT files->>'(kept until a restart)' FROM config_version WHERE {where}")
    assert kept.startswith("agi = { ") and f"port = {agi[1]}" in kept
    (text,) = centre.psql(f"SELECT files->>'contactd.toml' LIKE '%4999%' FROM config_version WHERE {where}")
    assert text == "t"
    await centre.until(
        lambda: centre.psql(f"SELECT 1 FROM input WHERE config = '\\x{in_force}' LIMIT 1"), "facts to name it"
    )

    files.write()
    await files.reload("taken")
    assert files.metric("contactd_config_restart_pending") == 0
    assert files.status()["level"] == "ok"
    assert files.plan()[0] == Exit.FINE


async def test_an_agent_and_a_queue_may_leave_in_the_middle_of_a_talk_and_a_wait(files: Files) -> None:
    centre = files.centre
    (anna,) = await centre.duty("anna")
    talking = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    waiting = await centre.dial("5002")
    await centre.until_queued(1)
    queued = await centre.until_fact("ContactQueued", queue="support")

    anna_section = re.search(r'\[agents\.anna\]\nendpoint = "1001"\nqueues = .*\n', files.toml)
    support_section = re.search(r"\[queues\.support\]\nring_s = 5\nwrap_up_s = 0\n", files.toml)
    assert anna_section and support_section
    gone = files.toml.replace(anna_section[0], "").replace(support_section[0], "")
    gone = gone.replace('"sales", "support"', '"sales"').replace('2 = "support"', '2 = "sales"')
    pin = re.search(r'\[agents\.anna\]\npin = "\d+"\n', files.secrets)
    assert pin
    files.daemon.write(
        gone.replace('5002 = "queue:support"', '5002 = "queue:sales"'), files.secrets.replace(pin[0], "")
    )
    await files.reload("taken")

    # The talk goes on; who waited in the queue that left waits in the default one, at the old place.
    await talk(talking, at_anna)
    moved = await centre.until_fact("ContactQueued", queue="sales", contact=queued.body["contact"])
    assert moved.seq > queued.seq
    now = next(one for one in centre.contacts() if one["id"] == queued.body["contact"])
    assert (now["queue"], now["state"]) == ("sales", "waiting")
    assert now["waited_s"] >= moved.at - queued.at - 0.1
    (bilal,) = await centre.duty("bilal")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await talk(waiting, at_bilal)
    assert centre.now("anna")["status"] == "signed_out"
    await talking.hangup()
    await waiting.hangup()
    stories = await centre.until_ended(2)
    assert [story[-1].body["outcome"] for story in stories.values()] == ["handled", "handled"]

    # Once her wrap-up is over she is nobody's; the next configuration says so.
    await centre.until(lambda: centre.now("anna")["state"] == "idle", "anna's wrap-up to end")
    files.daemon.write(files.daemon.config.read_text() + "# again\n")
    await files.reload("taken")
    await centre.until(
        lambda: "anna" not in {one["id"] for one in ask(str(files.daemon.socket), "GET", "/agents")}, "anna to leave"
    )


async def test_live_keys_that_need_a_restart_beside_them_are_not_taken_alone(files: Files) -> None:
    """Erin moves to a PBX that nobody steers before a restart: the shorter ring waits with her."""
    centre = files.centre
    pbx = centre.stack.asterisk.name
    section = re.search(rf"\[pbx\.{pbx}\]\n(?:.+\n)+", files.toml)
    secret = re.search(rf"\[pbx\.{pbx}\]\n(?:\w+ = .+\n)+", files.secrets)
    assert section and secret
    every = [
        (
            f'[agents.{person.id}]\nendpoint = "{person.number}"',
            f'[agents.{person.id}]\npbx = "{pbx}"\nendpoint = "{person.number}"',
        )
        for person in centre.stack.people[:-1]
    ]
    files.write(
        *every,
        (section[0], section[0] + section[0].replace(pbx, "far") + "\n"),
        ("[agents.erin]\nendpoint", '[agents.erin]\npbx = "far"\nendpoint'),
        ("[queues.sales]\nring_s = 5", "[queues.sales]\nring_s = 9"),
        secrets=((secret[0], secret[0] + secret[0].replace(pbx, "far")),),
    )
    code, plan = files.plan()
    assert code == Exit.CHANGES
    (held,) = plan["held"]  # type: ignore[misc]
    assert "agents.erin.pbx" in held
    assert "A reload would take nothing" in files.daemon.ctl("plan", check=False).stdout
    sha256 = files.status()["config_sha256"]
    await files.reload("held")
    status = files.status()
    assert (status["config_sha256"], status["level"]) == (sha256, "warning")
    assert {one["key"] for one in status["configuration"]["restart_pending"]} == {  # type: ignore[index]
        *("pbx.far", "agents.erin.pbx", "queues.sales.ring_s")
    }
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    await anna.next_call()
    await centre.until_fact("ContactOffered", agent="anna")
    # The ring is as long as before, too.
    assert centre.last_of("FloorConfigured") is None
    await call.hangup()


async def test_no_secret_is_ever_told(files: Files) -> None:
    """Not in the log, a refusal, a plan, the status, the metrics, or what is kept."""
    centre, daemon = files.centre, files.daemon
    password = re.search(r'\[database\]\npassword = "(.+)"', files.secrets)
    assert password
    values = {person.pin for person in centre.stack.people} | {centre.stack.asterisk.ami_secret, password[1]}
    values |= {"77123456", "n0t-the-secret"}
    anna = centre.person("anna").pin
    told = []
    # A new PIN and a new account: one live, one not.
    files.write(secrets=((anna, "77123456"), (centre.stack.asterisk.ami_secret, "another-s3cret")))
    values.add("another-s3cret")
    told += [str(files.plan()), daemon.ctl("plan", check=False).stdout]
    await files.reload("partial")
    # And a file full of mistakes.
    files.write(secrets=((f'"{anna}"', "77123456"), (centre.stack.asterisk.ami_secret, "n0t-the-secret\\n")))
    code, plan = files.plan()
    assert (code, len(plan["errors"])) == (Exit.USAGE, 2)  # type: ignore[arg-type]
    told += [str(plan), daemon.ctl("plan", check=False).stdout]
    with pytest.raises(LabError) as refused:
        daemon.command("check-config")
    assert "2 errors in the configuration" in str(refused.value)
    told.append(str(refused.value))
    await files.reload("refused")
    told += [
        daemon.log.read_text(),
        str(files.status()),
        daemon.metrics(),
        *centre.psql("SELECT files FROM config_version"),
    ]
    for value in values:
        assert not [text for text in told if value in text], "a secret was told"


async def test_the_log_level_is_taken_live(files: Files) -> None:
    assert not files.said("pbx_compared")
    files.write(('log_level = "info"', 'log_level = "debug"'))
    await files.reload("taken")
    await files.centre.until(lambda: files.said("pbx_compared"), "a line of level debug", 25)
