"""contactctl verify."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit


@make("verify")
def command(door: Door) -> Exit | None:
    """Is the journal what was written? Computes its chain of hashes anew, against the seals.

    Reads all of it: some seconds for a million facts. Reads PostgreSQL; the daemon need not run.
    """
    import asyncio

    verdicts = asyncio.run(_verify(door))
    door.show(verdicts, _show)
    return Exit.DEGRADED if any(verdict["broken"] for verdict in verdicts) else None


async def _verify(door: Door) -> list[dict[str, Any]]:
    from contactd.ctl.store import database
    from contactd.store.chain import verify

    async with database(door.config_path) as connection:
        return [dataclasses.asdict(verdict) for verdict in await verify(connection)]


def _show(verdicts: list[dict[str, Any]]) -> None:
    for verdict in verdicts:
        name = f"floor {verdict['floor']}"
        if verdict["broken"]:
            first, last = verdict["broken"]
            click.echo(
                f"{name}: BROKEN. A fact from {first} to {last} was changed, added or removed after it was written."
                " Keep the database as it is, and compare these facts with a backup."
            )
        else:
            sealed = f"{verdict['seals']} months sealed"
            click.echo(f"{name}: whole, {verdict['facts']} facts up to {verdict['to_seq']}, {sealed}.")
