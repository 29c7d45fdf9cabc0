"""`make bench-customers`, or `python -m tests.lab.bench.customers --parties 50000`: matching, timeline, erasing.

A private PostgreSQL outside the checkout is filled with a seeded population: every party has a name, a number and a
mail address, sealed; one in twenty a second number, one in a hundred shares its number; ten contacts each over a
year, a note and a consent for some, and a case each (cases.py). Then, one after the other as the daemon and contactctl
ask: numbers are matched (a tenth of them nobody's), timelines with their cases read, persons and their cases' words
erased whole. `make bench-customers` is the full size: a million parties and cases, ten million contacts.

import_rows_per_s (10,000 or more; importing.py), match_by_number_p99_ms (5 or less), timeline_p99_ms (20 or less),
erase_person_s (2 or less; the slowest of them), duplicates_s (of all of them), forgotten_rows_per_s (numbers and names
that are too old, in batches).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from contactd.core.ids import PartyId
from contactd.services.crm.identity import Numbering
from contactd.services.crm.whole import erase
from contactd.store import callers, parties, retention
from contactd.store.audit import Who
from contactd.store.migrate import migrate
from contactd.store.parties import NAME, Directory, about, name_hashes, open_directory_pool
from contactd.store.reading import reader
from contactd.store.vault import Vault
from tests.lab.bench.cases import fill_cases
from tests.lab.bench.figures import Figures, percentile, say
from tests.lab.bench.importing import measure_import
from tests.lab.postgres import Postgres

SEED, YEAR_S = 20261122, 365 * 86400
LOOKS, ERASED = 2000, 20
SETTINGS = {"shared_buffers": "512MB", "maintenance_work_mem": "512MB", "max_wal_size": "4GB"}
"""As a small host has them; PostgreSQL's own are those of 2005."""
KEY = bytes(range(32))
DE = Numbering("DE")


def party_of(number: int) -> PartyId:
    """A UUIDv7 of its own, the same in every run."""
    return PartyId(f"01900000-{number >> 16:04x}-7{number & 0xFFF:03x}-8000-{number:012x}")


def phone_of(number: int) -> str:
    """One in a hundred has the number of the one before."""
    return f"+4930{10_000_000 + number - (number % 100 == 99):08}"


# A contact's id begins with the milliseconds of its arrival, as contact_id()'s. They come in the order of arrival, as
# the daemon writes them, so those of one party lie far apart. $1 Unix s, $2 seconds, $3 parties, $4 contacts.
_CONTACTS = """
    INSERT INTO contact (id, floor, medium, pbx, call, dnis, queue, agent, arrived_at, queued_at, connected_at,
                         ended_at, outcome, waited_s, talk_s, offers, party)
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
            || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
           1, 'voice', 'pbx1', 'pbx1-' || n, '5001', 'queue' || n % 10, 'agent' || n % 200, at, at, at,
           at + interval '3 min', 'handled', 9, 120, 1,
           ('01900000' || lpad(to_hex(k >> 16), 4, '0') || '7' || lpad(to_hex(k & 4095), 3, '0') || '8000'
            || lpad(to_hex(k), 12, '0'))::uuid
    FROM (SELECT n, to_timestamp($1::float8 + $2::float8 * n / $4::bigint) AS at, (n * 7919) % $3::bigint AS k
          FROM generate_series(0, $4::bigint - 1) AS n) AS c
"""
_NOTES = """
    INSERT INTO party_note (id, party, who, body)
    SELECT gen_random_uuid(), id, 'anna', '=Called back.' FROM party WHERE vip
"""
_CONSENTS = """
    INSERT INTO party_consent (party, purpose, given, how, who)
    SELECT id, 'recording', true, 'phone', 'anna' FROM party WHERE vip
"""
_INDEXES = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS made FROM pg_index
    WHERE indrelid = ANY ($1::text[]::regclass[]) AND NOT indisprimary AND NOT indisunique
