"""The private PostgreSQL as the tests of contactd need it: durable, killable, always on its port."""

import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.lab import postgres
from tests.lab.postgres import Postgres
from tests.lab.progress import LabError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("pg")) as running:
        yield running


async def test_only_the_password_lets_in(server: Postgres) -> None:
    connection = await asyncpg.connect(server.dsn)
    assert await connection.fetchval("SHOW fsync") == "on"
    assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.dsn, password="guess")


def test_committed_rows_and_the_port_survive_a_kill(server: Postgres) -> None:
    dsn = server.create_database("survivor")
    server.psql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)", "survivor")
    server.kill()
    with pytest.raises(LabError, match="refused"):
        server.psql("SELECT 1")
    server.start()
    assert server.psql("SELECT n FROM kept", "survivor") == "7"
    assert server.dsn_of("survivor") == dsn


async def test_a_paused_server_answers_nothing_until_it_goes_on(server: Postgres) -> None:
    connection = await asyncpg.connect(server.dsn)
    server.pause()
    with pytest.raises(TimeoutError):
        await connection.fetchval("SELECT 1", timeout=0.2)
    server.cont()
    await connection.close(timeout=5)
    assert server.psql("SELECT 1") == "1"


def test_a_second_instance_has_its_own_port_and_settings(server: Postgres, tmp_path: Path) -> None:
    with Postgres(tmp_path, settings={"max_connections": "7"}) as other:
        assert other.port != server.port
        assert other.psql("SHOW max_connections") == "7"


def test_a_start_that_fails_shows_the_servers_own_words(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(LabError, match="no_such_setting"):
        Postgres(tmp_path, settings={"no_such_setting": "1"}).start()
    assert time.monotonic() - began < 10


def test_a_named_folder_without_initdb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTACTD_LAB_PG_BIN", str(tmp_path))
    with pytest.raises(LabError, match="CONTACTD_LAB_PG_BIN"):
        list(postgres._candidates())
