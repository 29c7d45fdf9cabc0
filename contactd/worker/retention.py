"""The kind retention: what is older than it may be is forgotten, in batches; what is held stays."""

from __future__ import annotations

from typing import Any

from contactd.store.reading import reader
from contactd.store.retention import forget
from contactd.worker.job import Job


async def run(job: Job) -> dict[str, Any]:
    """Every kind of the table that the owner set. Run twice, the second time finds nothing."""
    async with reader(
        job.dsn, password=job.password, writes=True, role="contactd_worker", program="contactd worker"
    ) as connection:
        done = await forget(connection, job.report, job.progress)
    return {
        kind: f"{gone.removed} rows removed" + (f", {gone.held} held" if gone.held else "")
        for kind, gone in done.items()
    }
