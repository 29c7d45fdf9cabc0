"""Mail as it should not be, and as it comes. Written for these tests; nobody's."""

from __future__ import annotations

HEAD = b"From: Anna <anna@example.org>\r\nTo: support@example.com\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n"


def multipart(kind: str, *parts: bytes, head: bytes = HEAD) -> bytes:
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return (
        head + f"MIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary=b\r\n\r\n".encode() + body + b"--b--\r\n"
    )


def text(body: bytes, charset: str = "utf-8", more: bytes = b"") -> bytes:
    return f"Content-Type: text/plain; charset={charset}\r\n".encode() + more + b"\r\n" + body


BOUNCE = multipart(
    "report; report-type=delivery-status",
    text(b"Sorry, it could not be delivered."),
    b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
    b"Final-Recipient: rfc822; bob@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    b"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
    b"Content-Type: message/rfc822\r\n\r\nFrom: support@example.com\r\nMessage-ID: <sent.1@example.com>\r\n"
    b"Subject: your question\r\n\r\nAn answer.",
    head=b"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.net\r\n"
    b"Auto-Submitted: auto-replied\r\nSubject: failed\r\n",
)
INVITE = multipart(
    "alternative",
    text(b"Please come."),
    b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n"
    b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
    b"UID:7@example.org\r\nSUMMARY:A long\r\n  visit\\, at last\r\nDTSTART;TZID=Europe/Berlin:20261201T100000\r\n"
    b"ORGANIZER;CN=Anna:mailto:anna@example.org\r\nLOCATION:Room 4\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
)
NESTED = HEAD + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(200))
BROKEN = {
    "nothing": b"",
    "only NUL": b"\0" * 500,
    "no body": HEAD,
    "no header": b"\r\njust words\r\n",
    "a line that is no header": b"From: a@b.org\r\nthis is no header\r\n\r\nwords",
    "mbox": b"From a@b.org Mon Jan 1 00:00:00 2026\n" + HEAD + b"\r\nwords",
    "lines end with CR": (HEAD + b"\r\nwords").replace(b"\r\n", b"\r"),
    "header of a megabyte": b"Subject: " + b"x" * (1 << 20) + b"\r\n\r\nwords",
    "8 bit header": b"From: J\xfcrgen <j@example.org>\r\nSubject: Gr\xfc\xdfe\r\n\r\nwords",
    "word in no charset": b"From: a@b.org\r\nSubject: =?x-nobody-knows?q?a=E9?= =?utf-8?b?!!!!?=\r\n\r\nwords",
    "no charset": HEAD + b'Content-Type: text/plain; charset="x-\0none"\r\n\r\nwords \xe9',
    "charset that is code": HEAD + b"Content-Type: text/plain; charset=unicode_escape\r\n\r\nwords \\x41",
    "charset that is none of text": HEAD + b"Content-Type: text/plain; charset=zlib\r\n\r\nwords",
    "type of nothing": HEAD + b"Content-Type: ;;;=\r\n\r\nwords",
    "no boundary": HEAD + b"Content-Type: multipart/mixed\r\n\r\nwords",
    "boundary that never comes": HEAD + b"Content-Type: multipart/mixed; boundary=never\r\n\r\nwords",
    "no end": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nwords",
    "bad base64": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n!!!d29yZHM=*",
    "bad quoted-printable": HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nwords =ZZ =",
    "unknown encoding": HEAD + b"Content-Transfer-Encoding: x-nothing\r\n\r\nwords",
    "bad uuencode": HEAD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n!!!\r\nend",
    "two thousand parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 2000,
    "nested": NESTED,
    "a message in itself": HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 50,
    "address of nothing": b'From: <>, ,;@@, (((, "\r\nTo: undisclosed-recipients:;\r\n\r\nwords',
    "date of nowhere": HEAD + b"Date: Mon, 99 Foo 99999 99:99:99 +9999\r\n\r\nwords",
    "parameters": b"Content-Type: text/plain; name*0*=x''%; name*9=a; name*=utf-9''%ff\r\n\r\nwords",
    "html that never ends": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 20_000 + b"words",
    "html of half tags": HEAD + b"Content-Type: text/html\r\n\r\nwords" + b"<a href='" * 5_000,
    "a delivery status of words": HEAD + b"Content-Type: message/delivery-status\r\n\r\nwords",
}
