"""The rules of routing once more, in another way: by brute force over the floor, for one contact and one agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contactd.core.agent import Agent, AgentState, Engagement, Handset, Status
from contactd.core.contact import STICKY, Contact, ContactState, Needs
from contactd.core.destination import Destination, ToQueue
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, ContactId, PbxId, QueueId, SkillId
from contactd.core.plan import Medium, QueuePlan, RoutingStep, Strategy


def queue_of(floor: LiveFloor, contact: Contact) -> QueuePlan | None:
    plan = floor.state.plan
    return next((queue for queue in plan.queues if queue.id == contact.queue), None) if plan is not None else None


def _step_of(queue: QueuePlan, contact: Contact) -> RoutingStep | None:
    """None: no step is reached yet."""
    reached = queue.steps[: contact.step] if contact.step > 0 else ()
    return reached[-1] if reached else None


def place(floor: LiveFloor, contact: Contact) -> tuple[float, str]:
    """Longest waiting first, where every boost counts as waiting."""
    assert contact.queued_at is not None
    queue = queue_of(floor, contact)
    boost = contact.needs.boost_s if contact.needs is not None else 0
    if queue is not None:
        step = _step_of(queue, contact)
        boost += queue.boost_s + (step.boost_s if step is not None else 0)
    return (contact.queued_at - boost, contact.id)


def _asked_skills(queue: QueuePlan, contact: Contact) -> dict[SkillId, int]:
    step = _step_of(queue, contact)
    asked = dict(queue.skills)
    if step is not None and step.skills is not None:
        asked = dict(step.skills)
    for skill, level in (contact.needs.skills if contact.needs is not None else {}).items():
        if level > asked.get(skill, 0):
            asked[skill] = level
    return {skill: level - (step.lower_by if step is not None else 0) for skill, level in asked.items()}


def _named(floor: LiveFloor, agent: Agent, contact: Contact) -> bool:
    """Whether the queue's plan means this agent, skilled or not."""
    queue = queue_of(floor, contact)
    if queue is None or contact.medium not in agent.profile.capacity.media:
        return False
    if contact.medium == "voice" and agent.profile.pbx != contact.pbx:
        return False
    step = _step_of(queue, contact)
    only, also = (queue.only_groups, queue.also_groups) if step is None else (step.only_groups, step.also_groups)
    if any(group in also for group in agent.profile.groups):
        return True
    return queue.id in agent.profile.queues and (not only or any(group in only for group in agent.profile.groups))


def _has(agent: Agent) -> Mapping[SkillId, int]:
    return agent.skills_set if agent.skills_set is not None else agent.profile.skills


def _skilled(floor: LiveFloor, agent: Agent, contact: Contact) -> bool:
    queue = queue_of(floor, contact)
    return queue is not None and all(
        _has(agent).get(skill, 0) >= level for skill, level in _asked_skills(queue, contact).items() if level > 0
    )


def _preferred(floor: LiveFloor, contact: Contact) -> AgentId | None:
    """Whom contact waits for alone."""
    if contact.step != STICKY or contact.needs is None or contact.needs.preferred_agent not in floor.agents:
        return None
    agent = floor.agents[contact.needs.preferred_agent]
    here = agent.status is not Status.SIGNED_OUT
    return agent.id if here and _named(floor, agent, contact) and _skilled(floor, agent, contact) else None


def allowed(floor: LiveFloor, agent: Agent, contact: Contact) -> bool:
    """Whether agent may be offered contact at all, however busy."""
    alone = _preferred(floor, contact)
    if alone is not None and alone != agent.id:
        return False
    return _named(floor, agent, contact) and _skilled(floor, agent, contact)


def hours(floor: LiveFloor, queue_id: QueueId) -> tuple[bool, float, bool]:
    """Whether a queue is open, since when, and whether by hand: the last word of a supervisor, else the calendar's."""
    plan = floor.state.plan
    assert plan is not None
    queue = next(queue for queue in plan.queues if queue.id == queue_id)
    by_hand = sorted(
        (
            switch
            for key, switch in floor.state.switches.items()
            if key in (f"queue:{queue.id}", f"calendar:{queue.calendar}")
        ),
        key=lambda switch: switch.seq,
    )
    if by_hand:
        return by_hand[-1].open, by_hand[-1].since, True
    for name, state in floor.state.calendars.items():
        if name == queue.calendar:
            return state.open, state.since, False
    return True, 0.0, False


