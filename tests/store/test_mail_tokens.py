"""What signs outgoing mail: the same for all our processes, changed by a row, shut to everyone else."""

import uuid

import asyncpg
import pytest

from contactd.store.journal import open_pool
from contactd.store.mail_tokens import tokens
from contactd.store.reading import reader

THREAD = str(uuid.UUID(int=9))


async def test_daemon_and_worker_sign_alike_and_an_older_key_still_verifies(database: str) -> None:
    daemon, worker = await open_pool(database), await open_pool(database, role="contactd_worker")
    owner = await asyncpg.connect(database)
    try:
        async with daemon.acquire() as one, worker.acquire() as other:
            first = (await tokens(one)).token(THREAD)
            assert (await tokens(other)).token(THREAD) == first
            await owner.execute("INSERT INTO mail_secret DEFAULT VALUES")
            after = await tokens(other)
            assert after.token(THREAD) != first
            assert after.threads(first) == after.threads(after.token(THREAD)) == [THREAD]
    finally:
        await owner.close()
        daemon.terminate()
        worker.terminate()


async def test_a_reader_of_figures_gets_no_key(database: str) -> None:
    async with reader(database, role="contactd_reader") as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tokens(connection)
