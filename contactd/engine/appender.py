"""Frames into PostgreSQL: one statement in flight, fenced by epoch and seq, repeated for ever while it is away."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import structlog

from contactd.core.errors import ContactdError
from contactd.core.events import FactQuarantined
from contactd.core.ids import Instant
from contactd.engine.frame import Frame, Rows, encode, event_row
from contactd.engine.spool import Spool
from contactd.store.journal import Batch, FloorRow, Journal, StoreAway, StoreRefused

log = structlog.get_logger()
T = TypeVar("T")

_GATHER_S = 0.02
"""What happens together is appended together. The spool has it already and nobody waits for this, while a statement for
each frame takes the processor from the offers that follow from it."""
_MOST_FRAMES = 500
_MOST_BYTES = 1 << 20


class Fenced(ContactdError):
    """Another contactd has taken the floor over."""

    def __init__(self, mine: int, newer: int) -> None:
        super().__init__(
            f"Another contactd took this floor over (epoch {newer}, ours was {mine}); this one stops acting."
        )


class Appender:
    """put() from the circle; run() as a task. on_appended is told the journal's new seq after each append.

    on_quarantined: called when facts are missing from the journal: only a snapshot of the floor that knows them lets
    the next start rebuild it.
    trying: told whenever PostgreSQL is asked something.
    """

    def __init__(
        self,
        journal: Journal,
        spool: Spool,
        start: FloorRow,
        on_appended: Callable[[int], None],
        on_quarantined: Callable[[], None] = lambda: None,
        trying: Callable[[], None] = lambda: None,
    ) -> None:
        self._journal = journal
        self._spool = spool
        self._epoch = start.epoch
        self._chain = start.chain
        self._on_appended = on_appended
        self._on_quarantined = on_quarantined
        self._trying = trying
        self._pending: deque[tuple[Frame, float]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        """Neither a frame nor a snapshot is waiting."""
        self._last_at: Instant | None = None
        self._snapshot: tuple[int, int, bytes] | None = None
        self.appended_seq = start.seq
        self.pending_bytes = 0
        self.retries = 0
        self.trouble: str | None = None
        """Why PostgreSQL takes nothing just now, with the remedy; None when it does."""
        self.quarantined = 0

    @property
    def lag_s(self) -> float:
        """How long the oldest frame has been waiting for PostgreSQL."""
        return time.monotonic() - self._pending[0][1] if self._pending else 0.0

    def put(self, frame: Frame) -> None:
        self._pending.append((frame, time.monotonic()))
        self.pending_bytes += len(frame.encoded)
        self._idle.clear()
        self._wake.set()

    def keep_snapshot(self, seq: int, version: int, body: bytes) -> None:
        """Store it once the journal has come to seq; a newer one replaces one that still waits."""
        self._snapshot = (seq, version, body)
        self._idle.clear()
        self._wake.set()

    def wipe_spool(self) -> bool:
        """Remove from the disk what PostgreSQL has. True: nothing is left; False: something still waits for it."""
        return self._spool.release(self.appended_seq, at_once=True)

    async def run(self) -> None:
        """Until cancelled. Raises Fenced."""
        while True:
            await self.drain()
            await self._store_snapshot()
            if not self._pending and self._snapshot is None:
                self._idle.set()
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(_GATHER_S)

    async def drain(self) -> None:
        """Append all that is pending now."""
        if self._last_at is None:
            self._last_at = await self._insist(self._journal.last_event_at)
        while self._pending:
            await self._append_some()
            # Here too: under a steady load there is always something pending.
            await self._store_snapshot()

    async def drained(self) -> None:
        """Wait until nothing is pending."""
        await self._idle.wait()

    async def _append_some(self) -> None:
        frames: list[Frame] = []
        size = 0
        for frame, _ in self._pending:
            if frames and (len(frames) >= _MOST_FRAMES or size + len(frame.encoded) > _MOST_BYTES):
                break
            frames.append(frame)
            size += len(frame.encoded)
        try:
            await self._append(frames)
        except StoreRefused as error:
            if len(frames) == 1:
                await self._append([await self._quarantined(frames[0], str(error))], of=frames[0])
            else:
                for frame in frames:
                    try:
                        await self._append([frame])
                    except StoreRefused as refusal:
                        await self._append([await self._quarantined(frame, str(refusal))], of=frame)

    async def _append(self, frames: list[Frame], of: Frame | None = None) -> None:
        """of: the frame that frames[0] stands for, when that is a quarantine."""
        batch, last_at = self._batch(frames)
        kept = await self._insist(lambda: self._journal.append(self._epoch, batch))
        if not kept:
            row = await self._insist(self._journal.row)
            if row.epoch != self._epoch:
                raise Fenced(self._epoch, row.epoch)
            if row.seq != batch.seq_after:
                raise StoreRefused(
                    f"The journal is at {row.seq}, this writer at {batch.seq_before}: somebody else wrote to the"
                    " table floor. Stop whatever it is; contactd starts again from the journal."
                )
            # The answer to an earlier try was lost, the append was not.
        self._chain, self._last_at = batch.chain_after, last_at
        self.appended_seq = batch.seq_after
        for frame in [of] if of is not None else frames:
            self._pending.popleft()
            self.pending_bytes -= len(frame.encoded)
        self._spool.release(self.appended_seq)
        self._on_appended(self.appended_seq)

    def _batch(self, frames: list[Frame]) -> tuple[Batch, Instant]:
        batch = Batch(frames[0].first_seq - 1, frames[-1].last_seq, self._chain, b"")
        chain = self._chain
        for frame in frames:
            rows = frame.rows()
            for i in rows.inputs:
                batch.input_seq.append(i.seq)
                batch.input_at.append(i.at)
                batch.input_kind.append(i.kind)
                batch.input_version.append(i.version)
                batch.input_config.append(i.config)
                batch.input_body.append(i.body)
            for e in rows.events:
                batch.event_seq.append(e.seq)
                batch.event_at.append(e.at)
                batch.event_kind.append(e.kind)
                batch.event_version.append(e.version)
                batch.event_contact.append(e.contact)
                batch.event_agent.append(e.agent)
                batch.event_body.append(e.body)
                chain = hashlib.sha256(chain + e.body.encode()).digest()
            for p in rows.private:
                batch.private_contact.append(p.contact)
                batch.private_salt.append(p.salt)
                batch.private_ani.append(p.ani)
                batch.private_name.append(p.name)
                batch.private_lookup.append(p.lookup)
            for w in rows.words:
                batch.words_contact.append(w.contact)
                batch.words_message.append(w.message)
                batch.words_at.append(w.at)
                batch.words_author.append(w.author)
                batch.words_body.append(w.body)
        batch.chain_after = chain
        # A batch may hold the end of one month and the beginning of the next, and stamped events come out of order.
        newest = max(batch.event_at)
        if self._last_at is None:
            return batch, newest
        if _month(self._last_at) < _month(newest):
            batch.seal_month = _month(self._last_at)
        return batch, max(newest, self._last_at)

    async def _quarantined(self, frame: Frame, why: str) -> Frame:
        self.quarantined += 1
        self._on_quarantined()
        path = await self._set_aside(f"frame-{frame.epoch}-{frame.first_seq}.bin", frame.encoded)
        log.error(
            "fact_quarantined",
            file=str(path),
            first_seq=frame.first_seq,
            last_seq=frame.last_seq,
            error=why,
            remedy="Send this file and this line to contactd's developers; the calls go on.",
        )
        event = FactQuarantined(
            file=path.name,
            sha256=hashlib.sha256(frame.encoded).hexdigest(),
            first_seq=frame.first_seq,
            last_seq=frame.last_seq,
            why="PostgreSQL refused the data",
        )
        rows = frame.rows()
        row = event_row(event, frame.first_seq, rows.events[0].at)
        return encode(frame.epoch, frame.first_seq, frame.last_seq, Rows([], [row], []))

    async def _set_aside(self, name: str, data: bytes) -> Path:
        """The only copy of these facts: a full disk is waited for, like PostgreSQL."""
        while True:
            try:
                return self._spool.quarantine(name, data)
            except OSError as error:
                log.error("fact_not_set_aside", error=str(error), remedy="Make room on the disk of state_dir.")
                await asyncio.sleep(2)

    async def _store_snapshot(self) -> None:
        if self._snapshot is None or self._snapshot[0] > self.appended_seq:
            return
        seq, version, body = self._snapshot
        try:
            await self._journal.keep_snapshot(seq, version, body)
        except (StoreAway, StoreRefused) as error:
            # Only a start reads it, and the next one comes soon.
            log.warning("snapshot_not_kept", error=str(error))
        if self._snapshot is not None and self._snapshot[0] == seq:
            self._snapshot = None

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until PostgreSQL answers."""
        pause_s = 0.05
        while True:
            self._trying()
            try:
                answer = await ask()
                self.trouble = None
                return answer
            except StoreAway as error:
                self.retries += 1
                self.trouble = str(error)
                if pause_s >= 2:
                    log.warning("journal_away", error=str(error), pending_bytes=self.pending_bytes)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 2)


def _month(at: Instant) -> datetime.date:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).date().replace(day=1)
