"""Who waits already when the last agent signs out who serves the queue: after a while they go where who comes goes.

Since when nobody is signed in is a fact of the floor, told by the sign-outs themselves. A handset that is away signs
nobody out, so it empties no queue.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from contactd.core.contact import Contact
from contactd.core.destination import ToQueue
from contactd.core.ids import Instant, PbxId, QueueId
from contactd.core.plan import QueuePlan

if TYPE_CHECKING:
    from contactd.core.floor import LiveFloor


def leaves_at(floor: LiveFloor, queue: QueuePlan, contact: Contact) -> Instant | None:
    """When contact, who waits in queue, leaves it; None: not while things are as they are. Once, and from the hold."""
    to, grace_s, queued_at = queue.unstaffed, queue.unstaffed_grace_s, contact.queued_at
    if to is None or grace_s is None or queued_at is None or contact.unserved or not floor.can_go(contact):
        return None
    if floor.queue_limits.staffed(contact.pbx, queue.id):
        return None
    if isinstance(to, ToQueue) and (to.queue in (*contact.passed, queue.id) or to.queue not in floor.queues):
        return None
    # Nobody was there when the contact came, and it was not sent on: its own time counts.
    since = floor.state.unstaffed.get(_key(contact.pbx, queue.id), queued_at)
    return max(since, queued_at) + grace_s


# --- changed, by apply() only -----------------------------------------------------------------------------------------


def staffing_changed(floor: LiveFloor, places: Iterable[tuple[PbxId, QueueId]], at: Instant) -> None:
    """At these PBXes these queues have lost the last who serves them, or have got somebody again."""
    for pbx, queue in places:
        if floor.queue_limits.staffed(pbx, queue):
            floor.state.unstaffed.pop(_key(pbx, queue), None)
        else:
            floor.state.unstaffed[_key(pbx, queue)] = at
    floor.time_waiting({queue for _, queue in places})


def follow_plan(floor: LiveFloor, were: set[tuple[PbxId, QueueId]], at: Instant) -> None:
    """A new plan may have taken the last agent from a queue, or given it one. were: the places that had somebody."""
    known, limits = floor.state.unstaffed, floor.queue_limits
    for key in [key for key in known if not limits.asks(QueueId(key.rpartition("/")[2]))]:
        del known[key]
    staffed = limits.staffed_places()
    places = {place for place in were - staffed if limits.asks(place[1])}
    places |= {(pbx, queue) for pbx, queue in staffed if _key(pbx, queue) in known}
    staffing_changed(floor, sorted(places), at)


def _key(pbx: PbxId, queue: QueueId) -> str:
    return f"{pbx}/{queue}"
