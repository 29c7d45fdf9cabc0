"""contactctl transfer."""

from __future__ import annotations

from urllib.parse import quote

import click

from contactd.ctl.command import CONTACT, QUEUE
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("transfer")
@click.argument("contact", type=CONTACT)
@click.option("--queue", type=QUEUE, required=True, help="Where the caller waits from now on.")
def command(door: Door, contact: str, queue: str) -> None:
    """Transfer the caller of CONTACT, who talks with an agent, to a queue.

    CONTACT is its UUID or the beginning of it. The agent is out of it and wraps up; the caller begins a new wait, as by
    a transfer from the handset. It says so once the PBX has done it.
    """
    answer = door.ask("POST", f"/contacts/{quote(contact, safe='')}/transfer", {"queue": queue})
    door.show(answer, lambda told: click.echo(f"{told['contact']}: transferred to {told['queue']}"))
