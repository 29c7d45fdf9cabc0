"""The little language of flows: what it says, what it refuses, and that nothing in it breaks out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.core.ivr.expressions import ExpressionError, Kind, Value, compile_expression

KINDS = {
    "account": Kind.TEXT,
    "balance": Kind.NUMBER,
    "vip": Kind.TRUTH,
    "queue.sales.waiting": Kind.NUMBER,
    "queue.sales-eu.open": Kind.TRUTH,
    "language": Kind.TEXT,
    "party.language": Kind.TEXT,
}


@pytest.mark.parametrize(
    ("text", "scope", "value"),
    [
        ('account == "4711"', {"account": "4711"}, True),
        ('account != "4711"', {"account": "4711"}, False),
        ("balance > 0.1", {"balance": Decimal("0.1")}, False),
        ("balance * 2 - 1", {"balance": Decimal("0.5")}, Decimal("0.0")),
        ("-balance", {"balance": 3}, -3),
        ("0 < balance <= 3", {"balance": 3}, True),
        ("queue.sales.waiting >= 5 and not vip", {"queue.sales.waiting": 5, "vip": False}, True),
        ('queue["sales-eu"].open or false', {"queue.sales-eu.open": True}, True),
        ('account in ["1", "2"]', {"account": "2"}, True),
        ('account not in ["1", "2"]', {"account": "2"}, False),
        ('"0" + account', {"account": "7"}, "07"),
        ("length(account) == 4", {"account": "4711"}, True),
        ('starts_with(account, "47") and ends_with(account, "11")', {"account": "4711"}, True),
    ],
)
def test_an_expression_says_what_it_reads_like(text: str, scope: dict[str, Value], value: Value) -> None:
    assert compile_expression(text, KINDS.get)(scope) == value


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ('language == "de"', "de", True),
        ('language == "de"', "de_AT", True),
        ('language == "de"', "de-AT", True),
        ('"de" == language', "de_AT", True),
        ('language == "de_at"', "de-AT", True),
        ('language == "de_AT"', "de", False),
        ('language == "de_AT"', "de_CH", False),
        ('language == "d"', "de", False),
        ('language == ""', "de", False),
        ('language != "de"', "de_AT", False),
        ('language != "de_AT"', "de", True),
        ('language in ["es", "de"]', "de_AT", True),
        ('language not in ["es", "de"]', "de_AT", False),
        ('"de" in [language]', "de_AT", True),
        ("language == account", "de_AT", True),
        ("account == language", "de_AT", True),
        ("language == party.language", "de", True),
        ("party.language == language", "de", True),
        ("language == party.language", "de_CH", False),
    ],
)
def test_languages_are_compared_as_language_tags_are(text: str, language: str, value: bool) -> None:
    scope: dict[str, Value] = {"language": language, "party.language": "de-AT", "account": "de"}
    assert compile_expression(text, KINDS.get)(scope) is value


def test_a_text_that_is_no_language_is_compared_to_the_letter() -> None:
    assert compile_expression('account == "de"', KINDS.get)({"account": "de_AT"}) is False


@pytest.mark.parametrize(
    "text",
    [
        *("language == 'de'", "language != 'de'", "language in ['de']", "language not in ['de']"),
        *("language == party.language", "'de' in [language]"),
        *(
            "account == 'x'",
            "account != 'x'",
            "account in ['x']",
            "account not in ['x']",
            "balance < 1",
            "balance >= 1",
        ),
        *("length(account) > 3", "starts_with(account, 'x')", "vip", "balance + 1 > balance"),
    ],
)
def test_what_nobody_knows_is_never_true(text: str) -> None:
    assert not compile_expression(text, KINDS.get).holds({})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not an expression"),
        ("account =", "not an expression"),
        ("account == 4711", "a text compared with a number"),
        ("account + 1", "a sum of a text and a number"),
        ("vip < true", "no order"),
        ("balance and vip", "a number where a truth is wanted"),
        ("balanse > 1", 'nothing is called "balanse"'),
        ("balance / 2", "there are + - and *"),
        ("2 ** 100 ** 100", "there are + - and *"),
        ("account in '123'", 'after "in" comes a list'),
        ("account in []", 'after "in" comes a list'),
        ("account in [1]", "sought in a list of something else"),
        ("length(balance)", "length() takes a text"),
        ("__import__('os')", "of functions there are"),
        ("account.__class__", "nothing is called"),
        ("(lambda: 1)()", "of functions there are"),
        ("[x for x in account]", "not part of the language"),
        ("account if vip else account", "not part of the language"),
        ("b'1' == account", "a value is a text"),
        ("balance is 1", "compare with"),
        ("(" * 240 + "1" + ")" * 240, "not an expression"),
        ("-" * 100 + "1", "too deeply nested"),
        ("1" * 501, "longer than 500"),
    ],
)
def test_what_is_no_expression_is_refused_with_a_sentence(text: str, why: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text, KINDS.get)
    assert why in str(refused.value)


@given(st.text(max_size=80))
def test_no_text_whatever_does_anything_else_than_to_be_refused_or_to_answer(text: str) -> None:
    try:
        made = compile_expression(text, KINDS.get)
    except ExpressionError:
        return
    made({"account": "x", "balance": 1, "vip": True, "queue.sales.waiting": 0, "queue.sales-eu.open": False})