"""
_RECENT = """
    SELECT c.id::text, c.party::text FROM contact c WHERE c.arrived_at > now() - interval '90 days'
"""


class Population:
    """size: how many parties. each: contacts of each. cases: in all, one after the other of the parties."""

    def __init__(self, size: int, each: int, cases: int = 0) -> None:
        self.size = size
        self.each = each
        self.cases = cases
        self.vault = Vault([KEY])
        self._began = time.time() - YEAR_S

    async def fill(self, owner: asyncpg.Connection) -> None:
        """Without indexes, which are made when all is there: several times as fast."""
        tables = ["contact", "contact_private", "party", "party_identity", "party_private"]
        indexes = await owner.fetch(_INDEXES, tables)
        for index in indexes:
            await owner.execute(f"DROP INDEX {index['name']}")
        await self._copy(owner, "party", ["id", "light", "vip", "language"], self._parties())
        await self._copy(owner, "party_identity", ["party", "kind", "lookup", "value"], self._identities())
        await self._copy(owner, "party_private", ["party", "field", "value", "lookup", "alike"], self._names())
        contacts = self.size * self.each
        await owner.execute(_CONTACTS, self._began, float(YEAR_S), self.size, contacts, timeout=3600)
        say(f"{contacts} contacts are there")
        recent = await owner.fetch(_RECENT, timeout=3600)
        columns = ["contact", "salt", "ani", "name", "lookup"]
        await self._copy(owner, "contact_private", columns, self._callers(recent))
        for statement in (_NOTES, _CONSENTS):
            await owner.execute(statement, timeout=3600)
        for index in indexes:
            await owner.execute(index["made"], timeout=3600)
        say("indexes are there")
        if self.cases:
            await fill_cases(owner, self.vault, party_of, self.size, self.cases)
        await owner.execute("VACUUM (ANALYZE, FREEZE)", timeout=3600)
        await owner.execute("CHECKPOINT", timeout=3600)

    async def _copy(self, owner: asyncpg.Connection, table: str, columns: list[str], rows: Iterator[Any]) -> None:
        await owner.copy_records_to_table(table, records=rows, columns=columns, timeout=3600)
        say(f"{table} is there")

    def _parties(self) -> Iterator[tuple[Any, ...]]:
        for n in range(self.size):
            yield party_of(n), False, n % 10 == 0, ("de", "en", None)[n % 3]

    def _identities(self) -> Iterator[tuple[Any, ...]]:
        for n in range(self.size):
            party = party_of(n)
            values = [("phone", phone_of(n)), ("mail", f"person{n}@example.org")]
            if n % 20 == 0:
                values.append(("phone", f"+4989{10_000_000 + n:08}"))
            for kind, value in values:
                yield party, kind, self.vault.lookup(kind, value), self.vault.seal(value, about(party, kind))

    def _names(self) -> Iterator[tuple[Any, ...]]:
        for n in range(self.size):
            party, name = party_of(n), f"Person {n}"
            yield (
                party,
                NAME,
                self.vault.seal(name, about(party, f"field/{NAME}")),
                *name_hashes(self.vault, name),
            )

    def _callers(self, recent: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Each from the number of its party, as a trunk shows it."""
        for contact, party in recent:
            number = phone_of(int(party[-12:], 16))
            ani = callers.seal(self.vault, contact, "ani", f"0{number[3:]}")
            name = callers.seal(self.vault, contact, "name", "Somebody")
            yield contact, bytes(16), ani, name, self.vault.lookup("phone", number)


