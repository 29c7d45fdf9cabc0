"""Pausing what is being recorded, and letting it go on: for an agent's code, a supervisor and a menu alike.

Whoever asks is told that it is so only once the PBX has done it: a card number is said right after.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Protocol

from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, ContactId
from contactd.core.inputs import Input, RecordingPauseAsked
from contactd.core.recording import recorded
from contactd.core.step import Step

_LOOK_S, _LOOKS = 0.02, 100
"""The PBX does it in milliseconds; after two seconds nobody waits for it."""


class Pausing(StrEnum):
    """What came of it."""

    DONE = "done"
    ALREADY = "already"
    NOT_RECORDED = "not_recorded"
    NO_ANSWER = "no_answer"
    """Nobody knows whether it is paused: take it for not paused."""


class Engine(Protocol):
    """What is needed of the circle."""

    @property
    def floor(self) -> LiveFloor: ...

    async def ask(self, input_: Input) -> Step: ...


async def pause(
    engine: Engine, *, pause: bool, by: str, agent: AgentId | None = None, contact: ContactId | None = None
) -> Pausing:
    """Of the talk that the agent has, or of the contact. Raises InboxFull."""
    step = await engine.ask(RecordingPauseAsked(contact=contact, agent=agent, pause=pause, by=by))
    meant = contact or _contact_of(engine.floor, agent)
    if meant is None or recorded(engine.floor.contacts.get(meant)) is None:
        return Pausing.NOT_RECORDED
    if not step.commands:
        return Pausing.ALREADY
    for _ in range(_LOOKS):
        now = recorded(engine.floor.contacts.get(meant))
        if now is None or now.paused is pause:
            return Pausing.NOT_RECORDED if now is None else Pausing.DONE
        await asyncio.sleep(_LOOK_S)
    return Pausing.NO_ANSWER


def _contact_of(floor: LiveFloor, agent: AgentId | None) -> ContactId | None:
    known = floor.agents.get(agent) if agent is not None else None
    call = known.on_voice() if known is not None else None
    return call.contact if call is not None else None
