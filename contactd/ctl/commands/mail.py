"""contactctl mail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from contactd.ctl.command import adding_to, private_file
from contactd.ctl.door import Door


@click.group("mail", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Messages of mailboxes as they were fetched. Who reads or erases one is written down.

    MESSAGE is its id or the beginning of one. All of it reads PostgreSQL; the daemon need not run.
    """


_added = adding_to(command)


@_added("boxes")
def boxes(door: Door) -> None:
    """How far each mailbox was fetched, and what is kept of it. Whether one is open now, contactctl status tells."""
    from contactd.ctl import mail

    door.show(asyncio.run(mail.boxes(door.config_path)), mail.show_boxes)


@_added("list")
@click.option("--mailbox", help="Only of this one.")
@click.option("--not-whole", is_flag=True, help="Only what is cut or unreadable.")
@click.option("--last", "most", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
def listed(door: Door, mailbox: str | None, most: int, *, not_whole: bool) -> None:
    """The newest first: when, where, how long. Nothing of what is in them."""
    from contactd.ctl import mail

    door.show(asyncio.run(mail.listed(door.config_path, most, mailbox, not_whole=not_whole)), mail.show_list)


@_added("export")
@click.argument("message")
@click.argument("file", type=click.Path(path_type=Path))
def export(door: Door, message: str, file: Path) -> None:
    """MESSAGE, byte for byte, as an .eml. FILE is made with mode 0600; - is standard output.

    That it was read is written down before, with who did.
    """
    from contactd.ctl import mail

    with private_file(file) as out:
        told = asyncio.run(mail.export(door.config_path, message, out))
    if str(file) != "-":
        door.show(told, lambda one: click.echo(f"{one['id']}: written to {file}"))


@_added("erase")
@click.argument("message")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(door: Door, message: str, *, yes: bool) -> None:
    """Forget MESSAGE for ever. On the mail server it stays: erase it there as well."""
    from contactd.ctl import mail

    if not yes:
        click.confirm(f"Erase message {message}? Nothing brings it back", abort=True)
    told = asyncio.run(mail.erased(door.config_path, message))
    door.show(told, lambda one: click.echo(f"{one['id']}: erased"))
