"""contactctl explain."""

from __future__ import annotations

import click

from contactd.ctl.command import CONTACT
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("explain")
@click.argument("contact", type=CONTACT)
def command(door: Door, contact: str) -> None:
    """All that happened to a CONTACT, from PostgreSQL.

    CONTACT is its UUID, the beginning of it, or the Uniqueid of the caller's channel.
    Reads PostgreSQL; the daemon need not run.
    """
    import asyncio

    from contactd.ctl import explain as telling

    told = asyncio.run(telling.explain(door.config_path, contact))
    if door.json:
        door.say_json(telling.as_json(told))
    else:
        click.echo(telling.as_text(told))
