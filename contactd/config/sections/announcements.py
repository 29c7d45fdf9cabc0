"""What a caller hears while waiting."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from contactd.config.sections import words

MusicClass = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z_-]{0,40}\Z", description="a class of musiconhold.conf: up to 40 letters, digits, - or _"
    ),
]
_FirstAfter = Annotated[int, Meta(ge=1, le=7200, description="seconds, 1 to 7200")]
_Every = Annotated[int, Meta(ge=0, le=7200, description="seconds, 10 to 7200, or 0")]


class TimesTable(Struct, frozen=True, kw_only=True):
    """When something is announced."""

    after_s: _FirstAfter
    """The first time, in seconds since the caller came into the queue."""
    every_s: _Every = 0
    """From one time to the next; 0: once only."""


class PositionTable(TimesTable, frozen=True, kw_only=True):
    """When the position is announced, and to whom."""

    up_to: Annotated[int, Meta(ge=0, le=10000, description="a position, 1 to 10000, or 0")] = 0
    """Whoever stands further behind does not hear it; 0: everybody does."""


WaitTimes = (
    Annotated[
        TimesTable,
        Meta(
            description="{ after_s = 30, every_s = 60 }: the seconds since the caller came into the queue, and from one"
            " time to the next (0 or left out: once only)",
            examples=[{"after_s": 30, "every_s": 60}],
        ),
    ]
    | None
)
PositionTimes = (
    Annotated[
        PositionTable,
        Meta(
            description="{ after_s = 30, every_s = 60, up_to = 10 }: as announce_wait, and the last position that is"
            " told (0 or left out: every position is)",
            examples=[{"after_s": 30, "every_s": 60, "up_to": 10}],
        ),
    ]
    | None
)


class QueueMessage(Struct, frozen=True, kw_only=True):
    """What callers hear from time to time while they wait (docs/voice.rst)."""

    sounds: Annotated[tuple[words.Sound, ...], Meta(min_length=1, description="sounds, at least one")]
    """What is played, in this order."""
    after_s: _FirstAfter
    """The first time, in seconds since the caller came into the queue."""
    every_s: _Every = 0
    """From one time to the next; 0: once only."""


class Announcements(Struct, frozen=True, kw_only=True):
    """The words around the numbers that waiting callers hear: sounds of the PBX, in the caller's language. The defaults
    are among Asterisk's own sounds of every language. Numbers are said by Asterisk."""

    position_next: tuple[words.Sound, ...] = ("queue-youarenext",)
    """Who is next hears this instead of a position."""
    position_before: tuple[words.Sound, ...] = ("queue-thereare",)
    """Before the position."""
    position_after: tuple[words.Sound, ...] = ("queue-callswaiting",)
    """After the position."""
    wait_before: tuple[words.Sound, ...] = ("queue-holdtime",)
    """Before the wait."""
    wait_less_than: tuple[words.Sound, ...] = ("queue-less-than",)
    """Then, if it is only known that the wait is shorter than the number that follows."""
    wait_between: tuple[words.Sound, ...] = ("letters/dash",)
    """Between the two numbers of a range. Asterisk has no better word of its own: record one, such as "to"."""
    wait_minute: tuple[words.Sound, ...] = ("queue-minute",)
    """After a wait of one minute."""
    wait_minutes: tuple[words.Sound, ...] = ("queue-minutes",)
    """After any other wait."""
    callback_number: tuple[words.Sound, ...] = ("vm-num-i-have",)
    """Before the number at which a caller would be called back, which is then said digit by digit."""
    callback_keys: tuple[words.Sound, ...] = ("vm-tocallnum", "vm-calldiffnum", "vm-star-cancel")
    """After it: 1 takes it, 2 gives another number, the star waits on."""
    callback_enter: Annotated[tuple[words.Sound, ...], Meta(min_length=1, description="sounds, at least one")] = (
        "vm-enter-num-to-call",
        "vm-then-pound",
    )
    """Asks for another number, ended by the hash key."""
    callback_wrong: tuple[words.Sound, ...] = ("invalid",)
    """After a number that is none, or may not be dialled."""
    callback_taken: tuple[words.Sound, ...] = ("auth-thankyou", "vm-goodbye")
    """After the number was taken; then the call ends."""
    callback_whisper: tuple[words.Sound, ...] = ("vm-dialout",)
    """What an agent hears after answering, alone, before the customer is called."""
