"""A PostgreSQL that answers and will not: what is mended by somebody is waited for, and costs no fact.

Every refusal is a real server's; only TLS is put before it, since the lab's PostgreSQL may have none.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from structlog.testing import capture_logs

from contactd.engine.appender import Appender
from contactd.engine.recovery import take_floor
from contactd.engine.spool import Spool
from contactd.store.journal import FloorLock, Journal, StoreAway, StoreMisconfigured, open_pool
from contactd.store.migrate import migrate
from tests.engine.journal import fetch, frames, journal_of, seqs, until
from tests.lab.postgres import Postgres
from tests.store.tls import TlsFront

ROLE = "faults_app"


def as_role(dsn: str, password: str) -> str:
    """The same database for a login that is not its owner."""
    url = urlsplit(dsn)
    return urlunsplit(url._replace(netloc=f"{ROLE}:{password}@{url.hostname}:{url.port}"))


@pytest.fixture
async def dsn(database: str) -> AsyncIterator[str]:
    """As the daemon's own login."""
    await fetch(database, f"CREATE ROLE {ROLE} LOGIN PASSWORD 'right'")
    await fetch(database, f"GRANT contactd_daemon TO {ROLE}")
    yield as_role(database, "right")
    await fetch(database, f"REASSIGN OWNED BY {ROLE} TO CURRENT_USER")
    await fetch(database, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")
    await fetch(database, f"DROP ROLE {ROLE}")


@contextlib.asynccontextmanager
async def appending(dsn: str, folder: Path) -> AsyncIterator[tuple[Appender, asyncio.Task[None]]]:
    """An appender at work, as in a daemon that steers."""
    async with journal_of(dsn) as journal:
        lock = FloorLock(dsn, 1)
        spool = Spool(folder)
        _, row = await take_floor(journal, lock, spool, take_over=False, pause_s=0.01, notice_s=0)
        appender = Appender(journal, spool, row, lambda _: None)
        task = asyncio.create_task(appender.run())
        try:
            yield appender, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await lock.release()
            spool.close()


@pytest.mark.parametrize(
    ("breaks", "mends", "says"),
    [
        (f"ALTER ROLE {ROLE} PASSWORD 'other'", f"ALTER ROLE {ROLE} PASSWORD 'right'", "check the dsn, the password"),
        (f"ALTER ROLE {ROLE} NOLOGIN", f"ALTER ROLE {ROLE} LOGIN", "refuses the login"),
        (f"REVOKE contactd_daemon FROM {ROLE}", f"GRANT contactd_daemon TO {ROLE}", "GRANT contactd_daemon"),
        ("REVOKE INSERT ON event FROM contactd_daemon", "GRANT INSERT ON event TO contactd_daemon", "contactd migrate"),
        ("ALTER TABLE input RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO input", "contactd migrate"),
        (f"ALTER ROLE {ROLE} CONNECTION LIMIT 0", f"ALTER ROLE {ROLE} CONNECTION LIMIT -1", "raise max_connections"),
        (
            f"ALTER ROLE {ROLE} SET default_transaction_read_only = on",
            f"ALTER ROLE {ROLE} RESET default_transaction_read_only",
            "PostgreSQL is read-only",
        ),
    ],
    ids=["password", "login", "role", "right", "schema", "full", "read-only"],
)
async def test_what_somebody_must_mend_is_waited_for_and_costs_no_fact(
    database: str, dsn: str, tmp_path: Path, breaks: str, mends: str, says: str
) -> None:
    sent = frames(5)
    async with appending(dsn, tmp_path / "spool") as (appender, task):
        appender.put(sent[0])
        await appender.drained()
        await fetch(database, breaks)
        await fetch(database, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")
        for each in sent[1:]:
            appender.put(each)
        await until(lambda: appender.retries > 1 or task.done())
        assert appender.trouble is not None and says in appender.trouble, appender.trouble
        assert not task.done() and not appender.quarantined
        await fetch(database, mends)
        await appender.drained()
        assert appender.trouble is None and not appender.quarantined
    assert await seqs(database) == list(range(1, sent[-1].last_seq + 1))


async def test_a_start_that_is_not_let_in_says_so_and_ends(database: str, dsn: str, tmp_path: Path) -> None:
    """Waiting mends nothing, and at a first start somebody sits before it."""
    await fetch(database, f"REVOKE contactd_daemon FROM {ROLE}")
    spool = Spool(tmp_path / "spool")
    async with journal_of(dsn) as journal:
        lock = FloorLock(dsn, 1)
        with pytest.raises(StoreMisconfigured, match="GRANT contactd_daemon"):
            await take_floor(journal, lock, spool, take_over=False, pause_s=0.01, notice_s=0)
        await lock.release()
    with pytest.raises(StoreMisconfigured, match="password"):
        await FloorLock(as_role(database, "wrong"), 1).try_lock()
    with pytest.raises(StoreMisconfigured, match="dsn"):
        await FloorLock(f"{dsn}?sslmode=perhaps", 1).try_lock()
    spool.close()


# --- certificates ---------------------------------------------------------------------------------------------------


async def test_an_expired_certificate_is_refused_by_name_with_the_remedy(database: str) -> None:
    async with TlsFront(database, "expired") as front:
        pool = await open_pool(front.dsn)
        with pytest.raises(StoreMisconfigured, match=r"certificate has expired.*renew it"):
            await Journal(pool, 1).row()
        pool.terminate()
        with pytest.raises(StoreMisconfigured, match="ssl_cert_file"):
            await FloorLock(front.dsn, 1).try_lock()
        front.certificate = "valid"
        async with journal_of(front.dsn) as journal:
            assert (await journal.row()).epoch == 0


async def test_a_certificate_that_expires_while_we_steer_costs_no_fact(database: str, tmp_path: Path) -> None:
    async with TlsFront(database, "valid") as front, appending(front.dsn, tmp_path / "spool") as (appender, task):
        first, *others = frames(3)
        appender.put(first)
        await appender.drained()
        front.certificate = "expired"
        front.cut()
        for each in others:
            appender.put(each)
        await until(lambda: appender.retries > 1 or task.done())
        assert "certificate has expired" in str(appender.trouble)
        front.certificate = "valid"
        await appender.drained()
        assert not appender.quarantined
    assert await seqs(database) == list(range(1, others[-1].last_seq + 1))


async def test_a_server_without_tls_is_told_when_tls_is_asked_for(database: str) -> None:
    with pytest.raises(StoreAway, match=r"(?i)ssl"):
        await FloorLock(f"{database}?sslmode=require", 1).try_lock()


# --- disk full ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("full"), settings={"fsync": "off", "autovacuum": "off"}) as server:
        yield server


async def test_a_full_disk_of_postgresql_is_waited_out(own: Postgres, tmp_path: Path) -> None:
    """The table's file leads to /dev/full: every page that PostgreSQL adds to it meets the kernel's own ENOSPC."""
    dsn = own.create_database("full")
    await migrate(dsn)
    (name,) = await fetch(
        dsn, "SELECT pg_relation_filepath(inhrelid) FROM pg_inherits WHERE inhparent = 'event'::regclass"
    )
    own.stop()
    file = own.folder / "data" / name
    owner, kept = file.stat(), file.with_suffix(".kept")
    assert not owner.st_size
    file.rename(kept)
    file.symlink_to("/dev/full")
    assert stat.S_ISCHR(os.stat(file).st_mode)
    own.start()
    sent = frames(4)
    async with appending(dsn, tmp_path / "spool") as (appender, task):
        with capture_logs() as logs:
            for each in sent:
                appender.put(each)
            await until(lambda: any(line["event"] == "journal_away" for line in logs) or task.done())
        assert not task.done() and not appender.quarantined
        assert "No space left on device" in str(appender.trouble) and "make room on its disk" in str(appender.trouble)
        kept.replace(file)  # room again
        await _let_go(dsn)
        await appender.drained()
    assert await seqs(dsn) == list(range(1, sent[-1].last_seq + 1))


async def _let_go(dsn: str) -> None:
    """Every other connection ends, and with it what it holds open."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    await connection.close()
