"""contactctl transcript."""

from __future__ import annotations

import asyncio

import click

from contactd.ctl.command import CONTACT
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("transcript")
@click.argument("contact", type=CONTACT)
@click.option("--unsure", is_flag=True, help="Mark with ? each character that was read with less than half certainty.")
def command(door: Door, contact: str, unsure: bool) -> None:
    """What was written in CONTACT, by whom and when. It is written down that you looked.

    Reads PostgreSQL; the daemon need not run.
    """
    from contactd.ctl import transcripts

    told = asyncio.run(transcripts.transcript(door.config_path, contact))
    if door.json:
        door.say_json(transcripts.as_json(told))
    else:
        click.echo(transcripts.as_text(told, unsure=unsure))
