"""Peers that many tests share. A peer that cannot be had fails the test; it is never skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, settings

from contactd.store.migrate import migrate
from tests.lab.postgres import Postgres

_numbers = count(1)

# How long an example takes says something of what else the machine does, and nothing of contactd.
settings.register_profile("contactd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("contactd")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One private PostgreSQL for the tests that do not break it."""
    with Postgres(tmp_path_factory.mktemp("postgres"), settings={"fsync": "off"}) as server:
        yield server


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[str]:
    """The DSN of an empty, migrated database, as its owner."""
    dsn = postgres.create_database(f"test{next(_numbers)}")
    await migrate(dsn)
    yield dsn
