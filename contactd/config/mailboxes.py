"""What can be wrong with [mailboxes] and [smtp] beyond their single keys."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from contactd.config.problems import Problems
from contactd.config.sections import Mailbox, MailboxSecrets, Smtp, SmtpSecrets

_LOCAL = {"127.0.0.1", "localhost", "::1"}


def check_mailboxes(mailboxes: Mapping[str, Mailbox], into: Problems, queues: Collection[str]) -> None:
    fetched: dict[tuple[str, int, str, str], str] = {}
    for name, one in mailboxes.items():
        at = ("mailboxes", name)
        if one.tls == "none" and one.host and one.host not in _LOCAL:
            into.add(
                (*at, "tls"), "password and mail would go over the network in the clear", 'Give "tls" or "starttls"'
            )
        if one.queue is not None and one.queue not in queues:
            into.add((*at, "queue"), f"there is no queue {one.queue}", "Name one of [queues]")
        if one.after == "move" and not one.move_to:
            into.add((*at, "move_to"), "this key is missing", 'Give the folder to move to, or after = "seen"')
        if one.move_to and one.after != "move":
            into.add((*at, "move_to"), "nothing is moved", 'Give after = "move", or take it out')
        if one.move_to and one.move_to == one.folder:
            into.add((*at, "move_to"), "the folder that is fetched", "Give another one")
        for key in ("ca_file", "token_file"):
            if getattr(one, key) and not os.access(getattr(one, key), os.R_OK):
                into.add((*at, key), "this file cannot be read", "Name one that the user contactd may read")
        place = (one.host, one.port, one.username, one.folder)
        if one.host and place in fetched:
            into.add((*at, "folder"), f"[mailboxes.{fetched[place]}] fetches it", "Take one of them out")
        fetched[place] = name


def check_mailbox_secrets(
    mailboxes: Mapping[str, Mailbox], secrets: Mapping[str, MailboxSecrets], into: Problems
) -> None:
    """into: the problems of the secrets file."""
    for name, one in mailboxes.items():
        given = name in secrets and secrets[name].password is not None
        at = ("mailboxes", name, "password")
        if not given and not one.token_file:
            into.add(at, "this key is missing", "Give the password of the mailbox's user in quotes")
        if given and one.token_file:
            into.add(at, "the mailbox is opened by token_file", "Take one of the two out")
    for name in secrets:
        if name not in mailboxes:
            into.unknown(("mailboxes", name), mailboxes)


def check_smtp(smtp: Mapping[str, Smtp], mailboxes: Mapping[str, Mailbox], into: Problems) -> None:
    for name, one in smtp.items():
        at = ("smtp", name)
        if name not in mailboxes:
            into.unknown(at, mailboxes)
        if one.tls == "none" and one.host and one.host not in _LOCAL:
            into.add(
                (*at, "tls"), "password and mail would go over the network in the clear", 'Give "tls" or "starttls"'
            )
        if one.ca_file and not os.access(one.ca_file, os.R_OK):
            into.add((*at, "ca_file"), "this file cannot be read", "Name one that the user contactd may read")


def check_smtp_secrets(smtp: Mapping[str, Smtp], secrets: Mapping[str, SmtpSecrets], into: Problems) -> None:
    """into: the problems of the secrets file."""
    for name, one in smtp.items():
        given = name in secrets and secrets[name].password is not None
        at = ("smtp", name, "password")
        if one.username and not given:
            into.add(at, "this key is missing", "Give the password of the mail server's user in quotes")
        if given and not one.username:
            into.add(at, "nobody is to prove who they are", f"Give username under [smtp.{name}], or take it out")
    for name in secrets:
        if name not in smtp:
            into.unknown(("smtp", name), smtp)
