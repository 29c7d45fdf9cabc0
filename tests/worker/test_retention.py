"""The nightly job that forgets: run by a real worker, and told to Prometheus."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from contactd.config.retention import DEFAULT_DAYS
from contactd.store import retention
from contactd.worker import KINDS
from tests.engine.journal import fetch
from tests.store.test_parties import contact_of
from tests.worker.test_verify import told
from tests.worker.test_worker import NEVER, settings_of, until, working


async def test_a_worker_forgets_and_tells(database: str, tmp_path: Path) -> None:
    await contact_of(database, None, 1, days_ago=91)
    young = await contact_of(database, None, 2, days_ago=89)
    owner = await asyncpg.connect(database)
    await retention.set_days(owner, DEFAULT_DAYS)
    await owner.execute("UPDATE retention SET ran_at = NULL")
    await owner.close()
    assert 'contactd_retention_run_timestamp_seconds{kind="callers"} 0.0' in await told(database)
    async with working(settings_of(tmp_path, database), now=lambda: NEVER, retention=KINDS["retention"]):
        await until(database, "SELECT state FROM job", "done")
    assert await fetch(database, "SELECT contact::text FROM contact_private") == [young]
    (result,) = await fetch(database, "SELECT result ->> 'callers' FROM job")
    assert result == "1 rows removed"
    page = await told(database)
    assert 'contactd_retention_removed_rows_total{kind="callers"} 1.0' in page
    assert 'contactd_retention_held_rows{kind="callers"} 0.0' in page
    assert 'contactd_retention_run_timestamp_seconds{kind="callers"} 0.0' not in page
    assert 'contactd_retention_oldest_timestamp_seconds{kind="callers"}' in page
