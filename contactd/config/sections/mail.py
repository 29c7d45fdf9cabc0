"""Mailboxes that are fetched: where each is, how it is opened, and what becomes of a message there."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.config.sections import words

_Folder = Annotated[
    str,
    Meta(
        pattern=r"^[^\0-\x1f\x7f]{1,200}\Z",
        description='the name of a folder as the server has it, such as "INBOX" or "INBOX/Support"',
    ),
]


class Mailbox(Struct, frozen=True, kw_only=True):
    """One section for each mailbox that is fetched by IMAP (docs/mail.rst). Its password is in the secrets file."""

    host: words.Host
    """The mail server."""
    port: words.Port = 993
    """Its port for IMAP: 993 with TLS from the first byte, most often 143 with STARTTLS."""
    tls: Literal["tls", "starttls", "none"] = "tls"
    """tls: from the first byte; starttls: after a word in the clear; none: only to a server on this machine."""
    ca_file: Annotated[str, Meta(pattern=r"^(/[^\0\n\r]+)?\Z", description='an absolute path, or ""')] = ""
    """The CA that signed the server's certificate, where the system does not know it. Certificates are always looked
    at."""
    username: Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{1,200}\Z", description="a user name in quotes")]
    """As whom it is opened; often the address."""
    token_file: Annotated[str, Meta(pattern=r"^(/[^\0\n\r]+)?\Z", description='an absolute path, or ""')] = ""
    """A file with the access token for XOAUTH2, in place of a password; read anew for each login. Whatever renews the
    token writes it there."""
    folder: _Folder = "INBOX"
    """The folder that is fetched."""
    existing: bool = True
    """Whether what lies there at the very first start is fetched too. false: only what comes later."""
    after: Literal["seen", "move", "leave"] = "seen"
    """What is done with a message on the server, once it is kept: it is marked as seen, moved into ``move_to``, or left
    as it is."""
    move_to: Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{0,200}\Z", description='the name of a folder, or ""')] = ""
    """With after = "move": the folder to move to. It is made if there is none."""
    queue: words.Queue | None = None
    """The queue in which each message waits for an agent (docs/work.rst). Left out: messages are kept, and wait for
    nobody."""
    poll_s: Annotated[int, Meta(ge=5, le=3600, description="seconds, 5 to 3600")] = 30
    """How often a server is asked that cannot tell by itself (IDLE) that a message came."""
    max_mb: Annotated[int, Meta(ge=1, le=1024, description="MiB, 1 to 1024")] = 50
    """Of a longer message only the first 256 KiB are kept. It stays on the server as it is, and is told."""


class Smtp(Struct, frozen=True, kw_only=True):
    """One section for each of [mailboxes] that also answers: by which mail server, and as whom (docs/mail.rst).
    ``contactd worker`` sends; ``systemctl reload 'contactd-worker@*'`` takes a change. Its password is in the secrets
    file."""

    host: words.Host
    """The mail server that takes what is sent: your own, or your provider's submission server."""
    port: words.Port = 587
    """587 with STARTTLS, 465 with TLS from the first byte, most often."""
    tls: Literal["tls", "starttls", "none"] = "starttls"
    """tls: from the first byte; starttls: after a word in the clear, and not without; none: only to a server on this
    machine."""
    ca_file: Annotated[str, Meta(pattern=r"^(/[^\0\n\r]+)?\Z", description='an absolute path, or ""')] = ""
    """The CA that signed the server's certificate, where the system does not know it. Certificates are always looked
    at."""
    username: Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{0,200}\Z", description="a user name in quotes")] = ""
    """As whom it is used. Empty: it asks nobody who they are."""
    address: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9.!#$%&'*/=?^_`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,188}\Z",
            description='an address such as "support@example.org"',
        ),
    ]
    """Who answers, for the customer. What is sent to it must come into the mailbox, with a detail behind a plus sign
    too (support+detail@example.org): that is how an answer is known again."""
    name: Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{0,100}\Z", description="a name of up to 100 letters")] = ""
    """Shown before the address, such as "Example Support"."""
    timeout_s: Annotated[float, Meta(ge=1, le=600, description="seconds, 1 to 600")] = 60.0
    """How long a message may take to be handed over, all in all."""
    max_age_s: Annotated[int, Meta(ge=60, le=2592000, description="seconds, 60 to 2592000")] = 259200
    """A message that could not be sent for so long is not tried any more: ``contactctl mail outbox`` shows it, and
    tries it again or drops it."""
    most_at_once: Annotated[int, Meta(ge=1, le=50, description="a number of connections, 1 to 50")] = 2
    """So many messages are handed over at once; those of one conversation always one after the other."""
    break_after: Annotated[int, Meta(ge=1, le=100, description="a number of failures, 1 to 100")] = 5
    """After so many failures in a row the server is let be for ``break_s``; then one message tries whether it is
    back."""
    break_s: Annotated[int, Meta(ge=1, le=3600, description="seconds, 1 to 3600")] = 60
    """See ``break_after``."""


class SmtpSections(Struct, frozen=True, kw_only=True):
    """What mail is answered by, for who asks only for that."""

    smtp: dict[words.MailboxId, Smtp] = {}


class SmtpSecrets(Struct, frozen=True, kw_only=True):
    """One for each [smtp.<mailbox>] with a ``username``."""

    password: (
        Annotated[str, Meta(pattern=r"^[^\0\r\n]{1,1000}\Z", description="a password in quotes, on one line")] | None
    ) = None
    """The password of its user."""


class MailboxSecrets(Struct, frozen=True, kw_only=True):
    """One for each [mailboxes.<id>] that is opened by a password."""

    password: (
        Annotated[str, Meta(pattern=r"^[^\0\r\n]{1,1000}\Z", description="a password in quotes, on one line")] | None
    ) = None
    """The password of its user."""
