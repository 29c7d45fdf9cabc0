r"""The Asterisk Gateway Interface over TCP: Asterisk sends its environment, then answers our commands.

200 result=1 (value)                         a reply; the value in brackets may hold line breaks
200 result=0 endpos=8000
510 Invalid or unknown command               a refusal
520-Invalid command syntax. ...              the first of several lines, the last being "520 End of ..."
HANGUP                                       not a reply: the caller is gone
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from contactd.protocols.errors import ProtocolError

COMMAND_BYTES = 2_046  # AGI_BUF_LEN of res/res_agi.c less LF and NUL: more would be read as another command
MAX_WORDS = 126  # MAX_ARGS - 1 less the terminator
HEADER_LINES = 300
REPLY_LINES = 1_000
HEADER_CHARS = 8_192
BEYOND = 2_000_000_000
"""A sample offset behind the end of every sound: STREAM FILE then plays nothing, and tells whether there is a file."""

_VERB = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)*")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@+-]+")
_REPLY = re.compile(rb"(\d{3})([ -])(.*)", re.DOTALL)
_RESULT = re.compile(rb"result=(\S*)(.*)", re.DOTALL)
_DATA = re.compile(rb" \((.*)\)((?: \w+=.*)?)", re.DOTALL)
_ENDPOS = re.compile(rb" endpos=(\d{1,18})(?!\d)")  # int() refuses thousands of digits by another error than ours


@dataclass(frozen=True, slots=True)
class AgiRequest:
    """What Asterisk says about the call. repr hides env, args and query: they hold numbers and tokens."""

    env: Mapping[str, str] = field(repr=False)
    args: tuple[str, ...] = field(repr=False)
    path: str
    query: Mapping[str, str] = field(repr=False)

    @property
    def channel(self) -> str:
        return self.env.get("agi_channel", "")

    @property
    def uniqueid(self) -> str:
        return self.env.get("agi_uniqueid", "")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply. repr hides result and data: they may be digits that a caller typed, a PIN even."""

    code: int
    result: str = field(default="", repr=False)
    data: str = field(default="", repr=False)
    endpos: int | None = None


@dataclass(frozen=True, slots=True)
class Hangup:
    """The line HANGUP: the caller is gone. It answers no command."""


def parse_request(lines: Iterable[str]) -> AgiRequest:
    """The environment, from its lines without the empty one that ends it. ProtocolError for what is not AGI.

    The path and the query are those of agi://host:port/path?query. Of a repeated name the first counts:
    Asterisk sends the script's name before anything that a caller can influence.
    """
    env: dict[str, str] = {}
    for count, line in enumerate(lines):
        if count >= HEADER_LINES or len(line) > HEADER_CHARS:
            raise ProtocolError("The AGI headers are too long. Shorten the arguments of AGI().")
        name, colon, value = line.replace("\0", "").partition(":")
        if not colon or not name.startswith("agi_"):
            raise ProtocolError("The peer does not speak FastAGI. Point only AGI(agi://...) at this port.")
        env.setdefault(name, value.removeprefix(" "))
    if "agi_request" not in env:
        raise ProtocolError("The peer does not speak FastAGI. Point only AGI(agi://...) at this port.")
    args: list[str] = []
    while (arg := env.get(f"agi_arg_{len(args) + 1}")) is not None:
        args.append(arg)
    path, _, query = env.get("agi_network_script", "").partition("?")
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise ProtocolError("The query of the AGI address is too long. Shorten it.") from error
    pairs: dict[str, str] = {}
    for key, value in fields:
        pairs.setdefault(key, value)
    return AgiRequest(env=env, args=tuple(args), path=unquote(path).strip("/"), query=pairs)


def quote(arg: str) -> str:
    r"""One argument, such that Asterisk's parse_args() reads exactly it: quoted, with \ before quotes and \.

    ValueError for CR, LF and NUL, which no quoting can carry: replacing them silently would change a value
    that the caller of this function believes to be stored.

    >>> print(quote('say "hi"'))
    "say \"hi\""
    """
    if "\n" in arg or "\r" in arg or "\0" in arg:
        raise ValueError("an AGI argument holds a line break or NUL; remove it from the value first")
    if _PLAIN.fullmatch(arg):
        return arg
    return '"' + arg.replace("\\", "\\\\").replace('"', '\\"') + '"'


