"""Contacts that go elsewhere instead of waiting for an agent: by a queue's limits, or by a step of its plan.

To another queue the contact takes its wait along. Out of all queues it is the dialplan that carries it out alone; when
the destination fails, the caller comes back to the hold, at the old place, and is not sent there again.
"""

from __future__ import annotations

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import ComparePbx, DivertCaller
from contactd.core.contact import Contact, ContactState, Needs
from contactd.core.decision import Decision, queued
from contactd.core.destination import Destination, ToCallback, ToExternal, ToQueue
from contactd.core.dialling import Dialled, Number, Purpose, may_dial
from contactd.core.events import DiversionFailure, DiversionReason
from contactd.core.floor import LiveFloor
from contactd.core.hours import leaves, turned_away
from contactd.core.ids import ContactId, Instant, PbxId, QueueId, diversion_id
from contactd.core.plan import QueuePlan
from contactd.core.routing.waits import estimated_wait
from contactd.core.unstaffed import leaves_at


def arrive(
    floor: LiveFloor,
    waits: ev.ContactQueued,
    *,
    pbx: PbxId,
    channel: str,
    known: Contact | None,
    at: Instant,
    into: Decision,
) -> None:
    """The contact comes into a queue, by waits; a limit may send it on at once. It stands in the hold.

    Who was in the queue before, and comes back from an offer, the static queue or a silence, does not arrive.
    """
    into.events.append(waits)
    if known is not None and known.calls_back and pbx in floor.steered:
        asked = DiversionReason.ASKED
        _send(floor, waits, asked, ToCallback(), waits.step, pbx=pbx, channel=channel, known=known, at=at, into=into)
        return
    if waits.queue not in floor.refusing:
        return
    plan = floor.queues.get(waits.queue)
    joined = into.joined.get(waits.queue, 0)
    found = None
    if plan is not None and pbx in floor.steered:
        # Who comes from another queue begins to wait here now, however long ago the wait began.
        closed = turned_away(floor, plan, at if waits.passed else waits.queued_at, waits.passed)
        needs = known.needs if known is not None else None
        found = closed or sends_away(floor, pbx, plan, joined) or _too_long(floor, pbx, plan, waits, needs, at)
    if found is not None and waits.resumed is not None and found[0] in _CROWDED:
        # Who was cut off and rang back had a place before those who filled the queue.
        found = None
    if found is not None:
        why, to = found
        if _send(floor, waits, why, to, waits.step, pbx=pbx, channel=channel, known=known, at=at, into=into):
            return
    into.joined[waits.queue] = into.joined.get(waits.queue, 0) + 1


_CROWDED = (DiversionReason.FULL, DiversionReason.ESTIMATED_WAIT)


def sends_away(
    floor: LiveFloor, pbx: PbxId, plan: QueuePlan, joined: int = 0
) -> tuple[DiversionReason, Destination] | None:
    """Why, and where to, the queue sends who comes to it at this PBX; None: they wait.

    joined: how many more are in line by the decision that is being made, which the floor does not know yet.
    """
    if plan.unstaffed is not None and not floor.queue_limits.staffed(pbx, plan.id):
        return DiversionReason.UNSTAFFED, plan.unstaffed
    in_line = floor.queue_limits.in_line(plan.id) + joined
    if plan.max_waiting is not None and plan.full is not None and in_line >= plan.max_waiting:
        return DiversionReason.FULL, plan.full
    return None


def newcomer_goes(
    floor: LiveFloor, pbx: PbxId, plan: QueuePlan, at: Instant
) -> tuple[DiversionReason, Destination] | None:
    """Where somebody goes who comes to the queue now, from the menu, with no needs of their own; None: they wait."""
    waits = queued(ContactId("~"), plan.id, at, at, plan=plan, known=None)
    closed = turned_away(floor, plan, at, ())
    return closed or sends_away(floor, pbx, plan) or _too_long(floor, pbx, plan, waits, None, at)


