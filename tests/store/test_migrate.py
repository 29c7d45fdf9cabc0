"""The schema: migrations and schema.sql agree, an edited or newer one is refused, months are cut without a loss."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from contactd.config.retention import DEFAULT_DAYS
from contactd.engine.appender import Appender
from contactd.engine.spool import Spool
from contactd.store import migrate as module
from contactd.store.journal import Batch, SchemaUnfit
from contactd.store.migrate import Migration, MigrationRefused, migrate, migrations
from contactd.store.queries import sql_folder
from tests.engine.journal import fetch, journal_of, raw, seqs
from tests.lab.postgres import Postgres

_numbers = count(1)


@pytest.fixture
def empty(postgres: Postgres) -> Callable[[], str]:
    """Makes databases without anything in them."""
    return lambda: postgres.create_database(f"migrate{next(_numbers)}")


def dump(postgres: Postgres, dsn: str) -> list[str]:
    """The schema as pg_dump tells it, without what differs from run to run."""
    assert postgres._bin
    done = subprocess.run(
        [str(postgres._bin / "pg_dump"), "--schema-only", "--no-owner", dsn], capture_output=True, text=True, check=True
    )
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return [line for line in lines if line and not re.match(r"--|\\(un)?restrict ", line)]


async def test_the_migrations_make_what_schema_sql_says(postgres: Postgres, empty: Callable[[], str]) -> None:
    migrated, read = empty(), empty()
    await migrate(migrated)
    postgres.psql((sql_folder() / "schema.sql").read_text(), read.rpartition("/")[2])
    assert dump(postgres, migrated) == dump(postgres, read)
    for table in ("floor", "journal_part", "projection"):
        columns = {"journal_part": "part, first_seq, input_kept"}.get(table, "*")
        rows = [await fetch(dsn, f"SELECT {columns} FROM {table}") for dsn in (migrated, read)]
        assert rows[0] == rows[1] != []


async def test_migrating_again_runs_nothing(empty: Callable[[], str], postgres: Postgres) -> None:
    dsn = empty()
    assert [m.number for m in await migrate(dsn)] == [m.number for m in migrations()]
    before = dump(postgres, dsn)
    assert await migrate(dsn) == []
    assert dump(postgres, dsn) == before


async def test_two_at_once_wait_for_each_other(empty: Callable[[], str]) -> None:
    dsn = empty()
    runs = await asyncio.gather(*(migrate(dsn) for _ in range(4)))
    assert sorted(len(run) for run in runs) == [0, 0, 0, len(migrations())]


async def test_an_edited_migration_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *rest = migrations()
    edited = [replace(first, sql=first.sql + "-- a small change"), *rest]
    monkeypatch.setattr(module, "migrations", lambda: edited)
    with pytest.raises(MigrationRefused, match="is not the file that was run here"):
        await migrate(database)


async def test_a_database_of_a_newer_contactd_is_refused(database: str) -> None:
    await fetch(database, "INSERT INTO migration (number, name, sha256) VALUES (9999, 'later', '')")
    with pytest.raises(MigrationRefused, match="newer version"):
        await migrate(database)


async def test_an_owner_without_more_rights_migrates_as_the_installation_says(postgres: Postgres) -> None:
    """No superuser: CREATEROLE, and the database is its own."""
    owner, name = f"owner{next(_numbers)}", f"owned{next(_numbers)}"
    postgres.psql(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD 'x'")
    postgres.psql(f"CREATE DATABASE {name} OWNER {owner}")
    dsn = re.sub(r"//\w+:\w+@", f"//{owner}:x@", postgres.dsn_of(name))
    await migrate(dsn)
    assert await migrate(dsn) == []
    for role in ("contactd_daemon", "contactd_reader", "contactd_worker"):
        for right, thing in (("TEMPORARY", "database"), ("CREATE", "database"), ("CREATE", "schema")):
            of = name if thing == "database" else "public"
            (may,) = await fetch(dsn, f"SELECT has_{thing}_privilege('{role}', '{of}', '{right}')")
            assert not may, (role, right, thing)
    postgres.psql(f"CREATE ROLE login{owner} LOGIN PASSWORD 'x'")
    postgres.psql(f"GRANT contactd_daemon TO login{owner}")
    async with journal_of(re.sub(r"//\w+:\w+@", f"//login{owner}:x@", dsn)) as journal:
        await journal.check_schema(len(migrations()))
        assert (await journal.next_epoch()).epoch == 1


async def test_who_is_the_daemons_login_may_be_the_workers_after_an_upgrade(
    postgres: Postgres, empty: Callable[[], str]
) -> None:
    dsn, user = empty(), f"login{next(_numbers)}"
    old = await asyncpg.connect(dsn)
    await module._table(old)
    for migration in migrations()[:3]:
        await old.execute(migration.sql)
        insert = "INSERT INTO migration (number, name, sha256) VALUES ($1, $2, $3)"
        await old.execute(insert, migration.number, migration.name, migration.sha256)
    await old.close()
    postgres.psql(f"CREATE ROLE {user} LOGIN PASSWORD 'x'")
    postgres.psql(f"GRANT contactd_daemon TO {user}")
    await migrate(dsn)
    login = re.sub(r"//\w+:\w+@", f"//{user}:x@", dsn)
    connection = await asyncpg.connect(login, server_settings={"role": "contactd_worker"})
    await connection.fetch("SELECT * FROM job")
    await connection.close()


async def test_a_newer_database_that_this_contactd_still_works_with_is_left_as_it_is(database: str) -> None:
    """A roll back: the unit contactd-migrate of the old version runs before its daemon."""
    known = len(migrations())
    insert = "INSERT INTO migration (number, name, sha256, runs_with) VALUES ($1, 'later', '', $2)"
    await fetch(database, insert, known + 1, known)
    assert await migrate(database) == []
    async with journal_of(database) as journal:
        await journal.check_schema(known)
    await fetch(database, insert, known + 2, known + 1)
    with pytest.raises(MigrationRefused, match="newer version"):
        await migrate(database)
    async with journal_of(database) as journal:
        with pytest.raises(SchemaUnfit, match="Install the newer version again"):
            await journal.check_schema(known)
        await journal.check_schema(known + 2)


async def test_a_daemon_does_not_start_on_a_database_that_was_not_migrated_for_it(database: str) -> None:
    async with journal_of(database) as journal:
        with pytest.raises(SchemaUnfit, match="contactd migrate"):
            await journal.check_schema(len(migrations()) + 1)
    await fetch(database, "REVOKE SELECT ON migration FROM contactd_daemon")  # as before 0002
    async with journal_of(database) as journal:
        with pytest.raises(SchemaUnfit, match="is older"):
            await journal.check_schema(len(migrations()))


def test_every_migration_says_which_contactd_it_runs_with() -> None:
    """Expand first, contract a release later: what the release before knows goes on working."""
    first, *later = migrations()
    assert first.runs_with == 1
    for migration in later:
        assert f"-- runs with: {migration.runs_with:04}\n" in migration.sql, migration.name
        assert 1 <= migration.runs_with <= migration.number


async def test_a_migration_that_fails_leaves_nothing_of_itself(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Migration(len(migrations()) + 1, "broken", "CREATE TABLE half (n int); SELECT 1 / 0;")
    whole = [*migrations(), broken]
    monkeypatch.setattr(module, "migrations", lambda: whole)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database)
    assert await fetch(database, "SELECT to_regclass('half')") == [None]
    assert broken.number not in await fetch(database, "SELECT number FROM migration")


async def test_a_server_that_is_not_there_is_told_with_the_remedy() -> None:
    with pytest.raises(MigrationRefused, match="migrate_dsn"):
        await migrate("postgresql://nobody@127.0.0.1:1/none")


def test_migrations_are_numbered_without_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    monkeypatch.setattr(module, "sql_folder", lambda: tmp_path)
    (folder / "0001_one.sql").write_text("SELECT 1;")
    (folder / "0003_three.sql").write_text("SELECT 3;")
    with pytest.raises(MigrationRefused, match="without a gap"):
        migrations()
    (folder / "0003_three.sql").rename(folder / "0002 two.sql")
    with pytest.raises(MigrationRefused, match="NNNN_words"):
        migrations()


# --- months -----------------------------------------------------------------------------------------------------------


async def a_month_goes_by(dsn: str, days: int = 32) -> None:
    await fetch(dsn, f"UPDATE journal_part SET since = since - interval '{days} days'")


async def append(dsn: str, *numbers: int) -> None:
    async with journal_of(dsn) as journal:
        row = await journal.row()
        many = len(numbers)
        made = Batch(row.seq, numbers[-1], row.chain, row.chain)
        made.input_seq = made.event_seq = list(numbers)
        made.input_at = made.event_at = [1_800_000_000.0] * many
        made.input_kind = made.event_kind = ["Kind"] * many
        made.input_version = made.event_version = [1] * many
        made.input_body = made.event_body = [f'"{n}"' for n in numbers]
        made.input_config = [b""] * many
        made.event_contact = made.event_agent = [None] * many
        assert await journal.append(row.epoch, made)


async def parts(dsn: str, table: str) -> list[str]:
    return await fetch(
        dsn,
        "SELECT c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::text::regclass ORDER BY c.relname",
        table,
    )


async def test_nothing_is_cut_within_a_month(database: str) -> None:
    await append(database, 1, 2)
    await migrate(database)
    assert await parts(database, "event") == ["event_1 FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"]


async def test_a_new_month_gets_a_partition_and_every_row_stays(database: str) -> None:
    await append(database, 1, 2, 3)
    for first in (4, 6):
        await a_month_goes_by(database)
        await migrate(database, days={**DEFAULT_DAYS, "inputs": 0})
        await append(database, first, first + 1)
    assert await seqs(database) == [1, 2, 3, 4, 5, 6, 7]
    for table in ("event", "input"):
        assert await parts(database, table) == [
            f"{table}_1 FOR VALUES FROM (MINVALUE) TO ('4')",
            f"{table}_2 FOR VALUES FROM ('4') TO ('6')",
            f"{table}_3 FOR VALUES FROM ('6') TO (MAXVALUE)",
        ]
    assert await fetch(database, "SELECT seq FROM event_2 ORDER BY seq") == [4, 5]


async def test_a_month_in_which_nothing_happened_is_not_cut(database: str) -> None:
    for _ in range(3):
        await a_month_goes_by(database)
        await migrate(database)
    assert len(await parts(database, "event")) == 2
    await append(database, 1)
    await migrate(database)
    assert len(await parts(database, "event")) == 3
    assert await seqs(database) == [1]


async def test_inputs_are_dropped_after_35_days_and_events_never(database: str) -> None:
    for first in (1, 3, 5):
        await append(database, first, first + 1)
        await a_month_goes_by(database)
        await migrate(database)
    kept = [part.split()[0] for part in await parts(database, "input")]
    # The second ended 32 days ago, the first 64.
    assert kept == ["input_2", "input_3", "input_4"]
    assert len(await parts(database, "event")) == 4
    assert await seqs(database) == [1, 2, 3, 4, 5, 6]
    assert await fetch(database, "SELECT input_kept FROM journal_part ORDER BY part") == [False, True, True, True]
    await migrate(database)
    await append(database, 7)
    assert (await seqs(database))[-1] == 7


async def test_cutting_and_appending_at_once_wait_for_each_other(database: str, tmp_path: Path) -> None:
    """An append locks the tables and then the floor's row; a cut that did it the other way round would deadlock."""
    stop, went_on = asyncio.Event(), asyncio.Event()

    async def appends() -> int:
        number = 0
        async with journal_of(database) as journal:
            row, spool = await journal.row(), Spool(tmp_path)
            appender = Appender(journal, spool, row, lambda _: went_on.set())
            while not stop.is_set():
                number += 1
                appender.put(raw(number, epoch=row.epoch))
                await appender.drain()
            spool.close()
        return number

    writing = asyncio.create_task(appends())
    for _ in range(12):
        went_on.clear()
        await went_on.wait()
        await a_month_goes_by(database)
        await migrate(database, days={**DEFAULT_DAYS, "inputs": 100_000})
    stop.set()
    assert await seqs(database) == list(range(1, await writing + 1))
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await fetch(database, deadlocks) == [0]
    assert len(await parts(database, "event")) == 13
