"""contactctl find."""

from __future__ import annotations

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("find")
@click.argument("number")
def command(door: Door, number: str) -> None:
    """The contacts of a caller's NUMBER, the newest first. It is written down that you searched.

    NUMBER is as the PBX gave it, or with its country (+49...). Reads PostgreSQL; the daemon need not run.
    """
    import asyncio

    from contactd.ctl import people

    found = asyncio.run(people.find(door.config_path, number))
    door.show(found, lambda contacts: click.echo("\n".join(contacts)))
