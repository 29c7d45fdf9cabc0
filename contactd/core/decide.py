"""What follows from an input, given the floor. Changes nothing; total: a late or odd input yields nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import BUSY_AGAIN_S, By, Status
from contactd.core.commands import ComparePbx, MoveToHold, ReturnToHold
from contactd.core.compare import compare
from contactd.core.contact import IN_LINE, STICKY, Contact, ContactState, Outcome
from contactd.core.customer import party_known, verification_told
from contactd.core.decision import (
    Decision,
    adopt,
    carried_needs,
    connect,
    diverted_outcome,
    end_contact,
    end_offer,
    end_talk,
    expecting,
    queue_or_default,
    queued,
    see_handset,
    waited,
)
from contactd.core.desks import leave_lost_desks
from contactd.core.diverting import arrive, closing_sends, destination_failed, step_goes, still_there
from contactd.core.events import OfferOutcome
from contactd.core.floor import LiveFloor
from contactd.core.hours import calendar_turned, switch_asked, switches_over
from contactd.core.ids import ContactId, Instant, OfferId, is_test_call
from contactd.core.needs import with_record
from contactd.core.plan import Medium
from contactd.core.presence import PRESENCE, limit_reached
from contactd.core.ring_back import lost_place, place_kept_until
from contactd.core.routing.demand import before_going, due_step, step_asking
from contactd.core.written import offer_overdue, received


def decide(floor: LiveFloor, input_: inp.Input, at: Instant) -> Decision:
    """at: when the input happened; it may lie before the last step's (events read late after a freeze)."""
    decision = Decision()
    _DECIDE[type(input_)](floor, input_, at, decision)
    return decision


# --- contacts -------------------------------------------------------------------------------------------------------


def _call_arrived(floor: LiveFloor, input_: inp.CallArrived, at: Instant, into: Decision) -> None:
    if input_.contact in floor.contacts:
        return
    into.events.append(
        ev.ContactArrived(
            contact=input_.contact,
            pbx=input_.pbx,
            call=input_.call,
            channel=input_.channel,
            dnis=input_.dnis,
            test=is_test_call(input_.call),
            callers=input_.callers[:2],
        )
    )


