"""Conversations in text over the control socket: who looks on, and what an agent writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import orjson
from aiohttp import web

from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId
from contactd.store.audit import Entry
from contactd.web.requests import body_of, contact_of, json, who
from contactd.web.surface import Surface

_IDLE_S = 2.0
_STUCK_S = 10.0
_LONGEST = 500
_VIA = "contactctl tty"


class Reader(Protocol):
    def notices(self, idle_s: float) -> AsyncIterator[dict[str, Any] | None]: ...


class Talk(Protocol):
    """A call of text, as the medium has it."""

    def open(self) -> Any: ...

    def close(self, reader: Any) -> None: ...

    def type(self, keys: str) -> None: ...

    def go(self) -> None: ...

    def erase(self) -> None: ...


class Texts(Protocol):
    def get(self, contact: ContactId) -> Talk | None: ...

    async def voice(self, contact: ContactId, *, hears: bool, speaks: bool) -> None: ...


def add_texts(app: web.Application, surface: Surface) -> None:
    async def look(request: web.Request) -> web.StreamResponse:
        found = _talk_of(surface, request)
        return found if isinstance(found, web.Response) else await _look(surface, request, *found)

    async def act(request: web.Request) -> web.Response:
        found = _talk_of(surface, request)
        return found if isinstance(found, web.Response) else await _act(surface, request, *found)

    app.router.add_get("/texts/{contact}", look)
    app.router.add_post("/texts/{contact}/{act}", act)


def _talk_of(surface: Surface, request: web.Request) -> tuple[ContactId, Talk] | web.Response:
    contact = contact_of(surface.engine.floor, request)
    if isinstance(contact, web.Response):
        return contact
    talk: Talk | None = surface.texts.get(contact.id) if surface.texts is not None else None
    if talk is None:
        return json({"code": "not_text", "reason": f"{contact.id} is no call of text."}, status=409)
    return contact.id, talk


async def _look(surface: Surface, request: web.Request, contact: ContactId, talk: Talk) -> web.StreamResponse:
    """What is written, a line of JSON each, from what was written so far on. Who looks is written down."""
    if surface.trail.full():
        reason = "What is read must be written down first, and nothing can be: bring PostgreSQL back."
        return json({"code": "busy", "reason": reason}, status=503)
    surface.trail.put(Entry(who(request), _VIA, "read", contact=contact, fields=("transcript",)))
    reader: Reader = talk.open()
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    response.enable_chunked_encoding()
    try:
        await response.prepare(request)
        await response.write(orjson.dumps({"kind": "glossary", "words": dict(surface.settings().glossary)}) + b"\n")
        async for notice in reader.notices(_IDLE_S):
            async with asyncio.timeout(_STUCK_S):
                # An empty line: is somebody there still?
                await response.write(orjson.dumps(notice) + b"\n" if notice is not None else b"\n")
    except (TimeoutError, ConnectionError):
        if request.transport is not None:
            request.transport.abort()
    finally:
        talk.close(reader)
    return response


async def _act(surface: Surface, request: web.Request, contact: ContactId, talk: Talk) -> web.Response:
    body = await body_of(request)
    match request.match_info["act"]:
        case "type":
            keys = body.get("keys", "")
            if not isinstance(keys, str) or len(keys) > _LONGEST:
                return json({"code": "too_long", "reason": f"At most {_LONGEST} characters at once."}, status=400)
            talk.type(keys)
        case "go":
            talk.go()
        case "erase":
            talk.erase()
        case "voice":
            return await _voice(surface, request, contact, body)
        case other:
            return json({"code": "unknown_act", "reason": f"{other} is no act here."}, status=404)
    return json({"contact": contact})


async def _voice(surface: Surface, request: web.Request, contact: ContactId, body: dict[str, Any]) -> web.Response:
    hears, speaks = body.get("hears") is True, body.get("speaks") is True
    outcome = f"hears {'yes' if hears else 'no'}, speaks {'yes' if speaks else 'no'}"
    surface.trail.put(Entry(who(request), _VIA, "voice", contact=contact, outcome=outcome))
    try:
        await surface.texts.voice(contact, hears=hears, speaks=speaks)
    except ContactdError as error:
        return json({"code": "no_voice", "reason": str(error)}, status=409)
    return json({"contact": contact, "hears": hears, "speaks": speaks})
