"""Fetched messages at rest: sealed, sealed anew after a new key, forgotten by age, and read through the audit alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from contactd.store import mail as rows
from contactd.store import retention
from contactd.store.audit import Who
from contactd.store.journal import open_pool
from contactd.store.mail import PIECE, MailKeeper, Parcel
from contactd.store.reading import reader
from contactd.store.resealing import reseal
from contactd.store.trouble import StoreAway
from contactd.store.vault import NotOpened, Vault

OLD, NEW = b"o" * 32, b"n" * 32
SECRET = b"Subject: a secret\r\n\r\nNobody may read this.\r\n"
ME = Who.me()


def parcel(folder: Path, body: bytes, uid: int) -> Parcel:
    made = Parcel(uid, 1_800_000_000.0, folder)
    made.add(body)
    made.end()
    return made


async def keep(database: str, folder: Path, vault: Vault, *bodies: bytes, validity: int = 7) -> list[Parcel] | None:
    pool = await open_pool(database)
    try:
        keeper = MailKeeper(pool, vault, "support")
        await keeper.open(validity, 0)
        first = keeper.uid + 1
        parcels = [parcel(folder, body, first + number) for number, body in enumerate(bodies)]
        return await keeper.keep(parcels, first + len(bodies) - 1, settles=True)
    finally:
        await pool.close()


async def read(connection: Any, vault: Vault) -> list[bytes]:
    found = []
    for mail in await rows.listed(connection, 100):
        pieces = await rows.reveal(connection, vault, ME, mail)
        assert pieces is not None
        found.append(b"".join([piece async for piece in pieces]))
    return sorted(found)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE])
async def test_a_message_of_any_length_comes_back_as_it_was(size: int, database: str, tmp_path: Path) -> None:
    body = (SECRET * (1 + size // len(SECRET)))[:size]
    await keep(database, tmp_path, Vault([OLD]), body)
    async with reader(database, writes=True) as connection:
        assert await read(connection, Vault([OLD])) == [body]


async def test_nothing_of_a_message_lies_in_the_tables_in_the_clear(database: str, tmp_path: Path) -> None:
    await keep(database, tmp_path, Vault([OLD]), SECRET)
    owner = await asyncpg.connect(database)
    try:
        for table in ("mail", "mail_piece", "mail_place", "mailbox", "audit"):
            for row in await owner.fetch(f"SELECT * FROM {table}"):
                assert b"Nobody" not in b"".join(bytes(str(value), "utf-8") for value in row.values())
                assert not any(isinstance(value, bytes) and b"Nobody" in value for value in row.values())
    finally:
        await owner.close()


async def test_only_whoever_wrote_it_down_gets_what_opens_a_message(database: str, tmp_path: Path) -> None:
    await keep(database, tmp_path, Vault([OLD]), SECRET)
    async with reader(database, writes=True) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT key FROM mail")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("DELETE FROM mail")
        assert await connection.fetch("SELECT * FROM reveal_mail(1)") == []
        # In the same transaction it could be taken back.
        async with connection.transaction():
            (mail,) = await rows.listed(connection, 1)
            assert await rows.reveal(connection, Vault([OLD]), ME, mail) is None
        assert await read(connection, Vault([OLD])) == [SECRET]


async def test_a_piece_that_was_changed_or_taken_away_is_told(database: str, tmp_path: Path) -> None:
    await keep(database, tmp_path, Vault([OLD]), SECRET * 20_000)
    owner = await asyncpg.connect(database)
    try:
        async with reader(database, writes=True) as connection:
            for spoil in (
                "DELETE FROM mail_piece WHERE n = (SELECT max(n) FROM mail_piece)",
                "UPDATE mail_piece SET body = set_byte(body, 100, get_byte(body, 100) # 1) WHERE n = 0",
                "DELETE FROM mail_piece",
            ):
                await owner.execute(spoil)
                with pytest.raises(NotOpened):
                    await read(connection, Vault([OLD]))
            with pytest.raises(NotOpened):
                await read(connection, Vault([NEW]))
    finally:
        await owner.close()


async def test_a_new_key_opens_and_knows_again_what_was_kept_with_the_old_one(database: str, tmp_path: Path) -> None:
    await keep(database, tmp_path, Vault(), SECRET)
    await keep(database, tmp_path, Vault([OLD]), SECRET + b"1", SECRET + b"2")
    owner = await asyncpg.connect(database)
    try:
        assert await reseal(owner, Vault([NEW, OLD])) == 3
        assert await reseal(owner, Vault([NEW, OLD])) == 0
    finally:
        await owner.close()
    async with reader(database, writes=True) as connection:
        assert await read(connection, Vault([NEW])) == [SECRET, SECRET + b"1", SECRET + b"2"]
    # The server numbers its messages anew.
    assert await keep(database, tmp_path, Vault([NEW]), SECRET + b"2", SECRET, validity=8) == []


async def test_of_two_who_keep_the_same_messages_one_is_too_late(database: str, tmp_path: Path) -> None:
    pool = await open_pool(database)
    try:
        keepers = [MailKeeper(pool, Vault(), "support") for _ in range(2)]
        for keeper in keepers:
            await keeper.open(7, 0)
        results = [await keeper.keep([parcel(tmp_path, SECRET, 1)], 1, settles=False) for keeper in keepers]
        assert [None if found is None else len(found) for found in results] == [1, None]
        # Nobody has to mark or move it.
        assert await keepers[0].unsettled() == []
    finally:
        await pool.close()


async def test_messages_go_by_their_age_and_their_places_stay(database: str, tmp_path: Path) -> None:
    await keep(database, tmp_path, Vault([OLD]), SECRET, SECRET + b"young")
    owner = await asyncpg.connect(database)
    try:
        await owner.execute("UPDATE mail SET kept_at = now() - interval '31 days' WHERE bytes = $1", len(SECRET))
        await retention.set_days(owner, {"mails": 30})
        async with reader(database, writes=True, role="contactd_worker") as worker:
            assert (await retention.forget(worker))["mails"].removed == 1
        async with reader(database, writes=True) as connection:
            assert await read(connection, Vault([OLD])) == [SECRET + b"young"]
        assert await owner.fetchval("SELECT count(*) FROM mail_place") == 2
    finally:
        await owner.close()


async def test_postgresql_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    pool = await open_pool("postgresql://nobody@127.0.0.1:1/none")
    keeper = MailKeeper(pool, Vault(), "support")
    with pytest.raises(StoreAway):
        await keeper.open(7, 0)
    with pytest.raises(StoreAway):
        await keeper.keep([parcel(tmp_path, SECRET, 1)], 1, settles=True)
    await pool.close()