def _too_long(
    floor: LiveFloor, pbx: PbxId, plan: QueuePlan, waits: ev.ContactQueued, needs: Needs | None, at: Instant
) -> tuple[DiversionReason, Destination] | None:
    """By the rest of the wait of whoever comes now, whose place may be an earlier one. Nobody knows: not too long."""
    if plan.max_estimated_wait_s is None or plan.full is None:
        return None
    estimate = estimated_wait(floor, plan.id, at, pbx=pbx, needs=needs, since=waits.queued_at, exact=True)
    if estimate is None or estimate.median_s <= plan.max_estimated_wait_s:
        return None
    return DiversionReason.ESTIMATED_WAIT, plan.full


def step_goes(floor: LiveFloor, contact: Contact, plan: QueuePlan, step: int, at: Instant, into: Decision) -> None:
    """The wait has reached a step of the plan (counted from 1) that sends the contact away. It stands in the hold."""
    to = plan.steps[step - 1].go
    if to is None or contact.queued_at is None:
        return
    if not _leave(floor, contact, contact.queued_at, plan, DiversionReason.STEP, to, step, at, into):
        into.events.append(ev.ContactRelaxed(contact=contact.id, step=step))


def closing_sends(floor: LiveFloor, contact: Contact, plan: QueuePlan, at: Instant, into: Decision) -> bool:
    """Whether a contact that waits is sent away, since the queue has closed meanwhile."""
    found = leaves(floor, plan, contact)
    if found is None or contact.queued_at is None:
        return False
    return _leave(floor, contact, contact.queued_at, plan, *found, contact.step, at, into)


def unstaffed_sends(floor: LiveFloor, contact: Contact, plan: QueuePlan, at: Instant, into: Decision) -> bool:
    """Whether a contact that waits is sent away, since nobody has been signed in for too long who serves the queue."""
    when = leaves_at(floor, plan, contact)
    if when is None or when > at or plan.unstaffed is None or contact.queued_at is None:
        return False
    why = DiversionReason.UNSTAFFED
    return _leave(floor, contact, contact.queued_at, plan, why, plan.unstaffed, contact.step, at, into)


def send(
    floor: LiveFloor, contact: Contact, why: DiversionReason, to: Destination, at: Instant, into: Decision
) -> bool:
    """Who waits in the hold goes there, as asked; the step of the plan stays. False: there is nowhere to go."""
    plan = floor.queues.get(contact.queue) if contact.queue is not None else None
    if plan is None or contact.queued_at is None or not floor.can_go(contact):
        return False
    return _leave(floor, contact, contact.queued_at, plan, why, to, contact.step, at, into)


def _leave(
    floor: LiveFloor,
    contact: Contact,
    queued_at: Instant,
    plan: QueuePlan,
    why: DiversionReason,
    to: Destination,
    step: int,
    at: Instant,
    into: Decision,
) -> bool:
    """Who waits in the queue of the plan goes. False: there is nowhere to go."""
    here = ev.ContactQueued(
        contact=contact.id, queue=plan.id, queued_at=queued_at, step=contact.step, passed=contact.passed
    )
    pbx, channel = contact.pbx, contact.channel
    if not _send(floor, here, why, to, step, pbx=pbx, channel=channel, known=contact, at=at, into=into):
        return False
    into.joined[plan.id] = into.joined.get(plan.id, 0) - 1
    return True


def _send(
    floor: LiveFloor,
    here: ev.ContactQueued,
    why: DiversionReason,
    to: Destination,
    step: int,
    *,
    pbx: PbxId,
    channel: str,
    known: Contact | None,
    at: Instant,
    into: Decision,
) -> bool:
    """here: how the contact came into the queue that it leaves. False: it leaves it not."""
    if not isinstance(to, ToQueue):
        # The number of the event that is appended now: an id is never given twice.
        diversion = diversion_id(floor.epoch, floor.seq + len(into.events) + 1)
        into.events.append(
            ev.ContactDiverted(contact=here.contact, queue=here.queue, to=to, why=why, step=step, diversion=diversion)
        )
        if isinstance(to, ToExternal) and too_many_outside(floor, here.queue, at, into):
            # The caller stays where they stand, as if the PBX had refused it.
            rate = DiversionFailure.RATE
            into.events.append(ev.DiversionFailed(contact=here.contact, diversion=diversion, failure=rate))
            into.events.append(ev.ContactHeld(contact=here.contact))
            return True
        into.commands.append(
            DivertCaller(pbx=pbx, contact=here.contact, channel=channel, to=to, diversion=diversion, epoch=floor.epoch)
        )
        return True
    # A key, or the static queue, may have led back to one of them.
    passed = tuple(dict.fromkeys((*here.passed, here.queue)))
    if to.queue in passed or to.queue not in floor.queues:
        # A circle is refused when the configuration is read; one across two configurations ends here.
        return False
    into.events.append(ev.ContactDiverted(contact=here.contact, queue=here.queue, to=to, why=why, step=step))
    waits = queued(here.contact, to.queue, here.queued_at, at, plan=floor.queues[to.queue], known=known, passed=passed)
    arrive(floor, waits, pbx=pbx, channel=channel, known=known, at=at, into=into)
    return True


