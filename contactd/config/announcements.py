"""What can be wrong with what waiting callers hear."""

from __future__ import annotations

from collections.abc import Iterator

from contactd.config.problems import Key, Problems
from contactd.config.sections import Queue, Sections

OFTEN_S = 10
LONGEST = 900
"""Characters of the sounds that may be said in one go: they go to the PBX in one line, which takes 1,022."""
_NUMBERS = 30
WHISPER = 200
"""Characters of the sounds that an agent hears: they stand among the options of Dial()."""


def check_announcements(sections: Sections, into: Problems) -> None:
    for queue_id, queue in sections.queues.items():
        at = ("queues", queue_id)
        for key, every_s in _every(queue):
            if 0 < every_s < OFTEN_S:
                what = "nobody wants to hear that so often"
                into.add((*at, *key), what, f"Give {OFTEN_S} or more, or 0 for once only")
        if _whisper(queue) > WHISPER:
            what = f"the names of these sounds have {_whisper(queue)} characters, and {WHISPER} fit"
            into.add((*at, "whisper"), what, "Make one sound file of several, or give it a shorter name")
        length = _length(sections, queue)
        if length > LONGEST:
            into.add(
                (*at, "welcome") if queue.welcome else at,
                f"all that may be said at the same time has {length} characters of sound names, and {LONGEST} fit",
                "Make one sound file of several, or give it a shorter name",
            )


def _whisper(queue: Queue) -> int:
    return sum(len(sound) + 1 for sound in queue.whisper)


def _every(queue: Queue) -> Iterator[tuple[Key, int]]:
    if queue.announce_position is not None:
        yield ("announce_position", "every_s"), queue.announce_position.every_s
    if queue.announce_wait is not None:
        yield ("announce_wait", "every_s"), queue.announce_wait.every_s
    for message_id, message in queue.messages.items():
        yield ("messages", message_id, "every_s"), message.every_s


def _length(sections: Sections, queue: Queue) -> int:
    """Of everything at once, each sound with what separates it from the next."""
    words = sections.announcements
    sounds = [*queue.welcome, *(sound for message in queue.messages.values() for sound in message.sounds)]
    if queue.announce_position is not None:
        sounds += [*words.position_next, *words.position_before, *words.position_after]
    if queue.announce_wait is not None:
        sounds += [*words.wait_before, *words.wait_less_than, *words.wait_between, *words.wait_minutes]
    return sum(len(sound) + 1 for sound in sounds) + _NUMBERS
