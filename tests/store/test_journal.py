"""The journal against a real PostgreSQL: the fence, snapshots, reading back, and what counts as away."""

from __future__ import annotations

import asyncio
import datetime

import asyncpg
import pytest

from contactd.store.journal import (
    PAGE,
    Batch,
    FloorLock,
    Journal,
    StoreAway,
    StoreMisconfigured,
    StoreRefused,
    open_pool,
)
from tests.engine.journal import fetch, journal_of, seqs
from tests.engine.proxy import Proxy

CONTACT = "01890a5d-ac96-774b-bcce-b302099a8057"


def batch(before: int, *bodies: str, contact: str | None = None, ani: str | None = None) -> Batch:
    """One event a body, after seq before."""
    made = Batch(before, before + len(bodies), bytes(32), bytes([before + 1] * 32))
    for seq, body in enumerate(bodies, before + 1):
        made.input_seq.append(seq)
        made.event_seq.append(seq)
        for at in (made.input_at, made.event_at):
            at.append(1_800_000_000.25)
        for kind, version, text in (
            (made.input_kind, made.input_version, made.input_body),
            (made.event_kind, made.event_version, made.event_body),
        ):
            kind.append("Kind")
            version.append(1)
            text.append(body)
        made.input_config.append(b"\xaa")
        made.event_contact.append(contact)
        made.event_agent.append("anna")
    if ani is not None:
        made.private_contact.append(contact or "")
        made.private_salt.append(b"salt")
        made.private_ani.append(ani)
        made.private_name.append(None)
    return made


async def test_an_append_moves_the_floor_and_can_be_read_back(database: str) -> None:
    async with journal_of(database) as journal:
        epoch = (await journal.next_epoch()).epoch
        assert await journal.append(epoch, batch(0, '"ü"', '"b"', contact=CONTACT, ani="+49"))
        row = await journal.row()
        assert (row.epoch, row.seq, row.chain) == (1, 2, bytes([1] * 32))
        facts = [fact async for fact in journal.events_after(0)]
        assert [(f.seq, f.at, f.kind, f.version, f.body) for f in facts] == [
            (1, 1_800_000_000.25, "Kind", 1, '"ü"'),
            (2, 1_800_000_000.25, "Kind", 1, '"b"'),
        ]
        assert [f.seq async for f in journal.inputs_after(1)] == [2]
        assert await journal.last_event_at() == 1_800_000_000.25
    assert await fetch(database, "SELECT contact::text, agent FROM event WHERE seq = 1") == [(CONTACT, "anna")]
    assert await fetch(database, "SELECT ani FROM contact_private") == ["+49"]


@pytest.mark.parametrize(("epoch", "before"), [(0, 0), (2, 0), (1, 1), (1, -1)])
async def test_a_wrong_epoch_or_seq_changes_no_row_at_all(database: str, epoch: int, before: int) -> None:
    async with journal_of(database) as journal:
        await journal.next_epoch()
        wrong = batch(before, '"x"', contact=CONTACT, ani="+49")
        wrong.seal_month = datetime.date(2027, 1, 1)
        assert not await journal.append(epoch, wrong)
        assert await journal.row() == await journal.row(timeout_s=1)
    for table in ("event", "input", "contact_private", "seal"):
        assert await fetch(database, f"SELECT count(*) FROM {table}") == [0]


async def test_an_append_is_whole_or_not_there(database: str) -> None:
    async with journal_of(database) as journal:
        await journal.next_epoch()
        broken = batch(0, '"a"', '"\0"')
        with pytest.raises(StoreRefused):
            await journal.append(1, broken)
        assert (await journal.row()).seq == 0
    assert await seqs(database) == []


async def test_a_value_that_cannot_even_be_encoded_is_refused_and_not_tried_for_ever(database: str) -> None:
    async with journal_of(database) as journal:
        await journal.next_epoch()
        with pytest.raises(StoreRefused, match="UUID"):
            await journal.append(1, batch(0, '"a"', contact="not-a-uuid"))
        with pytest.raises(StoreRefused):
            await journal.append(1, batch(0, '"\ud800"'))


async def test_a_person_is_written_once_and_never_overwritten(database: str) -> None:
    async with journal_of(database) as journal:
        await journal.next_epoch()
        await journal.append(1, batch(0, '"a"', contact=CONTACT, ani="first"))
        await journal.append(1, batch(1, '"b"', contact=CONTACT, ani="second"))
    assert await fetch(database, "SELECT ani FROM contact_private") == ["first"]


