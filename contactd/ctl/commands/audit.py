"""contactctl audit."""

from __future__ import annotations

import click

from contactd.ctl.command import CONTACT
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("audit")
@click.argument("contact", type=CONTACT, required=False)
@click.option("--last", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
def command(door: Door, contact: str | None, last: int) -> None:
    """Who read or erased whose number and name, and who acted for others; the newest first.

    CONTACT: only what concerns this one. Reads PostgreSQL; the daemon need not run.
    """
    import asyncio

    from contactd.ctl import people

    door.show(asyncio.run(people.audited(door.config_path, last, contact)), "show_audit")
