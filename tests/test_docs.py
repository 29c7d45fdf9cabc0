"""The papers say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from contactd.core.contact import TRANSITIONS

ROOT = Path(__file__).resolve().parents[1]
NAMED = r"``((?:docs|asterisk-config|contactd|sql|systemd|tests)/[\w./-]*)``"


def test_the_table_of_contact_states_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs/architecture.rst").read_text()
    table = text.split(".. contact-states", 1)[1].split("\n\n", 2)[1]
    rows = {}
    for line in table.splitlines():
        if not line.startswith(("=", "from")):
            state, _, targets = line.partition(" ")
            rows[state] = [] if targets.strip() == "nothing" else targets.strip().split(", ")
    assert rows == {str(state): sorted(map(str, targets)) for state, targets in TRANSITIONS.items()}


def test_files_and_folders_that_the_papers_name_are_there() -> None:
    missing = []
    for paper in [ROOT / "README.rst", *ROOT.glob("docs/*.rst")]:
        for path in re.findall(NAMED, paper.read_text()):
            if not (ROOT / path).exists():
                missing.append(f"{paper.name}: {path}")
    assert not missing


def test_the_papers_name_no_folder_beside_the_project() -> None:
    found = [
        str(path.relative_to(ROOT))
        for pattern in ("*.rst", "docs/**/*.rst", "contactd/**/*.py", "contactd/**/*.rst", "asterisk-config/**/*")
        for path in ROOT.glob(pattern)
        if path.is_file() and "../shared" in path.read_text()
    ]
    assert not found
