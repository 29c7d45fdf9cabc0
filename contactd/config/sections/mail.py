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
    poll_s: Annotated[int, Meta(ge=5, le=3600, description="seconds, 5 to 3600")] = 30
    """How often a server is asked that cannot tell by itself (IDLE) that a message came."""
    max_mb: Annotated[int, Meta(ge=1, le=1024, description="MiB, 1 to 1024")] = 50
    """Of a longer message only the first 256 KiB are kept. It stays on the server as it is, and is told."""


class MailboxSecrets(Struct, frozen=True, kw_only=True):
    """One for each [mailboxes.<id>] that is opened by a password."""

    password: (
        Annotated[str, Meta(pattern=r"^[^\0\r\n]{1,1000}\Z", description="a password in quotes, on one line")] | None
    ) = None
    """The password of its user."""
