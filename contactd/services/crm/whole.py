"""Everything about one person: given out, or removed for good."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contactd.core.ids import ContactId, PartyId
from contactd.services.crm.callers import searched
from contactd.services.crm.identity import IdentityKind, Numbering
from contactd.store import audit, cases, parties, party_changes, recordings
from contactd.store.audit import Who
from contactd.store.cases import Asked
from contactd.store.parties import Connection, Profile
from contactd.store.vault import Vault

_VIA = "contactctl customers"
_ALL = 2**31 - 1
_MOST_TALKS = 1000
"""Of one contact."""


@dataclass(frozen=True, slots=True)
class Erased:
    """parties: records, with those merged into it. private: contacts whose number and name were removed. cases: whose
    subject, fields and notes were. recordings: of their talks; held: recordings under a legal hold, which stay."""

    party: PartyId
    parties: int
    private: int
    cases: int
    recordings: int = 0
    held: int = 0


async def export(connection: Connection, vault: Vault, who: Who, party: PartyId) -> dict[str, Any]:
    """All that is kept, as JSON takes it; that it was given out is written down. Raises NotOpened."""
    profile = await parties.profile(connection, vault, who, party)
    contacts = await parties.contacts(connection, profile.ids)
    ids = [ContactId(one["id"]) for one in contacts]
    people = await audit.reveal(connection, vault, who, _VIA, ids)
    told_cases = await _cases(connection, vault, who, party)
    talks = [talk for one in contacts for talk in await recordings.listed(connection, _MOST_TALKS, contact=one["id"])]
    looks = await parties.looks(connection, profile.ids)
    await parties.write_down(connection, who, "customer-export", party, f"{len(contacts)} contacts")
    return {
        "customer": party,
        "records": [_told(row, "made_at", "changed_at") for row in profile.rows],
        "identities": [_value(value) for value in profile.identities],
        "fields": [_value(value) for value in profile.fields],
        "notes": [{**_value(note), "id": note.ref, "who": note.name} for note in profile.notes],
        "consents": [_told(consent, "at") for consent in profile.consents],
        "contacts": [
            {
                **one,
                "arrived_at": _time(one["arrived_at"]),
                "ended_at": _time(one["ended_at"]),
                "number": people[one["id"]].ani if one["id"] in people else None,
                "name": people[one["id"]].name if one["id"] in people else None,
            }
            for one in contacts
        ],
        "cases": told_cases,
        # What was said: contactctl recordings export, which is written down for each.
        "recordings": [
            {"id": talk.id, "contact": talk.contacts[0], "began_at": _time(talk.began_at), "sha256": talk.sha256}
            for talk in {talk.id: talk for talk in talks}.values()
        ],
        "who_looked": [{**look, "at": _time(look["at"])} for look in looks],
    }


async def erase(connection: Connection, vault: Vault, numbering: Numbering, who: Who, party: PartyId) -> Erased:
    """Records, notes, consents, and number and name of the contacts; the contacts' stories stay, and name nobody.

    Reads the numbers first (written down), so that contacts which nobody could assign are found as well.
    """
    profile: Profile = await parties.profile(connection, vault, who, party)
    phones = [value.text for value in profile.identities if value.name == IdentityKind.PHONE]
    numbers, lookups = searched(vault, numbering, phones)
    contacts = await audit.find(connection, who, _VIA, numbers, lookups) if phones else []
    done = await party_changes.erase(connection, who, party, numbers, lookups, contacts)
    return Erased(party, *done)


async def _cases(connection: Connection, vault: Vault, who: Who, party: PartyId) -> list[dict[str, Any]]:
    """Every case of theirs, with all that was written of it, and its history."""
    found = await cases.found(connection, Asked(closed=True, party=party), _ALL)
    ids = [case.id for case in found]
    words = await cases.reveal(connection, vault, who, _VIA, ids)
    linked = await cases.contacts(connection, ids)
    return [
        {
            **_told(case, "made_at", "changed_at", "closed_at"),
            "words": [_told(word, "at") for word in words if word.case_id == case.id],
            "contacts": [one.contact for one in linked if one.case_id == case.id],
            "history": [_told(change, "at") for change in await cases.changes(connection, case.id)],
        }
        for case in found
    ]


def _value(value: parties.Value) -> dict[str, Any]:
    return {"of": value.party, "name": value.name, "value": value.text, "at": _time(value.at)}


def _told(row: Any, *times: str) -> dict[str, Any]:
    told = dataclasses.asdict(row)
    return {**told, **{name: _time(told[name]) for name in times}}


def _time(at: float | None) -> str | None:
    return datetime.fromtimestamp(at, UTC).isoformat() if at is not None else None