def _menu_answered(floor: LiveFloor, input_: inp.MenuAnswered, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.state is not ContactState.MENU:
        return
    into.events.append(
        ev.MenuChosen(
            contact=contact.id,
            menu=input_.menu,
            choice=input_.choice,
            queue=queue_or_default(floor, input_.queue),
        )
    )


def _call_held(floor: LiveFloor, input_: inp.CallHeld, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    queue = queue_or_default(floor, input_.queue)
    # Transferred into a queue, or sent back into the hold by a dialplan of the site's own: a new wait begins.
    anew = contact is not None and contact.state in (ContactState.CONNECTED, ContactState.RELEASED)
    if not anew:
        # Unless that one is gone from the plan.
        queue = queue_or_default(floor, still_there(contact, queue))
    if contact is None:
        into.events.append(adopt(input_, input_.pbx, at))
    needs = carried_needs(input_, contact, into)
    queued_at = min(input_.queued_at, at)
    loss = lost_place(floor, contact, queue, at) if contact is not None and contact.queued_at is None else None
    if loss is not None:
        queued_at = min(queued_at, loss.queued_at)
    waits = queued(input_.contact, queue, queued_at, at, plan=floor.queues.get(queue), known=contact, needs=needs)
    if loss is not None:
        waits = msgspec.structs.replace(waits, resumed=loss.contact)
    if contact is None or contact.queued_at is None or contact.queue != queue:
        record = contact.known if contact is not None else None
        waits = expecting(floor, waits, input_.pbx, with_record(needs, record, queue), at)
    if contact is None:
        anew = input_.queued_at > at - _JUST_NOW_S
    elif contact.state is ContactState.OFFERED:
        end_offer(contact, OfferOutcome.LOST, 0, into)
    elif contact.state is ContactState.CONNECTED:
        end_talk(floor, contact, "transfer", at, into)
    if anew or (contact is not None and contact.queued_at is None):
        caller = contact or input_
        arrive(floor, waits, pbx=caller.pbx, channel=caller.channel, known=contact, at=at, into=into)
    elif contact is None or contact.queue != queue:
        into.events.append(waits)
    elif not contact.held:
        into.events.append(ev.ContactHeld(contact=contact.id))


_JUST_NOW_S = 2.0
"""Somebody whom nobody announced and who has waited for longer has not just arrived: we were away."""


def _needs_asked(floor: LiveFloor, input_: inp.NeedsAsked, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.asked_before() == input_.needs:
        return
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    needs = with_record(input_.needs, contact.known, contact.queue)
    step = step_asking(queue, contact, needs, at)
    into.events.append(ev.ContactNeedsSet(contact=contact.id, needs=input_.needs, step=step))


def _call_fell_back(floor: LiveFloor, input_: inp.CallFellBack, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None:
        into.events.append(adopt(input_, input_.pbx, at))
    elif contact.state is ContactState.OFFERED:
        end_offer(contact, OfferOutcome.LOST, 0, into)
    elif contact.state not in (ContactState.MENU, ContactState.WAITING, ContactState.DIVERTED):
        return
    into.events.append(
        ev.ContactFellBack(
            contact=input_.contact,
            queue=queue_or_default(floor, still_there(contact, queue_or_default(floor, input_.queue))),
            queued_at=min(input_.queued_at, at, *_kept_place(contact)),
        )
    )
    if input_.pbx in floor.steered:
        into.commands.append(ReturnToHold(pbx=input_.pbx, contact=input_.contact, channel=input_.channel))


def _kept_place(contact: Contact | None) -> tuple[Instant, ...]:
    """The dialplan does not know that a caller who rang back has an older place."""
    return () if contact is None or contact.queued_at is None else (contact.queued_at,)


def _caller_hung_up(floor: LiveFloor, input_: inp.CallerHungUp, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None:
        return
    gave_up = Outcome.TIMED_OUT if input_.timed_out else Outcome.ABANDONED_WAITING
    outcome = Outcome.HANDLED if contact.handled else gave_up
    match contact.state:
        case ContactState.MENU:
            outcome = Outcome.ABANDONED_IN_MENU
        case ContactState.OFFERED:
            end_offer(contact, OfferOutcome.CALLER_GONE, 0, into)
            outcome = Outcome.HANDLED if contact.handled else Outcome.ABANDONED_RINGING
        case ContactState.CONNECTED:
            end_talk(floor, contact, "caller", at, into)
        case ContactState.DIVERTED:
            outcome = diverted_outcome(contact)
        case _:
            pass
    place_until = place_kept_until(floor, contact, outcome, input_.cause, at)
    end_contact(contact, outcome, at, into, cause=input_.cause, place_until=place_until)


# --- offers ---------------------------------------------------------------------------------------------------------


def _offered_contact(floor: LiveFloor, contact_id: ContactId, offer: OfferId) -> Contact | None:
    """The contact if this very offer is running; an answer to an older one is late, not wrong."""
    contact = floor.contacts.get(contact_id)
    if contact is None or contact.state is not ContactState.OFFERED or contact.offer != offer:
        return None
    return contact


def _offer_answered(floor: LiveFloor, input_: inp.OfferAnswered, at: Instant, into: Decision) -> None:
    contact = _offered_contact(floor, input_.contact, input_.offer)
    if contact is not None and contact.agent is not None:
        into.events.append(connect(contact, floor.agents[contact.agent], at, seen_late=False))
        return
    late = floor.contacts.get(input_.contact)
    if late is not None and late.state is not ContactState.CONNECTED:
        into.commands.append(ComparePbx(pbx=late.pbx, why="an offer was answered that is not running"))


def _offer_failed(floor: LiveFloor, input_: inp.OfferFailed, at: Instant, into: Decision) -> None:
    contact = _offered_contact(floor, input_.contact, input_.offer)
    if contact is None or contact.agent is None:
        return
    outcome = outcome_of(input_.dial_status, input_.cause)
    end_offer(contact, outcome, input_.cause, into)
    if outcome not in (OfferOutcome.CALLER_GONE, OfferOutcome.LOST):
        agent = floor.agents[contact.agent]
        if agent.status is Status.READY:
            pause_s = BUSY_AGAIN_S[min(agent.busy_offers, len(BUSY_AGAIN_S) - 1)]
            until = at + pause_s if outcome is OfferOutcome.BUSY else None
            into.events.append(ev.AgentNotReady(agent=agent.id, reason=str(outcome), until=until, by=By.SYSTEM))


def outcome_of(dial_status: str, cause: int) -> OfferOutcome:
    """Asterisk 22's answers: 486 BUSY/17, 603 CHANUNAVAIL/21, 480 NOANSWER/19, unregistered CHANUNAVAIL/3 or 20."""
    match dial_status:
        case "BUSY":
            return OfferOutcome.BUSY
        case "CHANUNAVAIL" | "CONGESTION":
            return OfferOutcome.DECLINED if cause == 21 else OfferOutcome.UNREGISTERED
        case "DECLINED":
            return OfferOutcome.DECLINED
        case "CANCEL":
            return OfferOutcome.CALLER_GONE
        case "STALE":
            return OfferOutcome.LOST
        case _:
            return OfferOutcome.DECLINED if cause == 21 else OfferOutcome.RONA


def _agent_hung_up(floor: LiveFloor, input_: inp.AgentHungUp, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.state is not ContactState.CONNECTED:
        return
    if contact.offer is not None and contact.offer != input_.offer:
        return
    end_talk(floor, contact, "transfer" if input_.transferred else "agent", at, into)


def _transfer_completed(floor: LiveFloor, input_: inp.TransferCompleted, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.medium is not Medium.VOICE:
        return
    if contact.state is ContactState.CONNECTED and contact.offer in (None, input_.offer):
        end_talk(floor, contact, "transfer", at, into)
    elif contact.state is not ContactState.RELEASED:
        return
    other = input_.consult if input_.consult != contact.id else None
    consult = floor.contacts.get(other) if other else None
    if consult is not None and consult.medium is not Medium.VOICE:
        consult = None
    in_line = consult is not None and consult.state in IN_LINE
    if consult is not None:
        _merge(floor, consult, at, into)
    agent = floor.seats.by_endpoint.get((contact.pbx, input_.endpoint or ""))
    call = agent.on_voice() if agent is not None else None
    if agent is not None and (call is None or call.contact == other):
        into.events.append(
            ev.ContactConnected(
                contact=contact.id,
                agent=agent.id,
                offer=None,
                waited_s=waited(contact, at),
            )
        )
    elif in_line:
        # The caller stands where the agent stood, with the agent's variables: the hold gives them their own again,
        # and keeps the place in line.
        into.commands.append(MoveToHold(pbx=contact.pbx, contact=contact.id, channel=contact.channel))


def _merge(floor: LiveFloor, consult: Contact, at: Instant, into: Decision) -> None:
    """The agent's own call to our line is over; what follows is told of the caller."""
    if consult.state is ContactState.OFFERED:
        end_offer(consult, OfferOutcome.CALLER_GONE, 0, into)
    elif consult.state is ContactState.CONNECTED:
        end_talk(floor, consult, "transfer", at, into)
    end_contact(consult, Outcome.MERGED, at, into)


def _command_failed(floor: LiveFloor, input_: inp.CommandFailed, at: Instant, into: Decision) -> None:
    contact = _offered_contact(floor, input_.contact, input_.offer)
    if contact is None:
        return
    # It is not held now: until the dialplan or a comparison says where the caller stands, it is offered to nobody,
    # or a PBX that refuses everything would be asked in a tight loop.
    end_offer(contact, OfferOutcome.NOT_SENT, 0, into)
    into.commands.append(ComparePbx(pbx=contact.pbx, why=input_.why))


# --- agents ---------------------------------------------------------------------------------------------------------


def _handset_changed(floor: LiveFloor, input_: inp.HandsetChanged, at: Instant, into: Decision) -> None:
    for agent in floor.seats.at(input_.pbx, input_.endpoint):
        see_handset(agent, input_.handset, into)


def _skills_asked(floor: LiveFloor, input_: inp.SkillsAsked, at: Instant, into: Decision) -> None:
    agent = floor.agents.get(input_.agent)
    if agent is not None and agent.skills_set != input_.skills:
        into.events.append(ev.AgentSkillsSet(agent=agent.id, skills=input_.skills))


def _time_passed(floor: LiveFloor, input_: inp.TimePassed, at: Instant, into: Decision) -> None:
    due = floor.due(at)
    for agent_id in due.wrap_ups:
        wrap_ups = floor.agents[agent_id].wrap_ups()
        over = [engagement for engagement in wrap_ups if engagement.until is not None and engagement.until <= at]
        # The same contact may have come back and gone again.
        named = [None] if len(over) == len(wrap_ups) else dict.fromkeys(engagement.contact for engagement in over)
        into.events += [ev.WrapUpEnded(agent=agent_id, contact=contact, by=By.SYSTEM) for contact in named]
    for contact_id in due.offers:
        offer_overdue(floor, contact_id, into)
    into.events += [ev.AgentReady(agent=agent, by=By.SYSTEM) for agent in due.pauses]
    into.events += [ev.ReturnOverdue(contact=contact) for contact in due.returning]
    switches_over(due.switches, into)
    for contact in map(floor.contacts.__getitem__, due.steps):
        queue = floor.queues.get(contact.queue) if contact.queue is not None else None
        if queue is not None and contact.queued_at is not None:
            if closing_sends(floor, contact, queue, at, into):
                continue
            reached = due_step(queue, contact.step == STICKY and contact.prefers(), contact.queued_at, at)
            reached = max(reached, contact.step + 1)
            step = before_going(queue, contact.step, reached)
            if step < reached and floor.can_go(contact):
                step_goes(floor, contact, queue, step + 1, at, into)
            else:
                into.events.append(ev.ContactRelaxed(contact=contact.id, step=step))
    # After all that was decided on a floor where these were signed in.
    for agent_id in due.limits:
        limit_reached(floor, floor.agents[agent_id], at, into)


# --- the floor itself -----------------------------------------------------------------------------------------------


def _configuration_loaded(floor: LiveFloor, input_: inp.ConfigurationLoaded, at: Instant, into: Decision) -> None:
    if floor.state.plan == input_.plan:
        return
    into.events.append(ev.FloorConfigured(plan=input_.plan))
    leave_lost_desks(floor, input_.plan, into)
    queues = {queue.id: queue for queue in input_.plan.queues}
    default = input_.plan.default_queue
    for contact in floor.contacts.values():
        # Who is not held gets the new queue with the next hold; being queued means being held.
        if contact.queue in queues:
            continue
        withdrawn = contact.state is ContactState.OFFERED and contact.medium is not Medium.VOICE
        if withdrawn:
            # No hold would ever give it another one.
            end_offer(contact, OfferOutcome.LOST, 0, into)
        if contact.held or withdrawn:
            into.events.append(
                queued(
                    contact.id,
                    default,
                    contact.queued_at if contact.queued_at is not None else at,
                    at,
                    plan=queues.get(default),
                    known=contact,
                    passed=contact.passed,
                )
            )


def _pbx_absent(floor: LiveFloor, input_: inp.PbxAbsent, at: Instant, into: Decision) -> None:
    if input_.pbx in floor.steered:
        into.events.append(ev.PbxLost(pbx=input_.pbx, why=input_.why))


_DECIDE: dict[type[inp.Input], Callable[[LiveFloor, Any, Instant, Decision], None]] = {
    inp.ConfigurationLoaded: _configuration_loaded,
    inp.PbxAbsent: _pbx_absent,
    inp.PbxCompared: compare,
    inp.CallArrived: _call_arrived,
    inp.MenuAnswered: _menu_answered,
    inp.CallHeld: _call_held,
    inp.ContactReceived: received,
    inp.CallFellBack: _call_fell_back,
    inp.NeedsAsked: _needs_asked,
    inp.PartyKnown: party_known,
    inp.VerificationTold: verification_told,
    inp.DestinationFailed: destination_failed,
    inp.OfferAnswered: _offer_answered,
    inp.OfferFailed: _offer_failed,
    inp.CallerHungUp: _caller_hung_up,
    inp.AgentHungUp: _agent_hung_up,
    inp.TransferCompleted: _transfer_completed,
    inp.HandsetChanged: _handset_changed,
    **PRESENCE,
    inp.SkillsAsked: _skills_asked,
    inp.CalendarTurned: calendar_turned,
    inp.SwitchAsked: switch_asked,
    inp.CommandFailed: _command_failed,
    inp.TimePassed: _time_passed,
}
