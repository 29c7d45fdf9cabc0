"""Web hooks: PostgreSQL is asked directly, whether daemon and worker run or not. Who acts is written down."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
import uuid
from pathlib import Path
from typing import Any

import click

from contactd.config import floor_number, names
from contactd.core.errors import ContactdError
from contactd.ctl.durations import duration, local
from contactd.ctl.exits import Exit
from contactd.ctl.store import database
from contactd.ctl.tables import print_table, table_of
from contactd.store import outbox
from contactd.store.audit import Entry, Who, audit_act
from contactd.store.outbox import WEBHOOK

_VIA = "contactctl webhooks"
_TEST = "webhook.test"
_LOOK_S = 0.2
_DIGITS = 36


class NoSuchHook(ContactdError):
    """Neither a web hook nor a message."""

    exit_code = Exit.NOT_FOUND


class NothingThere(ContactdError):
    """None of its messages is in a state in which that can be done."""

    exit_code = Exit.REFUSED


async def listed(config: Path) -> list[dict[str, Any]]:
    """Those of the files, and those that have messages left."""
    wanted = names(config, "webhooks")
    async with database(config) as connection:
        found = [one for one in await outbox.destinations(connection, floor_number(config)) if one.kind == WEBHOOK]
    known = {one.name for one in found}
    told = [{**dataclasses.asdict(one), "configured": one.name in wanted, "read": True} for one in found]
    return told + [{"name": name, "configured": True, "read": False} for name in wanted if name not in known]


async def messages(config: Path, name: str, state: str | None, most: int) -> list[dict[str, Any]]:
    """The newest first. Raises NoSuchHook."""
    async with database(config) as connection:
        await _known(connection, config, name)
        return [dataclasses.asdict(one) for one in await outbox.listed(connection, WEBHOOK, name, state, most)]


async def message(config: Path, number: str) -> dict[str, Any]:
    """Raises NoSuchHook."""
    async with database(config) as connection:
        return await _one(connection, number)


async def retried(config: Path, what: str) -> str:
    """A message, or all dead ones of a web hook. Raises NoSuchHook, NothingThere."""
    async with database(config, writes=True) as connection, connection.transaction():
        name, number = await _meant(connection, config, what)
        done = await outbox.retry(connection, WEBHOOK, name, number)
        if number is not None and not done:
            raise NothingThere(f"{number} was sent already.")
        await audit_act(connection, Entry(Who.me(), _VIA, "retry webhook", outcome=f"{what}: {done} messages"))
    return f"{name}: {done} message{'' if done == 1 else 's'} to be sent again now."


async def dropped(config: Path, what: str, *, queued: bool) -> str:
    """A message, or all dead ones of a web hook. Raises NoSuchHook, NothingThere."""
    async with database(config, writes=True) as connection, connection.transaction():
        name, number = await _meant(connection, config, what)
        done = await outbox.drop(connection, WEBHOOK, name, number, queued=queued)
        if number is not None and not done:
            raise NothingThere(f"{number} was sent or dropped already.")
        await audit_act(connection, Entry(Who.me(), _VIA, "drop webhook", outcome=f"{what}: {done} messages"))
    return f"{name}: {done} message{'' if done == 1 else 's'} dropped."


async def tested(config: Path, name: str, timeout_s: float) -> dict[str, Any]:
    """The test message, as it is when it was sent, has failed, or the time is over. Raises NoSuchHook."""
    if name not in names(config, "webhooks"):
        raise NoSuchHook(f"There is no [webhooks.{name}] in the configuration.")
    async with database(config, writes=True) as connection:
        async with connection.transaction():
            await audit_act(connection, Entry(Who.me(), _VIA, "test webhook", outcome=name))
            number = await outbox.put_test(connection, WEBHOOK, name, _TEST, {"hook": name})
        until = time.monotonic() + timeout_s
        while True:
            found = await _one(connection, number)
            if found["state"] != "queued" or found["attempts"] or time.monotonic() > until:
                return found
            await asyncio.sleep(_LOOK_S)


async def _known(connection: Any, config: Path, name: str) -> None:
    there = {one.name for one in await outbox.destinations(connection, floor_number(config))}
    if name not in there and name not in names(config, "webhooks"):
        raise NoSuchHook(f"There is no web hook {name}; contactctl webhooks list shows them.")


async def _meant(connection: Any, config: Path, what: str) -> tuple[str, str | None]:
    """A web hook, or a message with its web hook."""
    if is_message(what):
        return (await _one(connection, what))["destination"], what
    await _known(connection, config, what)
    return what, None


async def _one(connection: Any, number: str) -> dict[str, Any]:
    found = await outbox.one(connection, WEBHOOK, number)
    if found is None:
        raise NoSuchHook(f"There is no message {number}: it was erased, or forgotten with age.")
    return dataclasses.asdict(found)


def is_message(text: str) -> bool:
    """
    >>> is_message("6f0c1c6e-2d3f-4c55-9d7a-0b8f3a0e8d11"), is_message("crm")
    (True, False)
    """
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return len(text) == _DIGITS


# --- for people ---


def show_list(hooks: list[dict[str, Any]]) -> None:
    table = table_of("hook", "state", "queued>", "oldest>", "dead>", "sent>", "failed>", "last error~")
    for one in hooks:
        if not one["read"]:
            table.add_row(one["name"], "no worker has read it", *[""] * 6)
            continue
        oldest = duration(one["oldest_s"]) if one["queued"] else ""
        counts = (str(one["queued"]), oldest, str(one["dead"]), str(one["sent"]), str(one["failed"]))
        table.add_row(one["name"], _state(one), *counts, one["error"])
    print_table(table, "there is no web hook: docs/webhooks.rst tells how one is set up")


def _state(one: dict[str, Any]) -> str:
    if not one["events"]:
        return "not configured"
    if one["gone_at"] is not None:
        return "gone (410)"
    if not one["served"]:
        return "no worker"
    if one["paused_until"] is not None and one["paused_until"] > time.time():
        return f"quiet until {local(one['paused_until']):%H:%M:%S}"
    return "served"


def show_messages(found: list[dict[str, Any]]) -> None:
    table = table_of("message", "when", "event", "about", "state", "attempts>", "error~")
    for one in found:
        about = (local(one["at"]).strftime("%m-%d %H:%M:%S"), one["event"], one["subject"], one["state"])
        table.add_row(one["message"], *about, str(one["attempts"]), one["error"])
    print_table(table, "no message")


def show_message(one: dict[str, Any]) -> None:
    click.echo(f"message {one['message']} to {one['destination']}: {one['event']}, {one['state']}")
    for name, title in (("at", "happened"), ("since", "waits since"), ("due", "not before"), ("ended_at", "ended")):
        if one[name] is not None and (name != "due" or one["state"] == "queued"):
            click.echo(f"  {title + ':':12} {local(one[name]).strftime('%Y-%m-%d %H:%M:%S')}")
    click.echo(f"  {'attempts:':12} {one['attempts']}")
    if one["error"]:
        click.echo(f"  {'error:':12} {one['error']}")
    click.echo(f"  {'data:':12} {json.dumps(one['data'], ensure_ascii=False)}")


def show_test(one: dict[str, Any]) -> None:
    name = one["destination"]
    if one["state"] == "sent":
        click.echo(f"{name} took the test message {one['message']}.")
    elif one["error"]:
        click.echo(f"{name} did not take it: {one['error']} It is tried again; contactctl webhooks drop takes it back.")
    else:
        click.echo(
            f"{name}: no worker has tried it yet. Does one run, and has it read the files (systemctl reload"
            " 'contactd-worker@*')? contactctl webhooks list tells how the web hook stands."
        )
