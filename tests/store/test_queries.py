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


async def test_every_query_is_prepared_and_planned_as_the_daemon(daemon: asyncpg.Connection) -> None:
    for named in all_queries().values():
        prepared = await daemon.prepare(named.sql)
        parameters = prepared.get_parameters()
        nulls = ", ".join("NULL" for _ in parameters)
        await daemon.execute(f"PREPARE {named.name} AS {named.sql}")
        # Rights are looked at when a plan is begun, and EXPLAIN begins it without running it.
        await daemon.execute(f"EXPLAIN EXECUTE {named.name}" + (f"({nulls})" if parameters else ""))


async def test_every_query_says_what_it_is_for_and_what_its_parameters_are(daemon: asyncpg.Connection) -> None:
    for named in all_queries().values():
        for number, _ in enumerate((await daemon.prepare(named.sql)).get_parameters(), 1):
            assert f"${number} " in named.description, f"{named.name} does not say what ${number} is"


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


@pytest.mark.parametrize("table", ["event", "input", "event_1", "input_1", "seal", "config_version"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"])
async def test_the_daemon_can_neither_change_nor_remove_what_happened(
    table: str, deed: str, daemon: asyncpg.Connection
) -> None:
    column = {"config_version": "files", "seal": "hash"}.get(table, "body")
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
        "DELETE FROM contact",
        "DELETE FROM migration",
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
