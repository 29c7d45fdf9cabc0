"""Calendars that turn and supervisors who close by hand: decided here, and changed on the floor here.

The floor keeps what it was told, and every decision reads that: which zone has which offset, and what day is a holiday,
is asked outside, before the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.contact import Contact
from contactd.core.destination import Destination, ToQueue
from contactd.core.ids import Instant, QueueId
from contactd.core.opening import CalendarState, Opening, Switch, SwitchKey, may_wait, opening_of, switch_key
from contactd.core.plan import FloorPlan, QueuePlan

if TYPE_CHECKING:
    from contactd.core.decision import Decision
    from contactd.core.floor import LiveFloor

TIME_IS_OVER = "the time is over"
BY_HOURS = frozenset({ev.DiversionReason.CLOSED, ev.DiversionReason.CLOSED_BY_HAND})


def opening(floor: LiveFloor, queue: QueueId | None) -> Opening | None:
    """What a queue is now; None: there is none of this name."""
    plan = floor.queues.get(queue) if queue is not None else None
    return opening_of(plan, floor.state.calendars, floor.state.switches) if plan is not None else None


def turned_away(
    floor: LiveFloor, queue: QueuePlan, queued_at: Instant, passed: tuple[QueueId, ...]
) -> tuple[ev.DiversionReason, Destination] | None:
    """Why and where a wait in a queue is sent that began at queued_at; None: it may go on, or there is nowhere to go.

    passed: the queues that it went through before; no way leads back.
    """
    if not queue.closes():
        return None
    now = opening_of(queue, floor.state.calendars, floor.state.switches)
    if may_wait(queue, now, queued_at):
        return None
    to = (queue.closed_by_hand or queue.closed) if now.by_hand else (queue.closed or queue.closed_by_hand)
    if to is None or (isinstance(to, ToQueue) and (to.queue in (*passed, queue.id) or to.queue not in floor.queues)):
        return None
    return (ev.DiversionReason.CLOSED_BY_HAND if now.by_hand else ev.DiversionReason.CLOSED), to


def leaves(floor: LiveFloor, queue: QueuePlan, contact: Contact) -> tuple[ev.DiversionReason, Destination] | None:
    """The same, of who waits already: once, from the hold, and by the PBX's hand."""
    if contact.turned_away or contact.queued_at is None or not floor.can_go(contact):
        return None
    return turned_away(floor, queue, contact.queued_at, contact.passed)


# --- decided ----------------------------------------------------------------------------------------------------------


def calendar_turned(floor: LiveFloor, input_: inp.CalendarTurned, at: Instant, into: Decision) -> None:
    if input_.calendar not in floor.plan.calendars:
        return
    known = floor.state.calendars.get(input_.calendar)
    told = (input_.open, input_.why, input_.until)
    if known is None or (known.open, known.why, known.until) != told:
        into.events.append(
            ev.CalendarChanged(calendar=input_.calendar, open=input_.open, why=input_.why, until=input_.until)
        )


def switch_asked(floor: LiveFloor, input_: inp.SwitchAsked, at: Instant, into: Decision) -> None:
    if (input_.queue is None) == (input_.calendar is None):
        return
    if input_.queue not in (None, *floor.queues) or input_.calendar not in (None, *floor.plan.calendars):
        return
    if input_.until is not None and input_.until <= at:
        return
    now = floor.state.switches.get(switch_key(input_.queue, input_.calendar))
    if now is None and input_.open is None:
        return
    if now is not None and (now.open, now.why, now.until, now.waiting) == (
        *(input_.open, input_.why, input_.until, input_.waiting),
    ):
        return
    into.events.append(
        ev.HoursSwitched(
            queue=input_.queue,
            calendar=input_.calendar,
            open=input_.open,
            why=input_.why,
            until=input_.until,
            waiting=input_.waiting,
        )
    )


def switch_over(floor: LiveFloor, key: SwitchKey, at: Instant, into: Decision) -> None:
    """The time is over for which it was switched."""
    kind, _, name = key.partition(":")
    # A key of the floor's own: it was made from one of the two.
    queue, calendar = (name, None) if kind == "queue" else (None, name)
    into.events.append(ev.HoursSwitched(queue=queue, calendar=calendar, open=None, why=TIME_IS_OVER))  # type: ignore[arg-type]


# --- changed ----------------------------------------------------------------------------------------------------------


def calendar_changed(floor: LiveFloor, event: ev.CalendarChanged, at: Instant) -> None:
    known = floor.state.calendars.get(event.calendar)
    since = known.since if known is not None and known.open == event.open else at
    floor.state.calendars[event.calendar] = CalendarState(
        open=event.open, why=event.why, until=event.until, since=since
    )
    floor.time_hours()


def forget_hours(floor: LiveFloor, plan: FloorPlan) -> None:
    """Of what left the plan, or whose calendar did."""
    for calendar in [known for known in floor.state.calendars if known not in plan.calendars]:
        del floor.state.calendars[calendar]
    kept = {switch_key(queue.id, None) for queue in plan.queues}
    kept |= {switch_key(None, calendar) for calendar in plan.calendars}
    for key in [known for known in floor.state.switches if known not in kept]:
        floor.set_switch(key, None)


def hours_switched(floor: LiveFloor, event: ev.HoursSwitched, at: Instant) -> None:
    key = switch_key(event.queue, event.calendar)
    if event.open is None:
        floor.set_switch(key, None)
        return
    known = floor.state.switches.get(key)
    switch = Switch(
        open=event.open,
        why=event.why,
        until=event.until,
        since=known.since if known is not None and known.open == event.open else at,
        seq=floor.seq + 1,
        waiting=event.waiting,
    )
    floor.set_switch(key, switch)
