"""Sets of agents as the bits of an integer: who of two thousand has this skill, serves that queue and is ready is an
``&`` of a tenth of a microsecond, and so is counting them.
"""

from __future__ import annotations

from collections.abc import Mapping

from contactd.core.agent import Agent
from contactd.core.ids import AgentId, GroupId, PbxId, QueueId, SkillId
from contactd.core.plan import Skills
from contactd.core.routing.demand import Target
from contactd.core.routing.reasons import Reason, condition

AgentSet = int
"""Bit n stands for the agent who is n-th by id."""


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
        self._condition_of: dict[AgentId, Reason] = {}
        self._conditions: dict[Reason, AgentSet] = dict.fromkeys(Reason, 0)
        for agent in agents.values():
            bit = self.bit[agent.id]
            self._pbx[agent.profile.pbx] = self._pbx.get(agent.profile.pbx, 0) | bit
            for queue in agent.profile.queues:
                self._queue[queue] = self._queue.get(queue, 0) | bit
            for group in agent.profile.groups:
                self._group[group] = self._group.get(group, 0) | bit
            self.learn(agent.id, {}, agent.skills)
            self._condition_of[agent.id] = now = condition(agent)
            self._conditions[now] |= bit

    def see(self, agent: Agent) -> Reason:
        """What keeps agent from being offered anything, now."""
        now, before = condition(agent), self._condition_of[agent.id]
        if now is not before:
            bit = self.bit[agent.id]
            self._conditions[before] ^= bit
            self._conditions[now] |= bit
            self._condition_of[agent.id] = now
        return now

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
        return found & self._pbx.get(target.pbx, 0)

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

    def is_in(self, agent: AgentId, agents: AgentSet) -> bool:
        return bool(self.bit[agent] & agents)

    def ready(self) -> AgentSet:
        return self._conditions[Reason.READY]

    def present(self) -> AgentSet:
        """Who is here, or back soon, as far as the floor can know; some of the busy will not be ready afterwards."""
        conditions = self._conditions
        return (
            conditions[Reason.READY]
            | conditions[Reason.OFFERED]
            | conditions[Reason.BUSY]
            | conditions[Reason.WRAP_UP]
            | conditions[Reason.HANDSET]
            | conditions[Reason.NOT_READY]
        )

    def counts(self, target: Target, serving: AgentSet, eligible: AgentSet, without: AgentId) -> dict[str, int]:
        """How many agents of the target's PBX there are of each condition, but for one."""
        eligible_others = eligible & ~self.bit[without]
        counts = {
            str(Reason.ELSEWHERE): (self._pbx[target.pbx] & ~serving).bit_count(),
            str(Reason.UNSKILLED): (serving & ~eligible).bit_count(),
        }
        for why, agents in self._conditions.items():
            if agents:
                counts[str(why)] = (agents & eligible_others).bit_count()
        return {why: count for why, count in counts.items() if count}

    def _in_groups(self, groups: tuple[GroupId, ...]) -> AgentSet:
        found = 0
        for group in groups:
            found |= self._group.get(group, 0)
        return found
