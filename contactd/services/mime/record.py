"""What a message says, as it is kept: every text is text, without control characters, and of bounded length."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from contactd.protocols.errors import ProtocolError

VERSION = 1

Kind = Literal["person", "auto_reply", "automatic", "bounce", "receipt", "complaint", "list"]


class NotUnderstood(ProtocolError):
    """The message cannot be read at all: it is put aside as it came."""


class Address(Struct, frozen=True):
    address: str
    name: str = ""


class Attachment(Struct, frozen=True):
    """type: as the sender says; found: as its bytes say, where they do. cid: by which the HTML shows it."""

    n: int
    name: str
    type: str
    found: str
    bytes: int
    sha256: str
    cid: str = ""
    use: Literal["file", "inline", "invite", "winmail", "signature", "message"] = "file"


class Invite(Struct, frozen=True):
    """A calendar's, as it stands there: times with their zone's name, not turned into ours."""

    method: str
    uid: str
    summary: str = ""
    begins: str = ""
    ends: str = ""
    place: str = ""
    organizer: str = ""


class Refusal(Struct, frozen=True):
    """Of one recipient (RFC 3464)."""

    recipient: str
    action: str
    status: str
    said: str = ""


class Bounce(Struct, frozen=True):
    """about: the Message-IDs of what came back. references: whatever of it may hold a token."""

    refusals: tuple[Refusal, ...] = ()
    about: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


class Understood(Struct, frozen=True, kw_only=True):
    """reply: what this sender wrote now; text: with quotes and signature. html: safe to show, without remote images."""

    version: int = VERSION
    kind: Kind = "person"
    answerable: bool = True
    """Whether an automatic answer is allowed (RFC 3834)."""
    not_answerable: str = ""
    """Why not, in words."""
    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    subject: str = ""
    senders: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    return_path: str | None = None
    """"": nobody, as bounces have it. None: not told."""
    sent_at: float | None = None
    text: str = ""
    reply: str = ""
    html: str = ""
    remote_images: int = 0
    language: str = ""
    security: Literal["", "signed", "encrypted"] = ""
    security_by: str = ""
    spam: bool = False
    spam_score: float | None = None
    list_id: str = ""
    attachments: tuple[Attachment, ...] = ()
    invites: tuple[Invite, ...] = ()
    bounce: Bounce | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Decoded, in their order, names in lower case."""
    defects: tuple[str, ...] = ()
    """What is wrong with it, and what was left out, in words."""

    def header(self, name: str) -> list[str]:
        return [value for one, value in self.headers if one == name.lower()]
