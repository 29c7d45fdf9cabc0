"""Mail that is sent: whole and sealed beside the message that it answers, and sent by its row in the outbox.

Sender, recipients and bytes are fixed before the first attempt, the Message-ID among them: whatever dies, what is sent
again is the same message. It goes with the message that it answers, by age or by hand.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import asyncpg

from contactd.store.outbox import Pool, asked
from contactd.store.queries import query
from contactd.store.vault import Vault

MAIL = "mail"
"""The kind of its destinations: the mailboxes that answer."""
REPLY = "mail.reply"


@dataclass(frozen=True, slots=True)
class Kept:
    """One as it is to be sent. recipients: all; done: the places of those whose mail server took it."""

    message: str
    sender: str
    recipients: tuple[str, ...]
    done: tuple[int, ...]
    data: bytes = field(repr=False)


async def queue(
    connection: asyncpg.Connection,
    vault: Vault,
    *,
    mail: str,
    mailbox: str,
    thread: str,
    message_id: str,
    sender: str,
    recipients: Sequence[str],
    data: bytes,
) -> str:
    """Message and row of the outbox, to be within one transaction with what is written down of it. The message's id."""
    number: str = await connection.fetchval(query("mail_out_number"))
    body = {"sender": sender, "recipients": list(recipients), "data": base64.b64encode(data).decode()}
    found = [vault.lookup(MAIL, one.lower()) for one in recipients]
    columns = (mail, mailbox, thread, message_id, found, vault.seal(json.dumps(body), about(number)))
    await connection.execute(query("mail_out_keep"), number, *columns)
    await connection.execute(query("mail_out_queue"), number, MAIL, mailbox, REPLY, f"mail:{thread}")
    return number


async def opened(pool: Pool, vault: Vault, message: str) -> Kept | None:
    """As the worker. None: it was erased. Raises StoreAway, NotOpened."""
    rows = await asked(pool, "mail_out_sealed", message)
    if not rows:
        return None
    body = json.loads(vault.open(rows[0]["body"], about(message)))
    data = base64.b64decode(body["data"])
    return Kept(message, body["sender"], tuple(body["recipients"]), tuple(rows[0]["done"]), data)


async def took(pool: Pool, message: str, places: Sequence[int]) -> None:
    """These recipients are not written to again. Raises StoreAway."""
    await asked(pool, "mail_out_took", message, list(places))


async def wrote_to(connection: asyncpg.Connection, vault: Vault, threads: Collection[str], address: str) -> str | None:
    """Of these threads the first in which this address was written to: who shows its token may well have got it."""
    found: str | None = await connection.fetchval(
        query("mail_out_wrote_to"), list(threads), vault.lookups(MAIL, address.lower())
    )
    return found


def about(message: str) -> str:
    return f"{message}/mail_out"
