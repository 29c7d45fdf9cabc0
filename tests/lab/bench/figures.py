"""The figures, in the order in which they are printed, and the arithmetic of a percentile."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence


class Figures:
    """name value unit; a name stands once."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, str]] = {}

    def add(self, name: str, value: float, unit: str) -> None:
        if name in self._found:
            raise ValueError(f"{name} is measured twice")
        self._found[name] = (value, unit)

    def __getitem__(self, name: str) -> float:
        return self._found[name][0]

    def lines(self) -> list[str]:
        return [f"{name} {_number(value)} {unit}" for name, (value, unit) in self._found.items()]


def say(text: str) -> None:
    """Progress, beside the figures."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; nan when there is nothing.

    >>> percentile([5.0, 1.0, 3.0], 50), percentile([5.0, 1.0, 3.0], 99)
    (3.0, 5.0)
    """
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _number(value: float) -> str:
    """Four digits that count, never an exponent.

    >>> [_number(v) for v in (0.12344, 12.0, 123456.7)]
    ['0.1234', '12', '123457']
    """
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
