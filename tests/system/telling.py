"""What the system tests say of a story and of a call."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab.asterisk import ulaw
from tests.lab.phones import Call
from tests.system.centre import AGENT_HZ, CALLER_HZ, Fact

NOTES = (523.25, 659.26, 783.99, 587.33, 698.46, 880.0)
"""The lab's music on hold."""


HANDLED = [
    *("ContactArrived", "MenuChosen", "ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded"),
    "ContactEnded",
]
"""The facts of a caller who chose in the menu, waited and was helped."""


def kinds(story: Sequence[Fact]) -> list[str]:
    return [fact.kind for fact in story]


def body(story: Sequence[Fact], kind: str) -> dict[str, Any]:
    """The fields of the only fact of a kind."""
    (fact,) = [fact for fact in story if fact.kind == kind]
    return dict(fact.body)


def about(seconds: float, wanted: float, within: float = 1.0) -> bool:
    return abs(seconds - wanted) <= within


async def hears_music(call: Call, within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while True:
        heard = await call.listen()
        if any(heard.has(note) for note in NOTES):
            return
        assert time.monotonic() < deadline, f"{call!r} heard {heard} and no music"


async def talk(caller: Call, agent: Call) -> None:
    """Two-way audio."""
    await asyncio.gather(caller.hears(AGENT_HZ), agent.hears(CALLER_HZ))


async def transferred(agent: Call) -> None:
    """A handset leaves when it is told of the success; the PBX lets it."""
    await agent.until(lambda call: call.transfer_code == 200, "told of the transfer's success")
    await agent.hangup()


def message(pbx: Path, sound: str, hz: int) -> Path:
    """A prompt of a few seconds below the PBX's folder, by whose tone it is known."""
    path = pbx / "share/sounds" / f"{sound}.ulaw"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(ulaw(int(8000 * math.sin(2 * math.pi * hz * i / 8000))) for i in range(8000 * 4)))
    return path
