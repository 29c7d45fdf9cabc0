"""Work that no PBX carries, at an agent: what is offered, what they are at, and what they say of it.

A refusal is a value with a stable code.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from contactd.core import inputs as inp
from contactd.core.agent import Agent, AgentState, Engagement
from contactd.core.contact import Contact
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, Instant
from contactd.core.plan import Medium
from contactd.store.audit import Entry
from contactd.web.acts import DONE, Act
from contactd.web.health import Engine
from contactd.web.requests import body_of, json, who
from contactd.web.surface import Surface

TAKE, DECLINE, FINISH, BACK = "take", "decline", "done", "back"
_WANTED = {TAKE: AgentState.OFFERED, DECLINE: AgentState.OFFERED, FINISH: AgentState.BUSY, BACK: AgentState.BUSY}


def work_view(floor: LiveFloor, agent: Agent, now: Instant) -> list[dict[str, Any]]:
    """What the agent has, in the order in which it began."""
    return [_view(floor, agent, one, now) for one in agent.engagements if one.medium is not Medium.VOICE]


def _view(floor: LiveFloor, agent: Agent, one: Engagement, now: Instant) -> dict[str, Any]:
    contact = floor.contacts.get(one.contact)
    since = contact.queued_at if contact is not None else None
    return {
        "id": one.contact,
        "agent": agent.id,
        "medium": one.medium,
        "state": "parked" if one.parked else str(one.state),
        "queue": one.queue,
        "age_s": round(max(0.0, now - since), 1) if since is not None else None,
        "until": one.until,
        "party": contact.known.party if contact is not None and contact.known is not None else None,
    }


async def act(engine: Engine, agent_id: str, name: str, beginning: str) -> tuple[Act, Contact | None]:
    """beginning: of the contact's id; empty: the only one that it can mean. Raises a ContactdError when the inbox is
    full."""
    agent = engine.floor.agents.get(AgentId(agent_id))
    if name not in _WANTED:
        return Act(AgentId(agent_id), "unknown_act", f"{name} is none of {', '.join(_WANTED)}.", 404), None
    if agent is None:
        reason = f"There is no agent {agent_id}; contactctl agents lists them."
        return Act(AgentId(agent_id), "unknown_agent", reason, 404), None
    meant = [
        one
        for one in agent.engagements
        if one.medium is not Medium.VOICE and one.state is _WANTED[name] and one.contact.startswith(beginning)
    ]
    if len(meant) != 1:
        return _not_one(agent, name, len(meant)), None
    contact = engine.floor.contacts[meant[0].contact]
    input_ = _input(agent, meant[0], contact, name)
    step = await engine.ask(input_) if input_ is not None else None
    if step is None or not step.events:
        return Act(agent.id, "gone", "It ended, or went to somebody else, in the same moment.", 409), contact
    return Act(agent.id, DONE), contact


def _input(agent: Agent, one: Engagement, contact: Contact, name: str) -> inp.Input | None:
    if name in (TAKE, DECLINE):
        if one.offer is None:
            return None
        if name == TAKE:
            return inp.OfferAnswered(contact=contact.id, offer=one.offer)
        return inp.OfferFailed(contact=contact.id, offer=one.offer, dial_status="DECLINED", cause=0)
    if name == FINISH:
        return inp.CallerHungUp(contact=contact.id, cause=0, by=agent.id)
    since = contact.queued_at if contact.queued_at is not None else contact.arrived_at
    return inp.ContactReceived(contact=contact.id, medium=contact.medium, queue=contact.queue, received_at=since)


def _not_one(agent: Agent, name: str, count: int) -> Act:
    if count:
        return Act(agent.id, "several", f"{agent.id} has {count} of them: give the contact; contactctl work list.", 409)
    what = "is offered nothing of this kind" if name in (TAKE, DECLINE) else "is at nothing of this kind"
    return Act(agent.id, "no_work", f"{agent.id} {what}; contactctl work list {agent.id} tells what there is.", 409)


def add_working(app: web.Application, surface: Surface) -> None:
    floor = surface.engine.floor

    async def listed(request: web.Request) -> web.Response:
        wanted = request.query.get("agent")
        if wanted is not None and AgentId(wanted) not in floor.agents:
            reason = f"There is no agent {wanted}; contactctl agents lists them."
            return json({"code": "unknown_agent", "reason": reason}, status=404)
        agents = [agent for agent in floor.agents.values() if wanted in (None, agent.id)]
        return json([view for agent in agents for view in work_view(floor, agent, surface.now())])

    async def work(request: web.Request) -> web.Response:
        name = request.match_info["act"]
        beginning = (await body_of(request)).get("contact", "")
        beginning = beginning if isinstance(beginning, str) else ""
        done, contact = await act(surface.engine, request.match_info["agent"], name, beginning)
        if done.http in (200, 409):
            at = contact.id if contact is not None else None
            entry = Entry(who(request), "socket", f"work-{name}", contact=at, agent=done.agent, outcome=done.code)
            surface.trail.put(entry)
        if done.code == DONE and contact is not None:
            return json({"contact": contact.id, "agent": done.agent, "done": name})
        return json({"code": done.code, "reason": done.reason}, status=done.http)

    app.router.add_get("/work", listed)
    app.router.add_post("/work/{agent}/{act}", work)
