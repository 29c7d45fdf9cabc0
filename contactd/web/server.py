"""The two doors: TCP to look at numbers, a unix socket to look at everything and to act for an agent."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog
from aiohttp import web

from contactd import __version__, metrics
from contactd.core.errors import ContactdError
from contactd.web import configuration, peers, views
from contactd.web.acting import add_acting, add_calling, only_what_is_kept
from contactd.web.callbacks import add_callbacks
from contactd.web.doors import open_door
from contactd.web.health import Check, Level, worst
from contactd.web.requests import contact_of, json, peer_of_request
from contactd.web.supervising import add_supervising
from contactd.web.surface import Face, Lobby, Surface
from contactd.web.tail_page import tail_page
from contactd.web.texts import add_texts
from contactd.web.working import add_working

log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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
        return json(body, status=503 if level is Level.FAILING else 200)

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
        return json(body)

    async def agents(_: web.Request) -> web.Response:
        return json(views.agents_view(floor, surface.settings(), surface.now()))

    async def queues(_: web.Request) -> web.Response:
        now = surface.now()
        return json(await views.add_new_waits(views.queues_view(floor, surface.settings(), now), floor, now))

    async def contacts(_: web.Request) -> web.Response:
        now = surface.now()
        return json(await views.add_waits(views.contacts_view(floor, now), floor, now))

    async def candidates(request: web.Request) -> web.Response:
        contact = contact_of(floor, request)
        return contact if isinstance(contact, web.Response) else json(views.candidates_view(floor, contact))

    async def plan(_: web.Request) -> web.Response:
        return json((await surface.reload.plan()).json())

    async def facts(request: web.Request) -> web.StreamResponse:
        return await tail_page(surface, request)

    walls = [_only_known(group), _errors, only_what_is_kept(surface)]
    app = web.Application(middlewares=walls, client_max_size=4096)
    app.router.add_get("/status", status)
    app.router.add_get("/agents", agents)
    app.router.add_get("/queues", queues)
    app.router.add_get("/contacts", contacts)
    app.router.add_get("/contacts/{contact}/candidates", candidates)
    app.router.add_get("/plan", plan)
    app.router.add_get("/facts", facts)
    add_acting(app, surface)
    add_calling(app, surface)
    add_supervising(app, surface)
    add_callbacks(app, surface)
    add_texts(app, surface)
    add_working(app, surface)

    async def stop(_: web.Application) -> None:
        surface.tail.stop()

    app.on_shutdown.append(stop)
    return app


def standby_app(lobby: Lobby, group: int | None) -> web.Application:
    """One answer to everything: not here."""

    async def elsewhere(_: web.Request) -> web.Response:
        reason = f"This is a standby ({lobby.why}): the active one is elsewhere, ask on its host. Nothing was changed."
        return json({"code": "standby", "reason": reason}, status=503)

    app = web.Application(middlewares=[_only_known(group), _errors], client_max_size=4096)
    app.router.add_route("*", "/{anything:.*}", elsewhere)
    return app


def serve_control(surface: Surface, path: str) -> AbstractAsyncContextManager[None]:
    """Listen on [ctl]."""
    group = peers.group_id()
    return _serve(control_app(surface, group), path, group)


def serve_standby(lobby: Lobby, path: str) -> AbstractAsyncContextManager[None]:
    """Listen on [ctl] and say who is asked in vain."""
    group = peers.group_id()
    return _serve(standby_app(lobby, group), path, group)


@contextlib.asynccontextmanager
async def _serve(app: web.Application, path: str, group: int | None) -> AsyncIterator[None]:
    made = peers.control_socket(path, group)
    inode = os.stat(path).st_ino
    runner = await open_door(app)
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
        peer = peer_of_request(request)
        if peer is None:
            return json({"code": "gone", "reason": "The connection is closed."}, status=403)
        # What only looks is a GET; everything else acts.
        wanted = peers.Right.READ if request.method == "GET" else peers.Right.ACT
        if peers.right_of(peer, own_uid=own_uid, group=group) < wanted:
            log.warning("control_refused", uid=peer.uid, pid=peer.pid, wanted=wanted.name.lower())
            way = f"become root (sudo) or the user {peers.GROUP}"
            if wanted is peers.Right.READ:
                way += f", or a member of the group {peers.GROUP}"
            reason = f"User {peer.uid} may not {wanted.name.lower()} here: {way}."
            return json({"code": "forbidden", "reason": reason}, status=403)
        return await handler(request)

    return middleware


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as JSON with a sentence; what is a bug goes into the log and not to the caller."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return json({"code": "http", "reason": f"{error.reason}: {request.path}"}, status=error.status)
    except ContactdError as error:
        return json({"code": "busy", "reason": str(error)}, status=503)
    except Exception:
        log.exception("request_failed", path=request.path)
        reason = "An error of contactd: the log tells more (journalctl -u contactd)."
        return json({"code": "bug", "reason": reason}, status=500)
