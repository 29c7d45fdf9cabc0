"""Decisions about callbacks: taken, due, dialled, missed, reached, over. docs/callback.rst, ADR 28.

Nobody is dialled but by CustomerDialled, which is kept before the PBX is told the number: an attempt asks for it once,
and an attempt whose end nobody saw is settled by a comparison before another begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.callback import Missed, attempt_call, may_begin, plan_of
from contactd.core.commands import CallCustomer, ComparePbx, EndAttempt
from contactd.core.contact import Contact, ContactState, Outcome
from contactd.core.decision import Decision, connect, end_contact, end_offer, queue_or_default, queued
from contactd.core.destination import ToCallback
from contactd.core.dialling import FOR_EVER, Purpose, listed, may_dial
from contactd.core.diverting import send
from contactd.core.events import DiversionReason, OfferOutcome
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId, Instant, QueueId
from contactd.core.opening import opening_of
from contactd.core.plan import CallbackFirst, Medium
from contactd.core.routing.demand import boost_s, eligible, target_of
from contactd.core.routing.waits import remaining_wait

SETTLE_S = 8.0
"""From the caller's word until the first attempt: they hear thanks, and hang up."""
SOON_S = 10.0
"""Between two attempts that did not come as far as the customer's telephone."""
AHEAD_S = 5.0
"""Beyond the ringing: to find the telephone, and to press the key."""


# --- asked for --------------------------------------------------------------------------------------------------------


def wanted(floor: LiveFloor, input_: inp.CallbackWanted, at: Instant, into: Decision) -> None:
    """From a menu or a flow it is remembered until the caller stands in a queue; who waits is asked at once."""
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.medium is not Medium.VOICE or contact.calls_back:
        return
    if contact.state is ContactState.MENU:
        into.events.append(ev.CallbackWished(contact=contact.id))
    elif contact.state is ContactState.WAITING and floor.can_go(contact):
        send(floor, contact, DiversionReason.ASKED, ToCallback(), at, into)


def asked(floor: LiveFloor, input_: inp.CallbackAsked, at: Instant, into: Decision) -> None:
    """The number is known, and was looked at. Of a contact that nobody knows: somebody asks for it on their behalf."""
    contact = floor.contacts.get(input_.contact)
    rules = floor.plan.dialling
    if listed(input_.number, Purpose.CALLBACK, rules) is not None:
        return
    if contact is None:
        if not input_.call or not input_.by:
            return
        queue = queue_or_default(floor, input_.queue)
        into.events.append(
            ev.ContactArrived(contact=input_.contact, pbx=input_.pbx, call=input_.call, channel="", dnis="")
        )
        into.events.append(queued(input_.contact, queue, at, at, plan=floor.queues.get(queue), known=None))
    elif contact.state is ContactState.DIVERTED and isinstance(contact.diverted_to, ToCallback):
        queue = queue_or_default(floor, contact.queue)
    else:
        return
    refused = may_dial(input_.number, Purpose.CALLBACK, queue, rules, (), at)
    opens = refused.until if refused is not None and refused.until is not None else at
    until = at + plan_of(floor.queues.get(queue)).expires_s
    into.events.append(
        ev.CallbackTaken(
            contact=input_.contact,
            queue=queue,
            due_at=max(at + SETTLE_S, opens),
            until=max(until, opens + SOON_S),
            callers=input_.number.known_by[:2],
            by=input_.by,
        )
    )