def build_command(*words: str | int) -> bytes:
    """A command line. The first word is the command, also of two words ("SET VARIABLE"); the others are
    quoted.

    ValueError for what Asterisk would read as something else; the message never repeats an argument.
    """
    if not words or not isinstance(words[0], str) or not _VERB.fullmatch(words[0]):
        raise ValueError("an AGI command begins with its name, in letters")
    line = " ".join([words[0], *(quote(str(word)) for word in words[1:])]).encode()
    if len(line) > COMMAND_BYTES:
        raise ValueError(f"the AGI command {words[0]} is over {COMMAND_BYTES} bytes, which Asterisk cuts")
    if len(words) > MAX_WORDS:
        raise ValueError(f"the AGI command {words[0]} has more than {MAX_WORDS} words")
    return line + b"\n"


class ReplyParser:
    """feed() takes the bytes as they come and returns whole replies and hang-ups.

    After a ProtocolError the parser is of no more use.
    """

    def __init__(self, *, max_reply_bytes: int = 131_072) -> None:
        self._max_reply_bytes = max_reply_bytes
        self._rest: list[bytes] = []  # pieces of a line whose end has not come
        self._open: list[bytes] = []  # lines of a reply that goes on
        self._size = 0

    def feed(self, data: bytes) -> list[Reply | Hangup]:
        items: list[Reply | Hangup] = []
        *lines, rest = data.split(b"\n")
        for piece in lines:
            self._grow(len(piece) + 1)
            line = b"".join([*self._rest, piece])
            self._rest = []
            item = self._take(line)
            if item is not None:
                items.append(item)
                self._open = []
                self._size = 0
        if rest:
            self._grow(len(rest))
            self._rest.append(rest)
        return items

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._max_reply_bytes:
            raise ProtocolError(
                f"An AGI reply is longer than {self._max_reply_bytes} bytes; the session is closed. "
                "Look for a huge channel variable in the dialplan."
            )

    def _take(self, line: bytes) -> Reply | Hangup | None:
        if not self._open and line.rstrip(b"\r") == b"HANGUP":
            return Hangup()
        self._open.append(line)
        if len(self._open) > REPLY_LINES:
            raise ProtocolError(f"An AGI reply has more than {REPLY_LINES} lines; the session is closed.")
        first = _REPLY.fullmatch(self._open[0])
        if first is None:
            raise ProtocolError("A line is no AGI reply; the session is closed. Check who connects.")
        code, dash, text = first.groups()
        if dash == b"-":  # until the line with the code and no dash: usage text may look like anything
            if len(self._open) == 1 or not line.startswith(code + b" "):
                return None
            return Reply(int(code), data=_text(b"\n".join([text, *self._open[1:-1]])))
        result = _RESULT.fullmatch(b"\n".join([text, *self._open[1:]]))
        if result is None:
            return Reply(int(code), data=_text(text))
        value, tail = result.groups()
        data = _DATA.fullmatch(tail)
        if data is None and tail.startswith(b" ("):
            return None  # the value holds a line break: the closing bracket is on a later line
        return Reply(int(code), _text(value), *self._tail(data, tail))

    @staticmethod
    def _tail(data: re.Match[bytes] | None, tail: bytes) -> tuple[str, int | None]:
        after = data.group(2) if data else tail
        endpos = _ENDPOS.match(after)
        text = data.group(1) if data else b"" if endpos else tail.strip()  # "result=0 Gosub complete"
        return _text(text), int(endpos.group(1)) if endpos else None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").replace("\0", "")


def sound_missing(reply: Reply) -> bool:
    """Of a STREAM FILE from BEYOND: Asterisk repeats the offset for what it cannot open, else it tells the end."""
    return reply.endpos == BEYOND
