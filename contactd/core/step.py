"""One step of the circle: decide, apply, route, apply. The same for a live input and for a replayed one."""

from __future__ import annotations

from typing import Any

import msgspec

from contactd.core import events as ev
from contactd.core.callback import plan_of
from contactd.core.commands import Command, RingAgent
from contactd.core.contact import Contact
from contactd.core.decide import decide
from contactd.core.errors import FloorBug
from contactd.core.floor import LiveFloor
from contactd.core.ids import Instant, OfferId, offer_id
from contactd.core.inputs import Input
from contactd.core.plan import Medium, QueuePlan, Strategy
from contactd.core.recording import Verdict, verdict
from contactd.core.ring_all import others_to_ring
from contactd.core.routing.route import route
from contactd.core.several import several

_VOICE, _RING_ALL = Medium.VOICE, Strategy.RING_ALL


# gc=False here and in events and inputs: they are in no cycle, and there are thousands a second.
class Step(msgspec.Struct, frozen=True, gc=False):
    """What one input did. first_seq numbers its first event; the others follow without a gap."""

    input: Input
    at: Instant
    first_seq: int
    events: list[ev.Event]
    commands: list[Command]
    bug: str | None = None
    """What could not follow; the events before it stand, nothing after it happened, and nothing is commanded."""


def step(floor: LiveFloor, input_: Input, at: Instant) -> Step:
    """Never raises: whatever happens, the events returned are exactly those that the floor has taken."""
    state = floor.state
    first_seq = state.seq + 1
    try:
        decision = decide(floor, input_, at)
    except FloorBug as bug:
        return Step(input_, at, first_seq, [], [], str(bug))
    events, commands = decision.events, decision.commands
    for count, event in enumerate(events):
        try:
            floor.apply(event, at)
        except FloorBug as bug:
            return Step(input_, at, first_seq, events[:count], [], str(bug))
    if events:
        if floor.mixed:
            _follow(floor, events, 0, at)
        decided = len(events)
        ring_all: list[tuple[Contact, OfferId, int]] = []
        for contact, agent in () if floor.routing.settled() else route(floor):
            offer = offer_id(state.epoch, state.seq + 1)
            target, others = floor.routing.explain(contact, agent.id)
            queue = floor.queues.get(contact.queue) if contact.queue else None
            ring_s = queue.ring_s if queue else 20
            written = contact.medium is not _VOICE
            offered = ev.ContactOffered(
                contact=contact.id,
                agent=agent.id,
                offer=offer,
                step=contact.step,
                strategy=target.strategy,
                others=others,
                until=at + ring_s if written else None,
                record=verdict(queue, agent.profile, contact.known) if not written else "",
            )
            floor.apply(offered, at)
            events.append(offered)
            if not written:
                if target.strategy is _RING_ALL:
                    ring_all.append((contact, offer, len(commands)))
                commands.append(
                    RingAgent(
                        pbx=contact.pbx,
                        contact=contact.id,
                        channel=contact.channel,
                        endpoint=agent.endpoint,
                        offer=offer,
                        ring_s=ring_s,
                        record=offered.record == Verdict.YES,
                        announcement=queue.record_announcement if queue and offered.record == Verdict.YES else "",
                        **(_calling_back(contact, queue) if contact.callback is not None else {}),
                    )
                )
        for contact, offer, number in ring_all:
            also = []
            for agent in others_to_ring(floor, contact):
                leg = ev.LegOffered(contact=contact.id, agent=agent.id, offer=offer)
                floor.apply(leg, at)
                events.append(leg)
                also.append(agent.endpoint)
            if also:
                commands[number] = msgspec.structs.replace(commands[number], also=tuple(also))
        if floor.mixed and len(events) > decided:
            _follow(floor, events, decided, at)
    return Step(input_, at, first_seq, events, commands)


def _calling_back(contact: Contact, queue: QueuePlan | None) -> dict[str, Any]:
    """Of a RingAgent after whose answer the customer is dialled."""
    attempt = contact.callback.attempt if contact.callback is not None else ""
    ring_s = plan_of(queue).ring_s
    return {"attempt": attempt, "queue": contact.queue, "dnis": contact.dnis, "customer_ring_s": ring_s}


def _follow(floor: LiveFloor, events: list[ev.Event], since: int, at: Instant) -> None:
    """What follows from the events since then for agents with several contacts."""
    for event in several(floor, tuple(events[since:])):
        floor.apply(event, at)
        events.append(event)
