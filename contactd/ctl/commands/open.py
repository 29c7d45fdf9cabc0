"""contactctl open."""

from __future__ import annotations

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.switching import HOURS_OF, LASTS, switch


@make("open")
@click.argument("what", type=HOURS_OF)
@click.option(
    "--why", required=True, help="The reason, in a line: the audit and the journal keep it. No caller's name."
)
@click.option("--for", "for_s", type=LASTS, required=True, help="2h, 90m, 1d: then the hours count again.")
def command(door: Door, what: str, why: str, for_s: float) -> None:
    """Open a queue for a time, or with calendar:NAME all queues of a calendar, whatever their hours say.

    To end a closing by hand, use contactctl lift.
    """
    switch(door, what, "open", {"why": why, "for_s": for_s})
