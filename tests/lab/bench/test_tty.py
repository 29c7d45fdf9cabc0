"""The quick bench of text telephones: every figure is there, and what the machine has no part in is as it should be."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from tests.lab.bench.tty import bound_percent, conditions
from tests.lab.progress import ROOT

NAMES = ["0db", "minus_3db", "minus_6db", "minus_9db", "minus_12db"]


@pytest.mark.timeout(300)
def test_the_quick_bench_prints_every_figure_and_ours_is_no_worse() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.bench.tty", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = {name: float(value) for name, value, _ in (line.split() for line in done.stdout.splitlines())}
    damage = list(conditions(np.ones(1)))
    assert set(figures) == {
        *(f"{who}cer_{name}" for who in ("", "minimodem_") for name in (*NAMES, *damage)),
        *(f"bound_cer_{name}" for name in NAMES),
        *("receiver_cpu_ms_per_s", "channels_per_core", "detector_cpu_ms_per_s"),
        *("detection_hours", "false_detections_per_hour", "suspicions_per_hour"),
        *("calls_detected", "detected_after_characters_p50", "detected_after_characters_p99"),
        "false_characters_per_minute_of_voice",
    }
    assert all(math.isfinite(value) for value in figures.values())
    # Few characters: what is certain whatever they are. The seeds are fixed, so this is the same everywhere.
    assert figures["cer_clean"] == figures["cer_0db"] == 0
    assert figures["cer_gsm"] < 5
    assert figures["cer_minus_12db"] < 1.5 * bound_percent(-12) < figures["minimodem_cer_minus_12db"]
    assert all(figures[f"cer_{name}"] == 0 for name in damage if name.startswith(("offset", "baud", "twist", "echo")))
    assert figures["false_detections_per_hour"] == 0
    assert figures["calls_detected"] == 100
    assert figures["detected_after_characters_p99"] < 3
