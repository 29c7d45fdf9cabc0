"""What becomes of an offer: answered, failed, not sent; of one that rings several, leg by leg."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import BUSY_AGAIN_S, Agent, By, Status
from contactd.core.callback import Missed
from contactd.core.callbacks import fail
from contactd.core.commands import ComparePbx, EndAttempt, WithdrawOffer
from contactd.core.contact import Contact, ContactState
from contactd.core.decision import Decision, connect, end_legs, end_offer
from contactd.core.events import OfferOutcome
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, ContactId, Instant, OfferId
from contactd.core.plan import Medium
from contactd.core.ring_all import NOT_ACCEPTED, forgiven, leg_at, outcome_at_end, outcome_of_leg


def _offered_contact(floor: LiveFloor, contact_id: ContactId, offer: OfferId) -> Contact | None:
    """The contact if this very offer is running; an answer to an older one is late, not wrong."""
    contact = floor.contacts.get(contact_id)
    if contact is None or contact.state is not ContactState.OFFERED or contact.offer != offer:
        return None
    return contact


def _offer_answered(floor: LiveFloor, input_: inp.OfferAnswered, at: Instant, into: Decision) -> None:
    contact = _offered_contact(floor, input_.contact, input_.offer)
    winner = _who_answered(floor, contact, input_.endpoint) if contact is not None else None
    if contact is not None and winner is not None:
        end_legs(contact, winner.id, OfferOutcome.ANSWERED_ELSEWHERE, 0, into)
        if contact.callback is not None:
            # The agent is there; the customer is dialled now.
            return
        into.events.append(connect(contact, winner, at, seen_late=False))
        return
    late = floor.contacts.get(input_.contact)
    if late is not None and late.state is not ContactState.CONNECTED:
        why = "an offer was answered " + ("that is not running" if contact is None else "by whom it did not ring")
        into.commands.append(ComparePbx(pbx=late.pbx, why=why))


def _who_answered(floor: LiveFloor, contact: Contact, endpoint: str) -> Agent | None:
    """None: several rang, and none of them at this handset."""
    if contact.agent is None:
        return None
    if not contact.legs or (not endpoint and len(contact.legs) == 1):
        return floor.agents[contact.agent]
    return leg_at(floor, contact, endpoint)


def _offer_failed(floor: LiveFloor, input_: inp.OfferFailed, at: Instant, into: Decision) -> None:
    contact = _offered_contact(floor, input_.contact, input_.offer)
    if contact is None or contact.agent is None or contact.offer is None:
        return
    whole = outcome_of(input_.dial_status, input_.cause)
    if not contact.legs:
        end_offer(contact, whole, input_.cause, into)
        _blame(floor, contact, floor.agents[contact.agent], whole, at, into)
        return
    outcomes: dict[AgentId, OfferOutcome] = {}
    for agent_id in (*(leg for leg in contact.legs if leg != contact.agent), contact.agent):
        outcome = outcomes[agent_id] = outcome_at_end(floor.agents[agent_id], input_.dial_status, whole)
        kind: Callable[..., ev.LegEnded | ev.OfferEnded]
        kind = ev.OfferEnded if agent_id == contact.agent else ev.LegEnded
        cause = input_.cause if outcome is whole else 0
        into.events.append(kind(contact=contact.id, agent=agent_id, offer=contact.offer, outcome=outcome, cause=cause))
    for agent_id, outcome in outcomes.items():
        _blame(floor, contact, floor.agents[agent_id], outcome, at, into)


def _leg_failed(floor: LiveFloor, input_: inp.LegFailed, at: Instant, into: Decision) -> None:
    contact = _offered_contact(floor, input_.contact, input_.offer)
    agent = leg_at(floor, contact, input_.endpoint) if contact is not None and contact.legs else None
    outcome = outcome_of_leg(input_.cause)
    if contact is None or agent is None or outcome is None or contact.offer is None:
        return
    if len(contact.legs) == 1:
        # The Dial() tells of its end by the last cause alone; this is the leg's own.
        end_offer(contact, outcome, input_.cause, into)
    else:
        into.events.append(
            ev.LegEnded(contact=contact.id, agent=agent.id, offer=contact.offer, outcome=outcome, cause=input_.cause)
        )
    _blame(floor, contact, agent, outcome, at, into)


def _blame(
    floor: LiveFloor, contact: Contact, agent: Agent, outcome: OfferOutcome, at: Instant, into: Decision
) -> None:
    """Who could have answered, and did not, is not ready now."""
    if outcome in (OfferOutcome.CALLER_GONE, OfferOutcome.LOST) or forgiven(floor, contact, agent, outcome, at):
        return
    if agent.status is Status.READY:
        pause_s = BUSY_AGAIN_S[min(agent.busy_offers, len(BUSY_AGAIN_S) - 1)]
        # Of a number outside no state tells that it can be reached again.
        away = outcome is OfferOutcome.UNREGISTERED and agent.remote
        until = at + pause_s if outcome is OfferOutcome.BUSY or away else None
        into.events.append(ev.AgentNotReady(agent=agent.id, reason=str(outcome), until=until, by=By.SYSTEM))


def outcome_of(dial_status: str, cause: int) -> OfferOutcome:
    """Asterisk 22's answers: 486 BUSY/17, 603 CHANUNAVAIL/21, 480 NOANSWER/19, unregistered CHANUNAVAIL/3 or 20."""
    match dial_status:
        case "BUSY":
            return OfferOutcome.BUSY
        case "CHANUNAVAIL" | "CONGESTION":
            return _BY_CAUSE.get(cause, OfferOutcome.UNREGISTERED)
        case "DECLINED":
            return OfferOutcome.DECLINED
        case "CANCEL":
            return OfferOutcome.CALLER_GONE
        case "STALE":
            return OfferOutcome.LOST
        case _:
            return _BY_CAUSE.get(cause, OfferOutcome.RONA)


