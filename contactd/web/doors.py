"""How long and how often a door is held open. aiohttp bounds what is said; here is who says nothing, or is slow."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

from contactd.metrics import WEB_CONNECTIONS_CUT

log = structlog.get_logger()

MOST = 100
"""Connections at once, of a door that does not say otherwise: descriptors are for calls."""
FIRST_S = 10.0
"""For a whole request after the connection."""
_GRACE_S = 2.0
_IDLE_S = 30.0


def _cut(reason: str) -> None:
    WEB_CONNECTIONS_CUT.labels(reason).inc()
    log.warning("web_connection_cut", kind=reason, remedy="See who connects to [web] or to the control socket.")


class _Nonsense(logging.Filter):
    """What is no HTTP is counted and told by its kind; aiohttp would log all of its bytes."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            _cut("nonsense")
            return False
        return True


_NONSENSE = _Nonsense()


async def open_door(app: web.Application, most: int = MOST) -> web.AppRunner:
    """The app's runner, set up: it cuts off who comes when it is crowded and who asks nothing in time."""
    asked: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()

    @web.middleware
    async def note(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.transport is not None:
            asked.add(request.transport)
        return await handler(request)

    app.middlewares.insert(0, note)
    server_logger.addFilter(_NONSENSE)
    # No access log: Prometheus alone would write a line every few seconds.
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=_GRACE_S, handle_signals=False, keepalive_timeout=_IDLE_S
    )
    await runner.setup()
    server: Any = runner.server
    made = server.connection_made
    loop = asyncio.get_running_loop()

    def in_time(transport: asyncio.Transport) -> None:
        if transport not in asked and not transport.is_closing():
            _cut("slow")
            transport.abort()

    def connection_made(handler: Any, transport: asyncio.Transport) -> None:
        made(handler, transport)
        if len(server.connections) > most:
            _cut("crowded")
            transport.abort()
        else:
            loop.call_later(FIRST_S, in_time, transport)

    server.connection_made = connection_made
    return runner
