"""contactctl plan."""

from __future__ import annotations

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit


@make("plan")
def command(door: Door) -> Exit:
    """What a reload would change, what needs a restart, and what is wrong in the files.

    The daemon reads its files and compares; nothing is changed.
    """
    from contactd.ctl.changes import show_plan

    plan = door.ask("GET", "/plan")
    door.show(plan, show_plan)
    if plan["errors"]:
        return Exit.USAGE
    return Exit.CHANGES if plan["changes"] else Exit.FINE
