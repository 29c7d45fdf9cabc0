"""contactctl sign-out."""

from __future__ import annotations

import click

from contactd.ctl.command import AGENT, act
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("sign-out")
@click.argument("agent", type=AGENT)
def command(door: Door, agent: str) -> None:
    """Sign AGENT out; a running talk goes on."""
    act(door, agent, "sign-out")
