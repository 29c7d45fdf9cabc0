"""Types of cases in the configuration: what is refused, with the line and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contactd.config import ConfigErrors, case_access, load, names
from tests.config.files import sample, write


@pytest.mark.parametrize(
    ("changes", "key", "says", "remedy"),
    [
        ({"calendar": "ofice"}, "calendar", 'no calendar "ofice"', "Give one of office"),
        ({"states": {"new": "open"}}, "states", 'no state means "closed"', 'done = "closed"'),
        ({"states": {"done": "closed"}}, "states", 'no state means "open"', 'new = "open"'),
        ({"states": {"new": "opened", "done": "closed"}}, "states.new", "cannot be used", '"waiting"'),
        ({"states": {"In work": "open", "done": "closed"}}, "states.In work", "name cannot be used", "small letter"),
        ({"first_answer_min": 30}, "first_answer_min", "warning would come at once", "more than warn_min"),
        ({"topics": {"Delivery": "x"}}, "topics.Delivery", "name cannot be used", "an id"),
        ({"fields": {"subject": {}}}, "fields.subject", "name cannot be used", 'not "subject" or "note"'),
        ({"fields": {"a": {"type": "choice"}}}, "fields.a.choices", "fewer than two", "each word"),
        ({"fields": {"a": {"choices": ["x", "y"]}}}, "fields.a.choices", "has no choices", 'type = "choice"'),
        ({"reopen": 3}, "reopen", "unknown key", "reopen_days"),
    ],
)
def test_what_is_wrong_is_told_with_the_line_and_a_remedy(
    tmp_path: Path, changes: dict[str, Any], key: str, says: str, remedy: str
) -> None:
    table = sample()
    table["case_types"]["complaint"] |= changes
    path = write(tmp_path, table)
    for read in (load, case_access):
        with pytest.raises(ConfigErrors) as refused:
            read(path)
        (found,) = [str(one) for one in refused.value.errors if one.key == f"case_types.complaint.{key}"]
        assert says in found and remedy in found
        assert all(one.line is not None for one in refused.value.errors)


def test_they_are_read_whatever_else_is_wrong(tmp_path: Path) -> None:
    table = sample()
    del table["database"]
    types, calendars = case_access(write(tmp_path, table))
    assert list(types) == ["complaint", "question"] and list(calendars) == ["office"]
    assert list(types["complaint"].states) == ["new", "in_progress", "asked", "solved", "void"]
    assert names(tmp_path / "contactd.toml", "queues") == ["sales", "service"]
    assert names(tmp_path / "contactd.toml", "menues") == []


def test_without_any_nothing_is_wrong(tmp_path: Path) -> None:
    table = sample()
    del table["case_types"]
    assert load(write(tmp_path, table)).case_types == {}
