"""A whole contactd as systemd starts it: what it tells, and who feeds the watchdog."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.lab.systemd import NotifySocket
from tests.system.centre import Centre

WATCHDOG_S = 3.0


@pytest.fixture(scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    async with Centre(tmp_path_factory.mktemp("watched"), agents=1) as centre:
        centre.stack.daemon.stop()
        yield centre


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[NotifySocket]:
    with NotifySocket(str(tmp_path / "notify")) as made:
        yield made


def environment(systemd: NotifySocket) -> dict[str, str]:
    return {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}


async def stays_fed(systemd: NotifySocket, for_s: float) -> None:
    """What a watchdog does is to look again and again: there is no condition to wait for."""
    since = time.monotonic()
    while time.monotonic() - since < for_s:
        assert systemd.hungry_s() < WATCHDOG_S, systemd.told
        await asyncio.sleep(0.05)
    assert systemd.longest_gap_s(since) < WATCHDOG_S


async def test_the_status_follows_what_goes_on_and_the_watchdog_is_fed_all_the_while(
    watched: Centre, systemd: NotifySocket
) -> None:
    daemon, postgres, pbx = watched.stack.daemon, watched.stack.postgres, watched.stack.asterisk
    until = watched.until
    await asyncio.to_thread(postgres.stop)
    daemon.start(wait=False, env=environment(systemd))
    try:
        await until(lambda: systemd.status.startswith("PostgreSQL does not answer"), "PostgreSQL to be missed")
        assert systemd.told[0] == "READY=1\nSTATUS=Standing by for the floor"
        await stays_fed(systemd, WATCHDOG_S * 1.5)

        await asyncio.to_thread(postgres.start)
        await until(daemon.healthy, "contactd to steer")
        steering = f"Steering as epoch {watched.psql('SELECT max(epoch) FROM floor')[0]}"
        await until(lambda: systemd.status == steering, steering)
        await stays_fed(systemd, WATCHDOG_S * 1.5)

        # Worse than refused connections: whoever asks gets no answer.
        await asyncio.to_thread(postgres.pause)
        try:
            await until(lambda: "PostgreSQL away since" in systemd.status, "the outage to be told")
            await stays_fed(systemd, WATCHDOG_S * 2)
        finally:
            await asyncio.to_thread(postgres.cont)
        await until(lambda: systemd.status == steering, "the outage's end to be told")

        await asyncio.to_thread(pbx.stop)
        await until(lambda: f"PBX {pbx.name} away since" in systemd.status, "the PBX to be missed")
        await asyncio.to_thread(pbx.start)
        await until(lambda: systemd.status == steering, "the PBX to be back")

        right = daemon.config.read_text()
        daemon.write(right.replace('default_queue = "sales"', 'default_queue = "no such queue"'))
        daemon.hup()
        await until(lambda: "configuration refused at" in systemd.status, "the refusal to be told")
        told = [message.splitlines()[0] for message in systemd.told if message.startswith(("RELOADING", "READY"))]
        assert told[-2:] == ["RELOADING=1", "READY=1"]
        daemon.write(right)
        daemon.hup()
        await until(lambda: systemd.status == steering, "the right file to be taken")
    finally:
        await asyncio.to_thread(daemon.stop)
    await until(lambda: systemd.told[-1] == "STOPPING=1\nSTATUS=Keeping what happened", "the stop to be told")


async def test_a_circle_that_hangs_starves_the_watchdog_and_its_end_tells_where_it_hung(
    watched: Centre, systemd: NotifySocket
) -> None:
    daemon = watched.stack.daemon
    daemon.start(env=environment(systemd) | {"CONTACTD_FAULT": "hang:1"})
    try:
        await watched.duty("anna")
        await stays_fed(systemd, WATCHDOG_S)
        await watched.dial("5001")
        await watched.until(lambda: systemd.hungry_s() > WATCHDOG_S, "the watchdog to starve")
        os.kill(daemon.pid, signal.SIGABRT)  # as systemd then does
        await watched.until(lambda: not daemon.alive(), "contactd to end")
        log = daemon.log.read_text()
        assert "Fatal Python error: Aborted" in log
        assert "circle.py" in log.partition("Fatal Python error: Aborted")[2]
    finally:
        await asyncio.to_thread(daemon.stop)
