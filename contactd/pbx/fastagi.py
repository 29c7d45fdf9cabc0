"""The FastAGI server: Asterisk connects for a call and names a route, which then steers the call."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from panoramisk.fast_agi import Application

from contactd.core.errors import ContactdError
from contactd.pbx.agi_session import AgiBroken, AgiRefused, AgiSession, AgiTimedOut, CallerGone
from contactd.pbx.gate import LOOPBACK, Gate, Network, Refused, finish, listen
from contactd.protocols.agi import AgiRequest, parse_request
from contactd.protocols.errors import ProtocolError

__all__ = ["AgiBroken", "AgiRefused", "AgiSession", "AgiStats", "AgiTimedOut", "CallerGone", "FastAgiServer"]

log = structlog.get_logger()

HEADER_BYTES = 65_536

Route = Callable[[AgiSession], Awaitable[None]]


@dataclass(slots=True)
class AgiStats:
    sessions: int = 0  # handed to a route
    hangups: int = 0  # ended by the caller
    failures: int = 0  # ended by an error of a route or of Asterisk
    refused: Counter[str] = field(default_factory=Counter)  # by kind; a route never saw them


class FastAgiServer:
    """start() listens; close() waits for the sessions up to a grace and cancels the rest.

    A peer must be in `allow`, its headers must come within header_timeout_s, a route must exist for the path
    and check(request) must be true (it proves the one-time token); else the gate counts and tells it, and the
    connection is closed.
    """

    def __init__(
        self,
        host: str,
        port: int,
        routes: Mapping[str, Route],
        *,
        allow: Sequence[Network] = LOOPBACK,
        check: Callable[[AgiRequest], bool],
        header_timeout_s: float = 5.0,
        max_sessions: int = 2000,
        reply_timeout_s: float = 10.0,
    ) -> None:
        self.stats = AgiStats()
        self.header_timeout_s = header_timeout_s
        self.max_sessions = max_sessions
        self.reply_timeout_s = reply_timeout_s
        self.gate = Gate("agi_connection_refused", allow, self.stats.refused)
        self.check = check
        self.host = host
        self._port = port
        self._routes = {path.strip("/"): route for path, route in routes.items()}
        self._server: asyncio.Server | None = None
        self._application: _Application | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, also when 0 was asked for."""
        if self._server is None or not self._server.sockets:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def active(self) -> int:
        return len(self._application.tasks) if self._application else 0

    async def start(self) -> None:
        self._application = _Application(self, self._routes)
        self._server = await listen("FastAGI", self.host, self._port, self._application.handler)

    async def close(self, grace_s: float) -> None:
        if self._server is None or self._application is None:
            return
        self._server.close()
        await finish(self._application.tasks, grace_s, "agi_sessions_cancelled")
        self._server = None


class _Application(Application):  # type: ignore[misc]  # panoramisk has no types
    """panoramisk's table of routes, under a handler that outlives its peers.

    The original one spins for ever when the peer closes before the headers' end, knows no limits, and
    swallows cancellation.
    """

    def __init__(self, server: FastAgiServer, routes: Mapping[str, Route]) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.tasks: set[asyncio.Task[object]] = set()
        self._server = server
        for path, route in routes.items():
            self.add_route(path, _coroutine(route))

    async def handler(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self.tasks.add(task)
        session: AgiSession | None = None
        try:
            session, route = await self._admit(reader, writer)
            self._server.stats.sessions += 1
            await self._run(session, route)
        except Refused as refused:
            self._server.gate.note(refused)
        except OSError:
            self._server.stats.refused["probe"] += 1  # gone before its headers, by a reset
        finally:
            if task is not None:
                self.tasks.discard(task)
            if session is None or session.broken:
                writer.transport.abort()
            else:
                writer.close()

    async def _run(self, session: AgiSession, route: Route) -> None:
        stats, request = self._server.stats, session.request
        try:
            await route(session)
        except CallerGone:
            stats.hangups += 1
        except ContactdError as error:
            stats.failures += 1
            log.warning("agi_session_failed", path=request.path, uniqueid=request.uniqueid, reason=str(error))
        except Exception:
            stats.failures += 1
            log.exception("agi_route_failed", path=request.path, uniqueid=request.uniqueid)

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[AgiSession, Route]:
        server = self._server
        server.gate.admit(writer)
        if len(self.tasks) > server.max_sessions:
            raise Refused("full", f"{server.max_sessions} sessions run already; raise the limit or add a PBX")
        request, early = await self._read_request(reader)
        route = self._route.get(request.path)
        if route is None:
            raise Refused("route", f"no route {request.path[:80]!r}; correct AGI() in the dialplan")
        try:
            welcome = server.check(request)
        except Exception as error:
            log.exception("agi_check_failed", path=request.path, uniqueid=request.uniqueid)
            raise Refused("token", "the check of the token failed by an error of ours") from error
        if not welcome:
            raise Refused("token", "the token is missing, used or wrong")
        session = AgiSession(self, request, reader, writer, reply_timeout_s=server.reply_timeout_s, early=early)
        return session, route

    async def _read_request(self, reader: asyncio.StreamReader) -> tuple[AgiRequest, bytes]:
        buffer = bytearray()
        try:
            async with asyncio.timeout(self._server.header_timeout_s):
                while b"\n\n" not in buffer:
                    if len(buffer) > HEADER_BYTES:
                        raise Refused("headers", "the headers are too long; shorten the arguments of AGI()")
                    data = await reader.read(4_096)
                    if not data:
                        raise Refused("probe", "the peer closed before it said anything whole")
                    buffer += data
        except TimeoutError:
            raise Refused("slow", "the headers did not come in time") from None
        head, _, rest = bytes(buffer).partition(b"\n\n")
        try:
            return parse_request(head.decode("utf-8", "replace").split("\n")), rest
        except ProtocolError as error:
            raise Refused("headers", str(error)) from error


def _coroutine(route: Route) -> Callable[[AgiSession], Awaitable[None]]:
    async def run(session: AgiSession) -> None:  # add_route() knows coroutine functions only, not partials
        await route(session)

    return run
