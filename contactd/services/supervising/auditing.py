"""What supervisors were at, written down beside who read numbers and recordings: begun, turned, ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from contactd.core import events as ev
from contactd.core.step import Step
from contactd.store.audit import Entry

_VIA = "talk"
_TOLD: dict[type[ev.Event], Callable[[Any], tuple[str, str]]] = {
    ev.ListeningBegan: lambda e: (e.mode, f"begun by {e.supervisor}{', seen late' if e.seen_late else ''}"),
    ev.ListeningTurned: lambda e: (e.mode, f"turned by {e.supervisor}"),
    ev.TakeOverBegun: lambda e: ("take_over", f"asked by {e.supervisor}"),
    ev.ListeningEnded: lambda e: ("listen-end", f"ended by {e.supervisor} after {e.lasted_s:.1f} s: {e.why}"),
}
"""What was done, and what came of it."""


class ListeningAudit:
    """put: keeps an entry; nobody waits for it."""

    def __init__(self, put: Callable[[Entry], None]) -> None:
        self._put = put

    def publish(self, steps: Sequence[Step]) -> None:
        for step in steps:
            for event in step.events:
                told = _TOLD.get(type(event))
                if told is not None:
                    self._keep(event, *told(event))

    def _keep(self, event: Any, act: str, outcome: str) -> None:
        self._put(Entry(None, _VIA, act, contact=event.contact, agent=event.agent, outcome=outcome))
