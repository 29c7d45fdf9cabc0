"""An announcement as the dialplan takes it: sounds, and numbers that it says itself. Pure.

``<sound>&n*<number>&<sound>``: no name of a sound holds a star or an ampersand. [contactd-announce] goes through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contactd.config.sections import Announcements
from contactd.core.announcements import Range, Said, SayMessage, SayPosition, SayWait, SayWelcome
from contactd.core.ids import AnnouncementId

CONTEXT = "contactd-announce"
VARIABLE = "CONTACTD_SAY"
HEARD = "CONTACTD_HEARD"
"""On the caller's channel: the last announcement that was said to its end."""


def program(said: Sequence[Said], words: Announcements) -> str:
    """
    >>> program([SayWelcome(sounds=("custom/hello",)), SayPosition(position=3)], Announcements())
    'custom/hello&queue-thereare&n*3&queue-callswaiting'
    >>> program([SayWait(range=Range(low_min=2, high_min=5))], Announcements())
    'queue-holdtime&n*2&letters/dash&n*5&queue-minutes'
    """
    return "&".join(part for one in said for part in _parts(one, words))


def exten_of(announcement: AnnouncementId) -> str:
    """
    >>> exten_of(AnnouncementId("4-77"))
    'say*4*77'
    """
    epoch, _, seq = announcement.partition("-")
    return f"say*{epoch}*{seq}"


def _parts(said: Said, words: Announcements) -> Iterator[str]:
    match said:
        case SayWelcome() | SayMessage():
            yield from said.sounds
        case SayPosition(position=1):
            yield from words.position_next
        case SayPosition():
            yield from (*words.position_before, f"n*{said.position}", *words.position_after)
        case SayWait():
            yield from _wait(said.range, words)


def _wait(spoken: Range, words: Announcements) -> Iterator[str]:
    yield from words.wait_before
    if not spoken.low_min:
        yield from words.wait_less_than
    elif spoken.low_min != spoken.high_min:
        yield from (f"n*{spoken.low_min}", *words.wait_between)
    yield f"n*{spoken.high_min}"
    yield from words.wait_minute if spoken.high_min == 1 else words.wait_minutes
