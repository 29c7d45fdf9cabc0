"""Callers on their way to an agent: announced, through a menu, into the hold, and into the static queue when nobody
steers."""

from __future__ import annotations

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.callbacks import called_in, end, here
from contactd.core.commands import ReturnToHold
from contactd.core.contact import Contact, ContactState, Needs, Outcome
from contactd.core.decision import (
    Decision,
    adopt,
    carried_needs,
    end_offer,
    end_talk,
    expected,
    is_estimated,
    queue_or_default,
    queued,
)
from contactd.core.diverting import arrive, still_there
from contactd.core.events import OfferOutcome
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId, Instant, QueueId, is_test_call
from contactd.core.keys import back_in_hold
from contactd.core.needs import with_record
from contactd.core.ring_back import lost_place
from contactd.core.routing.demand import step_asking

_JUST_NOW_S = 2.0
"""Somebody whom nobody announced and who has waited for longer has not just arrived: we were away."""
_SERVED = (ContactState.CONNECTED, ContactState.RELEASED)


def call_arrived(floor: LiveFloor, input_: inp.CallArrived, at: Instant, into: Decision) -> None:
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


def menu_answered(floor: LiveFloor, input_: inp.MenuAnswered, at: Instant, into: Decision) -> None:
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


def flow_went(floor: LiveFloor, input_: inp.FlowWent, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.state is not ContactState.MENU:
        return
    into.events.append(
        ev.FlowWent(
            contact=contact.id,
            flow=input_.flow,
            passed=input_.passed,
            asks=input_.asks,
            served=input_.served,
        )
    )


def needs_asked(floor: LiveFloor, input_: inp.NeedsAsked, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.asked_before() == input_.needs:
        return
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    needs = with_record(input_.needs, contact.known, contact.queue)
    step = step_asking(queue, contact, needs, at)
    into.events.append(ev.ContactNeedsSet(contact=contact.id, needs=input_.needs, step=step))


def call_held(floor: LiveFloor, input_: inp.CallHeld, at: Instant, into: Decision) -> None:
    """The caller stands in the hold. A wait begins, goes on in another queue, or goes on."""
    contact = floor.contacts.get(input_.contact)
    if contact is None:
        into.events.append(adopt(input_, input_.pbx, at))
    needs = carried_needs(input_, contact, into)
    if contact is not None:
        _leave_agent(floor, contact, at, into)
    queue = _queue(floor, contact, input_.queue)
    if contact is not None and contact.callback is not None:
        here(contact, input_.call, input_.channel, into)
        into.events.append(
            ev.ContactHeld(contact=contact.id)
            if contact.queue == queue
            else _wait(floor, input_, contact, queue, needs, at)
        )
    elif _begins_to_wait(contact, input_, at):
        caller = contact or input_
        waits = _wait(floor, input_, contact, queue, needs, at)
        if waits.resumed is not None and (promised := floor.callbacks.get(waits.resumed)) is not None:
            end(promised, Outcome.CALLED_IN, at, into)
        arrive(floor, waits, pbx=caller.pbx, channel=caller.channel, known=contact, at=at, into=into)
    elif contact is not None and back_in_hold(floor, contact, input_, queue, at, into):
        pass
    elif contact is None or contact.queue != queue:
        into.events.append(_wait(floor, input_, contact, queue, needs, at))
    elif not contact.held:
        into.events.append(ev.ContactHeld(contact=contact.id))


def _leave_agent(floor: LiveFloor, contact: Contact, at: Instant, into: Decision) -> None:
    """Who stands in the hold neither rings nor talks any more."""
    if contact.state is ContactState.OFFERED:
        end_offer(contact, OfferOutcome.LOST, 0, into)
    elif contact.state is ContactState.CONNECTED:
        end_talk(floor, contact, "transfer", at, into)


def _queue(floor: LiveFloor, contact: Contact | None, told: QueueId | None) -> QueueId:
    """Where the caller waits of whom the PBX says: told. Who was served waits anew, wherever they were sent; else the
    contact may have gone on meanwhile, to a queue that may be gone from the plan."""
    queue = queue_or_default(floor, told)
    if contact is None or contact.state in _SERVED:
        return queue
    return queue_or_default(floor, still_there(contact, queue))


def _begins_to_wait(contact: Contact | None, input_: inp.CallHeld, at: Instant) -> bool:
    """Transferred into a queue, or sent back into the hold by a dialplan of the site's own, it is a new wait."""
    if contact is None:
        return input_.queued_at > at - _JUST_NOW_S
    return contact.queued_at is None or contact.state in _SERVED


def _wait(
    floor: LiveFloor, input_: inp.CallHeld, contact: Contact | None, queue: QueueId, needs: Needs | None, at: Instant
) -> ev.ContactQueued:
    """From the old place on, for who was cut off and rings back; with an estimate, where it is the first one here."""
    queued_at = min(input_.queued_at, at)
    before: tuple[ContactId, Instant] | None = None
    if contact is not None and contact.queued_at is None:
        loss = lost_place(floor, contact, queue, at)
        before = (loss.contact, loss.queued_at) if loss is not None else None
        promised = called_in(floor, contact, queue) if floor.callbacks else None
        if promised is not None and promised.queued_at is not None:
            before = promised.id, promised.queued_at
    if before is not None:
        queued_at = min(queued_at, before[1])
    estimate = None
    new = contact is None or contact.queued_at is None or contact.queue != queue
    if new and is_estimated(floor, at):
        wanted = with_record(needs, contact.known if contact is not None else None, queue)
        estimate = expected(floor, queue, queued_at, input_.pbx, wanted, at)
    return queued(
        input_.contact,
        queue,
        queued_at,
        at,
        plan=floor.queues.get(queue),
        known=contact,
        needs=needs,
        resumed=before[0] if before is not None else None,
        estimate=estimate,
    )


def call_fell_back(floor: LiveFloor, input_: inp.CallFellBack, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None:
        into.events.append(adopt(input_, input_.pbx, at))
    elif contact.state is ContactState.OFFERED:
        end_offer(contact, OfferOutcome.LOST, 0, into)
    elif contact.state not in (ContactState.MENU, ContactState.WAITING, ContactState.DIVERTED):
        return
    if contact is not None:
        here(contact, input_.call, input_.channel, into)
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
