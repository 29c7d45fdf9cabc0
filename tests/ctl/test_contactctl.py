"""contactctl as a process: what it shows, what it does, and its exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import click
import pytest
from rich.console import Console

from contactd.config import ConfigErrors, load
from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.contact import Outcome
from contactd.core.errors import ContactdError
from contactd.core.events import AnyEvent, ContactOffered, OfferOutcome
from contactd.core.ids import AgentId, QueueId
from contactd.ctl import client, tables
from contactd.ctl.cli import cli
from contactd.ctl.client import DaemonUnreachable
from contactd.ctl.durations import duration
from contactd.ctl.exits import Exit, exit_of
from contactd.ctl.words import _BESIDE, _OFFER, _OUTCOME, _WORDS, words
from contactd.store.journal import StoreAway
from contactd.store.migrate import migrate
from contactd.web import serve_control, views
from tests.config.files import dump, sample, waiting_sample, write
from tests.lab.postgres import Postgres
from tests.pbx.fakes import until
from tests.store.walk import PBX, Walk, keep
from tests.web.bench import Bench

ALICE = AgentId("alice")
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Ran:
    code: int
    out: str
    err: str


async def contactctl(*words: str) -> Ran:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "contactd.ctl", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    assert child.returncode is not None
    return Ran(child.returncode, out.decode(), err.decode())


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[tuple[Bench, tuple[str, str]]]:
    """A floor behind the control socket, and the options that lead to it."""
    table = waiting_sample()
    table["ctl"]["socket"] = str(tmp_path / "ctl.sock")
    path = write(tmp_path, table)
    bench = Bench(load(path))
    walk = bench.walk
    walk.put(inp.ConfigurationLoaded(plan=bench.settings.plan()))
    free = {"1001": Handset.FREE, "1002": Handset.FREE}
    walk.put(inp.PbxCompared(pbx=PBX, asked_at=walk.now, booted_at=walk.now - 900, calls=(), handsets=free))
    async with serve_control(bench.surface, str(tmp_path / "ctl.sock")):
        yield bench, ("--config", str(path))


# --- with a daemon ---


async def test_it_shows_the_floor_in_tables(daemon: tuple[Bench, tuple[str, str]]) -> None:
    bench, options = daemon
    call = bench.walk.arrive(QueueId("sales"))
    bench.walk.now += 75
    status = await contactctl(*options, "status")
    assert status.code == 0, status.err
    assert status.out.startswith("ok")
    assert "1 min 15 s" in status.out
    agents = await contactctl(*options, "agents")
    assert re.search(r"alice +signed_out +idle +free +pbx1/1001 +sales service", agents.out)
    assert "Customer service" in (await contactctl(*options, "queues")).out
    contacts = await contactctl(*options, "contacts")
    assert call.contact in contacts.out
    assert "unknown" in (await contactctl(*options, "queues")).out
    (offered,) = bench.walk.put(inp.SignInAsked(agent=AgentId("alice"), pin_right=True))[1:]
    bench.walk.put(inp.OfferAnswered(contact=call.contact, offer=offered.offer))
    bench.walk.arrive(QueueId("sales"))
    for shown in ("queues", "contacts"):
        assert re.search(r"[0-9.]+ min \([0-9.]+-[0-9.]+\)", (await contactctl(*options, shown)).out)


async def test_one_agent_is_shown_whole_and_acted_for(daemon: tuple[Bench, tuple[str, str]]) -> None:
    bench, options = daemon
    for command, shown in (
        (("sign-in",), "ready"),
        (("not-ready", "training"), "not_ready (Training)"),
        ((), "supervisor"),
        (("ready",), "ready"),
        (("sign-out",), "signed_out"),
    ):
        ran = await contactctl(*options, "agent", "alice", *command)
        assert ran.code == 0, ran.err
        assert shown in ran.out
    assert [entry.act for entry in bench.audited] == ["sign-in", "not-ready", "ready", "sign-out"]
    for command, code, said in (
        (("agent", "nobody"), Exit.NOT_FOUND, "There is no agent nobody"),
        (("agent", "alice", "wrap-up"), Exit.USAGE, "extend, end"),
        (("agent", "alice", "ready", "now"), Exit.USAGE, "no further word"),
        (("agent", "alice", "wrap-up", "end"), Exit.REFUSED, "not in wrap-up"),
    ):
        ran = await contactctl(*options, *command)
        assert (ran.code, said in ran.err) == (code, True), (ran.code, ran.err)


async def test_it_acts_for_an_agent(daemon: tuple[Bench, tuple[str, str]]) -> None:
    bench, options = daemon
    for command, shown in (
        (("sign-in", "alice"), "ready"),
        (("not-ready", "alice", "break"), "not_ready (Break)"),
        (("ready", "alice"), "ready"),
        (("sign-out", "alice"), "signed_out"),
    ):
        ran = await contactctl(*options, *command)
        assert ran.code == 0, ran.err
        assert shown in ran.out
    kinds = [type(input_).__name__ for input_ in bench.asked]
    assert kinds == ["SignInAsked", "NotReadyAsked", "ReadyAsked", "SignOutAsked"]


async def test_it_changes_skills_and_tells_who_is_offered_a_contact(daemon: tuple[Bench, tuple[str, str]]) -> None:
    bench, options = daemon
    call = bench.walk.arrive(QueueId("sales"))
    shown = await contactctl(*options, "skills", "bob")
    assert re.search(r"bob .*german=3 .*the configuration", shown.out), shown.err
    changed = await contactctl(*options, "skills", "bob", "german=8")
    assert re.search(r"bob .*german=8 .*a supervisor", changed.out), changed.err
    told = await contactctl(*options, "candidates", call.contact)
    assert "queue sales, step 0: by longest_idle, german=7" in told.out, told.err
    assert re.search(r"alice .*signed out", told.out) and re.search(r"bob .*not meant by the queue's plan", told.out)
    unknown = await contactctl(*options, "skills", "eve")
    assert (unknown.code, unknown.out) == (Exit.NOT_FOUND, "")
    assert (await contactctl(*options, "skills", "bob", "germn=8")).code == Exit.REFUSED


async def test_json_is_for_scripts(daemon: tuple[Bench, tuple[str, str]]) -> None:
    _, options = daemon
    status = json.loads((await contactctl(*options, "--json", "status")).out)
    assert (status["level"], status["pbx"]) == ("ok", {"pbx1": {"steered": True}})
    agent = json.loads((await contactctl(*options, "sign-in", "bob", "--json")).out)
    assert (agent["id"], agent["status"]) == ("bob", "ready")


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (("ready", "alice"), Exit.REFUSED, "signed out"),
        (("ready", "eve"), Exit.NOT_FOUND, "contactctl agents"),
        (("not-ready", "alice"), Exit.REFUSED, "break, training"),
        (("sign-in", "a/../b"), Exit.NOT_FOUND, "no agent"),
    ],
)
async def test_a_refusal_is_a_sentence_and_a_code(
    daemon: tuple[Bench, tuple[str, str]], command: tuple[str, ...], code: Exit, says: str
) -> None:
    ran = await contactctl(*daemon[1], *command)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("contactctl: ")
    assert says in ran.err
    assert "Traceback" not in ran.err


# --- without one ---


async def test_wrong_usage_and_a_wrong_configuration_are_exit_code_2(tmp_path: Path) -> None:
    assert (await contactctl("dance")).code == 2
    assert (await contactctl("sign-in")).code == 2
    none = await contactctl("--config", str(tmp_path / "none.toml"), "status")
    assert none.code == 2
    assert "none.toml" in none.err


async def test_plan_has_exit_codes_for_scripts(daemon: tuple[Bench, tuple[str, str]]) -> None:
    bench, options = daemon
    path = Path(options[1])

    def now(*changes: tuple[str, str], more: str = "") -> None:
        text = dump(waiting_sample() | {"ctl": {"socket": bench.settings.ctl.socket}})
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text + more)

    same = await contactctl(*options, "plan")
    assert (same.code, same.out) == (Exit.FINE, f"Nothing to change: {path} says what is in force.\n")
    now(more="\n# a word\n")
    words = await contactctl(*options, "plan")
    assert words.code == Exit.FINE
    assert "only comments" in words.out
    now(('"ring_s" = 20', '"ring_s" = 15'), ('"port" = 4573', '"port" = 4999'))
    change = await contactctl(*options, "plan")
    assert change.code == Exit.CHANGES
    assert change.out.splitlines() == [
        *("A reload takes:", "  ~ queues.sales.ring_s  20  ->  15"),
        *("Only a restart takes:", "  ~ agi.port  4573  ->  4999", ""),
        "systemctl reload contactd takes it; the rest runs on as it is until a restart.",
    ]
    now(('"ring_s" = 20', '"ring_s" = 1'))
    wrong = await contactctl(*options, "plan")
    assert wrong.code == Exit.USAGE
    assert "queues.sales.ring_s" in wrong.out
    assert "1 error: a reload would take nothing" in wrong.out
    as_json = json.loads((await contactctl(*options, "plan", "--json")).out)
    assert len(as_json["errors"]) == 1
    # Nothing of it was kept, or is in force.
    assert bench.kept == []
    assert bench.reload.settings is bench.settings
    nobody = await contactctl("--socket", str(path.parent / "none.sock"), "plan")
    assert nobody.code == Exit.UNREACHABLE
    assert "check-config" in nobody.err


async def test_a_daemon_that_does_not_answer_has_a_code_and_a_remedy(tmp_path: Path) -> None:
    ran = await contactctl("--socket", str(tmp_path / "none.sock"), "status")
    assert ran.code == Exit.UNREACHABLE
    assert "systemctl status contactd" in ran.err


async def test_it_starts_without_what_only_the_daemon_or_some_commands_need() -> None:
    """What makes a start slow is what it imports; a shell completes words with it."""
    script = "import sys, contactd.ctl.__main__; print(*sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0
    heavy = {"aiohttp", "asterisk", "asyncpg", "cryptography", "panoramisk", "prometheus_client", "structlog"}
    assert not heavy & set(out.decode().split())


# --- explain ---


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("explain"), settings={"fsync": "off"}) as postgres:
        yield postgres


async def journal(server: Postgres, folder: Path, walk: Walk, name: str) -> tuple[str, str]:
    """A database with the walk's facts; the options for contactctl. No daemon runs."""
    dsn = server.create_database(name)
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await keep(connection, walk.rows)
    await connection.close()
    table = waiting_sample()
    user, password = dsn.removeprefix("postgresql://").split("@")[0].split(":")
    table["database"] = {"dsn": dsn.replace(f"{user}:{password}@", f"{user}@")}
    secrets = {
        "database": {"password": password},
        "pbx": {"pbx1": {"secret": "x"}},
        "agents": {"alice": {"pin": "4711"}, "bob": {"pin": "0815"}},
    }
    return ("--config", str(write(folder, table, secrets)))


