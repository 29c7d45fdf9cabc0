"""What handlers of the control socket make of a request and of an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web

from contactd.core.contact import Contact
from contactd.core.floor import LiveFloor
from contactd.store.audit import Who
from contactd.web import peers

_BODY_S = 5.0


def contact_of(floor: LiveFloor, request: web.Request) -> Contact | web.Response:
    """The only one that begins as the request says, or the answer that says why there is none."""
    begins = request.match_info["contact"]
    found = [contact for key, contact in floor.contacts.items() if begins and key.startswith(begins)]
    if len(found) == 1:
        return found[0]
    many = f"{len(found)} contacts begin with {begins}; give more of it."
    none = f"No contact on the floor begins with {begins}; contactctl contacts lists them."
    return json({"code": "unknown_contact", "reason": many if found else none}, status=404)


def peer_of_request(request: web.Request) -> peers.Peer | None:
    """Who asked; None when the connection is gone meanwhile."""
    connection = request.transport.get_extra_info("socket") if request.transport else None
    return peers.peer_of(connection) if connection is not None else None


def who(request: web.Request) -> Who | None:
    peer = peer_of_request(request)
    return Who.of_process(peer.uid, peer.pid) if peer is not None else None


async def body_of(request: web.Request) -> dict[str, Any]:
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


def json(body: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
