"""Ring-all: one offer rings several agents at once. The first who answers has the caller, the others stop.

Each agent who rings is a *leg*. What ends a leg is the agent's own matter (declined, busy, answered elsewhere) and
stops no other; of the last leg the offer's own events tell, as of an offer to one. The PBX rings them all by one
Dial(), so that one of two who answer in the same moment wins there, whoever hears of it.

A leg beyond the first goes only to who is ready and wanted by nobody else who waits: nobody waits for longer because
another caller rings at several.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from contactd.core import events as ev
from contactd.core.agent import Agent, AgentState, Handset
from contactd.core.contact import Contact, ContactState
from contactd.core.errors import FloorBug
from contactd.core.events import OfferOutcome
from contactd.core.ids import AgentId, Instant
from contactd.core.plan import Medium, QueuePlan, Strategy
from contactd.core.recording import Verdict, verdict

if TYPE_CHECKING:
    from contactd.core.floor import LiveFloor

EDITION = 3
"""The first edition of the dialplan that rings several; on an older one a caller rings at one, the longest idle."""
_EARLY_S = 1.0
"""A leg that ended so much before its time, or more, has not rung to the end."""


def others_to_ring(floor: LiveFloor, contact: Contact) -> Iterator[Agent]:
    """The agents beyond the first, when nothing else can be offered to them."""
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    if queue is not None and contact.agent is not None and floor.state.editions.get(contact.pbx, 0) >= EDITION:
        # One Dial() says for all whether the talk is recorded.
        first = _recorded(queue, floor.agents[contact.agent], contact)
        alike = (agent for agent in floor.routing.spare(contact) if _recorded(queue, agent, contact) is first)
        yield from islice(alike, queue.ring_all_most - 1)


def _recorded(queue: QueuePlan, agent: Agent, contact: Contact) -> bool:
    return verdict(queue, agent.profile, contact.known) == Verdict.YES


def ringing(contact: Contact) -> tuple[AgentId, ...]:
    """Whom the contact's offer rings: one, or several."""
    if contact.legs or contact.agent is None:
        return contact.legs
    return (contact.agent,)


def leg_at(floor: LiveFloor, contact: Contact, endpoint: str) -> Agent | None:
    """Of those whom the offer rings, who sits at this handset."""
    for agent_id in ringing(contact):
        agent = floor.agents[agent_id]
        if agent.endpoint == endpoint:
            return agent
    return None


def outcome_of_leg(cause: int) -> OfferOutcome | None:
    """By the cause of its channel. None: it was stopped, and what stopped it is told otherwise."""
    return _OUTCOMES.get(cause)


NOT_ACCEPTED = 29
"""The cause by which [contactd-far] tells of it: facility rejected, which no handset answers an INVITE with."""
_OUTCOMES = {
    NOT_ACCEPTED: OfferOutcome.NOT_ACCEPTED,
    17: OfferOutcome.BUSY,
    21: OfferOutcome.DECLINED,
    # As of a single offer: a handset that answers 480.
    19: OfferOutcome.RONA,
    **dict.fromkeys((1, 3, 20, 27, 34, 38, 41, 42, 58, 127), OfferOutcome.UNREGISTERED),
}


def outcome_at_end(agent: Agent, dial_status: str, whole: OfferOutcome) -> OfferOutcome:
    """Of a leg that was there when the Dial() was over. whole: the outcome by the Dial's own word, which is that of
    whoever failed last."""
    if whole in (OfferOutcome.CALLER_GONE, OfferOutcome.LOST):
        return whole
    if agent.handset is Handset.UNAVAILABLE:
        return OfferOutcome.UNREGISTERED
    if dial_status in ("CHANUNAVAIL", "CONGESTION"):
        # A handset that was rung would have said something of its own.
        return OfferOutcome.UNREGISTERED
    return OfferOutcome.BUSY if whole is OfferOutcome.BUSY else OfferOutcome.RONA


def forgiven(floor: LiveFloor, contact: Contact, agent: Agent, outcome: OfferOutcome, at: Instant) -> bool:
    """Whether nothing is held against an agent whose handset rang, among others, to the end."""
    if not contact.legs or outcome is not OfferOutcome.RONA:
        return False
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    leg = agent.engaged_with(contact.id)
    if queue is None or queue.ring_all_not_ready or leg is None:
        return False
    return at >= leg.since + queue.ring_s - _EARLY_S


# --- what the events change -----------------------------------------------------------------------------------------


def first_leg(contact: Contact, event: ev.ContactOffered) -> tuple[AgentId, ...]:
    """Also when it stays the only one: what becomes of it is by the same rule."""
    by_ring_all = event.strategy == Strategy.RING_ALL and contact.medium is Medium.VOICE
    return (event.agent,) if by_ring_all else ()


def last_leg(contact: Contact, agent: Agent) -> None:
    """The offer is over with this one. To be said before anything is changed."""
    if contact.legs and contact.legs != (agent.id,):
        raise FloorBug(f"Contact {contact.id} rings at others than {agent.id}.")
    contact.legs = ()


def leg_offered(floor: LiveFloor, event: ev.LegOffered, at: Instant) -> None:
    contact, agent = floor.contacts[event.contact], floor.agents[event.agent]
    if contact.state is not ContactState.OFFERED or contact.offer != event.offer or agent.engaged_with(contact.id):
        raise FloorBug(f"Contact {contact.id} cannot ring at {agent.id} as well.")
    floor.check_agent(contact, agent, AgentState.OFFERED)
    contact.legs = (*ringing(contact), agent.id)
    agent.offered_seq = floor.seq + 1
    floor.engage(agent, contact, AgentState.OFFERED, at)


def leg_ended(floor: LiveFloor, event: ev.LegEnded, at: Instant) -> None:
    contact, agent = floor.contacts[event.contact], floor.agents[event.agent]
    left = tuple(leg for leg in contact.legs if leg != agent.id)
    if not left or len(left) == len(contact.legs):
        raise FloorBug(f"Contact {contact.id} does not ring at {agent.id} beside others.")
    contact.legs = left
    if contact.agent == agent.id:
        contact.agent = left[0]
    floor.disengage(agent, [e for e in (agent.engaged_with(contact.id),) if e is not None], at, worked=False)
