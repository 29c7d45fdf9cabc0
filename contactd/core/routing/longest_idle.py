"""Longest idle: of the available agents who serve the contact's queue, the one idle for the longest time."""

from __future__ import annotations

from collections.abc import Iterable

from contactd.core.agent import Agent
from contactd.core.contact import Contact


def longest_idle(contact: Contact, agents: Iterable[Agent]) -> Agent | None:
    """The agent to offer contact to, or None. Ties go to the lower id, so that a replay chooses the same."""
    fitting = [agent for agent in agents if contact.queue in agent.profile.queues and agent.profile.pbx == contact.pbx]
    return min(fitting, key=lambda agent: (agent.idle_since, agent.id), default=None)