async def test_explain_tells_a_contacts_whole_story(server: Postgres, tmp_path: Path) -> None:
    walk = Walk()
    walk.open()
    call = walk.arrive(QueueId("sales"))
    a0, a1 = AgentId("a0"), AgentId("a1")
    walk.put(inp.SignInAsked(agent=a0, pin_right=True), after_s=5)
    first = _offer(walk)
    walk.put(inp.OfferFailed(contact=call.contact, offer=first.offer, dial_status="NOANSWER", cause=0), after_s=20)
    walk.hold(call, QueueId("sales"))
    walk.put(inp.SignInAsked(agent=a1, pin_right=True), after_s=2)
    walk.put(inp.OfferAnswered(contact=call.contact, offer=_offer(walk).offer), after_s=3)
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=123)
    options = await journal(server, tmp_path, walk, "story")

    ran = await contactctl(*options, "explain", call.contact)
    assert ran.code == 0, ran.err
    head, summary, _, *lines = ran.out.splitlines()
    assert call.contact in head
    assert call.call in head
    assert summary == "waited 30.0 s, talked 2 min 3 s with a1: handled"
    told = [re.split(r"\s{2,}", line, maxsplit=2)[1:] for line in lines]
    by_idle = ", chosen by longest idle; others:"
    assert told == [
        ["+0.000 s", "arrived on line 5000 of pbx1"],
        ["+0.000 s", "began to wait in the queue sales"],
        ["+5.000 s", f"offered to a0 (offer {first.offer}){by_idle} 3 signed out"],
        ["+25.000 s", "the offer to a0 rang and was not answered"],
        ["+25.000 s", "waits again, at the old place"],
        ["+27.000 s", f"offered to a1 (offer {_offer(walk).offer}){by_idle} 2 signed out, 1 not ready"],
        ["+30.000 s", "connected with a1, after a wait of 30.0 s"],
        ["+153.000 s", "the talk with a1 ended after 2 min 3 s: the caller hung up"],
        ["+153.000 s", "ended after 2 min 33 s: handled (cause 16)"],
    ]
    for text in (call.contact[:18], call.call):
        assert (await contactctl(*options, "explain", text)).out == ran.out
    as_json = json.loads((await contactctl(*options, "--json", "explain", call.call)).out)
    assert (as_json["waited_s"], as_json["talk_s"], as_json["outcome"]) == (30, 123, "handled")
    assert as_json["facts"][-1]["event"]["kind"] == "ContactEnded"


