"""What names a person, in one spelling; and all that a telephone may say which names nobody."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.services.crm import identity
from contactd.services.crm.identity import Identity, IdentityKind, NoIdentity, Numbering, caller, e164, parse, spellings

DE, BARE = Numbering("DE"), Numbering("DE", bare_international=True)


def test_the_examples_are_right() -> None:
    assert doctest.testmod(identity).failed == 0


@pytest.mark.parametrize(
    "text",
    ["1001", "112", "anonymous", "unknown", "alice", "+", "0", "", "()", "+49" + "3" * 40, "٠٣٠١٢٣٤٥٦٧", "030;ext=1"],
)
@pytest.mark.parametrize("numbering", [DE, BARE, Numbering()])
def test_what_is_no_number_is_nobody(text: str, numbering: Numbering) -> None:
    assert caller(text, numbering) is None


@pytest.mark.parametrize(
    ("text", "numbering"),
    [("+4930887766551", Numbering()), ("030 88776-6551", DE), ("004930887766551", DE), ("4930887766551", BARE)],
)
def test_the_ways_to_write_a_number_are_one(text: str, numbering: Numbering) -> None:
    assert caller(text, numbering) == Identity(IdentityKind.PHONE, "+4930887766551")


@given(st.text(max_size=60))
def test_whatever_a_telephone_says_a_number_is_e164_and_found_again(text: str) -> None:
    for numbering in (DE, BARE, Numbering()):
        number = e164(text, numbering)
        if number is not None:
            assert number[0] == "+" and number[1:].isdigit() and len(number) <= 17
            assert e164(number, numbering) == number
            assert number in spellings(number, numbering)


@pytest.mark.parametrize(
    "text", ["mail:anna", "a@b@c", "chat:anna", "external:4711", "fax:1", "phone:alice", "", "external:crm:a b"]
)
def test_what_names_nobody_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(NoIdentity, match="give"):
        parse(text, DE)


def test_handles_and_ids_keep_their_letters() -> None:
    assert parse("chat:matrix:@Anna:example.org", DE) == Identity(IdentityKind.CHAT, "matrix:@Anna:example.org")
    assert parse("external:crm:A-4711", DE) == Identity(IdentityKind.EXTERNAL, "crm:A-4711")
    assert "Anna" not in repr(parse("chat:matrix:@Anna", DE))
