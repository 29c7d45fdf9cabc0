"""The lock: whole, within what setup.cfg allows, and what the tests run with."""

from __future__ import annotations

import configparser
import importlib.metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release import BUILD_LOCK, LOCK, MACHINES, MINORS, ReleaseError
from release.lock import Locked, fits, read
from tests.lab.progress import ROOT


@pytest.fixture(scope="module")
def locked() -> dict[str, Locked]:
    return {canonicalize_name(one.name): one for one in read(LOCK)}


def wanted() -> list[Requirement]:
    described = configparser.ConfigParser()
    described.read(ROOT / "setup.cfg")
    return [Requirement(line) for line in described["options"]["install_requires"].strip().splitlines()]


def applies(requirement: Requirement, minor: tuple[int, int]) -> bool:
    """Without any extra, on this Python."""
    python = f"{minor[0]}.{minor[1]}"
    here = {"extra": "", "python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or requirement.marker.evaluate(here)


def test_it_has_what_setup_cfg_wants_within_its_bounds(locked: dict[str, Locked]) -> None:
    outside = [str(one) for one in wanted() if locked[canonicalize_name(one.name)].version not in one.specifier]
    assert not outside, "run `make lock`"


def test_it_has_all_that_those_need_in_turn_and_nothing_else(locked: dict[str, Locked]) -> None:
    waiting, needed = [canonicalize_name(one.name) for one in wanted()], set()
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        for line in importlib.metadata.requires(name) or ():
            requirement = Requirement(line)
            if any(applies(requirement, minor) for minor in MINORS):
                waiting.append(canonicalize_name(requirement.name))
    assert needed == set(locked), "run `make lock`"


def test_the_tests_run_with_the_versions_that_are_shipped(locked: dict[str, Locked]) -> None:
    other = {
        name: (one.version, installed)
        for name, one in locked.items()
        if (installed := importlib.metadata.version(name)) != one.version
    }
    assert not other, "run `make lint`, which installs what the lock says"


@pytest.mark.parametrize("lock", [LOCK, BUILD_LOCK], ids=lambda path: path.name)
def test_every_package_has_the_hash_of_a_wheel(lock: Path) -> None:
    for one in read(lock):
        assert one.hashes and len(set(one.hashes)) == len(one.hashes)


def test_a_line_without_a_hash_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    lock.write_text("# made\nsix==1.17.0\n")
    with pytest.raises(ReleaseError, match=r"six==1\.17\.0.*make lock"):
        read(lock)


@pytest.mark.parametrize(
    ("file", "fitting"),
    [
        ("six-1.17.0-py2.py3-none-any.whl", {(m, k) for m in MINORS for k in MACHINES}),
        ("a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", {((3, 11), "x86_64")}),
        ("a-1-cp38-abi3-manylinux_2_28_aarch64.whl", {(m, "aarch64") for m in MINORS}),
        ("a-1-cp312-abi3-manylinux_2_28_x86_64.whl", {((3, 12), "x86_64"), ((3, 13), "x86_64")}),
        ("a-1-cp313-cp313t-manylinux_2_28_x86_64.whl", set()),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", set()),
        ("a-1-cp311-cp311-win_amd64.whl", set()),
        ("a-1-cp311-cp311-manylinux_2_17_i686.whl", set()),
        ("a-1.tar.gz", set()),
    ],
)
def test_a_wheels_name_says_where_it_runs(file: str, fitting: set[tuple[tuple[int, int], str]]) -> None:
    assert {(minor, machine) for minor in MINORS for machine in MACHINES if fits(file, minor, machine)} == fitting
