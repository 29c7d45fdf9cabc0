"""Jobs that take long: PostgreSQL is asked directly, whether daemon and worker run or not. Who acts is written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from contactd.core.errors import ContactdError
from contactd.ctl.durations import duration, local
from contactd.ctl.exits import Exit
from contactd.ctl.store import database
from contactd.store import jobs as rows
from contactd.store.audit import Entry, Who, audit_act


class NoSuchJob(ContactdError):
    """Nobody knows that number."""

    exit_code = Exit.NOT_FOUND


class JobLeft(ContactdError):
    """The job is in a state in which that cannot be done."""

    exit_code = Exit.REFUSED


async def listed(config: Path, most: int, kind: str | None, state: str | None) -> list[dict[str, Any]]:
    """The newest first."""
    async with database(config) as connection:
        return [dataclasses.asdict(job) for job in await rows.jobs(connection, most, kind, state)]


async def shown(config: Path, number: int) -> dict[str, Any]:
    """Raises NoSuchJob."""
    async with database(config) as connection:
        return await _one(connection, number)


async def added(config: Path, kind: str) -> dict[str, Any]:
    """A job that is to be done now, whatever the calendar says. Raises JobLeft."""
    key = f"asked {datetime.now(UTC).strftime('%Y-%m-%d %H:%M:%S')}"
    async with database(config, writes=True) as connection, connection.transaction():
        number = await rows.add(connection, kind, key)
        if number is None:
            raise JobLeft(f"{kind} was asked for within this second already.")
        await audit_act(
            connection, Entry(Who.me(), "contactctl jobs", "add job", outcome=f"job {number}: {kind} {key}")
        )
        return await _one(connection, number)


async def retried(config: Path, number: int) -> dict[str, Any]:
    """Raises NoSuchJob, JobLeft."""
    return await _act(config, number, "retry", rows.retry, "it runs now or is done already")


async def dropped(config: Path, number: int) -> dict[str, Any]:
    """Raises NoSuchJob, JobLeft."""
    return await _act(config, number, "drop", rows.drop, "it has ended already")


async def _act(
    config: Path, number: int, name: str, done: Callable[[Any, int], Awaitable[bool]], why_not: str
) -> dict[str, Any]:
    async with database(config, writes=True) as connection, connection.transaction():
        job = await _one(connection, number)
        if not await done(connection, number):
            raise JobLeft(f"Job {number} ({job['kind']} {job['key']}) is {job['state']}: {why_not}.")
        what = f"job {number}: {job['kind']} {job['key']}"
        await audit_act(connection, Entry(Who.me(), "contactctl jobs", f"{name} job", outcome=what))
        return await _one(connection, number)


async def _one(connection: Any, number: int) -> dict[str, Any]:
    job = await rows.one_job(connection, number)
    if job is None:
        raise NoSuchJob(f"There is no job {number}; contactctl jobs list shows them.")
    return dataclasses.asdict(job)


def show_job(job: dict[str, Any]) -> None:
    """All that is known of one."""
    click.echo(f"job {job['id']}: {job['kind']} {job['key']}, {job['state']}")
    for name, title in (("made_at", "asked for"), ("started_at", "last begun"), ("ended_at", "ended")):
        if job[name] is not None:
            click.echo(f"  {title + ':':12} {local(job[name]).strftime('%Y-%m-%d %H:%M:%S')}")
    if job["state"] == "waiting":
        click.echo(f"  {'not before:':12} {local(job['due']).strftime('%Y-%m-%d %H:%M:%S')}")
    click.echo(f"  {'attempts:':12} {job['attempts']}")
    if job["state"] == "done":
        click.echo(f"  {'took:':12} {duration(job['ended_at'] - job['started_at'])}")
    for name in ("worker", "error"):
        if job[name]:
            click.echo(f"  {name + ':':12} {job[name]}")
    for name in ("arguments", "progress", "result"):
        if job[name]:
            click.echo(f"  {name + ':':12} {_words(job[name])}")


def _words(table: Any) -> str:
    if isinstance(table, dict):
        return ", ".join(f"{name} {_words(value)}" for name, value in table.items())
    if isinstance(table, list):
        return "; ".join(map(_words, table))
    return str(table)