def _offer(walk: Walk) -> ContactOffered:
    return next(event for _, _, event in reversed(walk.rows) if isinstance(event, ContactOffered))


# --- personal values ---


@dataclass
class Kept:
    """A contact of which number and name are kept, in a database without a daemon."""

    dsn: str
    contact: str
    options: tuple[str, str]

    async def fetch(self, sql: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()


@pytest.fixture
async def kept(server: Postgres, tmp_path: Path, request: pytest.FixtureRequest) -> Kept:
    walk = Walk()
    walk.open()
    call = walk.arrive(QueueId("sales"))
    name = f"kept{abs(hash(request.node.name)) % 10**9}"
    options = await journal(server, tmp_path, walk, name)
    found = Kept(server.dsn_of(name), call.contact, options)
    await found.fetch(f"INSERT INTO contact_private VALUES ('{call.contact}', '\\x00', '+49301234567', E'Eve\\x1b[2J')")
    await found.fetch(
        "INSERT INTO contact (id, floor, medium, pbx, call, dnis, arrived_at)"
        f" VALUES ('{call.contact}', 1, 'voice', 'pbx1', '{call.call}', '5000', now())"
    )
    return found


SHOWS = [("explain", "CONTACT"), ("contacts", "--past", "5")]


@pytest.mark.parametrize("json_too", [(), ("--json",)])
@pytest.mark.parametrize("command", SHOWS, ids=" ".join)
async def test_a_personal_value_is_shown_only_on_demand_and_written_down(
    kept: Kept, command: tuple[str, ...], json_too: tuple[str, ...]
) -> None:
    words = [kept.contact if word == "CONTACT" else word for word in command] + list(json_too)
    usual = await contactctl(*kept.options, *words)
    assert usual.code == 0, usual.err
    assert "301234567" not in usual.out and "Eve" not in usual.out
    assert await kept.fetch("SELECT 1 FROM audit") == []
    shown = await contactctl(*kept.options, *words, "--reveal")
    assert shown.code == 0, shown.err
    assert "+49301234567" in shown.out and "Eve" in shown.out
    assert "\x1b" not in shown.out
    (row,) = await kept.fetch("SELECT via, act, contact::text, fields, uid FROM audit")
    assert tuple(row) == (f"contactctl {command[0]}", "read", kept.contact, ["ani", "name"], os.getuid())


@pytest.mark.parametrize("command", SHOWS, ids=" ".join)
async def test_nothing_is_shown_when_the_look_cannot_be_written_down(kept: Kept, command: tuple[str, ...]) -> None:
    await kept.fetch("REVOKE INSERT ON audit FROM contactd_daemon")
    await kept.fetch("ALTER TABLE audit RENAME COLUMN who TO whom")
    words = [kept.contact if word == "CONTACT" else word for word in command]
    ran = await contactctl(*kept.options, *words, "--reveal")
    assert (ran.code, ran.out) == (Exit.ERROR, "")
    assert "PostgreSQL refused" in ran.err
    assert "301234567" not in ran.err


async def test_reveal_of_the_contacts_of_now_is_wrong_usage(kept: Kept) -> None:
    ran = await contactctl(*kept.options, "contacts", "--reveal")
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert "--past" in ran.err


async def test_audit_and_erase(kept: Kept) -> None:
    await contactctl(*kept.options, "explain", kept.contact, "--reveal")
    assert (await contactctl(*kept.options, "find", "+49301234567")).out == f"{kept.contact}\n"
    assert (await contactctl(*kept.options, "find", "+4930")).code == Exit.NOT_FOUND
    erased = await contactctl(*kept.options, "erase", kept.contact[:20], "--yes")
    assert "erased" in erased.out, erased.err
    assert "nothing was kept" in (await contactctl(*kept.options, "erase", kept.contact, "--yes")).out
    assert "nothing is kept" in (await contactctl(*kept.options, "explain", kept.contact, "--reveal")).out
    assert (await contactctl(*kept.options, "explain", kept.contact)).code == 0
    told = await contactctl(*kept.options, "audit", kept.contact)
    assert told.code == 0, told.err
    assert [line.split("contactctl ")[1].split()[0] for line in told.out.splitlines()[1:]] == [
        *("explain", "erase", "erase", "explain")
    ]
    assert kept.contact in told.out and "ani, name" in told.out
    rows = json.loads((await contactctl(*kept.options, "audit", "--last", "2", "--json")).out)
    assert [(row["act"], row["uid"]) for row in rows] == [("read", os.getuid()), ("erase", os.getuid())]
    nobody = await contactctl(*kept.options, "erase", "ffffffff-0000-7000-8000-000000000000", "--yes")
    assert nobody.code == Exit.NOT_FOUND


async def test_verify_tells_whether_the_journal_is_what_was_written(kept: Kept) -> None:
    """The walk's facts were put there past the appender: the floor's row knows none of them."""
    whole = await contactctl(*kept.options, "verify")
    assert (whole.code, whole.out) == (0, "floor 1: whole, 0 facts up to 0, 0 months sealed.\n")
    await kept.fetch("UPDATE floor SET seq = (SELECT max(seq) FROM event)")
    broken = await contactctl(*kept.options, "verify")
    assert broken.code == Exit.DEGRADED
    assert "BROKEN" in broken.out and "compare these facts with a backup" in broken.out


async def test_explain_says_when_nobody_or_too_many_are_meant(server: Postgres, tmp_path: Path) -> None:
    walk = Walk()
    walk.open()
    one, two = walk.arrive(), walk.arrive(after_s=1)
    options = await journal(server, tmp_path, walk, "many")
    nobody = await contactctl(*options, "explain", "pbx1-9.9")
    assert (nobody.code, nobody.out) == (Exit.NOT_FOUND, "")
    many = await contactctl(*options, "explain", one.contact[:6])
    assert many.code == Exit.NOT_FOUND
    assert one.contact in many.err
    assert two.contact in many.err


async def test_explain_without_a_database_has_a_code(tmp_path: Path) -> None:
    table = waiting_sample()
    table["database"] = {"dsn": "postgresql://contactd@127.0.0.1:1/contactd"}
    ran = await contactctl("--config", str(write(tmp_path, table)), "explain", "0190")
    assert ran.code == Exit.UNREACHABLE
    assert "PostgreSQL does not answer" in ran.err


async def test_past_contacts_come_from_history(server: Postgres, tmp_path: Path) -> None:
    walk = Walk()
    walk.open()
    call = walk.arrive(QueueId("sales"))
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=9)
    options = await journal(server, tmp_path, walk, "past")
    ran = await contactctl(*options, "contacts", "--past", "5")
    assert ran.code == 0, ran.err
    # The follower did not run.
    assert call.contact not in ran.out


