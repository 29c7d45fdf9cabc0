"""Whose record another system's word is about: by the number that called and the id that it gives, or nobody's."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from contactd.core.ids import PartyId
from contactd.store.audit import Who
from contactd.store.parties import write_down
from contactd.store.party_import import match
from contactd.store.queries import query
from contactd.store.vault import Vault


async def learnt(
    connection: asyncpg.Connection,
    vault: Vault,
    who: Who,
    source: str,
    numbered: Sequence[PartyId],
    external: str | None,
) -> PartyId | None:
    """numbered: whose the number is. external: the id that the other system gives, as an identity's value.

    None: nobody is guessed. A light record of somebody whose id is known becomes the same person, which can be undone.
    """
    found = await match(connection, vault.lookups("external", external)) if external is not None else {}
    named = {one.party for matches in found.values() for one in matches}
    if len(named) > 1:
        return None
    if not named:
        return numbered[0] if len(numbered) == 1 else None
    (party,) = named
    if not numbered or party in numbered:
        return party
    if len(numbered) > 1:
        return None
    async with connection.transaction():
        held = await connection.fetch(query("party_lock"), [numbered[0], party])
        light = await connection.fetchval(query("party_is_light"), numbered[0])
        if len(held) < 2 or any(row["merged_into"] for row in held) or not light:
            # Two whole records of, perhaps, two persons: contactctl customers duplicates tells a person.
            return None
        await connection.execute(query("party_merge"), numbered[0], party)
        await write_down(connection, who, "customer-merge", numbered[0], f"into {party}", via=source)
    return party
