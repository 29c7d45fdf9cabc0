"""How long a contact will wait: a median, and a range in which four waits of five end. docs/routing.rst.

Of the agents who can serve it and will serve somebody again, the floor knows since when each talks and until when each
wraps up. From how long talks take in their queues follows how many of these agents will have become free after so many
seconds; the contact is answered when as many have as wait before it, and one more. Those before it who can be served by
others too count in part, and some of them will give up.

Worked out when somebody asks, not in every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import erf, log, sqrt
from typing import NamedTuple

import msgspec

from contactd.core.agent import Agent, AgentState, Handset, Status
from contactd.core.contact import STICKY, Contact, ContactState, Estimate, Needs
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId, Instant, PbxId, QueueId
from contactd.core.learnt import Handling, handling
from contactd.core.plan import QueuePlan
from contactd.core.routing.demand import Target, boost_s, due_step, target_of

_QUANTILES = (-1.2816, 0.0, 1.2816)
"""10 %, 50 % and 90 %, in standard deviations of the normal distribution."""
_LONGEST_S = 4 * 3600.0
_SAMPLE = 16
"""So many talking agents stand for all of them."""


def estimated_wait(
    floor: LiveFloor,
    queue: QueueId,
    at: Instant,
    *,
    pbx: PbxId,
    needs: Needs | None = None,
    since: Instant | None = None,
    exact: bool = False,
) -> Estimate | None:
    """Of somebody who would begin to wait in queue now: from now until an agent answers. None: nobody knows.

    since: when the wait began, for somebody who brings an older place. exact: no sample of a crowd, so that
    something may be decided by it.
    That is so when nobody who can serve it is at work (signed out, or on a break without an end), when the PBX is not
    steered, and for a queue that there is not.
    """
    plan = floor.queues.get(queue)
    if plan is None:
        return None
    prefers = needs is not None and needs.preferred_agent is not None
    queued_at = at if since is None else since
    step = due_step(plan, prefers, queued_at, at)
    last = ContactId("~")
    new = Contact(
        id=last,
        pbx=pbx,
        call="",
        channel="",
        dnis="",
        arrived_at=at,
        queue=queue,
        queued_at=queued_at,
        needs=needs,
        step=step,
    )
    return _estimate(floor, new, at, exact=exact)


def remaining_wait(floor: LiveFloor, contact: Contact, at: Instant, *, exact: bool = False) -> Estimate | None:
    """Of a contact that waits or rings: from now until an agent answers. None: nobody knows, or it does not wait.

    exact: as above.
    """
    if contact.state is ContactState.OFFERED:
        plan = floor.queues.get(contact.queue) if contact.queue is not None else None
        if plan is None:
            return None
        ring_s = handling(plan, floor.state.learnt.get(plan.id)).ring_s
        return Estimate(low_s=0.0, median_s=round(ring_s, 1), high_s=max(ring_s, float(plan.ring_s)))
    if contact.state not in (ContactState.WAITING, ContactState.FALLBACK):
        return None
    return _estimate(floor, contact, at, exact=exact)


# --- how it is worked out -------------------------------------------------------------------------------------------


def _estimate(floor: LiveFloor, contact: Contact, at: Instant, *, exact: bool = False) -> Estimate | None:
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    if queue is None or contact.queued_at is None or contact.pbx not in floor.steered:
        return None
    expected = handling(queue, floor.state.learnt.get(queue.id))
    found: tuple[float, ...] | None = None
    for step, begins_in_s in _steps(queue, contact, at - contact.queued_at):
        if found is not None and begins_in_s >= found[-1]:
            break
        then = contact if step == contact.step else msgspec.structs.replace(contact, step=step)
        here = contact.queued_at - boost_s(queue, then), contact.id
        waits = _at_step(floor, target_of(queue, then, floor.agents), here, expected, at, exact=exact)
        if waits is None:
            continue
        # Whom a later step asks for cannot help before it begins.
        waits = tuple(max(begins_in_s, wait) for wait in waits)
        found = waits if found is None else tuple(map(min, found, waits))
    if found is None:
        return None
    low_s, median_s, high_s = (round(wait + expected.ring_s, 1) for wait in found)
    return Estimate(low_s=low_s, median_s=median_s, high_s=high_s)


def _steps(queue: QueuePlan, contact: Contact, waited_s: float) -> Iterator[tuple[int, float]]:
    """The contact's step of the plan and those to come, each with the seconds until it begins."""
    yield contact.step, 0.0
    if contact.step == STICKY:
        yield 0, max(0.0, queue.sticky_s - waited_s)
    for step in range(max(contact.step, 0), len(queue.steps)):
        yield step + 1, max(0.0, queue.steps[step].after_s - waited_s)


def _at_step(
    floor: LiveFloor,
    target: Target,
    here: tuple[Instant, ContactId],
    expected: Handling,
    at: Instant,
    *,
    exact: bool,
) -> tuple[float, ...] | None:
    """The three waits until an agent is free for who asks for target and has this place in line."""
    index = floor.routing
    who = index.able(target)
    if index.ready(who, target.medium):
        return (0.0, 0.0, 0.0)
    freed = _freed(floor, index.present(who, target.medium), expected, at)
    if not freed.known and not freed.talking:
        return None
    return _waits(index.ahead(here, who, target.medium, exact=exact) + 1.0, freed, expected)


