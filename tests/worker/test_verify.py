"""The nightly look at the journal: run by a real worker, kept, told to Prometheus, gone on with where it broke off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from contactd.engine.appender import Appender
from contactd.engine.spool import Spool
from contactd.metrics import JobMetrics
from contactd.store.jobs import figures
from contactd.store.journal import open_pool
from contactd.worker import KINDS
from tests.engine.journal import chain_of, fetch, journal_of, raw
from tests.worker.test_worker import NEVER, ask, settings_of, until, working

BODIES = [f'{{"n": {n}}}' for n in range(1, 7)]


@pytest.fixture
async def journal(database: str, tmp_path: Path) -> str:
    """Six facts."""
    async with journal_of(database) as journal:
        row = await journal.next_epoch()
        spool = Spool(tmp_path / "spool")
        appender = Appender(journal, spool, row, lambda _: None)
        for seq, body in enumerate(BODIES, 1):
            appender.put(raw(seq, body, epoch=row.epoch))
            await appender.drain()
        spool.close()
    return database


async def told(dsn: str) -> str:
    """What Prometheus would read."""
    pool = await open_pool(dsn)
    registry = CollectorRegistry()
    metrics = JobMetrics(tuple(KINDS), registry)
    try:
        metrics.tell(await figures(pool, 1))
        return generate_latest(registry).decode()
    finally:
        pool.terminate()


async def test_a_whole_journal_is_told_to_be_whole(journal: str, tmp_path: Path) -> None:
    assert "contactd_journal_verified_timestamp_seconds 0.0" in await told(journal)
    async with working(settings_of(tmp_path, journal), now=lambda: NEVER, verify=KINDS["verify"]):
        await until(journal, "SELECT state FROM job", "done")
    assert await fetch(journal, "SELECT to_seq, facts, seals, broken_from FROM verification") == [(6, 6, 0, None)]
    page = await told(journal)
    for line in (
        'contactd_job_runs_total{kind="verify",outcome="done"} 1.0',
        'contactd_jobs{kind="verify",state="waiting"} 0.0',
        "contactd_journal_verified_seq 6.0",
        "contactd_journal_broken 0.0",
    ):
        assert line in page
    (seconds,) = await fetch(journal, "SELECT run_s FROM job_tally")
    assert f'contactd_job_run_seconds_total{{kind="verify",outcome="done"}} {seconds}' in page


async def test_a_changed_fact_is_found_kept_and_told(journal: str, tmp_path: Path) -> None:
    await fetch(journal, "UPDATE event SET body = '{}' WHERE seq = 3")
    async with working(settings_of(tmp_path, journal), now=lambda: NEVER, verify=KINDS["verify"]):
        await until(journal, "SELECT state FROM job", "done")
    assert await fetch(journal, "SELECT broken_from, broken_to FROM verification") == [(1, 6)]
    (result,) = await fetch(journal, "SELECT result::text FROM job")
    assert json.loads(result) == {"floor 1": "broken between the facts 1 and 6"}
    assert "contactd_journal_broken 1.0" in await told(journal)


async def test_it_goes_on_where_a_broken_attempt_was(journal: str, tmp_path: Path) -> None:
    """The progress of an attempt that was killed after four facts: the first ones are not read again."""
    progress = {"floor": 1, "seq": 4, "facts": 4, "chain": chain_of(BODIES[:4]).hex()}
    await ask(journal, "verify", "2019-12-31")
    await fetch(journal, "UPDATE job SET progress = $1::text::jsonb", json.dumps(progress))
    await fetch(journal, "UPDATE event SET body = '{}' WHERE seq = 2")
    async with working(settings_of(tmp_path, journal), now=lambda: NEVER, verify=KINDS["verify"]):
        await until(journal, "SELECT state FROM job WHERE key = '2019-12-31'", "done")
    assert (6, 6, None) in await fetch(journal, "SELECT to_seq, facts, broken_from FROM verification")


async def test_jobs_that_nobody_takes_are_told_with_their_age(database: str) -> None:
    await ask(database, "verify")
    await fetch(database, "UPDATE job SET due = now() - interval '1 hour'")
    page = await told(database)
    (line,) = [
        line for line in page.splitlines() if line.startswith('contactd_job_oldest_waiting_seconds{kind="verify"')
    ]
    assert 3590 < float(line.split()[1]) < 3700
    assert 'contactd_jobs{kind="verify",state="waiting"} 1.0' in page
