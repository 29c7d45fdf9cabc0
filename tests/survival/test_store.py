"""PostgreSQL away: the calls go on, new ones are served, and afterwards the journal is whole."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.survival.centre import AWAY_S, LEAST, PACE, STACK, now, offered_again, passing, said, steering, verdict
from tests.survival.load import Floor, until

pytestmark = pytest.mark.timeout(600)


async def _served_meanwhile(floor: Floor, since: float) -> None:
    """Somebody who called after `since` talks with an agent."""

    def talks() -> bool:
        return any(
            one.leg.began > since and one.joined is not None and one.joined.answered is not None
            for one in floor.callers.values()
        )

    await until(talks, "a caller of the time without PostgreSQL to reach an agent", 60)


async def _reloaded(floor: Floor) -> str:
    """A reload works though nobody can keep the files now; its hash."""
    daemon = floor.stack.daemon
    daemon.write(daemon.config.read_text().replace("[menus.", "[queues.night]\n[menus.", 1))
    daemon.hup()
    await until(lambda: '"config_not_kept"' in daemon.log.read_text(), "contactd to see that nobody keeps it", 10)
    await until(lambda: '"configuration_loaded"' in daemon.log.read_text(), "the new configuration to be taken", 10)
    status = daemon.status("status")
    assert isinstance(status, dict)
    assert "night" in {queue["id"] for queue in status["queues"]}
    return str(status["configuration"]["sha256"])


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_without_postgresql_calls_are_served_and_nothing_is_lost(tmp_path: Path, how: str) -> None:
    async with Floor(tmp_path, seed=41, pace=PACE, **STACK) as floor:
        postgres = floor.stack.postgres
        floor.open()
        states = await floor.busy(LEAST)
        gone = now()
        await asyncio.to_thread(postgres.kill if how == "killed" else postgres.pause)
        sha256 = await _reloaded(floor)
        await passing(AWAY_S)
        await _served_meanwhile(floor, gone)
        assert floor.stack.daemon.healthy()
        await asyncio.to_thread(postgres.start if how == "killed" else postgres.cont)
        kept = f"SELECT 1 FROM config_version WHERE sha256 = '\\x{sha256}'"
        await until(lambda: postgres.psql(kept, "contactd").strip() == "1", "the configuration to be kept")
        said([(f"PostgreSQL {how}", states)])
        report = await verdict(floor)
        assert not report.problems, report


async def test_postgresql_and_contactd_killed_together_lose_nothing(tmp_path: Path) -> None:
    async with Floor(tmp_path, seed=43, pace=PACE, **STACK) as floor:
        postgres, daemon = floor.stack.postgres, floor.stack.daemon
        floor.open()
        states = await floor.busy(LEAST)
        await asyncio.to_thread(postgres.kill)
        # What happens now is in the spool alone.
        await passing(AWAY_S / 2)
        with floor.nobody_listens():
            killed = now()
            await asyncio.to_thread(daemon.kill)
            daemon.start(wait=False)
            await asyncio.to_thread(postgres.start)
            await steering(daemon)
        await offered_again(floor, killed)
        said([("both killed", states)])
        report = await verdict(floor, cuts=[(killed, now())])
        assert not report.problems, report
        assert "spool_drained" in daemon.log.read_text()
