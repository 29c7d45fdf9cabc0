"""One AMI connection: panoramisk's protocol and action, hardened.

panoramisk gives the transport's protocol, the table of actions in flight and their ids; its Manager is not
used, for its reconnecting, its replay of old actions, its unchecked pings and its pattern for every event are
each a fault that tests/pbx/test_ami.py shows cured.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.utils import IdGenerator

from contactd.core.errors import ContactdError
from contactd.protocols.ami import Message, Parser, encode
from contactd.protocols.errors import ProtocolError

MESSAGES_A_TURN = 200  # so that a flood of events lets timers, desks and other links run between
LIST_IDS = IdGenerator("list")
LIST_PREFIX = f"list/{LIST_IDS.uid}/"

Fields = Mapping[str, str | Sequence[str]]


@dataclass(slots=True)
class AmiStats:
    messages: int = 0  # parsed, of every kind
    actions: int = 0  # sent
    timeouts: int = 0  # actions without an answer in time
    refused: int = 0  # actions that Asterisk answered with an error
    reconnects: int = 0  # links that came up again
    dropped: int = 0  # late answers, lines of lists nobody waits for, events left behind by a lost connection
    failures: int = 0  # exceptions in our own callbacks


class PbxAway(ContactdError):
    """Nothing was sent, or it was and the connection broke before the answer: the action may have been
    done."""


class PbxTimedOut(ContactdError):
    """The PBX did not answer in time; the action may yet be done."""


class PbxRefused(ContactdError):
    """The PBX answered with an error, and `message` is its text."""

    def __init__(self, pbx: str, action: str, message: str) -> None:
        super().__init__(f"{pbx} refused {action}: {message or 'no reason given'}")
        self.message = message


class PendingAction(Action):  # type: ignore[misc]  # panoramisk has no types
    """An action in flight. panoramisk guesses from the first words of an answer whether a list follows (so
    QueueAdd never ended, and an OriginateResponse could end its Originate); here the caller says so by
    `end_event`."""

    def __init__(self, pbx: str, fields: Fields, end_event: str = "", limit: int = 0) -> None:
        super().__init__(fields)
        self.label = str(self.get("action", ""))
        if self.label.lower() == "originate":
            self["Async"] = "true"  # else Asterisk's whole AMI session stands still while it rings
        self.pbx = pbx
        self.end_event = end_event.lower()
        self.limit = limit
        self.lines: list[Message] = []
        self.timer: asyncio.TimerHandle | None = None
        self.wire = encode(dict(self.items()))  # here, since panoramisk's send() would log a ValueError and go on

    def __str__(self) -> str:
        return self.wire.decode()

    def __repr__(self) -> str:
        return f"<{self.label} {self.id}>"  # no fields: panoramisk logs this, and Login holds the secret

    def add_message(self, message: Message) -> None:
        if self.future.done():
            return
        if message.event is None:
            if message.response in ("Error", "Fail", "Failure"):
                self.future.set_exception(PbxRefused(self.pbx, self.label, message.get("Message", "")))
            elif not self.end_event:
                self.future.set_result([message])
        elif message.event.lower() == self.end_event or message.get("EventList", "").lower() == "complete":
            # Asterisk says how many there were: who is missing from half a list would count as hung up.
            if message.get("ListItems", str(len(self.lines))) == str(len(self.lines)):
                self.future.set_result(self.lines)
            else:
                self.future.set_exception(PbxRefused(self.pbx, self.label, "its list came incomplete"))
        elif len(self.lines) >= self.limit:
            self.future.set_exception(
                PbxRefused(self.pbx, self.label, f"its list is longer than {self.limit}; ask for less")
            )
        else:
            self.lines.append(message)

    def fail(self, error: ContactdError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Connection(AMIProtocol):  # type: ignore[misc]
    """One connection. It never replays: what was in flight when it broke fails with PbxAway."""

    encoding = "utf-8"

    def __init__(self, on_message: Callable[[Message], None], stats: AmiStats, events: Collection[str] | None) -> None:
        loop = asyncio.get_running_loop()
        self.stats = stats
        self._on_message = on_message
        self.parser = Parser(events)
        self.received = 0
        self.lost: asyncio.Future[str] = loop.create_future()
        self.responses: dict[str, PendingAction] = {}
        self._backlog: deque[Message] = deque()
        self._call_soon = loop.call_soon

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        try:
            messages = self.parser.feed(data)
        except ProtocolError as error:
            self.give_up(str(error))
            return
        idle = not self._backlog
        self._backlog.extend(messages)
        if idle and messages:
            self._handle_some()

    def _handle_some(self) -> None:
        for _ in range(MESSAGES_A_TURN):
            if not self._backlog:
                break
            self.handle_message(self._backlog.popleft())
        if self.lost.done():
            return
        if self._backlog:
            self.transport.pause_reading()
            self._call_soon(self._handle_some)
        else:
            self.transport.resume_reading()

    def handle_message(self, message: Message) -> None:
        self.stats.messages += 1
        action_id = message.action_id
        action = self.responses.get(action_id) if action_id else None
        if action is not None and (message.event is None or action.end_event):
            action.add_message(message)
        elif message.event is None or (action_id and action_id.startswith(LIST_PREFIX)):
            self.stats.dropped += 1
        else:
            self._on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_up(f"the connection broke ({exc})" if exc else "Asterisk closed the connection")

    def give_up(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(reason)
        self.closed = True
        self.transport.abort()
        self.stats.dropped += len(self._backlog)  # the next connection reads the whole state anyway
        self._backlog.clear()
        for action in list(self.responses.values()):
            action.fail(PbxAway(f"{action.pbx} went away before it answered {action.label}: {reason}"))

    def close(self) -> None:
        self.give_up("contactd closed the connection")
