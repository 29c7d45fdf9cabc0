"""contactctl explain."""

from __future__ import annotations

import click

from contactd.ctl.command import CONTACT
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("explain")
@click.argument("contact", type=CONTACT)
@click.option("--reveal", is_flag=True, help="Show the caller's number and name. It is written down that you looked.")
def command(door: Door, contact: str, reveal: bool) -> None:
    """All that happened to a CONTACT, from PostgreSQL.

    CONTACT is its UUID, the beginning of it, or the Uniqueid of the caller's channel.
    Reads PostgreSQL; the daemon need not run.
    """
    import asyncio

    from contactd.ctl import explain as telling
    from contactd.ctl.words import caller_words

    told, person = asyncio.run(telling.explain(door.config_path, contact, reveal=reveal))
    caller = telling.caller(person)
    if door.json:
        door.say_json({**telling.as_json(told), **({"caller": caller} if reveal else {})})
    else:
        click.echo(telling.as_text(told, caller_words(caller) if reveal else None))
