"""The Asterisk Manager Interface: bytes in, messages out; actions in, bytes out.

Asterisk greets with one line, then sends blocks of `Name: value` lines, each ended by CR LF, each block by an
empty line. A block with an Event header is an event; one with a Response header answers an action.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, overload

from contactd.protocols.errors import ProtocolError

BANNER = b"Asterisk Call Manager/"
END = b"\r\n\r\n"

# What Asterisk itself reads: inbuf[1025] less its NUL, with CR LF (main/manager.c), and AST_MAX_MANHEADERS.
# It drops a longer line with a warning in its own log only, and silently ignores further headers.
ACTION_LINE_BYTES = 1022
ACTION_HEADERS = 128

_T = TypeVar("_T")


class Message(Mapping[str, str]):
    """One event or response. Names are case-insensitive; of a repeated header the first value counts.

    The first, because what comes later in a block (UserEvent bodies, channel variables) is what a caller or a
    dialplan can influence. Iteration yields names in lower case.
    """

    __slots__ = ("_headers", "action_id", "event", "response")

    def __init__(self, headers: Iterable[tuple[str, str]]) -> None:
        found: dict[str, str | list[str]] = {}
        for name, value in headers:
            key = name.lower()
            known = found.get(key)
            if known is None:
                found[key] = value
            elif isinstance(known, list):
                known.append(value)
            else:
                found[key] = [known, value]
        self._headers = found
        self.event: str | None = self.get("event")
        self.response: str | None = self.get("response")
        self.action_id: str | None = self.get("actionid")

    def __getitem__(self, name: str) -> str:
        value = self._headers[name.lower()]
        return value if isinstance(value, str) else value[0]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._headers

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | _T) -> str | _T: ...
    def get(self, name: str, /, default: object = None) -> object:
        value = self._headers.get(name.lower())
        if value is None:
            return default
        return value if isinstance(value, str) else value[0]

    def all(self, name: str) -> list[str]:
        """Every value of a header, in the order sent; [] when there is none."""
        value = self._headers.get(name.lower())
        if value is None:
            return []
        return [value] if isinstance(value, str) else list(value)

    def __repr__(self) -> str:
        # No values: they hold phone numbers, names and digits, and a repr ends up in logs.
        return f"<Message {self.event or self.response} {len(self._headers)} headers>"


class Parser:
    """feed() takes the bytes as they come, in any pieces, and returns the messages that are whole.

    events: names of the events to keep; others are skipped before anything is built for them. An event with
    an ActionID is always kept, since it may be a line of a list that was asked for. None keeps everything.
    After a ProtocolError the parser is of no more use.
    """

    def __init__(
        self,
        events: Collection[str] | None = None,
        *,
        expect_banner: bool = True,
        max_line_chars: int = 65_536,
        max_headers: int = 4_096,
        max_message_bytes: int = 1_048_576,
    ) -> None:
        self.banner: str | None = None
        self.skipped = 0
        self._awaiting_banner = expect_banner
        self._events = None if events is None else frozenset(events)
        self._event_names = None if events is None else frozenset(name.encode() for name in events)
        self._max_line_chars = max_line_chars
        self._max_headers = max_headers
        self._max_message_bytes = max_message_bytes
        self._parts: list[bytes] = []  # since the last whole message; joined only once an end is in sight
        self._size = 0
        self._tail = b""

    def feed(self, data: bytes) -> list[Message]:
        if self._awaiting_banner:
            data = self._take_banner(data)
        if not data:
            return []
        self._parts.append(data)
        self._size += len(data)
        window = self._tail + data
        self._tail = window[-3:]
        if END not in window:
            self._check_size(self._size - 3)
            return []
        blocks = b"".join(self._parts).split(END)
        rest = blocks.pop()
        self._parts = [rest]
        self._size = len(rest)
        self._tail = rest[-3:]
        messages = []
        for block in blocks:
            message = self._parse(block)
            if message is not None:
                messages.append(message)
        self._check_size(self._size - 3)
        return messages

    def _take_banner(self, data: bytes) -> bytes:
        data = b"".join(self._parts) + data
        line, end, rest = data.partition(b"\r\n")
        if not end:
            line = line.removesuffix(b"\r")  # the line's end, cut in two
        known = line.startswith(BANNER) if end else line[: len(BANNER)] == BANNER[: len(line)]
        if not known or len(line) > 200:
            raise ProtocolError(
                "The peer does not speak AMI: its first line is not 'Asterisk Call Manager/...'. "
                "Check that host and port are those of manager.conf (usually 5038)."
            )
        if not end:
            self._parts = [data]
            return b""
        self.banner = line.decode("utf-8", "replace")
        self._awaiting_banner = False
        self._parts = []
        return rest

    def _check_size(self, size: int) -> None:
        if size > self._max_message_bytes:
            raise ProtocolError(
                f"An AMI message is longer than {self._max_message_bytes} bytes; the connection is closed. "
                "Look in Asterisk for a channel or a user event with huge variables."
            )

    def _parse(self, block: bytes) -> Message | None:
        # Unwanted events too: whether one is too long must not depend on how the network cut it.
        self._check_size(len(block))
        if self._event_names is not None and block.startswith(b"Event: "):
            name = block[7 : block.find(b"\r\n")] if b"\r\n" in block else block[7:]
            if name not in self._event_names and b"\r\nActionID: " not in block:
                self.skipped += 1
                return None
        # Decoded whole, so a letter cut in two by the network is whole again. NUL: PostgreSQL refuses it; no
        # lone surrogate can come out of this decoding. Split on CR LF alone: splitlines() would also split in
        # values.
        text = block.decode("utf-8", "replace").replace("\0", "")
        lines = text.lstrip("\r\n").split("\r\n")
        if len(lines) > self._max_headers:
            raise ProtocolError(
                f"An AMI message has more than {self._max_headers} headers; the connection is closed. "
                "Ask Asterisk for less in one answer."
            )
        if len(block) > self._max_line_chars and max(map(len, lines)) > self._max_line_chars:
            raise ProtocolError(
                f"An AMI line is longer than {self._max_line_chars} characters; the connection is closed. "
                "Look in Asterisk for a channel or a user event with huge variables."
            )
        pairs = []
        for line in lines:
            name_, colon, value = line.partition(": ")
            if not colon:
                name_, colon, value = line.partition(":")
                if not colon:
                    continue
            pairs.append((name_, value))
        message = Message(pairs)
        if message.event is None:
            return message if message.response is not None else None  # RTCP events hold an empty line: a tail
        if self._events is not None and message.event not in self._events and message.action_id is None:
            self.skipped += 1
            return None
        return message


def chan_variables(message: Message, side: str | None = None) -> dict[str, str]:
    """The channel variables that manager.conf's channelvars adds to an event.

    side: "" for the event's own channel only, "Dest" (or "Transferer", "SpyeeChannel", ...) for that other
    channel only. By default the own channel's, completed by the destination's. Asterisk sends every name of
    channelvars, also unset ones with an empty value; when both sides are read, an empty one never hides a
    value.
    """
    if side is not None:
        return dict(_assignments(message, f"{side}ChanVariable"))
    merged = dict(_assignments(message, "ChanVariable"))
    for name, value in _assignments(message, "DestChanVariable"):
        if not merged.get(name):
            merged[name] = value
    return merged


def _assignments(message: Message, header: str) -> Iterator[tuple[str, str]]:
    names = [header]
    prefix = header.lower() + "("  # `ChanVariable(PJSIP/a1-00000001): A=b`, with the channel's name
    names += [name for name in message if name.startswith(prefix)]
    for name in names:
        for text in message.all(name):
            variable, equals, value = text.partition("=")
            if equals:
                yield variable, value


def encode(action: Mapping[str, str | Sequence[str]]) -> bytes:
    """The bytes of an action; a sequence of values becomes a repeated header.

    This is the one place where header injection is refused: ValueError for CR, LF or NUL. The error names the
    header but never repeats the value, which may be a secret. Also ValueError for what Asterisk would
    silently cut.
    """
    lines = []
    named = False
    for name, values in action.items():
        if not name or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"{name!r} is not an AMI header name; use letters, digits, '-' and '_'")
        named = named or name.lower() == "action"
        for value in (values,) if isinstance(values, str) else values:
            if not isinstance(value, str):
                raise ValueError(f"the AMI header {name} must be text; convert it first")
            if "\r" in value or "\n" in value or "\0" in value:
                raise ValueError(f"the AMI header {name} holds a line break or NUL; remove it first")
            line = f"{name}: {value}".encode()
            if len(line) > ACTION_LINE_BYTES:
                raise ValueError(f"the AMI header {name} is over {ACTION_LINE_BYTES} bytes: Asterisk drops it")
            lines.append(line)
    if not named:
        raise ValueError("an AMI action needs the header Action")
    if len(lines) > ACTION_HEADERS:
        raise ValueError(f"an AMI action has at most {ACTION_HEADERS} headers: Asterisk ignores more")
    return b"\r\n".join(lines) + END
