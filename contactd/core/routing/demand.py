"""What a waiting contact asks for, and who can give it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from contactd.core.agent import Agent, Status
from contactd.core.contact import STICKY, Contact, ContactState, Needs
from contactd.core.ids import AgentId, GroupId, Instant, PbxId, QueueId, SkillId
from contactd.core.plan import Medium, QueuePlan, RoutingStep, Strategy


class Target(NamedTuple):
    """Who may be offered a contact, by what was configured and asked; the same for all who ask for the same."""

    pbx: PbxId
    queue: QueueId
    only_groups: tuple[GroupId, ...]
    also_groups: tuple[GroupId, ...]
    skills: tuple[tuple[SkillId, int], ...]
    strategy: Strategy
    scored: tuple[SkillId, ...]
    """Whose levels best_skill adds up; empty under any other strategy."""
    agent: AgentId | None = None
    """The preferred agent, alone."""
    medium: Medium = Medium.VOICE


def step_of(queue: QueuePlan, contact: Contact) -> RoutingStep:
    """Where the contact is in the queue's plan; a plan that has become shorter leaves it at its last step."""
    if contact.step <= 0 or not queue.steps:
        return RoutingStep(after_s=0, only_groups=queue.only_groups, also_groups=queue.also_groups)
    return queue.steps[min(contact.step, len(queue.steps)) - 1]


def due_step(queue: QueuePlan, prefers: bool, queued_at: Instant, at: Instant) -> int:
    """The step of the queue's plan that a wait since queued_at has reached."""
    if prefers and at < queued_at + queue.sticky_s:
        return STICKY
    reached = 0
    for step in queue.steps:
        if queued_at + step.after_s > at:
            break
        reached += 1
    return reached


def before_going(queue: QueuePlan, behind: int, reached: int) -> int:
    """reached, but no further than the next step that sends the contact away. behind: how many are behind it."""
    for index in range(max(behind, 0), reached):
        if queue.steps[index].go is not None:
            return index
    return reached


def goes_next(queue: QueuePlan, contact: Contact) -> bool:
    """Whether the contact's next step sends it away."""
    return 0 <= contact.step < len(queue.steps) and queue.steps[contact.step].go is not None


def step_asking(queue: QueuePlan | None, contact: Contact, needs: Needs | None, at: Instant) -> int:
    """The step at which a contact goes on that needs something else from now on."""
    if contact.state is not ContactState.WAITING or queue is None or contact.queued_at is None:
        return contact.step
    prefers = needs is not None and needs.preferred_agent is not None
    return before_going(queue, contact.step, due_step(queue, prefers, contact.queued_at, at))


def next_step_at(queue: QueuePlan, contact: Contact) -> Instant | None:
    """When the contact's wait reaches another step; the same sums as in due_step, or a timer might never be over."""
    queued_at = contact.queued_at
    if queued_at is None:
        return None
    if contact.step == STICKY:
        return queued_at + queue.sticky_s
    return queued_at + queue.steps[contact.step].after_s if contact.step < len(queue.steps) else None


def boost_s(queue: QueuePlan, contact: Contact) -> int:
    """How much earlier than it did the contact counts as having begun to wait."""
    step = queue.steps[min(contact.step, len(queue.steps)) - 1].boost_s if contact.step > 0 and queue.steps else 0
    return queue.boost_s + step + (contact.needs.boost_s if contact.needs is not None else 0)


@lru_cache(4096)
def _asked(skill: SkillId, level: int) -> tuple[SkillId, int]:
    """The same tuple for the same words: thousands of targets ask for the same few."""
    return skill, level


def target_of(queue: QueuePlan, contact: Contact, agents: Mapping[AgentId, Agent]) -> Target:
    """A preferred agent who is not signed in, or may not be offered this at all, is not waited for."""
    step = step_of(queue, contact)
    skills = dict(queue.skills if step.skills is None else step.skills)
    needs = contact.needs
    if needs is not None:
        for skill, level in needs.skills.items():
            skills[skill] = max(level, skills.get(skill, 0))
    lower_by = step.lower_by
    required = tuple(sorted(_asked(skill, level - lower_by) for skill, level in skills.items() if level > lower_by))
    strategy = step.strategy or queue.strategy
    scored: tuple[SkillId, ...] = ()
    if strategy is Strategy.BEST_SKILL:
        # What is needed no longer is still better to have.
        scored = tuple(sorted({*skills, *queue.preferred_skills}))
    target = Target(
        pbx=contact.pbx,
        queue=queue.id,
        only_groups=tuple(sorted(step.only_groups)),
        also_groups=tuple(sorted(step.also_groups)),
        skills=required,
        strategy=strategy,
        scored=scored,
        medium=contact.medium,
    )
    if contact.step == STICKY and needs is not None and needs.preferred_agent is not None:
        agent = agents.get(needs.preferred_agent)
        if agent is not None and agent.status is not Status.SIGNED_OUT and eligible(agent, target):
            return target._replace(agent=agent.id)
    return target


def serves(agent: Agent, target: Target) -> bool:
    """Whether the agent belongs to those whom the target names, whatever their skills."""
    profile = agent.profile
    if target.medium not in profile.capacity.media or (target.agent is not None and target.agent != agent.id):
        return False
    if target.medium is Medium.VOICE and profile.pbx != target.pbx:
        return False
    if target.also_groups and not set(target.also_groups).isdisjoint(profile.groups):
        return True
    return target.queue in profile.queues and (
        not target.only_groups or not set(target.only_groups).isdisjoint(profile.groups)
    )


def skilled(agent: Agent, target: Target) -> bool:
    skills = agent.skills
    return all(skills.get(skill, 0) >= level for skill, level in target.skills)


def eligible(agent: Agent, target: Target) -> bool:
    """May be offered what the target stands for, when available."""
    return serves(agent, target) and skilled(agent, target)
