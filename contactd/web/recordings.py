"""A supervisor pauses the recording of an agent's talk, or lets it go on. A refusal is a value with a stable code."""

from __future__ import annotations

from contactd.core.agent import By
from contactd.core.ids import AgentId
from contactd.services.recording.pausing import Pausing, pause
from contactd.web.acts import DONE, Act
from contactd.web.health import Engine

PAUSE, RESUME = "pause", "resume"
_ACTS = {PAUSE: True, RESUME: False}
_WHY = {
    Pausing.ALREADY: ("already", "It is so already.", 409),
    Pausing.NOT_RECORDED: ("not_recorded", "{} has no talk that is being recorded.", 409),
    Pausing.NO_ANSWER: (
        "no_answer",
        "The PBX has not said that it is done: take the recording for not paused, and try again.",
        504,
    ),
}


async def pause_or_resume(engine: Engine, agent_id: str, act: str) -> Act:
    """Raises a ContactdError when the inbox is full."""
    agent = AgentId(agent_id)
    if act not in _ACTS:
        return Act(agent, "unknown_act", f"{act} is none of {', '.join(_ACTS)}.", 404)
    if agent not in engine.floor.agents:
        return Act(agent, "unknown_agent", f"There is no agent {agent_id}; contactctl agents lists them.", 404)
    done = await pause(engine, pause=_ACTS[act], by=By.SUPERVISOR, agent=agent)
    if done is Pausing.DONE:
        return Act(agent, DONE)
    code, reason, http = _WHY[done]
    return Act(agent, code, reason.format(agent_id), http)
