"""The keys by which threads are signed into outgoing mail: made once by the migration, the same for every process."""

from __future__ import annotations

import asyncpg

from contactd.protocols.mail_token import Tokens
from contactd.store.queries import query


async def tokens(connection: asyncpg.Connection) -> Tokens:
    """As the daemon's or the worker's role."""
    return Tokens([row["key"] for row in await connection.fetch(query("mail_secrets"))])
