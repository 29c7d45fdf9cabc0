"""Becoming the writer: the lock, what an earlier life left in the spool, the epoch, and the floor as it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import structlog

from contactd.core.errors import FloorBug
from contactd.core.events import AnyEvent
from contactd.core.floor import SNAPSHOT_VERSION, Floor, LiveFloor
from contactd.engine.appender import Appender, Fenced
from contactd.engine.frame import Frame
from contactd.engine.spool import Spool
from contactd.metrics import POSTGRESQL_SECONDS
from contactd.store.journal import FloorLock, FloorRow, Journal, StoreAway, StoreMisconfigured, StoreRefused
from contactd.store.migrate import migrations

log = structlog.get_logger()

_event = msgspec.json.Decoder(AnyEvent).decode
_floor = msgspec.msgpack.Decoder(Floor).decode
_NOTICE_S = 4.0
"""More than what the circle takes for a freeze, and than EpochWatch's second."""
_TOLD_EVENTS = 1000
_OLDEST_SNAPSHOT = max(1, SNAPSHOT_VERSION - 1)


async def take_floor(
    journal: Journal,
    lock: FloorLock,
    spool: Spool,
    *,
    take_over: bool,
    pause_s: float = 1.0,
    notice_s: float = _NOTICE_S,
    waiting: Callable[[str], None] = lambda _: None,
) -> tuple[LiveFloor, FloorRow]:
    """Wait until this process is the writer; return the floor as the journal has it, and the row with our epoch.

    Raises SchemaUnfit where the database is too old or too new for this program.

    take_over: do not wait for the other one; it is fenced by the epoch and stops. Waits for PostgreSQL for ever.
    notice_s: how long another writer has to notice, unless it cannot be alive.
    waiting: told at every try what is being waited for, or done.
    """
    said = ""
    while True:
        try:
            if (locked := await lock.try_lock()) or take_over:
                await journal.check_schema(migrations()[-1].number)
                row = await journal.row()
                left = await _drain(journal, spool, row, waiting)
                fresh = row.epoch == 0
                # Past what the spool knows: no offer of a restored database may have the id of an earlier one.
                row = await journal.next_epoch(after=left.epoch)
                if not (left.was_ours or fresh):
                    await _let_it_notice(lock, locked, notice_s, waiting)
                return await _rebuild(journal, row, waiting), row
            why = "another contactd holds the floor; this one stands by"
        except StoreMisconfigured:
            # Waiting mends nothing, and somebody may sit before this first start.
            raise
        except (StoreAway, Fenced) as error:
            why = str(error)
        if why != said:
            log.warning("floor_not_taken", why=why)
            said = why
        waiting(why[0].upper() + why[1:])
        await asyncio.sleep(pause_s)


async def _let_it_notice(lock: FloorLock, locked: bool, notice_s: float, waiting: Callable[[str], None]) -> None:
    """Two that act at once snatch callers from each other until the older one asks for its epoch.

    One that lives asks within a second, and its end gives the lock back to a --take-over; one that is frozen longer
    than the circle's three seconds asks before it acts. Who has the lock already cannot see the other one end.
    """
    deadline = time.monotonic() + notice_s
    while time.monotonic() < deadline:
        waiting("Giving the contactd before this one time to notice")
        if not locked and await lock.try_lock():
            return
        await asyncio.sleep(0.1)


@dataclass(frozen=True, slots=True)
class _Left:
    """What the spool says of our earlier life. was_ours: it was the last writer; it is dead, since we hold its spool.
    epoch: the newest in it; newer than the floor's own where the database is from a backup."""

    was_ours: bool
    epoch: int


