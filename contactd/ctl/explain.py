"""Stories out of the journal: PostgreSQL is read directly, whether the daemon runs or not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from contactd.config import database_access, pbx_names
from contactd.core.errors import ContactdError
from contactd.ctl.words import summary, words
from contactd.store.reading import Story, find_contacts, latest_contacts, reader, story


class NotFound(ContactdError):
    """Nobody, or too many."""


async def explain(config: Path, text: str) -> Story:
    """Raises NotFound, StoreAway, StoreRefused, ConfigErrors."""
    database, secrets = database_access(config)
    async with reader(database.dsn, password=secrets.password) as connection:
        found = await find_contacts(connection, text, pbx_names(config))
        if len(found) > 1:
            some = "\n  ".join(found)
            raise NotFound(f"{text} begins more than one contact; give more of it:\n  {some}")
        told = await story(connection, found[0]) if found else None
    if told is None:
        raise NotFound(
            f"The journal knows no contact {text}: give its UUID, the beginning of it, or the Uniqueid of the"
            " caller's channel (contactctl contacts --past 20 lists some)."
        )
    return told


async def past(config: Path, most: int) -> list[dict[str, Any]]:
    """The latest contacts of history."""
    database, secrets = database_access(config)
    async with reader(database.dsn, password=secrets.password) as connection:
        rows = await latest_contacts(connection, most)
    return [
        {
            **{name: getattr(row, name) for name in row.__dataclass_fields__},
            "arrived": _local(row.arrived_at).strftime("%Y-%m-%d %H:%M:%S"),
        }
        for row in rows
    ]


def as_text(told: Story) -> str:
    first = told.told[0].at
    start = _local(first)
    lines = [
        f"contact {told.contact}, call {told.row.call} on line {told.row.dnis}, {start:%Y-%m-%d %Z}",
        summary(told.row),
        "",
    ]
    for fact in told.told:
        sentence = words(fact.event) if fact.event is not None else f"{fact.kind} (made by a newer contactd)"
        lines.append(f"{_local(fact.at):%H:%M:%S.%f}"[:-3] + f"  {_after(fact.at - first):>9}  {sentence}")
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


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()


def _after(seconds: float) -> str:
    """Seconds since the arrival; a fact that was read late may lie before it."""
    return f"{seconds:+.3f} s"
