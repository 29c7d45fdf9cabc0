"""`python -m tests.lab.bench.cases --parties 50000` fills a population with cases, then asks as screens and reports do.

fill_cases() is for others who have filled parties and contacts (customers.py): one case a party, of which one in twenty
is open and one in fifty waits, each about two of the party's contacts, with a sealed subject, a note, targets and a
history.

case_by_number_p99_ms, cases_of_party_p99_ms, timeline_with_cases_p99_ms (20 or less), open_cases_of_queue_p99_ms,
cases_due_p99_ms, fcr_month_s.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from contactd.services.cases.number import LOWEST, number_of
from contactd.store import cases, parties, reports
from contactd.store.cases import NOTE, SUBJECT, Asked, about_word
from contactd.store.migrate import migrate
from contactd.store.reading import reader
from contactd.store.vault import Vault
from tests.lab.bench.figures import Figures, percentile, say
from tests.lab.postgres import Postgres

_TABLES = ("customer_case", "case_word", "case_contact", "case_change", "case_target")
_TOPICS = ("delivery", "invoice", None)
_YEAR_S = 365 * 86400
_DAY_S = 86400
LOOKS = 1000

_LINKS = """
    INSERT INTO case_contact (case_id, contact)
    SELECT k.id, c.id FROM customer_case k CROSS JOIN LATERAL (
        SELECT c.id FROM contact c WHERE c.party = k.party ORDER BY c.arrived_at DESC LIMIT 2) AS c
"""
_CHANGES = """
    INSERT INTO case_change (case_id, at, who, what, was, now)
    SELECT k.id, k.made_at, 'anna', v.what, NULL, v.now FROM customer_case k
    CROSS JOIN LATERAL (VALUES ('made', k.type), ('status', 'new')) AS v (what, now)
"""
_TARGETS = """
    INSERT INTO case_target (case_id, kind, calendar, left_s, since, warn_at, due, met_at)
    SELECT k.id, 'resolution', NULL, 172800, CASE k.phase WHEN 'open' THEN now() END,
           CASE k.phase WHEN 'open' THEN k.made_at + interval '47 h' END,
           CASE k.phase WHEN 'open' THEN k.made_at + interval '48 h' END, k.closed_at
    FROM customer_case k
"""


def case_of(number: int, kind: int = 1) -> str:
    """A UUIDv7 of its own, the same in every run. kind: 1 the case's, 2 its subject's, 3 its note's."""
    return f"0190000{kind}-{number >> 16:04x}-7{number & 0xFFF:03x}-8000-{number:012x}"


async def fill_cases(
    owner: asyncpg.Connection, vault: Vault, party_of: Callable[[int], str], parties: int, count: int
) -> None:
    """As the owner, after parties and contacts: count cases of these parties. party_of: number -> id."""
    now = datetime.now(UTC)

    def rows() -> Iterator[tuple[Any, ...]]:
        for n in range(count):
            made = now - timedelta(seconds=(n * 7919) % _YEAR_S)
            phase = "open" if n % 20 == 0 else "waiting" if n % 50 == 1 else "closed"
            owner_of = (f"agent{n // 60 % 200}", None) if n % 3 else (None, f"queue{n // 60 % 10}")
            yield (
                *(case_of(n), number_of(LOWEST + n * 631), "complaint", _TOPICS[n % 3], phase, phase),
                *(party_of(n % parties), *owner_of, made, made, made if phase == "closed" else None),
            )

    def words() -> Iterator[tuple[Any, ...]]:
        for n in range(count):
            for kind, field in ((2, SUBJECT), (3, NOTE)):
                word = case_of(n, kind)
                yield word, case_of(n), field, "anna", vault.seal(f"About parcel {n}", about_word(word))

    columns = ["id", "number", "type", "topic", "status", "phase", "party", "agent", "queue", "made_at", "changed_at"]
    await owner.copy_records_to_table("customer_case", records=rows(), columns=[*columns, "closed_at"], timeout=3600)
    columns = ["id", "case_id", "field", "who", "value"]
    await owner.copy_records_to_table("case_word", records=words(), columns=columns, timeout=3600)
    await owner.execute("ANALYZE customer_case, contact", timeout=3600)
    for statement in (_LINKS, _CHANGES, _TARGETS):
        await owner.execute(statement, timeout=3600)
    for table in _TABLES:
        await owner.execute(f"VACUUM (ANALYZE) {table}", timeout=3600)
    say(f"{count} cases are there")


async def measure_cases(dsn: str, vault: Vault, party_of: Callable[[int], str], count: int, figures: Figures) -> None:
    """What screens and reports ask, one after the other, as contactctl does."""
    dice = random.Random(count)

    async def each(name: str, ask: Callable[[asyncpg.Connection, int], Any]) -> None:
        took = []
        async with reader(dsn) as desk:
            for n in [dice.randrange(count) for _ in range(LOOKS + 50)]:
                began = time.perf_counter()
                assert await ask(desk, n)
                took.append((time.perf_counter() - began) * 1000)
        figures.add(f"{name}_p50_ms", percentile(took[50:], 50), "ms")
        figures.add(f"{name}_p99_ms", percentile(took[50:], 99), "ms")

    await each("case_by_number", lambda desk, n: cases.by_number(desk, number_of(LOWEST + n * 631)))
    await each("cases_of_party", lambda desk, n: cases.found(desk, Asked(closed=True, party=party_of(n)), 20))  # type: ignore[arg-type]
    await each("timeline_with_cases", lambda desk, n: parties.timeline(desk, party_of(n), time.time() + 60, 20))  # type: ignore[arg-type]
    await each("open_cases_of_queue", lambda desk, n: cases.found(desk, Asked(queue=f"queue{n % 10}"), 20))
    await each("cases_due", lambda desk, _: cases.due(desk, 86400.0, None, None, None, 50))
    async with reader(dsn) as desk:
        began = time.perf_counter()
        until = time.time() - 14 * _DAY_S
        lines = await reports.resolution(desk, until - 30 * _DAY_S, until, 7, "topic")
        figures.add("fcr_month_s", time.perf_counter() - began, "s")
        figures.add("fcr_month_contacts", lines[-1].contacts, "")


async def _run(dsn: str, size: int, figures: Figures) -> None:
    from tests.lab.bench.customers import Population, party_of

    population = Population(size, 10)
    owner = await asyncpg.connect(dsn)
    await population.fill(owner)
    if not await owner.fetchval("SELECT EXISTS (SELECT FROM customer_case)"):
        await fill_cases(owner, population.vault, party_of, size, size)
    await owner.close()
    await measure_cases(dsn, population.vault, party_of, size, figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parties", type=int, default=50_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="contactd-cases-"))
    figures = Figures()
    try:
        with Postgres(folder) as postgres:
            dsn = postgres.create_database("cases")
            asyncio.run(migrate(dsn))
            asyncio.run(_run(dsn, options.parties, figures))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(figures.lines()))


if __name__ == "__main__":
    main()
