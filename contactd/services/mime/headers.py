"""Headers as real mail has them: raw 8-bit bytes, words that are cut within a letter, addresses that are none."""

from __future__ import annotations

import binascii
import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import collapse_rfc2231_value, parsedate_to_datetime

from contactd.services.mime.charsets import clean, decode
from contactd.services.mime.record import Address

_LONGEST = 20_000
_MOST = 200
_MOST_ADDRESSES = 500
_LONGEST_ADDRESS = 320
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,900})>")
_ADDRESS = re.compile(r"[^\s<>@\"(),:;\\\[\]]{1,200}@[^\s<>@\"(),:;\\\[\]]{1,200}")


def raw(message: Message, name: str) -> list[str]:
    """As they stand there, unfolded; bytes that are no ASCII as surrogates."""
    wanted = name.lower()
    found = [_unfolded(str(value)) for key, value in _items(message) if key.lower() == wanted]
    return found[:_MOST]


def first(message: Message, name: str) -> str:
    """Decoded; "" if there is none."""
    return next((words(one) for one in raw(message, name)), "")


def all_of(message: Message) -> tuple[tuple[str, str], ...]:
    """Decoded, for rules and people."""
    items = _items(message)[:_MOST]
    return tuple((clean(key.lower())[:100], words(_unfolded(str(value)))[:4000]) for key, value in items)


def words(value: str) -> str:
    """Decoded as RFC 2047 says and beyond: within quotes, without spaces around, with letters cut in two.

    >>> words("=?utf-8?Q?caf=C3?= =?utf-8?Q?=A9?="), words("=?x-none?q?a?= =?utf-8?b?!!!?=")
    ('café', 'a')
    """
    value = value[:_LONGEST]
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        value = decode(value.encode("utf-8", "surrogateescape")) if _escaped(value) else clean(value)
    if "=?" not in value:
        return " ".join(clean(value).split())
    try:
        pieces = decode_header(value)
    except (HeaderParseError, binascii.Error, ValueError, LookupError):
        # One broken word: the others all the same.
        pieces = [(re.sub(r"=\?[^?]{0,40}\?[bqBQ]\?([^?]*)\?=", r"\1", value), None)]
    text = ""
    for piece, charset in pieces:
        if isinstance(piece, str):
            text += piece
        elif charset is None:
            text += piece.decode("raw_unicode_escape", "replace") if b"\\u" in piece else decode(piece)
        else:
            text += decode(piece, charset)
    return " ".join(clean(text).split())


def addresses(message: Message, name: str) -> tuple[Address, ...]:
    found: list[Address] = []
    for value in raw(message, name):
        for one in _split(value[:_LONGEST]):
            address = _address(one)
            if address is not None and len(found) < _MOST_ADDRESSES:
                found.append(address)
    return tuple(found)


def message_ids(message: Message, name: str) -> tuple[str, ...]:
    """With no angle brackets; what is not within any is taken if it looks like one."""
    found: dict[str, None] = {}
    for value in raw(message, name):
        text = words(value)
        ids = _MESSAGE_ID.findall(text) or [one for one in text.split() if "@" in one and len(one) <= 900]
        found |= dict.fromkeys(ids)
    return tuple(found)[-_MOST:]


def sent_at(message: Message) -> float | None:
    try:
        at = parsedate_to_datetime(first(message, "date")).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None
    return at if 0 < at < 1 << 40 else None


def parameter(message: Message, header: str, name: str) -> str:
    """Of Content-Type or Content-Disposition, as RFC 2231 says or as it should not be: RFC 2047 within quotes."""
    try:
        value = message.get_param(name, "", header)
        if isinstance(value, tuple):
            charset, _, body = value
            return decode(body.encode("latin-1", "replace"), charset or "utf-8")[:500]
        return words(collapse_rfc2231_value(value or ""))[:500]
    except (ValueError, LookupError, TypeError, AttributeError, IndexError, UnicodeError):
        return ""


def file_name(message: Message) -> str:
    """Its last part only, whatever the sender's system is; "": it has none."""
    name = parameter(message, "content-disposition", "filename") or parameter(message, "content-type", "name")
    last = re.split(r"[/\\]", name.replace("\n", " "))[-1].strip().lstrip(".")
    return "".join(letter for letter in last if letter.isprintable())[:200]


def content_type(message: Message) -> str:
    try:
        return clean(message.get_content_type())[:100]
    except (ValueError, TypeError, AttributeError, LookupError):
        return "application/octet-stream"


def _items(message: Message) -> list[tuple[str, str]]:
    return list(message.raw_items())


def _unfolded(value: str) -> str:
    return re.sub(r"[\r\n]+[ \t]*", " ", value).strip()


def _escaped(value: str) -> bool:
    return all("\udc80" <= letter <= "\udcff" for letter in value if "\ud800" <= letter <= "\udfff")


def _split(value: str) -> list[str]:
    """At commas and semicolons that are not within quotes, comments or brackets; once over it, however it is broken."""
    found, begin, depth, quoted, angle = [], 0, 0, False, False
    skip = False
    for place, letter in enumerate(value):
        if skip:
            skip = False
        elif letter == "\\":
            skip = True
        elif letter == '"' and not depth:
            quoted = not quoted
        elif quoted:
            continue
        elif letter == "(":
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
        elif letter == "<":
            angle = True
        elif letter == ">":
            angle = False
        elif letter in ",;" and not depth and not angle:
            found.append(value[begin:place])
            begin = place + 1
    found.append(value[begin:])
    return found


def _address(one: str) -> Address | None:
    """ "a@b", "Name <a@b>", "a@b (Name)", "group: a@b": the last address within angle brackets, else the first."""
    angled = re.findall(r"<([^<>]{1,400})>", one)
    match = _ADDRESS.search(angled[-1].strip()) if angled else _ADDRESS.search(re.sub(r"\([^()]*\)", " ", one))
    if match is None or len(match[0]) > _LONGEST_ADDRESS:
        return None
    address = words(match[0]) if "=?" in match[0] else clean(match[0])
    if any("\ud800" <= letter <= "\udfff" for letter in match[0]):
        address = words(match[0])
    if angled:
        name = one[: one.rfind("<")]
    else:
        comment = re.search(r"\(([^()]*)\)", one)
        name = comment[1] if comment else ""
    name = re.sub(r"\\(.)", r"\1", name.strip().strip('"'))
    local, _, domain = address.rpartition("@")
    return Address(f"{local}@{domain.lower().rstrip('.')}", words(name).strip("\"' ")[:200])
