# ruff: noqa: RUF001
"""The code both ways, and what it lacks."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.protocols.baudot.alphabet import CODES, CR, FIGS, LF, LTRS, RESEND_AFTER, SPACE, Decoder, Encoder, prepare

KNOWN = string.ascii_uppercase + string.digits + " -$',!:(\")=?+./;\b\r"


def codes_of(text: str) -> list[int]:
    encoder = Encoder()
    return [code for character in text for code in encoder.encode(character)]


def text_of(codes: list[int], **options: bool) -> str:
    decoder = Decoder(**options)
    return "".join(decoder.decode(code) for code in codes)


def test_it_is_the_table_of_v18() -> None:
    """Codes 0 to 31 after each shift, as V.18 III.5.4.5.4 has a tester send them."""
    assert text_of([LTRS, *range(FIGS), *range(FIGS + 1, CODES)]) == "\bE\nA SIU\rDRJNFCKTZLWHYPQOBGMXV"
    assert text_of([FIGS, *range(LTRS)]) == "\b3\n- \a87\r$4',!:(5\")2=6019?+./;"


@given(st.text(KNOWN, max_size=300))
def test_what_the_code_has_comes_back(text: str) -> None:
    assert prepare(text).text == text
    assert text_of(codes_of(text)) == text


@given(st.text(KNOWN, max_size=300))
def test_it_comes_back_also_where_a_space_ends_figures(text: str) -> None:
    assert text_of(codes_of(text), unshift_on_space=True) == text


@given(st.text(max_size=60))
def test_whatever_is_written_is_sent_or_told(text: str) -> None:
    prepared = prepare(text)
    assert set(prepared.text) <= set(KNOWN) | {"\n"}
    assert text_of(codes_of(prepared.text)) == prepared.text.replace("\n", "\r\n")
    for character in prepared.lost:
        assert character in unicodedata.normalize("NFC", text)
    if prepared.lost:
        assert "?" in prepared.text


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Grüße aus Köln", "GRUESSE AUS KOELN"),
        ("STRASSE und STRAẞE", "STRASSE UND STRASSE"),
        ("u\u0308ber", "UEBER"),
        ("Łódź, crème brûlée, señor, Åse", "LODZ, CREME BRULEE, SENOR, AASE"),
        ("“50 %” – ‘OK’…", "\"50 PERCENT\" - 'OK'..."),
        ("anna@example.org #7 €5", "ANNA(AT)EXAMPLE.ORG NR 7 EUR5"),
        ("½ kg, 20 °C, a\tb", "1/2 KG, 20 DEGC, A B"),
        ("a\u200bb\x00\x07", "AB"),
    ],
)
def test_what_the_code_lacks_is_written_out(written: str, sent: str) -> None:
    assert (prepare(written).text, prepare(written).lost) == (sent, "")


def test_what_has_no_way_is_told_once() -> None:
    assert prepare("日本 日 Ω") == type(prepare(""))("?? ? ?", "日本Ω")


def test_a_shift_is_sent_first_and_again_after_72_characters() -> None:
    codes = codes_of("A" * 150)
    assert [at for at, code in enumerate(codes) if code == LTRS] == [0, RESEND_AFTER + 1, 2 * (RESEND_AFTER + 1)]


def test_a_figure_after_a_space_says_its_shift_again() -> None:
    assert codes_of("1 2") == [FIGS, 0b10111, SPACE, FIGS, 0b10011]
    assert codes_of("1 A") == [FIGS, 0b10111, SPACE, LTRS, 0b00011]


def test_a_new_line_is_both_codes_and_the_shift_is_known_from_the_start() -> None:
    assert codes_of("\n") == [LTRS, CR, LF]


def test_a_lost_shift_spoils_no_more_than_a_word_of_figures() -> None:
    codes = codes_of("12 34")
    assert text_of(codes[1:]) == "QW 34"


def test_each_transmission_begins_with_a_shift() -> None:
    encoder = Encoder()
    assert encoder.encode("A") == [LTRS, 0b00011]
    encoder.reset()
    assert encoder.encode("A") == [LTRS, 0b00011]
    assert encoder.encode("A") == [0b00011]
