"""A start: what an earlier life left in the spool, the epoch, a snapshot and the events after it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from contactd.core.floor import SNAPSHOT_VERSION, LiveFloor
from contactd.engine import recovery
from contactd.engine.appender import Appender, Fenced
from contactd.engine.frame import Frame, frames_in
from contactd.engine.recovery import EpochWatch, take_floor
from contactd.engine.spool import Spool
from contactd.store.journal import FloorLock, FloorRow, StoreAway, StoreRefused
from tests.core.world import ANNA, PBX, SALES, START, World
from tests.engine.journal import busy_world, fetch, frame, journal_of, raw, seqs, state_of
from tests.engine.proxy import Proxy


async def start(dsn: str, folder: Path, *, take_over: bool = False) -> tuple[LiveFloor, FloorRow]:
    """One whole start; the lock is given back, as by a death."""
    lock, spool = FloorLock(dsn, 1), Spool(folder)
    try:
        async with journal_of(dsn) as journal, asyncio.timeout(60):
            return await take_floor(journal, lock, spool, take_over=take_over, pause_s=0.01, notice_s=0)
    finally:
        await lock.release()
        spool.close()


async def append(dsn: str, folder: Path, frames: Sequence[Frame], row: FloorRow) -> None:
    async with journal_of(dsn) as journal:
        spool = Spool(folder)
        appender = Appender(journal, spool, row, lambda _: None)
        for one in frames:
            appender.put(one)
        await appender.drain()
        spool.close()


def keep(folder: Path, frames: Sequence[Frame]) -> None:
    """As a life that was killed before PostgreSQL had these."""
    spool = Spool(folder, segment_bytes=1 << 14)
    for one in frames:
        spool.write(one)
    spool.close()


def busy() -> World:
    world = busy_world(10)
    world.sign_in(ANNA)
    world.answer(world.steps[2].input)  # type: ignore[arg-type]
    return world


async def test_the_first_start_has_an_empty_floor_and_epoch_one(database: str, tmp_path: Path) -> None:
    floor, row = await start(database, tmp_path)
    assert (floor.epoch, floor.seq, row.epoch) == (1, 0, 1)
    assert floor.contacts == {}


async def test_each_start_is_a_new_epoch(database: str, tmp_path: Path) -> None:
    assert [(await start(database, tmp_path))[1].epoch for _ in range(3)] == [1, 2, 3]


async def test_a_floor_is_rebuilt_from_its_events(database: str, tmp_path: Path) -> None:
    world = busy()
    _, row = await start(database, tmp_path)
    await append(database, tmp_path, [frame(s) for s in world.steps if s.events], row)
    floor, row = await start(database, tmp_path)
    assert state_of(floor.state) == state_of(world.floor.state)
    assert (floor.epoch, floor.seq) == (row.epoch, world.floor.seq) == (2, world.floor.seq)


async def test_what_was_only_in_the_spool_is_drained_under_its_own_epoch(database: str, tmp_path: Path) -> None:
    world = busy()
    _, row = await start(database, tmp_path)
    written = [frame(s) for s in world.steps if s.events]
    await append(database, tmp_path, written[:5], row)
    # Some of these are in the journal already: PostgreSQL got them before the kill.
    keep(tmp_path, written[3:])
    floor, row = await start(database, tmp_path)
    assert state_of(floor.state) == state_of(world.floor.state)
    assert await seqs(database) == list(range(1, world.floor.seq + 1))
    assert Spool(tmp_path).left_behind() == []
    assert not (tmp_path / "quarantine").exists()


async def test_frames_of_another_epoch_are_quarantined_and_not_appended(database: str, tmp_path: Path) -> None:
    world = busy()
    written = [frame(s) for s in world.steps if s.events]
    _, row = await start(database, tmp_path / "mine")
    await append(database, tmp_path / "mine", written[:3], row)
    keep(tmp_path / "mine", written[3:5])
    # Another machine went on before this one came back.
    _, other = await start(database, tmp_path / "other")
    await append(database, tmp_path / "other", [frame(s, 2) for s in world.steps[3:4]], other)
    seq = (await fetch(database, "SELECT seq FROM floor"))[0]
    await start(database, tmp_path / "mine")
    assert (await fetch(database, "SELECT seq FROM floor"))[0] == seq
    kept = sorted((tmp_path / "mine" / "quarantine").iterdir())
    assert [path.read_bytes() for path in kept] == [f.encoded for f in written[3:5] if f.last_seq > seq]


async def test_a_database_from_a_backup_is_brought_up_to_date_from_the_spool(database: str, tmp_path: Path) -> None:
    """The backup was taken in the last writer's time: its spool has what came after it."""
    world = busy()
    _, row = await start(database, tmp_path)
    written = [frame(s) for s in world.steps if s.events]
    await append(database, tmp_path, written[:3], row)
    keep(tmp_path, written)
    floor, _ = await start(database, tmp_path)
    assert state_of(floor.state) == state_of(world.floor.state)
    assert await seqs(database) == list(range(1, world.floor.seq + 1))


