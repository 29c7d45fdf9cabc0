"""GET /facts: live facts over HTTP, a line of JSON each."""

from __future__ import annotations

import asyncio

import orjson
from aiohttp import web

from contactd.web.surface import Surface
from contactd.web.tail import KINDS, Filter, TailEnded

_IDLE_S = 2.0
"""A reader that has gone is noticed by what is written to it, even if nothing happens."""
_STUCK_S = 10.0
"""How long a reader may take nothing."""


async def tail_page(surface: Surface, request: web.Request) -> web.StreamResponse:
    """Facts as lines of JSON while they are kept, until the peer goes or cannot follow."""
    wanted = _filter(surface, request)
    if isinstance(wanted, web.Response):
        return wanted
    reader = surface.tail.open(wanted)
    try:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            async for line in reader.lines(_IDLE_S):
                async with asyncio.timeout(_STUCK_S):
                    # An empty line: is somebody there still?
                    await response.write(line or b"\n")
        except TailEnded as ended:
            async with asyncio.timeout(_STUCK_S):
                await response.write(orjson.dumps({"code": ended.code, "reason": str(ended)}) + b"\n")
                await response.write_eof()
    except (TimeoutError, ConnectionError):
        if request.transport is not None:
            request.transport.abort()
    finally:
        surface.tail.close(reader)
    return response


def _filter(surface: Surface, request: web.Request) -> Filter | web.Response:
    """What is asked for, or why it cannot be."""
    queue, kinds = request.query.get("queue", ""), frozenset(request.query.getall("kind", []))
    if queue and queue not in surface.engine.floor.queues:
        return _odd(404, "unknown_queue", f"There is no queue {queue[:80]!r}; contactctl queues lists them.")
    if odd := sorted(kinds - KINDS):
        return _odd(404, "unknown_kind", f"There is no kind {odd[0][:80]!r}. There are: {', '.join(sorted(KINDS))}.")
    return Filter(contact=request.query.get("contact", ""), queue=queue, kinds=kinds)


def _odd(status: int, code: str, reason: str) -> web.Response:
    body = orjson.dumps({"code": code, "reason": reason})
    return web.Response(body=body, status=status, content_type="application/json")
