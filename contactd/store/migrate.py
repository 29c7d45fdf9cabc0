"""contactd migrate: numbered SQL files, each run once, in order, by the owner of the database."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import asyncpg

from contactd.core.errors import ContactdError
from contactd.store.queries import sql_folder

_FILE = re.compile(r"^(\d{4})_(\w+)\.sql$")
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


async def migrate(dsn: str, *, password: str | None = None, keep_input_days: int = 35) -> list[Migration]:
    """Bring the database up to date and cut the journal where a month has begun. Returns what was run.

    Each file runs in a transaction of its own with its row in ``migration``; a changed file is refused.
    Two at once wait for each other.
    """
    options = {"password": password} if password else {}
    try:
        connection = await asyncpg.connect(dsn, timeout=10, **options)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise MigrationRefused(
            f"Cannot reach PostgreSQL ({error}): is it running, are migrate_dsn and its password right?"
        ) from error
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, name text NOT NULL,"
            " sha256 text NOT NULL, run_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await connection.fetch("SELECT number, name, sha256 FROM migration")
        done = {row["number"]: (row["name"], row["sha256"]) for row in rows}
        wanted = migrations()
        if done and max(done) > len(wanted):
            raise MigrationRefused(
                f"The database has migration {max(done)}, this contactd knows {len(wanted)}: it was migrated by a"
                " newer version. Install that one, or restore the backup taken before the upgrade."
            )
        run = []
        for migration in wanted:
            if migration.number in done:
                if done[migration.number][1] != migration.sha256:
                    raise MigrationRefused(
                        f"Migration {migration.number:04} ({migration.name}) is not the file that was run here:"
                        " install contactd again, whole; a migration that was released is never edited."
                    )
                continue
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migration (number, name, sha256) VALUES ($1, $2, $3)",
                    migration.number,
                    migration.name,
                    migration.sha256,
                )
            run.append(migration)
        await connection.execute("SELECT cut_journal(make_interval(days => $1))", keep_input_days)
        return run
    finally:
        await connection.close()
