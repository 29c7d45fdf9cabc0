"""The lab's Postfix is a real one: it takes mail, delivers it to Dovecot by LMTP, and refuses what it is to refuse."""

import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.mail.dovecot import Dovecot
from tests.lab.mail.postfix import Postfix
from tests.lab.process import until

MAIL = b"From: a@customers.test\r\nTo: anna@lab.test\r\nSubject: one\r\n\r\nHello.\r\n"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dovecot, Postfix]]:
    with Dovecot(tmp_path_factory.mktemp("dovecot")) as dovecot, Postfix(dovecot) as postfix:
        yield dovecot, postfix


def test_what_it_takes_lies_in_the_users_mailbox_whatever_the_detail(servers: tuple[Dovecot, Postfix]) -> None:
    dovecot, postfix = servers
    postfix.deliver("a@customers.test", "anna@lab.test", MAIL)
    postfix.deliver("a@customers.test", "anna+ct1abc@lab.test", MAIL)
    until(lambda: len(dovecot.uids("anna")) == 2, "both to be delivered", hint=postfix.told)
    with dovecot.session("anna") as client:
        _, found = client.uid("FETCH", "2", "(BODY.PEEK[])")
        assert found[0][1].startswith(b"Return-Path: <a@customers.test>") and b"mx.lab.test (Postfix)" in found[0][1]


def test_it_refuses_one_for_good_one_for_now_and_other_domains(servers: tuple[Dovecot, Postfix]) -> None:
    with smtplib.SMTP("127.0.0.1", servers[1].port) as client:
        refused = client.sendmail("a@customers.test", ["anna@lab.test", "nobody@lab.test", "later@lab.test"], MAIL)
        assert {name: said[0] for name, said in refused.items()} == {"nobody@lab.test": 550, "later@lab.test": 450}
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@customers.test", ["somebody@example.org"], MAIL)


def test_it_speaks_tls_from_the_first_byte_and_after_starttls(servers: tuple[Dovecot, Postfix]) -> None:
    postfix = servers[1]
    context = ssl.create_default_context(cafile=str(postfix.ca))
    with smtplib.SMTP_SSL("127.0.0.1", postfix.tls_port, context=context) as client:
        assert client.noop()[0] == 250
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        assert client.starttls(context=context)[0] == 220 and client.noop()[0] == 250


def test_what_it_has_taken_survives_its_death(tmp_path: Path) -> None:
    with Dovecot(tmp_path / "lab") as dovecot, Postfix(dovecot) as postfix:
        dovecot.pause()
        postfix.deliver("a@customers.test", "anna@lab.test", MAIL)
        postfix.kill()
        dovecot.cont()
        postfix.start()
        until(lambda: len(dovecot.uids("anna")) >= 1, "it to be delivered", hint=postfix.told)
