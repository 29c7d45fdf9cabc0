"""HTTP over the daemon's unix socket, with the standard library alone: contactctl shall start at once."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

from contactd.core.errors import ContactdError

TIMEOUT_S = 10.0
STREAM_TIMEOUT_S = 15.0
"""The daemon sends an empty line every two seconds."""


class DaemonUnreachable(ContactdError):
    """Nobody answers at the socket."""


class Refused(ContactdError):
    """The daemon answered, and said no. code is stable."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(reason)


class NotFound(Refused):
    """The daemon knows nothing of that name."""


class Forbidden(Refused):
    """Not for this user."""


class Standby(Refused):
    """The daemon here only stands by."""


_KINDS: dict[int, type[Refused]] = {403: Forbidden, 404: NotFound}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("contactd", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(
    path: str, method: str, target: str, body: dict[str, Any] | None = None, *, timeout_s: float = TIMEOUT_S
) -> Any:
    """The answer's JSON. Raises DaemonUnreachable, NotFound, Forbidden, Refused."""
    connection = _UnixConnection(path, timeout_s)
    try:
        with _understood(path):
            connection.request(method, target, json.dumps(body) if body is not None else None)
            response = connection.getresponse()
            return _answer(path, response)
    finally:
        connection.close()


def stream(path: str, target: str, *, timeout_s: float = STREAM_TIMEOUT_S) -> Iterator[Any]:
    """One line of JSON after the other, as the daemon sends them. Raises as ask() does."""
    connection = _UnixConnection(path, timeout_s)
    try:
        with _understood(path):
            connection.request("GET", target)
            response = connection.getresponse()
            if response.status >= 400:
                _answer(path, response)
            while line := response.readline():
                # An empty one only says that the daemon is there.
                if line.strip():
                    yield json.loads(line)
    finally:
        connection.close()


def _answer(path: str, response: http.client.HTTPResponse) -> Any:
    raw = response.read()
    try:
        answer = json.loads(raw)
    except ValueError:
        raise Refused("http", f"{path} answered {response.status} and no JSON: is it contactd's?") from None
    if response.status >= 400:
        kind = Standby if answer.get("code") == "standby" else _KINDS.get(response.status, Refused)
        raise kind(answer.get("code", "http"), answer.get("reason", f"refused with {response.status}"))
    return answer


@contextlib.contextmanager
def _understood(path: str) -> Iterator[None]:
    """What goes wrong with a socket, as sentences."""
    try:
        yield
    except PermissionError:
        raise Forbidden(
            "forbidden", f"{path} is not for you: use sudo, or become a member of the group contactd and log in again."
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise DaemonUnreachable(
            f"Nobody answers at {path} ({error}). Is it running (systemctl status contactd)? Is it this"
            " socket (--socket, or socket in [ctl] of the file that --config names)?"
        ) from None
