"""Callbacks, for a supervisor: what is promised, and what is done about it. A refusal is a value with a code."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from contactd.core import inputs as inp
from contactd.core.agent import By
from contactd.core.callback import plan_of, routable
from contactd.core.callbacks import is_watched
from contactd.core.contact import Callback, Contact
from contactd.core.floor import LiveFloor
from contactd.core.ids import Instant, QueueId
from contactd.store.audit import Entry
from contactd.web.acts import DONE
from contactd.web.health import Engine
from contactd.web.requests import body_of, contact_of, json, who
from contactd.web.surface import Surface

CANCEL, NOW = "cancel", "now"
_LONGEST = 40


def callbacks_view(floor: LiveFloor, now: Instant) -> list[dict[str, Any]]:
    """The first in line first."""
    told = [view for contact in floor.callbacks.values() if (view := callback_view(floor, contact, now)) is not None]
    return sorted(told, key=lambda one: (-one["waited_s"], one["id"]))


def callback_view(floor: LiveFloor, contact: Contact, now: Instant) -> dict[str, Any] | None:
    """None: the contact is not to be called back."""
    callback = contact.callback
    if callback is None:
        return None
    plan = plan_of(floor.queues.get(contact.queue or QueueId("")))
    return {
        "id": contact.id,
        "queue": contact.queue,
        "first": plan.first,
        "state": _state(floor, contact, callback),
        "waited_s": round(max(0.0, now - (contact.queued_at or now)), 1),
        "asked_at": callback.asked_at,
        "by": callback.by,
        "due_at": callback.due_at,
        "until": callback.until,
        "tries": callback.tries,
        "most_tries": plan.tries,
        "agent": contact.agent,
        "party": contact.known.party if contact.known is not None else None,
    }


def _state(floor: LiveFloor, contact: Contact, callback: Callback) -> str:
    """later: not before due_at. closed: its queue is. waiting: for its turn. agent, customer: whose telephone rings."""
    if callback.attempt:
        return "customer" if callback.dialled or contact.agent is None else "agent"
    if not callback.due:
        return "later"
    return "waiting" if routable(floor, contact) or is_watched(floor, contact) else "closed"


async def act(engine: Engine, contact: Contact, name: str) -> tuple[str, str, int]:
    """The code, its sentence, and the status to answer with. Raises a ContactdError when the inbox is full."""
    asked: inp.Input
    if name == CANCEL:
        asked = inp.CallbackCancelAsked(contact=contact.id, by=By.SUPERVISOR)
    elif name == NOW:
        asked = inp.CallbackNowAsked(contact=contact.id, by=By.SUPERVISOR)
    else:
        return "unknown_act", f"{name} is none of {CANCEL}, {NOW}.", 404
    if contact.callback is None:
        return "no_callback", f"Contact {contact.id} is not to be called back; contactctl callbacks lists them.", 409
    step = await engine.ask(asked)
    if step.events:
        return DONE, "", 200
    return "already", "Its turn comes as it is: it waits for no time, or is being called.", 409


def add_callbacks(app: web.Application, surface: Surface) -> None:
    floor = surface.engine.floor

    async def listed(_: web.Request) -> web.Response:
        return json(callbacks_view(floor, surface.now()))

    async def shown(request: web.Request) -> web.Response:
        contact = contact_of(floor, request)
        if isinstance(contact, web.Response):
            return contact
        if contact.callback is None:
            why = f"Contact {contact.id} is not to be called back; contactctl callbacks lists them."
            return json({"code": "no_callback", "reason": why}, status=404)
        return json(callback_view(floor, contact, surface.now()))

    async def acted(request: web.Request) -> web.Response:
        contact = contact_of(floor, request)
        if isinstance(contact, web.Response):
            return contact
        name = request.match_info["act"]
        code, reason, status = await act(surface.engine, contact, name)
        if status in (200, 409):
            surface.trail.put(Entry(who(request), "socket", f"callback-{name}", contact=contact.id, outcome=code))
        if code != DONE:
            return json({"code": code, "reason": reason}, status=status)
        known = floor.contacts.get(contact.id)
        left = callback_view(floor, known, surface.now()) if known is not None and known.callback else None
        return json(left or {"id": contact.id, "state": "cancelled"})

    async def added(request: web.Request) -> web.Response:
        body = await body_of(request)
        number, queue = str(body.get("number", ""))[:_LONGEST], str(body.get("queue", ""))
        if queue not in floor.queues:
            known = ", ".join(floor.queues)
            return json({"code": "unknown_queue", "reason": f"There is no queue {queue}; known: {known}."}, status=404)
        if surface.promise is None:
            return json({"code": "unknown_act", "reason": "Nobody can be called back here."}, status=404)
        done = await surface.promise(number, QueueId(queue))
        # Whom it is about stands sealed beside the contact, and not in the audit.
        surface.trail.put(Entry(who(request), "socket", "callback-add", contact=done.contact, outcome=done.code))
        if done.contact is None or (contact := floor.contacts.get(done.contact)) is None:
            return json({"code": done.code, "reason": done.reason}, status=409)
        return json(callback_view(floor, contact, surface.now()))

    app.router.add_get("/callbacks", listed)
    app.router.add_get("/callbacks/{contact}", shown)
    app.router.add_post("/callbacks", added)
    app.router.add_post("/callbacks/{contact}/{act}", acted)