def closed_way(
    floor: LiveFloor, queue: QueuePlan, began: float, passed: Sequence[QueueId]
) -> tuple[str, Destination] | None:
    """Why, and where to, a wait that began then is sent from a queue that is closed."""
    is_open, since, by_hand = hours(floor, queue.id)
    if is_open:
        return None
    word = None
    if by_hand:
        keys = (f"queue:{queue.id}", f"calendar:{queue.calendar}")
        found = [switch for key, switch in floor.state.switches.items() if key in keys]
        word = max(found, key=lambda switch: switch.seq).waiting
    if (word or queue.at_closing) == "serve" and began < since:
        return None
    choices = [queue.closed_by_hand, queue.closed] if by_hand else [queue.closed, queue.closed_by_hand]
    given = [choice for choice in choices if choice is not None]
    known = {other.id for other in floor.plan.queues} - {queue.id, *passed}
    if not given or (isinstance(given[0], ToQueue) and given[0].queue not in known):
        return None
    return ("closed_by_hand" if by_hand else "closed", given[0])


def sent_away(floor: LiveFloor, contact: Contact) -> tuple[str, Destination] | None:
    """The same, of who stands in the hold: once, and while the PBX is steered."""
    queue = queue_of(floor, contact)
    if queue is None or contact.queued_at is None or not movable(floor, contact) or contact.turned_away:
        return None
    return closed_way(floor, queue, contact.queued_at, contact.passed)


def left_alone(floor: LiveFloor, contact: Contact) -> tuple[float, Destination] | None:
    """When, and where to, who stands in the hold of a queue that nobody serves is sent: once."""
    queue = queue_of(floor, contact)
    if queue is None or queue.unstaffed is None or queue.unstaffed_grace_s is None or contact.queued_at is None:
        return None
    if contact.unserved or not movable(floor, contact) or staffed(floor, contact.pbx, queue):
        return None
    known = {other.id for other in floor.plan.queues} - {queue.id, *contact.passed}
    if isinstance(queue.unstaffed, ToQueue) and queue.unstaffed.queue not in known:
        return None
    began = [contact.queued_at]
    began += [at for place, at in floor.state.unstaffed.items() if place == f"{contact.pbx}/{queue.id}"]
    return max(began) + queue.unstaffed_grace_s, queue.unstaffed


def weight(agent: Agent, medium: Medium) -> int:
    media = agent.profile.capacity.media
    return media[medium].weight if medium in media else 100


def room(agent: Agent, medium: Medium, before: ContactId | None = None) -> bool:
    """Whether one more fits, whoever and wherever the agent is. before: as if this one had not been offered."""
    media = agent.profile.capacity.media
    has = [e for e in agent.engagements if e.contact != before or e.state is AgentState.WRAP_UP]
    if medium not in media or [e for e in has if e.state is AgentState.OFFERED]:
        return False
    calling = [e for e in has if e.medium == "voice" and e.state is not AgentState.WRAP_UP]
    if any(medium in media[e.medium].interrupts for e in has if e.medium in media):
        return False
    own_call = agent.handset is Handset.IN_USE and not calling and medium != "voice"
    if own_call and agent.profile.capacity.own_calls_take_all:
        return False
    gives_way = [e for e in has if e.medium in media[medium].interrupts]
    taken = [weight(agent, e.medium) for e in has if e not in gives_way] + [weight(agent, Medium.VOICE)] * own_call
    alike = sum(e.medium == medium for e in has)
    return alike < media[medium].most and sum(taken) + media[medium].weight <= 100


def available(agent: Agent, medium: Medium = Medium.VOICE, before: ContactId | None = None) -> bool:
    reachable = medium != "voice" or agent.handset is Handset.FREE
    return agent.status is Status.READY and reachable and room(agent, medium, before)


def stands_still(agent: Agent, engagement: Engagement) -> bool:
    """Whether what the agent does with this contact is interrupted."""
    if engagement.state is not AgentState.BUSY:
        return False
    media = agent.profile.capacity.media
    at_work = {e.medium for e in agent.engagements if e.state in (AgentState.BUSY, AgentState.WRAP_UP)}
    return any(engagement.medium in media[medium].interrupts for medium in at_work if medium in media)


