"""A decision in the making, and the sentences that decisions are written in."""

from __future__ import annotations

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import UNREGISTERED, Agent, By, Handset, Status
from contactd.core.commands import Command
from contactd.core.contact import Contact, Estimate, Needs, Outcome
from contactd.core.destination import kind_of
from contactd.core.events import OfferOutcome
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, ContactId, Instant, PbxId, QueueId, call_started, is_test_call, key_number
from contactd.core.needs import with_record
from contactd.core.plan import QueuePlan
from contactd.core.routing.demand import before_going, due_step
from contactd.core.routing.index import ASKED
from contactd.core.routing.waits import estimated_wait

_ESTIMATE_S = 0.1
"""Between two waits that are estimated as they begin, at least; and so much more for each contact that waits: what it
costs grows with them."""
_ESTIMATE_WAITING_S = 0.001


class Decision(msgspec.Struct, gc=False):
    """Events in the order to apply them, and the commands that go with them."""

    events: list[ev.Event] = []
    commands: list[Command] = []
    joined: dict[QueueId, int] = {}
    """How many more are in line in a queue by these events, as far as limits ask."""


def queue_or_default(floor: LiveFloor, queue: QueueId | None) -> QueueId:
    plan = floor.queues.get(queue) if queue is not None else None
    # The plan's own string: a hundred thousand wait.
    return plan.id if plan is not None else floor.plan.default_queue


def queued(
    contact_id: ContactId,
    queue: QueueId,
    queued_at: Instant,
    at: Instant,
    *,
    plan: QueuePlan | None,
    known: Contact | None,
    needs: Needs | None = None,
    passed: tuple[QueueId, ...] = (),
    resumed: ContactId | None = None,
    estimate: Estimate | None = None,
) -> ev.ContactQueued:
    """A wait that began at queued_at, at the step of the queue's plan that it has reached.

    A step that goes elsewhere is not behind it yet: its time has come, and the floor's timer says so at once.
    plan: the queue's. known: the contact, None when it is not on the floor yet. needs: as this decision says first.
    """
    asked = needs or (known.asked_before() if known is not None else None)
    wanted = with_record(asked, known.known if known is not None else None, queue)
    prefers = wanted is not None and wanted.preferred_agent is not None
    step = before_going(plan, 0, due_step(plan, prefers, queued_at, at)) if plan is not None else 0
    return ev.ContactQueued(
        contact=contact_id,
        queue=queue,
        queued_at=queued_at,
        step=step,
        passed=passed,
        resumed=resumed,
        estimate=estimate,
    )


def carried_needs(call: inp.CallHeld | inp.CallSeen, known: Contact | None, into: Decision) -> Needs | None:
    """The needs with which a wait begins. What the channel carries is said of a contact of which nothing is known:
    whoever put it there was heard by nobody, or has died."""
    if known is not None and known.asked_before() is not None:
        return known.asked_before()
    if call.needs is not None:
        step = known.step if known is not None else 0
        into.events.append(ev.ContactNeedsSet(contact=call.contact, needs=call.needs, step=step))
    return call.needs


def is_estimated(floor: LiveFloor, at: Instant) -> bool:
    """In a crowd not everybody's wait is estimated, so that it costs nothing, and in a large one nobody's."""
    crowd = len(floor.routing.waiting)
    return crowd < ASKED and at >= floor.state.estimated_at + max(_ESTIMATE_S, _ESTIMATE_WAITING_S * crowd)


def expected(
    floor: LiveFloor, queue: QueueId, queued_at: Instant, pbx: PbxId, needs: Needs | None, at: Instant
) -> Estimate | None:
    """Of a wait that begins, where somebody must wait; to be asked where is_estimated() says so."""
    estimate = estimated_wait(floor, queue, at, pbx=pbx, needs=needs, since=queued_at)
    if estimate is None or estimate.high_s == estimate.low_s:
        return None
    before_s = since(queued_at, at)
    return Estimate(
        low_s=round(before_s + estimate.low_s, 1),
        median_s=round(before_s + estimate.median_s, 1),
        high_s=round(before_s + estimate.high_s, 1),
    )


def end_offer(contact: Contact, outcome: OfferOutcome, cause: int, into: Decision) -> None:
    """The contact's running offer is over without a talk."""
    if contact.agent is None or contact.offer is None:
        return
    end_legs(contact, contact.agent, outcome, cause, into)
    into.events.append(
        ev.OfferEnded(contact=contact.id, agent=contact.agent, offer=contact.offer, outcome=outcome, cause=cause)
    )


