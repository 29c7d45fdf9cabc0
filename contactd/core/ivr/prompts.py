"""What a caller hears in a flow: recorded sounds, and values that are said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

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


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the flow, in the caller's language; its file is spoken when the configuration loads."""

    name: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words of a text, between the values in it."""

    words: str


Piece = Sound | Said | Text

_SOUND = re.compile(r"(?!.*\.\.)[A-Za-z0-9_./-]{1,120}")
_SAID = re.compile(r"\{\s*([a-z]+)\s*:\s*([A-Za-z0-9_.-]{1,100})\s*\}")
_TEXT = "text"


class PromptError(ContactdError):
    """What is wrong with a piece of a prompt, as a sentence without a full stop."""


def piece_of(text: str) -> Piece:
    """``custom/welcome``, ``{text: welcome}`` or ``{digits: account}``. Raises PromptError."""
    if _SOUND.fullmatch(text):
        return Sound(text)
    said = _SAID.fullmatch(text)
    if said is None:
        raise PromptError('neither a sound, such as "custom/welcome", nor a value, such as "{digits: account}"')
    return Text(said[2]) if said[1] == _TEXT else _value(said)


def _value(said: re.Match[str]) -> Said:
    if said[1] not in [str(how) for how in How]:
        raise PromptError(f"nothing is said as {said[1]}; there are {', '.join(How)} and {_TEXT}")
    return Said(How(said[1]), said[2])


def pieces_of_text(text: str) -> tuple[Spoken | Said, ...]:
    """``Your balance is {amount: balance}.``, word for word and value by value. Raises PromptError."""
    found: list[Spoken | Said] = []
    at = 0
    for said in _SAID.finditer(text):
        found += _spoken(text[at : said.start()])
        if said[1] == _TEXT:
            raise PromptError("a text within a text")
        found.append(_value(said))
        at = said.end()
    return (*found, *_spoken(text[at:]))


def _spoken(words: str) -> list[Spoken]:
    if "{" in words or "}" in words:
        raise PromptError("a brace that belongs to no value, such as {amount: balance}")
    # A stop after a value is a pause that is there anyway.
    said = " ".join(words.split()).lstrip(".,;:!? ")
    return [Spoken(said)] if any(one.isalnum() for one in said) else []


def spoken_name(language: str, words: str) -> str:
    """The file of these words: the same wherever they stand."""
    return f"{language}-{sha256(words.encode()).hexdigest()[:24]}"


def sounds_in(nodes: Iterable[object]) -> list[str]:
    """Every recorded sound that these nodes play. What is wrong with a prompt is told elsewhere."""
    texts = [text for node in nodes for key in ("prompt", "nothing", "wrong") for text in getattr(node, key, ())]
    return [text for text in texts if _SOUND.fullmatch(text)]
