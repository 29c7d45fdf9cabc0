"""A supervisor acts for an agent: status, wrap-up, skills. A refusal is a value with a stable code."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Agent, By, Status
from contactd.core.ids import AgentId, SkillId
from contactd.core.needs import skills_of
from contactd.core.plan import Skills
from contactd.core.step import Step
from contactd.web.health import Engine

DONE = "done"

_INPUT: dict[str, Callable[[AgentId, str], inp.Input]] = {
    # The supervisor's own credentials stand for the PIN.
    "sign-in": lambda agent, _: inp.SignInAsked(agent=agent, pin_right=True, by=By.SUPERVISOR),
    "sign-out": lambda agent, _: inp.SignOutAsked(agent=agent, by=By.SUPERVISOR),
    "ready": lambda agent, _: inp.ReadyAsked(agent=agent, by=By.SUPERVISOR),
    "not-ready": lambda agent, reason: inp.NotReadyAsked(agent=agent, reason=reason, by=By.SUPERVISOR),
    "wrap-up-extend": lambda agent, _: inp.WrapUpExtendAsked(agent=agent, by=By.SUPERVISOR),
    "wrap-up-end": lambda agent, _: inp.WrapUpEndAsked(agent=agent, by=By.SUPERVISOR),
    "skills": lambda agent, words: inp.SkillsAsked(agent=agent, skills=_skills(words)),
}
CONFIGURED, NONE = "configured", "none"
_SKILL = re.compile(r"([a-z][a-z0-9_-]{0,31})=(10|[1-9])")
_MOST_SKILLS = 100


@dataclass(frozen=True, slots=True)
class Act:
    """What came of it. http: the status to answer with."""

    agent: AgentId
    code: str
    reason: str = ""
    http: int = 200


async def act(engine: Engine, agent_id: str, name: str, reason: str, reasons: Sequence[str]) -> Act:
    """name: a key of _INPUT. reason: for skills "german=7 cards=3", CONFIGURED or NONE. reasons: those configured.

    Raises a ContactdError when the inbox is full.
    """
    agent = AgentId(agent_id)
    make = _INPUT.get(name)
    if make is None:
        return Act(agent, "unknown_act", f"{name} is none of {', '.join(_INPUT)}.", 404)
    if agent not in engine.floor.agents:
        return Act(agent, "unknown_agent", f"There is no agent {agent_id}; contactctl agents lists them.", 404)
    if (wrong := _wrong(engine, name, reason, reasons)) is not None:
        return Act(agent, *wrong, 400)
    step = await engine.ask(make(agent, reason))
    now = engine.floor.agents.get(agent)
    if step.events:
        return _refused(agent, step) or Act(agent, DONE)
    if now is None:
        return Act(agent, "unknown_agent", f"{agent_id} has left the configuration meanwhile.", 404)
    code, words = _why_nothing(now, name)
    return Act(agent, code, words, 409)


def _wrong(engine: Engine, name: str, reason: str, reasons: Sequence[str]) -> tuple[str, str] | None:
    """The code and the sentence when reason is nothing that the act can take."""
    if name == "not-ready" and reason not in reasons:
        known = ", ".join(reasons) or "none: add [reasons.<id>]"
        return "unknown_reason", f"Give one of the configured reasons ({known})."
    wrong = _wrong_skills(engine, reason) if name == "skills" else None
    return None if wrong is None else ("unknown_skill", wrong)


def _skills(words: str) -> Skills | None:
    if words == CONFIGURED:
        return None
    return {SkillId(found[1]): int(found[2]) for found in map(_SKILL.fullmatch, words.split()) if found is not None}


def _wrong_skills(engine: Engine, words: str) -> str | None:
    """A skill that nothing in the configuration names is most often a typing error."""
    if words in (CONFIGURED, NONE):
        return None
    said = words.split()
    if not said or len(said) > _MOST_SKILLS or not all(map(_SKILL.fullmatch, said)):
        return f"Give skills with levels of 1 to 10, such as german=7, or {CONFIGURED}, or {NONE}."
    known = skills_of(engine.floor.plan)
    unknown = sorted({word.partition("=")[0] for word in said} - known)
    if unknown:
        names = ", ".join(sorted(known)) or "none: add skills to [queues.<id>] or [agents.<id>]"
        return f"Nothing in the configuration names the skill {unknown[0]}; known: {names}."
    return None


_NO_SEAT = {
    "occupied": "Somebody else talks at the handset of {}; try again after the talk.",
    "no_handset": "{} has no handset: they sign in at a desk, by *45 and their number.",
}


def _refused(agent: AgentId, step: Step) -> Act | None:
    for event in step.events:
        if isinstance(event, ev.SignInRefused):
            return Act(agent, event.reason, _NO_SEAT[event.reason].format(agent), 409)
        if isinstance(event, ev.AgentRefused):
            return Act(agent, event.reason, f"{agent} is locked after too many wrong PINs; try again later.", 409)
    return None


def _why_nothing(agent: Agent, name: str) -> tuple[str, str]:
    """Why nothing happened, from what the agent is."""
    if name == "skills":
        return "same_skills", f"{agent.id} has exactly these skills already."
    if name.startswith("wrap-up-"):
        if not agent.wrap_ups():
            return "no_wrap_up", f"{agent.id} is not in wrap-up."
        return "extended_already", f"{agent.id}'s wrap-up was extended already, or its queue's wrap_up_extend_s is 0."
    if agent.status is Status.SIGNED_OUT:
        return (
            "signed_out",
            f"{agent.id} is signed out{'' if name == 'sign-out' else '; sign them in first'}.",
        )
    if agent.status is Status.NOT_READY:
        return "already_not_ready", f"{agent.id} is not ready already ({agent.reason})."
    return "already_ready", f"{agent.id} is ready already."
