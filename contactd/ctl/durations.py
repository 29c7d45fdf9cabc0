"""Seconds as people say them, and when something was."""

from __future__ import annotations

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
