"""contactctl queues."""

from __future__ import annotations

from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("queues")
def command(door: Door) -> None:
    """Every queue: who waits, how long, who could answer."""
    door.show(door.ask("GET", "/queues"), "show_queues")
