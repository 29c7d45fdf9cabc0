"""contactctl voicemail."""

from __future__ import annotations

import asyncio

import click

from contactd.ctl.command import adding_to
from contactd.ctl.door import Door


@click.group("voicemail", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Messages that callers left in a mailbox of a queue: which wait, and who has dealt with them.

    MESSAGE is its id or the beginning of one. It is a recording: contactctl recordings export gives what was said.
    """


_added = adding_to(command)


@_added("list")
@click.option("--queue", help="Only those for this queue's people.")
@click.option("--all", "done", is_flag=True, help="Those that were dealt with as well.")
@click.option(
    "--last", "most", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most."
)
def listed(door: Door, queue: str | None, done: bool, most: int) -> None:
    """Those that wait, the oldest first: when, how long, for whom, and whose contact. Nothing of what was said."""
    from contactd.ctl import voicemail

    door.show(asyncio.run(voicemail.listed(door.config_path, queue, most, done=done)), voicemail.show_list)


@_added("done")
@click.argument("message")
def done(door: Door, message: str) -> None:
    """MESSAGE was dealt with. The audit has by whom; it is kept until its time is over."""
    _settle(door, message, done=True)


@_added("reopen")
@click.argument("message")
def reopen(door: Door, message: str) -> None:
    """MESSAGE waits again."""
    _settle(door, message, done=False)


def _settle(door: Door, message: str, *, done: bool) -> None:
    from contactd.ctl import voicemail

    told = asyncio.run(voicemail.settle(door.config_path, message, done=done))
    door.show(told, lambda one: click.echo(f"{one['id']}: {'done' if one['done_by'] else 'waits'}"))
