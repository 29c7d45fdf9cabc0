"""SIP's quoted-pair, undone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.protocols.sip import unescape


@pytest.mark.parametrize(
    ("quoted", "meant"),
    [
        ("Robert", "Robert"),
        (r"\"Bob\"", '"Bob"'),
        (r"a\\b", r"a\b"),
        (r"a\\\"b", r"a\"b"),
        (r"\B\o\b", "Bob"),
        ("cut\\", "cut\\"),
        ("", ""),
    ],
)
def test_a_name_is_as_it_was_meant(quoted: str, meant: str) -> None:
    assert unescape(quoted) == meant


@given(st.text())
def test_what_a_telephone_escapes_comes_back(name: str) -> None:
    assert unescape(name.replace("\\", "\\\\").replace('"', '\\"')) == name