def foremost(agent: Agent) -> tuple[AgentState, ContactId | None]:
    """What the agent is shown to do: the latest of what they work on, then the wrap-up, then what rings."""
    for state in (AgentState.BUSY, AgentState.WRAP_UP, AgentState.OFFERED):
        of_it = [e for e in agent.engagements if e.state is state and not e.parked]
        if of_it:
            latest = max(e.since for e in of_it)
            last = [e for e in of_it if e.since == latest][-1]
            return state, None if state is AgentState.WRAP_UP else last.contact
    return AgentState.IDLE, None


def kept(floor: LiveFloor, agent: Agent, contact: Contact) -> bool:
    """For somebody older who is on the way back from the static queue, and for no one else."""
    return any(
        other.return_by is not None and place(floor, other) < place(floor, contact) and allowed(floor, agent, other)
        for other in floor.contacts.values()
    )


def movable(floor: LiveFloor, contact: Contact) -> bool:
    """Whether contact can be sent elsewhere: a caller in the hold of a PBX that is steered."""
    there = contact.held and contact.callback is None
    return contact.medium == "voice" and there and contact.pbx in floor.state.steered


def next_step_at(floor: LiveFloor, contact: Contact) -> float | None:
    queue = queue_of(floor, contact)
    if contact.state is not ContactState.WAITING or queue is None or contact.queued_at is None:
        return None
    if sent_away(floor, contact) is not None:
        return 0.0
    times: list[float] = []
    later = queue.steps[contact.step :] if contact.step != STICKY else ()
    if contact.step == STICKY:
        times.append(contact.queued_at + queue.sticky_s)
    elif later and (later[0].go is None or movable(floor, contact) or contact.callback is not None):
        times.append(contact.queued_at + later[0].after_s)
    left = left_alone(floor, contact)
    return min([*times, left[0]] if left is not None else times, default=None)


def sitter(floor: LiveFloor, pbx: str, endpoint: str) -> AgentId:
    """To whom the calls of a handset belong."""
    plan = floor.state.plan
    planned = {profile.id for profile in plan.agents} if plan is not None else set()
    there = [
        agent
        for agent in floor.agents.values()
        if agent.profile.pbx == pbx and endpoint in ((agent.desk,) if agent.desk else (agent.profile.endpoint,))
    ]
    for rather in (
        lambda agent: agent.id in planned,
        lambda agent: any(e.medium == "voice" and e.state is not AgentState.WRAP_UP for e in agent.engagements),
        lambda agent: agent.status is not Status.SIGNED_OUT,
        lambda agent: agent.desk == "",
    ):
        there = [agent for agent in there if rather(agent)] or there
    return max(agent.id for agent in there)


def limit_at(floor: LiveFloor, agent: Agent) -> float | None:
    """When somebody hears that the agent is not ready for too long, or the agent is signed out."""
    plan = floor.state.plan
    if plan is None or agent.profile.pbx not in floor.state.steered or agent.state is not AgentState.IDLE:
        return None
    times: list[float] = []
    for reason in plan.reasons:
        named = agent.status is Status.NOT_READY and agent.reason == reason.id
        if named and reason.longest_s and not agent.overdue:
            times.append(agent.since + reason.longest_s)
    if agent.status is not Status.SIGNED_OUT:
        if plan.sign_out_inactive_s:
            times.append(agent.since + plan.sign_out_inactive_s)
        if plan.sign_out_unregistered_s and agent.handset is Handset.UNAVAILABLE:
            times.append(max(agent.since, agent.handset_since) + plan.sign_out_unregistered_s)
    return min(times) if times else None


def in_line(floor: LiveFloor, queue: QueueId) -> int:
    """How many count as waiting in queue: until an agent answers, or the PBX's destination takes them."""
    waits = ("waiting", "offered", "fallback")
    return sum(contact.queue == queue and contact.state in waits for contact in floor.contacts.values())


def staffed(floor: LiveFloor, pbx: PbxId, queue: QueuePlan) -> bool:
    """Whether anybody at pbx, ready or not, could ever be offered what waits in queue, if skills were no matter."""
    return any(agent.status is not Status.SIGNED_OUT and staffs(agent, pbx, queue) for agent in floor.agents.values())


