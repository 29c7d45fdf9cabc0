"""contactctl status."""

from __future__ import annotations

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit


@make("status")
def command(door: Door) -> Exit:
    """Is somebody steering, and how long are the queues?"""
    status = door.ask("GET", "/status")
    door.show(status, "show_status")
    return Exit.FINE if status["level"] == "ok" else Exit.DEGRADED
