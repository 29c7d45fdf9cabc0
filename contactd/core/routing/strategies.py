"""Which of the agents who may be offered a contact gets it.

A strategy ranks an agent by what the floor knows; the lowest rank is offered, of equal ranks the one idle for longest
(idle_since), of equally idle ones the lower id. A rank must not change while the agent is available: it is taken once,
when the agent becomes so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from contactd.core.agent import Agent
from contactd.core.ids import ContactId, SkillId
from contactd.core.plan import Strategy

Rank = Callable[[Agent, tuple[SkillId, ...]], float]


def _longest_idle(agent: Agent, scored: tuple[SkillId, ...]) -> float:
    """Who has less to do comes first, so idle agents before all others; of equals the rule is what breaks every tie."""
    return agent.load if agent.engagements else 0.0


def _fewest_contacts(agent: Agent, scored: tuple[SkillId, ...]) -> float:
    """Talks since sign-in."""
    return agent.contacts


def _best_skill(agent: Agent, scored: tuple[SkillId, ...]) -> float:
    """The sum of the levels in the skills that the queue and the contact name."""
    skills = agent.skills
    return -sum(skills.get(skill, 0) for skill in scored)


def _round_robin(agent: Agent, scored: tuple[SkillId, ...]) -> float:
    """Whose last offer is longest ago, answered or not; a turn that was missed is not made up."""
    return agent.offered_seq


def _weighted_random(agent: Agent, scored: tuple[SkillId, ...]) -> float:
    """All alike: drawn() chooses."""
    return 0.0


RANKS: dict[Strategy, Rank] = {
    Strategy.LONGEST_IDLE: _longest_idle,
    Strategy.FEWEST_CONTACTS: _fewest_contacts,
    Strategy.BEST_SKILL: _best_skill,
    Strategy.ROUND_ROBIN: _round_robin,
    Strategy.WEIGHTED_RANDOM: _weighted_random,
    Strategy.RING_ALL: _longest_idle,
}


def drawn(agents: Sequence[Agent], contact: ContactId, seq: int) -> Agent:
    """One of the agents, each as likely as its weight says. agents: by id, at least one.

    The random value is a hash of the contact's id and the number of the offer: the id is itself a hash of what the PBX
    made up, it came with the input, and a replay draws the same.
    """
    digest = hashlib.sha256(f"{contact}\0{seq}".encode()).digest()
    left = int.from_bytes(digest[:8], "big") % sum(agent.profile.weight for agent in agents)
    for agent in agents:
        left -= agent.profile.weight
        if left < 0:
            return agent
    raise AssertionError("the weights add up")
