"""The lab's Dovecot is a real one: another library than ours logs in, delivers, and finds what it delivered."""

import imaplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.mail.dovecot import PASSWORD, Dovecot, trusting

ONE, OTHER = b"Subject: one\r\n\r\nHello.\r\n", b"Subject: other\r\n\r\nHello again.\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    with Dovecot(tmp_path_factory.mktemp("dovecot")) as running:
        yield running


def test_what_is_delivered_is_in_the_users_mailbox_and_in_no_other(server: Dovecot) -> None:
    uids = server.deliver("anna", ONE, OTHER)
    assert server.uids("anna") == uids and len(set(uids)) == 2
    assert server.uids("berta") == []
    with server.session("anna") as client:
        _, found = client.uid("FETCH", str(uids[0]), "(BODY.PEEK[])")
        assert found[0][1] == ONE


def test_it_speaks_tls_from_the_first_byte_and_after_starttls(server: Dovecot) -> None:
    context = trusting(server)
    with imaplib.IMAP4_SSL("127.0.0.1", server.tls_port, ssl_context=context) as client:
        assert client.login("carla", PASSWORD)[0] == "OK"
    with imaplib.IMAP4("127.0.0.1", server.port) as client:
        assert client.starttls(context)[0] == "OK"
        assert client.login("carla", PASSWORD)[0] == "OK"


def test_it_opens_by_password_or_token_and_by_nothing_else(server: Dovecot) -> None:
    def answer(token: str) -> bytes:
        return f"user=dora\1auth=Bearer {token}\1\1".encode()

    with imaplib.IMAP4("127.0.0.1", server.port) as client:
        with pytest.raises(imaplib.IMAP4.error):
            client.login("dora", "guessed")
        with pytest.raises(imaplib.IMAP4.error):
            # A refusal tells why, and waits for an empty answer.
            client.authenticate("XOAUTH2", lambda why: b"" if why else answer(server.token("dora", lasts_s=-600)))
        assert client.authenticate("XOAUTH2", lambda _: answer(server.token("dora")))[0] == "OK"


def test_a_killed_server_comes_back_with_its_ports_and_mailboxes(tmp_path: Path) -> None:
    with Dovecot(tmp_path / "lab", capability="IMAP4rev1") as server:
        ports, uids = (server.port, server.tls_port), server.deliver("anna", ONE)
        server.kill()
        with pytest.raises(OSError, match="refused"):
            imaplib.IMAP4("127.0.0.1", server.port)
        server.start()
        assert (server.port, server.tls_port) == ports and server.uids("anna") == uids
        with server.session("anna") as client:
            # It says of itself what it was told to.
            assert "IDLE" not in client.capabilities