# --- words ---


def test_every_event_of_a_contact_has_words_of_its_own() -> None:
    walk = Walk()
    walk.open()
    walk.wander(3, 1500)
    told = {type(event): words(event) for _, _, event in walk.rows if hasattr(event, "contact")}
    assert all(sentence != kind.__name__ and "{" not in sentence for kind, sentence in told.items())
    kinds = {kind for kind in AnyEvent.__args__ if "contact" in kind.__struct_fields__}
    assert set(_WORDS) == kinds


def test_every_outcome_has_words() -> None:
    assert set(_OUTCOME) == set(Outcome)
    assert set(_OFFER) == set(OfferOutcome)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (3599.6, "1 h 0 min"), (90061, "25 h 1 min")],
)
def test_durations_are_said_as_people_do(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_connection_by_the_static_queue_is_said_so() -> None:
    event = ev.ContactConnected(contact="c", agent=ALICE, offer=None, waited_s=4.0, seen_late=True)  # type: ignore[arg-type]
    assert words(event) == ("the static queue connected with alice, after a wait of 4.0 s; found so by a comparison")


# --- the papers ---


def test_the_papers_have_the_exit_codes() -> None:
    text = (ROOT / "docs/contactctl.rst").read_text()
    table = text.split(".. exit-codes", 1)[1].split("====  ===", 3)[2]
    rows = dict(line.split(maxsplit=1) for line in table.splitlines() if line[:1].isdigit())
    assert rows == {str(code.value): code.meaning for code in Exit}


def test_the_papers_tell_of_every_command() -> None:
    text = (ROOT / "docs/contactctl.rst").read_text()
    for name in cli.list_commands(click.Context(cli)):
        assert f"contactctl {name}" in text, f"docs/contactctl.rst does not tell of contactctl {name}"


def test_every_error_of_contactctl_has_its_exit_code() -> None:
    assert exit_of(DaemonUnreachable("away")) is Exit.UNREACHABLE
    assert exit_of(client.NotFound("x", "y")) is Exit.NOT_FOUND
    assert exit_of(client.Forbidden("x", "y")) is Exit.FORBIDDEN
    assert exit_of(client.Refused("x", "y")) is Exit.REFUSED
    assert exit_of(StoreAway("away")) is Exit.UNREACHABLE
    assert exit_of(ConfigErrors([])) is Exit.USAGE
    assert exit_of(ContactdError("something")) is Exit.ERROR


# --- hours ---


async def test_a_supervisor_closes_a_queue_and_lets_its_hours_count_again(
    daemon: tuple[Bench, tuple[str, str]],
) -> None:
    _, options = daemon
    words = ("close", "sales", "--for", "1h30m", "--why", "fire drill")
    closed = await contactctl(*options, *words)
    assert closed.code == Exit.FINE, closed.err
    assert "closed by hand until" in closed.out and "(fire drill)" in closed.out
    hours = json.loads((await contactctl(*options, "--json", "queues")).out)[0]["hours"]
    assert (hours["open"], round(hours["until"] - hours["since"])) == (False, 5400)
    assert (await contactctl(*options, "lift", "sales")).code == Exit.FINE
    again = await contactctl(*options, "lift", "sales")
    assert again.code == Exit.REFUSED and "follows its hours" in again.err
    assert (await contactctl(*options, "close", "sale", "--why", "fire")).code == Exit.NOT_FOUND
    for wrong in (("close", "sales"), ("open", "sales", "--why", "x"), ("close", "sales", "--why", "x", "--for", "2x")):
        assert (await contactctl(*options, *wrong)).code == Exit.USAGE


async def test_the_next_days_are_shown_as_the_files_mean_them(tmp_path: Path) -> None:
    path = write(tmp_path, sample())
    shown = await contactctl("--config", str(path), "hours", "office", "--on", "2026-12-23", "--days", "4")
    assert shown.code == Exit.FINE, shown.err
    days = [" ".join(line.split()) for line in shown.out.splitlines()[2:]]
    assert days == [
        "2026-12-23 Wed 08:00-12:00, 13:00-17:30",
        "2026-12-24 Thu 08:00-12:00 Christmas Eve",
        "2026-12-25 Fri closed Erster Weihnachtstag",
        "2026-12-26 Sat closed Zweiter Weihnachtstag",
    ]
    assert (await contactctl("--config", str(path), "hours", "ofice")).code == Exit.NOT_FOUND
    path.write_text(path.read_text().replace("Europe/Berlin", "Europe/Berln"))
    wrong = await contactctl("--config", str(path), "hours")
    assert wrong.code == Exit.USAGE and "Write Europe/Berlin" in wrong.err


async def test_in_a_narrow_terminal_a_closed_queue_is_told_below_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], daemon: tuple[Bench, tuple[str, str]]
) -> None:
    bench, _ = daemon
    bench.walk.put(inp.SwitchAsked(queue=QueueId("sales"), open=False, why="fire drill"))
    monkeypatch.setattr(tables, "console", lambda: Console(width=80, highlight=False))
    tables.show_queues(views.queues_view(bench.floor, bench.settings, bench.now))
    told = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in told[:3]) and "hours" not in told[0]
    assert told[3].startswith("sales: closed by hand (fire drill); new callers: ")


