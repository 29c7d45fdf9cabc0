"""Answers to mail by contactctl: written, waiting, sent, tried again, dropped. Who does which is written down."""

from __future__ import annotations

import dataclasses
import datetime
import secrets
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from contactd.config import customers_access, smtp_access
from contactd.core.errors import ContactdError
from contactd.ctl.durations import duration, local
from contactd.ctl.exits import Exit
from contactd.ctl.store import NotFound, database, named
from contactd.ctl.tables import print_table, table_of
from contactd.services.crm.recogniser import vault_with
from contactd.services.mail import writing
from contactd.services.mail.writing import NotAnswered
from contactd.store import mail as rows
from contactd.store import mail_out, mail_tokens, outbox
from contactd.store.audit import Entry, Who, audit_act
from contactd.store.mail_out import MAIL

_MOST_READ = 1 << 20
"""Of the message that is answered: its head, and what is quoted of it."""
_MOST_TEXT = 1 << 20


class NothingThere(ContactdError):
    """It is in no state in which that can be done."""

    exit_code = Exit.REFUSED


async def reply(config: Path, text_id: str, text: str, to: Sequence[str], *, quote: bool) -> dict[str, Any]:
    """Write down that it is read and answered, then put the answer into the outbox. Raises NotAnswered, NotFound."""
    if not text.strip():
        raise NotAnswered("The answer is empty; nothing was sent.")
    if len(text.encode("utf-8", "replace")) > _MOST_TEXT:
        raise NotAnswered("The answer is longer than 1 MiB.")
    vault, answering = vault_with(customers_access(config)[1]), smtp_access(config)
    async with database(config, writes=True) as connection:
        mail = await named(lambda start: rows.beginning(connection, start), text_id, "message", "contactctl mail list")
        section = answering.get(mail.mailbox)
        if section is None:
            raise NotAnswered(f"[mailboxes.{mail.mailbox}] does not answer: give [smtp.{mail.mailbox}].")
        pieces = await rows.reveal(connection, vault, Who.me(), mail)
        if pieces is None:
            raise NotFound("It was erased meanwhile.")
        data = bytearray()
        async for piece in pieces:
            data += piece[: _MOST_READ - len(data)]
        original = writing.read(bytes(data))
        recipients = list(to) or ([original.sender] if original.sender else [])
        if section.address.lower() in {one.lower() for one in recipients}:
            raise NotAnswered("It is from this mailbox itself: an answer would come back to it. Give --to.")
        tokens = await mail_tokens.tokens(connection)
        shown = tokens.threads(*original.named)
        thread = await mail_out.wrote_to(connection, vault, shown, original.sender) if shown else None
        letter = writing.write(
            original,
            f"{text.rstrip()}\n\n{writing.quoted(original)}" if quote and original.text else text,
            sender=writing.Sender(section.address, section.name),
            recipients=recipients,
            tokens=tokens,
            thread=thread or mail.id,
            unique=secrets.token_bytes(10),
            now=datetime.datetime.now().astimezone(),
        )
        async with connection.transaction():
            await audit_act(connection, Entry(Who.me(), rows.VIA, "reply mail", fields=("mail",), outcome=mail.id))
            number = await mail_out.queue(
                connection,
                vault,
                mail=mail.id,
                mailbox=mail.mailbox,
                thread=thread or mail.id,
                message_id=letter.message_id,
                sender=letter.sender,
                recipients=letter.recipients,
                data=letter.data,
            )
    return {"message": number, "mail": mail.id, "thread": thread or mail.id, "message_id": letter.message_id}


async def boxes(config: Path) -> list[dict[str, Any]]:
    """How each mailbox that answers stands."""
    answering = smtp_access(config)
    async with database(config) as connection:
        found = [one for one in await outbox.destinations(connection, 0) if one.kind == MAIL]
    known = {one.name for one in found}
    told = [{**dataclasses.asdict(one), "configured": one.name in answering, "read": True} for one in found]
    return told + [{"name": name, "configured": True, "read": False} for name in answering if name not in known]