async def test_no_epoch_that_the_spool_knows_is_used_again_on_a_database_from_a_backup(
    database: str, tmp_path: Path
) -> None:
    """Else a new offer could have the id of one that still rings."""
    await start(database, tmp_path)
    keep(tmp_path, [raw(11, epoch=7), raw(12, epoch=7)])
    _, row = await start(database, tmp_path)
    assert row.epoch == 8
    (path,) = (tmp_path / "quarantine").iterdir()
    assert list(frames_in(path.read_bytes())) == [raw(11, epoch=7), raw(12, epoch=7)]


async def test_a_gap_in_the_spool_quarantines_what_follows_it(database: str, tmp_path: Path) -> None:
    _, _row = await start(database, tmp_path)
    keep(tmp_path, [raw(1), raw(2), raw(4)])
    await start(database, tmp_path)
    assert await seqs(database) == [1, 2]
    assert [path.name for path in (tmp_path / "quarantine").iterdir()] == ["left-1-4.bin"]


async def test_a_start_reads_the_snapshot_and_only_the_events_after_it(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = busy()
    _, row = await start(database, tmp_path)
    await append(database, tmp_path, [frame(s) for s in world.steps if s.events], row)
    snapshot = msgspec.msgpack.encode(world.floor.state)
    cut = world.floor.seq
    # 50,000 events that no start may read: their bodies would not even decode.
    await fetch(database, "UPDATE event SET body = 'x' WHERE seq <= $1", cut)
    await fetch(
        database,
        "INSERT INTO event (floor, seq, at, kind, version, body)"
        " SELECT 1, n, now(), 'x', 1, 'x' FROM generate_series($1::bigint, $1 + 49999) n",
        cut + 1,
    )
    world.floor.state.seq = cut + 50_000
    snapshot = msgspec.msgpack.encode(world.floor.state)
    await fetch(database, "UPDATE floor SET seq = $1", cut + 50_000)
    await fetch(
        database,
        "INSERT INTO snapshot (floor, seq, version, body) VALUES (1, $1, $2, $3)",
        cut + 50_000,
        SNAPSHOT_VERSION,
        snapshot,
    )
    world.arrive(SALES)
    row = FloorRow(1, cut + 50_000, (await fetch(database, "SELECT chain FROM floor"))[0])
    await append(database, tmp_path, [frame(s) for s in world.steps[-2:]], row)
    read: list[int] = []
    decode = recovery._event
    monkeypatch.setattr(recovery, "_event", lambda body: (read.append(1), decode(body))[1])
    floor, _ = await start(database, tmp_path)
    assert len(read) == 2
    assert state_of(floor.state) == state_of(world.floor.state)


async def test_a_snapshot_of_a_newer_version_is_not_read(database: str, tmp_path: Path) -> None:
    world = busy()
    _, row = await start(database, tmp_path)
    await append(database, tmp_path, [frame(s) for s in world.steps if s.events], row)
    await fetch(
        database,
        "INSERT INTO snapshot (floor, seq, version, body) VALUES (1, $1, $2, 'from the future')",
        world.floor.seq,
        SNAPSHOT_VERSION + 1,
    )
    floor, _ = await start(database, tmp_path)
    assert state_of(floor.state) == state_of(world.floor.state)


@pytest.mark.parametrize(
    "sql",
    [
        'UPDATE event SET body = \'{"kind":"Gibberish"}\' WHERE seq = 4',
        "DELETE FROM event WHERE seq = 4",
        "UPDATE event SET body = (SELECT body FROM event WHERE seq = 3) WHERE seq = 4",
        "INSERT INTO snapshot (floor, seq, version, body) VALUES (1, 5, 1, 'no msgpack')",
    ],
    ids=["unknown", "gap", "impossible", "snapshot"],
)
async def test_a_journal_that_cannot_be_applied_starts_empty_with_an_alarm(
    sql: str, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = busy()
    world.hang_up(world.steps[4].input)  # type: ignore[arg-type]
    _, row = await start(database, tmp_path)
    await append(database, tmp_path, [frame(s) for s in world.steps if s.events], row)
    await fetch(database, sql)
    floor, _ = await start(database, tmp_path)
    assert (floor.contacts, floor.agents, floor.seq) == ({}, {}, world.floor.seq)
    assert "floor_not_rebuilt" in capsys.readouterr().out


async def test_a_standby_waits_for_the_lock_and_then_has_the_floor(database: str, tmp_path: Path) -> None:
    holder = FloorLock(database, 1)
    assert await holder.try_lock() and holder.held
    standby = asyncio.create_task(start(database, tmp_path))
    async with journal_of(database) as journal:
        await asyncio.wait([standby], timeout=0.2)
        assert not standby.done() and (await journal.row()).epoch == 0
        await holder.release()
        _, row = await standby
        assert row.epoch == 1


async def test_taking_over_does_not_wait_and_fences_the_holder(database: str, tmp_path: Path) -> None:
    holder = FloorLock(database, 1)
    assert await holder.try_lock()
    async with journal_of(database) as journal:
        mine = await journal.next_epoch()
        watch = EpochWatch(journal, holder, mine.epoch)
        await watch.still_ours()
        await start(database, tmp_path, take_over=True)
        with pytest.raises(Fenced):
            await watch.still_ours()
        with pytest.raises(Fenced):
            async with asyncio.timeout(10):
                await watch.run()
    await holder.release()


async def test_the_holder_carries_on_while_postgresql_is_away(database: str) -> None:
    async with Proxy(database) as proxy, journal_of(proxy.dsn, timeout_s=1) as journal:
        lock = FloorLock(proxy.dsn, 1)
        assert await lock.try_lock()
        row = await journal.next_epoch()
        proxy.cut()
        await EpochWatch(journal, lock, row.epoch).still_ours()
        with pytest.raises(StoreAway):
            await journal.row()
        await lock.release()


async def test_the_floor_is_waited_for_while_postgresql_is_away(database: str, tmp_path: Path) -> None:
    async with Proxy(database) as proxy:
        proxy.cut()
        waiting = asyncio.create_task(start(proxy.dsn, tmp_path))
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
        proxy.mend()
        assert (await waiting)[1].epoch == 1


async def test_a_recovered_floor_goes_on_where_it_was(database: str, tmp_path: Path) -> None:
    world = busy()
    _, row = await start(database, tmp_path)
    await append(database, tmp_path, [frame(s) for s in world.steps if s.events], row)
    floor, _ = await start(database, tmp_path)
    again = World(floor=floor, now=world.now + 5)
    again.compare(booted_at=START, asked_at=START)
    assert PBX in floor.steered
    assert [again.floor.waiting[0][1]] == [world.floor.waiting[0][1]]


async def test_a_database_without_this_floor_is_refused_with_the_remedy(database: str) -> None:
    await fetch(database, "DELETE FROM floor")
    async with journal_of(database) as journal:
        with pytest.raises(StoreRefused, match="contactd migrate"):
            await journal.row()
