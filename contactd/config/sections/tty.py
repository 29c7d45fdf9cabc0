"""Text telephones: which numbers are theirs, and what is written to their callers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from contactd.config.sections import words

TextLine = Annotated[
    str,
    Meta(pattern=r"^[^\0-\x1f\x7f]{0,500}\Z", description="a line of at most 500 characters, to be written"),
]
Short = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,20}\Z", description="an abbreviation: 1 to 20 letters or digits")]


class Tty(Struct, frozen=True, kw_only=True):
    """Calls whose words are text (docs/tty.rst). What is written goes out in capitals, with the signs that the code of
    text telephones has."""

    numbers: tuple[words.Dialled, ...] = ()
    """The numbers of ``lines`` that are for text: who dials one is answered in it, in the same menus, flows and
    queues."""
    by_record: bool = False
    """Whether a customer whose record names ``tty`` as the medium is answered in text on every number."""
    by_tones: bool = False
    """Whether a text telephone is recognised by its tones in the menus and flows of all other numbers. It needs
    ``res_tonedetect`` on the PBX (Asterisk 16.21 or 18.7)."""
    at_once: Annotated[int, Meta(ge=1, le=50, description="a number of calls, 1 to 50")] = 40
    """So many calls of text at once; whoever comes then is answered by voice. Each takes half a hundredth of a
    processor core, and one of the 50 audio connections."""
    skill: Annotated[words.Skill, Meta(examples=["tty"])] | None = None
    """What an agent needs for a call of text, at any level. Left out: nothing beyond the queue's."""
    answer_s: Annotated[int, Meta(ge=5, le=300, description="seconds, 5 to 300")] = 45
    """How long a caller may take to write an answer, in place of the times of menus and flows: typing takes longer
    than a key."""
    greeting: TextLine = "WELCOME."
    """Written first."""
    waiting: TextLine = "PLEASE HOLD FOR AN AGENT."
    """Written to who begins to wait."""
    connected: TextLine = "AN AGENT IS HERE."
    """Written when an agent has answered; then the agent writes."""
    interrupted: TextLine = "SORRY, THE LINE WAS INTERRUPTED. PLEASE REPEAT YOUR LAST LINE GA"
    """Written when contactd was away in the middle of a talk."""
    position: TextLine = "YOU ARE NUMBER {} IN LINE."
    """Where a queue announces positions; {} is the number."""
    wait: TextLine = "YOU WILL WAIT {} TO {} MINUTES."
    """Where a queue announces the wait."""
    again: TextLine = "THAT WAS NOT UNDERSTOOD."
    """Before a menu is written again."""
    texts: dict[words.Sound, TextLine] = {}
    """Sound = what is written in its place. Each sound that callers of ``numbers`` could hear must be here."""
