"""Names of things. All are made from what is given, never rolled here."""

from __future__ import annotations

import hashlib
import re
from typing import NewType

ContactId = NewType("ContactId", str)
"""A UUIDv7 in its usual text form."""
AgentId = NewType("AgentId", str)
QueueId = NewType("QueueId", str)
SkillId = NewType("SkillId", str)
GroupId = NewType("GroupId", str)
CalendarId = NewType("CalendarId", str)
PbxId = NewType("PbxId", str)
PartyId = NewType("PartyId", str)
"""Whom a contact is with: a UUIDv7, made outside when the record is, and never by the core."""
OfferId = NewType("OfferId", str)
"""``epoch-seq`` of the ContactOffered event: unique for ever, and ordered for the dialplan's fence."""
DiversionId = NewType("DiversionId", str)
"""``epoch-seq`` of the ContactDiverted event; ``key-<n>`` of the n-th key by which the caller chose it."""
AnnouncementId = NewType("AnnouncementId", str)
"""``epoch-seq`` of the ContactAnnounced event."""
ListeningId = NewType("ListeningId", str)
"""The Uniqueid of the supervisor's channel."""
Instant = float
"""Seconds since the Unix epoch, UTC, with microseconds."""


_ATTEMPT = re.compile(r"\.cb[0-9]+\.[0-9]+\Z")


def call_of_contact(call: str) -> str:
    """The Uniqueid with which a contact began, from that of a call that we made on its behalf (callback.py).

    >>> call_of_contact("pbx1-1700000000.12.cb3.77"), call_of_contact("pbx.cb1-1700000000.12")
    ('pbx1-1700000000.12', 'pbx.cb1-1700000000.12')
    """
    return _ATTEMPT.sub("", call)


def contact_id(pbx: PbxId, call: str, seen_at: Instant) -> ContactId:
    """The contact of a call, the same from whichever side it is first heard.

    call: the caller's channel's Uniqueid (``pbx1-1700000000.12``; the systemname may be missing).
    seen_at: used only when call carries no time (a foreign Uniqueid).

    A call may be met first by AGI, by an AMI event or by a comparison after a restart; since the id is a function
    of the PBX's own id, adopting it twice is impossible. UUIDv7 (RFC 9562): 48 bits of milliseconds, then a hash.
    """
    call = call_of_contact(call)
    arrived = call_started(call, seen_at)
    digest = hashlib.sha256(f"{pbx}\0{call}".encode()).digest()
    millis = int(arrived * 1000) & ((1 << 48) - 1)
    value = (millis << 80) | (int.from_bytes(digest[:10], "big") & ((1 << 80) - 1))
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{value:032x}"
    return ContactId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def call_started(call: str, default: Instant) -> Instant:
    """The second in which Asterisk made the channel, from its Uniqueid; never later than default."""
    seconds = call.rpartition("-")[2].partition(".")[0]
    # isascii: a superscript is a digit to isdigit() and none to float().
    if seconds.isascii() and seconds.isdigit() and len(seconds) <= 11:
        return min(float(seconds), default)
    return default


def is_test_call(call: str) -> bool:
    """Whether ``contactctl testcall`` placed it, by the Uniqueid that it chose; Asterisk's own end in a number.

    >>> is_test_call("pbx1-1700000000.test5f0c1a2bb"), is_test_call("pbx1-1700000000.12"), is_test_call("test")
    (True, False, False)
    """
    _, dot, last = call_of_contact(call).rpartition(".")
    return bool(dot) and last.startswith("test")


def offer_id(epoch: int, seq: int) -> OfferId:
    return OfferId(f"{epoch}-{seq}")


def diversion_id(epoch: int, seq: int) -> DiversionId:
    return DiversionId(f"{epoch}-{seq}")


def key_number(diversion: DiversionId | None) -> int:
    """Of a caller's keys that led somewhere, which one this was; 0: it was contactd.

    >>> key_number(DiversionId("key-3")), key_number(DiversionId("4-77")), key_number(None)
    (3, 0, 0)
    """
    word, _, number = (diversion or "").partition("-")
    return int(number) if word == "key" and number.isascii() and number.isdigit() and len(number) < 9 else 0


def announcement_id(epoch: int, seq: int) -> AnnouncementId:
    return AnnouncementId(f"{epoch}-{seq}")
