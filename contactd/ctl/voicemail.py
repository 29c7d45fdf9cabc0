"""Voicemail by contactctl: PostgreSQL is asked directly; who has dealt with a message stands in the audit."""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import click

from contactd.ctl.durations import duration, local
from contactd.ctl.recordings import HeldSo
from contactd.ctl.store import database, named
from contactd.store import voicemail as rows
from contactd.store.audit import Who


async def listed(config: Path, queue: str | None, most: int, *, done: bool) -> list[dict[str, Any]]:
    """Those that wait, the oldest first; done: the others as well."""
    async with database(config) as connection:
        return [dataclasses.asdict(one) for one in await rows.listed(connection, queue, most, done=done)]


async def settle(config: Path, text: str, *, done: bool) -> dict[str, Any]:
    """Raises NotFound, or HeldSo when it is so already."""
    async with database(config, writes=True) as connection:
        meant = await named(
            lambda start: rows.one(connection, start), text, "message", "contactctl voicemail list --all"
        )
        if not await rows.settle(connection, Who.me(), meant, done=done):
            raise HeldSo(f"{meant.id} {'is done already' if done else 'waits already'}.")
        (now,) = await rows.one(connection, meant.id)
        return dataclasses.asdict(now)


def show_list(found: list[dict[str, Any]]) -> None:
    now = time.time()
    for one in found:
        at = local(one["left_at"]).strftime("%Y-%m-%d %H:%M:%S")
        state = f"done by {one['done_by']}" if one["done_by"] else f"waits for {duration(now - one['left_at'])}"
        click.echo(f"{one['id'][:13]}  {at}  {duration(one['seconds']):>12}  {one['queue']}  {one['contact']}  {state}")
    if not found:
        click.echo("none", err=not sys.stdout.isatty())
