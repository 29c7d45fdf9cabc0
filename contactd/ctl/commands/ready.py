"""contactctl ready."""

from __future__ import annotations

import click

from contactd.ctl.command import AGENT, act
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("ready")
@click.argument("agent", type=AGENT)
def command(door: Door, agent: str) -> None:
    """Make AGENT ready, and end a wrap-up."""
    act(door, agent, "ready")
