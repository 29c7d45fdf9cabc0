"""Live facts, as they are kept: for contactctl tail."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

import msgspec

from contactd.core import events as ev
from contactd.core.errors import ContactdError
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId
from contactd.core.step import Step

_encode = msgspec.json.Encoder().encode
KINDS = frozenset(kind.__name__ for kind in ev.AnyEvent.__args__)


class TailFull(ContactdError):
    """No more readers."""


class TailEnded(ContactdError):
    """Why a reader gets no more facts. code is stable."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader wants; an empty one wants all. contact: its id, or the beginning of it."""

    contact: str = ""
    queue: str = ""
    kinds: Collection[str] = ()

    def wants(self, event: ev.Event, contact: str, queue: str) -> bool:
        return (
            (not self.kinds or type(event).__name__ in self.kinds)
            and contact.startswith(self.contact)
            and (not self.queue or queue == self.queue)
        )


class Reader:
    """One who looks on. Iterate: each fact as a line of JSON, b"" when nothing came for idle_s. Raises TailEnded."""

    def __init__(self, filter_: Filter, buffer: int) -> None:
        self.filter = filter_
        self._buffer = buffer
        self._lines: deque[bytes] = deque()
        self._woken = asyncio.Event()
        self.ended: TailEnded | None = None

    def put(self, line: bytes) -> None:
        if len(self._lines) >= self._buffer:
            self._lines.clear()
            self.end(
                TailEnded(
                    "slow",
                    f"This reader was {self._buffer} facts behind and was let go, so that nobody waits. Narrow it"
                    " by --contact, --queue or --kind, or write to a file.",
                )
            )
            return
        self._lines.append(line)
        self._woken.set()

    def end(self, why: TailEnded) -> None:
        self.ended = self.ended or why
        self._woken.set()

    async def lines(self, idle_s: float) -> AsyncIterator[bytes]:
        while True:
            while self._lines:
                yield self._lines.popleft()
            if self.ended is not None:
                raise self.ended
            self._woken.clear()
            try:
                async with asyncio.timeout(idle_s):
                    await self._woken.wait()
            except TimeoutError:
                yield b""


class Tail:
    """publish() after every batch. Without a reader it costs nothing; with some, a few microseconds a fact."""

    def __init__(self, floor: LiveFloor, *, buffer: int = 2000, most_readers: int = 16) -> None:
        self._floor = floor
        self._buffer = buffer
        self._most_readers = most_readers
        self._readers: list[Reader] = []
        self._queue_of: dict[ContactId, str] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._readers)

    def open(self, filter_: Filter) -> Reader:
        """Raises TailFull. To be closed."""
        if len(self._readers) >= self._most_readers:
            raise TailFull(f"{self._most_readers} readers look on already; end one of them first.")
        reader = Reader(filter_, self._buffer)
        self._readers.append(reader)
        return reader

    def close(self, reader: Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
        if not self._readers:
            self._queue_of.clear()

    def stop(self) -> None:
        """The daemon goes."""
        for reader in self._readers:
            reader.end(TailEnded("stopping", "contactd is stopping; the calls go on without it."))

    def publish(self, steps: Sequence[Step]) -> None:
        if not self._readers:
            return
        for step in steps:
            for count, event in enumerate(step.events):
                contact: ContactId | str = getattr(event, "contact", None) or ""
                queue = self._queue(event, contact)
                line = b""
                for reader in self._readers:
                    if reader.ended is None and reader.filter.wants(event, contact, queue):
                        line = line or _line(step.first_seq + count, step.at, queue, event)
                        reader.put(line)
                        self.dropped += reader.ended is not None

    def _queue(self, event: ev.Event, contact: ContactId | str) -> str:
        """The contact's queue as of this fact; the floor may have forgotten the contact by now."""
        if not contact:
            return ""
        queue: str | None = getattr(event, "queue", None)
        if queue is None:
            queue = self._queue_of.get(ContactId(contact))
        if queue is None:
            live = self._floor.contacts.get(ContactId(contact))
            queue = live.queue if live is not None else None
        if isinstance(event, ev.ContactEnded):
            self._queue_of.pop(event.contact, None)
        elif queue:
            self._queue_of[ContactId(contact)] = queue
        return queue or ""


def _line(seq: int, at: float, queue: str, event: ev.Event) -> bytes:
    return _encode({"seq": seq, "at": at, "queue": queue or None, "event": event}) + b"\n"
