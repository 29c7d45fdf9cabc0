"""What follows for agents with several contacts: what is interrupted, what goes on, and what they do foremost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contactd.core import events as ev
from contactd.core.agent import Agent, AgentState
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, ContactId

_Doing = tuple[AgentState, ContactId | None]


def several(floor: LiveFloor, told: Sequence[ev.Event]) -> Iterator[ev.Event]:
    """The events to add to those of a step, each to be applied before the next is asked for.

    A follower of the journal knows an agent by the last contact that was named; where the floor sees something else
    foremost, it is told.
    """
    if any(isinstance(event, ev.FloorConfigured) for event in told):
        for agent in floor.agents.values():
            yield from parking(agent)
    doing: dict[AgentId, _Doing] = {}
    for event in told:
        match event:
            case ev.ContactOffered() | ev.LegOffered():
                doing[event.agent] = (AgentState.OFFERED, event.contact)
            case ev.ContactConnected():
                doing[event.agent] = (AgentState.BUSY, event.contact)
            case ev.TalkEnded() if event.wrap_up_until is not None:
                doing[event.agent] = (AgentState.WRAP_UP, None)
            case ev.OfferEnded() | ev.LegEnded() | ev.TalkEnded() | ev.WrapUpEnded():
                doing[event.agent] = (AgentState.IDLE, None)
    for agent_id, said in doing.items():
        known = floor.agents.get(agent_id)
        if known is not None:
            yield from parking(known)
            if (known.state, known.contact) != said:
                yield ev.AgentTurned(agent=known.id, state=known.state, contact=known.contact)


def parking(agent: Agent) -> Iterator[ev.Event]:
    """What is to stand still and does not, and what may go on."""
    for engagement in agent.engagements:
        if agent.interrupted(engagement) is not engagement.parked:
            kind = ev.ContactResumed if engagement.parked else ev.ContactParked
            yield kind(contact=engagement.contact, agent=agent.id)
