"""contactctl recordings."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from contactd.ctl.command import AGENT, CONTACT, adding_to, private_file
from contactd.ctl.door import Door


@click.group("recordings", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Recordings of talks: pause one that runs; list, read and hold those that are kept. Who reads one is written down.

    RECORDING is its id or the beginning of one.
    """


_added = adding_to(command)


@_added("list")
@click.option("--contact", type=CONTACT, help="Only of this contact.")
@click.option("--agent", help="Only of talks with this agent.")
@click.option("--last", "most", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
def listed(door: Door, contact: str | None, agent: str | None, most: int) -> None:
    """The newest first: when, how long, with whom. Nothing of what was said."""
    from contactd.ctl import recordings

    door.show(asyncio.run(recordings.listed(door.config_path, most, contact, agent)), recordings.show_list)


@_added("show")
@click.argument("recording")
def shown(door: Door, recording: str) -> None:
    """All that is known of RECORDING, but for what was said."""
    from contactd.ctl import recordings

    door.show(asyncio.run(recordings.shown(door.config_path, recording)), recordings.show_one)


@_added("export")
@click.argument("recording")
@click.argument("file", type=click.Path(path_type=Path))
def export(door: Door, recording: str, file: Path) -> None:
    """RECORDING as a WAV, left the caller, right the agent. FILE is made with mode 0600; - is standard output.

    That it was read is written down before, with who did.
    """
    from contactd.ctl import recordings

    with private_file(file) as out:
        told = asyncio.run(recordings.export(door.config_path, recording, out))
    if str(file) != "-":
        door.show(told, lambda one: click.echo(f"{one['id']}: written to {file}"))


@_added("hold")
@click.argument("recording")
@click.option("--why", required=True, help="The reason, in a line: the audit keeps it. No name.")
def hold(door: Door, recording: str, why: str) -> None:
    """Keep RECORDING, whatever its time or whoever is erased, until it is released: a legal hold."""
    from contactd.ctl import recordings

    told = asyncio.run(recordings.held(door.config_path, recording, why[:200], held=True))
    door.show(told, lambda one: click.echo(f"{one['id']}: held"))


@_added("release")
@click.argument("recording")
@click.option("--why", required=True, help="The reason, in a line: the audit keeps it. No name.")
def release(door: Door, recording: str, why: str) -> None:
    """End a legal hold: RECORDING goes when its time is over."""
    from contactd.ctl import recordings

    told = asyncio.run(recordings.held(door.config_path, recording, why[:200], held=False))
    door.show(told, lambda one: click.echo(f"{one['id']}: kept until {one['expires_on']}"))


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
