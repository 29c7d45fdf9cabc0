"""One line a long step on stderr, with its seconds, and the one error type of the lab.

Standard library only: bootstrap.py runs under the system's python before there is a virtual environment.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / ".lab"


class LabError(Exception):
    """The lab cannot go on; the message is one sentence that says the remedy."""


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is going on, then how long it took.

    On a terminal the seconds complete the line that announced the step; in a log, where lines of several
    processes mix, a whole line is written at the end.
    """
    live = sys.stderr.isatty()
    if live:
        print(f"lab: {text} ...", end=" ", file=sys.stderr, flush=True)
    began = time.monotonic()
    outcome = "failed after "
    try:
        yield
        outcome = ""
    finally:
        took = f"{outcome}{time.monotonic() - began:.1f} s"
        print(took if live else f"lab: {text}: {took}", file=sys.stderr, flush=True)
