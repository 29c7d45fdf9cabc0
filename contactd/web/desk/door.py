"""The desk's door: its routes in one table, its walls, TLS, and what it serves."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import MappingProxyType

import structlog
from aiohttp import web
from cryptography import x509

from contactd.config import Settings
from contactd.config.sections import Desk
from contactd.core import events as ev
from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId
from contactd.core.step import Step
from contactd.metrics import DESK_CERTIFICATE_END
from contactd.services.desk.passwords import Checker
from contactd.services.desk.roles import Right
from contactd.store.desk import DeskStore
from contactd.web.desk.acting import Own
from contactd.web.desk.floors import Floors
from contactd.web.desk.hub import Hub
from contactd.web.desk.me import basic_verbs, me_view
from contactd.web.desk.pages import Pages
from contactd.web.desk.persons import Persons
from contactd.web.desk.routes import BASE, CONTACT_ID, WORD, Asked, Refusal, Route, description
from contactd.web.desk.sessions import Session, Sessions
from contactd.web.desk.shapes import (
    AgentAct,
    Done,
    Floor,
    HandsetAsked,
    Me,
    SessionView,
    SignIn,
    StatusAsked,
    WrapUpAsked,
)
from contactd.web.desk.signing import Signing
from contactd.web.desk.streams import Streams
from contactd.web.desk.walls import (
    MOST_BODY,
    Handler,
    address_of,
    answer,
    body_as,
    dressed,
    headers_of,
    only_ours,
    refusal,
    same_origin,
    sentences,
)
from contactd.web.doors import open_door
from contactd.web.requests import json
from contactd.web.surface import Surface

log = structlog.get_logger()

_LOOK_S = 60.0
_BODY_S = 10.0
_SPARE = 200
"""Connections beside the event streams: pages being loaded, requests, programs."""
_SINCE = MappingProxyType({"type": "integer", "minimum": 0, "maximum": 10**15})


class DeskRefused(ContactdError):
    """The port or the certificate cannot be used."""


_MOST_HEARD = 5000


class Heard:
    """What facts say that the floor does not keep, of contacts of now."""

    def __init__(self) -> None:
        self.chosen: OrderedDict[ContactId, str] = OrderedDict()
        self.disposition: OrderedDict[ContactId, str] = OrderedDict()

    def publish(self, steps: Sequence[Step]) -> None:
        for step in steps:
            for event in step.events:
                if isinstance(event, ev.MenuChosen):
                    self.chosen[event.contact] = event.choice
                elif isinstance(event, ev.ContactDisposed):
                    self.disposition[event.contact] = event.disposition
        for kept in (self.chosen, self.disposition):
            while len(kept) > _MOST_HEARD:
                kept.popitem(last=False)


class Beside:
    """What is known of contacts beside the floor, as one user may see it."""

    def __init__(self, heard: Heard, persons: Persons, session: Session) -> None:
        self._heard, self._persons, self._user = heard, persons, session.user

    def number(self, contact: ContactId) -> str | None:
        found = self._persons.of(self._user, contact)
        return self._persons.shown(found.number) if found is not None else None

    def name(self, contact: ContactId) -> str | None:
        found = self._persons.of(self._user, contact)
        return found.name if found is not None else None

    def chosen(self, contact: ContactId) -> str:
        return self._heard.chosen.get(contact, "")

    def disposition(self, contact: ContactId) -> str | None:
        return self._heard.disposition.get(contact)


class DeskDoor:
    """Everything of the desk. publish() after every batch; run() as a task; reload() with new settings."""

    def __init__(self, surface: Surface, store: DeskStore, settings: Settings) -> None:
        desk = settings.desk
        self._surface = surface
        self._desk = desk
        self._proxies = [ipaddress.ip_network(one) for one in desk.proxies]
        self.sessions = Sessions(
            store, Path(settings.state_dir), idle_s=desk.idle_min * 60.0, longest_s=desk.longest_h * 3600.0
        )
        self._checker = Checker()
        self._signing = Signing(
            store,
            self.sessions,
            self._checker,
            surface.settings,
            surface.trail,
            lambda request: address_of(request, self._proxies),
        )
        self._heard = Heard()
        self._floors = Floors(surface)
        self.hub = Hub(surface.engine.floor, self._view, self._floors.view, self.sessions.use, most=desk.most_desks)
        self._own = Own(surface)
        self._persons = Persons(store, surface.engine.floor, surface.settings, self.hub.touch_contact)
        self._streams = Streams(self.hub, desk.reached_at)
        self._pages = Pages()
        self._tls = _context(desk)
        self.routes = self._table()
        self._description = description(self.routes, desk.reached_at)

    # --- for the daemon --------------------------------------------------------------------------------------------

    def publish(self, steps: Sequence[Step]) -> None:
        self._heard.publish(steps)
        self.hub.publish(steps)

    def reload(self, settings: Settings) -> None:
        """Labels, reasons and queues may be others; and the certificate."""
        self.hub.touch_all()
        if self._tls is not None:
            self._tls.load(told=True)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.sessions.run())
            if self._tls is not None:
                tasks.create_task(self._tls.run())

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        """Listen on [desk]; yields the port."""
        runner = await open_door(self.app(), most=self._desk.most_desks + _SPARE)
        try:
            context = self._tls.context if self._tls is not None else None
            try:
                await web.TCPSite(runner, self._desk.listen, self._desk.port, ssl_context=context).start()
            except OSError as error:
                raise DeskRefused(
                    f"Cannot listen on {self._desk.listen}:{self._desk.port} ({error.strerror}): set listen and port"
                    " in [desk]."
                ) from error
            log.info("desk_opened", origin=self._desk.reached_at, files=len(self._pages))
            yield runner.addresses[0][1]
        finally:
            self.hub.stop()
            await runner.cleanup()
            await self._persons.close()
            self._checker.close()

    # --- what it serves --------------------------------------------------------------------------------------------

    def app(self) -> web.Application:
        app = web.Application(middlewares=[sentences, only_ours(self._desk.reached_at)], client_max_size=MOST_BODY)
        app.on_response_prepare.append(dressed(headers_of(self._desk, self._pages)))
        for route in self.routes:
            app.router.add_route(route.method, route.whole, self._passed(route))
        app.router.add_get(f"{BASE}/openapi.json", self._describe)
        app.router.add_route("*", f"{BASE}/{{anything:.*}}", _unknown)
        app.router.add_get("/{path:.*}", self._page)

        async def stop(_: web.Application) -> None:
            self.hub.stop()

        app.on_shutdown.append(stop)
        return app

    def _table(self) -> list[Route]:
        signing, own = self._signing, self._own
        return [
            Route(
                method="POST",
                path="/session",
                name="sign_in",
                summary="Sign in; the answer brings the cookie.",
                handler=None,
                body=SignIn,
                answer=SessionView,
                refuses=(401,),
            ),
            Route(
                method="GET",
                path="/session",
                name="session",
                summary="Who is signed in, and the CSRF token.",
                handler=signing.signed_in,
                answer=SessionView,
            ),
            Route(
                method="DELETE",
                path="/session",
                name="sign_out",
                summary="Sign out.",
                handler=signing.sign_out,
                answer=Done,
            ),
            Route(
                method="GET",
                path="/me",
                name="me",
                summary="The agent's whole view.",
                handler=self._me,
                right=Right.OWN,
                answer=Me,
            ),
            Route(
                method="POST",
                path="/me/status",
                name="set_status",
                summary="Ready, not ready for a reason, or signed out.",
                handler=own.status,
                right=Right.OWN,
                body=StatusAsked,
                answer=Done,
                refuses=(409,),
            ),
            Route(
                method="POST",
                path="/me/handset",
                name="set_handset",
                summary="Sign in at a handset, the agent's own or a shared one.",
                handler=own.handset,
                right=Right.OWN,
                body=HandsetAsked,
                answer=Done,
                refuses=(409,),
            ),
            *(
                Route(
                    method="POST",
                    path=f"/contacts/{{contact}}/{verb}",
                    name=verb,
                    summary=summary,
                    handler=handler,
                    right=Right.OWN,
                    parameters={"contact": CONTACT_ID},
                    body=body,
                    answer=Done,
                    refuses=(409,),
                )
                for verb, summary, handler, body in (
                    ("decline", "Do not take what rings; the next agent gets it.", own.decline, None),
                    ("wrap_up", "Say what came of it; in the wrap-up, end that.", own.wrap_up, WrapUpAsked),
                    ("extend", "A longer wrap-up, once.", own.extend, None),
                    ("pause_recording", "Record nothing until it is resumed.", own.pause_recording, None),
                    ("resume_recording", "Record again.", own.resume_recording, None),
                )
            ),
            Route(
                method="GET",
                path="/floor",
                name="floor",
                summary="Queues and agents of the user's queues.",
                handler=self._floors.floor,
                right=Right.FLOOR,
                answer=Floor,
            ),
            Route(
                method="POST",
                path="/agents/{agent}",
                name="act_for_agent",
                summary="What a supervisor does for an agent of their queues.",
                handler=self._floors.act,
                right=Right.MANAGE,
                parameters={"agent": WORD},
                body=AgentAct,
                answer=Done,
                refuses=(409,),
            ),
            Route(
                method="GET",
                path="/events",
                name="events",
                summary="The event stream, as a WebSocket. epoch, seq: of the newest view that the page has.",
                handler=self._streams.open,
                query={"epoch": _SINCE, "seq": _SINCE, "floor": {"type": "boolean"}},
                stream=True,
            ),
        ]

    def _passed(self, route: Route) -> Handler:
        """The handler behind the last wall: who asks, whether they may, and what they send."""

        handler = route.handler
        if handler is None:
            return self._sign_in

        async def handle(request: web.Request) -> web.StreamResponse:
            session, csrf = await self._signing.session_of(request)
            if session is None:
                raise Refusal(401, "signed_out", "Sign in first.")
            if route.right is not None and not session.may(route.right):
                raise Refusal(403, "forbidden", f"The role {session.role} may not do this.")
            changes = request.method != "GET"
            if changes:
                if csrf and request.headers.get("X-CSRF-Token", "") != csrf:
                    raise Refusal(403, "csrf", "The CSRF token is missing or old: ask for the session again.")
                if self._surface.trail.full():
                    raise Refusal(503, "busy", "Acts cannot be written down: PostgreSQL is away. Try again later.", 5.0)
                self.sessions.use(session)
            path = route.parameters_of(request.match_info)
            query = route.query_of(request.query)
            body = None
            if route.body is not None:
                async with _in_time():
                    body = await body_as(request, route.body)
            made = await handler(Asked(request, session, body, path, query))
            return made if isinstance(made, web.StreamResponse) else answer(made)

        return handle

    async def _sign_in(self, request: web.Request) -> web.Response:
        if not same_origin(request, self._desk.reached_at):
            raise Refusal(403, "origin", "Only our own page signs in.")
        async with _in_time():
            body = await body_as(request, SignIn)
        return await self._signing.sign_in(request, body)

    async def _me(self, asked: Asked) -> Me:
        return self._view(asked.session)

    def _view(self, session: Session) -> Me:
        surface = self._surface
        floor, settings, now = surface.engine.floor, surface.settings(), surface.now()
        beside = Beside(self._heard, self._persons, session)
        return me_view(floor, settings, now, session.agent, session.person, beside, basic_verbs)

    async def _describe(self, _: web.Request) -> web.Response:
        return json(self._description)

    async def _page(self, request: web.Request) -> web.Response:
        return self._pages.answer(request)


@contextlib.asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_BODY_S):
            yield
    except TimeoutError:
        raise Refusal(408, "slow", "The request did not come in time.") from None


async def _unknown(request: web.Request) -> web.Response:
    return refusal(404, "unknown_path", f"Nothing is at this address; {BASE}/openapi.json tells what is.")


class _Tls:
    """A certificate that is read again when its file has changed. One that does not fit is told, and the old stays."""

    def __init__(self, certificate: str, key: str) -> None:
        self._files = (Path(certificate), Path(key))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._read_at: tuple[int, ...] = ()

    def load(self, *, told: bool = False) -> None:
        """told: an old one goes on where the new one cannot be taken. Raises DeskRefused otherwise."""
        try:
            read_at = tuple(path.stat().st_mtime_ns for path in self._files)
            if read_at == self._read_at:
                return
            # Tried apart first: half a pair would be served to everybody who comes next.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
            self.context.load_cert_chain(*self._files)
            ends = x509.load_pem_x509_certificate(self._files[0].read_bytes()).not_valid_after_utc
        except (OSError, ssl.SSLError, ValueError) as error:
            if not told:
                raise DeskRefused(
                    f"The desk's certificate cannot be used ({error}): see certificate and key in [desk]."
                ) from error
            log.error("desk_certificate_refused", error=str(error), remedy="The one before goes on. Mend both files.")
            return
        self._read_at = read_at
        DESK_CERTIFICATE_END.set(ends.timestamp())
        log.info("desk_certificate_loaded", ends=ends.isoformat())

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self.load(told=True)


def _context(desk: Desk) -> _Tls | None:
    if not desk.certificate:
        return None
    made = _Tls(desk.certificate, desk.key)
    made.load()
    return made
