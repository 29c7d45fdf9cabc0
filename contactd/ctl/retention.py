"""How long each kind of data is kept, for people: PostgreSQL is asked directly; daemon and worker need not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from contactd.config import retention_access
from contactd.ctl.durations import local
from contactd.ctl.store import database
from contactd.store import retention

_TAKES = "systemctl start contactd-migrate"


async def told(config: Path, *, dry_run: bool) -> list[dict[str, Any]]:
    """One entry a kind. would_go: by the files; None: not counted."""
    wanted = retention_access(config)
    async with database(config) as connection:
        rules = {rule.kind: rule for rule in await retention.rules(connection)}
        found = []
        for kind, days in wanted.items():
            rule = rules.get(kind, retention.Rule(kind, None, None, 0, 0, 0, None))
            entry: dict[str, Any] = {
                "kind": kind,
                "keep_days": days or None,
                "in_force_days": rule.keep_days,
                "ran_at": rule.ran_at,
                "removed": rule.removed,
                "last_removed": rule.last_removed,
                "held": rule.held,
                "oldest": rule.oldest,
            }
            if dry_run and kind not in retention.BY_OWNER:
                gone = await retention.due(connection, kind, days) if days else retention.Gone()
                entry |= {"would_go": gone.removed, "would_stay_held": gone.held}
            found.append(entry)
    return found


def show(kinds: list[dict[str, Any]]) -> None:
    for one in kinds:
        kept = f"{one['keep_days']} days" if one["keep_days"] else "for ever"
        click.echo(f"{one['kind']:<14} {kept:<10}  {'; '.join(_words(one))}")
    if any(one["keep_days"] != one["in_force_days"] for one in kinds):
        click.echo(f"The files say another number than what is in force: {_TAKES}, or wait for the night.")


def _words(one: dict[str, Any]) -> list[str]:
    said = []
    if one["keep_days"] != one["in_force_days"]:
        said.append(f"in force: {one['in_force_days'] or 'for ever'}")
    if "would_go" in one:
        said.append(
            f"would go: {one['would_go']}" + (f", held: {one['would_stay_held']}" if one["would_stay_held"] else "")
        )
        return said
    if one["ran_at"] is None:
        said.append("has not run yet")
    else:
        said.append(f"last run {local(one['ran_at']):%Y-%m-%d %H:%M} removed {one['last_removed']}")
    said += [f"held: {one['held']}"] if one["held"] else []
    said += [f"the oldest is of {local(one['oldest']):%Y-%m-%d}"] if one["oldest"] is not None else []
    return said
