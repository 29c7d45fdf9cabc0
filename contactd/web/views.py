"""The floor as JSON, for contactctl. Seconds and Unix times; the floor holds no personal value."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import msgspec

from contactd.config import Settings
from contactd.core.agent import Agent
from contactd.core.contact import IN_LINE, Contact, ContactState
from contactd.core.diverting import newcomer_goes
from contactd.core.floor import LiveFloor
from contactd.core.hours import opening
from contactd.core.ids import Instant, QueueId
from contactd.core.opening import ALWAYS
from contactd.core.routing.explain import candidates
from contactd.core.routing.waits import estimated_wait, remaining_wait

_ESTIMATED = 500
"""So many contacts are told how long they will wait."""


def agents_view(floor: LiveFloor, settings: Settings, now: Instant) -> list[dict[str, Any]]:
    return [agent_view(agent, settings, now) for _, agent in sorted(floor.agents.items())]


def agent_view(agent: Agent, settings: Settings, now: Instant) -> dict[str, Any]:
    reason = settings.why_not_ready.get(agent.reason)
    return {
        "id": agent.id,
        "status": agent.status,
        "reason": agent.reason,
        "reason_label": (reason.label if reason else "") or agent.reason,
        "by": agent.status_by,
        # Asked for in a contact: it takes effect after it.
        "pending": agent.pending(),
        "overdue": agent.overdue,
        "state": agent.state,
        # An agent who was never here has no since.
        "for_s": round(max(0.0, now - agent.since), 1) if agent.since else None,
        "handset": agent.handset,
        "pbx": agent.profile.pbx,
        "endpoint": agent.endpoint,
        # Where they are signed in, when it is not their own handset.
        "desk": agent.desk,
        "queues": list(agent.profile.queues),
        "groups": list(agent.profile.groups),
        "skills": dict(agent.skills),
        # A supervisor's, until they say "configured".
        "skills_set": agent.skills_set is not None,
        "contact": agent.contact,
        "wrap_up_until": agent.wrap_up_until,
        "wrap_up_extend_s": agent.wrap_up_extend_s,
        "engagements": [
            {
                "contact": one.contact or None,
                "medium": one.medium,
                "state": one.state,
                "for_s": round(max(0.0, now - one.since), 1),
                "parked": one.parked,
            }
            for one in agent.engagements
        ],
        "available": agent.available(),
        "locked_until": agent.locked_until if agent.locked_until and agent.locked_until > now else None,
    }


def queues_view(floor: LiveFloor, settings: Settings, now: Instant) -> list[dict[str, Any]]:
    in_line: dict[QueueId, list[Contact]] = {queue: [] for queue in floor.queues}
    talking: Counter[str] = Counter()
    callbacks: Counter[str] = Counter()
    for contact in floor.contacts.values():
        if contact.queue is None or contact.queue not in in_line:
            continue
        if contact.callback is not None:
            callbacks[contact.queue] += 1
        elif contact.state in IN_LINE:
            in_line[contact.queue].append(contact)
        elif contact.state is ContactState.CONNECTED:
            talking[contact.queue] += 1
    view = []
    for queue, contacts in in_line.items():
        section = settings.queues.get(queue)
        serving = [agent for agent in floor.agents.values() if queue in agent.profile.queues]
        starts = [contact.queued_at for contact in contacts if contact.queued_at is not None]
        view.append(
            {
                "id": queue,
                "label": (section.label if section else "") or queue,
                "waiting": sum(contact.state is not ContactState.OFFERED for contact in contacts),
                "ringing": sum(contact.state is ContactState.OFFERED for contact in contacts),
                "callbacks": callbacks[queue],
                "talking": talking[queue],
                "longest_wait_s": round(max(0.0, now - min(starts)), 1) if starts else 0.0,
                "agents_available": sum(agent.available() for agent in serving),
                "agents": len(serving),
                "hours": hours_view(floor, queue),
                "max_waiting": floor.queues[queue].max_waiting,
                "new_callers": _new_callers(floor, queue, now),
            }
        )
    return view


def _new_callers(floor: LiveFloor, queue: QueueId, now: Instant) -> list[dict[str, Any]]:
    """Where who comes now goes instead of waiting. pbx: None: at every PBX; one that is not named lets them wait."""
    found = {pbx: newcomer_goes(floor, pbx, floor.queues[queue], now) for pbx in sorted(floor.steered)}
    told = [{"pbx": pbx, "why": sends[0], "to": msgspec.to_builtins(sends[1])} for pbx, sends in found.items() if sends]
    same = len(told) == len(found) and len({sends[0] for sends in found.values() if sends}) == 1
    return [{**told[0], "pbx": None}] if same else told


def hours_view(floor: LiveFloor, queue: QueueId) -> dict[str, Any]:
    """Whether a queue is open. by: hand (a supervisor's word), calendar, or nothing for a queue without hours."""
    now = opening(floor, queue)
    if now is None or now == ALWAYS:
        return {"open": True, "by": "", "why": "", "until": None, "since": None}
    by = "hand" if now.by_hand else "calendar"
    return {"open": now.open, "by": by, "why": now.why, "until": now.until, "since": now.since}


async def add_new_waits(queues: list[dict[str, Any]], floor: LiveFloor, now: Instant) -> list[dict[str, Any]]:
    """How long somebody new would wait in each queue, by PBX. The floor goes on in between: each takes a moment."""
    pbxes = sorted({agent.profile.pbx for agent in floor.agents.values()})
    for queue in queues:
        waits = {pbx: estimated_wait(floor, queue["id"], now, pbx=pbx) for pbx in pbxes}
        queue["estimated_wait"] = msgspec.to_builtins(waits)
        await asyncio.sleep(0)
    return queues


async def add_waits(contacts: list[dict[str, Any]], floor: LiveFloor, now: Instant) -> list[dict[str, Any]]:
    """How long the oldest contacts have still to wait; null for the others, as for those of whom nobody knows."""
    for count, one in enumerate(contacts):
        contact = floor.contacts.get(one["id"]) if count < _ESTIMATED else None
        one["estimated_wait"] = msgspec.to_builtins(remaining_wait(floor, contact, now) if contact else None)
        if contact is not None:
            await asyncio.sleep(0)
    return contacts


def contacts_view(floor: LiveFloor, now: Instant) -> list[dict[str, Any]]:
    """Those on the floor, the oldest first."""
    return [
        {
            "id": contact.id,
            "medium": contact.medium,
            # What brings the words of a call whose words are text; null: it is spoken.
            "text": contact.text,
            "state": contact.state,
            "queue": contact.queue,
            "agent": contact.agent,
            "legs": list(contact.legs),
            "pbx": contact.pbx,
            "call": contact.call,
            "dnis": contact.dnis,
            "arrived_at": contact.arrived_at,
            "here_s": round(max(0.0, now - contact.arrived_at), 1),
            "waited_s": _waited_s(contact, now),
            "talking_s": round(max(0.0, now - contact.connected_at), 1)
            if contact.state is ContactState.CONNECTED and contact.connected_at is not None
            else None,
        }
        for contact in sorted(floor.contacts.values(), key=lambda contact: (contact.arrived_at, contact.id))
    ]


def candidates_view(floor: LiveFloor, contact: Contact) -> dict[str, Any]:
    """Why a contact is offered to whom, or to nobody: every agent of its PBX, the next one first."""
    told: dict[str, Any] = msgspec.to_builtins(candidates(floor, contact))
    return told


def _waited_s(contact: Contact, now: Instant) -> float | None:
    if contact.queued_at is None:
        return None
    until = now if contact.state in IN_LINE else contact.connected_at or contact.diverted_at
    return round(max(0.0, until - contact.queued_at), 1) if until is not None else None


def status_view(floor: LiveFloor, settings: Settings, now: Instant) -> dict[str, Any]:
    """The whole in numbers."""
    states = Counter(str(contact.state) for contact in floor.contacts.values())
    return {
        "epoch": floor.epoch,
        "seq": floor.seq,
        "config_sha256": floor.state.plan.sha256 if floor.state.plan else None,
        "pbx": {pbx: {"steered": pbx in floor.steered} for pbx in settings.pbx},
        "contacts": dict(states),
        "agents": dict(Counter(str(agent.status) for agent in floor.agents.values())),
        "agents_available": len(floor.available),
        "queues": queues_view(floor, settings, now),
    }
