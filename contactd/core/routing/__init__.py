"""Who is offered to whom. Pure; reads the floor and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from contactd.core.agent import Agent
from contactd.core.contact import Contact
from contactd.core.floor import LiveFloor
from contactd.core.routing.longest_idle import longest_idle


def route(floor: LiveFloor) -> list[tuple[Contact, Agent]]:
    """The offers to make now: first come, first served across queues.

    A contact that nobody available can serve is passed over and stops nobody behind it (AQ #1561). One that is on its
    way back from the static queue keeps its place: the callers' channels run beside each other, so a younger one may
    be heard of first.
    """
    offers: list[tuple[Contact, Agent]] = []
    if not floor.waiting or not floor.available:
        return offers
    free = dict(floor.available)
    for _, contact_id in floor.waiting:
        contact = floor.contacts[contact_id]
        if contact.pbx not in floor.steered:
            continue
        agent = longest_idle(contact, _not_owed(floor, contact, free.values()))
        if agent is None:
            continue
        offers.append((contact, agent))
        del free[agent.id]
        if not free:
            break
    return offers


def _not_owed(floor: LiveFloor, contact: Contact, agents: Iterable[Agent]) -> Iterable[Agent]:
    """Without the agents who serve somebody older that is about to be back."""
    older = [
        other
        for other in (floor.contacts[returning] for returning in floor.returning)
        if (other.queued_at or 0.0, other.id) < (contact.queued_at or 0.0, contact.id)
    ]
    if not older:
        return agents
    return [
        agent
        for agent in agents
        if not any(other.queue in agent.profile.queues and other.pbx == agent.profile.pbx for other in older)
    ]
