"""Why an offer went to whom it went, agent by agent. The journal has the counts; this is for whoever asks."""

from __future__ import annotations

import msgspec

from contactd.core.contact import Contact, ContactState
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, ContactId, Instant, QueueId
from contactd.core.plan import Medium, Skills, Strategy
from contactd.core.routing.demand import Target, target_of
from contactd.core.routing.reasons import Reason, reason
from contactd.core.routing.strategies import RANKS


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One agent, for one contact. rank and idle_since: what the strategy compares, of those who may be offered it."""

    agent: AgentId
    reason: Reason
    rank: float | None = None
    idle_since: Instant | None = None


def target(floor: LiveFloor, contact: Contact) -> Target | None:
    """What contact asks for as the floor is now; None: it is in no queue."""
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    return None if queue is None else target_of(queue, contact, floor.agents)


def verdicts(floor: LiveFloor, contact: Contact) -> list[Verdict]:
    """Every agent, of a call's PBX alone: those who may be offered it now, the next one first, then the others."""
    wanted = target(floor, contact)
    if wanted is None:
        return []
    told = []
    for agent in floor.agents.values():
        if wanted.medium is not Medium.VOICE or agent.profile.pbx == wanted.pbx:
            why = reason(agent, wanted)
            rank = None if why in (Reason.ELSEWHERE, Reason.UNSKILLED) else RANKS[wanted.strategy](agent, wanted.scored)
            since = None if rank is None else agent.idle_since
            told.append(Verdict(agent=agent.id, reason=why, rank=rank, idle_since=since))
    return sorted(told, key=_order)


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """Why a contact is offered to whom, or to nobody, on one floor."""

    contact: ContactId
    state: ContactState
    queue: QueueId | None
    step: int
    strategy: Strategy | None
    skills: Skills
    alone: AgentId | None
    """Whom the contact waits for, and nobody else."""
    agents: list[Verdict]
    """All of the contact's PBX, the next one first."""


def candidates(floor: LiveFloor, contact: Contact) -> Candidates:
    wanted = target(floor, contact)
    return Candidates(
        contact=contact.id,
        state=contact.state,
        queue=contact.queue,
        step=contact.step,
        strategy=wanted.strategy if wanted is not None else None,
        skills=dict(wanted.skills) if wanted is not None else {},
        alone=wanted.agent if wanted is not None else None,
        agents=verdicts(floor, contact),
    )


def _order(verdict: Verdict) -> tuple[bool, Reason, float, float, AgentId]:
    ready = verdict.reason is Reason.READY
    return (not ready, verdict.reason, verdict.rank or 0.0, verdict.idle_since or 0.0, verdict.agent)
