"""Mail by contactctl: PostgreSQL is asked directly; who reads a message is written down before."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any, BinaryIO

import click

from contactd.config import customers_access
from contactd.ctl.durations import local
from contactd.ctl.store import NotFound, database, named
from contactd.services.crm.recogniser import vault_with
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


def show_list(found: list[dict[str, Any]]) -> None:
    for one in found:
        at = local(one["arrived_at"]).strftime("%Y-%m-%d %H:%M:%S")
        state = "" if one["state"] == rows.WHOLE else f"  {one['state']}"
        click.echo(f"{one['id'][:18]}  {at}  {one['bytes']:>10} bytes  {one['mailbox']}{state}")
    if not found:
        click.echo("none", err=not sys.stdout.isatty())
