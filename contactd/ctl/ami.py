"""A synchronous AMI session for commands: pyst2's manager, with its holes stopped.

As it comes it waits for ever for an answer that does not come, dies in Python 3 on the ChanVariable lines that our own
channelvars puts on events, and passes line breaks through. Never ask it Status: it takes the list for one message.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import socket
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from asterisk import manager as pyst

from contactd.core.errors import ContactdError
from contactd.ctl.exits import Exit
from contactd.protocols.ami import encode

CONNECT_S = 5.0
ANSWER_S = 5.0
Headers = Mapping[str, Any]


class PbxUnreachable(ContactdError):
    """Nobody, or no AMI, at that address; or it fell silent."""

    exit_code = Exit.UNREACHABLE


class LoginRefused(ContactdError):
    """Asterisk does not take the account."""

    exit_code = Exit.UNREACHABLE


class Denied(ContactdError):
    """The account may not; or Asterisk said no for another reason, which is the text."""

    @property
    def permission(self) -> bool:
        return "permission denied" in str(self).lower()


class _Headers(dict[str, Any]):
    def has_key(self, name: str) -> bool:
        return name in self


class _Message(pyst.ManagerMsg):  # type: ignore[misc]  # pyst2 has no types
    """parse() of Python 2 asks a dictionary has_key(); a variable without = is not worth a thread."""

    def parse(self, response: Sequence[str]) -> None:
        self.headers = _Headers()
        kept = [line for line in response if "ChanVariable" not in line.partition(":")[0] or "=" in line]
        super().parse(kept)


class _Event(threading.Event):
    isSet = threading.Event.is_set  # else a warning for each line that comes


class _Manager(pyst.Manager):  # type: ignore[misc]
    def __del__(self) -> None:
        """Its own one would log off once more, while Python takes itself apart."""


class _Answers(queue.Queue[Any]):
    """get() without an end would wait for a frozen Asterisk as long as it is frozen."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return super().get(block, ANSWER_S if timeout is None else timeout)
        except queue.Empty:
            raise pyst.ManagerSocketException(0, f"no answer within {ANSWER_S:g} s") from None


class Session:
    """``with Session(host, port, username, secret) as session``. events: have them sent; see ``wait``.

    Raises PbxUnreachable, LoginRefused.
    """

    def __init__(self, host: str, port: int, username: str, secret: str, *, events: bool = False) -> None:
        self.host, self.port, self.username, self._secret = host, port, username, secret
        self.banner = ""
        self._events_on = events
        self._arrived: list[Headers] = []
        self._changed = threading.Condition()
        self._manager: Any = None

    def __enter__(self) -> Self:
        where = f"{self.host}:{self.port}"
        self.banner = _banner(self.host, self.port)
        pyst.ManagerMsg = _Message
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # setDaemon, isSet
            self._manager = _Manager()
        self._manager._response_queue = _Answers()
        self._manager._connected, self._manager._running = _Event(), _Event()
        self._manager.register_event("*", self._take)
        try:
            self._manager.connect(self.host, self.port)
            answer = self._send(
                {
                    "Action": "Login",
                    "Username": self.username,
                    "Secret": self._secret,
                    "Events": "on" if self._events_on else "off",
                }
            )
        except (pyst.ManagerException, OSError) as error:
            self._abandon()
            raise PbxUnreachable(f"AMI at {where} fell silent ({error}): is Asterisk overloaded or frozen?") from None
        if answer.get("Response") == "Error":
            self._abandon()
            raise LoginRefused(f"AMI at {where} refuses the account {self.username}: {answer.get('Message', '')}.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception):
            self._send({"Action": "Logoff"})
        self._abandon()

    def ask(self, action: str, **fields: str | list[str]) -> Headers:
        """The answer's headers. Raises Denied, PbxUnreachable."""
        try:
            answer = self._send({"Action": action, **fields})
        except (pyst.ManagerException, OSError) as error:
            raise PbxUnreachable(f"AMI at {self.host}:{self.port} did not answer {action} ({error}).") from None
        if answer.get("Response") == "Error":
            raise Denied(str(answer.get("Message", "no reason given")))
        return answer

    def variable(self, name: str) -> str:
        """A global variable's or a function's value; empty when there is none. Raises Denied, PbxUnreachable."""
        return str(self.ask("Getvar", Variable=name).get("Value", ""))

    def rows(self, action: str, **fields: str | list[str]) -> list[Headers]:
        """The lines of a list. Raises Denied, PbxUnreachable."""
        number = f"doctor-{secrets.token_hex(4)}"
        self.ask(action, ActionID=number, **fields)
        found: list[Headers] = []

        def whole() -> bool:
            found[:] = [one for one in self._arrived if one.get("ActionID") == number]
            return any(one.get("EventList", "").lower() == "complete" for one in found)

        if not self.until(whole, ANSWER_S):
            raise PbxUnreachable(f"AMI at {self.host}:{self.port} did not finish the list of {action}.")
        return [one for one in found if one.get("EventList", "").lower() != "complete"]

    def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Whether the condition came true; it is looked at when something arrived."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)

    def events(self, name: str, **fields: str) -> list[Headers]:
        """Those that arrived so far, oldest first; ``At`` is our time.monotonic() of each."""
        with self._changed:
            return [one for one in self._arrived if one.get("Event") == name and fields.items() <= dict(one).items()]

    @property
    def arrived(self) -> list[Headers]:
        with self._changed:
            return list(self._arrived)

    def _send(self, action: dict[str, str | list[str]]) -> Headers:
        encode(action)  # refuses what would be read as another line
        # A dictionary of its own: pyst2's default one keeps what was sent before.
        answer: Headers = self._manager.send_action(dict(action)).headers
        return answer

    def _take(self, event: Any, _: Any) -> None:
        with self._changed:
            self._arrived.append({**event.headers, "At": time.monotonic()})
            self._changed.notify_all()

    def _abandon(self) -> None:
        """Its close() would log off again, and wait for threads that may wait for a frozen Asterisk."""
        made = self._manager
        made._running.clear()
        made._connected.clear()
        made._message_queue.put(None)
        with contextlib.suppress(Exception):
            made._sock.close()


def _banner(host: str, port: int) -> str:
    """Whether somebody speaks AMI there, with an end to the waiting: pyst2's connect() has none."""
    where = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), CONNECT_S) as probe:
            probe.settimeout(CONNECT_S)
            line = probe.recv(200).decode("utf-8", "replace").strip()
    except OSError as error:
        raise PbxUnreachable(
            f"Nobody answers at {where} ({error.strerror or error}). Is Asterisk running, enabled=yes in manager.conf,"
            " and are host and port those of [pbx]?"
        ) from None
    if not line.startswith("Asterisk Call Manager/"):
        raise PbxUnreachable(f"{where} does not speak AMI: check host and port in [pbx].")
    return line.removeprefix("Asterisk Call Manager/")
