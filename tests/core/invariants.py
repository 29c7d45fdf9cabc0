"""What holds on every floor after every step, by brute force and without a line of the code under test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import AgentState, Status
from contactd.core.commands import RingAgent
from contactd.core.contact import Contact, ContactState
from contactd.core.floor import Floor, LiveFloor
from contactd.core.hours import opening
from contactd.core.ids import AgentId, QueueId
from contactd.core.plan import QueuePlan, Strategy
from contactd.core.routing.demand import target_of
from contactd.core.step import Step
from tests.core.rules import (
    allowed,
    available,
    hours,
    in_line,
    kept,
    limit_at,
    merit,
    next_step_at,
    place,
    queue_of,
    reason,
    reason_of_itself,
    sitter,
    staffed,
    strategy_of,
)

_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(Floor).decode


def frozen(floor: LiveFloor) -> bytes:
    """The state as bytes; equal floors give equal ones."""
    return _encode(floor.state)


def restarted(floor: LiveFloor) -> LiveFloor:
    """As a start makes it from a snapshot."""
    return LiveFloor(_decode(msgspec.msgpack.encode(floor.state)))


def check_floor(floor: LiveFloor) -> None:
    _check_contacts(floor)
    _check_agents(floor)
    _check_indexes(floor)
    _check_nobody_idles_while_somebody_waits(floor)
    _check_who_is_ahead(floor)


def _check_contacts(floor: LiveFloor) -> None:
    for contact in floor.contacts.values():
        assert contact.state is not ContactState.ENDED
        engaged = contact.state in (ContactState.OFFERED, ContactState.CONNECTED)
        assert (contact.agent is not None) == engaged, contact
        assert not contact.held or contact.state is ContactState.WAITING, contact
        assert not contact.held or contact.queued_at is not None, contact
        if contact.state is ContactState.OFFERED:
            assert contact.offer is not None, contact
        gone = contact.state is ContactState.DIVERTED
        assert (contact.diverted_to is not None) == (contact.diverted_at is not None) == gone, contact
        assert gone or contact.diversion is None, contact
        assert len(set(contact.passed)) == len(contact.passed), contact
        if contact.agent is not None:
            agent = floor.agents[contact.agent]
            assert (agent.contact, agent.offer) == (contact.id, contact.offer), (agent, contact)
        with_it = [agent.id for agent in floor.agents.values() if agent.contact == contact.id]
        assert with_it == ([contact.agent] if contact.agent is not None else []), (contact, with_it)


def _check_agents(floor: LiveFloor) -> None:
    doing = {AgentState.OFFERED: ContactState.OFFERED, AgentState.BUSY: ContactState.CONNECTED}
    for agent in floor.agents.values():
        assert (agent.contact is not None) == (agent.state in doing), agent
        if agent.contact is not None:
            contact = floor.contacts[agent.contact]
            assert contact.agent == agent.id and contact.state is doing[agent.state], (agent, contact)
        assert (agent.wrap_up_until is not None) == (agent.state is AgentState.WRAP_UP), agent
        assert agent.reason == "" or agent.status is Status.NOT_READY, agent
        assert not agent.overdue or agent.status is Status.NOT_READY, agent
        assert not agent.wrap_up_extend_s or agent.state is AgentState.WRAP_UP, agent
    offers = [agent.offer for agent in floor.agents.values() if agent.offer is not None]
    offers = [offer for offer in offers if not offer.startswith("absurd")]
    assert len(offers) == len(set(offers)), "an offer rings at two agents"


def _check_indexes(floor: LiveFloor) -> None:
    held = [c for c in floor.contacts.values() if c.state is ContactState.WAITING and c.held]
    assert floor.waiting == sorted(place(floor, c) for c in held)
    ready = {a.id for a in floor.agents.values() if available(a)}
    assert set(floor.available) == ready
    assert all(floor.available[agent] is floor.agents[agent] for agent in floor.available)
    timed = {a.id: a.wrap_up_until for a in floor.agents.values() if a.state is AgentState.WRAP_UP}
    assert floor.wrap_ups == timed
    back = {c.id: c.return_by for c in floor.contacts.values() if c.return_by is not None}
    assert floor.returning == back
    assert all(floor.contacts[c].state is ContactState.FALLBACK for c in back)
    steps = {c.id: at for c in floor.contacts.values() if (at := next_step_at(floor, c)) is not None}
    assert floor.steps_due == steps
    for queue in floor.state.plan.queues if floor.state.plan else ():
        if queue.max_waiting is not None:
            assert floor.queue_limits.in_line(queue.id) == in_line(floor, queue.id)
        if queue.unstaffed is not None:
            for pbx in {agent.profile.pbx for agent in floor.agents.values()}:
                assert floor.queue_limits.staffed(pbx, queue.id) == staffed(floor, pbx, queue), (pbx, queue)
    paused = {a.id: a.ready_at for a in floor.agents.values() if a.ready_at is not None}
    assert floor.pauses == paused
    assert all(floor.agents[agent].status is Status.NOT_READY for agent in paused)
    switched = [switch.until for switch in floor.state.switches.values()]
    limits = {a.id: at for a in floor.agents.values() if (at := limit_at(floor, a)) is not None}
    assert floor.limits_due == limits
    timers = (*timed.values(), *back.values(), *steps.values(), *paused.values(), *switched, *limits.values())
    due = [until for until in timers if until is not None]
    assert floor.wake_at() == min(due, default=None)
    for (pbx, endpoint), agent in floor.by_endpoint.items():
        assert agent is floor.agents[agent.id]
        assert endpoint and agent.id == sitter(floor, pbx, endpoint)
    signed_in = [
        (a.profile.pbx, a.desk or a.profile.endpoint)
        for a in floor.agents.values()
        if a.status is not Status.SIGNED_OUT
    ]
    assert len(signed_in) == len(set(signed_in)), "two are signed in at one handset"
    assert all(endpoint for _, endpoint in signed_in), "somebody is signed in nowhere"
    plan = floor.state.plan
    for profile in plan.agents if plan else ():
        assert floor.agents[profile.id].profile == profile
        assert not profile.endpoint or floor.owners[profile.pbx, profile.endpoint] == profile.id
    for agent in floor.agents.values():
        assert (agent.profile.pbx, agent.desk or agent.profile.endpoint) in floor.by_endpoint or not agent.endpoint
        together = floor.at(agent.profile.pbx, agent.endpoint) if agent.endpoint else []
        assert not agent.desk or agent.status is not Status.SIGNED_OUT or agent.state is not AgentState.IDLE, agent
        assert [one.id for one in together] == sorted(
            a.id
            for a in floor.agents.values()
            if agent.endpoint and (a.profile.pbx, a.endpoint) == (agent.profile.pbx, agent.endpoint)
        )
    assert set(floor.queues) == {queue.id for queue in (plan.queues if plan else ())}
    assert set(floor.state.calendars) <= set(plan.calendars if plan else ())
    names = {*(f"queue:{q}" for q in floor.queues), *(f"calendar:{c}" for c in (plan.calendars if plan else ()))}
    assert set(floor.state.switches) <= names
    for queue in floor.queues:
        now = opening(floor, queue)
        assert now is not None and (now.open, now.since, now.by_hand) == hours(floor, queue)


def _check_nobody_idles_while_somebody_waits(floor: LiveFloor) -> None:
    free = [agent for agent in floor.agents.values() if available(agent)]
    for contact in floor.contacts.values():
        if free and contact.state is ContactState.WAITING and contact.held and contact.pbx in floor.state.steered:
            idle = [a.id for a in free if allowed(floor, a, contact) and not kept(floor, a, contact)]
            assert not idle, f"{contact.id} waits for {contact.queue} while {idle} idle"


def _check_who_is_ahead(floor: LiveFloor) -> None:
    """Of the last in line: each contact before it counts by the share of its agents who can have the last one too."""
    line = [c for c in floor.contacts.values() if c.held or c.return_by is not None]
    line = [contact for contact in line if queue_of(floor, contact) is not None]
    if not line:
        return
    last = max(line, key=lambda contact: place(floor, contact))
    here = [agent for agent in floor.agents.values() if reason_of_itself(agent) != "signed_out"]
    mine = {agent.id for agent in here if allowed(floor, agent, last)}
    ahead = 0.0
    for other in line:
        theirs = {agent.id for agent in here if allowed(floor, agent, other)}
        if theirs & mine and place(floor, other) < place(floor, last):
            ahead += len(theirs & mine) / len(theirs)
    queue = floor.queues[QueueId(str(last.queue))]
    who = floor.routing.able(target_of(queue, last, floor.agents))
    assert abs(floor.routing.ahead(place(floor, last), who) - ahead) < 1e-9


def turns_of(floor: LiveFloor) -> dict[AgentId, int]:
    """Each agent's last offer; to be taken before a step, for check_offers."""
    return {agent.id: agent.offered_seq for agent in floor.agents.values()}


