"""What a queue's hold is like on the PBX, in one variable of the caller's channel: it works whoever steers. Pure.

``<music>``: the parts stand with | between, in the order of hold_of(); no value holds one.
"""

from __future__ import annotations

from collections.abc import Mapping

from contactd.config.sections import Queue
from contactd.core.ids import QueueId

VARIABLE = "CONTACTD_HOLD"


class Furnishing:
    """Made anew for each configuration."""

    def __init__(self, queues: Mapping[QueueId, Queue]) -> None:
        self._holds: Mapping[QueueId, str] = {queue_id: queue.music for queue_id, queue in queues.items()}
        self.any = any(self._holds.values())
        """Whether any queue's hold is not the usual one."""

    def hold_of(self, queue: QueueId | None) -> str:
        """Empty: the usual one."""
        return self._holds.get(queue, "") if queue is not None else ""


USUAL = Furnishing({})
