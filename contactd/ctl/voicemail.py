"""Voicemail by contactctl: PostgreSQL is asked directly; who has dealt with a message stands in the audit."""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from pathlib import Path
from typing import Any

import click

from contactd.ctl.durations import duration, local
from contactd.ctl.explain import NotFound
from contactd.ctl.recordings import HeldSo, opened_store
from contactd.store import voicemail as rows
from contactd.store.audit import Who

_ID = re.compile(r"[0-9a-f-]{4,36}")


async def listed(config: Path, queue: str | None, most: int, *, done: bool) -> list[dict[str, Any]]:
    """Those that wait, the oldest first; done: the others as well."""
    async with opened_store(config) as connection:
        return [dataclasses.asdict(one) for one in await rows.listed(connection, queue, most, done=done)]


async def settle(config: Path, text: str, *, done: bool) -> dict[str, Any]:
    """Raises NotFound, or HeldSo when it is so already."""
    async with opened_store(config, writes=True) as connection:
        found = await rows.one(connection, text.lower()) if _ID.fullmatch(text.lower()) else []
        if len(found) != 1:
            what = "There is no such message" if not found else "That is the beginning of more than one"
            raise NotFound(f"{what}: contactctl voicemail list --all shows their ids.")
        if not await rows.settle(connection, Who.me(), found[0], done=done):
            raise HeldSo(f"{found[0].id} {'is done already' if done else 'waits already'}.")
        (now,) = await rows.one(connection, found[0].id)
        return dataclasses.asdict(now)


def show_list(found: list[dict[str, Any]]) -> None:
    now = time.time()
    for one in found:
        at = local(one["left_at"]).strftime("%Y-%m-%d %H:%M:%S")
        state = f"done by {one['done_by']}" if one["done_by"] else f"waits for {duration(now - one['left_at'])}"
        click.echo(f"{one['id'][:13]}  {at}  {duration(one['seconds']):>12}  {one['queue']}  {one['contact']}  {state}")
    if not found:
        click.echo("none", err=not sys.stdout.isatty())
