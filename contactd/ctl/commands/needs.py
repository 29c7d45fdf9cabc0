"""contactctl needs."""

from __future__ import annotations

from urllib.parse import quote

import click

from contactd.ctl.command import AGENT, CONTACT
from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("needs")
@click.argument("contact", type=CONTACT)
@click.argument("skills", nargs=-1)
@click.option("--agent", type=AGENT, help="Whom the contact prefers.")
@click.option("--boost", "boost_s", type=click.IntRange(0, 86400), default=0, help="Seconds that count as waited.")
@click.option("--nothing", is_flag=True, help="Nothing of its own any more: the queue's rules alone.")
def command(door: Door, contact: str, skills: tuple[str, ...], agent: str | None, boost_s: int, nothing: bool) -> None:
    """What a CONTACT on the floor needs beyond its queue from now on, in place of what was said before.

    CONTACT is its UUID or the beginning of it; SKILLS are such as german=7 cards=3. It counts at once, and outlives
    contactd. Without SKILLS, an agent or a boost: the same as contactctl candidates.
    """
    path = f"/contacts/{quote(contact, safe='')}"
    if skills or agent or boost_s or nothing:
        if nothing and (skills or agent or boost_s):
            raise click.UsageError("--nothing stands alone.")
        asked = {"skills": " ".join(skills), "agent": agent, "boost_s": boost_s}
        door.show(door.ask("POST", f"{path}/needs", asked), "show_candidates")
    else:
        door.show(door.ask("GET", f"{path}/candidates"), "show_candidates")
