"""What a caller hears in a flow: recorded sounds, and values that are said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from contactd.core.errors import ContactdError


class How(StrEnum):
    """How a value is said."""

    DIGITS = "digits"
    """One by one: an account, a telephone number."""
    NUMBER = "number"
    """As a whole: how many."""
    AMOUNT = "amount"
    """Money, in the flow's currency."""
    DATE = "date"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Sound:
    """name: as Playback() takes it."""

    name: str


@dataclass(frozen=True, slots=True)
class Said:
    """A variable, or a fact, at the moment when it is said."""

    how: How
    name: str


Piece = Sound | Said

_SOUND = re.compile(r"(?!.*\.\.)[A-Za-z0-9_./-]{1,120}")
_SAID = re.compile(r"\{\s*([a-z]+)\s*:\s*([A-Za-z0-9_.-]{1,100})\s*\}")


class PromptError(ContactdError):
    """What is wrong with a piece of a prompt, as a sentence without a full stop."""


def piece_of(text: str) -> Piece:
    """``custom/welcome``, or ``{digits: account}``. Raises PromptError."""
    if _SOUND.fullmatch(text):
        return Sound(text)
    said = _SAID.fullmatch(text)
    if said is None:
        raise PromptError('neither a sound, such as "custom/welcome", nor a value, such as "{digits: account}"')
    if said[1] not in [str(how) for how in How]:
        raise PromptError(f"nothing is said as {said[1]}; there are {', '.join(How)}")
    return Said(How(said[1]), said[2])


def sounds_in(nodes: Iterable[object]) -> list[str]:
    """Every recorded sound that these nodes play. What is wrong with a prompt is told elsewhere."""
    texts = [text for node in nodes for key in ("prompt", "nothing", "wrong") for text in getattr(node, key, ())]
    return [text for text in texts if _SOUND.fullmatch(text)]
