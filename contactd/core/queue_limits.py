"""What a queue's limits ask of the floor: how many are in line, and whether anybody is there who serves the queue.

All of it follows from the floor's state, and is counted as that changes. Only what a plan asks for is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from contactd.core.agent import Agent, Status
from contactd.core.contact import IN_LINE, Contact
from contactd.core.ids import AgentId, ContactId, GroupId, PbxId, QueueId
from contactd.core.plan import QueuePlan


class QueueLimits:
    """Made anew for each plan. contacts, agents: those who are on the floor already."""

    def __init__(
        self, queues: Mapping[QueueId, QueuePlan], contacts: Iterable[Contact], agents: Iterable[Agent]
    ) -> None:
        self._limited = {queue.id for queue in queues.values() if queue.max_waiting is not None}
        self.any = bool(self._limited)
        """Whether contacts are counted."""
        self._staffed = {queue.id for queue in queues.values() if queue.unstaffed is not None}
        self._of_group: dict[GroupId, set[QueueId]] = {}
        for queue in queues.values():
            for group in {*queue.also_groups, *(group for step in queue.steps for group in step.also_groups)}:
                self._of_group.setdefault(group, set()).add(queue.id)
        self._in_line: Counter[QueueId] = Counter()
        self._queue_of: dict[ContactId, QueueId] = {}
        self._here: Counter[tuple[PbxId, QueueId]] = Counter()
        self._serving: dict[AgentId, list[tuple[PbxId, QueueId]]] = {}
        for contact in contacts:
            self.see_contact(contact)
        for agent in agents:
            self.see_agent(agent)

    def see_contact(self, contact: Contact) -> None:
        """contact's state or queue may have changed."""
        queue = contact.queue if contact.state in IN_LINE and contact.queue in self._limited else None
        was = self._queue_of.get(contact.id)
        if queue == was:
            return
        if was is not None:
            self._in_line[was] -= 1
            del self._queue_of[contact.id]
        if queue is not None:
            self._in_line[queue] += 1
            self._queue_of[contact.id] = queue

    def see_agent(self, agent: Agent) -> list[tuple[PbxId, QueueId]]:
        """agent may have signed in or out. Returns where that was the first or the last one."""
        here = agent.status is not Status.SIGNED_OUT
        if here == (agent.id in self._serving):
            return []
        if here:
            profile = agent.profile
            queues = set(profile.queues).union(*(self._of_group.get(group, ()) for group in profile.groups))
            serving = self._serving[agent.id] = [(profile.pbx, queue) for queue in queues & self._staffed]
            self._here.update(serving)
        else:
            serving = self._serving.pop(agent.id)
            self._here.subtract(serving)
        return sorted(place for place in serving if self._here[place] == here)

    def in_line(self, queue: QueueId) -> int:
        """How many wait, ring, or are on the way back from the static queue, in a queue that has a limit."""
        return self._in_line[queue]

    def asks(self, queue: QueueId) -> bool:
        """Whether it is known of the queue who is signed in."""
        return queue in self._staffed

    def staffed_places(self) -> set[tuple[PbxId, QueueId]]:
        """Where somebody is."""
        return {place for place, agents in self._here.items() if agents}

    def staffed(self, pbx: PbxId, queue: QueueId) -> bool:
        """Whether somebody is signed in at this PBX who serves a queue that asks for it, at once or at a later step.

        Ready or not, and whatever their skills: who is on a break comes back.
        """
        return self._here[pbx, queue] > 0
