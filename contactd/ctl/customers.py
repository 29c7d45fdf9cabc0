"""Customers by contactctl: PostgreSQL is asked directly, whether the daemon runs or not; each look is written down."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contactd.config import Customers, customers_access
from contactd.core.ids import ContactId, PartyId
from contactd.ctl.store import NotFound, database, one_contact
from contactd.services.cases.number import shown
from contactd.services.crm import whole
from contactd.services.crm.fields import edit_of
from contactd.services.crm.identity import IdentityKind, NoIdentity, Numbering, parse
from contactd.services.crm.recogniser import numbering_by, vault_with
from contactd.services.crm.whole import Erased
from contactd.store import cases, holds, parties, party_changes
from contactd.store.audit import Who
from contactd.store.parties import NAME, Profile, same_name
from contactd.store.vault import Vault

_VIA = "contactctl customers"
_ID = re.compile(r"[0-9a-f]{8,32}")


@dataclass(frozen=True, slots=True)
class Desk:
    """What every command needs. connection: of the daemon's role, which reads a value once that is written down."""

    config: Path
    connection: Any
    vault: Vault
    numbering: Numbering
    customers: Customers
    who: Who

    async def one(self, text: str, *, as_it_is: bool = False) -> PartyId:
        """Whom text means: an id, the beginning of one, or a number or address that is one customer's only.

        as_it_is: not the one into which it was merged. Raises NotFound.
        """
        found = await self._meant(text)
        if not found:
            raise NotFound(
                "There is no such customer: give the id, its beginning, or a number or address that is one customer's"
                " (contactctl customers find tells whose one is)."
            )
        if len(found) > 1:
            some = "\n  ".join(found)
            raise NotFound(f"That is more than one customer; give an id:\n  {some}")
        if as_it_is:
            return found[0]
        return await parties.root(self.connection, found[0]) or found[0]

    async def find(self, text: str) -> list[PartyId]:
        """By a number, an address, a handle, an id of another system, or a whole name."""
        try:
            identity = parse(text, self.numbering)
            kind, value = str(identity.kind), identity.value
        except NoIdentity:
            kind, value = NAME, same_name(text)
        return await parties.find(self.connection, self.vault, self.who, kind, value)

    async def _meant(self, text: str) -> list[PartyId]:
        digits = text.strip().lower().replace("-", "")
        if _ID.fullmatch(digits):
            found = await parties.beginning(self.connection, digits)
            if found:
                return found
        try:
            identity = parse(text, self.numbering)
        except NoIdentity:
            return []
        return await parties.find(self.connection, self.vault, self.who, str(identity.kind), identity.value)


@contextlib.asynccontextmanager
async def desk(config: Path) -> AsyncIterator[Desk]:
    """Raises StoreAway, StoreRefused, ConfigErrors."""
    customers, keys = customers_access(config)
    async with database(config, writes=True) as connection:
        yield Desk(config, connection, vault_with(keys), numbering_by(customers), customers, Who.me())


async def show(config: Path, text: str, most: int) -> dict[str, Any]:
    """A customer, with the latest of the timeline."""
    async with desk(config) as at:
        party = await at.one(text)
        profile = await parties.profile(at.connection, at.vault, at.who, party)
        entries = await parties.timeline(at.connection, party, time.time() + 60, most)
        ids = [entry.ref for entry in entries if entry.kind == "case"]
        words = await cases.reveal(at.connection, at.vault, at.who, _VIA, ids) if ids else []
        held = [one for one in await holds.holds(at.connection, at.vault) if one.party in profile.ids]
    said = cases.current(words)
    return {
        **_profile(profile),
        "holds": [asdict(one) for one in held],
        "timeline": [_entry(entry, profile, said) for entry in entries],
    }


async def find(config: Path, text: str) -> list[str]:
    async with desk(config) as at:
        found = await at.find(text)
    if not found:
        raise NotFound("No customer has that number, address or name.")
    return [str(party) for party in found]


async def add(config: Path, words: dict[str, Any]) -> str:
    async with desk(config) as at:
        edit = edit_of(at.customers.fields, at.numbering, **words)
        return await party_changes.add(at.connection, at.vault, at.who, edit)


async def change(config: Path, text: str, words: dict[str, Any]) -> str:
    async with desk(config) as at:
        edit = edit_of(at.customers.fields, at.numbering, **words)
        party = await at.one(text)
        await party_changes.change(at.connection, at.vault, at.who, party, edit)
    return party


