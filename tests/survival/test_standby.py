"""Two contactds on one floor: one acts, the other waits, and whoever lost the floor does nothing more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from contactd.ctl.exits import Exit
from tests.lab.stack import Contactd
from tests.survival.centre import LEAST, PACE, STACK, exit_code, now, offered_again, said, steering, verdict
from tests.survival.load import Floor, until
from tests.survival.story import Journal

pytestmark = pytest.mark.timeout(600)
FENCED = 75
TAIL_S = 1.5
"""How much of an old writer's last facts may be on its own disk only: its append takes milliseconds, and it asks once
a second whether it was taken over."""


async def _waits(standby: Contactd) -> None:
    standby.start(wait=False)
    await until(lambda: "floor_not_taken" in standby.log.read_text(), "the standby to stand by")
    assert not standby.healthy()


async def test_a_standby_takes_the_floor_when_the_holder_dies(tmp_path: Path) -> None:
    async with Floor(tmp_path, seed=51, pace=PACE, **STACK) as floor:
        first, second = floor.stack.daemon, floor.stack.standby()
        try:
            floor.open()
            await _waits(second)
            states = await floor.busy(LEAST)
            assert not second.healthy()
            with floor.nobody_listens():
                killed = now()
                await asyncio.to_thread(first.kill)
                await steering(second)
            await offered_again(floor, killed)
            said([("holder killed", states)])
            report = await verdict(floor, daemon=second, changes=[(killed - TAIL_S, killed)])
            assert not report.problems, report
        finally:
            await asyncio.to_thread(second.stop)


async def test_a_take_over_makes_the_holder_stop_acting_and_end(tmp_path: Path) -> None:
    async with Floor(tmp_path, seed=53, pace=PACE, **STACK) as floor:
        first, second = floor.stack.daemon, floor.stack.standby()
        try:
            floor.open()
            states = await floor.busy(LEAST)
            with floor.nobody_listens():
                taken = now()
                second.start("--take-over", wait=False)
                await steering(second)
                await until(lambda: not first.alive(), "the first contactd to end")
            assert exit_code(first) == FENCED
            await offered_again(floor, floor.deaf[-1][1] - 1)
            said([("taken over", states)])
            report = await verdict(floor, daemon=second, changes=[(taken - TAIL_S, now())])
            assert not report.problems, report
        finally:
            await asyncio.to_thread(second.stop)


@pytest.mark.parametrize("where", ["anywhere", "between keeping and acting"])
async def test_a_frozen_holder_that_was_taken_over_does_nothing_when_it_thaws(tmp_path: Path, where: str) -> None:
    async with Floor(tmp_path, seed=57, pace=PACE, **STACK) as floor:
        first, second = floor.stack.daemon, floor.stack.standby()
        try:
            floor.open()
            await floor.busy(LEAST)
            if where != "anywhere":
                with floor.nobody_listens():
                    await asyncio.to_thread(first.kill)
                    first.start(wait=False, env={"CONTACTD_FAULT": "stop:60"})
                    await steering(first)
                await until(lambda: _frozen(first.pid), "contactd to freeze between keeping and acting", 60)
            with floor.nobody_listens(frozen=True):
                frozen = now()
                first.pause()
                second.start("--take-over", wait=False)
                await steering(second)
            states = await floor.busy(LEAST)
            first.cont()
            await until(lambda: not first.alive(), "the thawed contactd to end")
            floor.menus_broke_off()
            assert exit_code(first) == FENCED
            await offered_again(floor, now())
            said([(f"thawed, frozen {where}", states)])
            report = await verdict(floor, daemon=second, changes=[(frozen - TAIL_S, frozen)])
            assert not report.problems, report
            assert not report.figures["offers that the dialplan refused"]
        finally:
            await asyncio.to_thread(second.stop)


def _frozen(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def test_after_a_restart_of_postgresql_exactly_one_of_two_acts(tmp_path: Path) -> None:
    """The lock goes with its session, so a standby may be quicker than the holder: the epoch says who writes."""
    async with Floor(tmp_path, seed=59, pace=PACE, **STACK) as floor:
        first, second = floor.stack.daemon, floor.stack.standby()
        try:
            floor.open()
            await _waits(second)
            states = await floor.busy(LEAST)
            epoch = Journal.read(floor.stack.postgres).epoch
            with floor.nobody_listens(frozen=True):
                killed = now()
                await asyncio.to_thread(floor.stack.postgres.kill)
                await asyncio.to_thread(floor.stack.postgres.start)
                await until(
                    lambda: second.log.read_text().count("floor_taken") or _holds_lock(floor) == 1,
                    "one of the two to have the lock again",
                )
                taken = Journal.read(floor.stack.postgres).epoch > epoch
                if taken:
                    await steering(second)
                    await until(lambda: not first.alive(), "the fenced contactd to end")
                    assert exit_code(first) == FENCED
                    floor.menus_broke_off()
            holder = second if taken else first
            await until(holder.healthy, "the holder to steer")
            assert first.alive() != taken
            assert second.healthy() == taken
            await offered_again(floor, now())
            said([(f"PostgreSQL restarted, {'the standby' if taken else 'the holder'} won", states)])
            report = await verdict(floor, daemon=holder, changes=[(killed - TAIL_S, now())])
            assert not report.problems, report
        finally:
            await asyncio.to_thread(second.stop)


def _holds_lock(floor: Floor) -> int:
    """Sessions that hold the floor's lock."""
    return int(floor.stack.postgres.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"))


async def test_a_standby_takes_the_files_that_it_was_told_to_read_while_it_waited(tmp_path: Path) -> None:
    async with Floor(tmp_path, seed=59, pace=PACE, **STACK) as floor:
        first, second = floor.stack.daemon, floor.stack.standby()
        try:
            await _waits(second)
            asked = await asyncio.to_thread(second.ctl, "queues", check=False)
            assert (asked.returncode, asked.stdout) == (Exit.UNREACHABLE, "")
            assert "This is a standby" in asked.stderr and "the active one is elsewhere" in asked.stderr
            toml = second.config.read_text()
            second.write(toml + "floor = 0\n")
            second.hup()
            await until(lambda: "reload_refused" in second.log.read_text(), "the standby to refuse a wrong file")
            # A part that no reload of a running contactd takes, and one that it would.
            queue, queues = "[queues.night]\nwrap_up_s = 0\n", "[queues."
            spool = "[spool]\nmax_mb = 64\n"
            second.write(toml.replace(queues, f"{spool}{queue}{queues}", 1))
            second.hup()
            await until(lambda: "configuration_read" in second.log.read_text(), "the standby to read its files")
            assert second.alive() and first.healthy() and not second.healthy()
            await asyncio.to_thread(first.kill)
            await steering(second)
            status = second.status("status")
            assert isinstance(status, dict)
            assert "night" in {queue["id"] for queue in status["queues"]}
            assert status["readings"]["spool_max_bytes"] == 64 << 20
            assert status["configuration"]["restart_pending"] == []
        finally:
            await asyncio.to_thread(second.stop)
