"""A whole message: walked once, in its order, within limits of depth, parts and length."""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from typing import Any

from contactd.services.mime import contents, headers, machines, pages
from contactd.services.mime.charsets import decode
from contactd.services.mime.invites import invite_of
from contactd.services.mime.languages import language_of
from contactd.services.mime.record import Address, Attachment, Invite, NotUnderstood, Understood
from contactd.services.mime.replies import reply_of

_DEEPEST = 30
_MOST_PARTS = 500
_LONGEST_TEXT = 1 << 20
_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")

Keep = Callable[[Attachment, bytes], None]


def understand(raw: bytes, keep: Keep = lambda _a, _b: None) -> Understood:
    """keep: is given each attachment with its bytes, one after the other. Raises NotUnderstood."""
    try:
        message = message_from_bytes(raw, policy=compat32)
        return _Reading(message, keep).record()
    except RecursionError:
        raise NotUnderstood("It is nested too deeply to be read.") from None
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # A bug of the library or of ours; no word of the message may get into a log.
        raise NotUnderstood(f"It cannot be read ({type(error).__name__}).") from error


class _Reading:
    def __init__(self, message: Message, keep: Keep) -> None:
        self._message = message
        self._keep = keep
        self._texts: list[str] = []
        self._pages: list[str] = []
        self._parts: list[Message] = []
        self._attachments: list[Attachment] = []
        self._invites: list[Invite] = []
        self._security: Any = ""
        self._by = ""
        self._defects: dict[str, None] = {}

    def record(self) -> Understood:
        message = self._message
        self._walk(message, 0, "")
        html, remote = pages.cleaned("\n<hr>\n".join(self._pages)) if self._pages else ("", 0)
        text = "\n\n".join(one for one in self._texts if one.strip()).strip() or pages.text_of(html)
        if len(text) > _LONGEST_TEXT:
            self._defects["its text is longer than 1 MiB and was cut"] = None
            text = text[:_LONGEST_TEXT]
        self._look_for_pgp(text)
        reply = reply_of(text)
        senders = headers.addresses(message, "from") or headers.addresses(message, "sender")
        return_path = self._return_path()
        kind, why = machines.kind_of(message, [one.address.lower() for one in senders], return_path)
        marked, score = machines.spam(message)
        self._note_defects(senders)
        return Understood(
            kind=kind,
            answerable=not why,
            not_answerable=why,
            message_id=next(iter(headers.message_ids(message, "message-id")), ""),
            in_reply_to=headers.message_ids(message, "in-reply-to"),
            references=headers.message_ids(message, "references"),
            subject=headers.first(message, "subject")[:1000],
            senders=senders[:10],
            reply_to=headers.addresses(message, "reply-to")[:10],
            to=headers.addresses(message, "to"),
            cc=headers.addresses(message, "cc"),
            return_path=return_path,
            sent_at=headers.sent_at(message),
            text=text,
            reply=reply,
            html=html,
            remote_images=remote,
            language=language_of(reply) or _told_language(message),
            security=self._security,
            security_by=self._by,
            spam=marked,
            spam_score=score,
            list_id=headers.first(message, "list-id")[:300],
            attachments=tuple(self._attachments),
            invites=tuple(self._invites[:20]),
            bounce=machines.bounce_of(message, self._parts, text) if kind == "bounce" else None,
            headers=headers.all_of(message),
            defects=tuple(self._defects),
        )

    def _walk(self, part: Message, depth: int, within: str) -> None:
        self._parts.append(part)
        if len(self._parts) > _MOST_PARTS:
            self._defects[f"it has more than {_MOST_PARTS} parts; the others are only in the original"] = None
            return
        if depth > _DEEPEST:
            self._defects["it is nested too deeply; what is inside is only in the original"] = None
            return
        kind = headers.content_type(part)
        payload: Any = part.get_payload() if part.is_multipart() else None
        if isinstance(payload, list) and kind.startswith("multipart/"):
            self._secured(part, kind)
            for one in _chosen(kind, payload) if kind == "multipart/alternative" else payload:
                if isinstance(one, Message):
                    self._walk(one, depth + 1, kind)
        elif isinstance(payload, list):
            # message/rfc822, message/delivery-status: a file to people, not part of this message's text.
            self._attach(part, kind, _whole(payload), "message")
            if kind == "message/delivery-status":
                return
        else:
            self._leaf(part, kind, within)

    def _leaf(self, part: Message, kind: str, within: str) -> None:
        named = headers.file_name(part)
        charset = headers.parameter(part, "content-type", "charset")
        if kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
            self._secure_by_cms(part)
        body = _body(part)
        placed = headers.first(part, "content-disposition").lower()
        shown = not placed.startswith("attachment") and not (named and not placed.startswith("inline"))
        if kind.startswith("multipart/"):
            self._defects["its parts are not where it says"] = None
            kind = "text/plain"
        if kind == "text/html" and shown:
            self._pages.append(decode(body[: 4 * pages.LONGEST], charset))
            if len(body) > pages.LONGEST:
                self._defects["its HTML is longer than 1 MiB and was cut"] = None
        elif kind == "text/calendar":
            found = invite_of(decode(body[: 1 << 20], charset))
            if found is not None:
                self._invites.append(found)
            self._attach(part, kind, body, "invite")
        elif kind in ("text/plain", "text/enriched", "text/markdown") and shown:
            self._texts.append(decode(body[: 4 * _LONGEST_TEXT], charset))
        elif kind == "text/rfc822-headers" or kind in _SIGNATURES:
            self._attach(part, kind, body, "signature" if kind in _SIGNATURES else "message")
        elif kind in _TNEF or named.lower() == "winmail.dat":
            self._attach(part, kind, body, "winmail")
        else:
            cid = headers.raw(part, "content-id")
            inline = bool(cid) and within == "multipart/related" and not placed.startswith("attachment")
            self._attach(part, kind, body, "inline" if inline else "file")

    def _attach(self, part: Message, kind: str, body: bytes, use: Any) -> None:
        cid = next(iter(headers.message_ids(part, "content-id")), "")
        n = len(self._attachments)
        name, digest = headers.file_name(part), hashlib.sha256(body).hexdigest()
        one = Attachment(n, name, kind, contents.found(body), len(body), digest, cid[:300], use)
        self._attachments.append(one)
        self._keep(one, body)

    def _secured(self, part: Message, kind: str) -> None:
        protocol = headers.parameter(part, "content-type", "protocol").lower()
        by = "pgp" if "pgp" in protocol else "smime" if "pkcs7" in protocol else protocol[:40]
        if kind == "multipart/encrypted":
            self._security, self._by = "encrypted", by
        elif kind == "multipart/signed" and not self._security:
            self._security, self._by = "signed", by

    def _secure_by_cms(self, part: Message) -> None:
        signed = "signed" in headers.parameter(part, "content-type", "smime-type").lower()
        if self._security != "encrypted":
            self._security, self._by = ("signed" if signed else "encrypted"), "smime"

    def _look_for_pgp(self, text: str) -> None:
        if not self._security and "-----BEGIN PGP " in text:
            encrypted = "-----BEGIN PGP MESSAGE-----" in text
            if encrypted or "-----BEGIN PGP SIGNED MESSAGE-----" in text:
                self._security, self._by = ("encrypted" if encrypted else "signed"), "pgp"

    def _return_path(self) -> str | None:
        told = headers.raw(self._message, "return-path")
        if not told:
            return None
        found = headers.addresses(self._message, "return-path")
        return found[0].address if found else ""

    def _note_defects(self, senders: tuple[Address, ...]) -> None:
        for part in self._parts[:_MOST_PARTS]:
            for defect in part.defects[:5]:
                words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(defect).__name__).lower()
                self._defects[words.removesuffix(" defect")] = None
        if not senders:
            self._defects["it has no sender that can be read"] = None


