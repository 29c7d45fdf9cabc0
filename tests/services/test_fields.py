"""What an admin writes, against what is declared."""

from __future__ import annotations

import pytest

from contactd.config import CustomerField
from contactd.services.crm.fields import FieldRefused, checked, edit_of
from contactd.services.crm.identity import Numbering

FIELDS = {
    "city": CustomerField(),
    "size": CustomerField(type="number"),
    "born": CustomerField(type="date"),
    "paid": CustomerField(type="yes_no"),
    "tier": CustomerField(type="choice", choices=("gold", "silver")),
}


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ("city", " Berlin ", "Ber\nlin"),
        ("city", "x" * 1000, "x" * 1001),
        ("size", "-3.5", "NaN"),
        ("size", "12", "twelve"),
        ("born", "2026-12-31", "2026-02-30"),
        ("paid", "yes", "true"),
        ("tier", "gold", "Gold"),
    ],
)
def test_a_field_takes_what_its_type_says(field: str, right: str, wrong: str) -> None:
    assert checked(field, FIELDS[field], right) == right.strip()
    assert checked(field, FIELDS[field], "") == ""
    with pytest.raises(FieldRefused, match=field):
        checked(field, FIELDS[field], wrong)


def test_an_edit_says_which_and_never_what() -> None:
    edit = edit_of(
        FIELDS,
        Numbering("DE"),
        name="Anna",
        vip=True,
        identities=["+4930887766551"],
        values={"city": "Berlin", "size": ""},
    )
    assert edit.what() == "vip name city size +phone"
    assert edit.fields["name"] == ("Anna", "anna")
    assert edit.fields["size"] == (None, None)
    for value in ("Anna", "Berlin", "+4930887766551"):
        assert value not in repr(edit)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"values": {"shoe": "42"}}, "known: city"),
        ({"language": "German"}, "de or en_GB"),
        ({"medium": "fax"}, "voice, tty"),
    ],
)
def test_what_nobody_declared_is_refused(words: dict, sentence: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(FieldRefused, match=sentence):
        edit_of(FIELDS, Numbering("DE"), **words)
