"""Whose turn it is on a TTY line. Without numpy: whoever looks at a line needs no modem for it."""

from __future__ import annotations

from enum import Enum


class Turn(Enum):
    QUIET = "quiet"  # nobody sends
    THEIRS = "theirs"  # the far end's carrier is on
    OURS = "ours"  # our carrier is on
    GUARD = "guard"  # it was, and its echo may still come


TRANSITIONS = {
    Turn.QUIET: {Turn.THEIRS, Turn.OURS},
    Turn.THEIRS: {Turn.QUIET},
    Turn.OURS: {Turn.GUARD, Turn.QUIET},
    Turn.GUARD: {Turn.QUIET, Turn.OURS},
}
