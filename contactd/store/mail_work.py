"""Which kept messages are to become contacts, and which have. A message's contact has the message's id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from contactd.core.ids import ContactId, Instant
from contactd.store.queries import query
from contactd.store.trouble import AWAY, away

_MOST = 500
_ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Unrouted:
    """A message whose contact is not known to be in the journal. journalled: it is, and only this is not written."""

    id: ContactId
    mailbox: str
    arrived_at: Instant
    journalled: bool


async def unrouted(pool: asyncpg.Pool, mailboxes: Sequence[str]) -> list[Unrouted]:
    """Of these mailboxes, the oldest first, some of them. Raises StoreAway."""
    try:
        rows = await pool.fetch(query("mail_unrouted"), list(mailboxes), _MOST, timeout=_ANSWER_S)
    except AWAY as error:
        raise away(error) from error
    return [Unrouted(ContactId(row["id"]), row["mailbox"], row["arrived_at"], row["journalled"]) for row in rows]


async def routed(pool: asyncpg.Pool, mails: Sequence[str]) -> None:
    """Their contacts are in the journal. Raises StoreAway."""
    try:
        await pool.execute(query("mail_routed"), list(mails), timeout=_ANSWER_S)
    except AWAY as error:
        raise away(error) from error


async def erased(pool: asyncpg.Pool, mails: Sequence[str]) -> list[ContactId]:
    """Those of them that are not there any more. Raises StoreAway."""
    try:
        rows = await pool.fetch(query("mail_gone"), list(mails), timeout=_ANSWER_S)
    except AWAY as error:
        raise away(error) from error
    return [ContactId(row["id"]) for row in rows]
