"""Mail by contactctl: PostgreSQL is asked directly; who reads a message is written down before."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import sys
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from contactd.config import customers_access
from contactd.ctl.durations import local
from contactd.ctl.store import NotFound, database, named
from contactd.ctl.words import safe
from contactd.services.crm.recogniser import vault_with
from contactd.services.mime.apart import understood_apart
from contactd.store import mail as rows
from contactd.store.audit import Who
from contactd.store.mail import Mail

_GONE = "It was erased meanwhile."


async def _one(connection: Any, text: str) -> Mail:
    """Raises NotFound."""
    return await named(lambda start: rows.beginning(connection, start), text, "message", "contactctl mail list")


async def boxes(config: Path) -> list[dict[str, Any]]:
    async with database(config) as connection:
        return [dataclasses.asdict(one) for one in await rows.mailboxes(connection)]


async def listed(config: Path, most: int, mailbox: str | None, *, not_whole: bool) -> list[dict[str, Any]]:
    async with database(config) as connection:
        return [dataclasses.asdict(one) for one in await rows.listed(connection, most, mailbox, not_whole=not_whole)]


async def export(config: Path, text: str, out: BinaryIO) -> dict[str, Any]:
    """Write it down, then the message to out: checked piece by piece, and in the end as a whole. Raises NotOpened."""
    vault = vault_with(customers_access(config)[1])
    async with database(config, writes=True) as connection:
        mail = await _one(connection, text)
        pieces = await rows.reveal(connection, vault, Who.me(), mail)
        if pieces is None:
            raise NotFound(_GONE)
        async for piece in pieces:
            out.write(piece)
    return dataclasses.asdict(mail)


async def shown(config: Path, text: str) -> dict[str, Any]:
    """What a message says, read in a process apart. Raises NotOpened, NotFound, NotUnderstood."""
    raw = io.BytesIO()
    told = await export(config, text, raw)
    told["says"] = msgspec.to_builtins(await asyncio.to_thread(understood_apart, raw.getvalue()))
    return told


async def erased(config: Path, text: str) -> dict[str, Any]:
    async with database(config, writes=True) as connection:
        mail = await _one(connection, text)
        if not await rows.erase(connection, Who.me(), mail):
            raise NotFound(_GONE)
    return dataclasses.asdict(mail)


def show_boxes(found: list[dict[str, Any]]) -> None:
    for one in found:
        last = local(one["last_kept_at"]).strftime("%Y-%m-%d %H:%M:%S") if one["last_kept_at"] else "never"
        marks = "".join(
            f"  {one[key]} {words}"
            for key, words in (("not_whole", "not whole"), ("unsettled", "to be marked or moved"))
            if one[key]
        )
        kept = f"{one['kept']} kept, {one['bytes'] / (1 << 20):.1f} MiB"
        click.echo(f"{one['name']:<20}  {kept:<24}  last {last}  up to UID {one['uid']}{marks}")
    if not found:
        click.echo("none was ever opened", err=not sys.stdout.isatty())


def show_message(one: dict[str, Any]) -> None:
    """Nothing of it steers the terminal."""
    says = one["says"]

    def line(name: str, value: str) -> None:
        if value:
            click.echo(f"{name:<12}{safe(value)}")

    def people(name: str, found: list[dict[str, str]]) -> None:
        line(name, ", ".join(f"{who['name']} <{who['address']}>".strip() for who in found))

    line("Message", f"{one['id']}  {one['mailbox']}")
    line("Arrived", local(one["arrived_at"]).strftime("%Y-%m-%d %H:%M:%S"))
    for name, key in (("From", "senders"), ("Reply to", "reply_to"), ("To", "to"), ("Copy", "cc")):
        people(name, says[key])
    line("Subject", says["subject"])
    line("Is", says["kind"] + (f", in {says['language']}" if says["language"] else ""))
    line("No answer", says["not_answerable"])
    line("Protected", " ".join(filter(None, (says["security"], says["security_by"]))))
    line("Spam", (f"score {says['spam_score']}" if says["spam_score"] is not None else "yes") if says["spam"] else "")
    for refusal in (says["bounce"] or {"refusals": ()})["refusals"]:
        line("Refused", f"{refusal['recipient']}: {refusal['action']} {refusal['status']} {refusal['said']}")
    for invite in says["invites"]:
        line("Invite", f"{invite['method']} {invite['summary']}, {invite['begins']}, {invite['place']}")
    for file in says["attachments"]:
        kind = file["found"] or file["type"]
        line("Attached", f"{file['name'] or '(no name)'}  {kind}  {file['bytes']} bytes  {file['use']}")
    for defect in says["defects"]:
        line("Defect", defect)
    click.echo("")
    for text in says["text"].split("\n"):
        click.echo(safe(text))


def show_list(found: list[dict[str, Any]]) -> None:
    for one in found:
        at = local(one["arrived_at"]).strftime("%Y-%m-%d %H:%M:%S")
        state = "" if one["state"] == rows.WHOLE else f"  {one['state']}"
        click.echo(f"{one['id'][:18]}  {at}  {one['bytes']:>10} bytes  {one['mailbox']}{state}")
    if not found:
        click.echo("none", err=not sys.stdout.isatty())
