"""Values in words: as people say them, and never a piece that was not spoken beforehand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.core.ivr.expressions import Value
from contactd.core.ivr.prompts import How
from contactd.core.ivr.saying import CURRENCIES, LANGUAGES, pieces, vocabulary


def said(how: How, value: Value, language: str, currency: str = "EUR") -> str | None:
    found = pieces(how, value, language, currency)
    return " ".join(found) if found is not None else None


@pytest.mark.parametrize(
    ("value", "english", "spanish"),
    [
        (0, "zero", "cero"),
        (1, "one", "uno"),
        (16, "sixteen", "dieciséis"),
        (21, "twenty-one", "veintiuno"),
        (31, "thirty-one", "treinta y uno"),
        (100, "one hundred", "cien"),
        (101, "one hundred one", "ciento uno"),
        (999, "nine hundred ninety-nine", "novecientos noventa y nueve"),
        (1000, "one thousand", "mil"),
        (1001, "one thousand one", "mil uno"),
        (21_000, "twenty-one thousand", "veintiún mil"),
        (100_000, "one hundred thousand", "cien mil"),
        (101_500, "one hundred one thousand five hundred", "ciento un mil quinientos"),
        (1_000_000, "one million", "un millón"),
        (21_000_001, "twenty-one million one", "veintiún millones uno"),
        (2_000_000_000, "two billion", "dos mil millones"),
        (-5, "minus five", "menos cinco"),
        (Decimal("3.50"), "three point five", "tres coma cinco"),
        ("12", "twelve", "doce"),
    ],
)
def test_numbers(value: Value, english: str, spanish: str) -> None:
    assert (said(How.NUMBER, value, "en"), said(How.NUMBER, value, "es_MX")) == (english, spanish)


@pytest.mark.parametrize(
    ("value", "currency", "english", "spanish"),
    [
        ("1", "EUR", "one euro", "un euro"),
        ("0", "EUR", "zero euros", "cero euros"),
        ("0.01", "EUR", "one cent", "un céntimo"),
        ("1.01", "GBP", "one pound and one penny", "una libra con un penique"),
        ("21.21", "USD", "twenty-one dollars and twenty-one cents", "veintiún dólares con veintiún centavos"),
        ("201", "GBP", "two hundred one pounds", "doscientas una libras"),
        ("1000000", "EUR", "one million euros", "un millón de euros"),
        ("1000001", "EUR", "one million one euros", "un millón un euros"),
        ("-12.345", "EUR", "minus twelve euros and thirty-five cents", "menos doce euros con treinta y cinco céntimos"),
        ("-0.001", "EUR", "zero euros", "cero euros"),
    ],
)
def test_money(value: str, currency: str, english: str, spanish: str) -> None:
    amount = Decimal(value)
    assert said(How.AMOUNT, amount, "en", currency) == english
    assert said(How.AMOUNT, amount, "es", currency) == spanish


@pytest.mark.parametrize(
    ("how", "value", "english", "spanish"),
    [
        (How.DATE, "2026-12-01", "December first twenty twenty-six", "primero de diciembre de dos mil veintiséis"),
        (How.DATE, "2005-05-23", "May twenty-third two thousand five", "veintitrés de mayo de dos mil cinco"),
        (
            How.DATE,
            "1905-01-31",
            "January thirty-first nineteen oh five",
            "treinta y uno de enero de mil novecientos cinco",
        ),
        (How.DATE, "1900-01-02", "January second nineteen hundred", "dos de enero de mil novecientos"),
        (How.TIME, "08:30", "eight thirty A M", "las ocho y treinta"),
        (How.TIME, "13:05", "one oh five P M", "las trece y cinco"),
        (How.TIME, "01:00", "one o'clock A M", "la una en punto"),
        (How.TIME, "00:00", "midnight", "las cero en punto"),
        (How.TIME, "12:00", "noon", "las doce en punto"),
        (How.TIME, "21:21", "nine twenty-one P M", "las veintiuna y veintiuno"),
        (How.DIGITS, "4-07*", "four zero seven", "cuatro cero siete"),
    ],
)
def test_dates_times_and_digits(how: How, value: str, english: str, spanish: str) -> None:
    assert (said(how, value, "en"), said(how, value, "es")) == (english, spanish)


@pytest.mark.parametrize(
    ("how", "value"),
    [
        (How.NUMBER, "many"),
        (How.NUMBER, "nan"),
        (How.AMOUNT, "1e400000"),
        (How.DATE, "2026-13-01"),
        (How.DATE, "today"),
        (How.TIME, "25:00"),
        (How.DIGITS, "*#"),
        (How.NUMBER, None),
        (How.NUMBER, True),
    ],
)
def test_what_is_no_such_value_is_not_said(how: How, value: Value) -> None:
    assert [said(how, value, language) for language in LANGUAGES] == [None, None]


def test_who_speaks_no_such_language_or_money_says_nothing() -> None:
    assert said(How.NUMBER, 1, "de") is None and said(How.AMOUNT, 1, "en", "XXX") is None
    assert vocabulary(How.NUMBER, "de", "EUR") == vocabulary(How.AMOUNT, "en", "XXX") == frozenset()


VOCABULARY = {
    (how, language, currency): vocabulary(how, language, currency)
    for how in How
    for language in LANGUAGES
    for currency in CURRENCIES
}
DATES = st.dates().map(str)
TIMES = st.times().map(lambda at: f"{at:%H:%M}")


@given(
    st.sampled_from(sorted(VOCABULARY)),
    st.one_of(
        st.integers(-(10**13), 10**13),
        st.decimals(-(10**13), 10**13, places=2),
        DATES,
        TIMES,
        st.text("0123456789*#-:.", max_size=12),
    ),
)
def test_whatever_is_said_was_spoken_beforehand(of: tuple[How, str, str], value: Value) -> None:
    how, language, currency = of
    assert set(pieces(how, value, language, currency) or ()) <= VOCABULARY[of]


def test_a_voice_has_not_too_much_to_learn() -> None:
    # What is spoken when a configuration that says everything loads for the first time.
    assert all(len(words) < 450 for words in VOCABULARY.values())
