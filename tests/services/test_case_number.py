"""Case numbers: a slip is noticed, however a number is written it is understood, and it says nothing."""

from __future__ import annotations

import random

import pytest

from contactd.services.cases.number import HIGHEST, LOWEST, NoCaseNumber, looks_like, number_of, parse, shown

NUMBERS = [number_of(random.Random(20261122).randrange(LOWEST, HIGHEST)) for _ in range(1)] + [
    number_of(nine) for nine in random.Random(7).sample(range(LOWEST, HIGHEST), 200)
]


def test_every_single_wrong_digit_is_noticed() -> None:
    for number in NUMBERS:
        for place, digit in enumerate(number):
            for wrong in "0123456789".replace(digit, ""):
                with pytest.raises(NoCaseNumber):
                    parse(number[:place] + wrong + number[place + 1 :])


def test_two_neighbours_exchanged_are_noticed() -> None:
    for number in NUMBERS:
        for place in range(9):
            one, other = number[place], number[place + 1]
            if one != other:
                with pytest.raises(NoCaseNumber):
                    parse(number[:place] + other + one + number[place + 2 :])


def test_a_number_is_understood_however_it_is_grouped() -> None:
    for number in NUMBERS:
        for text in (number, shown(number), shown(number).lower(), f" {number[:3]} {number[3:6]}.{number[6:]} "):
            assert parse(text) == number and looks_like(text)


@pytest.mark.parametrize(
    "text", ["", "C-", "12345", "C-10473-6294", "C-10473-629466", "0123456789", "D-10473-62946", "٣" * 10]
)
def test_what_is_none_is_told_so(text: str) -> None:
    assert not looks_like(text)
    with pytest.raises(NoCaseNumber, match="ten digits"):
        parse(text)


def test_a_wrong_digit_is_told_with_what_to_do() -> None:
    with pytest.raises(
        NoCaseNumber, match=r"C-10473-62947 is no case's number: a digit is wrong, or two were exchanged"
    ):
        parse("1047362947")


@pytest.mark.parametrize("nine", [LOWEST - 1, HIGHEST + 1])
def test_a_number_has_nine_digits_before_its_check_digit(nine: int) -> None:
    with pytest.raises(ValueError, match=str(nine)):
        number_of(nine)
