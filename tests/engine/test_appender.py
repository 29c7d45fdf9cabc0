"""Frames into a real PostgreSQL: batches, lost answers, other writers, refused data, outages, and the chain."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contactd.engine.appender import Appender, Fenced
from contactd.engine.frame import Frame
from contactd.engine.spool import Spool
from contactd.store.journal import FloorRow, Journal, StoreRefused
from tests.engine.journal import chain_of, fetch, frames, journal_of, raw, seqs, until
from tests.engine.proxy import Proxy
from tests.lab.postgres import Postgres

NOW = 1_800_000_000.0


@dataclass
class Desk:
    """An appender at work on a journal, as epoch 1 unless it is told another row."""

    dsn: str
    journal: Journal
    appender: Appender
    spool: Spool
    told: list[int] = field(default_factory=list)

    async def put(self, *frames: Frame) -> None:
        """Give these, and wait until all are appended."""
        for frame in frames:
            self.spool.write(frame)
            self.appender.put(frame)
        async with asyncio.timeout(30):
            await self.appender.drain()


@contextlib.asynccontextmanager
async def desk(dsn: str, folder: Path, *, through: str | None = None, take: bool = True) -> AsyncIterator[Desk]:
    async with journal_of(through or dsn, timeout_s=2) as journal:
        row = await journal.next_epoch() if take else await journal.row()
        spool, told = Spool(folder, segment_bytes=1 << 16), []
        yield Desk(dsn, journal, Appender(journal, spool, row, told.append, lambda: told.append(-1)), spool, told)
        spool.close()


async def test_frames_are_appended_with_their_inputs_in_order_and_told(database: str, tmp_path: Path) -> None:
    written = frames(50)
    async with desk(database, tmp_path) as it:
        await it.put(*written)
        last = written[-1].last_seq
        assert await seqs(database) == list(range(1, last + 1))
        assert it.told == [last] == [it.appender.appended_seq]
        assert it.appender.pending_bytes == 0 and it.appender.lag_s == 0
    inputs = await fetch(database, "SELECT seq, kind FROM input ORDER BY seq")
    assert inputs == [(f.first_seq, f.rows().inputs[0].kind) for f in written]
    contacts = await fetch(database, "SELECT count(*) FROM event WHERE contact IS NOT NULL")
    assert contacts[0] == sum(e.contact is not None for f in written for e in f.rows().events)


async def test_the_chain_is_what_an_auditor_makes_of_the_bodies(database: str, tmp_path: Path) -> None:
    async with desk(database, tmp_path) as it:
        for frame in frames(20):
            await it.put(frame)
    bodies = await fetch(database, "SELECT body FROM event ORDER BY seq")
    assert await fetch(database, "SELECT chain FROM floor") == [chain_of(bodies)]


async def test_a_month_is_sealed_when_the_next_has_its_first_event(database: str, tmp_path: Path) -> None:
    june = datetime.datetime(2027, 6, 30, 23, 59, tzinfo=datetime.UTC).timestamp()
    async with desk(database, tmp_path) as it:
        await it.put(raw(1, '"a"', at=june), raw(2, '"b"', at=june + 30))
        assert await fetch(database, "SELECT count(*) FROM seal") == [0]
        await it.put(raw(3, '"c"', at=june + 90))
        await it.put(raw(4, '"d"', at=june + 91))
    sealed = await fetch(database, "SELECT month::text, last_seq, hash FROM seal")
    assert sealed == [("2027-06-01", 2, chain_of(['"a"', '"b"']))]


async def test_a_month_that_ends_within_a_batch_is_sealed_too(database: str, tmp_path: Path) -> None:
    june = datetime.datetime(2027, 6, 30, 23, 59, tzinfo=datetime.UTC).timestamp()
    bodies = [f'"{n}"' for n in range(1, 7)]
    async with desk(database, tmp_path) as it:
        await it.put(raw(1, bodies[0], at=june))
        await it.put(*[raw(n, bodies[n - 1], at=june + 20 * n) for n in range(2, 7)])
    ((month, last_seq, sealed),) = await fetch(database, "SELECT month::text, last_seq, hash FROM seal")
    assert (month, sealed) == ("2027-06-01", chain_of(bodies[:last_seq]))


async def test_a_lost_answer_is_no_second_append(database: str, tmp_path: Path) -> None:
    async with Proxy(database) as proxy, desk(database, tmp_path, through=proxy.dsn) as it:
        written = frames(6)
        await it.put(*written[:3])
        proxy.lose_next(b"ContactArrived")
        await it.put(*written[3:])
        assert proxy.lost == 1 and it.appender.retries >= 1
        assert it.appender.appended_seq == written[-1].last_seq
        bodies = await fetch(database, "SELECT body FROM event ORDER BY seq")
        assert len(bodies) == written[-1].last_seq
        assert await fetch(database, "SELECT chain FROM floor") == [chain_of(bodies)]


async def test_a_cut_wire_is_tried_again_until_it_is_mended(database: str, tmp_path: Path) -> None:
    async with Proxy(database) as proxy, desk(database, tmp_path, through=proxy.dsn) as it:
        written = frames(4)
        await it.put(written[0])
        proxy.cut()
        for frame in written[1:]:
            it.appender.put(frame)
        task = asyncio.create_task(it.appender.drain())
        await until(lambda: it.appender.retries >= 2)
        assert it.appender.pending_bytes == sum(len(f.encoded) for f in written[1:])
        assert it.appender.lag_s > 0
        proxy.mend()
        async with asyncio.timeout(20):
            await task
        assert await seqs(database) == list(range(1, written[-1].last_seq + 1))


async def test_a_stale_writer_is_fenced_and_adds_nothing(database: str, tmp_path: Path) -> None:
    written = frames(3)
    async with desk(database, tmp_path / "old") as old:
        await old.put(written[0])
        async with desk(database, tmp_path / "new") as new:
            with pytest.raises(Fenced, match="epoch 2, ours was 1"):
                await old.put(written[1])
            await new.put(written[1])
        assert await seqs(database) == list(range(1, written[1].last_seq + 1))


async def test_somebody_elses_row_is_an_alarm_and_no_fence(database: str, tmp_path: Path) -> None:
    async with desk(database, tmp_path) as it:
        await fetch(database, "UPDATE floor SET seq = 77")
        with pytest.raises(StoreRefused, match="somebody else wrote"):
            await it.put(raw(1))


@pytest.mark.parametrize(
    "bad",
    [
        raw(2, '"\0"'),  # PostgreSQL refuses it
        raw(2, contact="not-a-uuid"),  # asyncpg refuses to encode it
    ],
    ids=["nul", "no-uuid"],
)
@pytest.mark.parametrize("alone", [True, False])
async def test_refused_data_is_quarantined_in_its_place_and_the_rest_goes_on(
    bad: Frame, alone: bool, database: str, tmp_path: Path
) -> None:
    async with desk(database, tmp_path) as it:
        batches = [[raw(1)], [bad], [raw(3)]] if alone else [[raw(1), bad, raw(3)]]
        for batch in batches:
            await it.put(*batch)
        assert it.appender.quarantined == 1
        assert -1 in it.told  # a snapshot is asked for: the journal alone rebuilds no floor any more
        assert await seqs(database) == [1, 2, 3]
        ((kind, body),) = await fetch(database, "SELECT kind, body FROM event WHERE seq = 2")
        assert kind == "FactQuarantined"
        kept = tmp_path / "quarantine" / json.loads(body)["file"]
        assert kept.read_bytes() == bad.encoded
        bodies = await fetch(database, "SELECT body FROM event ORDER BY seq")
        assert await fetch(database, "SELECT chain FROM floor") == [chain_of(bodies)]


async def test_the_spool_is_released_as_the_journal_goes_on(database: str, tmp_path: Path) -> None:
    async with desk(database, tmp_path) as it:
        await it.put(*[raw(n, "x" * 20_000) for n in range(1, 12)])
        assert it.spool.bytes_on_disk == 1 << 16


async def test_more_than_one_statements_worth_is_appended_in_several(database: str, tmp_path: Path) -> None:
    async with desk(database, tmp_path) as it:
        await it.put(*[raw(n) for n in range(1, 1202)])
        assert it.told == [500, 1000, 1201]


async def test_a_snapshot_waits_until_the_journal_holds_all_that_it_rests_on(database: str, tmp_path: Path) -> None:
    async with desk(database, tmp_path) as it:
        it.appender.keep_snapshot(2, 1, b"after two")
        task = asyncio.create_task(it.appender.run())
        it.appender.put(raw(1))
        await until(lambda: it.told == [1])
        assert await it.journal.newest_snapshot(1, 1) is None
        it.appender.put(raw(2))
        async with asyncio.timeout(10):
            await it.appender.drained()
        assert await it.journal.newest_snapshot(1, 1) == (2, b"after two")
        task.cancel()


async def test_postgresql_that_is_killed_and_starts_again_costs_nothing(tmp_path: Path) -> None:
    from contactd.store.migrate import migrate

    with Postgres(tmp_path / "pg") as server:
        dsn = server.create_database("d")
        await migrate(dsn)
        written = frames(30)
        async with desk(dsn, tmp_path / "spool") as it:
            await it.put(*written[:10])
            await asyncio.to_thread(server.kill)
            for frame in written[10:]:
                it.appender.put(frame)
            task = asyncio.create_task(it.appender.drain())
            await until(lambda: it.appender.retries >= 2)
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(30):
                await task
        assert await seqs(dsn) == list(range(1, written[-1].last_seq + 1))


def test_a_fence_says_who_took_over() -> None:
    assert "epoch 9" in str(Fenced(8, 9))
    assert FloorRow(1, 2, b"").seq == 2
