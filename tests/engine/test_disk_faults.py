"""A disk that is full, that fails, that comes back; and a clock that is set. Full is the kernel's own; EIO is a fake at
the system call, since no disk can be made to show it."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from contactd.engine import circle as circle_module
from contactd.engine.appender import Appender
from contactd.engine.clock import Clock
from contactd.engine.recovery import take_floor
from contactd.engine.spool import Spool, SpoolBroken
from contactd.store.journal import FloorLock
from tests.engine.journal import journal_of, raw, seqs, until
from tests.engine.test_circle import held, opened, turning


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def failing(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> Callable[[], None]:
    """Every such system call fails from here on; the result makes it well again."""
    real = getattr(os, name)

    def fail(*_: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, fail)
    return lambda: monkeypatch.setattr(os, name, real)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool looks after itself at once instead of every second."""
    sleep = asyncio.sleep
    monkeypatch.setattr("contactd.engine.spool.asyncio.sleep", lambda _: sleep(0))


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
async def test_a_disk_that_fails_is_told_once_and_tried_again_without_a_new_frame(
    folder: Path, monkeypatch: pytest.MonkeyPatch, soon: None, number: int
) -> None:
    """In the night there is no frame: all callers are the static queue's for as long as the spool is full."""
    spool = Spool(folder, segment_bytes=4096)
    spool.write(raw(1))
    well = failing(monkeypatch, "pwrite", number)
    with capture_logs() as logs:
        for seq in (2, 3):
            spool.write(raw(seq))
        task = asyncio.create_task(spool.sync_every_second())
        await asyncio.sleep(0.01)
        assert spool.full and os.strerror(number) in str(spool.fault)
        well()
        await until(lambda: not spool.full)
        task.cancel()
    assert [line["event"] for line in logs] == ["spool_failed", "spool_recovered"]
    assert "Make room" in logs[0]["remedy"]
    spool.write(raw(4))
    spool.close()
    # What was not on disk was in the appender's memory, and is no whole frame here.
    assert [frame.first_seq for frame in Spool(folder).left_behind()] == [1, 4]


async def test_a_sync_that_fails_takes_no_new_contacts_until_it_works(
    folder: Path, monkeypatch: pytest.MonkeyPatch, soon: None
) -> None:
    spool = Spool(folder, segment_bytes=4096)
    well = failing(monkeypatch, "fdatasync", errno.EIO)
    with capture_logs() as logs:
        task = asyncio.create_task(spool.sync_every_second())
        spool.write(raw(1))
        await until(lambda: spool.full)
        spool.write(raw(2))
        assert spool.full, "a write that works says nothing of the sync"
        well()
        await until(lambda: not spool.full)
        task.cancel()
    assert [line["event"] for line in logs] == ["spool_sync_failed", "spool_recovered"]
    spool.close()


async def test_a_process_without_free_descriptors_does_not_die_of_a_sync(
    folder: Path, monkeypatch: pytest.MonkeyPatch, soon: None
) -> None:
    """And takes new contacts: a lack of descriptors says nothing of the disk."""
    synced: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(fd), real(fd)))
    spool = Spool(folder, segment_bytes=4096)
    well = failing(monkeypatch, "dup", errno.EMFILE)
    task = asyncio.create_task(spool.sync_every_second())
    spool.write(raw(1))
    await asyncio.sleep(0.05)
    assert not spool.full and not synced and not task.done()
    well()
    await until(lambda: synced)
    task.cancel()
    spool.close()


def test_a_spool_that_cannot_be_read_at_the_start_says_what_is_at_stake(folder: Path) -> None:
    spool = Spool(folder)
    (folder / "0000000001.spool").mkdir()  # reading it fails in the kernel, root or not
    with pytest.raises(SpoolBroken, match="facts that PostgreSQL does not have"):
        spool.left_behind()


async def test_a_refused_frame_waits_for_room_to_be_set_aside(database: str, folder: Path) -> None:
    async with journal_of(database) as journal:
        lock, spool = FloorLock(database, 1), Spool(folder)
        _, row = await take_floor(journal, lock, spool, take_over=False, pause_s=0.01, notice_s=0)
        appender = Appender(journal, spool, row, lambda _: None)
        task = asyncio.create_task(appender.run())
        (folder / "quarantine").mkdir()
        # A folder in the file's place refuses the write as a full disk does.
        blocked = folder / "quarantine" / "frame-1-1.bin"
        blocked.mkdir()
        with capture_logs() as logs:
            appender.put(raw(1, "\0"))
            await until(lambda: any(line["event"] == "fact_not_set_aside" for line in logs))
            blocked.rmdir()
            await appender.drained()
        assert not task.done() and blocked.read_bytes() == raw(1, "\0").encoded
        task.cancel()
        await lock.release()
        spool.close()
    assert await seqs(database) == [1]


# --- the clock --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [-7200.0, -5.0, 5.0, 86400.0])
def test_a_clock_that_is_set_moves_no_fact(monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    clock = Clock()
    before, real = clock.now(), time.time
    monkeypatch.setattr(time, "time", lambda: real() + step_s)
    assert 0 <= clock.now() - before < 4
    assert abs(clock.stepped_s() - step_s) < 0.5
    # An event with the PBX's stamp: believed up to an hour back, never ahead of us.
    assert clock.happened(before + step_s) <= clock.now()
    if step_s in (-7200.0, 86400.0):
        assert clock.now() - clock.happened(before + step_s) < 4


async def test_a_clock_that_is_set_is_told_once_and_no_wrap_up_is_too_short_or_too_long(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circle_module, "_FROZEN_S", 60)
    async with turning(database, tmp_path / "spool") as it:
        await opened(it)
        sleep, real = asyncio.sleep, time.time
        monkeypatch.setattr("contactd.engine.circle.asyncio.sleep", lambda _: sleep(0))
        with capture_logs() as logs:
            watch = asyncio.create_task(it.circle.watch())
            monkeypatch.setattr(time, "time", lambda: real() - 3600)
            await until(lambda: logs)
            step = await it.circle.ask(held(it, 1))
            await sleep(0.02)
            watch.cancel()
        await it.settled()
    assert [line["event"] for line in logs if line["event"] == "clock_stepped"] == ["clock_stepped"]
    assert logs[0]["by_s"] == -3600 and "restart contactd" in logs[0]["remedy"]
    assert it.circle.clock_stepped_s < -3599
    assert abs(step.at - real()) < 60