def check_offers(floor: LiveFloor, made: Step, turns: Mapping[AgentId, int]) -> None:
    """The offers of one step: first in line first for each agent, the strategy's choice for each contact."""
    rung = [command for command in made.commands if isinstance(command, RingAgent)]
    offered = {event.offer: event for event in made.events if isinstance(event, ev.ContactOffered)}
    pairs = [(floor.contacts[c.contact], floor.agents[offered[c.offer].agent]) for c in rung]
    assert len({contact.id for contact, _ in pairs}) == len({agent.id for _, agent in pairs}) == len(pairs)
    for index, (contact, agent) in enumerate(pairs):
        assert allowed(floor, agent, contact) and not kept(floor, agent, contact)
        assert contact.pbx in floor.state.steered
        assert rung[index].endpoint == (agent.desk or agent.profile.endpoint)
        for other in floor.contacts.values():
            if other.held and other.pbx in floor.state.steered and allowed(floor, agent, other):
                ahead = place(floor, contact) < place(floor, other)
                assert ahead, f"{agent.id} should have got {other.id} first"
        later = [agent for _, agent in pairs[index + 1 :]]
        for other_agent in [*floor.available.values(), *later]:
            if allowed(floor, other_agent, contact) and not kept(floor, other_agent, contact):
                mine, theirs = (merit(floor, one, contact, turns) for one in (agent, other_agent))
                drawn = strategy_of(floor, contact) is Strategy.WEIGHTED_RANDOM
                assert drawn or mine < theirs, f"{contact.id} should have got {other_agent.id}"
        said = offered[rung[index].offer]
        assert (said.step, said.strategy) == (contact.step, strategy_of(floor, contact))
        others = [a for a in floor.agents.values() if a is not agent and a.profile.pbx == contact.pbx]
        assert said.others == Counter(reason(floor, other_agent, contact, later) for other_agent in others)


