"""What holds on every floor after every step, by brute force and without a line of the code under test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Agent, AgentState, Status
from contactd.core.commands import EndAttempt, RingAgent, WithdrawOffer
from contactd.core.contact import Contact, ContactState, Needs
from contactd.core.floor import Floor, LiveFloor
from contactd.core.hours import opening
from contactd.core.ids import AgentId, PbxId, QueueId
from contactd.core.plan import Medium, QueuePlan, Strategy
from contactd.core.routing.demand import target_of
from contactd.core.step import Step
from tests.core.announcements import check_heard, heard_at
from tests.core.promises import check_promises, times
from tests.core.rules import (
    allowed,
    available,
    foremost,
    hours,
    in_line,
    kept,
    limit_at,
    merit,
    needs_told,
    next_step_at,
    place,
    queue_of,
    reason,
    reason_of_itself,
    recording,
    sitter,
    staffed,
    staffs,
    stands_still,
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
    check_heard(floor)
    _check_nobody_idles_while_somebody_waits(floor)
    _check_who_is_ahead(floor)
    check_promises(floor)


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
        assert contact.medium == "voice" or contact.state is not ContactState.WAITING or contact.held, contact
        doing = {ContactState.OFFERED: AgentState.OFFERED, ContactState.CONNECTED: AgentState.BUSY}
        with_it = [
            (agent.id, e.state, e.offer, e.medium)
            for agent in floor.agents.values()
            for e in agent.engagements
            if e.contact == contact.id and e.state is not AgentState.WRAP_UP
        ]
        assert not contact.legs or (contact.agent in contact.legs and contact.state is ContactState.OFFERED), contact
        rung = contact.legs or ((contact.agent,) if engaged else ())
        wanted = [(agent, doing[contact.state], contact.offer, contact.medium) for agent in rung]
        assert sorted(with_it) == sorted(wanted), (contact, with_it)
        assert len(contact.legs) < 2 or contact.medium == "voice", contact
        assert contact.recorder is None or engaged, contact
        if contact.known is not None:
            needs = contact.needs or Needs()
            assert (dict(needs.skills), needs.preferred_agent, needs.boost_s) == needs_told(contact), contact


def _check_agents(floor: LiveFloor) -> None:
    for agent in floor.agents.values():
        assert AgentState.IDLE not in [e.state for e in agent.engagements]
        active = [e for e in agent.engagements if e.state is not AgentState.WRAP_UP]
        assert all(e.contact in floor.contacts for e in active), agent
        calls = [e for e in agent.engagements if e.medium == "voice"]
        assert len(calls) <= 1, f"{agent.id} has one handset"
        offers = [e for e in agent.engagements if e.state is AgentState.OFFERED]
        # A comparison may find the handset ringing while the desk is offered something.
        assert len([e for e in offers if e.medium != "voice"]) <= 1, f"{agent.id} has two offers"
        for e in agent.engagements:
            timed = e.state is AgentState.WRAP_UP or (e.state is AgentState.OFFERED and e.medium != "voice")
            assert (e.until is not None) == timed, e
            assert e.parked is stands_still(agent, e), (agent, e)
        assert (agent.state, agent.contact) == foremost(agent), agent
        shown = [e.offer for e in active if e.contact == agent.contact]
        assert agent.offer == (shown[0] if shown else None), agent
        assert (agent.wrap_up_until is not None) == (agent.state is AgentState.WRAP_UP), agent
        assert agent.reason == "" or agent.status is Status.NOT_READY, agent
        assert not agent.overdue or agent.status is Status.NOT_READY, agent
        assert not agent.wrap_up_extend_s or agent.state is AgentState.WRAP_UP, agent
    running = {(e.offer, e.contact) for a in floor.agents.values() for e in a.engagements if e.offer is not None}
    known = [offer for offer, _ in running if not offer.startswith("absurd")]
    assert len(known) == len(set(known)), "an offer is made of two contacts"


def _check_indexes(floor: LiveFloor) -> None:
    held = [c for c in floor.contacts.values() if c.state is ContactState.WAITING and c.held]
    assert floor.waiting == sorted(place(floor, c) for c in held)
    ready = {a.id for a in floor.agents.values() if available(a)}
    assert set(floor.available) == ready
    ends = [(a.id, e.until) for a in floor.agents.values() for e in a.engagements if e.state is AgentState.WRAP_UP]
    timed = {agent: min(until or 0.0 for other, until in ends if other == agent) for agent, _ in ends}
    assert floor.timers.wrap_ups.times == timed
    taken_by = {
        e.contact: e.until
        for agent in floor.agents.values()
        for e in agent.engagements
        if e.state is AgentState.OFFERED and e.until is not None
    }
    assert floor.timers.offers.times == taken_by
    back = {c.id: c.return_by for c in floor.contacts.values() if c.return_by is not None}
    assert floor.timers.returning.times == back
    assert all(floor.contacts[c].state is ContactState.FALLBACK for c in back)
    steps = {c.id: at for c in floor.contacts.values() if (at := next_step_at(floor, c)) is not None}
    assert floor.timers.steps.times == steps
    for queue in floor.state.plan.queues if floor.state.plan else ():
        if queue.max_waiting is not None:
            assert floor.queue_limits.in_line(queue.id) == in_line(floor, queue.id)
        if queue.unstaffed is not None:
            for pbx in {agent.profile.pbx for agent in floor.agents.values()}:
                assert floor.queue_limits.staffed(pbx, queue.id) == staffed(floor, pbx, queue), (pbx, queue)
    paused = {a.id: a.ready_at for a in floor.agents.values() if a.ready_at is not None}
    assert floor.timers.pauses.times == paused
    assert all(floor.agents[agent].status is Status.NOT_READY for agent in paused)
    switched = [switch.until for switch in floor.state.switches.values()]
    said = heard_at(floor)
    limits = {a.id: at for a in floor.agents.values() if (at := limit_at(floor, a)) is not None}
    assert floor.timers.limits.times == limits
    timers = (
        *(*timed.values(), *taken_by.values(), *back.values(), *steps.values(), *paused.values()),
        *(*switched, *limits.values(), *said.values(), *times(floor).values()),
    )
    due = [until for until in timers if until is not None]
    assert floor.wake_at() == min(due, default=None)
    for (pbx, endpoint), agent in floor.seats.by_endpoint.items():
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
        assert not profile.endpoint or floor.seats.owners[profile.pbx, profile.endpoint] == profile.id
    for agent in floor.agents.values():
        assert (
            agent.profile.pbx,
            agent.desk or agent.profile.endpoint,
        ) in floor.seats.by_endpoint or not agent.endpoint
        together = floor.seats.at(agent.profile.pbx, agent.endpoint) if agent.endpoint else []
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
    free = {medium: [agent for agent in floor.agents.values() if available(agent, medium)] for medium in Medium}
    for contact in floor.contacts.values():
        if free[contact.medium] and contact.state is ContactState.WAITING and contact.held and _steered(floor, contact):
            idle = [a.id for a in free[contact.medium] if allowed(floor, a, contact) and not kept(floor, a, contact)]
            assert not idle, f"{contact.id} waits for {contact.queue} while {idle} idle"


def _check_who_is_ahead(floor: LiveFloor) -> None:
    """Of the last in line: each contact before it counts by the share of its agents who can have the last one too."""
    line = [c for c in floor.contacts.values() if c.held or c.return_by is not None]
    line = [contact for contact in line if queue_of(floor, contact) is not None]
    if not line:
        return
    last = max(line, key=lambda contact: place(floor, contact))
    medium = last.medium
    here = [a for a in floor.agents.values() if reason_of_itself(a, medium) != "signed_out"]
    mine = {agent.id for agent in here if allowed(floor, agent, last)}
    ahead = 0.0
    for other in [contact for contact in line if contact.medium is medium]:
        theirs = {agent.id for agent in here if allowed(floor, agent, other)}
        if theirs & mine and place(floor, other) < place(floor, last):
            ahead += len(theirs & mine) / len(theirs)
    queue = floor.queues[QueueId(str(last.queue))]
    who = floor.routing.able(target_of(queue, last, floor.agents))
    assert abs(floor.routing.ahead(place(floor, last), who, last.medium) - ahead) < 1e-9


def _steered(floor: LiveFloor, contact: Contact) -> bool:
    return contact.medium != "voice" or contact.pbx in floor.state.steered


def check_capacity(floor: LiveFloor) -> None:
    """Nobody has more than they can do, where the PBX connected nobody behind our back."""
    for agent in floor.agents.values():
        media = agent.profile.capacity.media
        gives_way = {m for e in agent.engagements for m in media[e.medium].interrupts}
        at_work = [e for e in agent.engagements if e.medium not in gives_way]
        assert sum(media[e.medium].weight for e in at_work) <= 100, agent
        for medium, load in media.items():
            assert sum(e.medium == medium for e in agent.engagements) <= load.most, agent


def turns_of(floor: LiveFloor) -> dict[AgentId, int]:
    """Each agent's last offer; to be taken before a step, for check_offers."""
    return {agent.id: agent.offered_seq for agent in floor.agents.values()}


