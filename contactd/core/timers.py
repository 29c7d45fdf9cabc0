"""All that the floor waits for, each kind with alarms of its own. passing.py says what follows when a time has come."""

from __future__ import annotations

from typing import Any

from contactd.core.alarms import Alarms
from contactd.core.ids import AgentId, ContactId, Instant
from contactd.core.opening import SwitchKey


class Timers:
    """Follows from the floor's state, and is kept true by it."""

    __slots__ = (
        "_all",
        "announcements",
        "callbacks",
        "limits",
        "offers",
        "pauses",
        "returning",
        "steps",
        "switches",
        "wrap_ups",
    )

    def __init__(self) -> None:
        self.wrap_ups: Alarms[AgentId] = Alarms()
        """When an agent's first one ends."""
        self.offers: Alarms[ContactId] = Alarms()
        """When an offer that no PBX carries is over by itself."""
        self.pauses: Alarms[AgentId] = Alarms()
        """Agents who are not ready, and when they are so again by themselves."""
        self.returning: Alarms[ContactId] = Alarms()
        """Callers on their way back from the static queue, and until when their places are kept free."""
        self.steps: Alarms[ContactId] = Alarms()
        """When the wait of who waits reaches the next step of the queue's plan."""
        self.switches: Alarms[SwitchKey] = Alarms()
        """When what a supervisor opened or closed by hand goes by its calendar again."""
        self.limits: Alarms[AgentId] = Alarms()
        """When the time of who may not stay as they are is over."""
        self.announcements: Alarms[ContactId] = Alarms()
        """When something is said next to who stands in the hold."""
        self.callbacks: Alarms[ContactId] = Alarms()
        """When whoever is to be called back may be called, or is no longer."""
        self._all: tuple[Alarms[Any], ...] = (
            *(self.wrap_ups, self.offers, self.pauses, self.returning, self.steps, self.switches, self.limits),
            *(self.announcements, self.callbacks),
        )

    def first(self) -> Instant | None:
        return min((at for alarms in self._all if (at := alarms.first()) is not None), default=None)