class Lives:
    """Every contact arrives before it ends, and ends once for each time that it arrived."""

    def __init__(self) -> None:
        self.alive: set[str] = set()
        self.arrived: dict[str, int] = {}
        self.outcomes: dict[str, ev.ContactEnded] = {}

    def follow(self, made: Step) -> None:
        for event in made.events:
            if isinstance(event, ev.ContactArrived | ev.ContactAdopted):
                assert event.contact not in self.alive, f"{event.contact} arrived twice"
                self.alive.add(event.contact)
                self.arrived[event.contact] = self.arrived.get(event.contact, 0) + 1
            elif isinstance(event, ev.ContactEnded):
                assert event.contact in self.alive, f"{event.contact} ended twice"
                self.alive.remove(event.contact)
                self.outcomes[event.contact] = event
            elif (contact := getattr(event, "contact", None)) is not None:
                assert contact in self.alive, f"{event} is said of nobody"


Ended = tuple[Contact, QueuePlan | None]
"""A contact, and its queue."""


class Places:
    """Who rings back gets the place of the contact that was lost last, once, in time, and nobody else's."""

    def __init__(self) -> None:
        self.lost: dict[str, tuple[Contact, float]] = {}
        """By what the caller is known: the contact as it was when it ended, and until when its place is kept."""
        self.given = 0
        self.latest = 0.0

    @staticmethod
    def before(floor: LiveFloor) -> dict[str, Ended]:
        """To be taken before a step."""
        return {c.id: (msgspec.structs.replace(c), queue_of(floor, c)) for c in floor.contacts.values()}

    def follow(self, made: Step, before: Mapping[str, Ended], floor: LiveFloor) -> None:
        came: set[str] = set()
        for event in made.events:
            if isinstance(event, ev.ContactEnded) and event.contact in before:
                self._ended(event, *before[event.contact], made.at)
            elif isinstance(event, ev.ContactQueued) and event.contact not in came:
                came.add(event.contact)
                self._queued(event, before.get(event.contact), made, floor)
            elif isinstance(event, ev.ContactQueued):
                # Sent on at once: the place was asked for where the wait began.
                assert event.resumed is None
        self.latest = max(self.latest, made.at)

    def _ended(self, event: ev.ContactEnded, contact: Contact, queue: QueuePlan | None, at: float) -> None:
        waited = contact.state in (ContactState.WAITING, ContactState.OFFERED, ContactState.FALLBACK)
        waited = waited and event.outcome in ("abandoned_waiting", "abandoned_ringing", "handled")
        cut = contact.state is ContactState.CONNECTED and event.cause in (27, 34, 38, 41, 42, 44, 102)
        unseen = contact.state is ContactState.RELEASED and event.outcome == "abandoned_waiting"
        kept = (waited or cut or unseen or event.outcome == "pbx_lost") and contact.queued_at is not None
        kept = kept and contact.state is not ContactState.DIVERTED
        if not kept or not contact.callers or queue is None or not queue.ring_back_s:
            assert event.place_until is None, event
            return
        assert event.place_until == at + queue.ring_back_s, event
        self.lost[contact.callers[0]] = contact, event.place_until

    def _queued(self, event: ev.ContactQueued, known: Ended | None, made: Step, floor: LiveFloor) -> None:
        if known is None or known[0].queued_at is not None or not isinstance(made.input, inp.CallHeld):
            assert event.resumed is None
            return
        found = [(caller, self.lost[caller]) for caller in known[0].callers if caller in self.lost]
        found = [(caller, one) for caller, one in found if made.at <= one[1]]
        found = [(c, one) for c, one in found if one[0].queue == event.queue or one[0].dnis == known[0].dnis]
        plan = floor.state.plan
        takes = any(queue.id == event.queue and queue.ring_back_s for queue in (plan.queues if plan else ()))
        if made.at < self.latest:
            # Told late: what was over when the last one was lost may be forgotten already.
            found = [(caller, one) for caller, one in found if one[0].id == event.resumed]
        if not found or not takes:
            assert event.resumed is None, event
            return
        caller, (lost, _) = found[0]
        assert event.resumed == lost.id and lost.queued_at is not None and event.queued_at <= lost.queued_at
        self.given += 1
        del self.lost[caller]
