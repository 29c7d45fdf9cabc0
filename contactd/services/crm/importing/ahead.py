"""The file is read, checked and hashed in a process of its own, a batch ahead of the one that seals and writes.

It holds a second processor: numbers alone take half of an import's time. It ends by itself when its import does.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from contactd.config import CustomerField
from contactd.core.errors import ContactdError
from contactd.services.crm.identity import Numbering
from contactd.services.crm.importing.cards import cards
from contactd.services.crm.importing.lines import Source, lines
from contactd.services.crm.importing.mapping import OF_A_CARD, Columns, Entry, Refusal
from contactd.services.crm.importing.rows import Row
from contactd.services.crm.importing.sheet import Sheet
from contactd.store.vault import Finder

_CARD = "BEGIN:VCARD"


class ReaderLost(ContactdError):
    """The process that reads the file ended."""


@dataclass(frozen=True, slots=True)
class Read:
    """Part of the file, checked. tried: every hash of each entry's deciding identities."""

    found: list[Entry | Refusal]
    tried: list[list[bytes]]


@dataclass(frozen=True, slots=True)
class Task:
    """How a file is to be read. format: csv, vcard, or None: by its first line. delimiter: the sign, or None."""

    source: Source
    format: str | None
    delimiter: str | None
    named: Mapping[str, str]
    declared: Mapping[str, CustomerField]
    numbering: Numbering
    by: frozenset[str]
    finder: Finder = field(repr=False)


class Reader:
    """skip: rows that were dealt with before. Raises FileRefused for a file that cannot be read so."""

    def __init__(self, task: Task, *, skip: int = 0) -> None:
        self._task = task
        self._file = task.source.open()
        text = lines(self._file)
        first = next(text, None)
        text = itertools.chain([first], text) if first is not None else text
        begins = (first.text or "").lstrip("\ufeff").strip().upper() if first is not None else ""
        rows: Iterator[Row]
        if (task.format or ("vcard" if begins == _CARD else "csv")) == "vcard":
            named = {name.upper(): target for name, target in task.named.items()}
            self.columns = Columns(named, task.declared, task.numbering, known=OF_A_CARD)
            rows = cards(text)
        else:
            sheet = Sheet(text, task.delimiter)
            self.columns = Columns(task.named, task.declared, task.numbering)
            self.columns.fit(sheet.columns)
            rows = iter(sheet)
        self._rows = itertools.islice(rows, skip, None)

    def next(self, most: int) -> Read:
        """Nothing found: the file is at its end."""
        found: list[Entry | Refusal] = []
        tried: list[list[bytes]] = []
        for row in itertools.islice(self._rows, most):
            one = Refusal(row.line, [("", row.error)]) if row.error else self.columns.entry(row)
            hashes: list[bytes] = []
            if isinstance(one, Entry):
                for kind, value in one.edit.identities:
                    if kind in self._task.by:
                        all_keys = self._task.finder.lookups(kind, value)
                        hashes += all_keys
                        one.lookups.append(all_keys[0])
                    else:
                        one.lookups.append(self._task.finder.lookup(kind, value))
                if not hashes:
                    kinds = ", ".join(sorted(self._task.by))
                    one = Refusal(one.line, [("", f"It has none of what decides who it is: {kinds} (--by).")])
            found.append(one)
            tried.append(hashes)
        return Read(found, tried)

    def close(self) -> None:
        self._file.close()


class Ahead:
    """next() gives the batches, in order."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    async def next(self, most: int) -> Read:
        """Raises ReaderLost."""
        return await asyncio.to_thread(self._ask, most)

    def _ask(self, most: int) -> Read:
        try:
            self._line.send(most)
            read: Read = self._line.recv()
        except (EOFError, OSError):
            raise ReaderLost(
                "The process that reads the file ended: was it killed, or short of memory? --resume goes on."
            ) from None
        return read


@contextlib.asynccontextmanager
async def reading_ahead(task: Task, *, skip: int = 0) -> AsyncIterator[Ahead]:
    spawn = multiprocessing.get_context("spawn")
    ours, its = spawn.Pipe()
    process = spawn.Process(target=_read, args=(its, task, skip), daemon=True)
    process.start()
    # Ours alone: when we end, by whatever, it hears it.
    its.close()
    try:
        yield Ahead(ours)
    finally:
        ours.close()
        await asyncio.to_thread(process.join)


def _read(line: Connection, task: Task, skip: int) -> None:
    """The process."""
    reader = Reader(task, skip=skip)
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            line.send(reader.next(line.recv()))
