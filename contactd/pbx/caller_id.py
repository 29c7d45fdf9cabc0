"""What a PBX says of whoever calls: a number and a name, which a telephone may have made up, byte by byte."""

from __future__ import annotations

from collections.abc import Sequence

from contactd.core.ids import ContactId, Instant, PbxId, contact_id
from contactd.engine.inbox import Private
from contactd.protocols.ami import Message

_MOST_TEXT = 256
_NONE = frozenset({"", "unknown", "<unknown>"})


def printable(text: str) -> str | None:
    """None where nothing is told. No line break and no escape sequence reaches whoever shows it."""
    value = "".join(letter for letter in text if letter.isprintable())
    return None if value in _NONE else value[:_MOST_TEXT]


def caller_in(contact: ContactId, message: Message) -> Private:
    """From an AMI event of the caller's own channel, or a line of Status."""
    return Private(contact, printable(message.get("CallerIDNum", "")), printable(message.get("CallerIDName", "")))


def callers_in(pbx: PbxId, statuses: Sequence[Message], now: Instant) -> dict[ContactId, Private]:
    """Of every caller's channel in an inventory."""
    found = {}
    for status in statuses:
        call = status.get("Uniqueid", "")
        if call:
            contact = contact_id(pbx, call, now)
            found[contact] = caller_in(contact, status)
    return found
