"""How long each kind of data is kept: said once, and still read where it stood before."""

from __future__ import annotations

from pathlib import Path

import pytest

from contactd.config import ConfigErrors, load, retention_access
from contactd.config.retention import DEFAULT_DAYS
from contactd.store.retention import KINDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
SECTION = (DOCS / "contactd.sample.toml").read_text()
START, END = SECTION.index("\n[retention]"), SECTION.index("\n[privacy]")
REST = SECTION[:START] + SECTION[END:].replace("\n[privacy]\n", "\n", 1)


def files(tmp_path: Path, more: str) -> Path:
    (tmp_path / "secrets.toml").touch(0o640)
    (tmp_path / "secrets.toml").write_text((DOCS / "secrets.sample.toml").read_text())
    (tmp_path / "contactd.toml").write_text(REST + more)
    return tmp_path / "contactd.toml"


def test_every_kind_has_a_key_and_a_default() -> None:
    assert set(DEFAULT_DAYS) == set(KINDS)


def test_left_out_each_kind_is_kept_as_it_was_before(tmp_path: Path) -> None:
    path = files(tmp_path, "")
    load(path)
    assert retention_access(path) == DEFAULT_DAYS


def test_a_key_at_its_old_place_counts(tmp_path: Path) -> None:
    path = files(tmp_path, "\n[privacy]\ncontact_private_days = 30\naudit_days = 400\n")
    load(path)
    assert retention_access(path) == {**DEFAULT_DAYS, "callers": 30, "audit": 400}


def test_a_key_at_both_places_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = files(tmp_path, "\n[privacy]\ncontact_private_days = 30\n\n[retention]\ncallers = 30\n")
    with pytest.raises(ConfigErrors) as refused:
        load(path)
    (error,) = refused.value.errors
    assert "retention.callers" in str(error) and "Take contact_private_days out of [privacy]" in str(error)


def test_zero_is_for_ever_and_less_is_refused(tmp_path: Path) -> None:
    assert retention_access(files(tmp_path, "\n[retention]\ncallers = 0\n"))["callers"] == 0
    with pytest.raises(ConfigErrors):
        load(files(tmp_path, "\n[retention]\nnotes = -1\n"))
