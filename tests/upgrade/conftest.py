"""The version before this one, as it was released."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.lab.progress import ROOT

NAMED = Path(__file__).with_name("previous")


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its program, SQL and drop-ins. Its dependencies are ours."""
    commit = NAMED.read_text().strip()
    there = subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True)
    assert there.returncode == 0, (
        f"the previous version ({commit}, named by {NAMED}) is not in this clone: run `git fetch --unshallow`, or"
        " clone again without --depth; a source archive without its history cannot run this test"
    )
    tree = tmp_path_factory.mktemp("previous")
    archive = tree / "tree.tar"
    folders = ("contactd", "sql", "asterisk-config")
    subprocess.run(["git", "archive", "-o", str(archive), commit, *folders], cwd=ROOT, check=True)
    subprocess.run(["tar", "-x", "-f", str(archive), "-C", str(tree)], check=True)
    return tree
