"""The named queries of sql/queries and sql/reports: ``-- name: x``, what it is for, then one statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from contactd.core.errors import ContactdError

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class SqlMissing(ContactdError):
    """The installation has no SQL files, or not this one."""


def sql_folder() -> Path:
    """The folder of SQL files: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package.parent / "sql", package / "sql"):
        if (folder / "migrations").is_dir():
            return folder
    raise SqlMissing(f"No sql/migrations beside {package}: install contactd again, whole.")


@dataclass(frozen=True, slots=True)
class Query:
    name: str
    description: str
    sql: str
    file: str


@cache
def all_queries() -> dict[str, Query]:
    """Every named query; a name stands once."""
    found: dict[str, Query] = {}
    for path in sorted(path for folder in ("queries", "reports") for path in (sql_folder() / folder).glob("*.sql")):
        parts = _NAME.split(path.read_text(encoding="utf-8"))
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            lines = text.strip().splitlines()
            description = " ".join(line[2:].strip() for line in lines if line.startswith("--"))
            sql = "\n".join(line for line in lines if not line.startswith("--")).strip().rstrip(";")
            if name in found or not description or not sql:
                raise SqlMissing(f"{path}: the query {name} stands twice, or lacks its description or its text.")
            found[name] = Query(name, description, sql, path.name)
    return found


def query(name: str) -> str:
    """The text of a named query."""
    try:
        return all_queries()[name].sql
    except KeyError:
        raise SqlMissing(f"sql/queries has no query {name}: install contactd again, whole.") from None
