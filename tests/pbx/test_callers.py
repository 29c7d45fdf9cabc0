"""What a caller is known by: the same while the salt lives, nothing afterwards, and never the number."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from contactd.pbx.callers import FILE, LIFE_S, Callers

NUMBER = "+4930123456"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_same_number_is_the_same_caller_also_after_a_kill(tmp_path: Path, clock: Clock) -> None:
    known = Callers(tmp_path, now=clock).known_by(NUMBER)
    assert len(known) == 1 and len(known[0]) == 32
    again = Callers(tmp_path, now=clock)
    assert again.known_by(NUMBER) == again.known_by("4930123456") == known
    assert again.known_by("4930123457") != known


def test_the_number_is_nowhere_and_the_file_is_ours_alone(tmp_path: Path, clock: Clock) -> None:
    known = Callers(tmp_path, now=clock).known_by(NUMBER)
    assert "4930123456" not in known[0]
    (path,) = tmp_path.iterdir()
    assert path.name == FILE and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"4930123456" not in path.read_bytes()
    assert Callers(tmp_path / "..", now=clock).known_by(NUMBER) != known


def test_at_the_change_of_the_salt_a_caller_is_known_by_both_for_ten_minutes(tmp_path: Path, clock: Clock) -> None:
    callers = Callers(tmp_path, now=clock)
    old = callers.known_by(NUMBER)
    clock.now += LIFE_S
    new = callers.known_by(NUMBER)
    assert len(new) == 2 and new[1:] == old
    clock.now += 601
    assert callers.known_by(NUMBER) == new[:1]


def test_a_salt_is_gone_after_two_hours_also_when_nobody_calls(tmp_path: Path, clock: Clock) -> None:
    callers = Callers(tmp_path, now=clock)
    kept = (tmp_path / FILE).read_text()
    for _ in range(2):
        clock.now += LIFE_S
        callers.change_salt()
    salt = kept.split('"salt":"')[1].split('"')[0]
    assert salt not in (tmp_path / FILE).read_text()


def test_a_salt_that_lay_there_for_a_day_is_not_used_again(tmp_path: Path, clock: Clock) -> None:
    old = Callers(tmp_path, now=clock).known_by(NUMBER)
    clock.now += 86_400
    new = Callers(tmp_path, now=clock).known_by(NUMBER)
    assert len(new) == 1 and new != old


@pytest.mark.parametrize(
    "number", ["", "anonymous", "unknown", "Restricted", "12", "\u0664\u0669\u0663\u0660\u0661\u0662"]
)
def test_who_is_anonymous_is_known_by_nothing(tmp_path: Path, clock: Clock, number: str) -> None:
    assert Callers(tmp_path, now=clock).known_by(number) == ()


@pytest.mark.parametrize(
    ("presentation", "known"), [("", 1), ("0", 1), ("3", 1), ("32", 0), ("35", 0), ("67", 0), ("x", 1)]
)
def test_who_withholds_the_number_is_known_by_nothing_though_the_network_tells_it(
    tmp_path: Path, clock: Clock, presentation: str, known: int
) -> None:
    assert len(Callers(tmp_path, now=clock).known_by(NUMBER, presentation)) == known


def test_one_of_many_behind_a_number_is_known_by_nothing(tmp_path: Path, clock: Clock) -> None:
    callers = Callers(tmp_path, ["+493099", "4930123*"], now=clock)
    assert callers.known_by(NUMBER) == callers.known_by("493099") == ()
    assert callers.known_by("4930991")
    callers.shared = ()
    assert callers.known_by(NUMBER)


def test_a_damaged_file_and_a_folder_that_is_gone_cost_no_call(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / FILE).write_text("{")
    assert Callers(tmp_path, now=clock).known_by(NUMBER)
    assert Callers(tmp_path / "gone", now=clock).known_by(NUMBER)