def cancel_asked(floor: LiveFloor, input_: inp.CallbackCancelAsked, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is not None and contact.callback is not None:
        end(contact, Outcome.CALLBACK_CANCELLED, at, into)


def now_asked(floor: LiveFloor, input_: inp.CallbackNowAsked, at: Instant, into: Decision) -> None:
    """It waits for no spacing any more; hours, limits and its place stay."""
    contact = floor.contacts.get(input_.contact)
    callback = contact.callback if contact is not None else None
    if contact is not None and callback is not None and not callback.due and not callback.attempt:
        into.events.append(ev.CallbackDue(contact=contact.id, by=input_.by))


def called_in(floor: LiveFloor, contact: Contact, queue: QueueId) -> Contact | None:
    """Whose callback this caller, who begins to wait in queue, needs no more: known by the number, or as the party."""
    found = [
        other
        for other in floor.callbacks.values()
        if other is not contact and _same(other, contact) and (other.queue == queue or other.dnis == contact.dnis)
    ]
    return min(found, key=lambda other: (other.queued_at or 0.0, other.id), default=None)


def _same(one: Contact, other: Contact) -> bool:
    if not set(one.callers).isdisjoint(other.callers):
        return True
    known, also = one.known, other.known
    return known is not None and also is not None and known.party is not None and known.party == also.party


def end(contact: Contact, outcome: Outcome, at: Instant, into: Decision) -> None:
    """Nobody is called any more; what rings is stopped."""
    if contact.state is ContactState.OFFERED:
        end_offer(contact, OfferOutcome.CALLER_GONE, 0, into)
    if contact.callback is not None and contact.callback.attempt:
        into.commands.append(EndAttempt(pbx=contact.pbx, contact=contact.id, call=contact.callback.attempt))
    end_contact(contact, outcome, at, into)


# --- in time ----------------------------------------------------------------------------------------------------------


def callback_due(floor: LiveFloor, contact_id: ContactId, at: Instant, into: Decision) -> None:
    contact = floor.contacts[contact_id]
    if contact.callback is None:
        return
    if contact.callback.until <= at:
        end(contact, Outcome.CALLBACK_EXPIRED, at, into)
    else:
        into.events.append(ev.CallbackDue(contact=contact_id))


def moment(floor: LiveFloor, input_: inp.CallbackMoment, at: Instant, into: Decision) -> None:
    """Customers who are called before an agent is free, since their turn is about to come: as many as agents are ready,
    and one more when somebody will be within the time that the customer's telephone rings."""
    under_way: dict[QueueId | None, int] = {}
    for contact in floor.callbacks.values():
        if contact.callback is not None and contact.callback.attempt:
            under_way[contact.queue] = under_way.get(contact.queue, 0) + 1
    for contact in sorted(
        filter(lambda one: is_watched(floor, one), floor.callbacks.values()), key=lambda one: _rank(floor, one)
    ):
        running = under_way.get(contact.queue, 0)
        if not _is_near(floor, contact, running, at):
            continue
        under_way[contact.queue] = running + 1
        # The number of the event that is appended now: an id is never given twice.
        attempt = attempt_call(contact, f"{floor.epoch}-{floor.seq + len(into.events) + 1}")
        into.events.append(ev.CallbackBegun(contact=contact.id, attempt=attempt))
        queue = floor.queues.get(contact.queue or QueueId(""))
        into.commands.append(
            CallCustomer(
                pbx=contact.pbx,
                contact=contact.id,
                call=attempt,
                queue=contact.queue or QueueId(""),
                dnis=contact.dnis,
                ring_s=plan_of(queue).ring_s,
            )
        )


def is_watched(floor: LiveFloor, contact: Contact) -> bool:
    """Whether the customer is to be dialled when the turn is near."""
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    waits = contact.state is ContactState.WAITING and contact.pbx in floor.steered
    return waits and plan_of(queue).first is CallbackFirst.CUSTOMER and may_begin(floor, contact)


def _rank(floor: LiveFloor, contact: Contact) -> tuple[Instant, ContactId]:
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    boost = boost_s(queue, contact) if queue is not None else 0
    return (contact.queued_at or 0.0) - boost, contact.id


def _is_near(floor: LiveFloor, contact: Contact, running: int, at: Instant) -> bool:
    """running: how many customers of the queue are being called already."""
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    if queue is None:
        return False
    target = target_of(queue, contact, floor.agents)
    ready = sum(eligible(floor.agents[agent], target) for agent in floor.available)
    if ready > running:
        return True
    if running:
        return False
    estimate = remaining_wait(floor, contact, at)
    return estimate is not None and estimate.median_s <= plan_of(queue).ring_s + AHEAD_S


# --- under way --------------------------------------------------------------------------------------------------------


def dial_asked(floor: LiveFloor, input_: inp.CallbackDialAsked, at: Instant, into: Decision) -> None:
    """The PBX asks whom to dial. Once an attempt, and only by the room of all dial-outs."""
    contact = _in_attempt(floor, input_.contact, input_.call)
    if contact is None or contact.callback is None or contact.callback.dialled:
        return
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    opening = opening_of(queue, floor.state.calendars, floor.state.switches) if queue is not None else None
    if opening is not None and not opening.open:
        fail(floor, contact, Missed.CLOSED, at, into, until=opening.until)
    elif input_.number is None:
        fail(floor, contact, Missed.NO_NUMBER, at, into, for_ever=input_.gone, until=at + 6 * SOON_S)
    else:
        refused = may_dial(input_.number, Purpose.CALLBACK, contact.queue, floor.plan.dialling, floor.state.dialled, at)
        if refused is not None:
            fail(floor, contact, refused.why, at, into, for_ever=refused.why in FOR_EVER, until=refused.until)
            return
        known_by = input_.number.known_by[0] if input_.number.known_by else ""
        into.events.append(ev.CustomerDialled(contact=contact.id, attempt=input_.call, known_by=known_by))


def answered(floor: LiveFloor, input_: inp.CustomerAnswered, at: Instant, into: Decision) -> None:
    """The customer has the agent on the line who was there before. Who is called first presses a key before that."""
    contact = _in_attempt(floor, input_.contact, input_.call)
    if contact is None or contact.state is not ContactState.OFFERED or contact.agent is None:
        return
    if len(contact.legs) > 1:
        into.commands.append(ComparePbx(pbx=contact.pbx, why="a customer was reached for an agent whom nobody named"))
        return
    into.events.append(ev.CallbackReached(contact=contact.id, call=input_.call, channel=input_.call))
    into.events.append(connect(contact, floor.agents[contact.agent], at, seen_late=False))


def over(floor: LiveFloor, input_: inp.CallbackOver, at: Instant, into: Decision) -> None:
    contact = _in_attempt(floor, input_.contact, input_.call)
    if contact is None:
        return
    why = _MISSED.get(input_.status, Missed.UNAVAILABLE)
    fail(floor, contact, why, at, into)
    if why is Missed.NOT_SENT:
        into.commands.append(ComparePbx(pbx=contact.pbx, why=input_.why))


_MISSED = {
    "BUSY": Missed.BUSY,
    "NOANSWER": Missed.NOT_ANSWERED,
    "CANCEL": Missed.NOT_ANSWERED,
    "ANSWER": Missed.NOT_ACCEPTED,
    "NOTACCEPTED": Missed.NOT_ACCEPTED,
    "NOTALLOWED": Missed.NOT_LISTED,
    inp.NOT_SENT: Missed.NOT_SENT,
}


def hung_up(floor: LiveFloor, contact: Contact, call: str, at: Instant, into: Decision) -> None:
    """A channel of a contact that is to be called back is gone: the attempt's, or the one that the caller once had."""
    callback = contact.callback
    if callback is not None and call == contact.call and callback.due_at <= callback.asked_at + SETTLE_S:
        # The caller has hung up, and need not be waited for.
        if not callback.due and not callback.attempt and not callback.tries:
            into.events.append(ev.CallbackDue(contact=contact.id))
        return
    if callback is None or not call or call != callback.attempt:
        return
    if not callback.dialled:
        fail(floor, contact, Missed.UNSEEN, at, into)
    else:
        offered = contact.state is ContactState.OFFERED
        fail(floor, contact, Missed.AGENT_LEFT if offered else Missed.NOT_ANSWERED, at, into)


def unseen(floor: LiveFloor, contact: Contact, at: Instant, into: Decision) -> None:
    """A comparison has found no channel of it. Without an attempt there is none to find."""
    if contact.callback is not None and contact.callback.attempt:
        fail(floor, contact, Missed.UNSEEN, at, into)


def here(contact: Contact, call: str, channel: str, into: Decision) -> None:
    """Somebody of it stands on the PBX: the customer who was called, or the caller who has stayed after all."""
    if contact.callback is None:
        return
    if call == contact.callback.attempt:
        into.events.append(ev.CallbackReached(contact=contact.id, call=call, channel=channel))
    else:
        into.events.append(ev.CallbackWithdrawn(contact=contact.id, channel=channel))


def fail(
    floor: LiveFloor,
    contact: Contact,
    why: str,
    at: Instant,
    into: Decision,
    *,
    for_ever: bool = False,
    until: Instant | None = None,
) -> None:
    """The attempt is over, and the contact back at its place; or it was the last one. until: not before."""
    callback = contact.callback
    if callback is None:
        return
    if contact.state is ContactState.OFFERED:
        end_offer(contact, OfferOutcome.CUSTOMER_MISSED, 0, into)
    plan = plan_of(floor.queues.get(contact.queue) if contact.queue is not None else None)
    tries = callback.tries + callback.dialled
    due_at = until if until is not None else at + (plan.retry_s if callback.dialled else SOON_S)
    into.events.append(
        ev.CallbackFailed(contact=contact.id, attempt=callback.attempt, why=why, due_at=due_at, tries=tries)
    )
    if for_ever:
        end_contact(contact, Outcome.CALLBACK_REFUSED, at, into)
    elif tries >= plan.tries and callback.dialled:
        end_contact(contact, Outcome.CALLBACK_FAILED, at, into)
    elif at >= callback.until:
        end_contact(contact, Outcome.CALLBACK_EXPIRED, at, into)


def _in_attempt(floor: LiveFloor, contact_id: ContactId, call: str) -> Contact | None:
    contact = floor.contacts.get(contact_id)
    if contact is None or contact.callback is None or not call or contact.callback.attempt != call:
        return None
    return contact


CALLBACKS: dict[type[inp.Input], Callable[[LiveFloor, Any, Instant, Decision], None]] = {
    inp.CallbackWanted: wanted,
    inp.CallbackAsked: asked,
    inp.CallbackCancelAsked: cancel_asked,
    inp.CallbackNowAsked: now_asked,
    inp.CallbackMoment: moment,
    inp.CallbackDialAsked: dial_asked,
    inp.CustomerAnswered: answered,
    inp.CallbackOver: over,
}