async def note(config: Path, text: str, body: str, contact: str | None) -> str:
    async with desk(config) as at:
        party = await at.one(text)
        about: ContactId | None = await one_contact(at.connection, config, contact) if contact is not None else None
        return await party_changes.note(at.connection, at.vault, at.who, party, body, about)


async def consent(config: Path, text: str, purpose: str, how: str, *, given: bool) -> str:
    async with desk(config) as at:
        party = await at.one(text)
        await party_changes.consent(at.connection, at.who, party, purpose, how, given=given)
    return party


async def merge(config: Path, loser: str, winner: str) -> tuple[str, str]:
    async with desk(config) as at:
        one, other = await at.one(loser, as_it_is=True), await at.one(winner)
        await party_changes.merge(at.connection, at.who, one, other)
    return one, other


async def unmerge(config: Path, text: str) -> tuple[str, str]:
    async with desk(config) as at:
        party = await at.one(text, as_it_is=True)
        return party, await party_changes.unmerge(at.connection, at.who, party)


async def duplicates(config: Path, most: int, text: str | None) -> list[dict[str, Any]]:
    async with desk(config) as at:
        party = await at.one(text) if text is not None else None
        found = await parties.duplicates(at.connection, most, party)
    return [{"one": pair.one, "other": pair.other, "score": pair.score, "same": pair.why} for pair in found]


async def keep_apart(config: Path, one: str, other: str, *, undo: bool) -> tuple[str, str]:
    async with desk(config) as at:
        pair = await at.one(one), await at.one(other)
        if not undo:
            await party_changes.keep_apart(at.connection, at.who, *pair)
        elif not await party_changes.keep_apart_no_more(at.connection, at.who, *pair):
            raise NotFound(f"Nobody said that {pair[0]} and {pair[1]} are two persons.")
    return pair


async def export(config: Path, text: str) -> dict[str, Any]:
    async with desk(config) as at:
        return await whole.export(at.connection, at.vault, at.who, await at.one(text))


async def erase(config: Path, text: str) -> Erased:
    async with desk(config) as at:
        return await whole.erase(at.connection, at.vault, at.numbering, at.who, await at.one(text))


async def whole_id(config: Path, text: str) -> str:
    async with desk(config) as at:
        return await at.one(text)


async def name_of(config: Path, party: PartyId) -> str | None:
    """Written down as a read. None: none is kept, or the person was erased."""
    async with desk(config) as at:
        return (await parties.names(at.connection, at.vault, at.who, [party])).get(party)


def _profile(profile: Profile) -> dict[str, Any]:
    first = profile.rows[0]
    latest: dict[str, dict[str, Any]] = {}
    for consent_ in profile.consents:  # the newest first
        latest.setdefault(consent_.purpose, asdict(consent_))
    return {
        "id": first.id,
        "kind": first.kind,
        "light": all(row.light for row in profile.rows),
        "vip": any(row.vip for row in profile.rows),
        "language": next((row.language for row in profile.rows if row.language), None),
        "medium": next((row.medium for row in profile.rows if row.medium), None),
        "made_at": first.made_at,
        "merged": [row.id for row in profile.rows[1:]],
        "name": _first(profile, NAME),
        "identities": [
            {"ref": value.ref, "kind": value.name, "value": value.text, "of": value.party}
            for value in sorted(profile.identities, key=lambda one: list(IdentityKind).index(IdentityKind(one.name)))
        ],
        "fields": {value.name: _first(profile, value.name) for value in profile.fields if value.name != NAME},
        "consents": list(latest.values()),
    }


def _first(profile: Profile, field: str) -> str | None:
    """The party's own, else that of one merged into it."""
    of = {value.party: value.text for value in profile.fields if value.name == field}
    return next((of[party] for party in profile.ids if party in of), None)


def _entry(entry: parties.Entry, profile: Profile, said: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    told = {name: value for name, value in asdict(entry).items() if value is not None}
    told["cases"] = [shown(number) for number in entry.cases]
    if entry.kind == "case":
        told["subject"] = said.get(entry.ref, {}).get(cases.SUBJECT)
    if entry.kind == "note":
        told["text"] = next((note.text for note in profile.notes if note.ref == entry.ref), None)
    return told
