"""How fast customers come from a file: rows a second, as contactctl does it, sealed. Called by customers.py, or alone:
`python -m tests.lab.bench.importing --rows 20000`.

Each row has a name, a number, a mail address and a language, as the population; each is new. Matching and writing
are in it, and so is the reading of the file. import_rows_per_s (10,000 or more).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import shutil
import tempfile
import time
from pathlib import Path

import asyncpg

from contactd.services.crm.identity import Numbering
from contactd.services.crm.importing.ahead import Task, reading_ahead
from contactd.services.crm.importing.lines import look
from contactd.services.crm.importing.run import Import, Policy, Report
from contactd.store import party_import
from contactd.store.audit import Who
from contactd.store.migrate import migrate
from contactd.store.party_import import Tally
from contactd.store.reading import reader
from contactd.store.vault import Vault
from tests.lab.bench.figures import Figures
from tests.lab.postgres import Postgres

ROWS = 100_000
KEY = bytes(range(32))
_TARGETS = {"Name": "name", "Telefon": "phone", "Mail": "mail", "Sprache": "language"}


def text_of(rows: int) -> str:
    body = (f"Person {n};0151 {20_000_000 + n};import{n}@example.org;de\n" for n in range(rows))
    return "Name;Telefon;Mail;Sprache\n" + "".join(body)


async def _import(dsn: str, vault: Vault, file: Path) -> tuple[Tally, float, int]:
    """What was made, the seconds from the command's first look at the file on, and the import's number."""
    by = frozenset({"phone", "mail"})
    gc.set_threshold(100_000)  # as contactctl does
    async with reader(dsn, writes=True) as connection:
        began = time.perf_counter()
        task = Task(look(file, None), None, None, _TARGETS, {}, Numbering("DE"), by, vault.finder)
        number = await party_import.begin(connection, Who(0), b"bench", b"")
        async with reading_ahead(task) as ahead:
            report = Report(io.StringIO())
            made = Import(connection, vault, Who(0), ahead, Policy("skip", by), report, number=number, earlier=Tally())
            tally = await made.run()
        return tally, time.perf_counter() - began, number


async def measure_import(dsn: str, vault: Vault, figures: Figures, rows: int = ROWS, name: str = "import") -> None:
    """Into a database with whatever is there."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "customers.csv"
        file.write_text(text_of(rows))
        tally, took, number = await _import(dsn, vault, file)
    assert tally.made == rows, tally
    owner = await asyncpg.connect(dsn)
    await owner.execute("DELETE FROM party WHERE source = $1", f"import {number}", timeout=600)
    await owner.close()
    figures.add(f"{name}_rows_per_s", rows / took, "rows/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="contactd-import-"))
    figures = Figures()
    try:
        with Postgres(folder) as postgres:
            for name, vault in (("import", Vault([KEY])), ("import_unsealed", Vault())):
                dsn = postgres.create_database(name)
                asyncio.run(migrate(dsn))
                asyncio.run(measure_import(dsn, vault, figures, options.rows, name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(figures.lines()))


if __name__ == "__main__":
    main()
