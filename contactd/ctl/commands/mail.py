"""contactctl mail."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TextIO

import click

from contactd.ctl.command import adding_to, private_file
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit


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


@_added("show")
@click.argument("message")
def show(door: Door, message: str) -> None:
    """What MESSAGE says: from whom, about what, its text, what is attached. Safe at a terminal.

    That it was read is written down before, with who did.
    """
    from contactd.ctl import mail

    door.show(asyncio.run(mail.shown(door.config_path, message)), mail.show_message)


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


@_added("reply")
@click.argument("message")
@click.option("--file", type=click.File("r", encoding="utf-8"), help="The text; - is standard input. Else an editor.")
@click.option("--to", multiple=True, help="In place of whoever wrote: the first as To, more as Cc.")
@click.option("--quote", is_flag=True, help="With the text that is answered below, as a quotation.")
def reply(door: Door, message: str, file: TextIO | None, to: tuple[str, ...], *, quote: bool) -> None:
    """Answer MESSAGE from its mailbox, in plain text: $EDITOR opens, or the text comes from a file.

    The answer waits in the outbox, and a worker sends it. That it was read and answered is written down, with who did.
    """
    from contactd.ctl import answering

    try:
        text = file.read() if file is not None else click.edit("", require_save=True) or ""
    except UnicodeDecodeError:
        raise click.UsageError("The text is not in UTF-8: iconv makes it so. Nothing was sent.") from None
    told = asyncio.run(answering.reply(door.config_path, message, text, to, quote=quote))
    door.show(told, answering.show_reply)


@click.group("outbox", context_settings={"help_option_names": ["-h", "--help"]})
def sending() -> None:
    """Answers that wait, were sent, or could not be.

    MESSAGE is the id that reply gave, MAILBOX the id of its section. All of it reads PostgreSQL.
    """


command.add_command(sending)
_outgoing = adding_to(sending)
_STATES = ("queued", "sent", "dead", "dropped")


@_outgoing("list")
def outbox_boxes(door: Door) -> None:
    """How each mailbox that answers stands: what waits, since when, what failed."""
    from contactd.ctl import answering

    door.show(asyncio.run(answering.boxes(door.config_path)), answering.show_boxes)


@_outgoing("messages")
@click.option("--mailbox", help="Only of this one.")
@click.option("--state", type=click.Choice(_STATES), help="Only those.")
@click.option("--last", "most", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
def outbox_messages(door: Door, mailbox: str | None, state: str | None, most: int) -> None:
    """The newest first."""
    from contactd.ctl import answering

    door.show(asyncio.run(answering.listed(door.config_path, mailbox, state, most)), answering.show_messages)


@_outgoing("show")
@click.argument("message")
def outbox_message(door: Door, message: str) -> Exit | None:
    """What became of MESSAGE. Exit code 3 when it is dead."""
    from contactd.ctl import answering

    one = asyncio.run(answering.shown(door.config_path, message))
    door.show(one, answering.show_message)
    return Exit.DEGRADED if one["state"] == "dead" else None


@_outgoing("retry")
@click.argument("what", metavar="MAILBOX|MESSAGE")
def outbox_retry(door: Door, what: str) -> None:
    """Send a MESSAGE, or all dead ones of a MAILBOX, now. Whose server took it already does not get it again."""
    from contactd.ctl import answering

    door.show(asyncio.run(answering.retried(door.config_path, what)), click.echo)


@_outgoing("drop")
@click.argument("what", metavar="MAILBOX|MESSAGE")
def outbox_drop(door: Door, what: str) -> None:
    """Never send a MESSAGE, or the dead ones of a MAILBOX."""
    from contactd.ctl import answering

    door.show(asyncio.run(answering.dropped(door.config_path, what)), click.echo)