def too_many_outside(floor: LiveFloor, queue: QueueId, at: Instant, into: Decision) -> bool:
    """Whether too much was dialled within the hour for one more, which this decision has just said. The number itself
    was looked at when the configuration was read; what this decision dials is on the floor when it is applied."""
    rules = floor.plan.dialling
    if rules.all_an_hour is None:
        return False
    sent = sum(isinstance(one, ev.ContactDiverted) and isinstance(one.to, ToExternal) for one in into.events)
    kept = sum(isinstance(one, ev.DiversionFailed) and one.failure is DiversionFailure.RATE for one in into.events)
    before = [*floor.state.dialled, *(Dialled(at=at, queue=queue) for _ in range(sent - kept - 1))]
    return may_dial(Number(), Purpose.DIVERSION, queue, rules, before, at) is not None


def still_there(contact: Contact | None, queue: QueueId) -> QueueId:
    """The queue in which a caller waits of whom the PBX says: queue.

    It names the queue that the caller chose, also when the contact has gone on to others since: what the floor knows
    survives contactd, so nothing of it is told to the PBX (docs/adr/0011-going-elsewhere.rst).
    """
    return contact.queue if contact is not None and contact.queue is not None and queue in contact.passed else queue


def repeat(floor: LiveFloor, contact: Contact, into: Decision) -> None:
    """Somebody died between keeping and acting: the caller still stands in the hold. The id is the same, so that it is
    known later whether the caller has been there."""
    if contact.diverted_to is not None and contact.diversion is not None:
        into.commands.append(
            DivertCaller(
                pbx=contact.pbx,
                contact=contact.id,
                channel=contact.channel,
                to=contact.diverted_to,
                diversion=contact.diversion,
                epoch=floor.epoch,
            )
        )


def destination_failed(floor: LiveFloor, input_: inp.DestinationFailed, at: Instant, into: Decision) -> None:
    """The caller is on the way back to the hold, or never left it."""
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.state is not ContactState.DIVERTED or contact.diversion != input_.diversion:
        return
    failed(contact, failure_of(input_.status), into)
    if failure_of(input_.status) is DiversionFailure.NOT_SENT:
        into.commands.append(ComparePbx(pbx=contact.pbx, why=input_.why))


def failed(contact: Contact, failure: DiversionFailure, into: Decision) -> None:
    into.events.append(ev.DiversionFailed(contact=contact.id, diversion=contact.diversion, failure=failure))


def failure_of(status: str) -> DiversionFailure:
    """What the dialplan says in ContactdDivertEnd: DIALSTATUS, VMSTATUS or PLAYBACKSTATUS, or a word of its own."""
    return _FAILURES.get(status, DiversionFailure.UNAVAILABLE)


_FAILURES = {
    inp.NOT_SENT: DiversionFailure.NOT_SENT,
    "STALE": DiversionFailure.STALE,
    "NOTALLOWED": DiversionFailure.NOT_ALLOWED,
    "BUSY": DiversionFailure.BUSY,
    "NOANSWER": DiversionFailure.NOT_ANSWERED,
    "RETURNED": DiversionFailure.RETURNED,
    "DECLINED": DiversionFailure.DECLINED,
}
