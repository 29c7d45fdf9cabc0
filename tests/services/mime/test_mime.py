"""Mail understood: whatever it is, in bounded time, with nothing in it that runs, and nothing lost."""

from __future__ import annotations

import os
import re
import time

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contactd.services.mime import Attachment, NotUnderstood, Understood, understand
from contactd.services.mime.replies import reply_of
from tests.services.mime.corpus import BOUNCE, BROKEN, HEAD, INVITE, multipart, text

LONG = os.environ.get("CONTACTD_LONG") == "1"
PIECES = [
    b"\r\n",
    b"--b",
    b"--b--",
    b"\r\n\r\n",
    b"Content-Type: ",
    b"multipart/mixed; boundary=b",
    b"message/rfc822",
    b"text/html",
    b"charset=",
    b"=?utf-8?q?",
    b"?=",
    b"<a href=",
    b"\xff\xfe",
    b"\0",
    b"Content-Transfer-Encoding: base64",
    b"From: ",
    b"<",
    b">",
    b'"',
    b"(",
    b"message/delivery-status",
    b"> ",
    b"On x wrote:",
]


def whole(one: Understood) -> None:
    """What holds of every record."""
    coded = msgspec.json.encode(one)
    assert msgspec.json.decode(coded, type=Understood) == one
    for value in (one.text, one.reply, one.html, one.subject, *(found.name for found in one.attachments)):
        assert not re.search("[\0\x1b\ud800-\udfff]", value)
    assert "<script" not in one.html.lower()
    assert bool(one.not_answerable) != one.answerable


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_understood_all_the_same(name: str) -> None:
    one = understand(BROKEN[name])
    whole(one)
    if b"words" in BROKEN[name]:
        assert "words" in one.text or one.attachments, one


@pytest.mark.timeout(900)
@settings(max_examples=200_000 if LONG else 150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_bytes_break_it(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from([b"", HEAD, BOUNCE, INVITE, *BROKEN.values()]))[:20_000]
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(base)))
        more = data.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)))
        base = base[:place] + more + base[place + data.draw(st.integers(0, 40)) :]
    if LONG and time.monotonic() - _BEGAN > _LONG_S:
        return
    try:
        whole(understand(base))
    except NotUnderstood as error:
        assert "deeply" in str(error)


_BEGAN = time.monotonic()
_LONG_S = 600


@pytest.mark.parametrize(
    ("charset", "words"),
    [
        ("iso-8859-1", "Grüße aus Köln"),
        ("windows-1252", "5 €"),
        ("iso-2022-jp", "こんにちは"),
        ("shift_jis", "こんにちは"),
        ("koi8-r", "Привет"),
        ("gb2312", "你好"),
        ("big5", "您好"),
        ("euc-kr", "안녕하세요"),
        ("utf-16", "Ünï"),
        ("utf-7", "Jürgen"),
        ("windows-1251", "Привет"),
        ("iso-8859-15", "5 €"),
    ],
)
def test_every_charset_is_read(charset: str, words: str) -> None:
    assert understand(multipart("mixed", text(words.encode(charset), charset))).text == words


def test_a_charset_that_is_not_so_is_found_out() -> None:
    assert understand(multipart("mixed", text("Grüße".encode(), "us-ascii"))).text == "Grüße"
    assert understand(multipart("mixed", text("Grüße".encode("cp1252"), "utf-8"))).text == "Grüße"
    assert understand(multipart("mixed", text("“so”".encode("cp1252"), "iso-8859-1"))).text == "“so”"


def test_names_and_subjects_are_decoded_wherever_they_are_cut() -> None:
    one = understand(
        b'From: "=?utf-8?Q?J=C3?= =?utf-8?Q?=BCrgen?=" <J@Example.ORG>, "Doe, John" <d@x.org>\r\n'
        b"Subject: =?utf-8?b?w6Q=?=\r\n =?utf-8?b?w7Y=?= end\r\n\r\n"
    )
    assert [(found.name, found.address) for found in one.senders] == [
        ("Jürgen", "J@example.org"),
        ("Doe, John", "d@x.org"),
    ]
    assert one.subject == "äö end"


