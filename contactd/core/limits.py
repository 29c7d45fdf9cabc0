"""How long an agent may stay as they are: until the supervisor is told, or until they are signed out."""

from __future__ import annotations

from collections.abc import Mapping

from contactd.core.agent import Agent, AgentState, Handset, Status
from contactd.core.ids import Instant
from contactd.core.plan import FloorPlan


class Limits:
    """Those of a plan."""

    __slots__ = ("any", "inactive_s", "longest", "unregistered_s")

    def __init__(self, plan: FloorPlan | None) -> None:
        self.longest: Mapping[str, int] = (
            {reason.id: reason.longest_s for reason in plan.reasons if reason.longest_s} if plan else {}
        )
        self.unregistered_s = plan.sign_out_unregistered_s if plan else 0
        self.inactive_s = plan.sign_out_inactive_s if plan else 0
        self.any = bool(self.longest or self.unregistered_s or self.inactive_s)

    def overdue_at(self, agent: Agent) -> Instant | None:
        """When the supervisor is told that the agent, who is in no contact, is not ready for too long. A choice made in
        a talk counts from its end, and from the end of its wrap-up."""
        longest_s = self.longest.get(agent.reason)
        if longest_s is None or agent.status is not Status.NOT_READY or agent.overdue:
            return None
        return agent.since + longest_s

    def unregistered_at(self, agent: Agent) -> Instant | None:
        """When the agent is signed out for want of a handset."""
        if not self.unregistered_s or agent.handset is not Handset.UNAVAILABLE or not _here(agent):
            return None
        return max(agent.handset_since, agent.since) + self.unregistered_s

    def inactive_at(self, agent: Agent) -> Instant | None:
        """When the agent is signed out for having neither had a contact nor said anything."""
        return agent.since + self.inactive_s if self.inactive_s and _here(agent) else None

    def first(self, agent: Agent) -> Instant | None:
        """The first of the three. Asked at every change of an agent, and mostly there is none."""
        if not _here(agent):
            return None
        times = (self.overdue_at(agent), self.unregistered_at(agent), self.inactive_at(agent))
        return min((at for at in times if at is not None), default=None)


def _here(agent: Agent) -> bool:
    """Signed in, and in no contact: a talk is never cut, and who wraps up is at work."""
    return agent.status is not Status.SIGNED_OUT and agent.state is AgentState.IDLE
