"""A journal that somebody changed is found out."""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path

import asyncpg
import pytest

from contactd.engine.appender import Appender
from contactd.engine.spool import Spool
from contactd.store import chain
from contactd.store.chain import Place, Verdict, verdicts, verify
from tests.engine.journal import fetch, journal_of, raw

MAY = datetime.datetime(2027, 5, 31, 23, 59, tzinfo=datetime.UTC).timestamp()


@pytest.fixture
async def sealed(database: str, tmp_path: Path) -> str:
    """Facts 1 to 4 in May, 5 to 7 in June, 8 in July."""
    async with journal_of(database) as journal:
        row = await journal.next_epoch()
        spool = Spool(tmp_path)
        appender = Appender(journal, spool, row, lambda _: None)
        for seq in range(1, 9):
            at = MAY + (0 if seq <= 4 else 86400 if seq <= 7 else 40 * 86400)
            appender.put(raw(seq, f'{{"n": {seq}, "ü": "\\\\u00fc"}}', at=at, epoch=row.epoch))
            await appender.drain()
        spool.close()
    return database


async def verdict(dsn: str) -> Verdict:
    connection = await asyncpg.connect(dsn)
    try:
        (found,) = await verify(connection)
        return found
    finally:
        await connection.close()


@pytest.mark.parametrize("page", [1, 3, 10_000])
async def test_what_was_written_is_whole(sealed: str, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "PAGE", page)
    assert await verdict(sealed) == Verdict(1, 8, 8, 2, None)


async def resumed(dsn: str, after: int, *, deed: str | None = None) -> Verdict:
    """Looked at page by page, broken off after so many, and gone on with."""
    connection = await asyncpg.connect(dsn)
    try:
        places: list[Place] = []
        looking = verdicts(connection, report=places.append)
        with contextlib.suppress(StopAsyncIteration):
            await anext(looking)
        if deed is not None:
            await connection.execute(deed)
        since = places[after - 1]
        places.clear()
        (found,) = [verdict async for verdict in verdicts(connection, since=since, report=places.append)]
        assert all(place.seq > since.seq for place in places), "nothing is read twice"
        return found
    finally:
        await connection.close()


@pytest.mark.parametrize("after", range(1, 9))
async def test_a_look_that_broke_off_goes_on_where_it_was(
    sealed: str, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "PAGE", 1)
    assert await resumed(sealed, after) == Verdict(1, 8, 8, 2, None)


@pytest.mark.parametrize(("after", "broken"), [(1, (1, 4)), (3, (1, 4)), (4, (5, 7)), (6, (5, 7)), (7, (8, 8))])
async def test_what_is_changed_behind_the_place_where_it_goes_on_is_found(
    sealed: str, after: int, broken: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "PAGE", 1)
    deed = f"UPDATE event SET body = '{{}}' WHERE seq = {after + 1}"
    assert (await resumed(sealed, after, deed=deed)).broken == broken


async def test_a_place_beyond_the_floor_is_another_databases_and_counts_for_nothing(sealed: str) -> None:
    connection = await asyncpg.connect(sealed)
    try:
        (found,) = [v async for v in verdicts(connection, since=Place(1, 100, 100, bytes(32)))]
    finally:
        await connection.close()
    assert found == Verdict(1, 8, 8, 2, None)


async def test_an_empty_journal_is_whole(database: str) -> None:
    assert await verdict(database) == Verdict(1, 0, 0, 0, None)


@pytest.mark.parametrize(
    ("deed", "broken"),
    [
        ("UPDATE event SET body = replace(body, '2', '9') WHERE seq = 2", (1, 4)),
        ("DELETE FROM event WHERE seq = 6", (5, 7)),
        ("DELETE FROM event WHERE seq = 8", (8, 8)),
        ("UPDATE event SET seq = 100 - seq WHERE seq IN (1, 2)", (1, 4)),
        ("UPDATE seal SET hash = '\\x00' WHERE last_seq = 7", (5, 7)),
        ("UPDATE floor SET chain = '\\x00'", (8, 8)),
    ],
)
async def test_a_change_is_found_and_where(sealed: str, deed: str, broken: tuple[int, int]) -> None:
    await fetch(sealed, deed)
    assert (await verdict(sealed)).broken == broken