_BY_CAUSE = {21: OfferOutcome.DECLINED, NOT_ACCEPTED: OfferOutcome.NOT_ACCEPTED}


def _command_failed(floor: LiveFloor, input_: inp.CommandFailed, at: Instant, into: Decision) -> None:
    contact = _offered_contact(floor, input_.contact, input_.offer)
    if contact is None:
        return
    # It is not held now: until the dialplan or a comparison says where the caller stands, it is offered to nobody,
    # or a PBX that refuses everything would be asked in a tight loop.
    if contact.callback is not None:
        fail(floor, contact, Missed.NOT_SENT, at, into)
    else:
        end_offer(contact, OfferOutcome.NOT_SENT, 0, into)
    into.commands.append(ComparePbx(pbx=contact.pbx, why=input_.why))


def _decline_asked(floor: LiveFloor, input_: inp.OfferDeclineAsked, at: Instant, into: Decision) -> None:
    """Of an offer that rings nobody else. The caller does not wait for the handset to fall silent."""
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.state is not ContactState.OFFERED or contact.agent != input_.agent or contact.legs:
        return
    agent, callback = floor.agents[input_.agent], contact.callback
    if contact.offer is None or (callback is not None and callback.dialled):
        return
    if callback is not None:
        into.commands.append(EndAttempt(pbx=contact.pbx, contact=contact.id, call=callback.attempt))
    elif contact.medium is Medium.VOICE:
        into.commands.append(
            WithdrawOffer(pbx=contact.pbx, contact=contact.id, channel=contact.channel, offer=contact.offer)
        )
    end_offer(contact, OfferOutcome.DECLINED, _CALL_REJECTED, into)
    _blame(floor, contact, agent, OfferOutcome.DECLINED, at, into)


_CALL_REJECTED = 21
"""Q.850, as a handset that declines says it."""
OFFERS: dict[type[inp.Input], Callable[[LiveFloor, Any, Instant, Decision], None]] = {
    inp.OfferAnswered: _offer_answered,
    inp.OfferFailed: _offer_failed,
    inp.LegFailed: _leg_failed,
    inp.OfferDeclineAsked: _decline_asked,
    inp.CommandFailed: _command_failed,
}
