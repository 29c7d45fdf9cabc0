"""The place of a caller in a flow, kept on the channel: whole, sealed, and of that call only."""

from __future__ import annotations

import base64
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from contactd.core.ivr.expressions import Value
from contactd.core.ivr.run import Place
from contactd.pbx.flow_place import LONGEST, PlaceKeeper, key_in

PLACE = Place("hours", "ask", (("main", "again"),))
KNOWN: dict[str, Value] = {
    "account": "4711",
    "sum": Decimal("1.10"),
    "count": 3,
    "sure": False,
    "debt": -5,
    "nobody": None,
}


def test_what_was_kept_comes_back_as_it_was_but_for_what_nobody_knew() -> None:
    keeper = PlaceKeeper(Fernet.generate_key())
    text = keeper.sealed("pbx1-1.1", PLACE, KNOWN)
    place, variables = keeper.opened("pbx1-1.1", text) or (None, {})
    assert place == PLACE
    assert variables == {name: value for name, value in KNOWN.items() if value is not None}
    assert {name: type(value) for name, value in variables.items()} == {
        name: type(value) for name, value in KNOWN.items() if value is not None
    }


def test_nobody_reads_it_on_the_channel_and_no_other_call_takes_it() -> None:
    keeper = PlaceKeeper(Fernet.generate_key())
    text = keeper.sealed("pbx1-1.1", PLACE, KNOWN)
    assert "4711" not in text and b"4711" not in base64.urlsafe_b64decode(text)
    assert keeper.opened("pbx1-1.2", text) is None
    assert PlaceKeeper(Fernet.generate_key()).opened("pbx1-1.1", text) is None
    for wrong in ("", "x", "ä", text[:-4], text + "A"):
        assert keeper.opened("pbx1-1.1", wrong) is None


def test_what_does_not_fit_into_a_command_is_not_kept() -> None:
    keeper = PlaceKeeper(Fernet.generate_key())
    assert 0 < len(keeper.sealed("pbx1-1.1", PLACE, {"a": "1" * 500})) <= LONGEST
    assert keeper.sealed("pbx1-1.1", PLACE, {"a": "1" * 2000}) == ""


def test_the_key_is_made_once_is_ours_alone_and_a_broken_one_is_made_anew(tmp_path: Path) -> None:
    first = key_in(tmp_path)
    assert key_in(tmp_path) == first
    assert (tmp_path / "flow.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "flow.key").write_bytes(b"torn")
    assert key_in(tmp_path) not in (first, b"torn")


@pytest.mark.parametrize("name", ["node", "flow"])
def test_a_seal_of_ours_over_nonsense_is_nothing(name: str) -> None:
    key = Fernet.generate_key()
    text = Fernet(key).encrypt(f'{{"{name}": 1}}'.encode()).decode()
    assert PlaceKeeper(key).opened("pbx1-1.1", text) is None
