"""contactctl close."""

from __future__ import annotations

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.switching import HOURS_OF, LASTS, switch


@make("close")
@click.argument("what", type=HOURS_OF)
@click.option(
    "--why", required=True, help="The reason, in a line: the audit and the journal keep it. No caller's name."
)
@click.option("--for", "for_s", type=LASTS, help="2h, 90m, 1d: then the hours count again. Left out: until lift.")
@click.option("--waiting", type=click.Choice(["serve", "send"]), help="Those who wait. Left out: as the queue says.")
def command(door: Door, what: str, why: str, for_s: float | None, waiting: str | None) -> None:
    """Close a queue at once, or with calendar:NAME all queues of a calendar, whatever their hours say.

    Of a queue's and its calendar's, what was said later counts. It outlives reloads and restarts, until its time is
    over or contactctl lift.
    """
    switch(door, what, "close", {"why": why, "for_s": for_s, "waiting": waiting})
