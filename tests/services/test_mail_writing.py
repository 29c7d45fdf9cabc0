"""What an answer says in its head, whatever the message that it answers says."""

from __future__ import annotations

import doctest
import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.protocols.mail_token import Tokens
from contactd.services.mail import post, writing
from contactd.services.mail.writing import Letter, NotAnswered, Sender

TOKENS = Tokens([b"k" * 32])
THREAD = "018f3a52-0000-7000-8000-000000000001"
NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
OWN = Sender("support@lab.test", "Kundendienst Süd")
CAME = """\
From: =?utf-8?q?Anna_M=C3=BCller?= <anna@customers.test>
To: support@lab.test
Subject: =?utf-8?q?AW=3A_Gr=C3=B6=C3=9Fe?=
Message-ID: <a3@customers.test>
References: <a1@customers.test>
 <a2@customers.test>

Passt das?
""".replace("\n", "\r\n").encode()


def answer(data: bytes = CAME, text: str = "Ja.", **more: Any) -> Letter:
    original = writing.read(data)
    told: dict[str, Any] = {"recipients": [original.sender], "sender": OWN, "tokens": TOKENS, "thread": THREAD, **more}
    return writing.write(original, text, unique=b"12345678", now=NOW, **told)


def parsed(letter: Letter) -> EmailMessage:
    found = email.message_from_bytes(letter.data, policy=email.policy.default)
    assert isinstance(found, EmailMessage) and not found.defects
    return found


def test_the_examples_in_the_code_are_true() -> None:
    assert doctest.testmod(writing).failed == 0 and doctest.testmod(post).failed == 0


def test_it_hangs_below_what_it_answers_and_is_known_again_by_its_token() -> None:
    letter = answer(text="Ja, größer.\r\n.\r\nGruß")
    message = parsed(letter)
    assert (message["To"], message["Subject"]) == ("anna@customers.test", "Re: Größe")
    assert message["From"].addresses[0].display_name == "Kundendienst Süd"
    assert message["In-Reply-To"] == "<a3@customers.test>"
    assert message["References"].split() == ["<a1@customers.test>", "<a2@customers.test>", "<a3@customers.test>"]
    assert TOKENS.threads(message["Message-ID"]) == TOKENS.threads(message["Reply-To"]) == [THREAD]
    assert message["Message-ID"] == letter.message_id and message["Date"].datetime == NOW
    assert message.get_content() == "Ja, größer.\r\n.\r\nGruß\r\n"
    assert letter.recipients == ("anna@customers.test",) and letter.sender == "support@lab.test"


def test_a_long_conversation_keeps_its_first_and_its_last_messages() -> None:
    ids = [f"<{n}.{'x' * 90}@customers.test>" for n in range(500)]
    data = f"From: a@b.test\r\nMessage-ID: <last@b.test>\r\nReferences: {' '.join(ids)}\r\n\r\n".encode()
    letter = answer(data)
    references = parsed(letter)["References"].split()
    assert len(references) == 20 and references[0] == ids[0] and references[-1] == "<last@b.test>"
    assert max(map(len, letter.data.split(b"\r\n"))) < 998


def test_a_quotation_is_the_text_that_came() -> None:
    assert writing.quoted(writing.read(CAME)) == "> Passt das?\n"
    html = b"From: a@b.test\r\nContent-Type: text/html\r\n\r\n<p>x"
    assert writing.quoted(writing.read(html)) == ""


@pytest.mark.parametrize(
    "one", ["", "anna", "a@b@c", "a b@c.test", "<a@b.test>", "a@b.test\r\nBcc: x@y.test", "ä@b.test", "a..b@c.test"]
)
def test_what_is_no_address_is_not_written_to(one: str) -> None:
    with pytest.raises(NotAnswered):
        answer(recipients=[one])


@given(
    sender=st.text(max_size=80),
    subject=st.text(max_size=300),
    number=st.text(max_size=300),
    text=st.text(max_size=300),
    name=st.text(max_size=60),
)
def test_nothing_that_came_becomes_a_header_of_its_own(
    sender: str, subject: str, number: str, text: str, name: str
) -> None:
    head = (
        f"From: {sender}\nReply-To: {sender}\nSubject: {subject}\nMessage-ID: {number}\nReferences: {number}\n\n{text}"
    )
    original = writing.read(head.encode("utf-8", "replace"))
    letter = writing.write(
        original,
        text + subject,
        sender=Sender("support@lab.test", name),
        recipients=["anna@customers.test"],
        tokens=TOKENS,
        thread=THREAD,
        unique=b"12345678",
        now=NOW,
    )
    top, _, body = letter.data.partition(b"\r\n\r\n")
    assert letter.data.isascii() and b"\n" not in letter.data.replace(b"\r\n", b"")
    assert b"\r" not in letter.data.replace(b"\r\n", b"") and max(map(len, letter.data.split(b"\r\n"))) <= 998
    names = [line.partition(b":")[0].decode() for line in top.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    known = ["From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version"]
    assert set(names) <= {*known, "Content-Type", "Content-Transfer-Encoding"} and len(names) == len(set(names))
    assert body


@given(st.binary(max_size=2000))
def test_any_bytes_are_read(data: bytes) -> None:
    original = writing.read(data)
    assert not original.sender or writing.address(original.sender) == original.sender