def check_withdrawn(floor: LiveFloor, made: Step) -> None:
    """Whom a supervisor takes off the floor rings no more, nor what is declined; nobody else's offer is called off."""
    asked = made.input
    outcome = "declined" if isinstance(asked, inp.OfferDeclineAsked) else "withdrawn"
    called_off = [event for event in made.events if isinstance(event, ev.OfferEnded) and event.outcome == outcome]
    commands = [command.contact for command in made.commands if isinstance(command, WithdrawOffer)]
    if isinstance(asked, inp.ContactWithdrawn):
        # No PBX carries it: it ends, whatever rang for it.
        ends = [event for event in made.events if isinstance(event, ev.ContactEnded)]
        assert {one.contact for one in (*called_off, *ends)} <= {asked.contact} and len(ends) >= len(called_off)
        assert all(one.outcome in ("withdrawn", "handled") for one in ends) and not commands
        known = floor.contacts.get(asked.contact)
        assert known is None or known.medium == "voice" or known.state == "connected"
        return
    ended = {command.contact for command in made.commands if isinstance(command, EndAttempt)}
    by_voice = [event.contact for event in called_off if floor.contacts[event.contact].medium == "voice"]
    assert sorted(commands) == sorted(one for one in by_voice if one not in floor.callbacks)
    assert ended >= {one for one in by_voice if one in floor.callbacks}
    if isinstance(asked, inp.OfferDeclineAsked):
        assert [(one.contact, one.agent) for one in called_off] in ([], [(asked.contact, asked.agent)])
        return
    if not isinstance(asked, inp.SignOutAsked | inp.NotReadyAsked) or asked.by != "supervisor":
        assert not called_off
        return
    gone = floor.agents.get(asked.agent)
    if gone is not None and any(isinstance(event, ev.AgentSignedOut | ev.AgentNotReady) for event in made.events):
        rings = [floor.contacts[e.contact] for e in gone.engagements if e.state is AgentState.OFFERED]
        assert all(one.callback is not None and one.callback.dialled for one in rings)
    whose = {event.offer for event in called_off if event.agent == asked.agent}
    whose |= {e.offer for e in made.events if isinstance(e, ev.LegEnded) and e.agent == asked.agent}
    assert {event.offer for event in called_off} <= whose


