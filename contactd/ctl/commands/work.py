"""contactctl work."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import quote

import click

from contactd.ctl.command import AGENT, adding_to
from contactd.ctl.door import Door


@click.group("work", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """What is offered to agents that no telephone rings for, such as mail, and what they are at (docs/work.rst).

    CONTACT is its id or the beginning of it; left out, the only one that it can mean.
    """


_added = adding_to(command)


@_added("list")
@click.argument("agent", type=AGENT, required=False)
def listed(door: Door, agent: str | None) -> None:
    """What AGENT is offered and is at; without AGENT, everybody."""
    door.show(door.ask("GET", f"/work?agent={quote(agent, safe='')}" if agent else "/work"), _show)


@_added("take")
@click.argument("agent", type=AGENT)
@click.argument("contact", default="")
def take(door: Door, agent: str, contact: str) -> None:
    """AGENT takes what is offered."""
    _act(door, agent, "take", contact)


@_added("decline")
@click.argument("agent", type=AGENT)
@click.argument("contact", default="")
def decline(door: Door, agent: str, contact: str) -> None:
    """AGENT does not take it, and is not ready from now on; it is offered to the next."""
    _act(door, agent, "decline", contact)


@_added("done")
@click.argument("agent", type=AGENT)
@click.argument("contact", default="")
def done(door: Door, agent: str, contact: str) -> None:
    """AGENT is done with it: the contact ends, and the wrap-up of its queue begins."""
    _act(door, agent, "done", contact)


@_added("back")
@click.argument("agent", type=AGENT)
@click.argument("contact", default="")
def back(door: Door, agent: str, contact: str) -> None:
    """AGENT gives it back: it waits in its queue again, at its old place."""
    _act(door, agent, "back", contact)


def _act(door: Door, agent: str, name: str, contact: str) -> None:
    answer = door.ask("POST", f"/work/{quote(agent, safe='')}/{name}", {"contact": contact})
    door.show(answer, lambda one: click.echo(f"{one['contact']}: {one['done']} by {one['agent']}"))


def _show(found: list[dict[str, Any]]) -> None:
    from contactd.ctl.durations import duration

    for one in found:
        age = f"since {duration(one['age_s'])}" if one["age_s"] is not None else ""
        click.echo(
            f"{one['agent']:<16}  {one['id']}  {one['medium']:<6}  {one['state']:<8}  {one['queue'] or '-'}  {age}"
        )
    if not found:
        click.echo("none", err=not sys.stdout.isatty())
