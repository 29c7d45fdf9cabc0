"""The kind recordings: fetches talks from the PBX's folder, encrypts and indexes them, and forgets what is old."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from contactd.config import Settings
from contactd.services.recording import collecting
from contactd.services.recording.inbox import waits
from contactd.services.recording.sealing import KeyRing
from contactd.store.reading import reader
from contactd.worker.job import Job


def of_use(settings: Settings) -> bool:
    """Where there is no key, nothing is recorded."""
    return settings.secrets.recording.key is not None


def wanted(settings: Settings) -> bool:
    """Whether there is anything to fetch. A folder that cannot be read is told by the daily job, and by the daemon."""
    if not of_use(settings):
        return False
    try:
        return waits(Path(settings.recording.inbox))
    except OSError:
        return False


def more(settings: Settings) -> dict[str, Any]:
    """What the child needs of the configuration. It goes by a pipe, and is kept nowhere."""
    secret, section = settings.secrets.recording, settings.recording
    return {
        "inbox": section.inbox,
        "store": section.store,
        "floor": settings.floor,
        "pbx": next(iter(settings.pbx), ""),
        "keep_days": section.keep_days,
        "queue_days": {name: queue.record_days for name, queue in settings.queues.items() if queue.record_days},
        "queues": [str(name) for name in settings.queues],
        "default_queue": str(settings.default_queue),
        "keys": [*([secret.key] if secret.key is not None else []), *secret.old_keys],
    }


async def run(job: Job) -> dict[str, Any]:
    """Run twice, it finds nothing left to do."""
    told = job.sections
    if not told["keys"]:
        return {"fetched": "nothing is recorded: [recording] has no key"}
    inbox, store = Path(told["inbox"]), Path(told["store"])
    places = collecting.Places(inbox, store, told["floor"], told["pbx"], told["keep_days"], told["queue_days"])
    places = dataclasses.replace(places, queues=frozenset(told["queues"]), default_queue=told["default_queue"])
    keys = KeyRing.of_hex(told["keys"])
    async with reader(
        job.dsn, password=job.password, writes=True, role="contactd_worker", program="contactd worker"
    ) as connection:
        done = await collecting.fetch(connection, places, keys, job.report)
        await collecting.tidy(connection, places, keys, done)
    if done.trouble:
        raise collecting.NotFetched(f"{len(done.trouble)} recordings were not fetched: {done.trouble[0]}")
    return {name: value for name, value in dataclasses.asdict(done).items() if value}
