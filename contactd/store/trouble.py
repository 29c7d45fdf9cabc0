"""What PostgreSQL's errors mean: it comes back, somebody mends it, or the data is at fault; each with a sentence."""

from __future__ import annotations

import ssl

import asyncpg

from contactd.core.errors import ContactdError


class StoreAway(ContactdError):
    """PostgreSQL does not answer now. What was asked may or may not have been done."""


class StoreMisconfigured(StoreAway):
    """PostgreSQL answers and does not let us: a login, a right, a certificate, a schema. Somebody must mend it; a start
    says so and ends, a daemon that steers goes on from memory until it is mended."""


class StoreRefused(ContactdError):
    """PostgreSQL looked at the data and said no: a bug of ours, and no reason to try again."""


class Held(ContactdError):
    """It must be kept: a legal hold is on it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is held, or something of it is: nothing was removed. contactctl customers holds tells what and"
            " why; contactctl customers release ends it, for whoever may decide that."
        )


HELD = "CTD01"
"""The SQLSTATE with which the schema's functions refuse to remove what is held."""
# The data's own fault, whoever asks and whenever. Only these may cost a frame its place in the journal: a lost right, a
# changed password or a broken index refuses every frame, and somebody mends it.
DATA = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    # asyncpg's own: a value that it cannot encode, today or ever.
    ValueError,
    TypeError,
    OverflowError,
)
# Everything else: the same again, for ever. A ValueError is here a connection that cannot even be tried; asyncpg's own
# confusion comes with a connection that the server ended in the middle.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresError,
    ValueError,
)

_Kinds = tuple[type[BaseException], ...]
_NO_TLS = "No TLS with PostgreSQL ({what}): compare the dsn's sslmode with ssl = on."
# The first that fits. {what} is the error's name and text.
_SENTENCES: tuple[tuple[_Kinds, type[StoreAway], str], ...] = (
    (
        # Neither the socket's nor the certificate's error says which file.
        (FileNotFoundError, PermissionError),
        StoreAway,
        "PostgreSQL cannot be reached ({what}): the dsn names a socket's folder (host) or a CA (sslrootcert) that is"
        " not there, or not for us to read. Is PostgreSQL running?",
    ),
    (
        (ssl.SSLCertVerificationError,),
        StoreMisconfigured,
        "PostgreSQL's certificate is not accepted ({what}): renew it on the database's host (ssl_cert_file, then pg_ctl"
        " reload), or correct the dsn: sslrootcert names the CA that signed it, host is one of its names.",
    ),
    ((ssl.SSLError,), StoreMisconfigured, _NO_TLS),
    (
        (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError),
        StoreMisconfigured,
        "PostgreSQL refuses the login ({what}): check the dsn, the password in the secrets, and pg_hba.conf.",
    ),
    (
        (asyncpg.InsufficientResourcesError,),
        StoreAway,
        "PostgreSQL has no room ({what}): make room on its disk, or raise max_connections. contactd keeps the facts"
        " meanwhile.",
    ),
    (
        (asyncpg.ReadOnlySQLTransactionError,),
        StoreAway,
        "PostgreSQL is read-only ({what}): promote it, or name the primary in the dsn (target_session_attrs=read-write"
        " finds it).",
    ),
    (
        (asyncpg.SyntaxOrAccessError, asyncpg.DataError, ValueError),
        StoreMisconfigured,
        "PostgreSQL does not let contactd work ({what}): run `contactd migrate`, GRANT contactd_daemon (for contactd"
        " worker: contactd_worker) to the role of the dsn, and check the dsn's options.",
    ),
    ((asyncpg.InternalServerError,), StoreAway, "PostgreSQL fails within itself ({what}): look at its log and disk."),
)


def away(error: BaseException) -> StoreAway:
    what = f"{type(error).__name__}: {error}"
    for kinds, made, sentence in _SENTENCES:
        if isinstance(error, kinds):
            return made(sentence.format(what=what))
    if type(error) is ConnectionError and "SSL" in str(error):  # asyncpg's own word for a server without TLS
        return StoreMisconfigured(_NO_TLS.format(what=what))
    return StoreAway(f"PostgreSQL does not answer ({what}). Is it running, is the dsn right?")
