"""Who waits for what, and who is ready for it: found without looking at everybody.

All of it follows from the floor's state. A new plan makes a new index; the floor then says who waits, who is on the
way back and who is ready, and goes on saying it with each event. Nothing in here is a fact, so throwing away what is
stale changes nothing that anyone can see.

A contact stands in the line of its *demand*; an agent who is ready stands in the ready heap of every demand that the
agent can meet. Targets that the same agents can meet, chosen by the same strategy, are one demand: a centre whose
agents all serve all queues has one. Lines and heaps are heaps with lazy deletion: an entry counts while the dict
beside it says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from math import fsum
from typing import NamedTuple

from contactd.core.agent import Agent
from contactd.core.contact import STICKY, Contact
from contactd.core.ids import AgentId, ContactId, Instant, PbxId, QueueId, SkillId
from contactd.core.plan import Medium, QueuePlan, Skills, Strategy
from contactd.core.routing.demand import Target, boost_s, eligible, target_of
from contactd.core.routing.reasons import Reason
from contactd.core.routing.sets import AgentSet, AgentSets
from contactd.core.routing.strategies import RANKS, drawn

Place = tuple[Instant, ContactId, int]
"""The rank (when the wait began, less what boosts it), the contact, its demand's number. It never changes while the
contact waits: all waits grow alike. The number and no object, so that the collector leaves it alone."""
_ReadyEntry = tuple[float, Instant, AgentId, int]
"""The strategy's rank, idle since, who, and the stamp that tells it from an earlier time of being ready."""

ASKED = 1024
"""With more that wait some stand for all where those before a rank are counted. Which ones hangs on the heaps' inner
order, so nothing of it may become a fact: for that everybody is counted."""
_Asked = tuple[str | int, ...]
"""Medium, PBX, queue, step and each skill that the contact itself needs, with its level: all that is asked for by a
contact that waits for no agent alone."""
_VOICE = Medium.VOICE
_ELSEWHERE, _UNSKILLED = str(Reason.ELSEWHERE), str(Reason.UNSKILLED)

_EMPTY_DEMANDS = 4096
"""Demands for which nobody waits and that are kept nevertheless, beyond those of the plan's own steps."""


class Demand:
    """See the module. who: can meet it."""

    __slots__ = (
        *("asked", "back", "line", "medium", "number", "pbx", "ready", "scored", "size", "strategy"),
        *("targets", "who"),
    )

    def __init__(self, number: int, target: Target, who: AgentSet) -> None:
        self.number = number
        self.medium = target.medium
        self.pbx = target.pbx
        self.strategy = target.strategy
        self.scored = target.scored
        self.who = who
        self.targets: list[Target] = []
        self.asked: list[_Asked] = []
        self.line: list[Place] = []
        self.size = 0
        """How many wait; the line may have more, that have left."""
        self.ready: list[_ReadyEntry] = []
        self.back: list[Place] = []
        """Who is about to be back from the static queue."""


class Asking(NamedTuple):
    """Of a target. elsewhere, unskilled: how many agents within reach cannot have it, whatever they do."""

    target: Target
    demand: Demand
    elsewhere: int
    unskilled: int


