"""What was written, as it is shown."""

from __future__ import annotations

from contactd.core.text import Author, MessageId
from contactd.ctl.durations import local
from contactd.ctl.transcripts import as_json, as_text
from contactd.store.transcripts import Message, Written

AT = 1_800_000_000.0


def message(after_s: float, author: Author, text: str, *sure: int) -> Message:
    at_ms = tuple(range(0, len(text) * 170, 170)) if sure else ()
    written = Written(text=text, at_ms=at_ms, sure=sure)
    return Message(message=MessageId(f"{after_s:08.2f}"), at=AT + after_s, author=author, written=written)


def test_pieces_of_one_side_are_one_line_until_the_other_writes() -> None:
    told = [
        message(0, Author.SYSTEM, "HELLO GA"),
        message(3, Author.CALLER, "MY ", 99, 98, 99),
        message(4, Author.CALLER, "CAR\x1b[2J", *[90] * 7),
        message(30, Author.CALLER, "PLS GA", *[90] * 6),
        message(60, Author.AGENT, "ONE MOMENT GA"),
    ]
    lines = [line.split(maxsplit=1) for line in as_text(told).splitlines()]
    assert [line for _, line in lines] == [
        "centre  HELLO GA",
        "caller  MY CAR?[2J",
        "caller  PLS GA",
        "agent   ONE MOMENT GA",
    ]
    assert lines[0][0] == f"{local(AT):%H:%M:%S}"


def test_what_was_read_unsurely_is_marked_when_asked_for() -> None:
    told = [message(0, Author.CALLER, "A BC", 99, 20, 49, 50)]
    assert as_text(told, unsure=True).endswith("caller  A ?C")
    assert as_text(told).endswith("caller  A BC")
    assert as_json(told)[0]["sure"] == [99, 20, 49, 50]
