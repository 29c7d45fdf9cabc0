"""contactctl sign-in."""

from __future__ import annotations

import click

from contactd.ctl.command import AGENT, act
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("sign-in")
@click.argument("agent", type=AGENT)
def command(door: Door, agent: str) -> None:
    """Sign AGENT in, without the PIN."""
    act(door, agent, "sign-in")
