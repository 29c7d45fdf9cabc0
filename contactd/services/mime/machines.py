"""Mail that no person wrote to us: automatic answers, what came back, lists, spam. By headers, never by words."""

from __future__ import annotations

import re
from email.message import Message

from contactd.services.mime import headers
from contactd.services.mime.charsets import decode
from contactd.services.mime.record import Bounce, Kind, Refusal

_MOST = 100
_NOBODY = re.compile(
    r"(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|nobody|owner-.*|.*-(request|bounces?))@"
)
_DAEMON = re.compile(r"(mailer-daemon|postmaster)@")
_MESSAGE_ID = re.compile(r"^\s*message-id:\s*<([^<>\s]{1,900})>", re.IGNORECASE | re.MULTILINE)
_SCORE = re.compile(r"-?\d{1,5}(\.\d{1,5})?")


def report_type(message: Message) -> str:
    if headers.content_type(message) != "multipart/report":
        return ""
    return headers.parameter(message, "content-type", "report-type").lower()


def kind_of(message: Message, senders: list[str], return_path: str | None) -> tuple[Kind, str]:  # noqa: PLR0911, PLR0912 - a list of signs
    """What it is, and why nobody answers it automatically (""; they may)."""

    def has(name: str) -> str:
        return headers.first(message, name).lower()

    report = report_type(message)
    if report == "delivery-status":
        return "bounce", "it tells that a message was not delivered"
    if report == "disposition-notification":
        return "receipt", "it tells that a message was read"
    if report == "feedback-report":
        return "complaint", "it is a report of abuse"
    if (return_path == "" or has("x-failed-recipients")) and any(map(_DAEMON.match, senders)):
        return "bounce", "it comes from a mail server"
    submitted = has("auto-submitted").partition(";")[0].strip()
    precedence = has("precedence").strip()
    if submitted not in ("", "no"):
        answer = submitted.startswith("auto-replied") or bool(has("in-reply-to"))
        return ("auto_reply" if answer else "automatic"), f"Auto-Submitted is {submitted[:40]}"
    for name in ("x-autoreply", "x-autorespond", "x-auto-reply-from", "x-mail-autoreply"):
        if has(name) not in ("", "no"):
            return "auto_reply", f"it has {name}"
    if precedence == "auto_reply":
        return "auto_reply", "Precedence is auto_reply"
    for name in ("list-id", "list-unsubscribe", "list-post", "mailing-list"):
        if has(name):
            return "list", f"it has {name}"
    if precedence in ("bulk", "list", "junk"):
        return "list", f"Precedence is {precedence}"
    if return_path == "":
        return "automatic", "its return-path is empty"
    if any(map(_NOBODY.match, senders)):
        return "automatic", "its sender reads no mail"
    if has("x-auto-response-suppress") not in ("", "none"):
        return "person", "its sender asks for no automatic answer"
    return "person", "" if senders else "it has no sender"


def spam(message: Message) -> tuple[bool, float | None]:
    """As the filters before us marked it."""
    flags = [headers.first(message, name).lower() for name in ("x-spam-flag", "x-spam", "x-spam-status")]
    marked = any(one.startswith(("yes", "true", "spam")) for one in flags)
    scl = headers.first(message, "x-ms-exchange-organization-scl")
    marked = marked or (scl.isascii() and scl.isdigit() and len(scl) < 3 and int(scl) >= 5)
    marked = marked or "sfv:spm" in headers.first(message, "x-forefront-antispam-report").lower()
    for name in ("x-spam-score", "x-spam-status", "x-rspamd-score", "x-spamd-result"):
        value = headers.first(message, name)
        match = _SCORE.search(value.partition("score=")[2] or value)
        if match:
            return marked, float(match[0])
    return marked, None


def bounce_of(message: Message, parts: list[Message], text: str) -> Bounce:
    """Of any that came back: what an RFC 3464 report says, else what stands in its text."""
    refusals: list[Refusal] = []
    about: dict[str, None] = {}
    references: dict[str, None] = {}
    for part in parts:
        kind = headers.content_type(part)
        if kind in ("message/delivery-status", "message/global-delivery-status"):
            for block in _within(part):
                refusal = _refusal(block)
                if refusal is not None:
                    refusals.append(refusal)
        elif kind in ("message/rfc822", "message/global") and _within(part):
            original = _within(part)[0]
            about |= dict.fromkeys(headers.message_ids(original, "message-id"))
            for name in ("in-reply-to", "references", "reply-to", "return-path"):
                references |= dict.fromkeys(headers.words(one) for one in headers.raw(original, name))
        elif kind in ("text/rfc822-headers", "message/rfc822-headers"):
            raw = part.get_payload(decode=True)
            head = decode(raw[:100_000]) if isinstance(raw, bytes) else ""
            about |= dict.fromkeys(_MESSAGE_ID.findall(head))
            references |= dict.fromkeys(re.findall(r"^(?:references|in-reply-to|reply-to):.*", head, re.I | re.M)[:20])
    for name in ("x-failed-recipients",):
        refusals += [Refusal(one.address, "failed", "") for one in headers.addresses(message, name) if not refusals]
    if not about:
        about |= dict.fromkeys(_MESSAGE_ID.findall(text[:100_000])[:10])
    for name in ("in-reply-to", "references"):
        references |= dict.fromkeys(headers.message_ids(message, name))
    return Bounce(tuple(refusals[:_MOST]), tuple(about)[:_MOST], tuple(one[:2000] for one in references)[:_MOST])


def _within(part: Message) -> list[Message]:
    payload = part.get_payload() if part.is_multipart() else []
    return [one for one in payload if isinstance(one, Message)][:_MOST] if isinstance(payload, list) else []


def _refusal(block: Message) -> Refusal | None:
    recipient = headers.first(block, "final-recipient") or headers.first(block, "original-recipient")
    if not recipient:
        return None
    action, status = headers.first(block, "action").lower(), headers.first(block, "status").split(" ")[0]
    said = headers.first(block, "diagnostic-code").partition(";")[2].strip()
    return Refusal(recipient.partition(";")[2].strip()[:320] or recipient[:320], action[:20], status[:20], said[:500])
