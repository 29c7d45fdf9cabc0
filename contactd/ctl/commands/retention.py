"""contactctl retention."""

from __future__ import annotations

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("retention")
@click.option("--dry-run", is_flag=True, help="Count what would go by the files as they are now; nothing does.")
def command(door: Door, dry_run: bool) -> None:
    """How long each kind of data is kept, and what was last forgotten. With --dry-run, what would be.

    Reads PostgreSQL; neither daemon nor worker need run. ``contactctl jobs add retention`` forgets now.
    """
    import asyncio

    from contactd.ctl import retention

    door.show(asyncio.run(retention.told(door.config_path, dry_run=dry_run)), retention.show)
