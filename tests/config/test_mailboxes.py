"""[mailboxes]: what does not fit together is told, with the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contactd.config.mailboxes import check_mailbox_secrets, check_mailboxes, check_smtp, check_smtp_secrets
from contactd.config.problems import Problems
from contactd.config.sections import Mailbox, MailboxSecrets, Smtp, SmtpSecrets


def problems(mailboxes: dict[str, Mailbox], secrets: dict[str, MailboxSecrets] | None = None) -> list[str]:
    into, beside = Problems("contactd.toml"), Problems("secrets.toml")
    check_mailboxes(mailboxes, into, {"sales"})
    if secrets is not None:
        check_mailbox_secrets(mailboxes, secrets, beside)
    return [
        f"{'.'.join(one.key) if isinstance(one.key, tuple) else one.key}: {one.what}"
        for one in into.found + beside.found
    ]


def box(**more: Any) -> Mailbox:
    return Mailbox(**{"host": "mail.example.org", "username": "support", **more})


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"tls": "none"}, "in the clear"),
        ({"after": "move"}, "missing"),
        ({"queue": "nowhere"}, "no queue nowhere"),
        ({"move_to": "Done"}, "nothing is moved"),
        ({"after": "move", "move_to": "INBOX"}, "the folder that is fetched"),
        ({"ca_file": "/nowhere/ca.pem"}, "cannot be read"),
        ({"token_file": "/nowhere/token"}, "cannot be read"),
    ],
)
def test_keys_that_do_not_fit_are_told(more: dict[str, Any], word: str) -> None:
    (told,) = problems({"support": box(**more)})
    assert word in told


def test_a_mailbox_that_fits_is_taken() -> None:
    given = {"support": MailboxSecrets(password="x")}
    assert problems({"support": box(after="move", move_to="Done")}, given) == []
    assert problems({"support": box(tls="none", host="127.0.0.1")}, given) == []


def test_one_folder_is_fetched_once() -> None:
    (told,) = problems({"support": box(), "other": box()})
    assert "[mailboxes.support] fetches it" in told


def test_a_mailbox_is_opened_by_a_password_or_by_a_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")
    token = box(token_file=str(tmp_path / "token"))
    assert problems({"support": token}, {}) == []
    assert "this key is missing" in problems({"support": box()}, {})[0]
    assert "opened by token_file" in problems({"support": token}, {"support": MailboxSecrets(password="x")})[0]
    assert problems({}, {"old": MailboxSecrets(password="x")})


@pytest.mark.parametrize(
    ("more", "password", "word"),
    [
        ({"tls": "none"}, None, "in the clear"),
        ({"ca_file": "/nowhere/ca.pem"}, None, "cannot be read"),
        ({"username": "support"}, None, "missing"),
        ({}, "x", "prove who they are"),
    ],
)
def test_a_mail_server_that_could_not_be_used_is_told(more: dict[str, Any], password: str | None, word: str) -> None:
    smtp = {"support": Smtp(**{"host": "mail.example.org", "address": "support@example.org", **more})}
    into, beside = Problems("contactd.toml"), Problems("secrets.toml")
    check_smtp(smtp, {"support": box()}, into)
    check_smtp_secrets(smtp, {"support": SmtpSecrets(password=password)} if password else {}, beside)
    (told,) = into.found + beside.found
    assert word in told.what


def test_only_a_mailbox_that_is_fetched_answers() -> None:
    into = Problems("contactd.toml")
    check_smtp({"supprot": Smtp(host="127.0.0.1", address="support@example.org")}, {"support": box()}, into)
    assert len(into.found) == 1
