"""Legal holds: what a court or an authority wants kept is neither forgotten nor erased until it is released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from contactd.core.ids import ContactId, Instant, PartyId
from contactd.store import parties
from contactd.store.audit import Entry, Who, audit_act
from contactd.store.queries import query
from contactd.store.vault import Vault

_VIA = "contactctl customers"


@dataclass(frozen=True, slots=True)
class Hold:
    """One row. until: None: until it is released. Times in Unix seconds."""

    id: str
    party: PartyId | None
    contact: ContactId | None
    reason: str = field(repr=False)
    who: str
    since: Instant
    until: Instant | None
    released_at: Instant | None
    released_by: str | None


async def hold_party(
    connection: asyncpg.Connection, vault: Vault, who: Who, party: PartyId, reason: str, until: Instant | None
) -> int:
    """The party and all that are the same person now, each by a row: an unmerge frees nobody. Returns how many."""
    async with connection.transaction():
        # Merges wait meanwhile, and so nobody joins unseen.
        await connection.execute(query("party_merging"))
        family = await _family(connection, party)
        await connection.execute(query("party_looked_at"), family)
        for one in family:
            made = parties.fresh_id()
            sealed = vault.seal(reason, parties.about(made, "hold"))
            await connection.execute(query("hold_party"), made, one, sealed, str(who), until)
            await parties.write_down(connection, who, "hold", one, f"hold {made}")
    return len(family)


async def hold_contact(
    connection: asyncpg.Connection, vault: Vault, who: Who, contact: ContactId, reason: str, until: Instant | None
) -> None:
    made = parties.fresh_id()
    async with connection.transaction():
        sealed = vault.seal(reason, parties.about(made, "hold"))
        await connection.execute(query("hold_contact"), made, contact, sealed, str(who), until)
        await audit_act(connection, Entry(who, _VIA, "hold", contact, outcome=f"hold {made}"))


async def release(
    connection: asyncpg.Connection, who: Who, *, party: PartyId | None = None, contact: ContactId | None = None
) -> int:
    """End the holds in force of a party, with all that are the same person, or of a contact. Returns how many."""
    async with connection.transaction():
        family = await _family(connection, party) if party is not None else []
        contacts = [contact] if contact is not None else []
        ended = await connection.fetch(query("release_holds"), str(who), family, contacts)
        for row in ended:
            outcome = f"hold {row['id']}"
            if row["party"] is not None:
                await parties.write_down(connection, who, "release", row["party"], outcome)
            else:
                await audit_act(connection, Entry(who, _VIA, "release", ContactId(row["contact"]), outcome=outcome))
    return len(ended)


async def _family(connection: asyncpg.Connection, party: PartyId) -> list[PartyId]:
    whole = await parties.root(connection, party) or party
    return [row.id for row in await parties.rows(connection, whole)]


async def holds(connection: asyncpg.Connection, vault: Vault, *, also_over: bool = False) -> list[Hold]:
    """The newest first. Raises NotOpened."""
    return [
        Hold(**{**row, "reason": vault.open(row["reason"], parties.about(row["id"], "hold"))})
        for row in await connection.fetch(query("holds"), also_over)
    ]


async def held_parties(connection: asyncpg.Connection, asked: Sequence[PartyId]) -> list[PartyId]:
    """Which of these are held, themselves or by who is the same person."""
    return [row["party"] for row in await connection.fetch(query("parties_held"), list(asked))]


async def held_contacts(connection: asyncpg.Connection, asked: Sequence[ContactId]) -> list[ContactId]:
    """Which of these are held: themselves, by whose they are, or as nobody's from a number of one who is held."""
    return [row["contact"] for row in await connection.fetch(query("contacts_held"), list(asked))]
