"""contactctl lift."""

from __future__ import annotations

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.switching import HOURS_OF, switch


@make("lift")
@click.argument("what", type=HOURS_OF)
def command(door: Door, what: str) -> None:
    """Let the hours count again for a queue, or with calendar:NAME for a calendar, after close or open."""
    switch(door, what, "lift", {})
