"""Who looked at whom, and forgetting somebody: PostgreSQL is asked directly, whether the daemon runs or not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from contactd.config import customers_access
from contactd.ctl.store import NotFound, database, one_contact
from contactd.services.crm.callers import searched
from contactd.services.crm.recogniser import numbering_by, vault_with
from contactd.store import audit
from contactd.store.audit import Who


async def audited(config: Path, most: int, text: str | None = None) -> list[dict[str, Any]]:
    """The newest rows; with text only those of the contact that it means. Raises as explain does."""
    async with database(config) as connection:
        contact = await one_contact(connection, config, text) if text is not None else None
        return [dataclasses.asdict(row) for row in await audit.kept(connection, most, contact)]


async def find(config: Path, number: str) -> list[str]:
    """The contacts of a caller's number, once it is written down that we search. Raises NotFound for none."""
    customers, keys = customers_access(config)
    numbers, lookups = searched(vault_with(keys), numbering_by(customers), [number])
    async with database(config, writes=True) as connection:
        found = await audit.find(connection, Who.me(), "contactctl find", numbers, lookups)
    if not found:
        raise NotFound(
            "No contact of that number is kept: give it as the PBX showed it, and mind that it is forgotten. Where a"
            " key seals numbers, only who may read the secrets file finds them (sudo -u contactd ...)."
        )
    return [str(contact) for contact in found]


async def erase(config: Path, text: str) -> dict[str, Any]:
    """Remove number, name and recordings of the contact that text means. Raises as explain does."""
    async with database(config, writes=True) as connection:
        contact = await one_contact(connection, config, text)
        erased = await audit.erase(connection, Who.me(), "contactctl erase", contact)
    told = {"contact": contact, "erased": erased.private}
    return {**told, "recordings": erased.recordings, "recordings_held": erased.held}


def show_erased(answer: dict[str, Any]) -> None:
    if answer["erased"]:
        click.echo(f"{answer['contact']}: number and name are erased. Backups have them until they expire.")
    elif not answer["recordings"]:
        click.echo(f"{answer['contact']}: nothing was kept, or it was erased before.")
    click.echo(recordings_words(answer["recordings"], answer["recordings_held"]), nl=False)


def recordings_words(removed: int, held: int) -> str:
    """Lines about recordings; none when there were none."""
    told = f"Recordings erased: {removed}; no copy of them can be read any more.\n" if removed else ""
    stay = f"Recordings under a legal hold, which stay: {held} (contactctl recordings release).\n" if held else ""
    return told + stay
