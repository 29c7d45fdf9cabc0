"""contactctl candidates."""

from __future__ import annotations

from urllib.parse import quote

import click

from contactd.ctl.command import CONTACT
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("candidates")
@click.argument("contact", type=CONTACT)
def command(door: Door, contact: str) -> None:
    """Why a CONTACT on the floor is offered to whom, or to nobody yet: every agent, the next one first.

    CONTACT is its UUID or the beginning of it. What was decided in the past, contactctl explain tells.
    """
    door.show(door.ask("GET", f"/contacts/{quote(contact, safe='')}/candidates"), "show_candidates")
