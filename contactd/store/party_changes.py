"""Changing parties: each in one transaction with its row of the audit, so what was not written down was not done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId, PartyId
from contactd.store import recordings
from contactd.store.audit import Who
from contactd.store.parties import VIA, about, fresh_id, name_hashes, root, rows, write_down
from contactd.store.queries import query
from contactd.store.trouble import HELD, Held
from contactd.store.vault import Vault

PURPOSES = ("recording", "marketing", "calls")
"""What consents and refusals are for."""


class MergeRefused(ContactdError):
    """Two parties that cannot be one."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change of a party. None leaves a column as it is; an empty text clears it.

    fields: field -> (text or None to clear it, what it is found by or None). identities: (kind, value) to add.
    """

    kind: str | None = None
    language: str | None = None
    medium: str | None = None
    vip: bool | None = None
    fields: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict, repr=False)
    identities: Sequence[tuple[str, str]] = field(default=(), repr=False)
    drop: Sequence[int] = ()
    """Identities to remove, by their refs."""

    def what(self) -> str:
        """For the audit: which, never the values."""
        columns = [name for name in ("kind", "language", "medium", "vip") if getattr(self, name) is not None]
        kinds = [f"+{kind}" for kind, _ in self.identities]
        return " ".join([*columns, *self.fields, *kinds, *(f"-identity {ref}" for ref in self.drop)])


async def add(connection: asyncpg.Connection, vault: Vault, who: Who, edit: Edit) -> PartyId:
    """A new record."""
    party = PartyId(fresh_id())
    async with connection.transaction():
        await connection.execute(
            query("party_add"),
            party,
            edit.kind or "person",
            edit.language or None,
            edit.medium or None,
            bool(edit.vip),
        )
        await _write(connection, vault, party, edit)
        await write_down(connection, who, "customer-add", party, edit.what())
    return party


async def change(
    connection: asyncpg.Connection, vault: Vault, who: Who, party: PartyId, edit: Edit, *, via: str = VIA
) -> None:
    """All of it, or nothing. via: where it came from, for the audit.

    Raises Held: to what is held may be added, and nothing of it be taken away.
    """
    async with connection.transaction():
        if await _takes_away(connection, party, edit) and await connection.fetch(query("parties_held"), [party]):
            raise Held(f"Customer {party}")
        await connection.execute(query("party_set"), party, edit.kind, edit.language, edit.medium, edit.vip)
        await _write(connection, vault, party, edit)
        await write_down(connection, who, "customer-set", party, edit.what(), via=via)


async def _takes_away(connection: asyncpg.Connection, party: PartyId, edit: Edit) -> bool:
    """Whether an identity or a field that is kept would be gone afterwards."""
    if edit.drop or not edit.fields:
        return bool(edit.drop)
    kept = {row["field"] for row in await connection.fetch(query("party_has_fields"), party)}
    return not kept.isdisjoint(edit.fields)


async def _write(connection: asyncpg.Connection, vault: Vault, party: PartyId, edit: Edit) -> None:
    for kind, value in edit.identities:
        sealed = vault.seal(value, about(party, kind))
        await connection.execute(query("party_identify"), party, kind, vault.lookup(kind, value), sealed)
    for ref in edit.drop:
        await connection.execute(query("party_forget_identity"), party, ref)
    for name, (text, found_by) in edit.fields.items():
        await connection.execute(query("party_clear_field"), party, name)
        if text is None:
            continue
        hashes = name_hashes(vault, text) if found_by is not None else (None, None)
        sealed = vault.seal(text, about(party, f"field/{name}"))
        await connection.execute(query("party_write_field"), party, name, sealed, *hashes)


async def note(
    connection: asyncpg.Connection, vault: Vault, who: Who, party: PartyId, text: str, contact: ContactId | None = None
) -> str:
    """Returns the note's id."""
    made = fresh_id()
    async with connection.transaction():
        await connection.execute(query("party_set"), party, None, None, None, None)
        sealed = vault.seal(text, about(made, "note"))
        await connection.execute(query("party_note"), made, party, str(who), contact, sealed)
        await write_down(connection, who, "customer-note", party, made)
    return made


async def consent(
    connection: asyncpg.Connection, who: Who, party: PartyId, purpose: str, how: str, *, given: bool
) -> None:
    """One more line of the history; the last one of a purpose counts."""
    async with connection.transaction():
        await connection.execute(query("party_set"), party, None, None, None, None)
        await connection.execute(query("party_consent"), party, purpose, given, how, str(who))
        await write_down(connection, who, "customer-consent", party, f"{purpose} {'given' if given else 'refused'}")