# --- tail ---


async def test_tail_shows_facts_while_they_are_kept(daemon: tuple[Bench, tuple[str, str]]) -> None:
    bench, options = daemon
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "contactd.ctl", *options, "tail", "--count", "3", "--queue", "sales"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "80"},
    )
    async with asyncio.timeout(10):
        await until(lambda: len(bench.surface.tail))
        bench.walk.steps.clear()
        call = bench.walk.arrive(QueueId("sales"))
        bench.surface.tail.publish(bench.walk.steps)
        bench.walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=5)
        bench.surface.tail.publish(bench.walk.steps[-1:])
        out, _ = await child.communicate()
    lines = out.decode().splitlines()
    assert child.returncode == 0
    assert len(lines) == 3
    assert re.fullmatch(r"\d\d:\d\d:\d\d  " + call.contact[:18] + "  arrived on line 5000 of pbx1", lines[0])
    assert lines[2].endswith("ended after 5.0 s: the caller hung up while waiting (cause 16)")
    assert all(len(line) <= 96 for line in lines)


async def test_tail_says_when_the_daemon_goes(daemon: tuple[Bench, tuple[str, str]]) -> None:
    bench, options = daemon
    running = asyncio.create_task(contactctl(*options, "tail", "--json"))
    async with asyncio.timeout(10):
        await until(lambda: len(bench.surface.tail))
        bench.walk.put(inp.SignInAsked(agent=ALICE, pin_right=True))
        bench.surface.tail.publish(bench.walk.steps[-1:])
        bench.surface.tail.stop()
        ran = await running
    assert ran.code == Exit.UNREACHABLE
    assert "contactd is stopping" in ran.err
    fact = json.loads(ran.out.splitlines()[0])
    assert (fact["event"]["kind"], fact["words"]) == ("AgentSignedIn", "alice signed in")
    assert fact["at"].endswith("+00:00")