def check_offers(floor: LiveFloor, made: Step, turns: Mapping[AgentId, int]) -> None:
    """The offers of one step: first in line first for each agent, the strategy's choice for each contact."""
    check_withdrawn(floor, made)
    rung = {command.offer: command for command in made.commands if isinstance(command, RingAgent)}
    offered = [event for event in made.events if isinstance(event, ev.ContactOffered) and event.strategy]
    assert set(rung) == {event.offer for event in offered if floor.contacts[event.contact].medium == "voice"}
    pairs = [(floor.contacts[event.contact], floor.agents[event.agent]) for event in offered]
    assert len({contact.id for contact, _ in pairs}) == len({agent.id for _, agent in pairs}) == len(pairs)
    legs = [event for event in made.events if isinstance(event, ev.LegOffered)]
    if not isinstance(made.input, inp.PbxCompared):
        check_legs(floor, pairs, legs, turns)
    else:
        # Some of them ring already, and were found.
        legs = [leg for leg in legs if leg.offer in rung]
    for index, (contact, agent) in enumerate(pairs):
        assert allowed(floor, agent, contact) and not kept(floor, agent, contact)
        assert _steered(floor, contact) and available(agent, contact.medium, contact.id)
        said = offered[index]
        if contact.medium == "voice":
            rings = rung[said.offer]
            assert rings.endpoint == (agent.desk or agent.profile.endpoint)
            assert (said.record, rings.record) == (recording(floor, agent, contact), said.record == "yes")
            mine_too = [floor.agents[leg.agent] for leg in legs if leg.offer == said.offer]
            assert rings.also == tuple(one.desk or one.profile.endpoint for one in mine_too)
            alike = {recording(floor, one, contact) == "yes" for one in (agent, *mine_too)}
            assert len(alike) == 1, "recorded or not, whoever answers"
        assert (said.until is None) == (contact.medium == "voice")
        for other in floor.contacts.values():
            if (
                other.state is ContactState.WAITING
                and other.held
                and _steered(floor, other)
                and allowed(floor, agent, other)
                and available(agent, other.medium, contact.id)
            ):
                ahead = place(floor, contact) < place(floor, other)
                assert ahead, f"{agent.id} should have got {other.id} first"
        later = {one.id: (one, contact_then.id) for contact_then, one in pairs[index + 1 :]}
        later |= {floor.agents[leg.agent].id: (floor.agents[leg.agent], leg.contact) for leg in legs}
        rivals = [one for one in floor.agents.values() if available(one, contact.medium)]
        rivals += [one for one, then in later.values() if available(one, contact.medium, then)]
        for rival in rivals:
            if rival is not agent and allowed(floor, rival, contact) and not kept(floor, rival, contact):
                mine = merit(floor, agent, contact, turns)
                theirs = merit(floor, rival, contact, turns, later[rival.id][1] if rival.id in later else None)
                drawn = strategy_of(floor, contact) is Strategy.WEIGHTED_RANDOM
                assert drawn or mine < theirs, f"{contact.id} should have got {rival.id}"
        assert (said.step, said.strategy) == (contact.step, strategy_of(floor, contact))
        others = [
            a
            for a in floor.agents.values()
            if a is not agent and (contact.medium != "voice" or a.profile.pbx == contact.pbx)
        ]
        then = {one_id: before for one_id, (_, before) in later.items()}
        assert said.others == Counter(reason(floor, one, contact, then.get(one.id)) for one in others)


