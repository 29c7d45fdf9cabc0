"""Sets of agents as the bits of an integer: who of two thousand has this skill, serves that queue and is ready is an
``&`` of a tenth of a microsecond, and so is counting them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from contactd.core.agent import Agent
from contactd.core.ids import AgentId, GroupId, PbxId, QueueId, SkillId
from contactd.core.plan import Medium, Skills
from contactd.core.routing.demand import Target
from contactd.core.routing.reasons import Reason, condition

AgentSet = int
"""Bit n stands for the agent who is n-th by id."""
_READY = Reason.READY
_NAMES = {why: str(why) for why in Reason}


class _Conditions(NamedTuple):
    """Of one medium: what keeps whom from being offered it."""

    of: dict[AgentId, Reason]
    agents: dict[Reason, AgentSet]


class AgentSets:
    """Follows the agents' conditions and skills; everything else of theirs comes with a new plan, and a new object."""

    def __init__(self, agents: Mapping[AgentId, Agent]) -> None:
        self._ids = sorted(agents)
        self.bit: dict[AgentId, AgentSet] = {agent: 1 << number for number, agent in enumerate(self._ids)}
        self._pbx: dict[PbxId, AgentSet] = {}
        self._queue: dict[QueueId, AgentSet] = {}
        self._group: dict[GroupId, AgentSet] = {}
        self._levels: dict[SkillId, dict[AgentId, int]] = {}
        self._skilled: dict[SkillId, dict[int, AgentSet]] = {}
        """Who has at least this level, of each level that somebody asked for."""
        self._everybody = (1 << len(self._ids)) - 1
        self._medium: dict[Medium, AgentSet] = {}
        for agent in agents.values():
            for medium in agent.profile.capacity.media:
                self._medium[medium] = self._medium.get(medium, 0) | self.bit[agent.id]
        self._conditions = {
            medium: _Conditions({}, dict.fromkeys(Reason, 0)) for medium in Medium if medium in self._medium
        }
        for agent in agents.values():
            bit = self.bit[agent.id]
            self._pbx[agent.profile.pbx] = self._pbx.get(agent.profile.pbx, 0) | bit
            for queue in agent.profile.queues:
                self._queue[queue] = self._queue.get(queue, 0) | bit
            for group in agent.profile.groups:
                self._group[group] = self._group.get(group, 0) | bit
            self.learn(agent.id, {}, agent.skills)
            for medium, conditions in self._conditions.items():
                conditions.of[agent.id] = now = condition(agent, medium)
                conditions.agents[now] |= bit

    def see(self, agent: Agent) -> list[Medium]:
        """What agent may be offered now."""
        ready = []
        for medium, conditions in self._conditions.items():
            now, before = condition(agent, medium), conditions.of[agent.id]
            if now is not before:
                bit = self.bit[agent.id]
                conditions.agents[before] ^= bit
                conditions.agents[now] |= bit
                conditions.of[agent.id] = now
            if now is _READY:
                ready.append(medium)
        return ready

    def learn(self, agent: AgentId, before: Skills, now: Skills) -> None:
        for skill in before:
            del self._levels[skill][agent]
            self._skilled.pop(skill, None)
        for skill, level in now.items():
            self._levels.setdefault(skill, {})[agent] = level
            self._skilled.pop(skill, None)

    def serving(self, target: Target) -> AgentSet:
        """Whom the target names, whatever their skills: routing.demand.serves of everybody."""
        found = self._queue.get(target.queue, 0)
        if target.only_groups:
            found &= self._in_groups(target.only_groups)
        if target.also_groups:
            found |= self._in_groups(target.also_groups)
        if target.agent is not None:
            found &= self.bit.get(target.agent, 0)
        return found & self.able(target.medium) & self.within_reach(target)

    def skilled(self, target: Target, among: AgentSet) -> AgentSet:
        for skill, level in target.skills:
            levels = self._skilled.setdefault(skill, {})
            who = levels.get(level)
            if who is None:
                bits = [self.bit[agent] for agent, has in self._levels.get(skill, {}).items() if has >= level]
                who = levels[level] = sum(bits)
            among &= who
        return among

    def members(self, agents: AgentSet) -> list[AgentId]:
        found = []
        while agents:
            number = agents.bit_length() - 1
            found.append(self._ids[number])
            agents ^= 1 << number
        return found

    def able(self, medium: Medium) -> AgentSet:
        """Whose profile has it."""
        return self._medium.get(medium, 0)

    def ready(self, medium: Medium) -> AgentSet:
        known = self._conditions.get(medium)
        return known.agents[_READY] if known is not None else 0

    def present(self, medium: Medium) -> AgentSet:
        """Who is here, or back soon, as far as the floor can know; some of the busy will not be ready afterwards."""
        known = self._conditions.get(medium)
        if known is None:
            return 0
        conditions = known.agents
        return (
            conditions[Reason.READY]
            | conditions[Reason.OFFERED]
            | conditions[Reason.BUSY]
            | conditions[Reason.WRAP_UP]
            | conditions[Reason.HANDSET]
            | conditions[Reason.NOT_READY]
        )

    def conditions(self, medium: Medium, among: AgentSet, without: AgentId) -> dict[str, int]:
        """How many of these agents there are of each condition, but for one of them."""
        known = self._conditions.get(medium)
        if known is None:
            return {}
        among ^= self.bit[without]
        return {
            _NAMES[why]: count
            for why, agents in known.agents.items()
            if agents and (count := (agents & among).bit_count())
        }

    def within_reach(self, target: Target) -> AgentSet:
        """A call rings the handsets of its own PBX; a desk is everywhere."""
        return self._pbx.get(target.pbx, 0) if target.medium is Medium.VOICE else self._everybody

    def _in_groups(self, groups: tuple[GroupId, ...]) -> AgentSet:
        found = 0
        for group in groups:
            found |= self._group.get(group, 0)
        return found
