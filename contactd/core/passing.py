"""What time brings about: for each kind of timer of the floor, what follows when its time has come."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import By
from contactd.core.alarms import Alarms
from contactd.core.announcing import announcement_due
from contactd.core.callbacks import callback_due
from contactd.core.contact import STICKY
from contactd.core.decision import Decision
from contactd.core.diverting import closing_sends, step_goes, unstaffed_sends
from contactd.core.floor import LiveFloor
from contactd.core.hours import switch_over
from contactd.core.ids import AgentId, ContactId, Instant
from contactd.core.presence import limit_reached
from contactd.core.routing.demand import before_going, due_step
from contactd.core.timers import Timers
from contactd.core.written import offer_overdue


def time_passed(floor: LiveFloor, input_: inp.TimePassed, at: Instant, into: Decision) -> None:
    switches = floor.timers.switches.due(at)
    for switch in switches:
        switch_over(floor, switch, at, into)
    if switches:
        # The rest hangs on whether queues are open. It is due still, and follows at once on the floor as it is then.
        return
    for alarms_of, follows in _DUE:
        for key in alarms_of(floor.timers).due(at):
            follows(floor, key, at, into)


def _wrap_ups_over(floor: LiveFloor, agent: AgentId, at: Instant, into: Decision) -> None:
    wrap_ups = floor.agents[agent].wrap_ups()
    over = [engagement for engagement in wrap_ups if engagement.until is not None and engagement.until <= at]
    # The same contact may have come back and gone again.
    named = [None] if len(over) == len(wrap_ups) else dict.fromkeys(engagement.contact for engagement in over)
    into.events += [ev.WrapUpEnded(agent=agent, contact=contact, by=By.SYSTEM) for contact in named]


def _pause_over(floor: LiveFloor, agent: AgentId, at: Instant, into: Decision) -> None:
    into.events.append(ev.AgentReady(agent=agent, by=By.SYSTEM))


def _return_overdue(floor: LiveFloor, contact: ContactId, at: Instant, into: Decision) -> None:
    into.events.append(ev.ReturnOverdue(contact=contact))


def _step_reached(floor: LiveFloor, contact_id: ContactId, at: Instant, into: Decision) -> None:
    """The contact waits by another rule from now on, or goes where the step or the queue sends it."""
    contact = floor.contacts[contact_id]
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    if queue is None or contact.queued_at is None:
        return
    if closing_sends(floor, contact, queue, at, into) or unstaffed_sends(floor, contact, queue, at, into):
        return
    reached = due_step(queue, contact.step == STICKY and contact.prefers(), contact.queued_at, at)
    reached = max(reached, contact.step + 1)
    # Whoever is to be called back goes nowhere else.
    step = before_going(queue, contact.step, reached) if contact.callback is None else reached
    if step < reached and floor.can_go(contact):
        step_goes(floor, contact, queue, step + 1, at, into)
    else:
        into.events.append(ev.ContactRelaxed(contact=contact.id, step=step))


_DUE: tuple[tuple[Callable[[Timers], Alarms[Any]], Callable[[LiveFloor, Any, Instant, Decision], None]], ...] = (
    (attrgetter("wrap_ups"), _wrap_ups_over),
    (attrgetter("offers"), offer_overdue),
    (attrgetter("pauses"), _pause_over),
    (attrgetter("returning"), _return_overdue),
    (attrgetter("steps"), _step_reached),
    # After what sends contacts elsewhere.
    (attrgetter("announcements"), announcement_due),
    # After what relaxes who may end now.
    (attrgetter("callbacks"), callback_due),
    # After all that is decided on a floor where these are signed in.
    (attrgetter("limits"), limit_reached),
)
"""In this order."""
