"""A conversation as an agent sees it."""

from __future__ import annotations

from typing import Any

from contactd.ctl.texting import Page


def page(*notices: dict[str, Any]) -> Page:
    made = Page()
    for notice in notices:
        made.take(notice)
    return made


def wrote(by: str, text: str, sure: int = 99) -> dict[str, Any]:
    return {"kind": "wrote", "by": by, "text": text, **({"sure": sure} if by == "caller" else {})}


def test_each_side_has_its_lines_and_abbreviations_are_explained() -> None:
    shown = page(
        {"kind": "glossary", "words": {"TMW": "tomorrow"}},
        wrote("system", "HELLO GA\n"),
        *(wrote("caller", letter) for letter in "CU TMW, OK GA"),
        wrote("agent", "FINE GA\n"),
        wrote("agent", "BYE"),
        {"kind": "erased"},
        {"kind": "ended"},
    )
    assert shown.lines == [
        "centre: HELLO GA",
        "caller: CU TMW (tomorrow), OK GA",
        "you: FINE GA",
        "you: BY",
        "-- the call is over",
    ]
    assert shown.over and shown.status() == "the call is over"


def test_what_is_unsure_is_small_and_nothing_moves_the_cursor() -> None:
    shown = page(wrote("caller", "A"), wrote("caller", "B", 30), wrote("caller", "\x1b"))
    assert shown.lines == ["caller: Ab?"]


def test_the_state_is_told_in_a_line() -> None:
    state = {"kind": "state", "turn": "theirs", "line": "theirs", "connected": True, "held": "I will", "hears": True}
    assert page(state).status() == (
        "caller's turn | the caller types | 6 held until GA (Ctrl-G sends now) | you hear the caller"
    )
    assert page({**state, "connected": False}).status().startswith("no text line")
    assert (
        page({"kind": "state", "turn": "ours", "line": "quiet", "connected": True, "held": ""}).status() == "YOUR TURN"
    )
