"""The pictures of the states in docs/ are those of the code."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from contactd.core.contact import TRANSITIONS, ContactState
from tests.core.pictures import DOCS, TABLES, picture


@pytest.mark.parametrize("name", TABLES)
def test_the_picture_in_the_papers_is_drawn_from_the_table(name: str) -> None:
    assert (DOCS / name).read_text() == picture(*TABLES[name]), "run `make docs`"
    assert f"image:: {name}" in (DOCS / "routing.rst").read_text()


def test_every_line_of_the_table_is_an_arrow_and_every_state_has_its_name() -> None:
    text = picture("t", TRANSITIONS)
    ElementTree.fromstring(text)  # noqa: S314 - our own
    arrows = set(re.findall(r"<!-- (\w+) to (\w+) -->", text))
    wanted = {(str(a), str(b)) for a, after in TRANSITIONS.items() for b in after if b is not ContactState.ENDED}
    assert arrows == wanted
    assert all(f">{state}</text>" in text or f"to {state}</text>" in text for state in TRANSITIONS)


def test_a_line_more_makes_another_picture() -> None:
    more = TRANSITIONS | {ContactState.CONNECTED: TRANSITIONS[ContactState.CONNECTED] | {ContactState.MENU}}
    assert picture("t", more) != picture("t", TRANSITIONS)
