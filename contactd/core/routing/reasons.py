"""Why an agent was not chosen."""

from __future__ import annotations

from enum import StrEnum

from contactd.core.agent import Agent, AgentState, Handset, Status
from contactd.core.routing.demand import Target, serves, skilled


class Reason(StrEnum):
    """The first that is true, in this order."""

    ELSEWHERE = "elsewhere"
    """Not among those whom the queue's step names; agents of another PBX are not counted at all."""
    UNSKILLED = "unskilled"
    OFFERED = "offered"
    BUSY = "busy"
    WRAP_UP = "wrap_up"
    SIGNED_OUT = "signed_out"
    NOT_READY = "not_ready"
    HANDSET = "handset"
    """Ready, but the handset rings, is in use or is not registered."""
    READY = "ready"
    """Ready as well: ranked behind the chosen one, or kept for somebody older who is on the way back."""


_DOING = {
    AgentState.OFFERED: Reason.OFFERED,
    AgentState.BUSY: Reason.BUSY,
    AgentState.WRAP_UP: Reason.WRAP_UP,
}


def condition(agent: Agent) -> Reason:
    """What keeps agent from being offered anything, whatever it is; READY when nothing does."""
    if agent.state is not AgentState.IDLE:
        return _DOING[agent.state]
    if agent.status is not Status.READY:
        return Reason.SIGNED_OUT if agent.status is Status.SIGNED_OUT else Reason.NOT_READY
    return Reason.READY if agent.handset is Handset.FREE else Reason.HANDSET


def reason(agent: Agent, target: Target) -> Reason:
    """What keeps agent from being offered what target stands for."""
    if not serves(agent, target):
        return Reason.ELSEWHERE
    return condition(agent) if skilled(agent, target) else Reason.UNSKILLED