class _Talking(NamedTuple):
    """An agent who talks, or several of whom this one is typical."""

    for_s: float
    mean_log: float
    sigma: float
    after_s: float
    """What follows the talk: the wrap-up."""
    weight: float

    def over(self, within_s: float) -> float:
        """How likely it is that the agent is free again within so many seconds. Talks are lognormal."""
        until_s = within_s - self.after_s
        if until_s <= 0.0:
            return 0.0
        longer = 1.0 if self.for_s <= 0.0 else 1.0 - self._shorter(self.for_s)
        if longer < 1e-6:
            return 1.0
        return 1.0 - (1.0 - self._shorter(self.for_s + until_s)) / longer

    def _shorter(self, seconds: float) -> float:
        return 0.5 + 0.5 * erf((log(seconds) - self.mean_log) / (self.sigma * sqrt(2.0)))


class _Freed(NamedTuple):
    known: list[float]
    """In so many seconds each, rising: wrap-ups, and pauses that end by themselves."""
    talking: list[_Talking]


def _freed(floor: LiveFloor, agents: list[Agent], expected: Handling, at: Instant) -> _Freed:
    """When which of agents will be free for somebody."""
    known: list[float] = []
    talking: list[_Talking] = []
    for agent in agents:
        if agent.status is Status.NOT_READY and agent.ready_at is not None and agent.state is AgentState.IDLE:
            known.append(max(0.0, agent.ready_at - at))
        if agent.status is not Status.READY or agent.handset is Handset.UNAVAILABLE:
            continue
        if agent.state is AgentState.WRAP_UP and agent.wrap_up_until is not None:
            known.append(max(0.0, agent.wrap_up_until - at))
        elif agent.state is AgentState.OFFERED and _rings_beside(floor, agent):
            known.append(max(0.0, agent.since + expected.ring_s - at))
        elif agent.state is not AgentState.IDLE or agent.handset is not Handset.FREE:
            talking.append(_talking(floor, agent, expected, at))
    known.sort()
    if len(talking) > _SAMPLE:
        talking.sort(key=lambda one: one.for_s)
        some = [talking[(2 * n + 1) * len(talking) // (2 * _SAMPLE)] for n in range(_SAMPLE)]
        talking = [one._replace(weight=len(talking) / _SAMPLE) for one in some]
    return _Freed(known, talking)


def _rings_beside(floor: LiveFloor, agent: Agent) -> bool:
    """Of several who ring one will answer: the others are free then."""
    contact = floor.contacts.get(agent.contact) if agent.contact is not None else None
    return contact is not None and contact.agent != agent.id


def _talking(floor: LiveFloor, agent: Agent, expected: Handling, at: Instant) -> _Talking:
    """Whoever uses the handset without us is expected to take as long as anybody."""
    contact = floor.contacts.get(agent.contact) if agent.contact is not None else None
    queue = floor.queues.get(contact.queue) if contact is not None and contact.queue is not None else None
    if queue is not None:
        expected = handling(queue, floor.state.learnt.get(queue.id))
    for_s, after_s = 0.0, expected.wrap_up_s
    if agent.state is AgentState.OFFERED:
        after_s += expected.ring_s
    elif contact is not None and contact.connected_at is not None:
        for_s = max(0.0, at - contact.connected_at)
    variance = log(1.0 + expected.talk_cv2)
    return _Talking(for_s, log(max(1.0, expected.talk_s)) - variance / 2.0, sqrt(variance), after_s, 1.0)


def _waits(places: float, freed: _Freed, expected: Handling) -> tuple[float, ...]:
    """Until as many agents have become free as there are places in line up to ours, those given up not counted.

    Agents become free independently of each other, so the number that must become free on average, until a given one
    does, is gamma distributed (by the time-change theorem); then it is followed second by second when that is.
    """
    shape = 1.0 / (1.0 / places + expected.doubt)
    left = [places / shape * _gamma(shape, z) for z in _QUANTILES]
    found: list[float] = [0.0] * len(left)
    agents = len(freed.known) + sum(one.weight for one in freed.talking)
    over = [0.0] * len(freed.talking)
    free, known, until_s = 0.0, 0, 0.0
    waiting = set(range(len(left)))
    while waiting and until_s < _LONGEST_S:
        from_s, was_free = until_s, free
        until_s = from_s * 1.15 + 2.0
        drained = 0.0
        while known < len(freed.known) and freed.known[known] <= until_s:
            known, free, drained = known + 1, free + 1.0, drained + 1.0
        if was_free < 0.99 * agents:
            for n, one in enumerate(freed.talking):
                now = one.over(until_s)
                drained += (now - over[n]) * one.weight
                free += (now - over[n]) * one.weight
                over[n] = now
        # Who became free has got somebody else, and becomes free again.
        drained += 0.5 * (was_free + free) * (until_s - from_s) / expected.whole_s
        for n in tuple(waiting):
            gone = drained + max(0.0, left[n] - 1.0) * expected.giving_up * (until_s - from_s)
            if gone >= left[n]:
                found[n] = from_s + (until_s - from_s) * left[n] / gone
                waiting.discard(n)
            left[n] -= gone
    for n in waiting:
        found[n] = _LONGEST_S
    # Of those whose time is known, enough will be free then for certain.
    certain = freed.known[int(places) - 1] if 1.0 <= places <= len(freed.known) else None
    return tuple(found if certain is None else (min(wait, certain) for wait in found))


def _gamma(shape: float, z: float) -> float:
    """The quantile of the gamma distribution of this shape, at least 1, by Wilson and Hilferty 1931.

    >>> [round(_gamma(1.0, z), 2) for z in _QUANTILES], [round(_gamma(10.0, z), 1) for z in _QUANTILES]
    ([0.1, 0.7, 2.28], [6.2, 9.7, 14.2])
    """
    return shape * (1.0 - 1.0 / (9.0 * shape) + z / (3.0 * sqrt(shape))) ** 3