async def test_reading_goes_on_from_page_to_page(database: str) -> None:
    await fetch(
        database,
        "INSERT INTO event (floor, seq, at, kind, version, body)"
        " SELECT 1, n, now(), 'x', 1, n::text FROM generate_series(1, $1::int) n",
        2 * PAGE + 1,
    )
    async with journal_of(database) as journal:
        assert [fact.seq async for fact in journal.events_after(3)] == list(range(4, 2 * PAGE + 2))


async def test_the_newest_three_snapshots_are_kept_and_none_that_the_journal_has_not_reached(database: str) -> None:
    async with journal_of(database) as journal:
        await journal.next_epoch()
        await journal.append(1, batch(0, *(f'"{n}"' for n in range(9))))
        for seq in (2, 4, 6, 8, 10):
            await journal.keep_snapshot(seq, 1, b"%d" % seq)
        await journal.keep_snapshot(8, 1, b"again")
        assert await fetch(database, "SELECT seq FROM snapshot ORDER BY seq") == [4, 6, 8]
        assert await journal.newest_snapshot(1, 1) == (8, b"8")
        assert await journal.newest_snapshot(2, 3) is None


async def test_of_older_snapshots_the_last_of_each_hour_is_kept_for_35_days(database: str) -> None:
    async with journal_of(database) as journal:
        await journal.next_epoch()
        await journal.append(1, batch(0, *(f'"{n}"' for n in range(20))))
        ages = {
            1: "40 days",
            2: "5 days 1 second",
            3: "5 days",
            4: "4 days",
            5: "3 hours",
            6: "2 hours 1 second",
            7: "2 hours",
        }
        for seq, age in ages.items():
            await fetch(
                database,
                "INSERT INTO snapshot"
                " VALUES (1, $1::int, 1, date_trunc('hour', now()) + '30 min' - $2::text::interval, 'x')",
                seq,
                age,
            )
        for seq in (8, 9, 10, 11):
            await journal.keep_snapshot(seq, 1, b"x")
        assert await fetch(database, "SELECT seq FROM snapshot ORDER BY seq") == [3, 4, 5, 7, 9, 10, 11]


async def test_a_configuration_is_kept_once(database: str) -> None:
    async with journal_of(database) as journal:
        for _ in range(2):
            await journal.keep_config("ab" * 32, {"contactd.toml": "floor = 1"})
    assert await fetch(database, "SELECT files->>'contactd.toml' FROM config_version") == ["floor = 1"]


async def test_one_holder_a_lock_and_floors_do_not_share_it(database: str) -> None:
    one, other, elsewhere = FloorLock(database, 1), FloorLock(database, 1), FloorLock(database, 2)
    assert not one.held
    assert await one.try_lock() and await one.try_lock() and one.held
    assert not await other.try_lock()
    assert await elsewhere.try_lock()
    await one.release()
    async with asyncio.timeout(10):
        while not await other.try_lock():  # noqa: ASYNC110 - PostgreSQL signals nothing
            await asyncio.sleep(0.01)
    for lock in (other, elsewhere):
        await lock.release()


async def test_nobody_there_is_away_and_a_wrong_password_of_the_lock_is_refused(database: str) -> None:
    pool = await open_pool("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreAway, match="Is it running"):
        await Journal(pool, 1, timeout_s=1).row()
    pool.terminate()
    with pytest.raises(StoreAway):
        await FloorLock("postgresql://nobody@127.0.0.1:1/none", 1).try_lock()
    with pytest.raises(StoreMisconfigured, match="password"):
        await FloorLock(database, 1, password="wrong").try_lock()


async def test_a_silent_server_is_away_after_the_time_allowed(database: str) -> None:
    holder = await asyncpg.connect(database)
    async with journal_of(database, timeout_s=0.3) as journal, holder.transaction():
        await holder.execute("LOCK TABLE floor IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreAway):
            await journal.row()
    await holder.close()


async def test_a_connection_that_the_server_ends_is_away_and_the_next_one_works(database: str) -> None:
    async with Proxy(database) as proxy, journal_of(proxy.dsn) as journal:
        proxy.lose_next(b"UPDATE floor SET epoch")
        with pytest.raises(StoreAway):
            await journal.next_epoch()
        assert proxy.lost == 1
        before = (await journal.row()).epoch
        assert (await journal.next_epoch()).epoch == before + 1
