"""Texts of a flow: said in the caller's language, with values in the same voice."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from contactd.core.ivr.expressions import Value
from contactd.core.ivr.flow import Flow, Trouble, fact_kinds, make_flow, variables_of
from contactd.core.ivr.nodes import Collect, HangUp, Node, Say, Speak
from contactd.core.ivr.prompts import PromptError, Said, Spoken, pieces_of_text, spoken_name
from contactd.core.ivr.rehearsal import rehearse
from contactd.core.ivr.words import what

FACTS = fact_kinds([], [])
NODES: dict[str, Node] = {
    "ask": Collect(prompt=("{text: ask}",), into="sum", what="amount", next="told", otherwise="bye"),
    "told": Say(prompt=("beep", "{text: told}"), next="spanish"),
    "spanish": Speak(language="es", next="again"),
    "again": Say(prompt=("{text: told}", "{digits: dialled}"), next="bye"),
    "bye": HangUp(),
}
TEXTS = {
    "ask": {"en": "How much?", "es": "¿Cuánto?"},
    "told": {"en": "You owe {amount: sum}.", "es": "Debe {amount: sum}, gracias."},
}


def made(nodes: Mapping[str, Node] = NODES, **changes: object) -> tuple[Flow, list[Trouble]]:
    kept = {"languages": ("en", "es"), "currency": "EUR", "texts": TEXTS, **changes}
    variables = variables_of({"main": nodes}, FACTS)
    return make_flow("main", "ask", nodes, variables=variables, facts=FACTS, **kept)  # type: ignore[arg-type]


def heard(facts: Mapping[str, Value]) -> tuple[str, ...]:
    flow, troubles = made()
    assert not troubles
    return rehearse(flow, {"main": flow}, ["21*01#"], facts).heard


def test_texts_and_values_are_said_in_the_callers_language() -> None:
    assert heard({"dialled": "50"}) == (
        *("How much?", "beep", "You owe", "twenty-one", "euros", "and", "one", "cent", "language es"),
        *("Debe", "veintiún", "euros", "con", "un", "céntimo", "gracias.", "cinco", "cero"),
    )


@pytest.mark.parametrize(("language", "first"), [("es_MX", "¿Cuánto?"), ("de", "How much?"), (None, "How much?")])
def test_who_speaks_none_of_a_flows_languages_hears_the_nearest_or_the_first(language: str | None, first: str) -> None:
    assert heard({"language": language})[0] == first


def test_all_that_may_be_heard_is_known_beforehand() -> None:
    flow, _ = made()
    spoken = flow.to_speak()
    assert {("en", "You owe"), ("es", "gracias."), ("en", "ninety-nine"), ("es", "veintiún")} <= spoken
    assert flow.spoken_texts() < spoken and ("en", "ninety-nine") not in flow.spoken_texts()
    plain, _ = made({"ask": HangUp()}, texts={})
    assert plain.to_speak() == set()


def test_a_text_is_read_word_for_word_and_value_by_value() -> None:
    assert pieces_of_text(" Hello,\n {number: n} - of {digits: d}. ") == (
        *(Spoken("Hello,"), Said("number", "n"), Spoken("- of"), Said("digits", "d")),  # type: ignore[arg-type]
    )
    for wrong in ("{text: other}", "{speed: n}", "a { brace", "closed }"):
        with pytest.raises(PromptError):
            pieces_of_text(wrong)
    assert spoken_name("en", "a") == spoken_name("en", "a") != spoken_name("en", "b")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"texts": {**TEXTS, "ask": {"en": "How much?"}}}, "texts.ask: there is none in es"),
        ({"texts": {**TEXTS, "ask": {**TEXTS["ask"], "de": "Wie viel?"}}}, "texts.ask.de: the flow has no language de"),
        ({"texts": {**TEXTS, "more": TEXTS["ask"]}}, "texts.more: no prompt says it"),
        ({"texts": {"ask": TEXTS["ask"]}}, 'nodes.told.prompt: there is no text "told"'),
        ({"texts": {**TEXTS, "ask": {"en": "{number: x}", "es": "?x"}}}, 'texts.ask.en: nothing is called "x" here'),
        ({"currency": ""}, "currency: amounts are said, of nobody knows what"),
    ],
)
def test_what_nobody_could_say_is_told(changes: dict[str, object], told: str) -> None:
    _, troubles = made(**changes)
    assert told in [f"{'.'.join(one.key)}: {one.what}" for one in troubles]


def test_an_outline_tells_texts_as_they_are_said() -> None:
    flow, _ = made()
    assert what(flow, "again") == ["You owe {amount: sum}", "{digits: dialled}"]
    assert what(flow, "told") == ["beep", "You owe {amount: sum}"]