def _chosen(kind: str, parts: list[Any]) -> Iterator[Any]:
    """Of alternatives all are looked at, since senders put what is no alternative there; but one plain text only."""
    plain = False
    for one in parts:
        is_plain = isinstance(one, Message) and headers.content_type(one) == "text/plain"
        if is_plain and plain and not headers.file_name(one):
            continue
        plain = plain or is_plain
        yield one


def _body(part: Message) -> bytes:
    try:
        body = part.get_payload(decode=True)
    except (ValueError, LookupError, binascii.Error, UnicodeError, AssertionError, IndexError):
        # Its charset or its encoding is no name at all: the bytes as they stand there.
        for name in ("content-type", "content-transfer-encoding"):
            del part[name]
        body = part.get_payload(decode=True)
    return body if isinstance(body, bytes) else b""


def _whole(parts: list[Any]) -> bytes:
    found = []
    for one in parts:
        try:
            found.append(one.as_bytes(policy=compat32) if isinstance(one, Message) else str(one).encode())
        except (ValueError, LookupError, TypeError, AttributeError, UnicodeError, RecursionError):
            found.append(b"(contactd: this part cannot be written out; it is in the original)\n")
    return b"\n".join(found)


def _told_language(message: Message) -> str:
    told = headers.first(message, "content-language").partition(",")[0].strip().lower()
    return told[:2] if re.fullmatch(r"[a-z]{2}(-[a-z0-9]{1,8})*", told) else ""
