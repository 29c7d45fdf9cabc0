"""Whose turn it is, what is held back, what is kept, and what an answer means: without a line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from contactd.config.sections import Tty
from contactd.core.contact import Known
from contactd.core.text import Author, FoundBy
from contactd.pbx.text.conversation import PIECE_S, Conversation, Heard
from contactd.pbx.text.office import Texts
from contactd.pbx.text.reading import keys_of


class Far:
    def __init__(self) -> None:
        self.waiting = ""

    def write(self, text: str) -> str:
        self.waiting += text.upper()
        return text.upper()

    def unsent(self) -> int:
        return len(self.waiting)

    def take_back(self, most: int) -> int:
        count = min(most, len(self.waiting))
        self.waiting = self.waiting[: len(self.waiting) - count]
        return count


def hears(talk: Conversation, text: str, now: float = 0.0) -> None:
    for letter in text:
        talk.hear([Heard(letter, 97)], now)
    talk.hear([], now, pauses=True)


def test_enter_ends_the_turn_with_ga_and_what_follows_waits_for_the_callers() -> None:
    far = Far()
    talk = Conversation(far)
    assert talk.type("good mor", 0.0) == "GOOD MOR" and talk.ours
    assert talk.type("ning\n", 0.0) == "NING GA\n" and not talk.ours
    assert talk.type("anything else\nand", 1.0) == "" and talk.held == "anything else\nand"
    hears(talk, "YES MY GAME")
    assert far.waiting == "GOOD MORNING GA\n" and not talk.ours
    hears(talk, " GA")
    assert far.waiting == "GOOD MORNING GA\nANYTHING ELSE GA\n" and not talk.ours and talk.held == "and"


def test_an_agent_who_does_not_wait_gets_the_turn_at_once() -> None:
    talk = Conversation(Far())
    talk.say("HELLO GA", 0.0)
    assert talk.type("stop", 1.0) == "" and talk.held == "stop"
    talk.go(2.0)
    assert talk.ours and not talk.held


def test_a_ga_whose_shift_was_lost_gives_the_turn_as_well() -> None:
    talk = Conversation(Far())
    talk.say("ACCOUNT Q GA", 0.0)
    hears(talk, "4711 +-")
    assert talk.ours


def test_an_empty_line_gives_no_turn_away_and_sk_is_told() -> None:
    far = Far()
    talk = Conversation(far)
    assert talk.type("\n", 0.0) == "" and talk.ours and not far.waiting
    talk.type("bye sk\n", 0.0)
    assert far.waiting == "BYE SK\n" and not talk.ours
    hears(talk, "SK SK")
    assert talk.ending and talk.ours


def test_only_what_is_not_on_its_way_can_be_erased() -> None:
    far = Far()
    talk = Conversation(far)
    talk.type("ab", 0.0)
    assert talk.erase() and far.waiting == "A"
    far.waiting = ""
    assert not talk.erase()
    (piece,) = talk.take(0.0, all_of_it=True)
    assert piece.text == "A"


def test_pieces_are_kept_when_the_side_changes_or_after_a_while() -> None:
    talk = Conversation(Far())
    talk.say("HELLO GA", 100.0)
    hears(talk, "HI", 101.0)
    assert [(one.author, one.text) for one in talk.take(101.5)] == [(Author.SYSTEM, "HELLO GA")]
    assert talk.take(101.6) == []
    hears(talk, "!", 102.0)
    (piece,) = talk.take(101.0 + PIECE_S)
    assert (piece.author, piece.text, piece.at_ms, piece.sure) == (Author.CALLER, "HI!", [0, 0, 1000], [97, 97, 97])
    assert talk.take(999.0, all_of_it=True) == []


def test_an_answer_is_whole_with_its_ga_or_a_new_line() -> None:
    talk = Conversation(Far())
    talk.say("SALES 1 GA", 0.0)
    talk.ask()
    hears(talk, "1 ")
    assert talk.answered() is None and talk.answer_so_far() == "1 "
    hears(talk, "GA")
    assert talk.answered() == "1 GA"
    talk.ask()
    hears(talk, "2\r\n")
    assert talk.answered() == "2\r\n"


def test_answers_are_digits_words_or_names() -> None:
    names = {"sales": "1", "Customer service": "2"}
    assert keys_of("SALES PLS GA", names) == "1"
    assert keys_of("I NEED CUSTOMER SERVICE GA", names) == "2"
    assert keys_of("WHOLESALES GA", names) == ""
    assert keys_of("ORDER 47 11 GA") == "4711"
    assert keys_of("ONE TWO POUND GA") == "12#"
    assert keys_of("YES PLEASE GA") == "1" and keys_of("I HAVE NO IDEA GA") == ""


def test_a_call_is_known_by_its_number_or_by_the_record_where_that_is_wished() -> None:
    def texts(**tty: Any) -> Texts:
        return Texts(cast(Any, None), cast(Any, SimpleNamespace(tty=Tty(**tty))))

    deaf, hearing = Known(text=True), Known()
    both = texts(numbers=("5010",), by_record=True)
    assert both.found_by("5010", None) is FoundBy.NUMBER and both.found_by("5010", deaf) is FoundBy.NUMBER
    assert both.found_by("5001", deaf) is FoundBy.RECORD and both.found_by("5001", hearing) is None
    assert texts(numbers=("5010",)).found_by("5001", deaf) is None
