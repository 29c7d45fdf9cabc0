"""What a caller of text reads in place of what others hear."""

from __future__ import annotations

from collections.abc import Sequence

from contactd.config.sections import Tty
from contactd.core.announcements import Said, SayMessage, SayPosition, SayWait, SayWelcome


def written(tty: Tty, sounds: Sequence[str]) -> str:
    """Nothing for a sound without a text: check-config names those."""
    return " ".join(filter(None, (tty.texts.get(sound, "") for sound in sounds)))


def announced(tty: Tty, said: Sequence[Said]) -> str:
    return " ".join(filter(None, (_one(tty, one) for one in said)))


def _one(tty: Tty, said: Said) -> str:
    match said:
        case SayWelcome() | SayMessage():
            return written(tty, said.sounds)
        case SayPosition():
            return tty.position.replace("{}", str(said.position), 1)
        case SayWait():
            low, high = str(said.range.low_min), str(said.range.high_min)
            return tty.wait.replace("{}", low, 1).replace("{}", high, 1)


def apart(text: str) -> str:
    """On a line of its own.

    >>> apart("HELLO"), apart("")
    ('HELLO\\n', '')
    """
    return f"{text}\n" if text else ""
