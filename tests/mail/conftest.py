from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from contactd.store.journal import open_pool
from tests.lab.mail.dovecot import Dovecot


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    """One mail server for the tests that do not break it; each takes a user of its own."""
    with Dovecot(tmp_path_factory.mktemp("dovecot")) as running:
        yield running


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Any]:
    """As the daemon's role."""
    made = await open_pool(database, size=6)
    yield made
    made.terminate()
