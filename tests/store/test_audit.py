"""A personal value is read through a door that writes down who looks; and it has a day on which it is forgotten."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from contactd.core.ids import AgentId, ContactId, PbxId, contact_id
from contactd.store import audit
from contactd.store.audit import AuditTrail, Entry, Person, Who
from contactd.store.journal import Journal, StoreRefused, open_pool
from contactd.store.reading import reader
from contactd.store.vault import Vault
from tests.engine.journal import fetch, journal_of, until

ME = Who(0)
DAY_S = 86400.0


def contact(number: int = 1, *, days_ago: float = 0.0) -> ContactId:
    at = time.time() - days_ago * DAY_S
    return contact_id(PbxId("pbx1"), f"pbx1-{int(at)}.{number}", at)


async def keep(dsn: str, who: ContactId, ani: str | None = "+49301234567", name: str | None = "Eve") -> ContactId:
    insert = "INSERT INTO contact_private (contact, salt, ani, name) VALUES ($1, '\\x00', $2, $3)"
    await fetch(dsn, insert, who, ani, name)
    return who


@pytest.fixture
async def desk(database: str) -> AsyncIterator[asyncpg.Connection]:
    """As contactctl connects."""
    async with reader(database, writes=True) as connection:
        yield connection


async def test_what_is_shown_was_written_down(database: str, desk: asyncpg.Connection) -> None:
    one, nobody = await keep(database, contact(1)), contact(2)
    assert await audit.reveal(desk, Vault(), ME, "a test", [one, nobody]) == {one: Person("+49301234567", "Eve")}
    rows = await audit.kept(desk, 10)
    assert [(row.contact, row.who, row.uid, row.via, row.act, row.fields) for row in rows] == [
        (of, "root", 0, "a test", "read", ("ani", "name")) for of in (nobody, one)
    ]
    assert abs(rows[0].at - time.time()) < 60
    assert (rows[0].login, rows[0].client) == ("contactd", "127.0.0.1")
    assert [row.contact for row in await audit.kept(desk, 10, one)] == [one]


async def test_no_personal_value_is_in_the_audit(database: str, desk: asyncpg.Connection) -> None:
    one = await keep(database, contact())
    await audit.reveal(desk, Vault(), ME, "a test", [one])
    await audit.erase(desk, ME, "a test", one)
    text = str(await fetch(database, "SELECT audit::text FROM audit"))
    assert "read" in text and "erase" in text
    assert "301234567" not in text and "Eve" not in text
    assert "Eve" not in repr(Person("1", "Eve"))


async def test_nothing_is_shown_when_it_cannot_be_written_down(database: str, desk: asyncpg.Connection) -> None:
    one = await keep(database, contact())
    await fetch(database, "REVOKE INSERT ON audit FROM contactd_daemon")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await audit.reveal(desk, Vault(), ME, "a test", [one])
    await fetch(
        database, "GRANT INSERT (who, uid, via, act, contact, agent, fields, outcome) ON audit TO contactd_daemon"
    )
    await desk.execute("SET default_transaction_read_only = on")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await audit.reveal(desk, Vault(), ME, "a test", [one])
    assert await audit.kept(desk, 10) == []


async def test_a_row_that_may_still_be_rolled_back_opens_nothing(database: str, desk: asyncpg.Connection) -> None:
    """Whoever has the daemon's password cannot look and then take it back."""
    one = await keep(database, contact())
    async with desk.transaction():
        assert await audit.reveal(desk, Vault(), ME, "a test", [one]) == {}
        async with desk.transaction():  # a savepoint
            assert await audit.reveal(desk, Vault(), ME, "a test", [one]) == {}


async def test_a_row_opens_what_it_names_for_a_minute_and_for_its_login(
    database: str, desk: asyncpg.Connection
) -> None:
    one, other = await keep(database, contact(1)), await keep(database, contact(2))
    insert = "INSERT INTO audit (who, via, act, contact, fields) VALUES ('x', 'x', $1, $2, $3) RETURNING id"
    number = await desk.fetchval(insert, "read", one, ["name"])
    look = "SELECT contact::text, ani, name FROM reveal(ARRAY[$1::bigint])"
    assert [tuple(row) for row in await desk.fetch(look, number)] == [(one, None, "Eve")]
    assert await desk.fetch(look, await desk.fetchval(insert, "sign-in", other, ["name"])) == []
    await fetch(database, "UPDATE audit SET login = 'somebody' WHERE id = $1", number)
    assert await desk.fetch(look, number) == []
    await fetch(database, "UPDATE audit SET login = 'contactd', at = at - interval '61 s' WHERE id = $1", number)
    assert await desk.fetch(look, number) == []


