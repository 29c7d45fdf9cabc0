"""contactctl explain."""

from __future__ import annotations

import click

from contactd.ctl.command import CONTACT
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("explain")
@click.argument("contact", type=CONTACT)
@click.option("--reveal", is_flag=True, help="Show the caller's number and name. It is written down that you looked.")
@click.option("--at", "moment", help="An offer (1-57), or a time: every agent as it was then, and why.")
def command(door: Door, contact: str, reveal: bool, moment: str | None) -> None:
    """All that happened to a CONTACT, from PostgreSQL.

    CONTACT is its UUID, the beginning of it, or the Uniqueid of the caller's channel. With --at the floor is made again
    as it was at an offer, or at a time of day (10:14:03) or date and time, and each agent is told with the reason.
    Reads PostgreSQL; the daemon need not run.
    """
    import asyncio

    if moment is not None:
        if reveal:
            raise click.UsageError("--at tells of agents; --reveal goes without it.")
        from contactd.ctl.at import explain_at

        door.show(asyncio.run(explain_at(door.config_path, contact, moment)), "show_decision")
        return
    from contactd.ctl import explain as telling
    from contactd.ctl.words import caller_words

    told, person = asyncio.run(telling.explain(door.config_path, contact, reveal=reveal))
    caller, name = telling.caller(person), None
    if reveal and told.row.party is not None:
        from contactd.ctl.customers import name_of

        name = asyncio.run(name_of(door.config_path, told.row.party))
    if door.json:
        more = {"caller": caller, "customer_name": name} if reveal else {}
        door.say_json({**telling.as_json(told), **more})
    else:
        click.echo(telling.as_text(told, caller_words(caller) if reveal else None, name))
