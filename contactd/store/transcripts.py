"""What was written in a contact, at rest: sealed where there is a key, and read through the audit alone."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import msgspec

from contactd.core.ids import ContactId, Instant
from contactd.core.text import Author, MessageId
from contactd.store.audit import Who
from contactd.store.queries import query
from contactd.store.vault import Vault


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A message. at_ms: when each character came, after the first; sure: how surely each was read, in percent. Both are
    empty where nothing is unsure: what we sent ourselves, at the pace of the line."""

    text: str
    at_ms: tuple[int, ...] = ()
    sure: tuple[int, ...] = ()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    message: MessageId
    at: Instant
    author: Author
    written: Written


def body_of(written: Written) -> str:
    """What is sealed."""
    return msgspec.json.encode(written).decode()


def unseal(vault: Vault, contact: str, message: str, body: str) -> Written:
    """Raises NotOpened."""
    return msgspec.json.decode(vault.open(body, about(contact, message)), type=Written)


def about(contact: str, message: str) -> str:
    return f"{contact}/words/{message}"


async def reveal(
    connection: asyncpg.Connection, vault: Vault, who: Who, via: str, contact: ContactId
) -> Sequence[Message]:
    """Write down that who reads it, then read it. Raises NotOpened."""
    audited = await connection.fetchval(query("audit_transcript_read"), str(who), who.uid, via, contact)
    rows = await connection.fetch(query("reveal_transcript"), audited)
    return [
        Message(
            message=row["message"],
            at=row["at"],
            author=Author(row["author"]),
            written=unseal(vault, contact, row["message"], row["body"]),
        )
        for row in rows
    ]
