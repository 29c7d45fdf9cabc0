"""The floor as a supervisor sees it, of the queues that are theirs; and what they do there for agents."""

from __future__ import annotations

from collections import Counter

from contactd.core.agent import AgentState, Status
from contactd.core.contact import IN_LINE, ContactState
from contactd.core.hours import opening
from contactd.store.audit import Entry, Who
from contactd.web import acts
from contactd.web.desk.routes import Asked, Refusal
from contactd.web.desk.sessions import Session
from contactd.web.desk.shapes import AgentAct, AgentLine, Done, Floor, QueueLine
from contactd.web.surface import Surface

_MOST_OUTCOME = 400


class Floors:
    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    def view(self, session: Session) -> Floor:
        """Of moments, not of durations: it is the same until something happens."""
        floor, settings = self._surface.engine.floor, self._surface.settings()
        waiting: Counter[str] = Counter()
        talking: Counter[str] = Counter()
        oldest: dict[str, float] = {}
        for contact in floor.contacts.values():
            queue = contact.queue
            if queue is None or not session.sees(queue):
                continue
            if contact.state is ContactState.CONNECTED:
                talking[queue] += 1
            elif contact.state in IN_LINE and contact.callback is None:
                waiting[queue] += 1
                if contact.queued_at is not None:
                    oldest[queue] = min(contact.queued_at, oldest.get(queue, contact.queued_at))
        ready: Counter[str] = Counter()
        agents = []
        for _, agent in sorted(floor.agents.items()):
            mine = [queue for queue in agent.profile.queues if session.sees(queue)]
            if not mine:
                continue
            if agent.status is Status.READY and agent.state is AgentState.IDLE:
                ready.update(mine)
            agents.append(
                AgentLine(
                    id=agent.id,
                    status=agent.status,
                    reason=agent.reason,
                    state=agent.state,
                    since=agent.since or None,
                    handset_state=agent.handset,
                    overdue=agent.overdue,
                    contact=agent.contact,
                    queues=list(map(str, mine)),
                )
            )
        queues = []
        for name in floor.queues:
            if not session.sees(name):
                continue
            section, hours = settings.queues.get(name), opening(floor, name)
            queues.append(
                QueueLine(
                    id=name,
                    name=(section.label if section else "") or name,
                    waiting=waiting[name],
                    oldest_since=oldest.get(name),
                    talking=talking[name],
                    ready=ready[name],
                    open=hours is None or hours.open,
                )
            )
        return Floor(epoch=floor.epoch, seq=floor.seq, now=self._surface.now(), queues=queues, agents=agents)

    async def floor(self, asked: Asked) -> Floor:
        return self.view(asked.session)

    async def act(self, asked: Asked) -> Done:
        """For an agent who serves one of the user's queues."""
        body: AgentAct = asked.body
        surface, id_ = self._surface, asked.path["agent"]
        agent = surface.engine.floor.agents.get(id_)  # type: ignore[call-overload]
        if agent is None or not any(asked.session.sees(queue) for queue in agent.profile.queues):
            raise Refusal(404, "unknown_agent", "There is no such agent in your queues.")
        reasons = list(surface.settings().why_not_ready)
        done = await acts.act(surface.engine, id_, body.act, body.reason, reasons)
        outcome = f"{done.code}: {body.reason}" if body.reason else done.code
        if done.http in (200, 409):
            who = Who.at_desk(asked.session.user)
            surface.trail.put(Entry(who, "desk", body.act, agent=done.agent, outcome=outcome[:_MOST_OUTCOME]))
        if done.code != acts.DONE:
            raise Refusal(done.http, done.code, done.reason)
        return Done(done=body.act)
