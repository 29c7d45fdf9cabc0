"""A test hook, off by default: die, freeze or hang between keeping a fact and acting on it.

``CONTACTD_FAULT=kill@stored:2`` is kill -9 when a mailbox's task comes to its point *stored* for the second time.
``CONTACTD_FAULT=kill:3`` in the environment is kill -9 right after the third frame with a ContactOffered went into the
spool, before anybody was told of it; ``stop:3`` is SIGSTOP there, ``hang:3`` a step that never ends. No sleep of a test
hits those microseconds.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence

from contactd.core.events import ContactOffered
from contactd.core.step import Step


def _hang() -> None:
    while True:
        signal.pause()


_FAULTS: dict[str, Callable[[], None]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "hang": _hang,
}


def planned(environment: str) -> Callable[[Sequence[Step]], None]:
    """environment: the variable's value. Raises ValueError for one that means nothing."""
    if not environment or "@" in environment:
        return lambda _: None
    name, _, count = environment.partition(":")
    if name not in _FAULTS or not count.isdigit():
        raise ValueError(f"CONTACTD_FAULT is {environment!r}; unset it, or see contactd/engine/fault.py.")
    left = int(count)

    def kept(steps: Sequence[Step]) -> None:
        nonlocal left
        left -= any(isinstance(event, ContactOffered) for step in steps for event in step.events)
        if left == 0:
            left = -1
            _FAULTS[name]()

    return kept


def points(environment: str) -> Callable[[str], None]:
    """What is called with a point's name whenever one is reached. Raises ValueError for one that means nothing."""
    name, at, place = environment.partition("@")
    if not at:
        return lambda _: None
    wanted, _, count = place.partition(":")
    if name not in _FAULTS or not count.isdigit():
        raise ValueError(f"CONTACTD_FAULT is {environment!r}; unset it, or see contactd/engine/fault.py.")
    left = int(count)

    def reached(point: str) -> None:
        nonlocal left
        left -= point == wanted
        if left == 0:
            left = -1
            _FAULTS[name]()

    return reached
