"""contactctl jobs: what the workers do and could not do; who retries or drops is written down."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from contactd.ctl.doctor.database import judge_jobs
from contactd.ctl.doctor.findings import Findings
from contactd.ctl.exits import Exit
from contactd.metrics import JobFigures
from tests.ctl.test_contactctl import contactctl
from tests.engine.journal import fetch
from tests.worker.test_worker import ask, settings_of


@pytest.fixture
def options(database: str, tmp_path: Path) -> tuple[str, str]:
    return ("--config", settings_of(tmp_path, database).path)


async def dead(dsn: str) -> None:
    """A job that died yesterday after five attempts, its progress kept."""
    await ask(dsn, "verify", "2027-03-01")
    await fetch(
        dsn,
        "UPDATE job SET state = 'dead', attempts = 5, error = 'PostgreSQL went away.', progress = '{\"seq\": 4}',"
        " started_at = now() - interval '1 day', ended_at = now() - interval '1 day', worker = 'host:1:abcdef'",
    )


async def test_they_are_listed_and_shown(database: str, options: tuple[str, str]) -> None:
    empty = await contactctl(*options, "jobs", "list")
    assert (empty.code, empty.err) == (0, "") and "there is no job" in empty.out
    await dead(database)
    listed = await contactctl(*options, "jobs", "list")
    assert re.search(r"1 +verify +2027-03-01 +dead +5 .*host:1 +PostgreSQL went away\.", listed.out), listed.out
    assert "verify" not in (await contactctl(*options, "jobs", "list", "--state", "done")).out
    shown = await contactctl(*options, "jobs", "show", "1")
    assert shown.code == Exit.DEGRADED
    for words in ("job 1: verify 2027-03-01, dead", "PostgreSQL went away.", "seq 4"):
        assert words in shown.out
    told = json.loads((await contactctl(*options, "--json", "jobs", "show", "1")).out)
    assert (told["state"], told["attempts"], told["progress"]) == ("dead", 5, {"seq": 4})


async def test_a_dead_one_is_retried_from_where_it_was_and_who_did_is_written_down(
    database: str, options: tuple[str, str]
) -> None:
    await dead(database)
    ran = await contactctl(*options, "jobs", "retry", "1")
    assert ran.code == 0 and "waiting" in ran.out, ran.err
    state = "SELECT state, attempts, progress::text, due <= now() FROM job"
    assert await fetch(database, state) == [("waiting", 0, '{"seq": 4}', True)]
    audited = "SELECT who, via, act, outcome FROM audit"
    assert await fetch(database, audited) == [("root", "contactctl jobs", "retry job", "job 1: verify 2027-03-01")]


async def test_one_is_dropped_once(database: str, options: tuple[str, str]) -> None:
    await dead(database)
    assert (await contactctl(*options, "jobs", "drop", "1")).code == 0
    again = await contactctl(*options, "jobs", "drop", "1")
    assert (again.code, again.out) == (Exit.REFUSED, "") and "ended already" in again.err
    assert await fetch(database, "SELECT act FROM audit") == ["drop job"]


async def test_one_is_asked_for_beside_the_daily_ones(database: str, options: tuple[str, str]) -> None:
    assert (await contactctl(*options, "jobs", "add", "verify")).code == 0
    assert await fetch(database, "SELECT kind, state FROM job") == [("verify", "waiting")]
    assert await fetch(database, "SELECT act FROM audit") == ["add job"]
    assert (await contactctl(*options, "jobs", "add", "dance")).code == Exit.USAGE


async def test_nothing_is_done_that_cannot_be_written_down(database: str, options: tuple[str, str]) -> None:
    await dead(database)
    await fetch(database, "ALTER TABLE audit RENAME COLUMN who TO whom")
    ran = await contactctl(*options, "jobs", "retry", "1")
    assert (ran.code, ran.out) == (Exit.ERROR, "")
    assert await fetch(database, "SELECT state FROM job") == ["dead"]


@pytest.mark.parametrize("command", ["show", "retry", "drop"])
async def test_a_number_that_is_none_is_told(options: tuple[str, str], command: str) -> None:
    ran = await contactctl(*options, "jobs", command, "77")
    assert (ran.code, ran.out) == (Exit.NOT_FOUND, "") and "contactctl jobs list" in ran.err


@pytest.mark.parametrize(
    ("figures", "check", "level"),
    [
        (JobFigures(), "jobs", "ok"),
        (JobFigures(open={("verify", "running"): (1, 0.0), ("verify", "waiting"): (1, 60.0)}), "jobs", "ok"),
        (JobFigures(open={("verify", "waiting"): (1, 1000.0)}), "jobs", "warning"),
        (JobFigures(open={("verify", "dead"): (2, 0.0)}), "jobs", "warning"),
        (JobFigures(verified_at=1.0, broken=True), "journal", "error"),
    ],
)
def test_the_doctor_tells_what_the_workers_leave_behind(figures: JobFigures, check: str, level: str) -> None:
    found = Findings()
    judge_jobs(found.at("database"), figures)
    (finding,) = [one for one in found.all if one.check == check]
    assert finding.level == level and bool(finding.remedy) == (level != "ok")
