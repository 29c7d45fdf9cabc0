"""Why an agent was not chosen."""

from __future__ import annotations

from enum import StrEnum

from contactd.core.agent import Agent, AgentState, Handset, Status
from contactd.core.plan import Medium
from contactd.core.routing.demand import Target, serves, skilled


class Reason(StrEnum):
    """The first that is true, in this order."""

    ELSEWHERE = "elsewhere"
    """Not among those whom the queue's step names, or not for this medium; agents of another PBX are not counted at
    all."""
    UNSKILLED = "unskilled"
    OFFERED = "offered"
    """An offer is running: nobody has two."""
    BUSY = "busy"
    """No room beside the contacts that the agent has."""
    WRAP_UP = "wrap_up"
    """The same, and the agent talks with nobody."""
    SIGNED_OUT = "signed_out"
    NOT_READY = "not_ready"
    HANDSET = "handset"
    """Ready, but the handset rings, is in use or is not registered; for other media than voice: no room beside the
    agent's own call."""
    READY = "ready"
    """Ready as well: ranked behind the chosen one, or kept for somebody older who is on the way back."""


_DOING = {
    AgentState.OFFERED: Reason.OFFERED,
    AgentState.BUSY: Reason.BUSY,
    AgentState.WRAP_UP: Reason.WRAP_UP,
}


_IDLE, _READY, _FREE, _VOICE = AgentState.IDLE, Status.READY, Handset.FREE, Medium.VOICE


def condition(agent: Agent, medium: Medium) -> Reason:
    """What keeps agent from being offered a contact of medium, whatever it is; READY when nothing does."""
    room = True
    if agent.state is not _IDLE or medium is not _VOICE:
        room = agent.has_room(medium)
        if not room and agent.engagements:
            if len(agent.engagements) == 1:
                return _DOING[agent.state]
            offered = any(engagement.state is AgentState.OFFERED for engagement in agent.engagements)
            return Reason.OFFERED if offered else _DOING[agent.state]
    if agent.status is not _READY:
        return Reason.SIGNED_OUT if agent.status is Status.SIGNED_OUT else Reason.NOT_READY
    return Reason.READY if room and (medium is not _VOICE or agent.handset is _FREE) else Reason.HANDSET


def reason(agent: Agent, target: Target) -> Reason:
    """What keeps agent from being offered what target stands for."""
    if not serves(agent, target):
        return Reason.ELSEWHERE
    return condition(agent, target.medium) if skilled(agent, target) else Reason.UNSKILLED
