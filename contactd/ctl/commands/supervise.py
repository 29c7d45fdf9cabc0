"""contactctl supervise: being at an agent's talk."""

from __future__ import annotations

from typing import Any

import click

from contactd.ctl.command import AGENT, Command, adding_to, options
from contactd.ctl.door import Door

_on = click.option("--on", "handset", required=True, metavar="HANDSET", help="The supervisor's handset, such as 1003.")


@click.group("supervise")
def command() -> None:
    """Be at an agent's talk: listen, whisper to the agent, speak with both, take the caller over.

    The supervisor's handset rings, and whoever answers is there. Who may, and what is written down of it:
    docs/supervising.rst. During it the keys 4, 5, 6 and 7 turn it, as the commands do.
    """


_added = adding_to(command)


@_added("list")
def listed(door: Door) -> None:
    """Who is at whose talk now."""
    door.show(door.ask("GET", "/supervising"), _show)


def _mode(name: str, text: str) -> Command:
    @options(click.argument("agent", type=AGENT), _on)
    def mode(door: Door, agent: str, handset: str) -> None:
        _supervise(door, agent, name, handset)

    mode.__doc__ = text
    return _added(name)(mode)


_mode("listen", "Hear AGENT's talk, and be heard by nobody.")
_mode("whisper", "Hear AGENT's talk, and be heard by AGENT alone.")
_mode("barge", "Hear AGENT's talk, and be heard by both.")
_mode("take-over", "Get AGENT's caller; AGENT is out of it.")


@_added("stop")
@_on
def stop(door: Door, handset: str) -> None:
    """End what HANDSET listens to."""
    answer = door.ask("POST", "/supervising", {"mode": "stop", "handset": handset})
    door.show(answer, lambda told: click.echo(f"{told['supervisor']}: at nobody's talk"))


def _supervise(door: Door, agent: str, mode: str, handset: str) -> None:
    answer = door.ask("POST", "/supervising", {"agent": agent, "mode": mode.replace("-", "_"), "handset": handset})
    if answer["code"] == "place":
        from contactd.ctl.placing import ring

        ring(door.config_path, answer["pbx"], answer["endpoint"], answer["exten"], shown=agent)
        door.show(answer, lambda told: click.echo(f"{handset} rings: {told['supervisor']} answers, and is there"))
        return
    door.show(answer, lambda told: click.echo(f"{told['supervisor']}: {mode}"))


def _show(found: list[dict[str, Any]]) -> None:
    from contactd.ctl.durations import duration

    for one in found:
        click.echo(
            f"{one['supervisor']}  {one['mode']:<7}  {one['agent']}  {duration(one['lasted_s'])}  {one['contact']}"
        )
    if not found:
        click.echo("nobody")
