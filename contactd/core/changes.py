"""What each event changes on the floor: one function an event. LiveFloor.apply() is the only one to call them.

A function reads the floor and the event, checks before it changes anything, and leaves the indexes to the floor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from contactd.core import callback, customer, hearing, ring_all
from contactd.core import events as ev
from contactd.core.agent import AgentState, Status, Tries
from contactd.core.contact import Contact, ContactState, Outcome, Pressed, Rare, Sent
from contactd.core.destination import ToExternal, ToMenu, ToQueue
from contactd.core.dialling import Dialled, count, uncount
from contactd.core.disposing import DISPOSED
from contactd.core.errors import FloorBug
from contactd.core.hours import BY_HOURS, calendar_changed, hours_switched
from contactd.core.ids import Instant, QueueId, key_number
from contactd.core.learnt import past
from contactd.core.listening import LISTENING
from contactd.core.messages import MESSAGES
from contactd.core.needs import needs_in, with_record
from contactd.core.plan import Medium
from contactd.core.recording import RECORDING
from contactd.core.ring_back import remember, take
from contactd.core.transfers import TRANSFERS

if TYPE_CHECKING:
    from contactd.core.floor import LiveFloor

_UNANSWERED = (Outcome.ABANDONED_WAITING, Outcome.ABANDONED_RINGING, Outcome.TIMED_OUT)
RETURN_S = 2.0
"""How long a caller may take from the static queue back to the hold; it takes milliseconds."""


def _configured(floor: LiveFloor, event: ev.FloorConfigured, at: Instant) -> None:
    hearing.configured(floor, event.plan, at)
    floor.configure(event.plan, at)


def _steered(floor: LiveFloor, event: ev.PbxSteered, at: Instant) -> None:
    floor.steered.add(event.pbx)
    floor.routing.look_again()
    floor.time_steps(event.pbx)
    for contact in floor.contacts.values():
        if contact.state is ContactState.FALLBACK and contact.pbx == event.pbx:
            floor.expect_back(contact, at + RETURN_S)
    floor.time_agents(event.pbx)


def _lost(floor: LiveFloor, event: ev.PbxLost, at: Instant) -> None:
    floor.steered.discard(event.pbx)
    floor.time_steps(event.pbx)
    for contact_id in [c for c in floor.timers.returning.times if floor.contacts[c].pbx == event.pbx]:
        floor.expect_back(floor.contacts[contact_id], None)
    floor.time_agents(event.pbx)


def _dialplan_seen(floor: LiveFloor, event: ev.DialplanSeen, at: Instant) -> None:
    floor.state.editions[event.pbx] = event.edition


def _arrived(floor: LiveFloor, event: ev.ContactArrived | ev.ContactAdopted, at: Instant) -> None:
    if event.contact in floor.contacts:
        raise FloorBug(f"Contact {event.contact} arrives and is on the floor already.")
    arrived_at = event.arrived_at if isinstance(event, ev.ContactAdopted) else at
    floor.contacts[event.contact] = Contact(
        id=event.contact,
        medium=event.medium,
        pbx=event.pbx,
        call=event.call,
        channel=event.channel,
        dnis=event.dnis,
        callers=event.callers if isinstance(event, ev.ContactArrived) else (),
        arrived_at=arrived_at,
        test=event.test,
        rare=Rare(pressed=Pressed(number=event.keys)) if isinstance(event, ev.ContactAdopted) and event.keys else None,
    )


def _menu_chosen(floor: LiveFloor, event: ev.MenuChosen, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    contact.needs = needs_in(contact, event.queue)
    contact.queue = event.queue


def _flow_went(floor: LiveFloor, event: ev.FlowWent, at: Instant) -> None:
    floor.contacts[event.contact].served = event.served


def _queued(floor: LiveFloor, event: ev.ContactQueued, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    floor.check(contact, ContactState.WAITING)
    floor.leave_line(contact)
    contact.needs = needs_in(contact, event.queue)
    contact.hears = hearing.entered(contact, floor.queues.get(event.queue), event, at)
    contact.queue = event.queue
    contact.queued_at = event.queued_at
    contact.step = event.step
    if event.resumed is not None:
        take(floor.state.losses, contact, event.resumed)
    contact.estimate = event.estimate
    if event.estimate is not None:
        floor.state.estimated_at = at
    contact.passed = event.passed
    contact.turned_away = contact.unserved = False
    # A second wait, after a transfer, ends at the second talk.
    contact.connected_at = None
    floor.enter(contact, ContactState.WAITING, held=True)


def _diverted(floor: LiveFloor, event: ev.ContactDiverted, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    contact.turned_away = contact.turned_away or event.why in BY_HOURS
    contact.unserved = contact.unserved or event.why is ev.DiversionReason.UNSTAFFED
    number = key_number(event.diversion)
    if number:
        contact.change(pressed=Pressed(number=number, left=event.queue if isinstance(event.to, ToMenu) else None))
    if contact.calls_back and event.why is ev.DiversionReason.ASKED:
        contact.change(calls_back=False)
    if isinstance(event.to, ToQueue):
        floor.ask_for(contact, step=event.step, needs=contact.needs)
        return
    state = ContactState.MENU if isinstance(event.to, ToMenu) else ContactState.DIVERTED
    floor.check(contact, state)
    floor.leave_line(contact)
    contact.needs = needs_in(contact, event.queue)
    contact.queue, contact.step = event.queue, event.step
    floor.enter(contact, state)
    if isinstance(event.to, ToMenu):
        return
    contact.sent = Sent(diversion=event.diversion, to=event.to, at=at)
    if isinstance(event.to, ToExternal) and event.why is not ev.DiversionReason.FOUND:
        count(floor.state.dialled, Dialled(at=at, queue=event.queue))


def _diversion_failed(floor: LiveFloor, event: ev.DiversionFailed, at: Instant) -> None:
    if event.failure is ev.DiversionFailure.RATE:
        # Nothing was dialled.
        uncount(floor.state.dialled)
    floor.enter(floor.contacts[event.contact], ContactState.WAITING)


def _held(floor: LiveFloor, event: ev.ContactHeld, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    floor.check(contact, ContactState.WAITING)
    if contact.hears is not None or floor.announcing:
        contact.hears = hearing.held_again(contact, floor.queues.get(contact.queue or QueueId("")), at)
    floor.enter(contact, ContactState.WAITING, held=True)


def _needs_set(floor: LiveFloor, event: ev.ContactNeedsSet, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    contact.asked = event.needs
    floor.ask_for(contact, step=event.step, needs=with_record(event.needs, contact.known, contact.queue))


def _relaxed(floor: LiveFloor, event: ev.ContactRelaxed, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    floor.ask_for(contact, step=event.step, needs=contact.needs)


def _fell_back(floor: LiveFloor, event: ev.ContactFellBack, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    floor.enter(contact, ContactState.FALLBACK)
    if contact.queue != event.queue:
        contact.step = 0
        contact.needs = needs_in(contact, event.queue)
    contact.queue = event.queue
    contact.queued_at = event.queued_at
    floor.queue_limits.see_contact(contact)
    floor.positions.see(contact)
    if contact.pbx in floor.steered:
        floor.expect_back(contact, at + RETURN_S)


def _overdue(floor: LiveFloor, event: ev.ReturnOverdue, at: Instant) -> None:
    floor.expect_back(floor.contacts[event.contact], None)


def _offered(floor: LiveFloor, event: ev.ContactOffered, at: Instant) -> None:
    contact, agent = floor.contacts[event.contact], floor.agents[event.agent]
    floor.check(contact, ContactState.OFFERED, agent, AgentState.OFFERED)
    floor.enter(contact, ContactState.OFFERED)
    contact.agent, contact.offer = agent.id, event.offer
    callback.offered(contact, event.offer, at)
    contact.legs = ring_all.first_leg(contact, event)
    agent.offered_seq = floor.seq + 1
    if agent.remote:
        count(floor.state.dialled, Dialled(at=at, queue=contact.queue))
    floor.engage(agent, contact, AgentState.OFFERED, at, until=event.until)


def _offer_ended(floor: LiveFloor, event: ev.OfferEnded, at: Instant) -> None:
    contact, agent = floor.contacts[event.contact], floor.agents[event.agent]
    floor.check(contact, ContactState.WAITING, agent, AgentState.IDLE)
    ring_all.last_leg(contact, agent)
    callback.offer_over(contact)
    # A caller is on the way back to the hold, which says when they are there; nothing else is anywhere but here.
    floor.enter(contact, ContactState.WAITING, held=contact.medium is not Medium.VOICE)
    contact.agent = contact.offer = contact.recorder = None
    floor.disengage(agent, [e for e in (agent.engaged_with(contact.id),) if e is not None], at, worked=False)


def _connected(floor: LiveFloor, event: ev.ContactConnected, at: Instant) -> None:
    contact, agent = floor.contacts[event.contact], floor.agents[event.agent]
    floor.check(contact, ContactState.CONNECTED, agent, AgentState.BUSY)
    ring_all.last_leg(contact, agent)
    floor.enter(contact, ContactState.CONNECTED)
    learnt = floor.learnt(contact.queue) if not contact.test else None
    if learnt is not None and not event.seen_late:
        offer = agent.engaged_with(contact.id)
        if offer is not None and offer.offer == event.offer:
            learnt.rings.add(past(offer.since, at))
        if event.waited_s is not None:
            learnt.add_wait(event.waited_s, gave_up=False)
    contact.agent, contact.offer = agent.id, event.offer
    contact.connected_at, contact.handled = at, True
    agent.contacts += 1
    agent.busy_offers = 0
    floor.engage(agent, contact, AgentState.BUSY, at)


def _talk_ended(floor: LiveFloor, event: ev.TalkEnded, at: Instant) -> None:
    contact, agent = floor.contacts[event.contact], floor.agents[event.agent]
    doing = AgentState.IDLE if event.wrap_up_until is None else AgentState.WRAP_UP
    floor.check(contact, ContactState.RELEASED, agent, doing)
    floor.enter(contact, ContactState.RELEASED)
    contact.agent = contact.offer = contact.recorder = None
    learnt = floor.learnt(contact.queue) if not contact.test else None
    if learnt is not None and event.by != "unseen":
        learnt.talks.add(event.talk_s)
        if event.wrap_up_until is None:
            learnt.wrap_ups.add(0.0)
    if event.wrap_up_until is not None:
        floor.engage(agent, contact, AgentState.WRAP_UP, at, until=event.wrap_up_until, extend_s=event.extend_s)
    else:
        floor.disengage(agent, [e for e in (agent.engaged_with(contact.id),) if e is not None], at, worked=True)


def _ended(floor: LiveFloor, event: ev.ContactEnded, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    floor.enter(contact, ContactState.ENDED)
    if event.place_until is not None:
        remember(floor.state.losses, contact, event.place_until, at)
    learnt = floor.learnt(contact.queue) if not contact.test else None
    if learnt is not None and event.waited_s is not None and event.outcome in _UNANSWERED and not event.seen_late:
        learnt.add_wait(event.waited_s, gave_up=event.outcome is not Outcome.TIMED_OUT)
    del floor.contacts[event.contact]


def _signed_in(floor: LiveFloor, event: ev.AgentSignedIn, at: Instant) -> None:
    agent = floor.agents[event.agent]
    agent.pin_failures, agent.locked_until, agent.busy_offers = 0, None, 0
    if agent.status is Status.SIGNED_OUT:
        agent.contacts = 0
    floor.sit(agent, event.endpoint)
    floor.choose(agent, Status.READY, "", at, by=event.by)


def _signed_out(floor: LiveFloor, event: ev.AgentSignedOut, at: Instant) -> None:
    agent = floor.agents[event.agent]
    floor.choose(agent, Status.SIGNED_OUT, "", at, by=event.by)
    if not agent.at_phone():
        floor.sit(agent, "")


def _refused(floor: LiveFloor, event: ev.AgentRefused, at: Instant) -> None:
    agent = floor.agents[event.agent]
    agent.pin_failures = 0 if event.locked_until is not None else agent.pin_failures + 1
    agent.locked_until = event.locked_until


def _sign_in_refused(floor: LiveFloor, event: ev.SignInRefused, at: Instant) -> None:
    """Told, and nothing else."""


def _handset_refused(floor: LiveFloor, event: ev.HandsetRefused, at: Instant) -> None:
    if event.reason == "locked":
        return
    failures = 0 if event.locked_until is not None else event.failures
    tries = Tries(failures=failures, last_at=at, locked_until=event.locked_until)
    floor.state.tries[f"{event.pbx}/{event.endpoint}"] = tries


def _skills_set(floor: LiveFloor, event: ev.AgentSkillsSet, at: Instant) -> None:
    floor.set_skills(floor.agents[event.agent], event.skills)


def _ready(floor: LiveFloor, event: ev.AgentReady, at: Instant) -> None:
    floor.choose(floor.agents[event.agent], Status.READY, "", at, by=event.by)


def _not_ready(floor: LiveFloor, event: ev.AgentNotReady, at: Instant) -> None:
    agent = floor.agents[event.agent]
    agent.busy_offers = 0 if event.until is None else agent.busy_offers + 1
    floor.choose(agent, Status.NOT_READY, event.reason, at, by=event.by, ready_at=event.until)


def _overdue_told(floor: LiveFloor, event: ev.AgentOverdue, at: Instant) -> None:
    floor.tell_overdue(floor.agents[event.agent])


def _wrap_up_extended(floor: LiveFloor, event: ev.WrapUpExtended, at: Instant) -> None:
    floor.extend_wrap_up(floor.agents[event.agent], event.until)


def _wrap_up_ended(floor: LiveFloor, event: ev.WrapUpEnded, at: Instant) -> None:
    agent = floor.agents[event.agent]
    over = agent.wrap_ups(event.contact)
    if not over:
        raise FloorBug(f"Agent {agent.id} is in no wrap-up that could end.")
    floor.disengage(agent, over, at, worked=True)
    for wrap_up in over:
        learnt = floor.learnt(wrap_up.queue)
        if learnt is not None:
            learnt.wrap_ups.add(past(wrap_up.since, at))


def _parked(floor: LiveFloor, event: ev.ContactParked, at: Instant) -> None:
    floor.park(floor.agents[event.agent], event.contact, True, at)


def _resumed(floor: LiveFloor, event: ev.ContactResumed, at: Instant) -> None:
    floor.park(floor.agents[event.agent], event.contact, False, at)


def _turned(floor: LiveFloor, event: ev.AgentTurned, at: Instant) -> None:
    """The floor knows it from the other events; this one is for those who know an agent by one contact."""


def _handset_seen(floor: LiveFloor, event: ev.HandsetSeen, at: Instant) -> None:
    floor.see(floor.agents[event.agent], event.handset, at)


def _quarantined(floor: LiveFloor, event: ev.FactQuarantined, at: Instant) -> None:
    # The lost facts' numbers are used up; the comparison with the PBX mends what they said.
    floor.state.seq = event.last_seq - 1


CHANGES: dict[type[ev.Event], Callable[[LiveFloor, Any, Instant], None]] = {
    ev.FloorConfigured: _configured,
    ev.PbxSteered: _steered,
    ev.PbxLost: _lost,
    ev.DialplanSeen: _dialplan_seen,
    ev.ContactArrived: _arrived,
    ev.ContactAdopted: _arrived,
    ev.MenuChosen: _menu_chosen,
    ev.FlowWent: _flow_went,
    ev.ContactQueued: _queued,
    ev.ContactNeedsSet: _needs_set,
    ev.ContactRecognised: customer.recognised,
    ev.PartyVerified: customer.verified,
    ev.ContactRelaxed: _relaxed,
    ev.ContactDiverted: _diverted,
    ev.DiversionFailed: _diversion_failed,
    ev.ContactAnnounced: hearing.announced,
    ev.AnnouncementEnded: hearing.announcement_ended,
    ev.ContactHeld: _held,
    ev.ContactFellBack: _fell_back,
    ev.ReturnOverdue: _overdue,
    ev.ContactOffered: _offered,
    ev.OfferEnded: _offer_ended,
    ev.LegOffered: ring_all.leg_offered,
    ev.LegEnded: ring_all.leg_ended,
    ev.ContactConnected: _connected,
    ev.TalkEnded: _talk_ended,
    ev.ContactEnded: _ended,
    **callback.CALLBACK,
    **RECORDING,
    **TRANSFERS,
    **MESSAGES,
    **DISPOSED,
    **LISTENING,
    ev.AgentSignedIn: _signed_in,
    ev.AgentSignedOut: _signed_out,
    ev.AgentRefused: _refused,
    ev.SignInRefused: _sign_in_refused,
    ev.HandsetRefused: _handset_refused,
    ev.AgentSkillsSet: _skills_set,
    ev.AgentReady: _ready,
    ev.AgentNotReady: _not_ready,
    ev.AgentOverdue: _overdue_told,
    ev.WrapUpExtended: _wrap_up_extended,
    ev.WrapUpEnded: _wrap_up_ended,
    ev.ContactParked: _parked,
    ev.ContactResumed: _resumed,
    ev.AgentTurned: _turned,
    ev.HandsetSeen: _handset_seen,
    ev.CalendarChanged: calendar_changed,
    ev.HoursSwitched: hours_switched,
    ev.FactQuarantined: _quarantined,
}
