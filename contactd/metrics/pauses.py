"""How long the garbage collector held everything up."""

from __future__ import annotations

import gc
import time
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_BUCKETS = (0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)


class GcPauses(Collector):
    """Plain numbers: a collection may begin anywhere, also while a metric of the library holds its lock."""

    def __init__(self) -> None:
        self._began = 0.0
        self._counts = [0] * (len(_BUCKETS) + 1)
        self._sum_s = 0.0
        gc.callbacks.append(self._on_gc)

    def _on_gc(self, phase: str, _: dict[str, Any]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
            return
        took_s = time.perf_counter() - self._began
        self._counts[bisect_left(_BUCKETS, took_s)] += 1
        self._sum_s += took_s

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily("contactd_gc_pause_seconds", "How long a garbage collection held everything up.")
        bounds = [*map(str, _BUCKETS), "+Inf"]
        family.add_metric([], list(zip(bounds, accumulate(self._counts), strict=True)), self._sum_s)
        return [family]
