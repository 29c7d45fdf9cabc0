"""Looking back: one contact's story from the journal, and the latest contacts from history. Reads only."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import asyncpg
import msgspec

from contactd.core import events as ev
from contactd.core.ids import ContactId, Instant, PbxId, call_started, contact_id
from contactd.store.history import ContactRow, Fold
from contactd.store.queries import query
from contactd.store.trouble import StoreAway, StoreRefused, away

_HEX = re.compile(r"^[0-9a-f]{1,32}$")
_DAY_S = 86400.0
_NEVER: Instant = 99_999_999_999.0
"""Later than any Uniqueid's time."""
_decoder = msgspec.json.Decoder(ev.AnyEvent)


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a story. event is None where this version cannot read it; kind says what it was."""

    seq: int
    at: Instant
    kind: str
    event: ev.Event | None


@dataclass(frozen=True, slots=True)
class Story:
    contact: ContactId
    told: list[Told]
    row: ContactRow
    """The events folded as history folds them, so that both give the same figures."""


@contextlib.asynccontextmanager
async def reader(
    dsn: str,
    *,
    password: str | None = None,
    timeout_s: float = 5,
    writes: bool = False,
    role: str = "contactd_daemon",
    program: str = "contactctl",
) -> AsyncIterator[asyncpg.Connection]:
    """A connection that cannot change anything. writes: it may what its role may, such as keep an audit row.

    Raises StoreAway, StoreRefused.
    """
    options = {"password": password} if password else {}
    settings = {
        "role": role,
        "default_transaction_read_only": "off" if writes else "on",
        "application_name": program,
        "timezone": "UTC",
        # Compiling takes seconds where the planner fears many rows; what is asked here is done before.
        "jit": "off",
    }
    try:
        connection = await asyncpg.connect(
            dsn, timeout=timeout_s, command_timeout=30, server_settings=settings, **options
        )
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as error:
        raise away(error) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise StoreRefused(
            f"PostgreSQL refused us ({error}): run this as a user whom it knows (runuser -u"
            " contactd -- contactctl ...), or as one who may read the secrets file with the password."
        ) from error
    try:
        yield connection
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError) as error:
        raise StoreAway(f"PostgreSQL went away ({type(error).__name__}: {error}); try again.") from error
    except asyncpg.PostgresError as error:
        raise StoreRefused(f"PostgreSQL refused ({error}): was `contactd migrate` run?") from error
    finally:
        connection.terminate()


async def find_contacts(connection: asyncpg.Connection, text: str, pbx_names: Sequence[PbxId]) -> list[ContactId]:
    """Whom text means: a contact's UUID, the beginning of one, or the Uniqueid of the caller's channel.

    One element: found. More: some of those that it could be. None: nobody.
    """
    text = text.strip()
    digits = text.lower().replace("-", "")
    if _HEX.match(digits) and "." not in text:
        rows = await connection.fetch(
            query("contacts_between"), _uuid(digits.ljust(32, "0")), _uuid(digits.ljust(32, "f"))
        )
        if rows:
            return [ContactId(row["id"]) for row in rows]
    for pbx in pbx_names:
        # The id is a function of the call, so the journal finds it even when history lags.
        made = contact_id(pbx, text, _NEVER)
        if await connection.fetch(query("contacts_between"), made, made):
            return [made]
    # Where the PBX's clock was ahead of ours, the id holds our time; history remembers the call itself.
    started = call_started(text, _NEVER)
    first = 0.0 if started == _NEVER else started - _DAY_S
    rows = await connection.fetch(query("contacts_of_call"), text, first, started + _DAY_S)
    return [ContactId(row["id"]) for row in rows]


async def story(connection: asyncpg.Connection, contact: ContactId) -> Story | None:
    """All that happened to a contact; None when the journal has nothing (or no longer)."""
    told = []
    fold = Fold({}, {})
    for row in await connection.fetch(query("story"), contact):
        event: ev.Event | None = None
        with contextlib.suppress(msgspec.DecodeError):
            event = _decoder.decode(row["body"])
        if event is not None:
            fold.apply(row["seq"], row["at"], event)
        told.append(Told(row["seq"], row["at"], row["kind"], event))
    if not told:
        return None
    unread = ContactRow(contact, "", "", "", "", told[0].at)
    return Story(contact, told, fold.contacts.get(contact, unread))


async def latest_contacts(connection: asyncpg.Connection, most: int) -> list[ContactRow]:
    """The newest first, as far as history has come."""
    return [ContactRow(**row) for row in await connection.fetch(query("latest_contacts"), most)]


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
