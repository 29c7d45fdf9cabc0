"""PostgreSQL proves who it is, or nothing is said to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from contactd.store.journal import FloorLock, Journal, StoreAway, open_pool
from contactd.store.migrate import MigrationRefused, migrate
from contactd.store.reading import reader
from tests.lab.postgres import Postgres
from tests.store.tls import CERTIFICATES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Speaks TLS, with a certificate for 127.0.0.1."""
    with Postgres(
        tmp_path_factory.mktemp("postgres"),
        settings={"fsync": "off", "listen_addresses": "127.0.0.1,127.0.0.2"},
        tls=True,
    ) as made:
        made.create_database("contactd")
        _speak_tls(made)
        yield made


def _speak_tls(server: Postgres) -> None:
    data = Path(server.psql("SHOW data_directory"))
    owner = data.stat()
    for name, place in (("server.key", data / "server.key"), ("valid.crt", data / "server.crt")):
        place.touch(mode=0o600)
        place.write_bytes((CERTIFICATES / name).read_bytes())
        os.chown(place, owner.st_uid, owner.st_gid)
    server.psql("ALTER SYSTEM SET ssl = on")
    server.stop()
    server.start()


def dsn_of(server: Postgres, ca: str | Path = "ca.crt", host: str = "127.0.0.1") -> str:
    ca = CERTIFICATES / ca
    return f"{server.dsn_of('contactd').replace('127.0.0.1', host)}?sslmode=verify-full&sslrootcert={ca}"


async def ask(dsn: str) -> None:
    """As the daemon asks."""
    pool = await open_pool(dsn)
    try:
        await Journal(pool, 1).row()
    finally:
        pool.terminate()


async def test_everything_goes_over_a_connection_that_was_verified(server: Postgres) -> None:
    dsn = dsn_of(server)
    await migrate(dsn)
    await ask(dsn)
    lock = FloorLock(dsn, 1)
    assert await lock.try_lock()
    await lock.release()
    async with reader(dsn) as connection:
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        assert server.psql(f"SELECT ssl FROM pg_stat_ssl WHERE pid = {pid}") == "t"


async def refused_by_all(dsn: str, words: str) -> None:
    with pytest.raises(StoreAway, match=words):
        await ask(dsn)
    with pytest.raises(StoreAway, match=words):
        await FloorLock(dsn, 1).try_lock()
    with pytest.raises(StoreAway, match=words):
        async with reader(dsn):
            pass
    with pytest.raises(MigrationRefused, match=words):
        await migrate(dsn)


async def test_another_ca_is_refused_with_the_remedy(server: Postgres) -> None:
    await refused_by_all(dsn_of(server, "stranger.crt"), "sslrootcert names the CA that signed it")


async def test_another_name_is_refused_with_the_remedy(server: Postgres) -> None:
    await refused_by_all(dsn_of(server, host="127.0.0.2"), "host is one of its names")


async def test_a_ca_file_that_is_not_there_is_told_with_the_remedy(server: Postgres, tmp_path: Path) -> None:
    await refused_by_all(dsn_of(server, tmp_path / "nowhere"), r"a CA \(sslrootcert\) that is not there")


async def test_a_server_without_tls_is_refused_with_the_remedy(postgres: Postgres) -> None:
    dsn = f"{postgres.dsn}?sslmode=verify-full&sslrootcert={CERTIFICATES / 'ca.crt'}"
    await refused_by_all(dsn, "No TLS with PostgreSQL")


async def test_in_the_clear_is_refused_where_pg_hba_wants_tls(server: Postgres) -> None:
    hba = Path(server.psql("SHOW hba_file"))
    before = hba.read_text()  # noqa: ASYNC240
    hba.write_text(before.replace("host ", "hostssl "))  # noqa: ASYNC240
    try:
        server.psql("SELECT pg_reload_conf()")
        for _ in range(200):
            try:
                connection = await asyncpg.connect(server.dsn_of("contactd"), ssl=False)
            except asyncpg.InvalidAuthorizationSpecificationError:
                break
            await connection.close()
        else:
            raise AssertionError("PostgreSQL lets everybody in")
        await ask(dsn_of(server))
    finally:
        hba.write_text(before)  # noqa: ASYNC240
        server.psql("SELECT pg_reload_conf()")
