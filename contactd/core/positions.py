"""Which place in line each contact of a queue has, where the queue announces it. Follows from the floor's state.

Of each such queue a sorted list: who comes and goes moves its tail, which is a copy of memory, and no place is counted.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping

from contactd.core.contact import IN_LINE, Contact
from contactd.core.ids import ContactId, Instant, QueueId
from contactd.core.plan import QueuePlan
from contactd.core.routing.demand import boost_s

_Place = tuple[Instant, ContactId]


class Positions:
    """Made anew for each plan. contacts: those who are on the floor already."""

    def __init__(self, queues: Mapping[QueueId, QueuePlan], contacts: Iterable[Contact]) -> None:
        self._queues = {
            queue.id: queue
            for queue in queues.values()
            if queue.announcements is not None and queue.announcements.position is not None
        }
        self.any = bool(self._queues)
        """Whether places are kept."""
        self._lines: dict[QueueId, list[_Place]] = {queue: [] for queue in self._queues}
        self._places: dict[ContactId, tuple[QueueId, _Place]] = {}
        for contact in contacts if self.any else ():
            self.see(contact)

    def see(self, contact: Contact) -> None:
        """contact's state, queue, needs or step may have changed."""
        now = self._place(contact)
        was = self._places.get(contact.id)
        if now == was:
            return
        if was is not None:
            line = self._lines[was[0]]
            del line[bisect_left(line, was[1])]
            del self._places[contact.id]
        if now is not None:
            insort(self._lines[now[0]], now[1])
            self._places[contact.id] = now

    def of(self, contact: Contact) -> int:
        """1 for the next. 0: contact stands in no such line."""
        found = self._places.get(contact.id)
        return 0 if found is None else bisect_left(self._lines[found[0]], found[1]) + 1

    def _place(self, contact: Contact) -> tuple[QueueId, _Place] | None:
        queue = self._queues.get(contact.queue) if contact.queue is not None else None
        if queue is None or contact.queued_at is None or contact.state not in IN_LINE:
            return None
        return queue.id, (contact.queued_at - boost_s(queue, contact), contact.id)
