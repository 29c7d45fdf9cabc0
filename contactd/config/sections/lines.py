"""What a dialled number leads to, and the menus."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.config.sections import words


class MenuNeeds(Struct, frozen=True, kw_only=True):
    """What a caller who pressed this key needs beyond the queue, on top of what the dialplan said."""

    boost_s: words.Boost = 0
    """The caller goes before those who have waited for up to so much longer."""
    callback: bool = False
    """The caller is asked for a number and called back, instead of waiting on the line (docs/callback.rst)."""
    text: bool = False
    """For callers on a text telephone: from here on the call's words are text (docs/tty.rst)."""
    agent: words.Agent | None = None
    """The agent whom the caller prefers, and waits for alone while the queue's ``sticky_s`` lasts."""
    skills: dict[words.Skill, words.Level] = {}
    """Skill = the least level. Of the queue's and this, the higher one counts."""


class Menu(Struct, frozen=True, kw_only=True):
    """One section for each menu: what a caller hears, and which key leads where. Sounds are named as Playback() takes
    them, below Asterisk's sounds folder."""

    greeting: tuple[words.Sound, ...] = ()
    """Played once."""
    prompt: tuple[words.Sound, ...]
    """Played at each try; a key ends it."""
    timeout_s: Annotated[int, Meta(ge=1, le=30, description="seconds, 1 to 30")] = 5
    """The wait for a key after the prompt."""
    tries: Annotated[int, Meta(ge=1, le=10, description="a number of times, 1 to 10")] = 3
    """How often to ask."""
    default_choice: words.Queue
    """The queue of whoever chose nothing after all tries."""
    choices: dict[words.Key, words.Queue]
    """Key = queue. The key stands in quotes."""
    needs: dict[words.Key, MenuNeeds] = {}


class Line(Struct, frozen=True):
    """Where a dialled number leads."""

    kind: Literal["menu", "flow", "queue", "echo"]
    target: str = ""
