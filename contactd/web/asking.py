"""A supervisor says what a contact on the floor needs. A refusal is a value with a stable code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from contactd.core.contact import Needs
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, ContactId, SkillId
from contactd.core.inputs import NeedsAsked
from contactd.core.needs import LONGEST_BOOST_S, MOST_SKILLS, as_text, skills_of
from contactd.web.acts import DONE
from contactd.web.health import Engine

_SKILL = re.compile(r"([a-z][a-z0-9_-]{0,31})=(10|[1-9])")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request: all that the contact needs from now on. Empty: nothing of its own."""

    skills: str = ""
    """``german=7 cards=3``"""
    agent: str | None = None
    boost_s: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. told: for the audit. http: the status to answer with."""

    code: str
    reason: str = ""
    http: int = 200
    told: str = ""


async def ask_needs(engine: Engine, contact: ContactId, body: Any) -> Answer:
    """contact: on the floor. body: as it came, to be read as Asked.

    Raises a ContactdError when the inbox is full.
    """
    try:
        asked = msgspec.convert(body, Asked)
    except msgspec.ValidationError as error:
        return Answer("wrong_body", f"The request cannot be read: {error}.", 400)
    wrong = _wrong(engine.floor, asked)
    if wrong is not None:
        return Answer(*wrong, 400)
    found = (_SKILL.fullmatch(word) for word in asked.skills.split())
    needs = Needs(
        skills={SkillId(one[1]): int(one[2]) for one in found if one is not None},
        preferred_agent=AgentId(asked.agent) if asked.agent is not None else None,
        boost_s=asked.boost_s,
    )
    told = as_text(needs) or "nothing of its own"
    step = await engine.ask(NeedsAsked(contact=contact, needs=needs))
    if step.events:
        return Answer(DONE, told=told)
    if contact not in engine.floor.contacts:
        return Answer("unknown_contact", "The contact has ended meanwhile.", 409, told)
    return Answer("same_needs", "The contact needs exactly this already.", 409, told)


def _wrong(floor: LiveFloor, asked: Asked) -> tuple[str, str] | None:
    words = asked.skills.split()
    if len(words) > MOST_SKILLS or not all(map(_SKILL.fullmatch, words)):
        return "unknown_skill", f"Give at most {MOST_SKILLS} skills with levels of 1 to 10, such as german=7."
    known = skills_of(floor.plan)
    unknown = sorted({word.partition("=")[0] for word in words} - known)
    if unknown:
        names = ", ".join(sorted(known)) or "none: add skills to [queues.<id>] or [agents.<id>]"
        return "unknown_skill", f"Nothing in the configuration names the skill {unknown[0]}; known: {names}."
    if asked.agent is not None and asked.agent not in floor.agents:
        return "unknown_agent", f"There is no agent {asked.agent}; contactctl agents lists them."
    if not 0 <= asked.boost_s <= LONGEST_BOOST_S:
        return "wrong_boost", f"Give a boost of 0 to {LONGEST_BOOST_S} seconds."
    return None
