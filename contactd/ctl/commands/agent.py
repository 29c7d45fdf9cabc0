"""contactctl agent."""

from __future__ import annotations

import click

from contactd.ctl.command import AGENT, act
from contactd.ctl.command import command as make
from contactd.ctl.door import Door

_WRAP_UP = ("extend", "end")


@make("agent")
@click.argument("agent", type=AGENT)
@click.argument(
    "what", type=click.Choice(["sign-in", "sign-out", "ready", "not-ready", "wrap-up"]), default=None, required=False
)
@click.argument("word", default="")
def command(door: Door, agent: str, what: str | None, word: str) -> None:
    """All about AGENT; with WHAT, act for them.

    \b
    sign-in            ready, without the PIN
    sign-out           at once; a running talk goes on, and they are out after it
    ready              also ends a wrap-up
    not-ready REASON   one of the configured reasons
    wrap-up extend     once, by the wrap_up_extend_s of the queue
    wrap-up end        early; the status stays what it is
    """
    if what is None:
        from contactd.ctl.client import NotFound

        known = [one for one in door.ask("GET", "/agents") if one["id"] == agent]
        if not known:
            raise NotFound("unknown_agent", f"There is no agent {agent}; contactctl agents lists them.")
        door.show(known[0] if door.json else known, "show_agent")
    elif what == "wrap-up":
        if word not in _WRAP_UP:
            raise click.UsageError(f"Give one of {', '.join(_WRAP_UP)} after wrap-up.")
        act(door, agent, f"wrap-up-{word}", table="show_agent")
    elif word and what != "not-ready":
        raise click.UsageError(f"{what} takes no further word.")
    else:
        act(door, agent, what, word, table="show_agent")
