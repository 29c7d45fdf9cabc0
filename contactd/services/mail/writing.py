"""An answer to a message that came: whom it goes to, what stands in its head, and its bytes. Pure.

What came is hostile: no value of it gets into a header but those that match exactly what such a value is, and a subject
is encoded whole.
"""

from __future__ import annotations

import email.policy
import email.utils
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.header import Header, decode_header, make_header
from email.message import Message
from email.parser import BytesParser

from contactd.core.errors import ContactdError
from contactd.protocols.mail_token import Tokens

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,248}>")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_PREFIX = re.compile(r"^\s*(?:(?:re|aw|antw|sv|vs|odp)(?:\[\d+\])?:\s*)+", re.IGNORECASE)
_MOST_REFERENCES = 20
_MOST_HEADER = 64 << 10
"""Of one header so much is looked at."""
_MOST_SUBJECT = 250
_WIDTH = 72


class NotAnswered(ContactdError):
    """It cannot be answered so."""


@dataclass(frozen=True, slots=True)
class Original:
    """What an answer needs of the message that it answers."""

    sender: str
    """Reply-To, or else From. Empty: none that can be written to."""
    name: str
    subject: str
    message_id: str
    """With its brackets. Empty: it had none."""
    references: tuple[str, ...]
    named: tuple[str, ...]
    """Where the token of a thread may stand."""
    text: str
    """Its first plain text. Empty: none."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who answers. name: shown before the address."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent: for the envelope, and the message itself."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    data: bytes


def read(data: bytes) -> Original:
    """Never raises, whatever the bytes are."""
    parsed = BytesParser(policy=email.policy.compat32).parsebytes(data)
    named = tuple(_raw(parsed, name) for name in ("To", "Cc", "Delivered-To", "In-Reply-To", "References"))
    name, sender = _first(_raw(parsed, "Reply-To")) or _first(_raw(parsed, "From")) or ("", "")
    ids = _ID.findall(_raw(parsed, "Message-ID"))
    references = _ID.findall(_raw(parsed, "References")) or _ID.findall(_raw(parsed, "In-Reply-To"))[:1]
    return Original(
        sender, name, _words(_raw(parsed, "Subject")), ids[0] if ids else "", tuple(references), named, _text(parsed)
    )


def address(text: str) -> str:
    """One that can stand in a header and in an envelope. Raises NotAnswered.

    >>> address("Anna@example.org")
    'Anna@example.org'
    """
    if len(text) > 254 or not _ADDRESS.fullmatch(text) or ".." in text:
        raise NotAnswered("That is no address such as anna@example.org.")
    return text


def quoted(original: Original) -> str:
    """Its text as a quotation, to stand below the answer."""
    return "".join(f"> {line}".rstrip() + "\n" for line in original.text.splitlines())


def write(
    original: Original,
    text: str,
    *,
    sender: Sender,
    recipients: Sequence[str],
    tokens: Tokens,
    thread: str,
    unique: bytes,
    now: datetime,
) -> Letter:
    """unique: 8 random bytes or more. now: aware. The first recipient stands in To, others in Cc.

    Raises NotAnswered.
    """
    people = tuple(dict.fromkeys(address(one) for one in recipients))
    if not people:
        raise NotAnswered("Nobody is there to write to: the message has no address; give one with --to.")
    own = address(sender.address)
    message_id = tokens.message_id(thread, unique, own.partition("@")[2])
    references = [*original.references, *([original.message_id] if original.message_id else [])]
    references = list(dict.fromkeys(references))
    if len(references) > _MOST_REFERENCES:
        # The first says which conversation it is; RFC 5322 lets the middle be left out.
        references = [references[0], *references[1 - _MOST_REFERENCES :]]
    heads = [
        ("From", _mailbox(sender.name, own)),
        ("To", people[0]),
        *([("Cc", ",\r\n ".join(people[1:]))] if people[1:] else []),
        ("Reply-To", tokens.reply_to(own, thread)),
        ("Subject", _encoded("Subject", subject(original.subject))),
        ("Date", email.utils.format_datetime(now)),
        ("Message-ID", message_id),
        *([("In-Reply-To", original.message_id)] if original.message_id else []),
        *([("References", "\r\n ".join(references))] if references else []),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "quoted-printable"),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in heads)
    return Letter(message_id, own, people, f"{head}\r\n".encode("ascii") + _body(text))


def subject(text: str) -> str:
    """
    >>> subject("AW: Re: RE: invoice"), subject(""), subject("Re\\r\\nBcc: x@example.org")
    ('Re: invoice', 'Re: your message', 'Re: Re Bcc: x@example.org')
    """
    plain = " ".join(_CONTROLS.sub(" ", text).split())
    return f"Re: {_PREFIX.sub('', plain)[:_MOST_SUBJECT].strip() or 'your message'}"


def _body(text: str) -> bytes:
    lines = text.encode("utf-8", "replace").replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n") + b"\n"
    return quopri.encodestring(lines).replace(b"\n", b"\r\n")


def _mailbox(name: str, own: str) -> str:
    plain = " ".join(_CONTROLS.sub(" ", name).split())
    return email.utils.formataddr((plain, own), "utf-8") if plain else own


def _encoded(name: str, text: str) -> str:
    if text.isascii() and len(text) <= _WIDTH and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n", maxlinelen=76)


def _raw(parsed: Message, name: str) -> str:
    """The first of that name, as text."""
    try:
        found = parsed.get(name)
    except (MessageError, ValueError, LookupError):
        return ""
    return "" if found is None else str(found)[:_MOST_HEADER]


def _words(raw: str) -> str:
    try:
        found = str(make_header(decode_header(raw)))
    except (MessageError, ValueError, LookupError):
        found = raw
    return found.encode("utf-8", "replace").decode()


def _first(raw: str) -> tuple[str, str] | None:
    """The first address that can be written to, with its name."""
    try:
        found = email.utils.getaddresses([raw[:2000]])
    except (ValueError, IndexError, LookupError):
        return None
    for name, one in found:
        if _ADDRESS.fullmatch(one) and len(one) <= 254 and ".." not in one:
            return _words(name), one
    return None


def _text(parsed: Message) -> str:
    for part in parsed.walk():
        if part.get_content_type() == "text/plain" and not part.is_multipart():
            try:
                raw = part.get_payload(decode=True)
            except (MessageError, ValueError, LookupError):
                continue
            body = raw if isinstance(raw, bytes) else b""
            try:
                return body.decode(part.get_content_charset("utf-8"), "replace")
            except (LookupError, ValueError, MessageError):
                return body.decode("utf-8", "replace")
    return ""
