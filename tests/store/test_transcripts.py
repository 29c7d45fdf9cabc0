"""What was written in a contact, against a real PostgreSQL: kept beside the facts, read through the audit, gone with
the person."""

from __future__ import annotations

import pytest

from contactd.core.ids import ContactId
from contactd.core.text import Author
from contactd.store import audit, transcripts
from contactd.store.audit import Who
from contactd.store.reading import reader
from contactd.store.resealing import reseal
from contactd.store.transcripts import Written, body_of
from contactd.store.vault import NotOpened, Vault
from tests.engine.journal import fetch, journal_of
from tests.store.test_journal import CONTACT, batch

ME = Who.me()
OTHER = ContactId("01890a5d-ac96-774b-bcce-b302099a8058")
OLD, NEW = Vault([bytes(32)]), Vault([b"\x01" * 32, bytes(32)])


async def write(
    database: str, *texts: str, contact: str = CONTACT, ani: str | None = "+49", vault: Vault = OLD
) -> None:
    """In one frame with the arrival, as an append after a while without PostgreSQL has it."""
    async with journal_of(database) as journal:
        epoch = (await journal.next_epoch()).epoch
        made = batch((await journal.row()).seq, '"b"', contact=contact, ani=ani)
        for number, text in enumerate(texts):
            message = f"{number:04}"
            made.words_contact.append(contact)
            made.words_message.append(message)
            made.words_at.append(1_800_000_000.5 + number)
            made.words_author.append("caller" if number % 2 else "system")
            body = body_of(Written(text=text, at_ms=(0, 170), sure=(99, 51)))
            made.words_body.append(OLD.seal(body, transcripts.about(contact, message)))
        assert await journal.append(epoch, made)


async def read(database: str, vault: Vault = OLD, contact: str = CONTACT) -> list[tuple[str, str]]:
    async with reader(database, writes=True) as connection:
        found = await transcripts.reveal(connection, vault, ME, "a test", ContactId(contact))
    return [(one.author, one.written.text) for one in found]


async def test_words_are_kept_with_their_facts_and_read_through_the_audit(database: str) -> None:
    await write(database, "HELLO GA", "HI GA")
    async with reader(database, writes=True) as connection:
        first, second = await transcripts.reveal(connection, OLD, ME, "a test", ContactId(CONTACT))
        rows = await audit.kept(connection, 10)
    assert (first.author, first.at, first.written.text) == (Author.SYSTEM, 1_800_000_000.5, "HELLO GA")
    assert (second.written.at_ms, second.written.sure) == ((0, 170), (99, 51))
    assert [(row.contact, row.act, row.fields) for row in rows] == [(CONTACT, "read", ("transcript",))]
    assert "HELLO" not in str(await fetch(database, "SELECT transcript::text FROM transcript"))


async def test_the_daemons_role_reads_no_words_without_the_audit(database: str) -> None:
    await write(database, "HELLO GA")
    async with reader(database, writes=True) as connection:
        with pytest.raises(Exception, match="permission denied"):
            await connection.fetch("SELECT body FROM transcript")
        assert await connection.fetch("SELECT body FROM reveal_transcript(1)") == []


async def test_who_is_erased_has_written_nothing(database: str) -> None:
    await write(database, "HELLO GA")
    await write(database, "STAYS GA", contact=OTHER)
    async with reader(database, writes=True) as connection:
        await audit.erase(connection, ME, "a test", ContactId(CONTACT))
    assert await read(database) == [] and await read(database, contact=OTHER) == [("system", "STAYS GA")]
    # What comes of a call that still goes on refuses no fact, and is not kept.
    await write(database, "STILL HERE GA", ani=None)
    assert await read(database) == []


async def test_a_frame_that_comes_twice_says_nothing_twice(database: str) -> None:
    await write(database, "HELLO GA")
    await write(database, "HELLO GA")
    assert await read(database) == [("system", "HELLO GA")]


async def test_a_new_key_seals_transcripts_too(database: str) -> None:
    await write(database, "HELLO GA", "HI GA")
    import asyncpg

    owner = await asyncpg.connect(database)
    try:
        assert await reseal(owner, NEW) >= 2
        assert await reseal(owner, NEW) == 0
    finally:
        await owner.close()
    assert await read(database, Vault([b"\x01" * 32])) == [("system", "HELLO GA"), ("caller", "HI GA")]
    with pytest.raises(NotOpened):
        await read(database, OLD)
