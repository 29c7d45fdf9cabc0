"""Recordings by contactctl: PostgreSQL and the store are asked directly; who reads one is written down before."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from contactd.config import recording_access
from contactd.core.errors import ContactdError
from contactd.ctl.durations import duration, local
from contactd.ctl.exits import Exit
from contactd.ctl.store import NotFound, database, named, one_contact
from contactd.services.recording.sealing import KeyRing, NotReadable, opened
from contactd.store import recordings as rows
from contactd.store.audit import Who
from contactd.store.recordings import Recording


class HeldSo(ContactdError):
    """It is held already, or not held."""

    exit_code = Exit.REFUSED


async def _one(connection: Any, text: str) -> Recording:
    """Raises NotFound."""
    return await named(lambda start: rows.one(connection, start), text, "recording", "contactctl recordings list")


async def listed(config: Path, most: int, contact: str | None, agent: str | None) -> list[dict[str, Any]]:
    """The newest first; nothing of what was said."""
    async with database(config) as connection:
        meant = await one_contact(connection, config, contact) if contact is not None else None
        return [_told(one) for one in await rows.listed(connection, most, meant, agent)]


async def shown(config: Path, text: str) -> dict[str, Any]:
    async with database(config) as connection:
        return _told(await _one(connection, text))


async def export(config: Path, text: str, out: BinaryIO) -> dict[str, Any]:
    """Write it down, then the WAV to out: checked piece by piece, and in the end as a whole. Raises NotReadable."""
    section, secret = recording_access(config)
    keys = KeyRing.of_hex([*([secret.key] if secret.key is not None else []), *secret.old_keys])
    async with database(config, writes=True) as connection:
        recording = await _one(connection, text)
        blob = await rows.reveal(connection, Who.me(), recording)
    if blob is None:
        raise NotFound("It was erased meanwhile.")
    whole, path = hashlib.sha256(), Path(section.store) / blob.path
    key = keys.unwrap(blob.key_id, blob.key, blob.id)
    try:
        with path.open("rb") as file:
            for piece in opened(file, key, blob.id):
                whole.update(piece)
                out.write(piece)
    except OSError as error:
        raise NotReadable(
            f"{path} cannot be read ({error.strerror}): run this as a user who may (sudo -u contactd ...), where"
            " the store of [recording] is."
        ) from error
    if whole.digest() != blob.hash:
        raise NotReadable("What was read is not what was recorded: restore the file from a backup.")
    return _told(recording)


async def held(config: Path, text: str, why: str, *, held: bool) -> dict[str, Any]:
    """Raises HeldSo."""
    async with database(config, writes=True) as connection:
        recording = await _one(connection, text)
        if not await rows.hold(connection, Who.me(), recording, held=held, why=why):
            raise HeldSo(f"{recording.id} is {'held already' if held else 'not held'}.")
        return _told(await _one(connection, recording.id))


def show_list(found: list[dict[str, Any]]) -> None:
    for one in found:
        marks = "".join(f"  {mark}" for mark in ("held",) if one["hold"]) + ("" if one["whole"] else "  not whole")
        at = local(one["began_at"]).strftime("%Y-%m-%d %H:%M:%S")
        who = f"{one['queue'] or '-'} {one['agent'] or '-'}"
        click.echo(f"{one['id'][:13]}  {at}  {duration(one['seconds']):>12}  {who}  {one['contacts'][0]}{marks}")
    if not found:
        click.echo("none", err=not sys.stdout.isatty())


def show_one(one: dict[str, Any]) -> None:
    click.echo(f"recording {one['id']}")
    lines = {
        "contact": ", ".join(one["contacts"]),
        "queue": one["queue"] or "not known",
        "agent": one["agent"] or "not known",
        "began": local(one["began_at"]).strftime("%Y-%m-%d %H:%M:%S"),
        "length": duration(one["seconds"]) + ("" if one["whole"] else ", not whole"),
        "kept until": "it is released: a legal hold" if one["hold"] else one["expires_on"],
        "sha256": one["sha256"],
        "file": one["path"],
        "key": one["key_id"],
    }
    for name, value in lines.items():
        click.echo(f"  {name + ':':<12} {value}")


def _told(recording: Recording) -> dict[str, Any]:
    day = datetime.fromtimestamp(recording.expires, UTC).strftime("%Y-%m-%d")
    return {**dataclasses.asdict(recording), "expires_on": day}
