"""The kind case_targets: told once before it breaks, kept when it broke, and following the calendars."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from contactd.config import CaseType, Settings
from contactd.core.ids import CalendarId
from contactd.hours.calendar import Calendar
from contactd.metrics import CaseMetrics
from contactd.services.cases.casework import Casework
from contactd.services.cases.changing import Edit
from contactd.services.cases.rules import Rules
from contactd.services.cases.watching import followed, told
from contactd.store import case_watch, cases
from contactd.store.audit import Who
from contactd.store.cases import Case
from contactd.store.reading import reader
from contactd.store.vault import Vault
from contactd.worker import KINDS
from contactd.worker.kinds import Calendar as Asking
from tests.engine.journal import fetch
from tests.worker.test_worker import ask, settings_of, until, working

NEVER = datetime.datetime(2027, 3, 1, tzinfo=datetime.UTC)
TYPES = {"complaint": CaseType(first_answer_min=120, resolution_min=960, warn_min=60)}
RULES = Rules.of(TYPES, {}, {"sales"}, {"anna"})


@pytest.fixture
async def desk(database: str) -> AsyncIterator[asyncpg.Connection]:
    async with reader(database, writes=True) as connection:
        yield connection


@pytest.fixture
async def worker(database: str) -> AsyncIterator[asyncpg.Connection]:
    """With a worker's rights and no more."""
    async with reader(database, writes=True, role="contactd_worker") as connection:
        yield connection


@pytest.fixture
def work(desk: asyncpg.Connection) -> Casework:
    return Casework(desk, Vault(), RULES, Who(0), "test")


async def aged(database: str, case: Case, minutes: float) -> None:
    """Its targets began, and are due, so much earlier."""
    back = f"- make_interval(secs => {minutes * 60})"
    sets = ", ".join(f"{column} = {column} {back}" for column in ("since", "warn_at", "due"))
    await fetch(database, f"UPDATE case_target SET {sets} WHERE case_id = $1", case.id)


async def history(desk: asyncpg.Connection, case: Case) -> list[tuple[str, str, str | None]]:
    found = await cases.changes(desk, case.id)
    return [(one.who, one.what, one.now) for one in found if one.what in ("first_answer", "resolution")]


async def test_a_target_is_told_once_before_it_breaks_and_once_when_it_broke(
    database: str, desk: asyncpg.Connection, worker: asyncpg.Connection, work: Casework
) -> None:
    case = await work.open(Edit())
    assert await told(worker) == []
    await aged(database, case, 61)
    ((number, *what),) = await told(worker)
    assert number.startswith("C-") and what == ["first_answer", "soon"]
    assert await told(worker) == []
    await aged(database, case, 60)
    assert [one[1:] for one in await told(worker)] == [("first_answer", "broken")]
    assert await told(worker) == []
    assert await history(desk, case) == [("contactd", "first_answer", "soon"), ("contactd", "first_answer", "broken")]
    # Met too late, and told as that.
    await work.change(case.id, Edit(answered=True))
    assert (await history(desk, case))[-1][1:] == ("first_answer", "late")
    assert await told(worker) == []


async def test_one_that_nobody_looked_at_in_time_is_broken_and_not_soon(
    database: str, worker: asyncpg.Connection, work: Casework
) -> None:
    await aged(database, await work.open(Edit()), 10_000)
    assert sorted(one[1:] for one in await told(worker)) == [("first_answer", "broken"), ("resolution", "broken")]
    assert await told(worker) == []


async def test_what_runs_follows_a_changed_calendar_and_nothing_else_does(
    database: str, desk: asyncpg.Connection, worker: asyncpg.Connection, work: Casework
) -> None:
    office = CalendarId("office")
    section = replace_type(calendar=office)
    never = Calendar(datetime.UTC, {day: () for day in range(7)})
    open_now = Rules.of({"complaint": section}, {}, (), ())
    shut = Rules.of({"complaint": section}, {office: never}, (), ())
    work = replace(work, rules=open_now)
    running, paused, broken = [await work.open(Edit()) for _ in range(3)]
    await work.change(paused.id, Edit(status="waiting"))
    await aged(database, broken, 10_000)
    await told(worker)

    async def due() -> dict[str, list[float | None]]:
        found = await cases.targets(desk, [running.id, paused.id, broken.id])
        return {one: [target.due for target in targets] for one, targets in found.items()}

    before = await due()
    assert await followed(worker, shut) == 2
    now = await due()
    assert now[running.id] == [None, None]
    assert (now[paused.id], now[broken.id]) == (before[paused.id], before[broken.id])
    assert await followed(worker, shut) == 0
    assert await followed(worker, open_now) == 2
    assert await due() == before


def replace_type(**changes: Any) -> CaseType:
    return CaseType(first_answer_min=120, resolution_min=960, warn_min=60, **changes)


async def test_prometheus_is_told_of_what_runs(database: str, desk: asyncpg.Connection, work: Casework) -> None:
    registry = CollectorRegistry()
    metrics = CaseMetrics(registry)
    assert "contactd_cases{" not in generate_latest(registry).decode()
    some = [await work.open(Edit()) for _ in range(3)]
    await aged(database, some[0], 130)
    await aged(database, some[1], 61)
    await work.change(some[2].id, Edit(status="waiting"))
    metrics.tell(await case_watch.read_figures(desk))
    text = generate_latest(registry).decode()
    for line in (
        'contactd_cases{phase="open"} 2.0',
        'contactd_cases{phase="waiting"} 1.0',
        'contactd_case_targets{state="broken",target="first_answer"} 1.0',
        'contactd_case_targets{state="soon",target="first_answer"} 1.0',
        'contactd_case_targets{state="running",target="first_answer"} 0.0',
        'contactd_case_targets{state="running",target="resolution"} 2.0',
    ):
        assert line in text, text


def test_it_is_asked_for_every_ten_minutes_by_a_key_that_all_workers_share() -> None:
    class Jobs:
        verify_at = "03:40"

    asking = Asking({"case_targets": KINDS["case_targets"]}, Jobs())  # type: ignore[arg-type]
    at = datetime.datetime(2026, 11, 23, 10, 14, 59, tzinfo=datetime.UTC)
    assert asking.due(at) == [("case_targets", "2026-11-23 10:10:00")]
    asking.asked(*asking.due(at)[0])
    assert asking.due(at + datetime.timedelta(minutes=5)) == []
    assert asking.due(at + datetime.timedelta(minutes=6)) == [("case_targets", "2026-11-23 10:20:00")]


async def test_a_worker_does_it_by_the_configuration_in_force(
    database: str, tmp_path: Path, work: Casework, desk: asyncpg.Connection
) -> None:
    settings: Settings = settings_of(tmp_path, database)
    case = await work.open(Edit())
    await aged(database, case, 100)
    await ask(database, "case_targets", "now")
    async with working(settings, now=lambda: NEVER, case_targets=replace(KINDS["case_targets"], every_s=None)):
        await until(database, "SELECT state FROM job", "done", timeout_s=60)
    (result,) = await fetch(database, "SELECT result::text FROM job")
    # By the sample's type, whose warning comes half an hour before.
    assert '"soon": 1' in result and '"broken": 0' in result and '"moved": 2' in result
    assert await history(desk, case) == [("contactd", "first_answer", "soon")]
