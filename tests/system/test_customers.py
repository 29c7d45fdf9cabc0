"""A customer calls from two numbers, is merged, recognised, reaches the same agent, is exported and erased."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.system.centre import Centre
from tests.system.conftest import CREW
from tests.system.telling import talk
from tests.system.test_privacy import files_with

FIRST, SECOND = "4930887766551", "4989112233445"
NAME, SHOWN, MAIL = "Rumpelstilzchen", "Stilzchen R", "rumpel@spindle.example"
NOTE, CUSTOMER_NUMBER, SUBJECT = "Spins straw into gold.", "K-99887-X", "Wants the queen's child"
VALUES = (FIRST, SECOND, f"+{FIRST}", f"+{SECOND}", NAME, SHOWN, MAIL, NOTE, CUSTOMER_NUMBER, SUBJECT)
SECTION = """
[customers]
country = "DE"
bare_numbers = "international"
sticky_days = 30
vip_boost_s = 60
[customers.fields.customer_number]
"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Centre]:
    """Sales is sticky; customers' values are sealed."""
    async with Centre(tmp_path, people=CREW[:2], queues={"sales": (5, 1), "support": (5, 0)}) as centre:
        daemon = centre.stack.daemon
        toml = daemon.config.read_text().replace("[queues.sales]\n", "[queues.sales]\nsticky_s = 20\n") + SECTION
        assert "sticky_s" in toml
        secrets_toml = (daemon.folder / "secrets.toml").read_text()
        daemon.write(toml, f'{secrets_toml}\n[customers]\nkey = "{secrets.token_hex(32)}"\n')
        daemon.hup()
        await centre.until(lambda: "configuration_loaded" in daemon.log.read_text(), "the reload")
        yield centre


async def served(centre: Centre, number: str, agent: str) -> str:
    """A call that this agent takes; returns the contact, once history has it."""
    call = await centre.dial("5001", display=SHOWN, number=number)
    at_agent = await (await centre.handsets[agent].next_call()).wait("confirmed")
    await talk(call, at_agent)
    contact: str = (await centre.until_fact("ContactConnected", agent=agent)).body["contact"]
    await call.hangup()
    await centre.until_fact("ContactEnded", contact=contact)
    await centre.until_agent(agent, state="idle")
    where = f"SELECT 1 FROM contact WHERE id = '{contact}' AND party IS NOT NULL AND ended_at IS NOT NULL"
    await centre.until(lambda: centre.psql(where), "history to know whose contact it was")
    return contact


def dumped(centre: Centre) -> str:
    argv = [
        str(centre.stack.postgres._bin / "pg_dump"),
        "--data-only",
        "--inserts",
        centre.stack.postgres.dsn_of("contactd"),
    ]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


# Four calls, and a score of commands, each a process: a busy machine takes its time.
@pytest.mark.timeout(300)
async def test_a_customer_from_the_first_call_to_the_last_trace(house: Centre) -> None:
    centre, daemon = house, house.stack.daemon

    def customers(*words: str) -> str:
        return daemon.ctl("customers", *words).stdout.strip()

    await centre.duty("anna", "bilal")
    # Two numbers nobody knows are two light records.
    await served(centre, FIRST, "anna")
    await served(centre, SECOND, "bilal")
    one, other = customers("find", f"+{FIRST}"), customers("find", f"+{SECOND}")
    assert one != other
    assert "made by a call" in customers("show", one)

    # Somebody sees that they are one person, and keeps more of them.
    customers("merge", other, one)
    customers("set", one, "--name", NAME, "--vip", "--identity", MAIL, "--set", f"customer_number={CUSTOMER_NUMBER}")
    customers("note", one, NOTE)
    customers("consent", one, "recording", "refused", "--how", "phone")
    case = daemon.ctl("cases", "add", "--party", one, "--subject", SUBJECT).stdout.strip()
    assert customers("find", f"+{SECOND}") == customers("find", MAIL) == customers("find", NAME) == one

    # From the first number again: anna is idle for longer, bilal was the last to help this person.
    call = await centre.dial("5001", display=SHOWN, number=FIRST)
    at_bilal = await (await centre.handsets["bilal"].next_call()).wait("confirmed")
    await talk(call, at_bilal)
    known = centre.last_of("ContactRecognised")
    assert known is not None
    contact = known.body["contact"]
    assert known.body["known"]["party"] == one
    assert known.body["known"]["agents"] == {"sales": "bilal"}
    assert known.body["known"]["boost_s"] == 60
    assert "not verified" in await _explained(centre, contact)
    daemon.ctl("cases", "link", case, contact)
    customers("verify", contact, one, "--by", "question", "--agent", "bilal")
    await call.hangup()
    await centre.until_fact("ContactEnded", contact=contact)
    where = f"SELECT 1 FROM contact WHERE id = '{contact}' AND verified"
    await centre.until(lambda: centre.psql(where), "history to know that it was verified")
    told = daemon.ctl("explain", contact, "--reveal").stdout
    assert f"customer: {NAME} {one}, verified" in told
    assert "last served by bilal in sales" in told and "VIP" in told
    assert NAME not in daemon.ctl("explain", contact).stdout

    given_out(centre, one)
    held(centre, one)
    erased(centre, one)
    # History is whole, and names nobody.
    assert centre.psql("SELECT count(*) FROM contact WHERE party IS NOT NULL") == ["3"]
    told = daemon.ctl("explain", contact, "--reveal").stdout
    assert "handled" in told and NAME not in told
    assert daemon.ctl("customers", "show", one, check=False).returncode == 4
    # The floor goes on: the next call is that of a stranger.
    await served(centre, FIRST, "anna")
    assert customers("find", f"+{FIRST}") not in ("", one)


