"""contactctl mail show: what a message says, at a terminal that nothing in it steers."""

from __future__ import annotations

import msgspec
import pytest

from contactd.ctl.mail import show_message
from contactd.services.mime.apart import understood_apart
from contactd.services.mime.record import NotUnderstood
from tests.services.mime.corpus import BOUNCE, HEAD, INVITE, multipart, text

KEPT = {"id": "018bcfe5-6800-7000-8000-000000000001", "mailbox": "support", "arrived_at": 1_800_000_000.0}


def shown(raw: bytes, capsys: pytest.CaptureFixture[str]) -> str:
    show_message({**KEPT, "says": msgspec.to_builtins(understood_apart(raw))})
    return capsys.readouterr().out


def test_a_message_is_shown_as_its_reader_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    file = b"Content-Type: application/pdf; name=bill.pdf\r\n\r\n%PDF-1.4"
    out = shown(multipart("mixed", text("Grüße, where is it?".encode("latin-1"), "iso-8859-1"), file), capsys)
    for words in (
        "From        Anna <anna@example.org>",
        "Subject     hello",
        "bill.pdf  application/pdf",
        "Grüße, where is it?",
    ):
        assert words in out


def test_nothing_of_it_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = b"\x1b]0;owned\x07\x1b[2J\xc2\x9b31m\xe2\x80\xae"
    out = shown(b"From: =?utf-8?q?=1B[2J?= <a@b.org>\r\nSubject: a" + hostile + b"\r\n\r\nb" + hostile + b"\rc", capsys)
    assert all(letter.isprintable() or letter == "\n" for letter in out), repr(out)


def test_a_bounce_and_an_invite_are_told_apart_from_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    bounce = shown(BOUNCE, capsys)
    assert "bob@example.net: failed 5.1.1" in bounce
    assert "No answer   it tells that a message was not delivered" in bounce
    assert "REQUEST A long visit, at last" in shown(INVITE, capsys)


def test_what_takes_too_long_is_ended_and_said() -> None:
    with pytest.raises(NotUnderstood, match="longer than"):
        understood_apart(HEAD + b"\r\nx", wall_s=0.001)


def test_what_takes_too_much_memory_is_said() -> None:
    with pytest.raises(NotUnderstood, match=r"MiB|more than"):
        understood_apart(HEAD + b"\r\n" + b"\xe9 words\n" * (4 << 20), memory=160 << 20)
