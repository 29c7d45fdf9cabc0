"""The offers to make: the one place where a contact and an agent meet. Pure; reads the floor and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from contactd.core.agent import Agent
from contactd.core.contact import Contact
from contactd.core.floor import LiveFloor
from contactd.core.plan import Medium

_VOICE = Medium.VOICE


def route(floor: LiveFloor) -> Iterator[tuple[Contact, Agent]]:
    """The offers to make now, each to be applied before the next is asked for: first in line first, across queues.

    A contact that nobody available can serve is passed over and stops nobody behind it (AQ #1561). One that is on its
    way back from the static queue keeps its place: the callers' channels run beside each other, so a younger one may
    be heard of first.
    """
    index = floor.routing
    lone = index.lone_fresh_agent()
    if lone is not None:
        # Nobody else who is ready can serve anybody who waits, or that offer would have been made before.
        agent = floor.agents[lone]
        place = index.best_for(lone, steered=agent.profile.pbx in floor.steered)
        if place is not None:
            yield floor.contacts[place[1]], agent
            return
    index.settle()
    line = index.take_hot()
    heapify(line)
    while line:
        place = heappop(line)
        demand = index.demand(place)
        steered = demand.pbx in floor.steered or demand.medium is not _VOICE
        agent_found = index.choose(demand, place, floor.seq) if steered else None
        if agent_found is None:
            # Nor for anybody behind in this line.
            continue
        yield floor.contacts[place[1]], agent_found
        behind = index.first_in(demand)
        if behind is not None:
            heappush(line, behind)