def given_out(centre: Centre, one: str) -> None:
    """Everything in one order, and everything in one file."""
    daemon = centre.stack.daemon
    shown = daemon.ctl("customers", "show", one).stdout
    assert shown.index(NOTE) < shown.rindex("with anna") and "verified" in shown and "refused" in shown
    assert re.search(rf"case C-\d{{5}}-\d{{5}}: {SUBJECT}, new", shown) and "handled, verified, about C-" in shown
    file = centre.folder / "export.json"
    daemon.ctl("customers", "export", one, str(file))
    exported = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    for value in VALUES:
        assert value in exported, value
    assert len(json.loads(exported)["contacts"]) == 3
    file.unlink()


def held(centre: Centre, one: str) -> None:
    """For a court: nobody erases it, whatever they try, until it is released."""
    daemon = centre.stack.daemon
    daemon.ctl("customers", "hold", one, "--reason", f"{NAME} ./. Queen")
    assert f"{NAME} ./. Queen" in daemon.ctl("customers", "holds").stdout
    assert f"{NAME} ./. Queen" in daemon.ctl("customers", "show", one).stdout
    refused = daemon.ctl("customers", "erase", one, "--yes", check=False)
    assert refused.returncode == 1 and "is held" in refused.stderr
    (contact, *_) = daemon.ctl("find", f"+{FIRST}").stdout.split()
    assert "is held" in daemon.ctl("erase", contact, "--yes", check=False).stderr
    kept = daemon.ctl("retention", "--dry-run").stdout
    assert "callers        90 days     would go: 0" in kept and "notes          for ever" in kept
    assert centre.psql("SELECT count(*) FROM contact_private") == ["3"]
    assert "1 hold" not in daemon.ctl("customers", "release", one).stdout  # two records are one person


def erased(centre: Centre, one: str) -> None:
    """With a key no value is in a dump or on the daemon's disk at any time; what is sealed goes with the person too."""
    daemon = centre.stack.daemon
    kept = centre.psql("SELECT count(*) FROM contact_private WHERE ani IS NOT NULL AND lookup IS NOT NULL")
    assert kept == ["3"]
    before = dumped(centre)
    for value in VALUES:
        assert value not in before, value
        assert value.encode().hex() not in before, value
    assert not files_with(daemon.folder, *VALUES)
    found = daemon.ctl("find", f"+{FIRST}").stdout.split()
    assert len(found) == 2
    assert SHOWN in daemon.ctl("explain", found[0], "--reveal").stdout
    assert SHOWN in daemon.ctl("contacts", "--past", "5", "--reveal").stdout
    said = daemon.ctl("customers", "erase", one, "--yes").stdout
    assert "erased 2 records, number and name of 3 contacts, and what was written of 1 case." in said
    assert "The spool has nothing of it any more" in said
    assert centre.psql("SELECT count(*) FROM contact_private") == ["0"]
    after = dumped(centre)
    for value in VALUES:
        assert value not in after, value
        assert value.encode().hex() not in after, value
    assert not files_with(daemon.folder, *VALUES)


async def _explained(centre: Centre, contact: str) -> str:
    def told() -> str | None:
        text = centre.stack.daemon.ctl("explain", contact).stdout
        return text if "customer:" in text else None

    found: str = await centre.until(told, "the story to say whose it is")
    return found


async def test_with_postgresql_away_a_call_is_served_as_ever_and_told_later(house: Centre) -> None:
    centre, daemon = house, house.stack.daemon
    await centre.duty("anna", "bilal")
    centre.stack.postgres.pause()
    try:
        call = await centre.dial("5001", number=FIRST)
        at_anna = await (await centre.handsets["anna"].next_call()).wait("confirmed")
        await talk(call, at_anna)
    finally:
        centre.stack.postgres.cont()
    # While the talk goes on, the comparison asks once more.
    known = await centre.until_fact("ContactRecognised", timeout_s=30)
    assert known.body["known"]["party"] == daemon.ctl("customers", "find", f"+{FIRST}").stdout.strip()
    await call.hangup()
