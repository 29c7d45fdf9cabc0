"""Seconds as people say them, and when something was."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """
    >>> [duration(s) for s in (0.04, 23.44, 123, 3725)]
    ['0.0 s', '23.4 s', '2 min 3 s', '1 h 2 min']
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    hours, rest_min = divmod(minutes, 60)
    return f"{hours} h {rest_min} min" if hours else f"{minutes} min {rest_s} s"


def local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()


_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """
    >>> [seconds(text) for text in ("90m", "2h", "1h30m", "1d")]
    [5400.0, 7200.0, 5400.0, 86400.0]

    Raises ValueError with a sentence.
    """
    if not re.fullmatch(r"([0-9]{1,6}[smhd])+", text):
        raise ValueError(f"{text!r} is no time: write it as 90m, 2h, 1h30m or 1d")
    return float(sum(int(part[:-1]) * _UNITS_S[part[-1]] for part in re.findall(r"[0-9]+[smhd]", text)))
