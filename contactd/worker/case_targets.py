"""The kind case_targets: what is about to break is told, what broke is kept, and what runs follows the calendars."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import structlog

from contactd.config import CaseSections, calendars_of
from contactd.services.cases.rules import Rules
from contactd.services.cases.watching import followed, told
from contactd.store import case_watch
from contactd.store.reading import reader
from contactd.worker.job import Job

log = structlog.get_logger()

_MOST_LOGGED = 50


async def run(job: Job) -> dict[str, Any]:
    """Run twice, the second time finds nothing to do."""
    sections = msgspec.convert(job.sections, CaseSections)
    rules = Rules.of(sections.case_types, calendars_of(sections.calendars), (), ())
    sha256 = hashlib.sha256(json.dumps(job.sections, sort_keys=True).encode()).hexdigest()
    async with reader(
        job.dsn, password=job.password, writes=True, role="contactd_worker", program="contactd worker"
    ) as connection:
        moved = 0
        if await case_watch.last_rules(connection) != sha256:
            moved = await followed(connection, rules)
        found = await told(connection)
    for number, target, what in found[:_MOST_LOGGED]:
        log.warning(f"case_target_{what}", case=number, target=target, remedy="contactctl cases due lists them.")
    counts = {what: sum(one == what for _, _, one in found) for what in ("soon", "broken")}
    return {"rules": sha256, "moved": moved, **counts}
