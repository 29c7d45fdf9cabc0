"""contactctl recordings."""

from __future__ import annotations

from collections.abc import Callable

import click

from contactd.ctl.command import AGENT, Command
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@click.group("recordings", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Recordings of talks: pause one that runs, and let it go on."""


def _added(name: str) -> Callable[[Callable[..., None]], Command]:
    """As command(), into this group."""

    def into(function: Callable[..., None]) -> Command:
        made = make(name)(function)
        command.add_command(made)
        return made

    return into


@_added("pause")
@click.argument("agent", type=AGENT)
def pause(door: Door, agent: str) -> None:
    """Let the recording of AGENT's talk be silence, as for a card number; the talk goes on. Says so once it is."""
    _act(door, agent, "pause")


@_added("resume")
@click.argument("agent", type=AGENT)
def resume(door: Door, agent: str) -> None:
    """Let a paused recording of AGENT's talk go on."""
    _act(door, agent, "resume")


def _act(door: Door, agent: str, act: str) -> None:
    from urllib.parse import quote

    answer = door.ask("POST", f"/recordings/{quote(agent, safe='')}/{act}", {})
    door.show(answer, lambda told: click.echo(f"{told['agent']}: recording {told['recording']}"))
