"""docs/faults.rst names every fault of every peer, and only tests, events and metrics that there are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from contactd.metrics import REGISTRY

ROOT = Path(__file__).resolve().parents[1]
PAPER = (ROOT / "docs/faults.rst").read_text()
FAULTS = ["slow", "away", "wrong", "full", "lying", "restarted", "upgraded"]
PEERS = 19


def rows(section: str) -> list[list[str]]:
    """The cells of each row but the heading."""
    cells = [
        re.split(r"^ {5}- |^   \* - ", row, flags=re.M) for row in re.split(r"(?=^   \* - )", section, flags=re.M)[2:]
    ]
    return [[" ".join(cell.split()) for cell in row[1:]] for row in cells]


def sections() -> dict[str, list[list[str]]]:
    found = re.split(r"^(.+)\n-{3,}\n", PAPER, flags=re.M)
    return {title: rows(text) for title, text in zip(found[1::2], found[2::2], strict=True)}


def functions() -> Iterator[str]:
    for path in ROOT.glob("tests/**/test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name


def literals(text: str) -> set[str]:
    return set(re.findall(r"``([^`]+)``", text))


def test_every_peer_has_every_fault() -> None:
    found = sections()
    assert len(found) == PEERS, list(found)
    for peer, table in found.items():
        assert [row[0] for row in table] == FAULTS, peer
        assert all(len(row) == 4 and all(row) for row in table), peer


def test_every_fault_has_a_test_that_there_is_or_says_that_it_has_none() -> None:
    known = set(functions())
    for peer, table in sections().items():
        for fault, _, _, shown in table:
            named = {name for name in literals(shown) if name.startswith("test_")}
            assert named or "no test" in shown, (peer, fault)
            assert named <= known, (peer, fault, named - known)


def test_every_event_and_metric_that_it_names_is_there() -> None:
    code = "".join(path.read_text() for path in (ROOT / "contactd").rglob("*.py"))
    metrics = {name for family in REGISTRY.collect() for name in (family.name, f"{family.name}_total")}
    missing = []
    for peer, table in sections().items():
        for fault, _, admin, _ in table:
            for word in literals(admin):
                if word.startswith("contactd_") and word != "contactd_started":
                    if word not in metrics and f'"{word.removesuffix("_total")}"' not in code:
                        missing.append((peer, fault, word))
                elif re.fullmatch(r"[a-z]+(_[a-z]+)+", word) and f'"{word}"' not in code:
                    missing.append((peer, fault, word))
    assert not missing
