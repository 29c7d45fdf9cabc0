"""What every request of the desk passes: headers, where it comes from, who asks, and that errors are sentences."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import orjson
import structlog
from aiohttp import web

from contactd.config.sections import Desk
from contactd.core.errors import ContactdError
from contactd.metrics import DESK_REFUSED
from contactd.web.desk.pages import Pages
from contactd.web.desk.routes import BASE, Refusal
from contactd.web.requests import json

log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MOST_BODY = 64 * 1024
_encode = msgspec.json.Encoder().encode


def answer(body: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=_encode(body), status=status, content_type="application/json")


def refusal(status: int, code: str, message: str, wait_s: float | None = None) -> web.Response:
    DESK_REFUSED.labels(code if status != 404 else "unknown").inc()
    body: dict[str, Any] = {"error": code, "message": message, "wait_s": wait_s}
    response = json(body, status=status)
    if wait_s is not None:
        response.headers["Retry-After"] = str(int(wait_s) + 1)
    return response


def headers_of(desk: Desk, pages: Pages) -> dict[str, str]:
    """For every answer. connect-src: 'self' is the event stream too in browsers of now, not in older ones."""
    origin = desk.reached_at
    stream = origin.replace("http", "ws", 1)
    scripts = " ".join(["'self'", *pages.index_hashes])
    policy = (
        f"default-src 'self'; script-src {scripts}; connect-src 'self' {stream}; img-src 'self' data:;"
        " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=()",
        "Server": "contactd",
    }
    if origin.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def dressed(headers: dict[str, str]) -> Any:
    """An aiohttp signal: also for answers that no handler made."""

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in headers.items():
            response.headers[name] = value
        if request.path.startswith(BASE):
            response.headers["Cache-Control"] = "no-store"

    return prepare


@web.middleware
async def sentences(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as JSON with a sentence; what is a bug goes into the log and not to the caller."""
    try:
        return await handler(request)
    except Refusal as error:
        return refusal(error.http, error.code, str(error), error.wait_s)
    except web.HTTPException as error:
        return _http(error)
    except ContactdError as error:
        return refusal(503, "busy", str(error))
    except Exception:
        log.exception("desk_request_failed", path=request.path)
        return refusal(500, "bug", "An error of contactd: whoever runs it finds more in the log.")


def _http(error: web.HTTPException) -> web.Response:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return refusal(413, "too_long", f"A request has at most {MOST_BODY} bytes.")
    response = refusal(error.status, "http", f"{error.reason}.")
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response


def same_origin(request: web.Request, origin: str) -> bool:
    """Whether our own page asks, or no page at all: a program sends neither header."""
    said = request.headers.get("Origin")
    if said is not None:
        return said == origin
    return request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")


def only_ours(origin: str) -> Any:
    """What changes something comes from our own page. Reading across origins the browser prevents by itself."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD") and not same_origin(request, origin):
            return refusal(403, "origin", f"Only pages of {origin} may do this; see origin in [desk].")
        return await handler(request)

    return middleware


def address_of(request: web.Request, proxies: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> str:
    """Who asks: the last one whom no proxy of ours is. Only these are believed."""
    peer = request.remote or ""
    said = [one.strip() for one in request.headers.get("X-Forwarded-For", "").split(",") if one.strip()]
    while said and _among(peer, proxies):
        peer = said.pop()
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return "unknown"
    # Whoever has one address of version 6 has 2^64 of them.
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _among(address: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks if network.version == found.version)


async def body_as(request: web.Request, type_: Any) -> Any:
    """The body as this type, and nothing else in it. Raises Refusal."""
    if request.content_type != "application/json":
        raise Refusal(415, "not_json", "Send the body as application/json.")
    raw = await request.read()
    try:
        # orjson refuses what is no UTF-8 and what nests without end; msgspec says what fits.
        return msgspec.convert(orjson.loads(raw), type_)
    except orjson.JSONDecodeError:
        raise Refusal(400, "not_json", "The body is no JSON.") from None
    except msgspec.ValidationError as error:
        raise Refusal(400, "wrong_body", f"{error}.") from None
