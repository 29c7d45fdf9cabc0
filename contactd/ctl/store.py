"""PostgreSQL, as the commands that need no daemon open it, and what they name in it by a beginning."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from contactd.config import database_access, pbx_names
from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId
from contactd.store.reading import find_contacts, reader

T = TypeVar("T")
_ID = re.compile(r"[0-9a-f-]{4,36}")


class NotFound(ContactdError):
    """Nobody, or too many."""


@contextlib.asynccontextmanager
async def database(config: Path, *, writes: bool = False) -> AsyncIterator[Any]:
    """A connection by the configuration; as reader() has it. Raises ConfigErrors, StoreAway, StoreRefused."""
    database, secrets = database_access(config)
    async with reader(database.dsn, password=secrets.password, writes=writes) as connection:
        yield connection


async def named(look: Callable[[str], Awaitable[Sequence[T]]], text: str, what: str, listing: str) -> T:
    """The one that an id, or the beginning of one, means. listing: which command shows them. Raises NotFound."""
    found = await look(text.lower()) if _ID.fullmatch(text.lower()) else ()
    if len(found) != 1:
        why = f"There is no such {what}" if not found else "That is the beginning of more than one"
        raise NotFound(f"{why}: {listing} shows their ids.")
    return found[0]


async def one_contact(connection: Any, config: Path, text: str) -> ContactId:
    """Whom text means. Raises NotFound for nobody and for many."""
    found = await find_contacts(connection, text, pbx_names(config))
    if len(found) > 1:
        some = "\n  ".join(found)
        raise NotFound(f"{text} begins more than one contact; give more of it:\n  {some}")
    if not found:
        raise unknown(text)
    return found[0]


def unknown(text: str) -> NotFound:
    return NotFound(
        f"The journal knows no contact {text}: give its UUID, the beginning of it, or the Uniqueid of the"
        " caller's channel (contactctl contacts --past 20 lists some)."
    )
