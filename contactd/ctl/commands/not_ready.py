"""contactctl not-ready."""

from __future__ import annotations

import click

from contactd.ctl.command import AGENT, act
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("not-ready")
@click.argument("agent", type=AGENT)
@click.argument("reason", default="")
def command(door: Door, agent: str, reason: str) -> None:
    """Make AGENT not ready, for one of the configured reasons."""
    act(door, agent, "not-ready", reason)
