"""The quick bench of flows: every figure is there. What they say on a busy machine is another matter."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from tests.lab.progress import ROOT


@pytest.mark.timeout(300)
def test_the_quick_bench_prints_every_figure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.bench.ivr", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = {name: float(value) for name, value, _ in (line.split() for line in done.stdout.splitlines())}
    assert set(figures) == {
        "interpreter_nodes_per_s",
        "menu_cpu_ratio",
        *(f"{side}key_to_prompt_{part}_ms" for side in ("", "plain_") for part in ("p50", "p99")),
        *(f"{side}cpu_ms_per_menu" for side in ("", "plain_")),
    }
    assert all(math.isfinite(value) and value > 0 for value in figures.values())
