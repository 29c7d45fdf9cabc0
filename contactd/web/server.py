"""The two doors: TCP to look at numbers, a unix socket to look at everything and to act for an agent."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import structlog
from aiohttp import web

from contactd import __version__, metrics
from contactd.core.errors import ContactdError
from contactd.store.audit import Entry, Who
from contactd.web import acts, configuration, peers, switching, views
from contactd.web.doors import open_door
from contactd.web.health import Check, Level, worst
from contactd.web.surface import Face, Surface
from contactd.web.tail_page import tail_page

log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BODY_S = 5.0
_MOST_OUTCOME = 400


class WebRefused(ContactdError):
    """A port cannot be listened on."""


# --- TCP: numbers only ---


def web_app(face: Face) -> web.Application:
    async def metrics_page(_: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=await metrics.exposition(), headers=headers)

    async def healthz(_: web.Request) -> web.Response:
        return _told(await face.health())

    async def readyz(_: web.Request) -> web.Response:
        return _told(await face.ready())

    def _told(found: list[Check]) -> web.Response:
        level = worst(found)
        body = {"level": level, "role": face.role, "checks": [check.json() for check in found]}
        return _json(body, status=503 if level is Level.FAILING else 200)

    app = web.Application()
    app.router.add_get("/metrics", metrics_page)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    return app


@contextlib.asynccontextmanager
async def serve_web(face: Face, host: str, port: int) -> AsyncIterator[int]:
    """Listen on [web]; yields the port (port 0: any free one)."""
    runner = await open_door(web_app(face))
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise WebRefused(
                f"Cannot listen on {host}:{port} ({error.strerror}): set listen and port in [web]."
            ) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


# --- the unix socket: for contactctl ---


def control_app(surface: Surface, group: int | None) -> web.Application:
    floor = surface.engine.floor

    async def status(_: web.Request) -> web.Response:
        found = await surface.health()
        body = {
            "version": __version__,
            "level": worst(found),
            **views.status_view(floor, surface.settings(), surface.now()),
            "configuration": configuration.view(surface.reload),
            "checks": [check.json() for check in found],
            "readings": surface.read(),
        }
        return _json(body)

    async def agents(_: web.Request) -> web.Response:
        return _json(views.agents_view(floor, surface.settings(), surface.now()))

    async def queues(_: web.Request) -> web.Response:
        now = surface.now()
        return _json(await views.add_new_waits(views.queues_view(floor, surface.settings(), now), floor, now))

    async def contacts(_: web.Request) -> web.Response:
        now = surface.now()
        return _json(await views.add_waits(views.contacts_view(floor, now), floor, now))

    async def candidates(request: web.Request) -> web.Response:
        begins = request.match_info["contact"]
        found = [contact for key, contact in floor.contacts.items() if begins and key.startswith(begins)]
        if len(found) == 1:
            return _json(views.candidates_view(floor, found[0]))
        many = f"{len(found)} contacts begin with {begins}; give more of it."
        none = f"No contact on the floor begins with {begins}; contactctl contacts lists them."
        return _json({"code": "unknown_contact", "reason": many if found else none}, status=404)

    async def plan(_: web.Request) -> web.Response:
        return _json((await surface.reload.plan()).json())

    async def facts(request: web.Request) -> web.StreamResponse:
        return await tail_page(surface, request)

    async def act(request: web.Request) -> web.Response:
        agent, name = request.match_info["agent"], request.match_info["act"]
        reason = (await _body(request)).get("reason", "")
        reason = reason if isinstance(reason, str) else ""
        reasons = list(surface.settings().why_not_ready)
        done = await acts.act(surface.engine, agent, name, reason, reasons)
        if done.http in (200, 409):  # others named no act, agent or reason that there is: nobody acted
            outcome = f"{done.code}: {reason}" if reason else done.code
            surface.audit(Entry(_who(request), "socket", name, agent=done.agent, outcome=outcome))
        if done.code == acts.DONE:
            return _json(views.agent_view(floor.agents[done.agent], surface.settings(), surface.now()))
        return _json({"code": done.code, "reason": done.reason}, status=done.http)

    async def switch(request: web.Request) -> web.Response:
        kind, name, act = (request.match_info[part] for part in ("kind", "name", "act"))
        done = await switching.switch(surface.engine, surface.now(), kind, name, act, body := await _body(request))
        if done.http in (200, 409):
            told = ", ".join(f"{word}={value}" for word, value in sorted(body.items()) if value is not None)
            outcome = f"{done.code}: {done.key}" + (f", {told}" if told else "")
            surface.audit(Entry(_who(request), "socket", act, outcome=outcome[:_MOST_OUTCOME]))
        if done.code == acts.DONE:
            return _json(views.queues_view(floor, surface.settings(), surface.now()))
        return _json({"code": done.code, "reason": done.reason}, status=done.http)

    app = web.Application(middlewares=[_only_known(group), _errors], client_max_size=4096)
    app.router.add_get("/status", status)
    app.router.add_get("/agents", agents)
    app.router.add_get("/queues", queues)
    app.router.add_get("/contacts", contacts)
    app.router.add_get("/contacts/{contact}/candidates", candidates)
    app.router.add_get("/plan", plan)
    app.router.add_get("/facts", facts)
    app.router.add_post("/hours/{kind}/{name}/{act}", switch)
    app.router.add_post("/agents/{agent}/{act}", act)

    async def stop(_: web.Application) -> None:
        surface.tail.stop()

    app.on_shutdown.append(stop)
    return app


@contextlib.asynccontextmanager
async def serve_control(surface: Surface, path: str) -> AsyncIterator[None]:
    """Listen on [ctl]."""
    group = peers.group_id()
    made = peers.control_socket(path, group)
    inode = os.stat(path).st_ino
    runner = await open_door(control_app(surface, group))
    try:
        await web.SockSite(runner, made).start()
        yield
    finally:
        await runner.cleanup()
        made.close()
        # Whoever took over meanwhile has put a socket of its own there.
        with contextlib.suppress(OSError):
            if os.stat(path).st_ino == inode:
                os.unlink(path)


def _only_known(group: int | None) -> Any:
    own_uid = os.geteuid()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = _peer(request)
        if peer is None:
            return _json({"code": "gone", "reason": "The connection is closed."}, status=403)
        # What only looks is a GET; everything else acts.
        wanted = peers.Right.READ if request.method == "GET" else peers.Right.ACT
        if peers.right_of(peer, own_uid=own_uid, group=group) < wanted:
            log.warning("control_refused", uid=peer.uid, pid=peer.pid, wanted=wanted.name.lower())
            way = f"become root (sudo) or the user {peers.GROUP}"
            if wanted is peers.Right.READ:
                way += f", or a member of the group {peers.GROUP}"
            reason = f"User {peer.uid} may not {wanted.name.lower()} here: {way}."
            return _json({"code": "forbidden", "reason": reason}, status=403)
        return await handler(request)

    return middleware


def _peer(request: web.Request) -> peers.Peer | None:
    """Who asked; None when the connection is gone meanwhile."""
    connection = request.transport.get_extra_info("socket") if request.transport else None
    return peers.peer_of(connection) if connection is not None else None


def _who(request: web.Request) -> Who | None:
    peer = _peer(request)
    return Who.of_process(peer.uid, peer.pid) if peer is not None else None


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as JSON with a sentence; what is a bug goes into the log and not to the caller."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _json({"code": "http", "reason": f"{error.reason}: {request.path}"}, status=error.status)
    except ContactdError as error:
        return _json({"code": "busy", "reason": str(error)}, status=503)
    except Exception:
        log.exception("request_failed", path=request.path)
        reason = "An error of contactd: the log tells more (journalctl -u contactd)."
        return _json({"code": "bug", "reason": reason}, status=500)


async def _body(request: web.Request) -> dict[str, Any]:
    """A JSON object; empty where there is none."""
    try:
        async with asyncio.timeout(_BODY_S):
            raw = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(reason="the body did not come in time") from None
    if not raw:
        return {}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise web.HTTPBadRequest(reason="the body is no JSON") from None
    return body if isinstance(body, dict) else {}


def _json(body: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
