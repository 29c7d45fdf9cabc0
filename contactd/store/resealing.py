"""After the key was made, changed or taken away: every value sealed as the current one says, by the owner, at night."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import asyncpg

from contactd.store import callers
from contactd.store.callers import FoundBy
from contactd.store.cases import about_word
from contactd.store.mail import about as about_mail
from contactd.store.mail_out import MAIL
from contactd.store.mail_out import about as about_mail_out
from contactd.store.parties import about, name_hashes
from contactd.store.queries import query
from contactd.store.transcripts import about as about_words
from contactd.store.vault import Vault

_PAGE = 1000
_NOBODY = "00000000-0000-0000-0000-000000000000"
Rewrite = Callable[[asyncpg.Record], tuple[Any, ...]]


async def reseal(owner: asyncpg.Connection, vault: Vault, found_by: FoundBy = callers.as_shown) -> int:
    """Seal with the current key what is not, after a key was made, changed or taken away. Returns how many rows.

    May be stopped and begun again: a page is sealed anew in one transaction, and found under every key meanwhile. What
    is current already is not even read. found_by: what numbers of contacts are found by. Raises NotOpened.
    """

    def identity(row: asyncpg.Record) -> tuple[Any, ...]:
        what = about(row["party"], row["kind"])
        text = vault.open(row["value"], what)
        return row["id"], vault.seal(text, what), vault.lookup(row["kind"], text), row["value"]

    def field(row: asyncpg.Record) -> tuple[Any, ...]:
        what = about(row["party"], f"field/{row['field']}")
        text = vault.open(row["value"], what)
        hashes = name_hashes(vault, text) if row["found"] else (None, None)
        return row["party"], row["field"], vault.seal(text, what), *hashes, row["value"]

    def note(row: asyncpg.Record) -> tuple[Any, ...]:
        what = about(row["id"], "note")
        return row["id"], vault.seal(vault.open(row["body"], what), what), row["body"]

    def case_word(row: asyncpg.Record) -> tuple[Any, ...]:
        what = about_word(row["id"])
        return row["id"], vault.seal(vault.open(row["value"], what), what), row["value"]

    def mail(row: asyncpg.Record) -> tuple[Any, ...]:
        what = about_mail(row["id"])
        text = vault.open(row["key"], what)
        return row["id"], vault.seal(text, what), vault.lookup("mail", text.partition(":")[2]), row["key"]

    def mail_out(row: asyncpg.Record) -> tuple[Any, ...]:
        what = about_mail_out(row["id"])
        text = vault.open(row["body"], what)
        people = [vault.lookup(MAIL, one.lower()) for one in json.loads(text)["recipients"]]
        return row["id"], vault.seal(text, what), people, row["body"]

    def hold(row: asyncpg.Record) -> tuple[Any, ...]:
        what = about(row["id"], "hold")
        return row["id"], vault.seal(vault.open(row["reason"], what), what), row["reason"]

    def caller(row: asyncpg.Record) -> tuple[Any, ...]:
        contact = row["contact"]
        ani, name = (callers.unseal(vault, contact, column, row[column]) for column in ("ani", "name"))
        sealed = [callers.seal(vault, contact, "ani", ani), callers.seal(vault, contact, "name", name)]
        lookup = vault.lookup(*found_by(ani)) if ani is not None else None
        return contact, *sealed, lookup, row["ani"], row["name"]

    def words(row: asyncpg.Record) -> tuple[Any, ...]:
        what = about_words(row["contact"], row["message"])
        return row["contact"], row["message"], vault.seal(vault.open(row["body"], what), what), row["body"]

    sealed = [vault.prefix]
    changed = await _rewrite(owner, "unsealed_identities", "reseal_identity", identity, (0,), ("id",), sealed)
    place = (_NOBODY, "")
    changed += await _rewrite(owner, "unsealed_fields", "reseal_field", field, place, ("party", "field"), sealed)
    changed += await _rewrite(owner, "unsealed_notes", "reseal_note", note, (_NOBODY,), ("id",), sealed)
    changed += await _rewrite(owner, "unsealed_case_words", "reseal_case_word", case_word, (_NOBODY,), ("id",), sealed)
    changed += await _rewrite(owner, "unsealed_mails", "reseal_mail", mail, (_NOBODY,), ("id",), sealed)
    changed += await _rewrite(owner, "unsealed_mails_out", "reseal_mail_out", mail_out, (_NOBODY,), ("id",), sealed)
    changed += await _rewrite(owner, "unsealed_holds", "reseal_hold", hold, (_NOBODY,), ("id",), sealed)
    place = (_NOBODY, "")
    key = ("contact", "message")
    changed += await _rewrite(owner, "unsealed_transcripts", "reseal_transcript", words, place, key, sealed)
    marks = [callers.MARK, callers.beginning(vault)]
    return changed + await _rewrite(owner, "unsealed_callers", "reseal_caller", caller, (_NOBODY,), ("contact",), marks)


async def _rewrite(
    owner: asyncpg.Connection,
    read: str,
    write: str,
    rewrite: Rewrite,
    place: tuple[Any, ...],
    key: tuple[str, ...],
    more: list[Any],
) -> int:
    """Page by page, in the order of key, from place on."""
    changed = 0
    while rows := await owner.fetch(query(read), *place, _PAGE, *more, timeout=600):
        place = tuple(rows[-1][column] for column in key)
        await owner.executemany(query(write), [rewrite(row) for row in rows], timeout=600)
        changed += len(rows)
    return changed
