"""HTTP over the daemon's unix socket, with the standard library alone: contactctl shall start at once."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from contactd.core.errors import ContactdError

TIMEOUT_S = 10.0


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
        connection.request(method, target, json.dumps(body) if body is not None else None)
        response = connection.getresponse()
        raw = response.read()
    except PermissionError:
        raise Forbidden(
            "forbidden", f"{path} is not for you: use sudo, or become a member of the group contactd and log in again."
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise DaemonUnreachable(
            f"Nobody answers at {path} ({error}). Is it running (systemctl status contactd)? A"
            " standby opens its socket when it takes over. Is it this"
            " socket (--socket, or socket in [ctl] of the file that --config names)?"
        ) from None
    finally:
        connection.close()
    try:
        answer = json.loads(raw)
    except ValueError:
        raise Refused("http", f"{path} answered {response.status} and no JSON: is it contactd's?") from None
    if response.status >= 400:
        kind = _KINDS.get(response.status, Refused)
        raise kind(answer.get("code", "http"), answer.get("reason", f"refused with {response.status}"))
    return answer
