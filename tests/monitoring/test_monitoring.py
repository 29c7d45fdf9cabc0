"""The alert rules and the dashboard: right by promtool, about metrics that exist, with a remedy for each alert."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import debs
from tests.metrics import papers

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "docs/monitoring/contactd.rules.yml"
CASES = Path(__file__).parent / "contactd.rules.test.yml"
DASHBOARD = ROOT / "docs/monitoring/contactd.dashboard.json"
OPERATIONS = ROOT / "docs/operations.rst"
_METRIC = re.compile(r"\b(?:contactd|process|python_gc)_\w+\b")


@pytest.fixture(scope="module")
def known() -> set[str]:
    return {name for family in papers.measured() for name in papers.sample_names(family)}


def promtool(*words: str, cwd: Path = CASES.parent) -> str:
    done = subprocess.run([*debs.tool("promtool"), *words], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> dict[str, str]:
    """Each alert's text. The file is ours and plain: no parser of YAML is needed to read it."""
    texts = re.split(r"(?m)^      - alert: (\w+)$", RULES.read_text())
    return dict(zip(texts[1::2], texts[2::2], strict=True))


def expression(text: str) -> str:
    return " ".join(text.partition("expr: >-")[2].partition("        for:")[0].split())


# --- the rules ---


def test_the_rules_say_what_they_should_of_each_fault_and_of_none() -> None:
    assert "rules found" in promtool("check", "rules", str(RULES))
    assert "SUCCESS" in promtool("test", "rules", CASES.name)


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    fired = set(re.findall(r'alertname="(\w+)"\}', CASES.read_text()))
    assert fired == set(rules())


@pytest.mark.parametrize("alert", rules())
def test_an_alert_names_its_remedy_and_where_more_is_said(alert: str) -> None:
    text = rules()[alert]
    for field in ("summary:", "description:", "remedy:", f'runbook: "docs/operations.rst, {alert}"'):
        assert field in text
    assert re.search(r"severity: (critical|warning|info)\n", text)
    assert re.search(rf"(?m)^{alert}\n~+$", OPERATIONS.read_text()), f"docs/operations.rst has no section {alert}"


@pytest.mark.parametrize("alert", rules())
def test_no_alert_flaps(alert: str) -> None:
    """It waits, or looks back over a window; and once it fires it stays for some minutes."""
    text = rules()[alert]
    assert re.search(r"for: (30s|[1-9]\d*[mh])\n", text) or re.search(r"increase\(.*\[\d+[mh]\]\)", text, re.DOTALL)
    assert re.search(r"keep_firing_for: ([5-9]|[1-9]\d)m\n|keep_firing_for: \d+h\n", text)


@pytest.mark.parametrize("alert", rules())
def test_a_rule_asks_for_metrics_that_exist(alert: str, known: set[str]) -> None:
    asked = set(_METRIC.findall(expression(rules()[alert])))
    assert asked or alert == "ContactdDown"
    assert asked <= known


# --- the dashboard ---


def panels() -> Iterator[dict[str, Any]]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


def queries() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])


def test_the_dashboard_asks_for_metrics_that_exist(known: set[str]) -> None:
    asked = {name for query in queries() for name in _METRIC.findall(query)}
    assert len(asked) > 30
    assert asked <= known
    assert set(_METRIC.findall(DASHBOARD.read_text())) <= known


def test_the_dashboard_asks_in_promql(tmp_path: Path) -> None:
    """As recording rules, which promtool reads."""
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for number, query in enumerate(queries()):
        lines += [f"      - record: dashboard:panel:{number}", f"        expr: {json.dumps(query)}"]
    (tmp_path / "dashboard.yml").write_text("\n".join(lines) + "\n")
    assert "rules found" in promtool("check", "rules", "dashboard.yml", cwd=tmp_path)


def test_a_panel_says_what_it_shows_and_hides_no_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    assert len(set(ids)) == len(ids)
