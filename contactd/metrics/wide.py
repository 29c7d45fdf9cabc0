"""Histograms with a label for the queue: thousands of lines in a large centre, so they are written without detours.

The library's own makes an object of each line; a hundred queues then hold the loop for 12 ms, and an offer with it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString


class Series:
    """One queue's counts. observe() costs less than a microsecond."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


class WideHistogram:
    """labels(...) gives the series; collect() is for those who want objects, slices() for the page."""

    def __init__(self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]) -> None:
        self.name = name
        self.text = text
        self.label_names = tuple(labels)
        self._bounds = tuple(map(float, buckets))
        self._les = [*map(floatToGoString, self._bounds), "+Inf"]
        self._series: dict[tuple[str, ...], Series] = {}
        self._heads: dict[tuple[str, ...], list[str]] = {}

    def labels(self, *values: str) -> Series:
        series = self._series.get(values)
        if series is None:
            series = self._series[values] = Series(self._bounds)
            pairs = ",".join(f'{k}="{_escaped(v)}"' for k, v in zip(self.label_names, values, strict=True))
            self._heads[values] = [
                *(f'{self.name}_bucket{{{pairs},le="{le}"}} ' for le in self._les),
                f"{self.name}_count{{{pairs}}} ",
                f"{self.name}_sum{{{pairs}}} ",
            ]
        return series

    def collect(self) -> Metric:
        family = HistogramMetricFamily(self.name, self.text, labels=self.label_names)
        for values, series in self._series.items():
            family.add_metric(values, list(zip(self._les, accumulate(series.counts), strict=True)), series.sum)
        return family

    def slices(self, most: int = 100) -> Iterator[bytes]:
        """The exposition format, at most so many series at a time."""
        yield f"# HELP {self.name} {self.text}\n# TYPE {self.name} histogram\n".encode()
        known = list(self._series)
        for start in range(0, len(known), most):
            lines: list[str] = []
            for values in known[start : start + most]:
                series = self._series[values]
                sums = list(accumulate(series.counts))
                for head, value in zip(self._heads[values], [*sums, sums[-1], series.sum], strict=True):
                    lines.append(f"{head}{float(value)!r}\n")
            yield "".join(lines).encode()


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
