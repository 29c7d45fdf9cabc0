"""contactd itself: PostgreSQL, the spool, the PBXes, the doors, what is forgotten, and the jobs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from contactd.config.sections import words


class Database(Struct, frozen=True, kw_only=True):
    """PostgreSQL 14 or newer. Passwords are in the secrets file."""

    dsn: words.Dsn
    """A URL without a password. The sample's reaches the local server by its socket, which knows us by our Unix user
    (peer authentication). Over a network it must prove who it is, or anybody in between reads the callers' numbers:
    ``postgresql://contactd@db.example/contactd?sslmode=verify-full&sslrootcert=/etc/contactd/postgresql-ca.crt``
    (docs/security.rst)."""
    migrate_dsn: words.Dsn | None = None
    """The same database as its owner, for ``contactd migrate`` only: the daemon itself may not change what happened.
    With peer authentication pg_ident.conf must let our Unix user be this role too. Left out: the same as ``dsn``."""
    worker_dsn: words.Dsn | None = None
    """The same database for ``contactd worker``, by a login of its own that is a member of contactd_worker only. Left
    out: the same as ``dsn``."""
    pool_size: Annotated[int, Meta(ge=2, le=50, description="a number of connections, 2 to 50")] = 4
    """Connections that are kept open."""


class Spool(Struct, frozen=True, kw_only=True):
    """Between us and PostgreSQL every fact stands in a local spool, which carries a database that is away."""

    segment_mb: Annotated[int, Meta(ge=1, le=1024, description="MiB, 1 to 1024")] = 16
    """The size of one file."""
    max_mb: Annotated[int, Meta(ge=2, le=1048576, description="MiB, 2 to 1048576")] = 512
    """The size of all files, at least two of them. When it is full no new contact is taken: the PBX's static queue
    takes them. 512 MiB hold about two million facts."""


class Pbx(Struct, frozen=True, kw_only=True):
    """One section for each Asterisk, at least one. The name (pbx1) is the ``systemname`` in its asterisk.conf. The AMI
    account is the one of manager_contactd.conf; its secret is in the secrets file."""

    host: words.Host
    """Where Asterisk listens for AMI."""
    port: words.Port = 5038
    """The port of AMI."""
    username: words.Word
    """The account's name in manager.conf."""
    sip_tls_port: Annotated[int, Meta(ge=0, le=65535, description="a port, or 0")] = 0
    """Where handsets reach it by SIP over TLS, most often 5061: the end of its certificate is watched. 0: it is not."""
    compare_s: Annotated[int, Meta(ge=5, le=3600, description="seconds, 5 to 3600")] = 30
    """The time between two comparisons of the floor with what the PBX really has."""


class Door(Struct, frozen=True, kw_only=True):
    """Where a PBX connects to us."""

    listen: words.Host = "127.0.0.1"
    """The address that we listen on."""
    port: words.Port
    """The port that we listen on."""
    allow: tuple[Annotated[str, Meta(description='a network such as "10.0.0.5/32"')], ...] = ("127.0.0.1/32",)
    """Who may connect: the networks of the PBXes."""
    advertise: words.Host | None = None
    """The host by which a PBX reaches us. Left out: the same as ``listen``. To be given when ``listen`` is 0.0.0.0
    or ::."""
    # Never None in what load() returns.


class Agi(Door, frozen=True, kw_only=True):
    """Where the dialplan's menus reach us (FastAGI)."""

    port: words.Port = 4573
    """The port that we listen on."""


class AudioSocket(Door, frozen=True, kw_only=True):
    """Where the dialplan brings us the audio of a call (AudioSocket): the echo line."""

    port: words.Port = 4574
    """The port that we listen on."""


class Web(Struct, frozen=True, kw_only=True):
    """/metrics for Prometheus and /healthz for whoever watches. No personal value is shown, and nothing can be changed
    there."""

    listen: words.Host = "127.0.0.1"
    """The address that we listen on."""
    port: words.Port = 9273
    """The port that we listen on."""


class Ctl(Struct, frozen=True, kw_only=True):
    """contactctl's door."""

    # sockaddr_un holds 108 bytes with the final NUL.
    socket: Annotated[
        str, Meta(pattern=r"^/[^\0\n\r]{1,106}\Z", description="an absolute path of at most 107 bytes")
    ] = "/run/contactd/ctl.sock"
    """The unix socket. Root and our own user act by it; the members of the group contactd look."""


