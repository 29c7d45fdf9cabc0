"""Every named query fits the schema, and the daemon's role may do what they need and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from contactd.store import queries
from contactd.store.queries import SqlMissing, all_queries, query, sql_folder


@pytest.fixture
async def daemon(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection with the daemon's rights."""
    connection = await asyncpg.connect(database, server_settings={"role": "contactd_daemon"})
    yield connection
    await connection.close()


@pytest.fixture
async def owner(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the database's owner."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def worker(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection with the workers' rights."""
    connection = await asyncpg.connect(database, server_settings={"role": "contactd_worker"})
    yield connection
    await connection.close()


OF_THE_WORKER = {"add_job", "floors", "seals", "bodies"}
"""Beside those of worker.sql and outbox.sql."""


async def test_every_query_is_prepared_and_planned_by_whoever_asks_it(
    daemon: asyncpg.Connection, worker: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    by_file = {"worker.sql": worker, "outbox.sql": worker, "owner.sql": owner}
    for named in all_queries().values():
        askers = [by_file.get(named.file, daemon)]
        if named.name in OF_THE_WORKER:
            askers = [daemon, worker]
        for asker in askers:
            prepared = await asker.prepare(named.sql)
            parameters = prepared.get_parameters()
            nulls = ", ".join("NULL" for _ in parameters)
            await asker.execute(f"PREPARE {named.name} AS {named.sql}")
            # Rights are looked at when a plan is begun, and EXPLAIN begins it without running it.
            await asker.execute(f"EXPLAIN EXECUTE {named.name}" + (f"({nulls})" if parameters else ""))


async def test_every_query_says_what_it_is_for_and_what_its_parameters_are(database: str) -> None:
    owner = await asyncpg.connect(database)
    for named in all_queries().values():
        for number, _ in enumerate((await owner.prepare(named.sql)).get_parameters(), 1):
            assert f"${number} " in named.description, f"{named.name} does not say what ${number} is"
    await owner.close()


async def test_every_query_is_used() -> None:
    code = "".join(path.read_text() for path in (sql_folder().parent / "contactd").rglob("*.py"))
    assert not [name for name in all_queries() if f'"{name}"' not in code]


def test_a_query_that_is_not_there_is_told_with_the_remedy() -> None:
    with pytest.raises(SqlMissing, match="install contactd again"):
        query("no_such_query")


@pytest.mark.parametrize(
    "text",
    [
        "-- name: one\n-- Twice.\nSELECT 1;\n-- name: one\n-- Twice.\nSELECT 2;",
        "-- name: mute\nSELECT 1;",
        "-- name: x\n-- y",
    ],
)
def test_a_query_twice_or_without_words_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "some.sql").write_text(text)
    monkeypatch.setattr(queries, "sql_folder", lambda: tmp_path)
    with pytest.raises(SqlMissing):
        all_queries.__wrapped__()


@pytest.mark.parametrize("table", ["event", "input", "event_1", "input_1", "seal", "config_version", "audit"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"])
async def test_the_daemon_can_neither_change_nor_remove_what_happened(
    table: str, deed: str, daemon: asyncpg.Connection
) -> None:
    column = {"config_version": "files", "seal": "hash", "audit": "who"}.get(table, "body")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await daemon.execute(deed.format(table, column, column))


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM floor",
        "INSERT INTO floor (id) VALUES (2)",
        "UPDATE journal_part SET first_seq = 0",
        "SELECT cut_journal('1 day')",
        "CREATE TABLE mine (n int)",
        "CREATE TEMPORARY TABLE mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT forget('1 day', '1 day')",
        "SELECT ani FROM contact_private",
        "SELECT name FROM contact_private",
        "SELECT salt FROM contact_private",
        "DELETE FROM contact_private RETURNING ani",
        "DELETE FROM contact_private WHERE ani = '030'",
        "UPDATE contact_private SET ani = ''",
        "UPDATE floor SET id = 2",
        "INSERT INTO audit (at, who, via, act) VALUES ('2020-01-01', 'x', 'x', 'x')",
        "INSERT INTO audit (login, who, via, act) VALUES ('x', 'x', 'x', 'x')",
        "DELETE FROM contact",
        "DELETE FROM migration",
        "DELETE FROM job",
        "UPDATE job SET arguments = '{}'",
        "UPDATE job SET result = '{}'",
        "UPDATE job_tally SET runs = 0",
        "INSERT INTO verification (floor, to_seq, facts, seals) VALUES (1, 1, 1, 1)",
        "SELECT forget_jobs('1 day')",
        "UPDATE snapshot SET body = ''",
    ],
)
async def test_the_daemon_may_not(sql: str, daemon: asyncpg.Connection, database: str) -> None:
    if "cut_journal" in sql:
        owner = await asyncpg.connect(database)
        await owner.execute("UPDATE journal_part SET since = since - interval '90 days'")
        await owner.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await daemon.execute(sql)


@pytest.fixture
async def reports(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection with the rights of reports."""
    connection = await asyncpg.connect(database, server_settings={"role": "contactd_reader"})
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT contact FROM contact_private",
        "SELECT * FROM reveal(ARRAY[1])",
        "SELECT * FROM audit",
        "INSERT INTO audit (who, via, act) VALUES ('x', 'x', 'x')",
        "SELECT * FROM input",
        "SELECT * FROM snapshot",
        "SELECT * FROM contact",
        "SELECT * FROM config_version",
        "INSERT INTO event SELECT * FROM event",
        "UPDATE floor SET chain = ''",
        "INSERT INTO seal SELECT * FROM seal",
        "UPDATE seal SET hash = ''",
        "DELETE FROM job",
        "UPDATE job SET arguments = '{}'",
        "UPDATE job SET kind = ''",
        "DELETE FROM job_tally",
        "UPDATE verification SET broken_from = NULL",
        "DELETE FROM verification",
        "INSERT INTO verification (floor, at, to_seq, facts, seals) VALUES (1, '2020-01-01', 1, 1, 1)",
        "SELECT forget_jobs('1 day')",
        "SELECT forget('1 day', '1 day')",
        "CREATE TABLE mine (n int)",
        "CREATE TEMPORARY TABLE mine (n int)",
    ],
)
async def test_a_worker_may_not(sql: str, worker: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await worker.execute(sql)


@pytest.mark.parametrize("table", ["contact", "agent_span", "event", "seal", "floor", "projection", "config_version"])
async def test_reports_may_read(table: str, reports: asyncpg.Connection) -> None:
    await reports.fetch(f"SELECT * FROM {table}")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT contact FROM contact_private",
        "SELECT * FROM reveal(ARRAY[1])",
        "SELECT find_caller(1, '')",
        "SELECT find_callers(1, '{}', '{}')",
        "SELECT * FROM hold",
        "SELECT held_parties()",
        "SELECT count_batch('audit', 1, NULL, 1)",
        "SELECT * FROM audit",
        "SELECT * FROM input",
        "SELECT * FROM snapshot",
        "INSERT INTO event SELECT * FROM event",
        "UPDATE contact SET outcome = ''",
        "DELETE FROM contact",
        "CREATE TABLE mine (n int)",
        "CREATE TEMPORARY TABLE mine (n int)",
    ],
)
async def test_reports_may_not(sql: str, reports: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reports.execute(sql)


async def test_the_roles_own_nothing(database: str) -> None:
    owner = await asyncpg.connect(database)
    try:
        for role in ("contactd_daemon", "contactd_reader", "contactd_worker"):
            owned = "SELECT count(*) FROM pg_class WHERE relowner = $1::regrole"
            assert await owner.fetchval(owned, role) == 0
            row = await owner.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", role)
            assert row is not None
            rights = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication", "rolbypassrls")
            assert not [name for name in rights if row[name]]
    finally:
        await owner.close()