async def measure(dsn: str, population: Population, figures: Figures, *, filled: bool) -> None:
    owner = await asyncpg.connect(dsn)
    if not filled:
        began = time.perf_counter()
        await population.fill(owner)
        figures.add("population_s", time.perf_counter() - began, "s")
    # Of a folder that was measured before, others: some of the first are erased.
    erased = await owner.fetchval("SELECT count(*) FROM audit WHERE act = 'erase'")
    dice = random.Random(f"{SEED} {erased}")
    size = await owner.fetchval("SELECT pg_database_size(current_database())")
    figures.add("size_on_disk_mb", size / 1e6, "MB")
    await owner.close()
    say(f"filled; load average {os.getloadavg()[0]:.1f}")
    pool = await open_directory_pool(dsn)
    directory = Directory(pool, timeout_s=5)
    asked = [phone_of(dice.randrange(population.size)) for _ in range(LOOKS)]
    asked = [number if n % 10 else f"+4940{n:07}" for n, number in enumerate(asked)]
    took = []
    for number in [*asked[:200], *asked]:
        began = time.perf_counter()
        await directory.arrives(population.vault, "phone", number, days=30, make=True)
        took.append((time.perf_counter() - began) * 1000)
    pool.terminate()
    _add(figures, "match_by_number", took[200:])
    await measure_import(dsn, population.vault, figures)
    async with reader(dsn, writes=True) as desk:
        took = []
        chosen = [party_of(dice.randrange(population.size)) for _ in range(LOOKS)]
        for party in [*chosen[:200], *chosen]:
            began = time.perf_counter()
            entries = await parties.timeline(desk, party, time.time() + 60, 20)
            took.append((time.perf_counter() - began) * 1000)
            # Its newest contacts, and its case among them or before.
            assert len(entries) >= min(population.each, 20)
            assert population.cases < population.size or any(one.cases for one in entries)
        _add(figures, "timeline", took[200:])
        took = []
        for party in list(dict.fromkeys(chosen))[:ERASED]:
            began = time.perf_counter()
            done = await erase(desk, population.vault, DE, Who(0), party)
            took.append(time.perf_counter() - began)
            assert done.parties == 1 and done.cases == (population.cases >= population.size)
        figures.add("erase_person_s", max(took), "s")
        began = time.perf_counter()
        pairs = await parties.duplicates(desk, 100)
        figures.add("duplicates_s", time.perf_counter() - began, "s")
        assert len(pairs) == min(100, population.size // 100)
    await _forget(dsn, figures)


async def _forget(dsn: str, figures: Figures) -> None:
    """Numbers and names of the oldest of the 90 days that are there."""
    owner = await asyncpg.connect(dsn)
    await retention.set_days(owner, {"callers": 80})
    await owner.close()
    async with reader(dsn, writes=True, role="contactd_worker") as worker:
        began = time.perf_counter()
        gone = (await retention.forget(worker))["callers"]
        spent = time.perf_counter() - began
    figures.add("forgotten_rows", gone.removed, "rows")
    figures.add("forgotten_rows_per_s", gone.removed / spent, "rows/s")


def _add(figures: Figures, name: str, took_ms: list[float]) -> None:
    figures.add(f"{name}_p50_ms", percentile(took_ms, 50), "ms")
    figures.add(f"{name}_p99_ms", percentile(took_ms, 99), "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parties", type=int, default=1_000_000)
    parser.add_argument("--contacts-each", type=int, default=10)
    parser.add_argument("--cases", type=int, help="Left out: as many as parties.")
    parser.add_argument("--folder", type=Path, help="Where PostgreSQL keeps it; left out: a new one, removed after.")
    parser.add_argument("--again", action="store_true", help="The folder was filled before, by as many.")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="contactd-customers-"))
    figures = Figures()
    try:
        with Postgres(folder, settings=SETTINGS) as postgres:
            dsn = postgres.dsn_of("customers") if options.again else postgres.create_database("customers")
            asyncio.run(migrate(dsn))
            cases = options.parties if options.cases is None else options.cases
            population = Population(options.parties, options.contacts_each, cases)
            asyncio.run(measure(dsn, population, figures, filled=options.again))
    finally:
        # Also those that came before something failed.
        print("\n".join(figures.lines()))
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