class RoutingIndex:
    """contacts, agents, queues: the floor's own, read and never changed."""

    def __init__(
        self,
        contacts: Mapping[ContactId, Contact],
        agents: Mapping[AgentId, Agent],
        queues: Mapping[QueueId, QueuePlan],
    ) -> None:
        self._contacts = contacts
        self._agents = agents
        self._queues = queues
        self.waiting: dict[ContactId, Place] = {}
        self.returning: dict[ContactId, Place] = {}
        self._numbers = 0
        self._demands: dict[int, Demand] = {}
        self._same: dict[tuple[Medium, PbxId, Strategy, tuple[SkillId, ...], AgentSet], Demand] = {}
        self._by_target: dict[Target, Asking] = {}
        self._asked: dict[_Asked, Asking] = {}
        self._empty: dict[int, None] = {}
        self._preferring: dict[AgentId, dict[ContactId, None]] = {}
        self._of_agent: dict[AgentId, dict[int, Demand]] = {agent: {} for agent in self._agents}
        self._sets = AgentSets(agents)
        self._stamps = 0
        self._stamped: dict[AgentId, int] = {}
        """Agents who stand in the ready heaps."""
        self._fresh: dict[AgentId, list[Medium]] = {}
        """Agents who became ready, for what, and do not stand there yet: most are offered somebody at once."""
        self._ready_for: dict[AgentId, list[Medium]] = {}
        """Of those who stand there."""
        self._hot: set[int] = set()
        self._all_hot = True
        self._spare = _EMPTY_DEMANDS + sum(1 + len(queue.steps) for queue in queues.values())

    # --- contacts -----------------------------------------------------------------------------------------------------

    def join(self, contact: Contact) -> None:
        """contact may be offered from now on."""
        found = self._place(contact)
        if found is None:
            return
        place, demand = found
        self.waiting[contact.id] = place
        heappush(demand.line, place)
        if not demand.size:
            self._empty.pop(demand.number, None)
        demand.size += 1
        if demand.ready:
            self._hot.add(demand.number)
        if contact.step == STICKY and contact.needs is not None and contact.needs.preferred_agent is not None:
            self._preferring.setdefault(contact.needs.preferred_agent, {})[contact.id] = None

    def leave(self, contact: Contact) -> None:
        """contact may not be offered any more. To be said before its queue, needs or step change."""
        place = self.waiting.pop(contact.id, None)
        if place is None:
            return
        demand = self._demands[place[2]]
        demand.size -= 1
        if len(demand.line) > 2 * demand.size + 32:
            demand.line = [other for other in demand.line if self.waiting.get(other[1]) is other]
            heapify(demand.line)
        if not demand.size:
            self._empty[demand.number] = None
            self._forget_some()
        if contact.step == STICKY and contact.needs is not None and contact.needs.preferred_agent is not None:
            self._preferring[contact.needs.preferred_agent].pop(contact.id, None)

    def expect(self, contact: Contact) -> None:
        """contact is on its way back from the static queue: nobody who can serve it is offered somebody younger."""
        found = self._place(contact)
        if found is None:
            return
        place, demand = found
        self.returning[contact.id] = place
        heappush(demand.back, place)

    def expect_no_more(self, contact: ContactId) -> None:
        if self.returning.pop(contact, None) is not None:
            # Whoever was kept for it may be anybody's now.
            self.look_again()

    # --- agents -------------------------------------------------------------------------------------------------------

    def see(self, agent: Agent) -> None:
        """What agent does, status or handset, or what strategies rank by, may have changed."""
        self._stamped.pop(agent.id, None)
        media = self._sets.see(agent)
        if media:
            self._fresh[agent.id] = media
        else:
            self._fresh.pop(agent.id, None)

    def skills_changed(self, agent: Agent, before: Skills) -> None:
        """What agent can meet is another thing now; those who wait for it are sorted anew."""
        self._sets.learn(agent.id, before, agent.skills)
        was = self._of_agent[agent.id]
        changed = {
            asking.demand.number: asking.demand
            for target, asking in self._by_target.items()
            if (asking.demand.number in was) != eligible(agent, target)
        }
        moved = [self._contacts[place[1]] for place in self.waiting.values() if place[2] in changed]
        back = [self._contacts[place[1]] for place in self.returning.values() if place[2] in changed]
        for contact in moved:
            self.leave(contact)
        for contact in back:
            self.expect_no_more(contact.id)
        for demand in changed.values():
            if demand.number in self._demands:
                self._forget(demand)
        for contact in moved:
            self.join(contact)
        for contact in back:
            self.expect(contact)
        # Ranked by skill, perhaps.
        self.see(agent)
        self.presence_changed(agent.id)

    def presence_changed(self, agent: AgentId) -> None:
        """agent signed in or out: who waits for this one alone is sorted anew."""
        for contact in [self._contacts[preferring] for preferring in self._preferring.get(agent, ())]:
            self.leave(contact)
            self.join(contact)

    def look_again(self) -> None:
        """Contacts may be offered who stood in line before, to agents who were ready before."""
        self._all_hot = True

    # --- what route() asks --------------------------------------------------------------------------------------------

    def settled(self) -> bool:
        """Nothing has changed since the last offers that could make another one."""
        return not (self._fresh or self._hot or self._all_hot)

    def lone_fresh_agent(self) -> AgentId | None:
        """The agent whose becoming ready is all that changed."""
        if len(self._fresh) != 1 or self._hot or self._all_hot or self.returning:
            return None
        return next(iter(self._fresh))

    def best_for(self, agent: AgentId, *, steered: bool) -> Place | None:
        """The first in line of all whom agent, who is fresh, can serve. steered: the PBX of the handset."""
        best: Place | None = None
        media = self._fresh[agent]
        for demand in self._of_agent[agent].values():
            # What is stale in a line only makes its first seem earlier.
            if not demand.size or (best is not None and best < demand.line[0]):
                continue
            if demand.medium in media and (steered or demand.medium is not _VOICE):
                place = self._first(demand.line, self.waiting)
                if place is not None and (best is None or place < best):
                    best = place
        return best

    def settle(self) -> None:
        """Put the agents who became ready into the heaps of all that they can meet."""
        for agent_id, media in self._fresh.items():
            agent = self._agents[agent_id]
            self._stamps += 1
            self._stamped[agent_id] = self._stamps
            self._ready_for[agent_id] = media
            for demand in self._of_agent[agent_id].values():
                if demand.medium in media:
                    self._push_ready(demand, agent)
                    if demand.size:
                        self._hot.add(demand.number)
        self._fresh.clear()

    def take_hot(self) -> list[Place]:
        """The first in line of each demand for which an offer may be possible that was not so before."""
        if self._all_hot or self.returning:
            hot: Iterable[Demand] = self._demands.values()
        else:
            # One may have been forgotten since.
            hot = [self._demands[number] for number in self._hot if number in self._demands]
        self._hot.clear()
        self._all_hot = False
        return [place for demand in hot if demand.size and (place := self.first_in(demand)) is not None]

    def demand(self, place: Place) -> Demand:
        return self._demands[place[2]]

    def first_in(self, demand: Demand) -> Place | None:
        return self._first(demand.line, self.waiting)

    def choose(self, demand: Demand, place: Place, seq: int) -> Agent | None:
        """The agent for the contact at place, by the demand's strategy; None: nobody is ready who is not kept."""
        ready = demand.ready
        while ready and self._stamped.get(ready[0][2]) != ready[0][3]:
            heappop(ready)
        if self.returning:
            ready = self._not_owed(demand, place)
        if not ready:
            return None
        if demand.strategy is Strategy.WEIGHTED_RANDOM:
            ids = sorted(entry[2] for entry in ready if self._stamped.get(entry[2]) == entry[3])
            return drawn([self._agents[agent] for agent in ids], place[1], seq)
        return self._agents[ready[0][2]]

    def spare(self, contact: Contact) -> list[Agent]:
        """Who is ready for contact, which has just been offered to somebody, and is wanted by nobody who waits: in the
        strategy's order."""
        queue = self._queues[QueueId(contact.queue or "")]
        demand = self._asking(queue, contact).demand
        if self.returning:
            ready = self._not_owed(demand, (_rank(queue, contact), contact.id, demand.number))
        else:
            ready = self._ready_in(demand)
        return [self._agents[entry[2]] for entry in sorted(ready)]

    def explain(self, contact: Contact, chosen: AgentId) -> tuple[Target, dict[str, int]]:
        """What contact, who waits, asked for, and how many agents of its PBX were not chosen, by reason."""
        asking = self._asking(self._queues[QueueId(contact.queue or "")], contact)
        others = self._sets.conditions(asking.demand.medium, asking.demand.who, chosen)
        if asking.unskilled:
            others = {_UNSKILLED: asking.unskilled, **others}
        if asking.elsewhere:
            others = {_ELSEWHERE: asking.elsewhere, **others}
        return asking.target, others

    def available(self, medium: Medium) -> list[AgentId]:
        """Who may be offered something of medium now."""
        return self._sets.members(self._sets.able(medium) & self._sets.ready(medium))

    # --- what the estimated wait asks ---------------------------------------------------------------------------------

    def able(self, target: Target) -> AgentSet:
        """Who can be offered what target stands for, however busy."""
        asking = self._by_target.get(target)
        return asking.demand.who if asking is not None else self._sets.skilled(target, self._sets.serving(target))

    def ready(self, who: AgentSet, medium: Medium) -> bool:
        """Whether one of them is ready for medium. Nobody before can want that one: they would have been offered."""
        return bool(who & self._sets.ready(medium)) and not self.returning

    def present(self, who: AgentSet, medium: Medium) -> list[Agent]:
        """Those of them who are neither signed out nor without a handset while idle."""
        return [self._agents[agent] for agent in self._sets.members(who & self._sets.present(medium))]

    def ahead(self, here: tuple[Instant, ContactId], who: AgentSet, medium: Medium, *, exact: bool = False) -> float:
        """How many of medium before this rank, and id where ranks are equal, are in the way of whom who can serve.

        A contact that others can serve as well counts by the share of these agents among all who can. Of a crowd some
        stand for all.
        """
        present = self._sets.present(medium)
        mine = who & present
        found: list[float] = []
        stride = 1 if exact else len(self.waiting) // ASKED + 1
        live = self.waiting
        for demand in self._demands.values():
            if demand.size and demand.medium is medium and (shared := demand.who & mine):
                line = demand.line
                some = line if stride == 1 else line[min(stride, len(line)) // 2 :: stride]
                before = len([True for place in some if place < here and live.get(place[1]) is place])
                if before:
                    share = shared.bit_count() / (demand.who & present).bit_count()
                    found.append(before * len(line) / len(some) * share)
        for place in self.returning.values():
            demand = self._demands[place[2]]
            if place < here and demand.medium is medium and (shared := demand.who & mine):
                found.append(shared.bit_count() / (demand.who & present).bit_count())
        # Exact, so that the order of the demands does not matter.
        return fsum(found)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _place(self, contact: Contact) -> tuple[Place, Demand] | None:
        """None for a queue that is gone: the next event moves contact into one of the new configuration."""
        queue = self._queues.get(contact.queue) if contact.queue is not None else None
        if queue is None:
            return None
        demand = self._asking(queue, contact).demand
        return (_rank(queue, contact), contact.id, demand.number), demand

    def _ready_in(self, demand: Demand) -> list[_ReadyEntry]:
        return [entry for entry in demand.ready if self._stamped.get(entry[2]) == entry[3]]

    def _not_owed(self, demand: Demand, place: Place) -> list[_ReadyEntry]:
        """The rare way, in the two seconds after a PBX was compared: agents are kept for whoever is older."""
        older = self._first(demand.back, self.returning)
        if older is not None and older < place:
            return []
        return sorted(entry for entry in self._ready_in(demand) if not self._owed(entry[2], place))

    def _owed(self, agent: AgentId, place: Place) -> bool:
        """Whether agent is kept for somebody with an older place than this one."""
        return any(
            older is not None and older < place
            for older in (
                self._first(demand.back, self.returning) for demand in self._of_agent[agent].values() if demand.back
            )
        )

    @staticmethod
    def _first(line: list[Place], live: Mapping[ContactId, Place]) -> Place | None:
        while line:
            place = line[0]
            if live.get(place[1]) is place:
                return place
            heappop(line)
        return None

    def _push_ready(self, demand: Demand, agent: Agent) -> None:
        ready = demand.ready
        if len(ready) > 2 * demand.who.bit_count() + 32:
            demand.ready = ready = self._ready_in(demand)
            heapify(ready)
        rank = RANKS[demand.strategy](agent, demand.scored)
        heappush(ready, (rank, agent.idle_since, agent.id, self._stamped[agent.id]))

    def _asking(self, queue: QueuePlan, contact: Contact) -> Asking:
        needs = contact.needs
        if needs is not None and contact.step == STICKY and needs.preferred_agent is not None:
            # Whether that one is waited for changes as they come and go.
            return self._asking_for(target_of(queue, contact, self._agents))
        key: _Asked = (contact.medium, contact.pbx, queue.id, contact.step)
        if needs is not None:
            for skill in needs.skills.items():
                key += skill
        asking = self._asked.get(key)
        if asking is None:
            asking = self._asked[key] = self._asking_for(target_of(queue, contact, self._agents))
            asking.demand.asked.append(key)
        return asking

    def _asking_for(self, target: Target) -> Asking:
        asking = self._by_target.get(target)
        if asking is not None:
            return asking
        serving = self._sets.serving(target)
        who = self._sets.skilled(target, serving)
        demand = self._demand_of(target, who)
        elsewhere, unskilled = self._sets.within_reach(target) & ~serving, serving & ~who
        asking = self._by_target[target] = Asking(target, demand, elsewhere.bit_count(), unskilled.bit_count())
        demand.targets.append(target)
        return asking

    def _demand_of(self, target: Target, who: AgentSet) -> Demand:
        same = (target.medium, target.pbx, target.strategy, target.scored, who)
        demand = self._same.get(same)
        if demand is None:
            self._numbers += 1
            demand = Demand(self._numbers, target, who)
            self._same[same] = self._demands[demand.number] = demand
            for agent_id in self._sets.members(who):
                self._of_agent[agent_id][demand.number] = demand
                if agent_id in self._stamped and target.medium in self._ready_for[agent_id]:
                    self._push_ready(demand, self._agents[agent_id])
            self._empty[demand.number] = None
        return demand

    def _forget_some(self) -> None:
        """Contacts may need what no other ever needs: a demand that nobody waits for is not kept for ever."""
        while len(self._empty) > self._spare:
            demand = self._demands[next(iter(self._empty))]
            if self._first(demand.back, self.returning) is not None:
                # Somebody on the way back waits for it; its turn comes again.
                del self._empty[demand.number]
                self._empty[demand.number] = None
                return
            self._forget(demand)

    def _forget(self, demand: Demand) -> None:
        """demand must be empty."""
        for target in demand.targets:
            del self._by_target[target]
        for agent in self._sets.members(demand.who):
            self._of_agent[agent].pop(demand.number, None)
        for key in demand.asked:
            del self._asked[key]
        del self._same[demand.medium, demand.pbx, demand.strategy, demand.scored, demand.who]
        del self._demands[demand.number]
        self._empty.pop(demand.number, None)


def _rank(queue: QueuePlan, contact: Contact) -> Instant:
    queued_at, boost = contact.queued_at or 0.0, boost_s(queue, contact)
    # The number itself and no copy of it: a hundred thousand wait.
    return queued_at - boost if boost else queued_at