async def test_erasing_a_person_leaves_history_whole(database: str, desk: asyncpg.Connection) -> None:
    one, other = await keep(database, contact(1)), await keep(database, contact(2))
    insert = "INSERT INTO event (floor, seq, at, kind, version, contact, body) VALUES (1, 1, now(), 'X', 1, $1, '{}')"
    await fetch(database, insert, one)
    before = await fetch(database, "SELECT event::text FROM event")
    assert (await audit.erase(desk, ME, "a test", one)).private
    assert not (await audit.erase(desk, ME, "a test", one)).private
    assert await fetch(database, "SELECT contact::text FROM contact_private") == [other]
    assert await fetch(database, "SELECT event::text FROM event") == before
    outcomes = [(row.act, row.contact, row.outcome) for row in await audit.kept(desk, 10)]
    assert outcomes == [("erase", one, "nothing was kept"), ("erase", one, "done")]
    assert await audit.reveal(desk, Vault(), ME, "a test", [one]) == {}


async def test_a_search_by_number_is_written_down_without_the_number(database: str, desk: asyncpg.Connection) -> None:
    old, new = await keep(database, contact(1, days_ago=2)), await keep(database, contact(2))
    await keep(database, contact(3), "+4930999")
    assert await audit.find(desk, ME, "a test", ["+49301234567"], []) == [new, old]
    assert await audit.find(desk, ME, "a test", ["' OR true --"], [b"' OR true --"]) == []
    assert [(row.act, row.fields, row.contact) for row in await audit.kept(desk, 9)] == [("search", ("ani",), None)] * 2
    assert "301234567" not in str(await fetch(database, "SELECT audit::text FROM audit"))
    async with desk.transaction():  # may still be rolled back
        assert await audit.find(desk, ME, "a test", ["+49301234567"], []) == []
    look = "SELECT find_callers($1, '{+49301234567}', '{}')"
    assert await desk.fetch(look, 99) == []
    await fetch(database, "UPDATE audit SET act = 'read'")
    assert await desk.fetch(look, 1) == []


# --- the daemon's trail ---


async def test_acts_are_kept_in_their_order_once_postgresql_is_there(database: str) -> None:
    async with journal_of(database) as journal:
        trail = AuditTrail(journal)
        trail.put(Entry(Who(0, 12345678), "socket", "sign-in", agent=AgentId("alice"), outcome="done"))
        trail.put(Entry(None, "SIGHUP", "reload"))
        task = asyncio.create_task(trail.run())
        try:
            async with asyncio.timeout(10):
                await trail.written()
        finally:
            task.cancel()
    rows = await fetch(database, "SELECT who, uid, via, act, agent, outcome FROM audit ORDER BY id")
    assert rows == [
        ("uid 12345678 as root", 0, "socket", "sign-in", "alice", "done"),
        ("contactd", None, "SIGHUP", "reload", None, ""),
    ]


async def test_acts_wait_for_postgresql(database: str) -> None:
    pool = await open_pool("postgresql://contactd@127.0.0.1:1/none")
    trail = AuditTrail(Journal(pool, 1, timeout_s=1))
    trail.put(Entry(ME, "socket", "ready", agent=AgentId("alice")))
    task = asyncio.create_task(trail.run())
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await trail.written()
        async with journal_of(database) as journal:
            trail._journal = journal
            async with asyncio.timeout(10):
                await trail.written()
    finally:
        task.cancel()
        pool.terminate()
    assert await fetch(database, "SELECT act FROM audit") == ["ready"]


async def test_a_row_that_postgresql_refuses_does_not_hold_up_the_next(database: str) -> None:
    async with journal_of(database) as journal:
        with pytest.raises(StoreRefused):
            await journal.execute("audit_act", None, None, "x", "x", None, None, [], "")
        trail = AuditTrail(journal)
        trail.put(Entry(ME, "socket", "a\0b"))
        trail.put(Entry(ME, "socket", "ready"))
        task = asyncio.create_task(trail.run())
        await until(lambda: trail._idle.is_set())
        task.cancel()
    assert await fetch(database, "SELECT act FROM audit") == ["ready"]


def test_who_is_who_logged_in_where_the_kernel_tells() -> None:
    assert Who.of_process(0, "no such process") == Who(0)
    assert str(Who(0)) == "root"
    assert str(Who(0, 4_000_000)) == "uid 4000000 as root"
    assert Who.me().uid == os.getuid()
