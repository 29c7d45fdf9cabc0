"""What is due when: a heap with lazy deletion beside a dict, so that a hundred thousand timers cost no scan."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from contactd.core.ids import Instant

K = TypeVar("K", bound=str)


class Alarms(Generic[K]):
    """One time for each key. An entry of the heap counts while the dict says the same."""

    __slots__ = ("_heap", "_times")

    def __init__(self) -> None:
        self._times: dict[K, Instant] = {}
        self._heap: list[tuple[Instant, K]] = []

    @property
    def times(self) -> Mapping[K, Instant]:
        return self._times

    def set(self, key: K, at: Instant | None) -> None:
        """None: not any more."""
        times = self._times
        if at is None:
            times.pop(key, None)
        elif times.get(key) != at:
            times[key] = at
            heappush(self._heap, (at, key))
            if len(self._heap) > 4 * len(times) + 1000:
                self._heap = [(at, key) for key, at in times.items()]
                heapify(self._heap)

    def reset(self) -> None:
        self._times.clear()
        self._heap.clear()

    def first(self) -> Instant | None:
        heap, times = self._heap, self._times
        while heap and times.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def due(self, at: Instant) -> list[K]:
        """Those whose time has come, in their order; until they are set anew. It walks the heap's top only."""
        first = self.first()
        if first is None or first > at:
            return []
        heap, times = self._heap, self._times
        found: set[tuple[Instant, K]] = set()
        left = [0]
        while left:
            index = left.pop()
            if index < len(heap) and heap[index][0] <= at:
                entry = heap[index]
                if times.get(entry[1]) == entry[0]:
                    found.add(entry)
                left += (2 * index + 1, 2 * index + 2)
        return [key for _, key in sorted(found)]
