"""What a queue says to those who wait, and what was said to one of them. Values only; core/announcing.py decides."""

from __future__ import annotations

import msgspec

from contactd.core.ids import AnnouncementId, Instant


class Times(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Counted from when the contact came into the queue."""

    after_s: int
    """The first time."""
    every_s: int = 0
    """From one time to the next; 0: there is no second time."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A comfort message."""

    id: str
    sounds: tuple[str, ...]
    times: Times


class Announcements(msgspec.Struct, frozen=True, kw_only=True):
    """Of one queue. Sounds are named as Playback() takes them."""

    welcome: tuple[str, ...] = ()
    """Once, to whom comes into the queue and has just begun to wait, or comes from another one."""
    position: Times | None = None
    position_up_to: int = 0
    """Whoever stands further behind hears no position; 0: everybody does."""
    wait: Times | None = None
    messages: tuple[Message, ...] = ()


class Range(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Of the rest of a wait, in minutes as a person says them. low_min 0: less than high_min."""

    low_min: int
    high_min: int


class _Said(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="say"):
    """The root; the tags are the words of the journal and of the metrics."""


class SayWelcome(_Said, frozen=True, kw_only=True, gc=False, tag="welcome"):
    sounds: tuple[str, ...]


class SayPosition(_Said, frozen=True, kw_only=True, gc=False, tag="position"):
    position: int
    """1: the next."""


class SayWait(_Said, frozen=True, kw_only=True, gc=False, tag="wait"):
    range: Range


class SayMessage(_Said, frozen=True, kw_only=True, gc=False, tag="message"):
    id: str
    sounds: tuple[str, ...]


Said = SayWelcome | SayPosition | SayWait | SayMessage
KINDS = tuple(str(kind.__struct_config__.tag) for kind in Said.__args__)


def kind_of(said: Said) -> str:
    """One of KINDS."""
    return str(said.__struct_config__.tag)


class Hearing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Of one caller: what was said, as far as the next time depends on it."""

    since: Instant
    """When the caller came into the queue: all times count from here."""
    done: Instant
    """Every time up to this one is behind us: it was said, or there was nothing to say."""
    free_at: Instant
    """The next announcement begins no earlier."""
    saying: AnnouncementId | None = None
    """What is being said; None: nothing."""
    last: Range | None = None
    """The wait that was announced last."""
