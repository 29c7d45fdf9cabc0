"""The kind verify: is the journal what was written? What is found is kept, for Prometheus and for an auditor."""

from __future__ import annotations

from typing import Any

import structlog

from contactd.store.chain import Place, verdicts
from contactd.store.queries import query
from contactd.store.reading import reader
from contactd.worker.job import Job

log = structlog.get_logger()


async def run(job: Job) -> dict[str, Any]:
    """Every floor. Run twice, it is looked at twice."""

    def report(place: Place) -> None:
        job.report({"floor": place.floor, "seq": place.seq, "facts": place.facts, "chain": place.chain.hex()})

    found: dict[str, Any] = {}
    async with reader(
        job.dsn, password=job.password, writes=True, role="contactd_worker", program="contactd worker"
    ) as connection:
        async for verdict in verdicts(connection, since=_place(job), report=report):
            name, broken = f"floor {verdict.floor}", verdict.broken or (None, None)
            columns = (verdict.floor, verdict.to_seq, verdict.facts, verdict.seals, *broken)
            await connection.execute(query("keep_verification"), *columns)
            if verdict.broken:
                log.error(
                    "journal_broken",
                    floor=verdict.floor,
                    from_seq=verdict.broken[0],
                    to_seq=verdict.broken[1],
                    remedy="A fact in between was changed, added or removed after it was written. Keep the database as"
                    " it is, and compare these facts with a backup (docs/operations.rst).",
                )
                found[name] = f"broken between the facts {verdict.broken[0]} and {verdict.broken[1]}"
            else:
                found[name] = f"whole up to {verdict.to_seq}, {verdict.seals} months sealed"
    return found


def _place(job: Job) -> Place | None:
    """Where an earlier attempt broke off."""
    told = job.progress
    if told is None:
        return None
    return Place(int(told["floor"]), int(told["seq"]), int(told["facts"]), bytes.fromhex(told["chain"]))