def staffs(agent: Agent, pbx: PbxId, queue: QueuePlan) -> bool:
    """The same of one agent, while signed in."""
    helpers = {group for part in (queue, *queue.steps) for group in part.also_groups}
    serves = queue.id in agent.profile.queues or not helpers.isdisjoint(agent.profile.groups)
    return agent.profile.pbx == pbx and serves


def strategy_of(floor: LiveFloor, contact: Contact) -> Strategy:
    queue = queue_of(floor, contact)
    assert queue is not None
    step = _step_of(queue, contact)
    return step.strategy if step is not None and step.strategy is not None else queue.strategy


def merit(
    floor: LiveFloor, agent: Agent, contact: Contact, turns: Mapping[AgentId, int], before: ContactId | None = None
) -> tuple[float, float, str]:
    """What the strategy compares; the lowest gets the contact. turns: each agent's last offer before this step.

    before: as if this one had not been offered to the agent yet.
    """
    queue = queue_of(floor, contact)
    assert queue is not None
    has = [e for e in agent.engagements if e.contact not in (before, contact.id) or e.state is AgentState.WRAP_UP]
    counted = {*queue.preferred_skills, *_asked_skills(queue, contact)}
    load = sum(weight(agent, e.medium) for e in has)
    score: dict[Strategy, float] = {
        Strategy.LONGEST_IDLE: load,
        Strategy.RING_ALL: load,
        Strategy.FEWEST_CONTACTS: agent.contacts,
        Strategy.BEST_SKILL: -sum(_has(agent).get(skill, 0) for skill in counted),
        Strategy.ROUND_ROBIN: turns.get(agent.id, 0),
    }
    return (score.get(strategy_of(floor, contact), 0.0), agent.idle_since, agent.id)


def reason(floor: LiveFloor, agent: Agent, contact: Contact, before: ContactId | None = None) -> str:
    """Why agent, who is not the chosen one, was not chosen. before: what the agent was offered later in the step."""
    alone = _preferred(floor, contact)
    if not _named(floor, agent, contact) or (alone is not None and alone != agent.id):
        return "elsewhere"
    if not _skilled(floor, agent, contact):
        return "unskilled"
    return reason_of_itself(agent, contact.medium, before)


def reason_of_itself(agent: Agent, medium: Medium = Medium.VOICE, before: ContactId | None = None) -> str:
    """What keeps agent from everything of medium, whatever is asked for."""
    if available(agent, medium, before):
        return "ready"
    has = [e for e in agent.engagements if e.contact != before]
    if any(e.state is AgentState.OFFERED for e in has):
        return "offered"
    if has and not room(agent, medium, before):
        return str(foremost(agent)[0])
    return str(agent.status) if agent.status is not Status.READY else "handset"


def recording(floor: LiveFloor, agent: Agent, contact: Contact) -> str:
    """What an offer says of it: by the queue's rule, the agent's own, and what the customer said."""
    queue = queue_of(floor, contact)
    said = contact.known.recording if contact.known is not None else None
    asks = (queue is not None and queue.record != "no") or agent.profile.record is True
    if not asks:
        return ""
    if agent.profile.record is False:
        return "agent"
    of_queue = queue is not None and queue.record != "no"
    if of_queue and queue is not None and queue.record == "always":
        return "yes"
    if said is not None:
        return "yes" if said else "refused"
    return "not_agreed" if of_queue and queue is not None and queue.record == "agreed" else "yes"


def needs_told(contact: Contact) -> tuple[dict[str, int], str | None, int]:
    """What is asked for a contact whose party is known: by people, and by the record for the queue where it is."""
    known, asked = contact.known, contact.asked or Needs()
    assert known is not None
    last = {None: None, **known.agents}.get(contact.queue)
    if not (known.skills or known.boost_s or last):
        return dict(asked.skills), asked.preferred_agent, asked.boost_s
    levels = [*known.skills.items(), *asked.skills.items()]
    # Only what is added up is bounded: a PBX that lies may have said anything.
    skills = {skill: max([0] + [level for one, level in levels if one == skill]) for skill, _ in levels}
    return dict(skills), asked.preferred_agent or last, max(0, min(known.boost_s + asked.boost_s, 86400))
