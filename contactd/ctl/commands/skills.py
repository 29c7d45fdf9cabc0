"""contactctl skills."""

from __future__ import annotations

import click

from contactd.ctl.command import AGENT, act
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("skills")
@click.argument("agent", type=AGENT)
@click.argument("skills", nargs=-1)
def command(door: Door, agent: str, skills: tuple[str, ...]) -> None:
    """What AGENT is offered contacts for; with SKILLS, what from now on.

    SKILLS are all of the agent's, such as german=7 cards=3; or none; or configured: those of the configuration again.
    It counts at once, also for those who wait, and outlives reloads and restarts.
    """
    if skills:
        act(door, agent, "skills", " ".join(skills), table="show_skills")
        return
    from contactd.ctl.client import NotFound

    known = [one for one in door.ask("GET", "/agents") if one["id"] == agent]
    if not known:
        raise NotFound("unknown_agent", f"There is no agent {agent}; contactctl agents lists them.")
    door.show(known[0] if door.json else known, "show_skills")
