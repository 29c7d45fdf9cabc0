"""What a contact needs, told by several: put together, and as the PBX carries it with the caller.

The menu, the dialplan and the customer's record each say their part; ``together`` makes one of them. The PBX keeps
it in the channel variable CONTACTD_NEEDS, as ``german:7&cards:5/anna/60``: a contactd that finds the caller knows it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from contactd.core.contact import Contact, Known, Needs
from contactd.core.ids import AgentId, QueueId, SkillId
from contactd.core.plan import FloorPlan

MOST_SKILLS = 20
LONGEST_BOOST_S = 86400
_LONGEST = 1000
_LONGEST_ID = 32
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz")
_LETTERS = _FIRST | frozenset("0123456789_-")


class Refused(NamedTuple):
    """What was said and is not needed, since nobody can give it: the words, in the order said."""

    skills: tuple[str, ...] = ()
    agent: str = ""
    boost: str = ""

    def __bool__(self) -> bool:
        return any(self)


def together(*said: Needs | None) -> Needs:
    """The higher level of each skill, the agent who was named last, and all boosts."""
    skills: dict[SkillId, int] = {}
    agent: AgentId | None = None
    boost_s = 0
    for needs in said:
        if needs is not None:
            for skill, level in needs.skills.items():
                skills[skill] = max(level, skills.get(skill, 0))
            agent = needs.preferred_agent or agent
            boost_s += needs.boost_s
    return Needs(skills=skills, preferred_agent=agent, boost_s=max(0, min(boost_s, LONGEST_BOOST_S)))


def with_record(asked: Needs | None, known: Known | None, queue: QueueId | None) -> Needs | None:
    """What a contact needs in this queue: what was asked for it, and what its party's record adds.

    An agent whom somebody asked for goes before who last handled the party there.
    """
    if known is None:
        return asked
    last = known.agents.get(queue) if queue is not None else None
    record = Needs(skills=known.skills, preferred_agent=last, boost_s=known.boost_s)
    return together(record, asked) if record != Needs() else asked


def needs_in(contact: Contact, queue: QueueId | None) -> Needs | None:
    """What the contact will need there."""
    return with_record(contact.asked_before(), contact.known, queue)


def as_text(needs: Needs) -> str:
    """
    >>> as_text(Needs(skills={SkillId("german"): 7, SkillId("cards"): 5}, preferred_agent=AgentId("anna"), boost_s=60))
    'german:7&cards:5/anna/60'
    >>> as_text(Needs())
    ''
    """
    if needs == Needs():
        return ""
    skills = "&".join(f"{skill}:{level}" for skill, level in needs.skills.items())
    return f"{skills}/{needs.preferred_agent or ''}/{needs.boost_s or ''}"


def from_text(text: str) -> tuple[Needs, Refused]:
    """What a PBX says, and what of it cannot be read.

    >>> from_text("german:7&cards:5/anna/60")[0].skills
    {'german': 7, 'cards': 5}
    >>> from_text("german:11&cards/Anna/long")[1]
    Refused(skills=('german:11', 'cards'), agent='Anna', boost='long')
    """
    skills_text, _, rest = text[:_LONGEST].partition("/")
    agent_text, _, boost_text = rest.partition("/")
    skills: dict[SkillId, int] = {}
    wrong: list[str] = []
    for word in filter(None, skills_text.split("&")):
        skill, _, level = word.replace("=", ":").partition(":")
        if not _is_id(skill) or not _is_number(level) or not 1 <= int(level) <= 10 or len(skills) == MOST_SKILLS:
            wrong.append(word)
        else:
            skills[SkillId(skill)] = max(int(level), skills.get(SkillId(skill), 0))
    agent = AgentId(agent_text) if _is_id(agent_text) else None
    boost_s = int(boost_text) if _is_number(boost_text) and int(boost_text) <= LONGEST_BOOST_S else None
    refused = Refused(
        tuple(wrong),
        agent_text if agent is None else "",
        boost_text if boost_s is None else "",
    )
    return Needs(skills=skills, preferred_agent=agent, boost_s=boost_s or 0), refused


def known_of(needs: Needs, skills: Container[SkillId], agents: Container[AgentId]) -> tuple[Needs, Refused]:
    """Without the skills and the agent that nothing in the configuration names: nobody could serve the contact, and it
    would wait for ever."""
    unknown = tuple(skill for skill in needs.skills if skill not in skills)
    agent = needs.preferred_agent
    stranger = agent if agent is not None and agent not in agents else None
    if not unknown and stranger is None:
        return needs, Refused()
    kept = {skill: level for skill, level in needs.skills.items() if skill not in unknown}
    left = Needs(skills=kept, preferred_agent=None if stranger else agent, boost_s=needs.boost_s)
    return left, Refused(unknown, stranger or "")


def skills_of(plan: FloorPlan) -> set[SkillId]:
    """Every skill that the configuration names, of an agent or of a queue."""
    known = {skill for profile in plan.agents for skill in profile.skills}
    for queue in plan.queues:
        known.update(queue.skills, queue.preferred_skills, *(step.skills or () for step in queue.steps))
    return known


def _is_id(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_ID and text[0] in _FIRST and set(text) <= _LETTERS


def _is_number(text: str) -> bool:
    return 0 < len(text) <= 6 and text.isascii() and text.isdigit()
