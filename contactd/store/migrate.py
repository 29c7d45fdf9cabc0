"""contactd migrate: numbered SQL files, each run once, in order, by the owner of the database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from contactd.config.retention import DEFAULT_DAYS
from contactd.core.errors import ContactdError
from contactd.store import retention
from contactd.store.callers import FoundBy, as_shown
from contactd.store.queries import sql_folder
from contactd.store.resealing import reseal
from contactd.store.trouble import away
from contactd.store.vault import Vault

_FILE = re.compile(r"^(\d{4})_(\w+)\.sql$")
_RUNS_WITH = re.compile(r"^-- runs with: (\d{4})$", re.MULTILINE)
_LOCK = 1668247411


class MigrationRefused(ContactdError):
    """The database is not what these files would have made of it."""


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def runs_with(self) -> int:
        """The oldest contactd, by the last migration that it knows, which still works once this one has run."""
        said = _RUNS_WITH.search(self.sql)
        return int(said[1]) if said else self.number


def migrations() -> list[Migration]:
    found = []
    for path in sorted((sql_folder() / "migrations").glob("*.sql")):
        match = _FILE.match(path.name)
        if match is None:
            raise MigrationRefused(f"{path}: name it NNNN_words.sql.")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise MigrationRefused("sql/migrations must be numbered from 0001 without a gap.")
    return found


async def migrate(
    dsn: str,
    *,
    password: str | None = None,
    days: Mapping[str, int] = DEFAULT_DAYS,
    vault: Vault | None = None,
    found_by: FoundBy = as_shown,
) -> list[Migration]:
    """Bring the database up to date, cut the journal where a month has begun, forget what is old. Returns what was run.

    Each file runs in a transaction of its own with its row in ``migration``; a changed file is refused, and so is a
    database whose later migrations this contactd cannot work with. Two at once wait for each other.
    days: how long each kind of data is kept; a worker forgets by it, and we where none does.
    vault: customers' and callers' values that its current key has not sealed are sealed with it. found_by: what finds
    callers' numbers.
    """
    options = {"password": password} if password else {}
    try:
        connection = await asyncpg.connect(dsn, timeout=10, **options)
    except OSError as error:
        raise MigrationRefused(f"{away(error)} This concerns migrate_dsn.") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise MigrationRefused(f"PostgreSQL refused us ({error}): are migrate_dsn and its password right?") from error
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _table(connection)
        rows = await connection.fetch("SELECT number, name, sha256, runs_with FROM migration")
        done = {row["number"]: row for row in rows}
        wanted = migrations()
        needed = max((row["runs_with"] or number for number, row in done.items()), default=0)
        if needed > len(wanted):
            raise MigrationRefused(
                f"The database has migration {max(done)} and needs a contactd that knows {needed}, this one knows"
                f" {len(wanted)}: it was migrated by a newer version. Install that one, or restore the backup taken"
                " before the upgrade."
            )
        run = []
        for migration in wanted:
            if migration.number in done:
                if done[migration.number]["sha256"] != migration.sha256:
                    raise MigrationRefused(
                        f"Migration {migration.number:04} ({migration.name}) is not the file that was run here:"
                        " install contactd again, whole; a migration that was released is never edited."
                    )
                continue
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migration (number, name, sha256, runs_with) VALUES ($1, $2, $3, $4)",
                    *(migration.number, migration.name, migration.sha256, migration.runs_with),
                )
            run.append(migration)
        await retention.set_days(connection, days)
        await connection.execute("SELECT cut_journal(make_interval(days => $1))", days["inputs"] or None)
        if await retention.overdue(connection):
            # No worker runs here, or has not for days: nothing is kept for longer than was promised.
            await retention.forget(connection)
        if vault is not None:
            await reseal(connection, vault, found_by)
        return run
    finally:
        await connection.close()


async def _table(connection: asyncpg.Connection) -> None:
    """The table of what was run; the column runs_with came after its first release."""
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, name text NOT NULL,"
        " sha256 text NOT NULL, run_at timestamptz NOT NULL DEFAULT now())"
    )
    # The comment as well: schema.sql is compared with what all this makes.
    await connection.execute(
        "ALTER TABLE migration ADD COLUMN IF NOT EXISTS runs_with integer; COMMENT ON COLUMN migration.runs_with IS"
        " 'The oldest contactd, by the last migration that it knows, which still works after this one.'"
    )
