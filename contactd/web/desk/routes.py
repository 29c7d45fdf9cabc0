"""The API as a table: who may ask what, with which body, and what comes. Its description is made from it alone."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec
from aiohttp import web

from contactd import __version__
from contactd.services.desk.roles import RIGHTS, Right
from contactd.web.desk.sessions import Session
from contactd.web.desk.shapes import Answer, Body, Error

BASE = "/api/v1"
Schema = Mapping[str, Any]
CONTACT_ID: Schema = MappingProxyType(
    {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "minLength": 36, "maxLength": 36}
)
WORD: Schema = MappingProxyType({"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,31}$"})


class Refusal(Exception):
    """Not done, and why. A value that travels up: http is the status."""

    def __init__(self, http: int, code: str, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.http, self.code, self.wait_s = http, code, wait_s


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that passed the walls."""

    request: web.Request
    session: Session
    body: Any
    path: Mapping[str, str]
    query: Mapping[str, str]


Handler = Callable[[Asked], Awaitable[Answer | Sequence[Answer] | web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """right: who may; None: whoever is signed in. body, answer: types of shapes.py. parameters: the path's, by name.

    refuses: the statuses of refusals beyond those that every route has.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler | None
    """None: it signs in, which whoever comes may ask for."""
    right: Right | None = None
    body: type[Body] | None = None
    answer: Any = None
    parameters: Mapping[str, Schema] = field(default_factory=dict)
    query: Mapping[str, Schema] = field(default_factory=dict)
    refuses: tuple[int, ...] = ()
    stream: bool = False

    @property
    def opens(self) -> bool:
        return self.handler is None

    @property
    def whole(self) -> str:
        return BASE + self.path

    def parameters_of(self, said: Mapping[str, str]) -> dict[str, str]:
        """Raises Refusal."""
        for name, schema in self.parameters.items():
            if not re.fullmatch(schema["pattern"].removeprefix("^").removesuffix("$"), said[name]):
                raise Refusal(404, "unknown_" + name, f"There is no such {name}.")
        return dict(said)

    def query_of(self, said: Mapping[str, str]) -> dict[str, str]:
        """Raises Refusal."""
        for name in said:
            if name not in self.query:
                raise Refusal(400, "unknown_parameter", "The address has a parameter that is not known here.")
        for name, schema in self.query.items():
            if name not in said:
                if schema.get("required"):
                    raise Refusal(400, "missing_parameter", f"The parameter {name} is missing.")
                continue
            if not _fits(schema, said[name]):
                raise Refusal(400, "wrong_parameter", f"The parameter {name} is not what it can be.")
        return dict(said)


def _fits(schema: Schema, text: str) -> bool:
    if schema["type"] == "integer":
        if not re.fullmatch(r"0|[1-9][0-9]{0,17}", text):
            return False
        return bool(schema.get("minimum", 0) <= int(text) <= schema.get("maximum", 10**18))
    if schema["type"] == "boolean":
        return text in ("true", "false")
    if not schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", 1000):
        return False
    pattern = schema.get("pattern")
    return pattern is None or bool(re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text))


_WORDS = {
    400: "The request is not understood.",
    401: "Nobody is signed in.",
    403: "The user may not, or the CSRF token is missing.",
    404: "There is no such thing, or not for this user.",
    409: "It cannot be done as things are; the message says why.",
    413: "The request is too long.",
    415: "The body is not JSON.",
    429: "Too often: wait.",
    503: "Not now; try again.",
}


def description(routes: Sequence[Route], origin: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    types = [Error, *(one for route in routes for one in (route.body, route.answer) if one is not None)]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    refs = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.whole, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "contactd",
            "version": __version__,
            "description": "The agent desk (docs/api.rst). Browsers sign in and have a cookie; programs have a token.",
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [{"url": origin}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "contactd"},
            },
        },
    }


def _operation(route: Route, refs: Mapping[str, Schema]) -> dict[str, Any]:
    refusals = {400, 403, 413, 429, 503, *route.refuses}
    if not route.opens:
        refusals.add(401)
    if route.parameters:
        refusals.add(404)
    if route.body is not None:
        refusals.add(415)
    made: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": {
            str(status): {"description": _WORDS[status], "content": _json(refs[repr(Error)])}
            for status in sorted(refusals)
        },
    }
    roles = sorted(role for role, rights in RIGHTS.items() if route.right is None or route.right in rights)
    made["description"] = f"For: {', '.join(roles)}." if not route.opens else "For everybody."
    if route.stream:
        made["responses"]["101"] = {"description": "A WebSocket."}
    elif route.answer is not None:
        made["responses"]["200"] = {"description": "Done.", "content": _json(refs[repr(route.answer)])}
    else:
        made["responses"]["200"] = {"description": "Done.", "content": _json({"type": "object"})}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": dict(schema)}
        for name, schema in route.parameters.items()
    ] + [
        {
            "name": name,
            "in": "query",
            "required": bool(schema.get("required")),
            "schema": {key: value for key, value in schema.items() if key != "required"},
        }
        for name, schema in route.query.items()
    ]
    if parameters:
        made["parameters"] = parameters
    if route.body is not None:
        made["requestBody"] = {"required": True, "content": _json(refs[repr(route.body)])}
    made["security"] = [] if route.opens else [{"cookie": []}, {"token": []}]
    return made


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": dict(schema)}}
