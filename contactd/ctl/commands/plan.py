"""contactctl plan."""

from __future__ import annotations

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit


@make("plan")
def command(door: Door) -> Exit:
    """What a reload would change, what needs a restart, and what is wrong in the files.

    The daemon reads its files and compares; nothing is changed. Exit codes: 0 nothing would change, 8 something would,
    2 the files are wrong.
    """
    from contactd.ctl.changes import show_plan
    from contactd.ctl.client import DaemonUnreachable

    try:
        plan = door.ask("GET", "/plan")
    except DaemonUnreachable as error:
        raise DaemonUnreachable(
            f"{error} Without it there is nothing to compare with: a start takes the files whole, and"
            " contactd check-config tells whether they are right."
        ) from None
    door.show(plan, show_plan)
    if plan["errors"]:
        return Exit.USAGE
    return Exit.CHANGES if plan["changes"] else Exit.FINE
