"""The control socket's handlers that act: each is written down, with who asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from contactd.core.errors import ContactdError
from contactd.store.audit import Entry, Who
from contactd.web import acts, asking, calling, customers, recordings, switching, views
from contactd.web.requests import body_of, contact_of, json, who
from contactd.web.surface import Surface

_MOST_OUTCOME = 400


class TooMuchUnaudited(ContactdError):
    """PostgreSQL has been away for so many acts that no more are taken."""


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def only_what_is_kept(surface: Surface) -> Any:
    """No act that could not be written down."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != "GET" and surface.trail.full():
            raise TooMuchUnaudited(
                f"{surface.trail.waiting} acts wait to be written down, and no more are taken: bring PostgreSQL back."
            )
        return await handler(request)

    return middleware


def add_acting(app: web.Application, surface: Surface) -> None:
    floor = surface.engine.floor

    async def act(request: web.Request) -> web.Response:
        agent, name = request.match_info["agent"], request.match_info["act"]
        reason = (await body_of(request)).get("reason", "")
        reason = reason if isinstance(reason, str) else ""
        reasons = list(surface.settings().why_not_ready)
        done = await acts.act(surface.engine, agent, name, reason, reasons)
        if done.http in (200, 409):  # others named no act, agent or reason that there is: nobody acted
            outcome = f"{done.code}: {reason}" if reason else done.code
            surface.trail.put(Entry(who(request), "socket", name, agent=done.agent, outcome=outcome))
        if done.code == acts.DONE:
            return json(views.agent_view(floor.agents[done.agent], surface.settings(), surface.now()))
        return json({"code": done.code, "reason": done.reason}, status=done.http)

    async def needs(request: web.Request) -> web.Response:
        contact = contact_of(floor, request)
        if isinstance(contact, web.Response):
            return contact
        done = await asking.ask_needs(surface.engine, contact.id, await body_of(request))
        if done.http in (200, 409):
            outcome = f"{done.code}: {done.told}"
            surface.trail.put(Entry(who(request), "socket", "needs", contact=contact.id, outcome=outcome))
        if done.code == acts.DONE:
            return json(views.candidates_view(floor, contact))
        return json({"code": done.code, "reason": done.reason}, status=done.http)

    async def customer(request: web.Request) -> web.Response:
        contact = contact_of(floor, request)
        if isinstance(contact, web.Response):
            return contact
        said = await customers.say(surface, contact.id, await body_of(request))
        if said.outcome:
            surface.trail.put(Entry(who(request), "socket", "customer", contact=contact.id, outcome=said.outcome))
        if said.code == acts.DONE:
            return json({"contact": contact.id, "party": said.party})
        return json({"code": said.code, "reason": said.reason}, status=said.http)

    async def wipe(_: web.Request) -> web.Response:
        return json({"empty": surface.wipe_spool()})

    async def switch(request: web.Request) -> web.Response:
        kind, name, act = (request.match_info[part] for part in ("kind", "name", "act"))
        done = await switching.switch(surface.engine, surface.now(), kind, name, act, body := await body_of(request))
        if done.http in (200, 409):
            told = ", ".join(f"{word}={value}" for word, value in sorted(body.items()) if value is not None)
            outcome = f"{done.code}: {done.key}" + (f", {told}" if told else "")
            surface.trail.put(Entry(who(request), "socket", act, outcome=outcome[:_MOST_OUTCOME]))
        if done.code == acts.DONE:
            now = surface.now()
            return json(await views.add_new_waits(views.queues_view(floor, surface.settings(), now), floor, now))
        return json({"code": done.code, "reason": done.reason}, status=done.http)

    async def reload(request: web.Request) -> web.Response:
        result = await surface.reload.ask(who(request) or Who(-1))
        body = {
            "result": result,
            "sha256": surface.settings().sha256,
            "refused": surface.reload.refused,
            "restart_pending": [change.json() for change in surface.reload.pending],
        }
        return json(body)

    async def testcall(request: web.Request) -> web.Response:
        what = "".join(char for char in str((await body_of(request)).get("what", "")) if char.isprintable())
        surface.trail.put(Entry(who(request), "contactctl testcall", "test call", outcome=what[:_MOST_OUTCOME]))
        return json({"written": True})

    app.router.add_post("/agents/{agent}/{act}", act)
    app.router.add_post("/contacts/{contact}/needs", needs)
    app.router.add_post("/contacts/{contact}/customer", customer)
    app.router.add_post("/spool/wipe", wipe)
    app.router.add_post("/hours/{kind}/{name}/{act}", switch)
    app.router.add_post("/reload", reload)
    app.router.add_post("/testcalls", testcall)
    _add_recording(app, surface)


def _add_recording(app: web.Application, surface: Surface) -> None:
    async def recording(request: web.Request) -> web.Response:
        agent, word = request.match_info["agent"], request.match_info["act"]
        done = await recordings.pause_or_resume(surface.engine, agent, word)
        if done.http in (200, 409, 504):
            act = f"recording-{word}"
            surface.trail.put(Entry(who(request), "socket", act, agent=done.agent, outcome=done.code))
        if done.code == acts.DONE:
            return json({"agent": done.agent, "recording": "paused" if word == recordings.PAUSE else "on"})
        return json({"code": done.code, "reason": done.reason}, status=done.http)

    app.router.add_post("/recordings/{agent}/{act}", recording)


def add_calling(app: web.Application, surface: Surface) -> None:
    async def transfer(request: web.Request) -> web.Response:
        contact = contact_of(surface.engine.floor, request)
        if isinstance(contact, web.Response):
            return contact
        queue = (await body_of(request)).get("queue")
        done = await calling.transfer_to_queue(surface.engine, contact.id, queue if isinstance(queue, str) else "")
        if done.http in (200, 409, 504):
            outcome = f"{done.code}: {done.told}"
            surface.trail.put(Entry(who(request), "socket", "transfer", contact=contact.id, outcome=outcome))
        if done.code == acts.DONE:
            return json({"contact": contact.id, "queue": queue})
        return json({"code": done.code, "reason": done.reason}, status=done.http)

    app.router.add_post("/contacts/{contact}/transfer", transfer)
