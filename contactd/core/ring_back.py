"""Who was cut off and rings back soon gets the old place. docs/routing.rst, docs/adr/0014-the-old-place.rst.

A caller is known again by a salted commitment to the number, made outside; the salt is destroyed within hours, so what
the journal keeps says nothing of anybody. What was lost is part of the floor: for a while, and not of too many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from contactd.core.contact import IN_LINE, Contact, ContactState, Outcome
from contactd.core.ids import ContactId, Instant, QueueId

if TYPE_CHECKING:
    from contactd.core.floor import LiveFloor

MOST = 5_000
"""Losses that are remembered; the oldest make room."""
NETWORK_CAUSES = frozenset({27, 34, 38, 41, 42, 44, 102})
"""Q.850 causes with which no person ends a talk: destination or network out of order, no circuit, temporary failure,
congestion, Asterisk's rtp_timeout (44), a timer that ran out."""
_WAITED = frozenset({Outcome.ABANDONED_WAITING, Outcome.ABANDONED_RINGING, Outcome.PBX_LOST})


class Loss(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A contact that ended before its time, and its place in line."""

    contact: ContactId
    queue: QueueId
    dnis: str
    queued_at: Instant
    until: Instant


def place_kept_until(floor: LiveFloor, contact: Contact, outcome: Outcome, cause: int, at: Instant) -> Instant | None:
    """Until when whoever rings back gets the place of contact, which ends now; None: nobody."""
    if not contact.callers or contact.queue is None or contact.queued_at is None:
        return None
    if contact.state is ContactState.DIVERTED:
        return None
    waits = outcome in _WAITED or (outcome is Outcome.HANDLED and contact.state in IN_LINE)
    if not waits and not (contact.state is ContactState.CONNECTED and cause in NETWORK_CAUSES):
        return None
    queue = floor.queues.get(contact.queue)
    return at + queue.ring_back_s if queue is not None and queue.ring_back_s else None


def lost_place(floor: LiveFloor, contact: Contact, queue: QueueId, at: Instant) -> Loss | None:
    """The place that contact, who begins to wait in queue, had before: in the same queue, or on the same line."""
    plan = floor.queues.get(queue)
    if plan is None or not plan.ring_back_s:
        return None
    for caller in contact.callers:
        loss = floor.state.losses.get(caller)
        if loss is not None and at <= loss.until and (loss.queue == queue or loss.dnis == contact.dnis):
            return loss
    return None


def remember(losses: dict[str, Loss], contact: Contact, until: Instant, at: Instant) -> None:
    """apply() only."""
    if not contact.callers or contact.queue is None or contact.queued_at is None:
        return
    caller = contact.callers[0]
    losses.pop(caller, None)
    losses[caller] = Loss(
        contact=contact.id, queue=contact.queue, dnis=contact.dnis, queued_at=contact.queued_at, until=until
    )
    while losses:
        oldest = next(iter(losses))
        if len(losses) <= MOST and losses[oldest].until >= at:
            break
        del losses[oldest]


def take(losses: dict[str, Loss], contact: Contact, resumed: ContactId) -> None:
    """A place is given once. apply() only."""
    for caller in contact.callers:
        if caller in losses and losses[caller].contact == resumed:
            del losses[caller]
