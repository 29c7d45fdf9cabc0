"""IMAP4rev1 (RFC 3501) as far as a mailbox is read by it: bytes in, whole responses out; words for commands."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contactd.protocols.errors import ProtocolError

LONGEST_LINE = 8 << 20
"""A search may answer with the numbers of a million messages on one line."""
_LITERAL = re.compile(rb"\{(\d{1,12})\}\Z")
_TEXT = re.compile(
    rb'(?i)(?<=[ (])(?:(UID|RFC822\.SIZE) (\d{1,10})|INTERNALDATE "([^"]{1,40})"|(BODY\[\](?:<\d+>)?) \Z)'
)
_NIL_BODY = re.compile(rb'(?i)BODY\[\](?:<\d+>)? (NIL|"((?:[^"\\]|\\.)*)")')
Response = list[bytes]
"""One response: a piece of line, a literal, a piece of line, ... without the line's end. The odd ones are literals."""


class Malformed(ProtocolError):
    """No IMAP, or more of it than we would ever ask for."""


class Responses:
    """Cuts what comes into responses. A literal's bytes are data, whatever they look like.

    longest_literal: more in one piece was not asked for.
    """

    def __init__(self, longest_literal: int) -> None:
        self._longest = longest_literal
        self._waiting = bytearray()
        self._parts: Response = []
        self._missing = 0
        """Bytes of a literal that are still to come."""
        self._searched = 0

    @property
    def inside(self) -> bool:
        """Whether a response has begun and not ended."""
        return bool(self._waiting or self._parts)

    def feed(self, data: bytes) -> Iterator[Response]:
        """Raises Malformed, and is of no use after it."""
        self._waiting += data
        while True:
            if self._missing:
                if len(self._waiting) < self._missing:
                    return
                self._parts.append(self._taken(self._missing))
                self._missing = 0
            end = self._waiting.find(b"\r\n", max(0, self._searched - 1))
            if end < 0:
                self._searched = len(self._waiting)
                if self._searched > LONGEST_LINE:
                    raise Malformed("The mail server sends a line without an end: is it one?")
                return
            line = self._taken(end)
            del self._waiting[:2]
            self._parts.append(line)
            if literal := _LITERAL.search(line):
                self._missing = int(literal[1])
                if self._missing > self._longest:
                    raise Malformed(f"The mail server sends {self._missing} bytes at once: nobody asked for so much.")
                if not self._missing:
                    self._parts.append(b"")
                continue
            whole, self._parts = self._parts, []
            yield whole

    def _taken(self, size: int) -> bytes:
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        self._searched = 0
        return taken


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a FETCH response tells of a message. None: not told. arrived: when the server got it, in its own words."""

    uid: int
    size: int | None = None
    arrived: str | None = None
    body: bytes | None = None


def fetched(response: Sequence[bytes]) -> Fetched | None:
    """None: it is another response, or one that names no message by UID (a flag that somebody changed)."""
    if not re.match(rb"(?i)\* \d+ FETCH \(", response[0]):
        return None
    uid = size = arrived = body = None
    for place, part in enumerate(response):
        if place % 2:
            continue
        text = _LITERAL.sub(b"", part)
        for found in _TEXT.finditer(text):
            if found[1]:
                if found[1].upper() == b"UID":
                    uid = int(found[2])
                else:
                    size = int(found[2])
            elif found[3]:
                arrived = found[3].decode("ascii", "replace").strip()
            elif place + 1 < len(response):
                body = response[place + 1]
        if quoted := _NIL_BODY.search(text):
            body = re.sub(rb"\\(.)", rb"\1", quoted[2] or b"")
    return Fetched(uid, size, arrived, body) if uid is not None else None


def numbers(response: Sequence[bytes]) -> list[int]:
    """Of a SEARCH response; of any other, none.

    >>> numbers([b"* SEARCH 4 8 15"])
    [4, 8, 15]
    """
    words = response[0].split()
    if [word.upper() for word in words[:2]] != [b"*", b"SEARCH"]:
        return []
    return [int(word) for word in words[2:] if word.isdigit()]


def code(response: Sequence[bytes], name: bytes) -> int | None:
    """The number of a response code such as UIDVALIDITY.

    >>> code([b"* OK [UIDVALIDITY 3857529045] UIDs valid"], b"UIDVALIDITY")
    3857529045
    """
    found = re.search(rb"(?i)\[" + re.escape(name) + rb" (\d{1,10})\]", response[0])
    return int(found[1]) if found else None


def quoted(text: str) -> str:
    """As a quoted string. Raises Malformed for what none can hold.

    >>> quoted('say "hi"')
    '"say \\\\"hi\\\\""'
    """
    if re.search(r"[\0\r\n]", text) or not text.isascii():
        raise Malformed("Neither line ends nor letters beyond ASCII can be said so to a mail server.")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mailbox_name(name: str) -> str:
    """A folder's name as a command takes it: modified UTF-7 (RFC 3501, 5.1.3), quoted.

    >>> mailbox_name("Entwürfe & Co")
    '"Entw&APw-rfe &- Co"'
    >>> mailbox_name("台北")
    '"&U,BTFw-"'
    """
    told, beyond = [], ""
    for letter in [*name, ""]:
        if letter and not " " <= letter <= "~":
            beyond += letter
            continue
        if beyond:
            packed = base64.b64encode(beyond.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
            told.append(f"&{packed.decode()}-")
            beyond = ""
        told.append("&-" if letter == "&" else letter)
    return quoted("".join(told))


def ranges(uids: Sequence[int]) -> str:
    """As a set of a command; uids: ascending.

    >>> ranges([1, 2, 3, 7, 9, 10])
    '1:3,7,9:10'
    """
    told: list[list[int]] = []
    for uid in uids:
        if told and told[-1][1] == uid - 1:
            told[-1][1] = uid
        else:
            told.append([uid, uid])
    return ",".join(f"{first}:{last}" if first != last else f"{first}" for first, last in told)