class Retention(Struct, frozen=True, kw_only=True):
    """How many days each kind of data is kept; 0: until somebody erases it. ``contactd migrate`` reads this, and the
    job ``retention`` of a worker carries it out each night (docs/operations.rst). What is held stays
    (docs/customers.rst). docs/security.rst says why the defaults are these."""

    callers: words.DaysKept | None = None
    """A caller's number and name, counted from the call. The rest of the contact's story stays. Left out: 90."""
    light_records: words.DaysKept | None = None
    """A record that was made for an unknown number, that nobody looked at, and that has not called for so long. Left
    out: 90."""
    inputs: words.DaysKept | None = None
    """The inputs of the journal, with which a decision can be made again; by whole months, so up to a month longer. The
    events stay. Left out: 35."""
    notes: words.DaysKept | None = None
    """Notes about customers. Left out: 0."""
    consents: words.DaysKept | None = None
    """Answers that a later answer of the customer replaced; the last one of each purpose stays. Left out: 0."""
    case_words: words.DaysKept | None = None
    """Subject, fields and notes of a case, counted from when it was closed. The case itself stays. Left out: 0."""
    mails: words.DaysKept | None = None
    """Messages of mailboxes as they were fetched, counted from then. Left out: 0."""
    audit: words.DaysKept | None = None
    """Who read or erased personal values, and who acted for others. Left out: 1095."""
    jobs: words.DaysKept | None = None
    """Jobs that are done, or were dropped. Left out: 30."""
    outbox: words.DaysKept | None = None
    """Messages of web hooks that were sent or dropped. Left out: 30."""


class Privacy(Struct, frozen=True, kw_only=True):
    """Where some of [retention] stood before; still read."""

    contact_private_days: words.OldDays | None = None
    """``callers`` of [retention]."""
    audit_days: words.OldDays | None = None
    """``audit`` of [retention]."""
    light_party_days: words.OldDays | None = None
    """``light_records`` of [retention]."""


class Jobs(Struct, frozen=True, kw_only=True):
    """What ``contactd worker`` does (docs/operations.rst). ``systemctl reload 'contactd-worker@*'`` takes a change."""

    verify_at: Annotated[
        str,
        Meta(
            pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z",
            description='a time of the day in UTC, in quotes, such as "03:40"',
        ),
    ] = "03:40"
    """When the journal's chain of hashes is computed anew, each day, and what is too old is forgotten."""
    memory_mb: Annotated[int, Meta(ge=128, le=1048576, description="MiB, 128 to 1048576")] = 512
    """How much address space one job may use. A job that wants more fails, and nothing else does."""
    keep_days: words.OldDays | None = None
    """``jobs`` of [retention], where it stood before; still read."""


class DatabaseSecrets(Struct, frozen=True, kw_only=True):
    """Not needed with peer authentication."""

    password: Annotated[str, Meta(min_length=1, description="a password in quotes")] | None = None
    """The password of the role in ``dsn``. Left out: the server asks for none."""
    migrate_password: Annotated[str, Meta(min_length=1, description="a password in quotes")] | None = None
    """The password of the owner in ``migrate_dsn``. Left out: the same as ``password``."""
    worker_password: Annotated[str, Meta(min_length=1, description="a password in quotes")] | None = None
    """The password of the login in ``worker_dsn``. Left out: the same as ``password``."""


class PbxSecrets(Struct, frozen=True, kw_only=True):
    """One for each [pbx.<id>] of the configuration."""

    secret: Annotated[
        str,
        Meta(
            pattern=r"^[^\0-\x1f\x7f]{1,128}\Z",
            description="the AMI account's secret in quotes, without control characters",
        ),
    ]
    """The secret of its account in manager.conf."""
    test_secret: (
        Annotated[
            str,
            Meta(pattern=r"^[^\0-\x1f\x7f]{1,128}\Z", description="the secret in quotes, without control characters"),
        ]
        | None
    ) = None
    """The secret of the account contactd-test in manager.conf, by which ``contactctl testcall`` and ``doctor``
    place calls; contactd itself cannot. Left out: they say that they may not."""