async def _drain(journal: Journal, spool: Spool, row: FloorRow, waiting: Callable[[str], None]) -> _Left:
    """Append what our earlier life kept and did not get stored; under its own epoch, which must be the last one."""
    appender = Appender(
        journal,
        spool,
        row,
        lambda _: None,
        trying=lambda: waiting("Storing what an earlier life left in the spool"),
    )
    expected = row.seq + 1
    count = 0
    unfit: list[Frame] = []
    left = spool.left_behind()
    for frame in left:
        if frame.last_seq <= row.seq:
            continue
        if frame.epoch != row.epoch or frame.first_seq != expected:
            unfit.append(frame)
            continue
        appender.put(frame)
        expected = frame.last_seq + 1
        count += 1
    await appender.drain()
    if unfit:
        path = spool.quarantine(
            f"left-{unfit[0].epoch}-{unfit[0].first_seq}.bin", b"".join(frame.encoded for frame in unfit)
        )
        log.error(
            "spool_quarantined",
            file=str(path),
            frames=len(unfit),
            epoch=unfit[0].epoch,
            first_seq=unfit[0].first_seq,
            last_seq=unfit[-1].last_seq,
            expected_epoch=row.epoch,
            expected_seq=expected,
            remedy="Another writer went on in between, or the database is from a backup: these facts are not in the"
            " journal. Keep the file; docs/backup.rst tells what it means.",
        )
    spool.forget_old()
    if count:
        log.info("spool_drained", frames=count, to_seq=appender.appended_seq)
    return _Left(
        was_ours=any(frame.epoch == row.epoch for frame in left),
        epoch=max((frame.epoch for frame in left), default=0),
    )


async def _rebuild(journal: Journal, row: FloorRow, waiting: Callable[[str], None]) -> LiveFloor:
    """The newest snapshot and the events after it. A journal that cannot be applied costs the agents their sign-in,
    never the callers their place: the comparison with the PBX adopts them."""
    started = time.monotonic()
    floor = LiveFloor()
    read = 0
    try:
        snapshot = await journal.newest_snapshot(_OLDEST_SNAPSHOT, SNAPSHOT_VERSION)
        if snapshot is not None:
            floor = LiveFloor(_floor(snapshot[1]))
        async for fact in journal.events_after(floor.seq):
            if fact.seq != floor.seq + 1:
                raise FloorBug(f"The journal goes from {floor.seq} to {fact.seq}.")
            floor.apply(_event(fact.body), fact.at)
            read += 1
            if read % _TOLD_EVENTS == 1:
                waiting("Rebuilding the floor from the journal")
    except (FloorBug, msgspec.DecodeError, StoreRefused) as error:
        log.error(
            "floor_not_rebuilt",
            error=str(error),
            at_seq=floor.seq + 1,
            remedy="Starting with an empty floor: agents must sign in again. Report this line to the developers.",
        )
        floor = LiveFloor(Floor(seq=row.seq))
    floor.state.epoch = row.epoch
    floor.state.seq = row.seq
    log.info(
        "floor_taken",
        epoch=row.epoch,
        seq=row.seq,
        events_read=read,
        contacts=len(floor.contacts),
        took_s=round(time.monotonic() - started, 3),
    )
    return floor


class EpochWatch:
    """Asks once a second whether the floor is still ours. PostgreSQL away: the holder carries on."""

    def __init__(self, journal: Journal, lock: FloorLock, epoch: int) -> None:
        self._journal = journal
        self._lock = lock
        self._epoch = epoch
        self.store_away = False
        """PostgreSQL did not answer when it was asked last."""

    async def still_ours(self) -> None:
        """Raises Fenced when another one took over; at most a second, since the circle waits for it after a freeze."""
        began = time.monotonic()
        try:
            row = await self._journal.row(timeout_s=1)
        except StoreAway:
            self.store_away = True
            return
        self.store_away = False
        POSTGRESQL_SECONDS.observe(time.monotonic() - began)
        if row.epoch != self._epoch:
            raise Fenced(self._epoch, row.epoch)

    async def run(self) -> None:
        """Until cancelled. Raises Fenced. Takes the lock again after PostgreSQL was away."""
        while True:
            await asyncio.sleep(1)
            await self.still_ours()
            try:
                if not self._lock.held:
                    await self._lock.try_lock()
            except (StoreAway, StoreRefused):
                continue
