"""contactctl callbacks."""

from __future__ import annotations

import sys
from urllib.parse import quote

import click

from contactd.ctl.command import CONTACT, QUEUE, adding_to
from contactd.ctl.door import Door


@click.group("callbacks", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Customers who are to be called back (docs/callback.rst).

    CONTACT is its id, or the beginning of it: the same contact as before the caller hung up.
    """


_added = adding_to(command)


@_added("list")
def listed(door: Door) -> None:
    """Those that wait, the first in line first."""
    door.show(door.ask("GET", "/callbacks"), "show_callbacks")


@_added("show")
@click.argument("contact", type=CONTACT)
def show(door: Door, contact: str) -> None:
    """One of them; what happened so far tells contactctl explain."""
    found = door.ask("GET", f"/callbacks/{quote(contact, safe='')}")
    door.show(found if door.json else [found], "show_callbacks")


@_added("now")
@click.argument("contact", type=CONTACT)
def now(door: Door, contact: str) -> None:
    """Do not wait for the next try: CONTACT is called as soon as its turn is there. Hours and limits stay."""
    _act(door, contact, "now")


@_added("cancel")
@click.argument("contact", type=CONTACT)
def cancel(door: Door, contact: str) -> None:
    """Nobody calls CONTACT back; what rings is stopped. The customer is not told."""
    _act(door, contact, "cancel")


@_added("add")
@click.argument("queue", type=QUEUE)
@click.argument("number")
def add(door: Door, queue: str, number: str) -> None:
    """A customer who asked by other means waits in QUEUE from now on, to be called at NUMBER; - reads it from standard
    input, so that it stands in no list of processes. The number is kept sealed, and not written down in the audit."""
    text = sys.stdin.readline().strip() if number == "-" else number
    found = door.ask("POST", "/callbacks", {"queue": queue, "number": text})
    door.show(found if door.json else [found], "show_callbacks")


def _act(door: Door, contact: str, name: str) -> None:
    found = door.ask("POST", f"/callbacks/{quote(contact, safe='')}/{name}", {})
    if not door.json and found.get("state") == "cancelled":
        click.echo(f"{found['id']}: cancelled")
    else:
        door.show(found if door.json else [found], "show_callbacks")
