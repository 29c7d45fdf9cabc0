"""The quick bench: every figure is there. What they say on a busy machine is another matter."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from tests.lab.bench.figures import percentile
from tests.lab.bench.latency import freed_latencies_ms
from tests.lab.bench.load import search
from tests.lab.progress import ROOT
from tests.lab.sipp import Step

FIGURES = {
    *("cpu_ratio", "postgres_cpu_ratio"),
    *("contactd_cpu_ms_per_call", "postgres_cpu_ms_per_call", "asterisk_cpu_ms_per_call"),
    *("app_queue_asterisk_cpu_ms_per_call", "recording_cpu_ratio"),
    *("offer_latency_p50_ms", "offer_latency_p99_ms", "offer_latency_copy_p50_ms", "offer_latency_copy_p99_ms"),
    *("app_queue_offer_latency_p50_ms", "app_queue_offer_latency_p99_ms"),
    *("freed_latency_p50_ms", "freed_latency_p99_ms"),
    *("app_queue_freed_latency_p50_ms", "app_queue_freed_latency_p99_ms"),
    *("max_rate_calls_per_s", "app_queue_max_rate_calls_per_s", "rate_ratio"),
    *("announce_jitter_p50_ms", "announce_jitter_ms", "announce_cpu_percent"),
    *("restart_recovery_s", "restart_events_read", "restart_journal_events"),
    *("steps_per_s", "frame_us", "append_events_per_s"),
}


@pytest.mark.timeout(300)
def test_the_quick_bench_prints_every_figure_and_nothing_after_them() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.bench", "--quick"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {name for name, _, _ in lines} == FIGURES
    assert all(math.isfinite(float(value)) for _, value, _ in lines), done.stdout


def test_the_search_ends_between_what_passes_and_what_does_not() -> None:
    tried: list[float] = []

    def passes(rate: float) -> bool:
        tried.append(rate)
        return rate <= 13

    assert search(passes, first=4, most=1000, finest=1.1, deadline=math.inf) == 13
    assert tried == [4, 8, 16, 12, 14, 13]


def test_the_search_goes_down_when_the_first_rate_fails() -> None:
    assert search(lambda rate: rate <= 1.2, first=4, most=1000, finest=1.1, deadline=math.inf) == pytest.approx(
        1.2, 0.1
    )


def test_the_search_goes_no_further_than_there_are_agents_for() -> None:
    assert search(lambda _: True, first=4, most=30, finest=1.1, deadline=math.inf) == 30


def test_a_freed_agent_counts_only_while_enough_callers_wait() -> None:
    def at(what: str, time: float, caller: str, agent: str = "") -> Step:
        return Step(what, time, "", caller, agent)

    callers = [at("KEY", 1.0, number) for number in ("71", "72", "73")]
    agents = [
        at("INVITE", 2.0, "71", "1001"),
        at("HANGUP", 3.0, "71", "1001"),
        at("INVITE", 3.02, "72", "1001"),
        at("HANGUP", 4.0, "72", "1001"),
        at("INVITE", 4.5, "73", "1001"),
    ]
    assert freed_latencies_ms(callers, agents, 2) == [pytest.approx(20)]
    assert freed_latencies_ms(callers, agents, 1) == [pytest.approx(20), pytest.approx(500)]


def test_the_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 301)]
    assert (percentile(values, 50), percentile(values, 99)) == (150, 297)


ACD_FIGURES = {
    *("steps_per_s", "step_p99_us", "step_max_ms", "offers_per_step"),
    *("steps_per_s_100k", "step_p99_us_100k", "step_max_ms_100k", "offers_per_step_100k"),
    "bytes_per_waiting",
}


def test_the_quick_bench_of_the_routing_prints_every_figure_and_a_replay_made_the_same_floor() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.bench.acd", "--quick"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {name for name, _, _ in lines} == ACD_FIGURES
    assert all(float(value) > 0 for _, value, _ in lines), done.stdout