async def listed(config: Path, mailbox: str | None, state: str | None, most: int) -> list[dict[str, Any]]:
    """The newest first."""
    async with database(config) as connection:
        return [_told(one) for one in await outbox.listed(connection, MAIL, mailbox, state, most)]


async def shown(config: Path, number: str) -> dict[str, Any]:
    async with database(config) as connection:
        return _told(await _one(connection, number))


async def retried(config: Path, what: str) -> str:
    """A message, or all dead ones of a mailbox."""
    return await _changed(config, what, "retry mail", "to be sent again now", "sent")


async def dropped(config: Path, what: str) -> str:
    return await _changed(config, what, "drop mail", "dropped", "sent or dropped")


async def _changed(config: Path, what: str, act: str, done: str, over: str) -> str:
    async with database(config, writes=True) as connection, connection.transaction():
        if _is_message(what):
            mailbox, number = (await _one(connection, what)).destination, what
        else:
            mailbox, number = what, None
            if what not in {one.name for one in await outbox.destinations(connection, 0) if one.kind == MAIL}:
                raise NotFound(f"No mailbox {what} answers; contactctl mail outbox list shows which do.")
        if act == "retry mail":
            count = await outbox.retry(connection, MAIL, mailbox, number)
        else:
            count = await outbox.drop(connection, MAIL, mailbox, number, queued=False)
        if number is not None and not count:
            raise NothingThere(f"{number} was {over} already.")
        await audit_act(connection, Entry(Who.me(), rows.VIA, act, outcome=f"{what}: {count} messages"))
    return f"{mailbox}: {count} message{'' if count == 1 else 's'} {done}."


async def _one(connection: Any, number: str) -> outbox.Kept:
    found = await outbox.one(connection, MAIL, number) if _is_message(number) else None
    if found is None:
        raise NotFound(f"There is no message {number} in the outbox: contactctl mail outbox messages shows them.")
    return found


def _told(one: outbox.Kept) -> dict[str, Any]:
    told = dataclasses.asdict(one)
    return {**told, "thread": one.subject.removeprefix("mail:")}


def _is_message(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return len(text) == 36


# --- for people ---


def show_reply(one: dict[str, Any]) -> None:
    click.echo(f"{one['message']}: it waits in the outbox; contactctl mail outbox show {one['message']} tells of it.")


def show_boxes(found: list[dict[str, Any]]) -> None:
    table = table_of("mailbox", "state", "queued>", "oldest>", "dead>", "sent>", "failed>", "last error~")
    for one in found:
        if not one["read"]:
            table.add_row(one["name"], "no worker has read it", *[""] * 6)
            continue
        state = "not configured" if not one["events"] else "served" if one["served"] else "no worker"
        oldest = duration(one["oldest_s"]) if one["queued"] else ""
        counts = (str(one["queued"]), oldest, str(one["dead"]), str(one["sent"]), str(one["failed"]))
        table.add_row(one["name"], state, *counts, one["error"])
    print_table(table, "no mailbox answers: docs/mail.rst tells how one is set up")


def show_messages(found: list[dict[str, Any]]) -> None:
    table = table_of("message", "when", "mailbox", "state", "attempts>", "error~")
    for one in found:
        at = local(one["at"]).strftime("%m-%d %H:%M:%S")
        table.add_row(one["message"], at, one["destination"], one["state"], str(one["attempts"]), one["error"])
    print_table(table, "no message")


def show_message(one: dict[str, Any]) -> None:
    click.echo(f"message {one['message']} from {one['destination']}: {one['state']}")
    for name, title in (("at", "written"), ("due", "not before"), ("ended_at", "ended")):
        if one[name] is not None and (name != "due" or one["state"] == "queued"):
            click.echo(f"  {title + ':':12} {local(one[name]).strftime('%Y-%m-%d %H:%M:%S')}")
    click.echo(f"  {'thread:':12} {one['thread']}")
    click.echo(f"  {'attempts:':12} {one['attempts']}")
    if one["error"]:
        click.echo(f"  {'error:':12} {one['error']}")
