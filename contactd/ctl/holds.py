"""Legal holds by contactctl: PostgreSQL is asked directly; who holds and releases is written down."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from contactd.core.errors import ContactdError
from contactd.ctl.customers import desk
from contactd.ctl.durations import local
from contactd.ctl.exits import Exit
from contactd.ctl.store import NotFound, one_contact
from contactd.ctl.words import safe
from contactd.store import holds
from contactd.store.holds import Hold


class OverAlready(ContactdError):
    """A hold that would hold nothing."""

    exit_code = Exit.REFUSED


async def hold(
    config: Path, party: str | None, contact: str | None, reason: str, last_day: datetime | None
) -> dict[str, Any]:
    """One of party and contact. Raises NotFound, OverAlready."""
    until = None
    if last_day is not None:
        until = (last_day.replace(tzinfo=UTC) + timedelta(days=1)).timestamp()
        if until <= datetime.now(UTC).timestamp():
            raise OverAlready(f"{last_day:%Y-%m-%d} is over: nothing would be held.")
    async with desk(config) as at:
        if party is not None:
            one = await at.one(party)
            held = str(one)
            await holds.hold_party(at.connection, at.vault, at.who, one, reason, until)
        else:
            other = await one_contact(at.connection, config, contact or "")
            held = str(other)
            await holds.hold_contact(at.connection, at.vault, at.who, other, reason, until)
    return {"held": held, "until": until}


async def release(config: Path, party: str | None, contact: str | None) -> dict[str, Any]:
    """Raises NotFound where nothing is held."""
    async with desk(config) as at:
        if party is not None:
            one = await at.one(party)
            name, ended = str(one), await holds.release(at.connection, at.who, party=one)
        else:
            other = await one_contact(at.connection, config, contact or "")
            name, ended = str(other), await holds.release(at.connection, at.who, contact=other)
    if not ended:
        raise NotFound(f"No hold is on {name} (contactctl customers holds lists them).")
    return {"released": name, "holds": ended}


async def listed(config: Path, *, also_over: bool) -> list[dict[str, Any]]:
    async with desk(config) as at:
        found: list[Hold] = await holds.holds(at.connection, at.vault, also_over=also_over)
    return [dataclasses.asdict(one) for one in found]


def show(found: list[dict[str, Any]]) -> None:
    for one in found:
        what = f"customer {one['party']}" if one["party"] else f"contact {one['contact']}"
        click.echo(f"{what}: {safe(words(one))}")
    if not found:
        click.echo("nothing is held")


def words(one: dict[str, Any]) -> str:
    until = f", until {local(one['until']):%Y-%m-%d %H:%M}" if one["until"] is not None else ""
    over = f", released {local(one['released_at']):%Y-%m-%d} by {one['released_by']}" if one["released_at"] else ""
    return f"since {local(one['since']):%Y-%m-%d} by {one['who']}{until}{over}: {one['reason']}"
