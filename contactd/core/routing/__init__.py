"""Who is offered to whom. Pure; reads the floor and nothing else."""

from __future__ import annotations

from contactd.core.agent import Agent
from contactd.core.contact import Contact
from contactd.core.floor import LiveFloor
from contactd.core.routing.longest_idle import longest_idle


def route(floor: LiveFloor) -> list[tuple[Contact, Agent]]:
    """The offers to make now: first come, first served across queues.

    A contact that nobody available can serve is passed over and stops nobody behind it (AQ #1561).
    """
    offers: list[tuple[Contact, Agent]] = []
    if not floor.waiting or not floor.available:
        return offers
    free = dict(floor.available)
    for _, contact_id in floor.waiting:
        contact = floor.contacts[contact_id]
        if contact.pbx not in floor.steered:
            continue
        agent = longest_idle(contact, free.values())
        if agent is None:
            continue
        offers.append((contact, agent))
        del free[agent.id]
        if not free:
            break
    return offers