def check_legs(
    floor: LiveFloor,
    pairs: Sequence[tuple[Contact, Agent]],
    legs: Sequence[ev.LegOffered],
    turns: Mapping[AgentId, int],
) -> None:
    """Beyond the first, ring-all rings whoever is left when everybody in line has been offered to somebody: as many as
    the queue allows, those of the oldest first."""
    taken = [(floor.contacts[leg.contact], floor.agents[leg.agent]) for leg in legs]
    for index, (contact, _) in enumerate(pairs):
        queue = queue_of(floor, contact)
        assert queue is not None
        mine = [agent for of, agent in taken if of is contact]
        rings = strategy_of(floor, contact) is Strategy.RING_ALL and contact.medium == "voice"
        if not rings or floor.state.editions.get(contact.pbx, 0) < 3:
            assert not mine, contact
            continue
        after = {id(of) for of, _ in pairs[index:]}
        pool = [agent for agent in floor.agents.values() if available(agent)]
        pool += [agent for of, agent in taken if id(of) in after and available(agent, Medium.VOICE, of.id)]
        pool = [one for one in pool if allowed(floor, one, contact) and not kept(floor, one, contact)]
        said = {recording(floor, one, contact) == "yes" for of, one in pairs if of is contact}
        pool = [one for one in pool if (recording(floor, one, contact) == "yes") in said]
        pool.sort(key=lambda one: merit(floor, one, contact, turns))
        assert mine == pool[: queue.ring_all_most - 1], contact
    for of, agent in taken:
        assert any(of is contact for contact, _ in pairs)
        for other in floor.contacts.values():
            if other.state is ContactState.WAITING and other.held and _steered(floor, other):
                wants = allowed(floor, agent, other) and available(agent, other.medium, of.id)
                assert not wants or kept(floor, agent, other), f"{other.id} waits while {agent.id} rings beside others"


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
            elif isinstance(event, ev.RecordingFailed | ev.MessageAdded | ev.ContactDisposed):
                pass  # what could not be written, and what was written last, is known when everybody has hung up
            elif isinstance(event, ev.ListeningTurned | ev.ListeningEnded):
                assert event.contact in self.arrived  # the PBX ends it after the talk
            elif isinstance(event, ev.WrapUpEnded):
                assert event.contact is None or event.contact in self.arrived
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
                promised = _promised(event, before) if isinstance(made.input, inp.CallHeld) else None
                if promised is None:
                    self._queued(event, before.get(event.contact), made, floor)
                    continue
                # Was to be called back, and has called: that place goes before one that was lost.
                assert event.resumed == promised.id and promised.queued_at is not None
                assert event.queued_at <= promised.queued_at
                ends = [one for one in made.events if isinstance(one, ev.ContactEnded) and one.contact == promised.id]
                assert [one.outcome for one in ends] == ["called_in"]
            elif isinstance(event, ev.ContactQueued):
                # Sent on at once: the place was asked for where the wait began.
                assert event.resumed is None
        self.latest = max(self.latest, made.at)

    def _ended(self, event: ev.ContactEnded, contact: Contact, queue: QueuePlan | None, at: float) -> None:
        waited = contact.state in (ContactState.WAITING, ContactState.OFFERED, ContactState.FALLBACK)
        waited = waited and event.outcome in ("abandoned_waiting", "abandoned_ringing", "handled")
        cut = contact.state is ContactState.CONNECTED and event.cause in (27, 34, 38, 41, 42, 44, 102)
        unseen = contact.state is ContactState.RELEASED and event.outcome == "abandoned_waiting"
        # In the menu to which a key led, with a place.
        menu = contact.state is ContactState.MENU and event.outcome == "abandoned_waiting"
        kept = (waited or menu or cut or unseen or event.outcome == "pbx_lost") and contact.queued_at is not None
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