def end_legs(contact: Contact, but: AgentId, outcome: OfferOutcome, cause: int, into: Decision) -> None:
    """Of all whom the running offer rings, but of one."""
    for agent in contact.legs:
        if agent != but and contact.offer is not None:
            into.events.append(
                ev.LegEnded(contact=contact.id, agent=agent, offer=contact.offer, outcome=outcome, cause=cause)
            )


def end_talk(floor: LiveFloor, contact: Contact, by: str, at: Instant, into: Decision) -> None:
    """The contact's talk is over; the agent's wrap-up begins."""
    if contact.agent is None:
        return
    queue = floor.queues.get(contact.queue) if contact.queue else None
    wrap_up_s = queue.wrap_up_s if queue else 0
    engagement = floor.agents[contact.agent].engaged_with(contact.id)
    if engagement is not None and engagement.parked:
        # The agent works on something else already.
        wrap_up_s = 0
    into.events.append(
        ev.TalkEnded(
            contact=contact.id,
            agent=contact.agent,
            by=by,
            talk_s=since(contact.connected_at, at),
            wrap_up_until=at + wrap_up_s if wrap_up_s else None,
            extend_s=queue.wrap_up_extend_s if queue and wrap_up_s else 0,
        )
    )


def end_contact(
    contact: Contact,
    outcome: Outcome,
    at: Instant,
    into: Decision,
    *,
    cause: int = 0,
    seen_late: bool = False,
    place_until: Instant | None = None,
) -> None:
    waited_s = None
    if contact.queued_at is not None:
        waited_s = since(contact.queued_at, contact.connected_at or contact.diverted_at or at)
    into.events.append(
        ev.ContactEnded(
            contact=contact.id,
            outcome=outcome,
            queue=contact.queue,
            waited_s=waited_s,
            lasted_s=since(contact.arrived_at, at),
            seen_late=seen_late,
            cause=cause,
            place_until=place_until,
        )
    )


_DIVERTED: dict[str, Outcome] = {
    "voicemail": Outcome.DIVERTED_VOICEMAIL,
    "mailbox": Outcome.DIVERTED_VOICEMAIL,
    "external": Outcome.DIVERTED_EXTERNAL,
    "message": Outcome.DIVERTED_MESSAGE,
    "hang_up": Outcome.DIVERTED_HANG_UP,
    # Asked for a number, and gone without one.
    "callback": Outcome.ABANDONED_WAITING,
}


def diverted_outcome(contact: Contact) -> Outcome:
    """Of a call that ends at the destination to which the contact was sent."""
    if contact.handled or contact.diverted_to is None:
        return Outcome.HANDLED
    return _DIVERTED[kind_of(contact.diverted_to)]


def since(start: Instant | None, at: Instant) -> float:
    """Seconds from start to at, never negative: an input may carry the PBX's own, earlier time."""
    return round(max(0.0, at - start), 6) if start is not None else 0.0


def adopt(input_: inp.CallHeld | inp.CallFellBack | inp.CallSeen, pbx: PbxId, at: Instant) -> ev.ContactAdopted:
    return ev.ContactAdopted(
        contact=input_.contact,
        pbx=pbx,
        call=input_.call,
        channel=input_.channel,
        dnis=input_.dnis,
        arrived_at=call_started(input_.call, at),
        test=is_test_call(input_.call),
        keys=key_number(input_.diversion) if not isinstance(input_, inp.CallFellBack) else 0,
    )


def left_in_menu(contact: Contact) -> Outcome:
    """Of a caller who hung up before any queue, or with a place in one; or the flow hung up, since all was done."""
    if contact.served:
        return Outcome.SELF_SERVED
    return Outcome.ABANDONED_IN_MENU if contact.queued_at is None else Outcome.ABANDONED_WAITING


def waited(contact: Contact, at: Instant) -> float | None:
    """The wait that a talk ends; None when there was none since the talk before."""
    return None if contact.connected_at is not None else since(contact.queued_at, at)


def connect(contact: Contact, agent: Agent, at: Instant, *, seen_late: bool) -> ev.ContactConnected:
    return ev.ContactConnected(
        contact=contact.id,
        agent=agent.id,
        offer=contact.offer,
        waited_s=waited(contact, at),
        estimate=None if seen_late or contact.connected_at is not None else contact.estimate,
        seen_late=seen_late,
    )


def see_handset(agent: Agent, handset: Handset, into: Decision) -> None:
    if agent.handset is handset:
        return
    into.events.append(ev.HandsetSeen(agent=agent.id, handset=handset))
    back = agent.handset is Handset.UNAVAILABLE
    if back and agent.status is Status.NOT_READY and agent.reason == UNREGISTERED:
        into.events.append(ev.AgentReady(agent=agent.id, by=By.SYSTEM))