async def merge(connection: asyncpg.Connection, who: Who, loser: PartyId, winner: PartyId) -> None:
    """From now on loser is the same person as winner. Nothing moves, so unmerge() undoes it. Raises MergeRefused."""
    async with connection.transaction():
        # One merge at a time: two crosswise, or of those above them, would make a ring.
        await connection.execute(query("party_merging"))
        held = {row["id"]: row["merged_into"] for row in await connection.fetch(query("party_lock"), [loser, winner])}
        if held.get(loser) is not None:
            raise MergeRefused(f"{loser} was merged already, into {held[loser]}; unmerge it first.")
        into = await root(connection, winner)
        if into is None or loser not in held:
            raise MergeRefused("One of them is not there any more.")
        if into == loser:
            raise MergeRefused(f"{winner} is the same person as {loser} already.")
        await connection.execute(query("party_merge"), loser, into)
        await write_down(connection, who, "customer-merge", loser, f"into {into}")


async def unmerge(connection: asyncpg.Connection, who: Who, party: PartyId) -> PartyId:
    """Two persons again; returns the other. Raises MergeRefused."""
    async with connection.transaction():
        (held,) = await connection.fetch(query("party_lock"), [party])
        was: PartyId | None = held["merged_into"]
        if was is None:
            raise MergeRefused(f"{party} is not merged into another.")
        await connection.execute(query("party_merge"), party, None)
        await write_down(connection, who, "customer-unmerge", party, f"from {was}")
    return was


async def keep_apart(connection: asyncpg.Connection, who: Who, one: PartyId, other: PartyId) -> None:
    """They are two persons, whatever they share: the pair is no candidate any more. Raises MergeRefused."""
    roots = [await root(connection, party) for party in (one, other)]
    if roots[0] == roots[1]:
        raise MergeRefused(f"{one} and {other} are one person here; unmerge them first.")
    async with connection.transaction():
        await connection.execute(query("keep_apart"), one, other, str(who))
        await write_down(connection, who, "customer-apart", one, f"from {other}")


async def keep_apart_no_more(connection: asyncpg.Connection, who: Who, one: PartyId, other: PartyId) -> bool:
    """They may be one after all. False: nobody had said that they are two."""
    async with connection.transaction():
        families = [[row.id for row in await rows(connection, party)] for party in (one, other)]
        gone = await connection.fetch(query("keep_apart_no_more"), *families)
        if gone:
            await write_down(connection, who, "customer-not-apart", one, f"from {other}")
    return bool(gone)


async def erase(
    connection: asyncpg.Connection,
    who: Who,
    party: PartyId,
    numbers: Sequence[str],
    lookups: Sequence[bytes],
    contacts: Sequence[ContactId] = (),
) -> tuple[int, int, int, int, int]:
    """Remove everything about a person for good. numbers: theirs, in every spelling that a PBX may have used; lookups:
    the hashes that these may have been kept with; contacts: found by these, whose ever they are.

    Returns how many records, how many contacts' numbers and names, how many cases' words, and how many recordings were
    removed, and how many recordings are held. Raises Held.
    """
    try:
        return await _erase(connection, who, party, numbers, lookups, contacts)
    except asyncpg.PostgresError as error:
        if error.sqlstate != HELD:
            raise
    await write_down(connection, who, "erase", party, "refused: held")
    raise Held(f"Customer {party}")


async def _erase(
    connection: asyncpg.Connection,
    who: Who,
    party: PartyId,
    numbers: Sequence[str],
    lookups: Sequence[bytes],
    contacts: Sequence[ContactId],
) -> tuple[int, int, int, int, int]:
    async with connection.transaction():
        audited = await write_down(connection, who, "erase", party, "done")
        cases: int = await connection.fetchval(query("erase_cases"), audited, party, list(contacts))
        family = await connection.fetch(query("party_family_rows"), await root(connection, party) or party)
        theirs = await connection.fetch(query("contacts_of_parties"), [row["id"] for row in family], list(contacts))
        removed, held = await recordings.erase(connection, audited, [row["id"] for row in theirs])
        row = await connection.fetchrow(query("erase_party"), audited, party, list(numbers), list(lookups))
    return row["parties"], row["private"], cases, removed, held
