"""A supervisor acts for an agent: sign in or out, ready or not. A refusal is a value with a stable code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Agent, Status
from contactd.core.ids import AgentId
from contactd.core.step import Step
from contactd.web.health import Engine

DONE = "done"

_INPUT: dict[str, Callable[[AgentId, str], inp.Input]] = {
    # The supervisor's own credentials stand for the PIN.
    "sign-in": lambda agent, _: inp.SignInAsked(agent=agent, pin_right=True),
    "sign-out": lambda agent, _: inp.SignOutAsked(agent=agent),
    "ready": lambda agent, _: inp.ReadyAsked(agent=agent),
    "not-ready": lambda agent, reason: inp.NotReadyAsked(agent=agent, reason=reason),
}


@dataclass(frozen=True, slots=True)
class Act:
    """What came of it. http: the status to answer with."""

    agent: AgentId
    code: str
    reason: str = ""
    http: int = 200


async def act(engine: Engine, agent_id: str, name: str, reason: str, reasons: Sequence[str]) -> Act:
    """name: a key of _INPUT. reasons: those configured. Raises a ContactdError when the inbox is full."""
    agent = AgentId(agent_id)
    make = _INPUT.get(name)
    if make is None:
        return Act(agent, "unknown_act", f"{name} is none of {', '.join(_INPUT)}.", 404)
    if agent not in engine.floor.agents:
        return Act(agent, "unknown_agent", f"There is no agent {agent_id}; contactctl agents lists them.", 404)
    if name == "not-ready" and reason not in reasons:
        known = ", ".join(reasons) or "none: add not_ready_reasons to [sign_in]"
        return Act(agent, "unknown_reason", f"Give one of the configured reasons ({known}).", 400)
    step = await engine.ask(make(agent, reason))
    now = engine.floor.agents.get(agent)
    if step.events:
        return _refused(agent, step) or Act(agent, DONE)
    if now is None:
        return Act(agent, "unknown_agent", f"{agent_id} has left the configuration meanwhile.", 404)
    code, words = _why_nothing(now, name)
    return Act(agent, code, words, 409)


def _refused(agent: AgentId, step: Step) -> Act | None:
    for event in step.events:
        if isinstance(event, ev.AgentRefused):
            return Act(agent, event.reason, f"{agent} is locked after too many wrong PINs; try again later.", 409)
    return None


def _why_nothing(agent: Agent, name: str) -> tuple[str, str]:
    """Why nothing happened, from what the agent is."""
    if agent.status is Status.SIGNED_OUT:
        return (
            "signed_out",
            f"{agent.id} is signed out{'' if name == 'sign-out' else '; sign them in first'}.",
        )
    if agent.status is Status.NOT_READY:
        return "already_not_ready", f"{agent.id} is not ready already ({agent.reason})."
    return "already_ready", f"{agent.id} is ready already."
