"""contactctl agents."""

from __future__ import annotations

from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("agents")
def command(door: Door) -> None:
    """Every agent: status, state, handset."""
    door.show(door.ask("GET", "/agents"), "show_agents")
