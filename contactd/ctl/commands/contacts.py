"""contactctl contacts."""

from __future__ import annotations

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("contacts")
@click.option("--past", type=click.IntRange(1, 1000), help="The latest N from PostgreSQL, not those of now.")
@click.option("--reveal", is_flag=True, help="With --past: numbers and names too. It is written down that you looked.")
def command(door: Door, past: int | None, reveal: bool) -> None:
    """The contacts of now, the oldest first."""
    if past is None:
        if reveal:
            raise click.UsageError("--reveal goes with --past N: the daemon itself knows neither number nor name.")
        door.show(door.ask("GET", "/contacts"), "show_contacts")
        return
    import asyncio

    from contactd.ctl import explain

    door.show(asyncio.run(explain.past(door.config_path, past, reveal=reveal)), "show_past")
