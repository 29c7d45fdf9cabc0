"""kill -9 at each point between the server and PostgreSQL: every message is kept once, and marked, all the same."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.mail.dovecot import Dovecot
from tests.mail.boxes import hash_of, hashes, message, until, until_kept, user


async def start(dsn: str, server: Dovecot, name: str, folder: Path, fault: str = "") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.mail.fetching_child", dsn, str(server.port), name, str(folder)),
        env={**os.environ, "CONTACTD_FAULT": fault},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


@pytest.mark.parametrize("point", ["fetched", "stored", "flagged"])
async def test_a_death_costs_and_doubles_nothing(
    point: str, server: Dovecot, database: str, pool: Any, tmp_path: Path
) -> None:
    name = user()
    # Small ones by fifty, a large one by itself.
    messages = [message(number) for number in range(70)] + [message(70, 600_000), message(71)]
    server.deliver(name, *messages)
    for time in (1, 2):
        dying = await start(database, server, name, tmp_path, f"kill@{point}:{time}")
        assert await asyncio.wait_for(dying.wait(), 60) == -signal.SIGKILL
    # What of it was kept is kept: the next one goes on there.
    before = set(await hashes(pool, name))
    assert before <= set(map(hash_of, messages))
    assert bool(before) or point == "fetched"
    living = await start(database, server, name, tmp_path)
    try:
        await until_kept(pool, name, len(messages))
        await until(lambda: server.uids(name, criterion="UNSEEN") == [], "all to be seen")
        server.deliver(name, message(99))
        await until_kept(pool, name, len(messages) + 1)
    finally:
        living.kill()
        await living.wait()
    assert await hashes(pool, name) == sorted(map(hash_of, [*messages, message(99)]))
    places = await pool.fetch("SELECT uid FROM mail_place WHERE mailbox = $1 ORDER BY uid", name)
    assert [row["uid"] for row in places] == server.uids(name)