def test_html_runs_nothing_and_asks_nobody() -> None:
    page = (
        b"<p onclick=x style='color:red;background:url(http://e/1)'>Hi <b>you</b>"
        b"<img src='http://e/2.gif'><img src='cid:a@b'>"
        b"<img src='data:text/html,x'><a href='javascript:x()'>l</a><a href='https://ok.org/'>ok</a><script>s()</script>"
        b"<style>@import 'http://e/3'</style><iframe src='http://e/4'></iframe><svg onload=x></svg><form action='http://e/5'>"
        b"<base href='http://e/6'><link rel=stylesheet href='http://e/7'><meta http-equiv=refresh content='0;http://e/8'>"
    )
    one = understand(HEAD + b"Content-Type: text/html\r\n\r\n" + page)
    assert "http://e" not in one.html
    assert not re.search(r"onclick|onload|javascript|script|style>|<form|<base|<meta|<link|url\(", one.html)
    assert 'src="cid:a@b"' in one.html
    assert 'href="https://ok.org/"' in one.html
    assert one.remote_images == 2
    assert one.text == "Hi youlok"


def test_attachments_are_given_once_each_with_their_hash_and_type_by_content() -> None:
    kept: list[tuple[Attachment, bytes]] = []
    raw = multipart(
        "mixed",
        text(b"see"),
        b'Content-Type: image/png; name="../../etc/a.png"\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQ',
        b'Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx\x9f>"rest',
        b"Content-Type: application/octet-stream\r\n"
        b"Content-Disposition: attachment; filename*=utf-8''%C3%A4.pdf\r\n\r\n%PDF-1.4",
        b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=notes.txt\r\n\r\nnot the text",
    )
    one = understand(raw, lambda attachment, body: kept.append((attachment, body)))
    assert one.text == "see"
    assert tuple(found for found, _ in kept) == one.attachments
    assert [(found.name, found.found, found.use) for found in one.attachments] == [
        ("a.png", "application/x-msdownload", "file"),
        ("winmail.dat", "application/ms-tnef", "winmail"),
        ("ä.pdf", "application/pdf", "file"),
        ("notes.txt", "", "file"),
    ]
    assert kept[0][1] == b"MZ\x90"


def test_an_inline_image_keeps_the_name_that_the_page_has_for_it() -> None:
    page = b"Content-Type: text/html\r\n\r\n<img src=cid:pic@x>"
    picture = b"Content-Type: image/gif\r\nContent-ID: <pic@x>\r\n\r\nGIF89a"
    (found,) = understand(multipart("related", page, picture)).attachments
    assert (found.cid, found.use) == ("pic@x", "inline")


def test_a_bounce_says_who_was_not_reached_and_what_it_is_about() -> None:
    one = understand(BOUNCE)
    assert one.kind == "bounce"
    assert one.bounce is not None
    (refusal,) = one.bounce.refusals
    assert (refusal.recipient, refusal.action, refusal.status) == ("bob@example.net", "failed", "5.1.1")
    assert one.bounce.about == ("sent.1@example.com",)


def test_an_old_bounce_without_a_report_is_known_by_its_sender_and_its_text() -> None:
    one = understand(
        b"Return-Path: <>\r\nFrom: Mailer-Daemon@mx.org\r\nSubject: x\r\n\r\nfailed:\r\n\r\n"
        b"Message-ID: <sent.2@example.com>\r\n"
    )
    assert (one.kind, one.bounce and one.bounce.about) == ("bounce", ("sent.2@example.com",))


