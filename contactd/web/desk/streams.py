"""The event stream of a desk: a WebSocket on which only we speak."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from contactd.services.desk.roles import Right
from contactd.web.desk.hub import Desk, Hub, closed
from contactd.web.desk.routes import Asked, Refusal
from contactd.web.desk.walls import same_origin

_PING_S = 20.0
_STUCK_S = 10.0
"""A socket that takes nothing for so long is cut: its buffer is full, and behind it stands nobody."""
_MOST_FRAME = 1024
_MOST_SAID = 60
"""Frames of the page in a row without a word of ours: it has nothing to say but pongs."""
_CODES = {
    "slow": WSCloseCode.TRY_AGAIN_LATER,
    "restart": WSCloseCode.SERVICE_RESTART,
    "crowded": WSCloseCode.TRY_AGAIN_LATER,
}
_SESSION_OVER = 4401
_encode = msgspec.json.Encoder().encode


class Streams:
    def __init__(self, hub: Hub, origin: str) -> None:
        self._hub = hub
        self._origin = origin

    async def open(self, asked: Asked) -> web.StreamResponse:
        request, session = asked.request, asked.session
        if not same_origin(request, self._origin):
            raise Refusal(403, "origin", f"Only pages of {self._origin} may open this; see origin in [desk].")
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise Refusal(400, "no_websocket", "This is an event stream: open it as a WebSocket.")
        floor = asked.query.get("floor") == "true"
        if floor and not session.may(Right.FLOOR):
            raise Refusal(403, "forbidden", "Your role does not see the floor.")
        desk = self._hub.open(session, floor=floor)
        if desk is None:
            raise Refusal(503, "crowded", "As many desks are open as may be (most_desks of [desk]).", 5.0)
        socket = web.WebSocketResponse(heartbeat=_PING_S, max_msg_size=_MOST_FRAME, compress=False)
        try:
            await socket.prepare(request)
            self._hub.first(desk, int(asked.query.get("epoch", 0)), int(asked.query.get("seq", 0)))
            await self._serve(socket, desk)
        finally:
            self._hub.close(desk)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, desk: Desk) -> None:
        reading = asyncio.create_task(_read(socket, desk))
        try:
            while not desk.over and not socket.closed:
                await desk.woken.wait()
                desk.woken.clear()
                waiting, desk.waiting = desk.waiting, {}
                for message in waiting.values():
                    try:
                        async with asyncio.timeout(_STUCK_S):
                            await socket.send_frame(message, WSMsgType.TEXT)
                    except TimeoutError:
                        desk.end("slow")
                        break
        except (ConnectionError, RuntimeError):
            desk.end("gone")
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        closed(desk.over or "gone")
        code = _CODES.get(desk.over, WSCloseCode.GOING_AWAY if desk.over == "gone" else _SESSION_OVER)
        try:
            async with asyncio.timeout(1):
                await socket.close(code=code, message=desk.over.encode())
        except TimeoutError:
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()


async def _read(socket: web.WebSocketResponse, desk: Desk) -> None:
    """Until the page goes. It has nothing to say; what it says is counted, and not looked at."""
    said = 0
    async for message in socket:
        said += 1
        if message.type is WSMsgType.ERROR or said > _MOST_SAID:
            desk.end("nonsense")
            return
    desk.end("gone")
