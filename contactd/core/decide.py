"""What follows from an input, given the floor. Changes nothing; total: a late or odd input yields nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.announcing import announcement_told
from contactd.core.callbacks import CALLBACKS, hung_up
from contactd.core.commands import MoveToHold
from contactd.core.compare import compare
from contactd.core.contact import IN_LINE, Contact, ContactState, Outcome
from contactd.core.customer import party_known, verification_told
from contactd.core.decision import (
    Decision,
    diverted_outcome,
    end_contact,
    end_offer,
    end_talk,
    left_in_menu,
    queued,
    see_handset,
    waited,
)
from contactd.core.desks import leave_lost_desks
from contactd.core.disposing import DISPOSING
from contactd.core.diverting import destination_failed
from contactd.core.events import OfferOutcome
from contactd.core.floor import LiveFloor
from contactd.core.hold import call_arrived, call_fell_back, call_held, flow_went, menu_answered, needs_asked
from contactd.core.hours import calendar_turned, switch_asked
from contactd.core.ids import Instant
from contactd.core.keys import key_pressed
from contactd.core.listening import listening_told, turn_asked
from contactd.core.messages import message_told, text_found
from contactd.core.offers import OFFERS
from contactd.core.passing import time_passed
from contactd.core.plan import Medium
from contactd.core.presence import PRESENCE
from contactd.core.recording import passed_on, pause_asked, recording_muted, recording_told
from contactd.core.ring_back import place_kept_until
from contactd.core.take_over import caller_taken
from contactd.core.transfers import transfer_asked
from contactd.core.written import is_at_work, received, withdrawn


def decide(floor: LiveFloor, input_: inp.Input, at: Instant) -> Decision:
    """at: when the input happened; it may lie before the last step's (events read late after a freeze)."""
    decision = Decision()
    _DECIDE[type(input_)](floor, input_, at, decision)
    return decision


# --- contacts -------------------------------------------------------------------------------------------------------


def _caller_hung_up(floor: LiveFloor, input_: inp.CallerHungUp, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None:
        return
    if contact.callback is not None:
        hung_up(floor, contact, input_.call, at, into)
        return
    if input_.by and not is_at_work(contact, input_.by):
        return
    gave_up = Outcome.TIMED_OUT if input_.timed_out else Outcome.ABANDONED_WAITING
    outcome = Outcome.HANDLED if contact.handled else gave_up
    match contact.state:
        case ContactState.MENU if not contact.handled:
            outcome = left_in_menu(contact)
        case ContactState.OFFERED:
            end_offer(contact, OfferOutcome.CALLER_GONE, 0, into)
            outcome = Outcome.HANDLED if contact.handled else Outcome.ABANDONED_RINGING
        case ContactState.CONNECTED:
            end_talk(floor, contact, "agent" if input_.by else "caller", at, into)
        case ContactState.DIVERTED:
            outcome = diverted_outcome(contact)
        case _:
            pass
    place_until = place_kept_until(floor, contact, outcome, input_.cause, at)
    end_contact(contact, outcome, at, into, cause=input_.cause, place_until=place_until)


# --- talks ------------------------------------------------------------------------------------------------------------


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
    if consult is not None and (consult.medium is not Medium.VOICE or consult.callback is not None):
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
        if consult is not None:
            passed_on(consult, contact, agent.id, into)
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


# --- agents ---------------------------------------------------------------------------------------------------------


def _handset_changed(floor: LiveFloor, input_: inp.HandsetChanged, at: Instant, into: Decision) -> None:
    for agent in floor.seats.at(input_.pbx, input_.endpoint):
        see_handset(agent, input_.handset, into)


def _skills_asked(floor: LiveFloor, input_: inp.SkillsAsked, at: Instant, into: Decision) -> None:
    agent = floor.agents.get(input_.agent)
    if agent is not None and agent.skills_set != input_.skills:
        into.events.append(ev.AgentSkillsSet(agent=agent.id, skills=input_.skills))


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
        if contact.held or withdrawn or (contact.callback is not None and contact.state is ContactState.WAITING):
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
    inp.CallArrived: call_arrived,
    inp.MenuAnswered: menu_answered,
    inp.FlowWent: flow_went,
    inp.CallHeld: call_held,
    inp.KeyPressed: key_pressed,
    inp.ContactReceived: received,
    inp.ContactWithdrawn: withdrawn,
    inp.CallFellBack: call_fell_back,
    inp.NeedsAsked: needs_asked,
    inp.PartyKnown: party_known,
    inp.VerificationTold: verification_told,
    inp.DestinationFailed: destination_failed,
    inp.AnnouncementTold: announcement_told,
    **OFFERS,
    inp.CallerHungUp: _caller_hung_up,
    inp.AgentHungUp: _agent_hung_up,
    inp.TransferAsked: transfer_asked,
    inp.TransferCompleted: _transfer_completed,
    inp.HandsetChanged: _handset_changed,
    **PRESENCE,
    inp.SkillsAsked: _skills_asked,
    inp.CalendarTurned: calendar_turned,
    inp.SwitchAsked: switch_asked,
    **CALLBACKS,
    inp.RecordingTold: recording_told,
    inp.RecordingPauseAsked: pause_asked,
    inp.RecordingMuted: recording_muted,
    inp.TextFound: text_found,
    inp.MessageTold: message_told,
    **DISPOSING,
    inp.ListeningTold: listening_told,
    inp.ListeningTurnAsked: turn_asked,
    inp.CallerTaken: caller_taken,
    inp.TimePassed: time_passed,
}
