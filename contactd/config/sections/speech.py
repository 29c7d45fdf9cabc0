"""The voice that speaks the texts of flows."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.config.sections import words
from contactd.core.ivr.nodes import Language

_Word = Annotated[str, Meta(min_length=1, max_length=400, description="a word of a command")]
_Voice = Annotated[
    str, Meta(min_length=1, max_length=400, description='a voice, such as "es-419", or the file of a Piper voice')
]


class Speech(Struct, frozen=True, kw_only=True):
    """Texts of flows are spoken on this machine when the configuration is read, never while a caller waits, and each
    only once (docs/flows.rst)."""

    engine: Annotated[Literal["", "espeak-ng", "piper"], Meta(description='"espeak-ng", "piper", or "" for none')] = ""
    """espeak-ng is Debian's, speaks many languages, and sounds like a machine. piper sounds like a person and wants
    ``pip install contactd[speech]``. Empty: flows have no texts."""
    program: tuple[_Word, ...] = ()
    """The command that starts it. Empty: the usual one."""
    voices: dict[Language, _Voice] = {}
    """Language = voice. Of espeak-ng as ``espeak-ng --voices`` names it (left out: the language itself), of piper the
    file of the voice (left out: for en the one that is packaged)."""
    words_per_minute: Annotated[int, Meta(ge=80, le=300, description="words a minute, 80 to 300")] = 150
    """How fast."""
    folder: words.Path = "/var/cache/contactd/spoken"
    """Where the files lie. Asterisk must be able to read them there, or in ``pbx_folder``."""
    pbx_folder: Annotated[str, Meta(max_length=400, description="a path on the PBX, or empty")] = ""
    """The same folder as Asterisk sees it, where that is another path or another machine. Empty: the same."""
