"""What a queue's hold is like on the PBX, in one variable of the caller's channel: it works whoever steers. Pure.

``<music>|<whisper>|<keys>``: the whisper is sounds with & between, w* for the wait; the keys are
``<key>=<kind>*<target>`` with & between, which [contactd-key] goes through. No sound and no target holds one of these.
"""

from __future__ import annotations

from collections.abc import Mapping

from contactd.config.destinations import as_way
from contactd.config.sections import Announcements, Queue
from contactd.core.destination import kind_of, target_of
from contactd.core.ids import QueueId

VARIABLE = "CONTACTD_HOLD"
SILENCE = "contactd-silence"
"""The music class of callers who read: what is written to them is mixed into silence, and needs it."""
WAIT = "w*"
"""In a whisper: how long the caller has waited."""


class Furnishing:
    """Made anew for each configuration."""

    def __init__(self, queues: Mapping[QueueId, Queue], words: Announcements | None = None) -> None:
        words = words or Announcements()
        self._holds: Mapping[QueueId, str] = {queue_id: _hold(queue) for queue_id, queue in queues.items()}
        self._callbacks = {queue_id: _hold(queue, first=words.callback_whisper) for queue_id, queue in queues.items()}
        self._usual = _hold(Queue(), first=words.callback_whisper)
        self.any = any(self._holds.values())
        """Whether any queue's hold is not the usual one."""

    def hold_of(self, queue: QueueId | None, *, text: bool = False) -> str:
        """Empty: the usual one. text: who waits there reads, and hears nothing."""
        hold = self._holds.get(queue, "") if queue is not None else ""
        return f"{SILENCE}|{hold.partition('|')[2]}".rstrip("|") if text else hold

    def callback_of(self, queue: QueueId | None) -> str:
        """Where an agent is called for somebody who is then called back: the agent hears so first."""
        return self._callbacks.get(queue, self._usual) if queue is not None else self._usual


def _hold(queue: Queue, first: tuple[str, ...] = ()) -> str:
    """
    >>> _hold(Queue(music="jazz")), _hold(Queue(whisper=("custom/sales",), whisper_wait=True)), _hold(Queue())
    ('jazz', '|custom/sales&w*', '')
    >>> from contactd.config.sections import KeyTable
    >>> _hold(Queue(keys={"1": KeyTable(voicemail="100@sales"), "*": KeyTable(menu=True)}))
    '||1=voicemail*100@sales&*=menu*'
    """
    whisper = "&".join((*first, *queue.whisper, *((WAIT,) if queue.whisper_wait else ())))
    ways = {key: as_way(table) for key, table in queue.keys.items()}
    keys = "&".join(f"{key}={kind_of(to)}*{target_of(to)}" for key, to in ways.items())
    return f"{queue.music}|{whisper}|{keys}".rstrip("|")


USUAL = Furnishing({})
