"""contactctl's exit codes: a promise to scripts. docs/contactctl.rst has the same table, and a test compares them."""

from __future__ import annotations

from enum import IntEnum

from contactd.core.errors import ContactdError


class Exit(IntEnum):
    """What a script may decide by. A number never changes its meaning; new ones are put at the end."""

    FINE = 0
    ERROR = 1
    USAGE = 2
    DEGRADED = 3
    NOT_FOUND = 4
    REFUSED = 5
    UNREACHABLE = 6
    FORBIDDEN = 7
    CHANGES = 8

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    Exit.FINE: "done, and all is well",
    Exit.ERROR: "an error that has no number of its own; the sentence says which",
    Exit.USAGE: "wrong usage, or a configuration that cannot be read",
    Exit.DEGRADED: "answered, and what it answered needs somebody: a check that warns or fails",
    Exit.NOT_FOUND: "no such contact, agent or queue (or more than one)",
    Exit.REFUSED: "contactd said no: the agent is ready already, or too much is waiting; nothing was changed",
    Exit.UNREACHABLE: "the daemon, or PostgreSQL for what reads the past, does not answer, or only stands by",
    Exit.FORBIDDEN: "you may not: root, the user contactd, or for reading the group contactd",
    Exit.CHANGES: "contactctl plan: a reload or a restart would change something",
}

# By name: importing the store for its errors would cost every command its start.
_OF_ERROR = {
    "ConfigErrors": Exit.USAGE,
    "DaemonUnreachable": Exit.UNREACHABLE,
    "Standby": Exit.UNREACHABLE,
    "FileRefused": Exit.USAGE,
    "StoreAway": Exit.UNREACHABLE,
    "NotFound": Exit.NOT_FOUND,
    "PastLost": Exit.NOT_FOUND,
    "Forbidden": Exit.FORBIDDEN,
    "Refused": Exit.REFUSED,
    "CaseRefused": Exit.REFUSED,
    "NoCaseNumber": Exit.NOT_FOUND,
}


def exit_of(error: ContactdError) -> Exit:
    """An error class may say it itself, by an attribute exit_code."""
    own = getattr(error, "exit_code", None)
    return own if isinstance(own, Exit) else _OF_ERROR.get(type(error).__name__, Exit.ERROR)
