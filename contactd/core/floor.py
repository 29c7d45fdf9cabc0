"""The floor: every contact, agent and queue as it is now. Only apply() changes it.

A floor rebuilt from the journal by apply() alone equals the live one, since a live step changes it in no other way.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import msgspec

from contactd.core import callback as called_back
from contactd.core import events as ev
from contactd.core import unstaffed
from contactd.core.agent import TRANSITIONS as AGENT_TRANSITIONS
from contactd.core.agent import Agent, AgentState, By, Engagement, Handset, Status, Tries
from contactd.core.announcements import Hearing
from contactd.core.changes import CHANGES
from contactd.core.contact import TRANSITIONS as CONTACT_TRANSITIONS
from contactd.core.contact import Callback, Contact, ContactState, Needs
from contactd.core.dialling import Dialled
from contactd.core.errors import FloorBug
from contactd.core.hearing import next_at
from contactd.core.hours import forget_hours, leaves
from contactd.core.ids import AgentId, CalendarId, ContactId, Instant, ListeningId, PbxId, QueueId
from contactd.core.learnt import Learnt
from contactd.core.limits import Limits
from contactd.core.listener import Listening
from contactd.core.opening import CalendarState, Switch, SwitchKey
from contactd.core.plan import VOICE_ONLY, FloorPlan, Medium, QueuePlan, Skills
from contactd.core.positions import Positions
from contactd.core.queue_limits import QueueLimits
from contactd.core.ring_back import Loss
from contactd.core.routing.demand import goes_next, next_step_at
from contactd.core.routing.index import RoutingIndex
from contactd.core.seats import Seats
from contactd.core.timers import Timers

SNAPSHOT_VERSION = 1


class Floor(msgspec.Struct, kw_only=True):
    """The state. Its fields are what a snapshot keeps; the indexes of a LiveFloor are made anew from these."""

    epoch: int = 0
    seq: int = 0
    plan: FloorPlan | None = None
    contacts: dict[ContactId, Contact] = {}
    agents: dict[AgentId, Agent] = {}
    steered: set[PbxId] = set()
    editions: dict[PbxId, int] = {}
    """Of our dialplan on each PBX, as it said when it was compared last."""
    tries: dict[str, Tries] = {}
    """By handset, ``pbx/endpoint``: where sign-ins failed."""
    calendars: dict[CalendarId, CalendarState] = {}
    switches: dict[SwitchKey, Switch] = {}
    """What supervisors closed or opened by hand."""
    listening: dict[ListeningId, Listening] = {}
    """Supervisors at talks."""
    learnt: dict[QueueId, Learnt] = {}
    losses: dict[str, Loss] = {}
    """By what each caller is known: places that are kept for who was cut off, the oldest first."""
    estimated_at: Instant = 0.0
    """When a wait was last estimated as it began."""
    dialled: list[Dialled] = []
    """What was dialled outside within the last hour, the oldest first."""
    unstaffed: dict[str, Instant] = {}
    """By ``pbx/queue``: since when nobody is signed in there who serves it, of queues that ask and had somebody."""


_WAITING = ContactState.WAITING
_IDLE, _OFFERED, _BUSY, _WRAP_UP = AgentState
_VOICE = Medium.VOICE
"""Asked for at every turn; a member of an enum takes longer to find than all else here."""


class LiveFloor:
    """A Floor with the indexes that routing reads."""

    def __init__(self, state: Floor | None = None) -> None:
        self.state = state or Floor()
        self.contacts = self.state.contacts
        self.agents = self.state.agents
        self.steered = self.state.steered
        self.queues: dict[QueueId, QueuePlan] = {}
        self.mixed = False
        """Whether there is anybody who does, or might do, anything but one call at a time."""
        self.timers = Timers()
        self.limits = Limits(None)
        self._sending: set[QueueId] = set()
        self.announcing = False
        """Whether anything is said to anybody."""
        self.callbacks: dict[ContactId, Contact] = {}
        """Contacts whose caller is to be called back."""
        self.refusing: set[QueueId] = set()
        """Queues that may send somebody on who comes to them."""
        for agent in self.agents.values():
            agent.lift()
        self._index_plan()
        for contact in self.contacts.values():
            if contact.return_by is not None:
                self.timers.returning.set(contact.id, contact.return_by)
        for key, switch in self.state.switches.items():
            if switch.until is not None:
                self.timers.switches.set(key, switch.until)

    @property
    def epoch(self) -> int:
        return self.state.epoch

    @property
    def seq(self) -> int:
        """The number of the last event applied."""
        return self.state.seq

    @property
    def plan(self) -> FloorPlan:
        if self.state.plan is None:
            raise FloorBug("The floor has no configuration yet; ConfigurationLoaded must be its first input.")
        return self.state.plan

    def wake_at(self) -> Instant | None:
        """When TimePassed is due; None while nothing is timed."""
        return self.timers.first()

    @property
    def available(self) -> list[AgentId]:
        """For a call."""
        return self.routing.available(_VOICE)

    @property
    def waiting(self) -> list[tuple[Instant, ContactId]]:
        """Contacts that may be offered now, in line: the rank, and who."""
        return [(rank, contact) for rank, contact, _ in sorted(self.routing.waiting.values())]

    def apply(self, event: ev.Event, at: Instant) -> None:
        """The only way in. at: when it happened."""
        try:
            CHANGES[type(event)](self, event, at)
        except KeyError as error:
            raise FloorBug(f"{type(event).__name__} names {error}, who is not on the floor.") from error
        self.state.seq += 1

    def check(
        self,
        contact: Contact,
        into: ContactState,
        agent: Agent | None = None,
        doing: AgentState | None = None,
    ) -> None:
        """Raise FloorBug before anything is changed: an event is applied whole or not at all."""
        if into not in CONTACT_TRANSITIONS[contact.state]:
            raise FloorBug(f"Contact {contact.id} cannot go from {contact.state} to {into}.")
        if agent is not None and doing is not None:
            self.check_agent(contact, agent, doing)

    def check_agent(self, contact: Contact, agent: Agent, doing: AgentState) -> None:
        engagement = agent.engaged_with(contact.id)
        now = _IDLE if engagement is None else engagement.state
        if doing not in AGENT_TRANSITIONS[now]:
            raise FloorBug(f"Agent {agent.id} cannot go from {now} to {doing} with contact {contact.id}.")
        if engagement is None and contact.medium is _VOICE and agent.on_voice() is not None:
            raise FloorBug(f"Agent {agent.id} has another call than {contact.id}.")

    def enter(self, contact: Contact, state: ContactState, *, held: bool = False) -> None:
        """Put a contact into a state of the table and keep the indexes true."""
        self.check(contact, state)
        self.leave_line(contact)
        contact.state = state
        contact.held = held
        if contact.callback is not None:
            self._see_callback(contact)
        if contact.return_by is not None and state is not ContactState.FALLBACK:
            self.expect_back(contact, None)
        contact.sent = None
        if self.queue_limits.any:
            self.queue_limits.see_contact(contact)
        if self.positions.any:
            self.positions.see(contact)
        self._join_line(contact)

    def ask_for(self, contact: Contact, *, step: int, needs: Needs | None) -> None:
        """Change what a contact asks for, wherever it is."""
        self.leave_line(contact)
        contact.step, contact.needs = step, needs
        if self.positions.any:
            self.positions.see(contact)
        self._join_line(contact)
        if contact.return_by is not None:
            self.routing.expect_no_more(contact.id)
            self.routing.expect(contact)

    def call_back(self, contact: Contact, callback: Callback | None) -> None:
        """Change what is to be done about calling a contact back; None: somebody is on the line."""
        self.leave_line(contact)
        contact.change(callback=callback)
        self._see_callback(contact)
        self._join_line(contact)

    def _see_callback(self, contact: Contact) -> None:
        """It is held while it may be offered as it is; nobody holds it."""
        contact.held = contact.state is _WAITING and called_back.routable(self, contact)
        if contact.callback is None or contact.state is ContactState.ENDED:
            self.callbacks.pop(contact.id, None)
        else:
            self.callbacks[contact.id] = contact
        self.timers.callbacks.set(contact.id, called_back.alarm_at(contact))

    def expect_back(self, contact: Contact, by: Instant | None) -> None:
        """Keep the contact's place free until then; None: no longer."""
        if by is None and contact.return_by is None:
            return
        contact.return_by = by
        self.routing.expect_no_more(contact.id)
        self.timers.returning.set(contact.id, by)
        if by is not None:
            self.routing.expect(contact)

    def leave_line(self, contact: Contact) -> None:
        """To be said before anything changes that the line is sorted by."""
        if contact.state is _WAITING:
            self.timers.steps.set(contact.id, None)
            if contact.hears is not None:
                self.timers.announcements.set(contact.id, None)
            if contact.held:
                self.routing.leave(contact)

    def _join_line(self, contact: Contact) -> None:
        if contact.state is _WAITING:
            queue = self.queues.get(contact.queue) if contact.queue is not None else None
            if queue is not None:
                self._time_step(queue, contact)
            if contact.hears is not None:
                self.time_announcement(contact, contact.hears)
            if contact.held:
                self.routing.join(contact)

    def _time_step(self, queue: QueuePlan, contact: Contact) -> None:
        """Who is to go elsewhere goes from the hold, and by the PBX's hand."""
        sends = queue.id in self._sending
        if sends and leaves(self, queue, contact) is not None:
            # At once: no time is earlier.
            self.timers.steps.set(contact.id, 0.0)
            return
        due = next_step_at(queue, contact)
        if sends:
            if goes_next(queue, contact) and not self.can_go(contact) and contact.callback is None:
                due = None
            leaves_at = unstaffed.leaves_at(self, queue, contact)
            if leaves_at is not None:
                due = leaves_at if due is None else min(due, leaves_at)
        self.timers.steps.set(contact.id, due)

    def time_announcement(self, contact: Contact, hears: Hearing) -> None:
        """Take what a contact has heard, and set when something is said next."""
        contact.hears = hears
        queue = self.queues.get(contact.queue) if contact.queue is not None else None
        plan = queue.announcements if queue is not None else None
        waits = contact.state is _WAITING and self.can_go(contact)
        at = next_at(plan, hears) if plan is not None and waits else None
        self.timers.announcements.set(contact.id, at)

    def can_go(self, contact: Contact) -> bool:
        """Whether a waiting contact can be sent elsewhere now."""
        stands = contact.held and contact.callback is None
        return stands and contact.pbx in self.steered and contact.medium is _VOICE

    def time_hours(self) -> None:
        """A queue has opened or closed, perhaps: whoever may not wait any more goes, and who may be called again is."""
        for contact in self.callbacks.values():
            self.call_back(contact, contact.callback)
        self.time_waiting({queue.id for queue in self.queues.values() if queue.closes()})

    def time_waiting(self, queues: Container[QueueId]) -> None:
        """Those who wait in one of these may have to go at another time."""
        for contact in self.contacts.values() if queues else ():
            queue = self.queues.get(contact.queue) if contact.state is _WAITING and contact.queue is not None else None
            if queue is not None and queue.id in queues:
                self._time_step(queue, contact)

    def time_steps(self, pbx: PbxId) -> None:
        """The PBX is steered now, or is not any more."""
        for contact in self.contacts.values() if self._sending or self.announcing else ():
            if contact.state is _WAITING and contact.pbx == pbx:
                if contact.queue in self._sending:
                    self._time_step(self.queues[contact.queue], contact)
                if contact.hears is not None:
                    self.time_announcement(contact, contact.hears)

    def engage(
        self,
        agent: Agent,
        contact: Contact,
        state: AgentState,
        at: Instant,
        *,
        until: Instant | None = None,
        extend_s: int = 0,
    ) -> None:
        """Put what agent does with contact into a state of the table, by the contact's own offer, and keep the indexes
        true. until, extend_s: of an Engagement."""
        engagement = agent.engaged_with(contact.id)
        if engagement is None:
            if contact.medium is _VOICE:
                # The wrap-up after another call is cut short by a comparison that finds this one.
                agent.engagements = [e for e in agent.engagements if e.medium is not _VOICE]
            engagement = Engagement(contact=contact.id, medium=contact.medium, state=state, since=at)
            agent.engagements.append(engagement)
        if engagement.state is _OFFERED and engagement.until is not None:
            self.timers.offers.set(contact.id, None)
        engagement.state, engagement.since = state, at
        engagement.offer, engagement.parked = contact.offer, False
        engagement.queue = contact.queue if not contact.test else None
        engagement.until, engagement.extend_s = until, extend_s
        if state is _OFFERED and until is not None:
            self.timers.offers.set(contact.id, until)
        agent.settle(at)
        self.timers.wrap_ups.set(agent.id, agent.wrap_up_ends())
        self._index_agent(agent)

    def disengage(self, agent: Agent, engagements: Sequence[Engagement], at: Instant, *, worked: bool) -> None:
        """These are over. worked: not by a mere offer, which costs no place among the idle."""
        for engagement in engagements:
            agent.engagements.remove(engagement)
            if engagement.state is _OFFERED and engagement.until is not None:
                self.timers.offers.set(engagement.contact, None)
        if worked:
            agent.idle_since = at
        agent.settle(at)
        self.timers.wrap_ups.set(agent.id, agent.wrap_up_ends())
        if agent.desk and agent.status is Status.SIGNED_OUT and not agent.at_phone():
            self.sit(agent, "")
        self._index_agent(agent)

    def park(self, agent: Agent, contact: ContactId, parked: bool, at: Instant) -> None:
        """Let what agent does with contact stand still, or go on."""
        engagement = agent.engaged_with(contact)
        if engagement is None or engagement.state is not _BUSY or engagement.parked is parked:
            raise FloorBug(f"Agent {agent.id} does nothing with contact {contact} that could be parked, or resumed.")
        engagement.parked = parked
        agent.settle(at)
        self._index_agent(agent)

    def choose(
        self,
        agent: Agent,
        status: Status,
        reason: str,
        at: Instant,
        *,
        by: str = "",
        ready_at: Instant | None = None,
    ) -> None:
        agent.status = status
        agent.reason = reason
        agent.status_by = by
        agent.overdue = False
        agent.ready_at = ready_at
        agent.since = at
        agent.idle_since = at
        self.timers.pauses.set(agent.id, ready_at)
        self._index_agent(agent)
        staffing = self.queue_limits.see_agent(agent)
        if staffing:
            unstaffed.staffing_changed(self, staffing, at)
        self.routing.presence_changed(agent.id)

    def set_skills(self, agent: Agent, skills: Skills | None) -> None:
        before = agent.skills
        agent.skills_set = skills
        self.routing.skills_changed(agent, before)

    def learnt(self, queue: QueueId | None) -> Learnt | None:
        """What is known of a queue, to be added to; None for one that is not configured."""
        if queue is None or queue not in self.queues:
            return None
        known = self.state.learnt.get(queue)
        if known is None:
            known = self.state.learnt[queue] = Learnt()
        return known

    def see(self, agent: Agent, handset: Handset, at: Instant) -> None:
        agent.handset = handset
        agent.handset_since = at
        self._index_agent(agent)

    def set_switch(self, key: SwitchKey, switch: Switch | None) -> None:
        """None: the calendar counts again."""
        if switch is None:
            self.state.switches.pop(key, None)
        else:
            self.state.switches[key] = switch
        self.timers.switches.set(key, switch.until if switch is not None else None)
        self.time_hours()

    def sit(self, agent: Agent, desk: str) -> None:
        """Move an agent to a desk; empty: to their own handset. What it does is known when somebody else is there."""
        if desk == agent.desk:
            return
        self.seats.leave(agent)
        agent.desk = desk
        others = self.seats.at(agent.profile.pbx, agent.endpoint)
        agent.handset = others[0].handset if others else Handset.UNAVAILABLE
        self.seats.take(agent)
        self._index_agent(agent)

    def extend_wrap_up(self, agent: Agent, until: Instant) -> None:
        """Of the wrap-up that is shown."""
        shown = [one for one in agent.wrap_ups() if one.until == agent.wrap_up_until]
        if not shown:
            raise FloorBug(f"Agent {agent.id} is {agent.state} and has no wrap-up to extend.")
        shown[-1].until, shown[-1].extend_s = until, 0
        agent.settle(shown[-1].since)
        self.timers.wrap_ups.set(agent.id, agent.wrap_up_ends())
        self._index_agent(agent)

    def tell_overdue(self, agent: Agent) -> None:
        agent.overdue = True
        self._index_agent(agent)

    def time_agents(self, pbx: PbxId) -> None:
        """Nothing is known of handsets while their PBX is away, so nobody is signed out."""
        for agent in self.agents.values() if self.limits.any else ():
            if agent.profile.pbx == pbx:
                self._time_agent(agent)

    def _time_agent(self, agent: Agent) -> None:
        until = self.limits.first(agent) if agent.profile.pbx in self.steered else None
        self.timers.limits.set(agent.id, until)

    def configure(self, plan: FloorPlan, at: Instant) -> None:
        """Take a new plan; people in the middle of something stay until they are done."""
        staffed = self.queue_limits.staffed_places()
        self.state.plan = plan
        forget_hours(self, plan)
        kept = {queue.id for queue in plan.queues}
        self.state.learnt = {queue: learnt for queue, learnt in self.state.learnt.items() if queue in kept}
        wanted = {profile.id: profile for profile in plan.agents}
        for agent_id, profile in wanted.items():
            if agent_id in self.agents:
                self.agents[agent_id].profile = profile
            else:
                self.agents[agent_id] = Agent(id=agent_id, profile=profile)
        for agent_id in [known for known in self.agents if known not in wanted]:
            agent = self.agents[agent_id]
            if agent.state is AgentState.IDLE:
                del self.agents[agent_id]
                self.timers.pauses.set(agent_id, None)
            else:
                agent.status, agent.reason, agent.ready_at = Status.SIGNED_OUT, "", None
                agent.status_by, agent.overdue = By.SYSTEM, False
        self._index_plan()
        unstaffed.follow_plan(self, staffed, at)

    def _index_plan(self) -> None:
        """Everything that follows from the plan: all of the indexes."""
        plan = self.state.plan
        self.queues = {queue.id: queue for queue in plan.queues} if plan else {}
        self._sending = {queue.id for queue in self.queues.values() if queue.sends_who_waits()}
        self.refusing = {queue.id for queue in self.queues.values() if queue.refuses()}
        self.limits = Limits(plan)
        self.timers.limits.reset()
        self.announcing = any(queue.announcements is not None for queue in self.queues.values())
        self.timers.steps.reset()
        self.timers.announcements.reset()
        self.seats = Seats(plan.agents if plan else (), self.agents.values())
        self.mixed = any(
            agent.profile.capacity != VOICE_ONLY or any(e.medium is not _VOICE for e in agent.engagements)
            for agent in self.agents.values()
        )
        self.routing = RoutingIndex(self.contacts, self.agents, self.queues)
        self.queue_limits = QueueLimits(self.queues, self.contacts.values(), self.agents.values())
        self.positions = Positions(self.queues, self.contacts.values())
        self.timers.callbacks.reset()
        self.callbacks = {}
        for contact in self.contacts.values():
            if contact.callback is not None:
                self._see_callback(contact)
            self._join_line(contact)
            if contact.return_by is not None:
                self.routing.expect(contact)
        for agent in self.agents.values():
            self.timers.wrap_ups.set(agent.id, agent.wrap_up_ends())
            self.timers.pauses.set(agent.id, agent.ready_at)
            for engagement in agent.engagements:
                if engagement.state is _OFFERED and engagement.until is not None:
                    self.timers.offers.set(engagement.contact, engagement.until)
            self._index_agent(agent)

    def _index_agent(self, agent: Agent) -> None:
        if self.seats.doubled:
            self.seats.see(agent)
        self.routing.see(agent)
        if self.limits.any:
            self._time_agent(agent)
