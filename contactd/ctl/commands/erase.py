"""contactctl erase."""

from __future__ import annotations

import click

from contactd.ctl.command import CONTACT
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("erase")
@click.argument("contact", type=CONTACT)
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(door: Door, contact: str, yes: bool) -> None:
    """Erase the caller's number and name of CONTACT for good; its story stays. It is written down who did.

    Backups have them still: docs/security.rst tells what to do about these.
    Changes PostgreSQL; the daemon need not run.
    """
    import asyncio

    from contactd.ctl import people

    if not yes:
        click.confirm(f"Erase number and name of {contact} for good?", abort=True, err=True)
    door.show(asyncio.run(people.erase(door.config_path, contact)), people.show_erased)
