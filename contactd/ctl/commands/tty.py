"""contactctl tty."""

from __future__ import annotations

import sys

import click

from contactd.ctl.command import CONTACT
from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit


@make("tty")
@click.argument("contact", type=CONTACT)
@click.option("--watch", is_flag=True, help="Only look on.")
def command(door: Door, contact: str, watch: bool) -> Exit:
    """Write with the caller of CONTACT, who has a text telephone.

    What you type is held back until the caller has written GA. Enter ends your turn, and adds the GA; Ctrl-G sends
    without waiting; Ctrl-V lets you hear the caller's voice, Ctrl-S lets you speak; Ctrl-C leaves and ends nothing.
    That you look is written down. Where standard input is no terminal, each of its lines is a turn; with --json, each
    notice is an object.
    """
    from contactd.ctl import texting

    way = texting.Way(door.socket_path, contact)
    if door.json or watch or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return texting.in_lines(way, as_json=door.json, reads=not watch)
    return texting.on_screen(way)
