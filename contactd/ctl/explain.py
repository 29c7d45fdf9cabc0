"""Stories out of the journal: PostgreSQL is read directly, whether the daemon runs or not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from contactd.config import customers_access
from contactd.core.ids import ContactId
from contactd.ctl.durations import local
from contactd.ctl.store import database, one_contact, unknown
from contactd.ctl.words import safe, summary, words
from contactd.services.crm.recogniser import vault_with
from contactd.store import audit
from contactd.store.audit import Person, Who
from contactd.store.reading import Story, latest_contacts, story
from contactd.store.vault import Vault


async def explain(config: Path, text: str, *, reveal: bool = False) -> tuple[Story, Person | None]:
    """The story; with reveal also whose it is, once it is written down that we look. None: nothing is kept of them.

    Raises NotFound, StoreAway, StoreRefused, ConfigErrors.
    """
    async with database(config, writes=reveal) as connection:
        contact = await one_contact(connection, config, text)
        told = await story(connection, contact)
        if told is None:
            raise unknown(text)
        people: dict[ContactId, Person] = {}
        if reveal:
            people = await audit.reveal(connection, _vault(config), Who.me(), "contactctl explain", [contact])
    return told, people.get(contact)


async def past(config: Path, most: int, *, reveal: bool = False) -> list[dict[str, Any]]:
    """The latest contacts of history; with reveal their number and name too, once it is written down that we look."""
    async with database(config, writes=reveal) as connection:
        rows = await latest_contacts(connection, most)
        people: dict[ContactId, Person] = {}
        if reveal:
            ids = [row.id for row in rows]
            people = await audit.reveal(connection, _vault(config), Who.me(), "contactctl contacts", ids)
    return [
        {
            **{name: getattr(row, name) for name in row.__dataclass_fields__},
            "arrived": local(row.arrived_at).strftime("%Y-%m-%d %H:%M:%S"),
            **({"caller": caller(people.get(row.id))} if reveal else {}),
        }
        for row in rows
    ]


def _vault(config: Path) -> Vault:
    _, keys = customers_access(config)
    return vault_with(keys)


def caller(person: Person | None) -> dict[str, str | None] | None:
    return None if person is None else {"ani": person.ani, "name": person.name}


def as_text(told: Story, revealed: str | None = None, name: str | None = None) -> str:
    """revealed: the caller in words, to be shown. name: the customer's, likewise."""
    first = told.told[0].at
    start = local(first)
    lines = [
        f"contact {told.contact}, call {told.row.call} on line {told.row.dnis}, {start:%Y-%m-%d %Z}",
        *([f"caller: {revealed}"] if revealed is not None else []),
        *([_customer(told, name)] if told.row.party is not None else []),
        summary(told.row),
        "",
    ]
    for fact in told.told:
        sentence = words(fact.event) if fact.event is not None else f"{fact.kind} (made by a newer contactd)"
        lines.append(f"{local(fact.at):%H:%M:%S.%f}"[:-3] + f"  {_after(fact.at - first):>9}  {sentence}")
    return "\n".join(lines)


def as_json(told: Story) -> dict[str, Any]:
    first = told.told[0].at
    row = told.row
    return {
        "contact": told.contact,
        **{name: getattr(row, name) for name in row.__dataclass_fields__ if name != "id"},
        "summary": summary(row),
        "facts": [
            {
                "seq": fact.seq,
                "at": datetime.fromtimestamp(fact.at, UTC).isoformat(),
                "after_s": round(fact.at - first, 6),
                "words": words(fact.event) if fact.event is not None else fact.kind,
                "event": msgspec.to_builtins(fact.event) if fact.event is not None else None,
            }
            for fact in told.told
        ],
    }


def _customer(told: Story, name: str | None) -> str:
    shown = f" {safe(name)}" if name is not None else ""
    return f"customer:{shown} {told.row.party}, {'verified' if told.row.verified else 'not verified'}"


def _after(seconds: float) -> str:
    """Seconds since the arrival; a fact that was read late may lie before it."""
    return f"{seconds:+.3f} s"
