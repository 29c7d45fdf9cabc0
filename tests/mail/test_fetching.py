"""A mailbox on a real Dovecot, kept in a real PostgreSQL: once each, byte for byte, whatever breaks in between."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from contactd.mail.fetching import arrived_at
from contactd.mail.imap import PIECE
from contactd.store import mail as rows
from contactd.store.audit import Who
from tests.lab.mail.dovecot import Dovecot
from tests.mail.boxes import (
    VAULT,
    fetcher,
    hash_of,
    hashes,
    kept,
    message,
    running,
    section,
    until,
    until_kept,
    user,
)


async def test_what_lies_there_and_what_comes_is_kept_byte_for_byte_and_marked_as_seen(
    server: Dovecot, pool: Any, tmp_path: Path
) -> None:
    name = user()
    waiting = [message(number) for number in range(3)]
    server.deliver(name, *waiting)
    async with running(fetcher(pool, name, section(server, name), tmp_path)):
        await until_kept(pool, name, 3)
        # IDLE tells of it: the next look by itself would be in minutes.
        server.deliver(name, message(9))
        await until_kept(pool, name, 4, patience_s=10)
        await until(lambda: server.uids(name, criterion="SEEN") == [1, 2, 3, 4], "all to be seen")
    assert await kept(pool, name) == [*waiting, message(9)]


def test_when_a_message_arrived_is_the_servers_word_and_else_now() -> None:
    assert arrived_at("17-Jul-1996 02:44:25 -0700") == 837596665.0
    for odd in ("", "nonsense", "99-Jul-1996 02:44:25 -0700"):
        assert abs(arrived_at(odd) - time.time()) < 60


async def test_a_server_without_idle_is_asked_every_so_often(pool: Any, tmp_path: Path) -> None:
    with Dovecot(tmp_path / "plain", capability="IMAP4rev1") as server:
        name = user()
        async with running(fetcher(pool, name, section(server, name), tmp_path)):
            await until(lambda: "Logged in" in server.log.read_text(), "the login")
            server.deliver(name, message(1))
            await until_kept(pool, name, 1, patience_s=20)
        assert await kept(pool, name) == [message(1)]


@pytest.mark.parametrize("capability", ["", "IMAP4rev1 IDLE UIDPLUS"])
async def test_kept_messages_are_moved_to_a_folder_with_any_name(capability: str, pool: Any, tmp_path: Path) -> None:
    with Dovecot(tmp_path / "mover", capability=capability) as server:
        name = user()
        server.deliver(name, message(1), message(2))
        one = section(server, name, after="move", move_to='Erledigt & "gut" 台北')
        async with running(fetcher(pool, name, one, tmp_path)):
            await until(lambda: server.uids(name) == [], "the folder to be empty")
            await until(
                lambda: len(server.uids(name, '"Erledigt &- \\"gut\\" &U,BTFw-"')) == 2, "both in the other folder"
            )
        assert await kept(pool, name) == [message(1), message(2)]


async def test_only_what_comes_later_is_fetched_where_that_is_wanted(
    server: Dovecot, pool: Any, tmp_path: Path
) -> None:
    name = user()
    server.deliver(name, message(1), message(2))
    one = section(server, name, existing=False, after="leave")
    fetching = fetcher(pool, name, one, tmp_path)
    async with running(fetching):
        await until(lambda: fetching._keeper.validity, "the mailbox to be open")
        server.deliver(name, message(3))
        await until_kept(pool, name, 1)
    assert await kept(pool, name) == [message(3)]
    assert server.uids(name, criterion="SEEN") == []


async def test_a_large_message_passes_in_pieces_and_one_that_is_too_large_is_cut_and_left(
    server: Dovecot, pool: Any, tmp_path: Path
) -> None:
    name = user()
    large, too_large = message(1, 3 * PIECE + 17), message(2, 2 << 20)
    exactly = message(3, PIECE)[: PIECE - 2] + b"\r\n"
    server.deliver(name, large, too_large, exactly, message(4))
    async with running(fetcher(pool, name, section(server, name, max_mb=1), tmp_path)):
        await until_kept(pool, name, 4)
        await until(lambda: server.uids(name, criterion="SEEN") == [1, 3, 4], "all but the cut one to be seen")
    assert await kept(pool, name) == [large, too_large[:PIECE], exactly, message(4)]
    async with pool.acquire() as connection:
        cut = await rows.listed(connection, 10, name, not_whole=True)
    assert [(one.state, one.bytes) for one in cut] == [("cut", len(too_large))]
    assert os.listdir(tmp_path) == []


async def test_messages_that_the_server_numbers_anew_are_known_again(
    server: Dovecot, pool: Any, tmp_path: Path
) -> None:
    name = user()
    first = [message(number) for number in range(40)]
    # Two of the same bytes are two messages.
    twins = [message(100), message(100)]
    server.deliver(name, *first, *twins, folder="Support")
    one = section(server, name, folder="Support")
    async with running(fetcher(pool, name, one, tmp_path)):
        await until_kept(pool, name, 42)
        await until(lambda: server.uids(name, "Support", "UNSEEN") == [], "all to be seen")
    before = await hashes(pool, name)
    with server.session(name) as client:
        client.delete("Support")
    server.deliver(name, *reversed(first), *twins, message(7777), folder="Support")
    async with running(fetcher(pool, name, one, tmp_path)):
        await until_kept(pool, name, 43)
        await until(lambda: server.uids(name, "Support", "UNSEEN") == [], "all to be seen again")
    assert await hashes(pool, name) == sorted([*before, hash_of(message(7777))])


async def test_a_server_that_dies_and_comes_back_costs_and_doubles_nothing(pool: Any, tmp_path: Path) -> None:
    with Dovecot(tmp_path / "dying") as server:
        name = user()
        fetching = fetcher(pool, name, section(server, name), tmp_path)
        async with running(fetching):
            for number in range(3):
                server.deliver(name, message(number))
                await until_kept(pool, name, number + 1)
                server.kill()
                await until(lambda: fetching.trouble, "the trouble to be told")
                server.start()
                await until(lambda: not fetching.trouble, "the trouble to end")
        assert await kept(pool, name) == [message(number) for number in range(3)]


async def test_a_server_that_stands_still_is_left_and_another_connection_made(pool: Any, tmp_path: Path) -> None:
    with Dovecot(tmp_path / "still") as server:
        name = user()
        fetching = fetcher(pool, name, section(server, name), tmp_path, wait_s=1, idle_s=1)
        server.deliver(name, message(1))
        async with running(fetching):
            await until_kept(pool, name, 1)
            server.pause()
            await until(lambda: fetching.trouble, "the silence to be told")
            server.cont()
            server.deliver(name, message(2))
            await until_kept(pool, name, 2)
        assert await kept(pool, name) == [message(1), message(2)]


async def test_two_who_fetch_one_mailbox_keep_each_message_once(server: Dovecot, pool: Any, tmp_path: Path) -> None:
    name = user()
    messages = [message(number) for number in range(300)]
    server.deliver(name, *messages[:150])
    one = section(server, name)
    async with running(*(fetcher(pool, name, one, tmp_path) for _ in range(3))):
        server.deliver(name, *messages[150:])
        await until_kept(pool, name, 300)
        await until(lambda: server.uids(name, criterion="UNSEEN") == [], "all to be seen")
    assert await hashes(pool, name) == sorted(map(hash_of, messages))


async def test_messages_expunged_by_others_meanwhile_are_passed_over(
    server: Dovecot, pool: Any, tmp_path: Path
) -> None:
    name = user()
    server.deliver(name, *(message(number) for number in range(60)))

    def reached(point: str) -> None:
        with server.session(name) as client:
            client.uid("STORE", "50:55", "+FLAGS", r"(\Deleted)")
            client.expunge()

    # Found when they were looked for, and gone when they are asked for.
    async with running(fetcher(pool, name, section(server, name), tmp_path, reached=reached)):
        # The first 50 were fetched by then.
        await until_kept(pool, name, 55)
        server.deliver(name, message(99))
        await until_kept(pool, name, 56)
    found = await hashes(pool, name)
    assert len(found) == 56 and hash_of(message(99)) in found


async def test_nothing_is_fetched_while_nothing_new_may_be_taken(server: Dovecot, pool: Any, tmp_path: Path) -> None:
    name = user()
    server.deliver(name, message(1))
    full = True
    fetching = fetcher(pool, name, section(server, name), tmp_path, may=lambda: not full)
    async with running(fetching):
        await until(lambda: fetching._keeper.validity, "the mailbox to be open")
        assert await kept(pool, name) == []
        full = False
        await until_kept(pool, name, 1)


async def test_a_token_opens_the_mailbox_and_an_old_one_is_told_and_tried_again(
    server: Dovecot, pool: Any, tmp_path: Path
) -> None:
    name = user()
    server.deliver(name, message(1))
    token = tmp_path / "token"
    token.write_text(server.token(name, lasts_s=-600))
    fetching = fetcher(pool, name, section(server, name, token_file=str(token)), tmp_path)
    async with running(fetching):
        await until(lambda: "refuses AUTHENTICATE" in fetching.trouble, "the refusal")
        token.write_text(server.token(name) + "\n")
        await until_kept(pool, name, 1)
        await until(lambda: not fetching.trouble, "the trouble to end")


async def test_an_erased_message_is_gone_its_reading_was_written_down_and_it_does_not_come_again(
    server: Dovecot, pool: Any, tmp_path: Path
) -> None:
    name = user()
    server.deliver(name, message(1), message(2, 5000))
    one = section(server, name)
    async with running(fetcher(pool, name, one, tmp_path)):
        await until_kept(pool, name, 2)
    async with pool.acquire() as connection:
        mail = next(one for one in await rows.listed(connection, 10, name) if one.bytes == len(message(1)))
        assert await rows.reveal(connection, VAULT, Who.me(), mail)
        assert await rows.erase(connection, Who.me(), mail)
        assert not await rows.erase(connection, Who.me(), mail)
        acts = await connection.fetch("SELECT act, outcome FROM audit WHERE 'mail' = ANY (fields) ORDER BY id")
    assert [(row["act"], row["outcome"]) for row in acts][:2] == [("read", mail.id), ("erase", mail.id)]
    async with running(fetcher(pool, name, one, tmp_path)):
        server.deliver(name, message(3))
        await until_kept(pool, name, 2)
    assert await kept(pool, name) == [message(2, 5000), message(3)]