def _promised(event: ev.ContactQueued, before: Mapping[str, Ended]) -> Contact | None:
    """Whose callback who comes into a queue needs no more."""
    if event.contact not in before or before[event.contact][0].queued_at is not None:
        return None
    came = before[event.contact][0]
    found = []
    for one, _ in before.values():
        alike = any(caller in one.callers for caller in came.callers)
        if came.known is not None and one.known is not None and came.known.party is not None:
            alike = alike or came.known.party == one.known.party
        if one.callback is not None and alike and (one.queue == event.queue or one.dnis == came.dnis):
            found.append(one)
    return min(found, key=lambda one: (one.queued_at, one.id)) if found else None


class Staffing:
    """Since when which queue has nobody, told from outside: by who is signed in after each step."""

    def __init__(self) -> None:
        self._was: dict[str, bool] = {}
        self._since: dict[str, float] = {}

    def follow(self, made: Step, floor: LiveFloor) -> None:
        plan = floor.state.plan
        asking = [queue for queue in plan.queues if queue.unstaffed] if plan is not None else []
        pbxes = {agent.profile.pbx for agent in floor.agents.values()}
        pbxes |= {PbxId(place.partition("/")[0]) for place in self._was}
        now = {f"{pbx}/{queue.id}": staffed(floor, pbx, queue) for pbx in pbxes for queue in asking}
        self._since = {place: since for place, since in self._since.items() if now.get(place) is False}
        # By a new plan a queue may ask for the first time, and lose its last agent in the same step; or get one whose
        # desk the plan takes away, so that somebody was there for no time at all.
        left = [floor.agents[event.agent] for event in made.events if isinstance(event, ev.AgentSignedOut)]
        lost = {f"{pbx}/{queue.id}" for pbx in pbxes for queue in asking for one in left if staffs(one, pbx, queue)}
        was = {place: self._was.get(place, place in lost) for place in now}
        self._since |= {place: made.at for place, here in now.items() if not here and (was[place] or place in lost)}
        self._was = now
        assert floor.state.unstaffed == self._since