@pytest.mark.parametrize(
    ("header", "kind", "answerable"),
    [
        (b"X: y", "person", True),
        (b"Auto-Submitted: no", "person", True),
        (b"Auto-Submitted: auto-generated", "automatic", False),
        (b"Auto-Submitted: auto-replied (vacation)", "auto_reply", False),
        (b"Precedence: bulk", "list", False),
        (b"List-Id: <a.b>", "list", False),
        (b"List-Unsubscribe: <x>", "list", False),
        (b"Return-Path: <>", "automatic", False),
        (b"X-Autoreply: yes", "auto_reply", False),
        (b"X-Auto-Response-Suppress: All", "person", False),
        (b"Precedence: junk", "list", False),
    ],
)
def test_who_must_not_be_answered_automatically_is_known(header: bytes, kind: str, answerable: bool) -> None:
    one = understand(header + b"\r\n" + HEAD + b"\r\nwords")
    assert (one.kind, one.answerable) == (kind, answerable)


def test_nobody_answers_who_reads_nothing() -> None:
    assert not understand(b"From: no-reply@x.org\r\n\r\nwords").answerable
    assert not understand(b"Subject: x\r\n\r\nwords").answerable


def test_signed_and_encrypted_mail_is_shown_as_such() -> None:
    pgp = multipart(
        'signed; protocol="application/pgp-signature"',
        text(b"words"),
        b"Content-Type: application/pgp-signature\r\n\r\nx",
    )
    one = understand(pgp)
    assert (one.security, one.security_by, one.text) == ("signed", "pgp", "words")
    cms = understand(HEAD + b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nx")
    assert (cms.security, cms.security_by) == ("encrypted", "smime")
    assert understand(HEAD + b"\r\n-----BEGIN PGP MESSAGE-----\r\nx").security == "encrypted"


def test_an_invite_is_read() -> None:
    (invite,) = understand(INVITE).invites
    assert (invite.method, invite.uid, invite.summary) == ("REQUEST", "7@example.org", "A long visit, at last")
    assert (invite.begins, invite.place, invite.organizer) == (
        "20261201T100000 Europe/Berlin",
        "Room 4",
        "anna@example.org",
    )


def test_spam_is_as_the_filter_before_us_says() -> None:
    one = understand(b"X-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=12.5 required=5\r\n" + HEAD + b"\r\n")
    assert (one.spam, one.spam_score) == (True, 12.5)
    assert not understand(b"X-Spam-Status: No, score=-0.1\r\n" + HEAD + b"\r\n").spam


@pytest.mark.parametrize(
    ("written", "reply"),
    [
        ("Yes.\n\nOn Mon, 3 Aug 2026 at 10:00, Desk <a@b.org> wrote:\n> Is it red?\n", "Yes."),
        ("Ja.\n\nAm Mo., 3. Aug. 2026 um 10:00 Uhr schrieb Desk <a@b.org>:\n\n> Ist es rot?\n", "Ja."),
        ("Yes.\n\n-----Original Message-----\nFrom: Desk\nSent: Monday\n\nIs it red?", "Yes."),
        ("> Is it red?\nYes.\n> And round?\nNo.", "Yes.\nNo."),
        ("> only a quote", "> only a quote"),
        ("Yes.\n-- \nAnna Example\n+49 30 1234", "Yes."),
    ],
)
def test_the_reply_is_apart_from_what_it_quotes(written: str, reply: str) -> None:
    assert re.sub(r"\n+", "\n", reply_of(written)) == reply


def test_own_words_are_never_cut_however_long_they_are() -> None:
    line = "word " * 1000
    assert reply_of(line).split() == line.split()
    many = "\n".join(f"line {n} of many words" for n in range(5000))
    assert reply_of(many) == many


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("Hello, I have a question about the invoice that you sent me.", "en"),
        ("Guten Tag, ich habe eine Frage zu der Rechnung.", "de"),
        ("Bonjour, je vous écris pour une question sur la facture.", "fr"),
        ("Hola, tengo una pregunta que no está en la factura, gracias.", "es"),
        ("Добрый день, есть вопрос", "ru"),
        ("こんにちは、質問があります", "ja"),
        ("ok", ""),
    ],
)
def test_the_language_is_found(words: str, language: str) -> None:
    assert understand(multipart("mixed", text(words.encode()))).language == language
