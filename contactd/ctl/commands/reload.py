"""contactctl reload."""

from __future__ import annotations

from typing import Any

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit

_PATIENCE_S = 30.0
_EXITS = {"taken": Exit.FINE, "partial": Exit.FINE, "held": Exit.USAGE, "refused": Exit.USAGE, "failed": Exit.ERROR}


@make("reload")
def command(door: Door) -> Exit:
    """Take the changed files, whole or not at all, and tell what came of it. It is written down who asked.

    systemctl reload contactd does the same by a signal, which tells nobody's name. contactctl plan shows it before.
    Exit codes: 0 taken (what needs a restart is named), 2 nothing was taken, and why.
    """
    told = door.ask("POST", "/reload", timeout_s=_PATIENCE_S)
    door.show(told, _show)
    return _EXITS.get(told["result"], Exit.ERROR)


def _show(told: dict[str, Any]) -> None:
    if told["refused"]:
        click.echo(f"Nothing was taken, and what was in force stays: {told['refused']}")
        return
    click.echo(f"The files are in force as {told['sha256'][:12]}.")
    if told["restart_pending"]:
        keys = ", ".join(change["key"] for change in told["restart_pending"])
        click.echo(f"Waiting for a restart (systemctl restart contactd; calls stay): {keys}")