@pytest.mark.parametrize("option", [("--queue", "nosuch"), ("--kind", "x")])
async def test_tail_of_what_there_is_not_is_told(
    daemon: tuple[Bench, tuple[str, str]], option: tuple[str, str]
) -> None:
    ran = await contactctl(*daemon[1], "tail", *option)
    assert (ran.code, ran.out) == (Exit.NOT_FOUND, "")
    assert "There is no" in ran.err


def test_every_fact_has_words() -> None:
    assert {*_WORDS, *_BESIDE} == set(AnyEvent.__args__)


# --- the shell ---


@pytest.mark.parametrize(
    ("words", "index", "offered"),
    [
        ("contactctl sign", 1, {"sign-in", "sign-out"}),
        ("contactctl CONFIG sign-in ", 4, {"alice", "bob"}),
        ("contactctl CONFIG sign-in al", 4, {"alice"}),
        ("contactctl CONFIG tail --queue s", 5, {"sales", "service"}),
    ],
)
async def test_the_shell_completes_commands_and_names(
    daemon: tuple[Bench, tuple[str, str]], words: str, index: int, offered: set[str]
) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from contactd.ctl.__main__ import main; main()"),
        stdout=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "_CONTACTCTL_COMPLETE": "bash_complete",
            "COMP_WORDS": words.replace("CONFIG", " ".join(daemon[1])),
            "COMP_CWORD": str(index),
        },
    )
    out, _ = await child.communicate()
    assert {line.removeprefix("plain,") for line in out.decode().splitlines()} == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_is_printed_for_each_shell(shell: str) -> None:
    ran = await contactctl("completion", shell)
    assert ran.code == 0
    assert "_CONTACTCTL_COMPLETE" in ran.out
