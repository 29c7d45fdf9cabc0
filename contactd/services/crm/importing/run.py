"""One import: what was read, checked and hashed is matched, sealed and written in batches, each in one transaction.

A dry run goes the same way and writes nothing; what its own rows would have made it remembers by their hashes.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from contactd.core.ids import PartyId
from contactd.services.crm.importing.ahead import Ahead, Read
from contactd.services.crm.importing.mapping import Columns, Entry, Refusal
from contactd.services.spreadsheet import neutral
from contactd.store import party_import
from contactd.store.audit import Who
from contactd.store.parties import NAME, about, fresh_id
from contactd.store.party_import import Batch, Match, Tally
from contactd.store.vault import Vault

BATCH = 2000
_HEADING = ("line", "what", "column", "why")


@dataclass(frozen=True, slots=True)
class Policy:
    """on_match: skip, update or error, where a row's customer is kept already. by: kinds of identities that decide."""

    on_match: str
    by: frozenset[str]


class Report:
    """What became of the rows that were not simply taken: CSV, for a person. No value of a row is in it."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._csv = csv.writer(file)
        self._csv.writerow(_HEADING)

    def tell(self, line: int, what: str, why: str, column: str = "") -> None:
        self._csv.writerow([line, what, neutral(column), why])

    def flush(self) -> None:
        """Before the rows that it tells of are kept."""
        self._file.flush()


@dataclass(slots=True)
class _Person:
    """A customer of this batch: rows that mean the same one are put together."""

    party: PartyId
    line: int
    what: str
    lights: list[PartyId] = field(default_factory=list)
    """Light records that are the same person."""
    entries: list[Entry] = field(default_factory=list)


class Import:
    """ahead: reads the file from the place on where an earlier attempt broke off. number: None for a dry run.

    earlier: what became of the rows before. told: called after each batch with the tally so far.
    """

    def __init__(
        self,
        connection: Any,
        vault: Vault,
        who: Who,
        ahead: Ahead,
        policy: Policy,
        report: Report,
        *,
        number: int | None,
        earlier: Tally,
        told: Callable[[Tally], None] = lambda _: None,
        batch: int = BATCH,
    ) -> None:
        self._connection = connection
        self._vault = vault
        self._who = who
        self._ahead = ahead
        self._policy = policy
        self._report = report
        self._number = number
        self._told = told
        self._batch = batch
        self._tally = earlier
        self._seen: dict[bytes, Match] = {}

    async def run(self) -> Tally:
        """To the end of the file. Raises ImportLost, ReaderLost, StoreAway, StoreRefused."""
        coming = asyncio.create_task(self._ahead.next(self._batch))
        try:
            while (read := await coming).found:
                coming = asyncio.create_task(self._ahead.next(self._batch))
                await self._take(read)
                self._told(self._tally)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        if self._number is not None:
            await party_import.end(self._connection, self._who, self._number, self._tally)
        return self._tally

    async def _take(self, read: Read) -> None:
        hashes = list(itertools.chain.from_iterable(read.tried))
        matches = await party_import.match(self._connection, hashes)
        tally, persons = self._decide(read, matches)
        if self._number is not None:
            batch = await asyncio.to_thread(self._sealed, persons)
            self._report.flush()
            await party_import.write(self._connection, self._who, self._number, self._tally.rows, batch, tally)
        self._tally = self._tally.plus(tally)

    def _decide(self, read: Read, matches: dict[bytes, list[Match]]) -> tuple[Tally, list[_Person]]:
        counts = dict.fromkeys(Tally.__dataclass_fields__, 0)
        persons: dict[PartyId, _Person] = {}
        if self._number is not None:
            # What an earlier batch made is in the database by now.
            self._seen.clear()
        for one, tried in zip(read.found, read.tried, strict=True):
            what = self._refused(one) if isinstance(one, Refusal) else self._one(one, tried, matches, persons)
            counts[what] += 1
        return Tally(**counts), list(persons.values())

    def _refused(self, one: Refusal) -> str:
        for column, sentence in one.faults:
            self._report.tell(one.line, "refused", sentence, column)
        return "refused"

    def _one(
        self,
        entry: Entry,
        tried: Sequence[bytes],
        matches: dict[bytes, list[Match]],
        persons: dict[PartyId, _Person],
    ) -> str:
        meant: dict[PartyId, Match] = {}
        for hash_ in tried:
            for match in (*matches.get(hash_, ()), *([self._seen[hash_]] if hash_ in self._seen else [])):
                meant[match.party] = match
        # A record that a call made, and that nobody looked at, is in nobody's way; a whole one goes before it.
        whole = [match for match in meant.values() if not match.light or match.party in persons]
        chosen = whole or list(meant.values())[:1]
        if len(chosen) > 1:
            some = f"It fits {len(chosen)} customers, among them {chosen[0].party} and {chosen[1].party}"
            self._report.tell(entry.line, "refused", f"{some}: merge them, or take the number of one out.")
            return "refused"
        if not chosen:
            return self._keep(_Person(PartyId(fresh_id()), entry.line, "made"), entry, tried, persons)
        party = chosen[0].party
        person = persons.get(party)
        # Who called from several of the row's numbers is one person, as the row says.
        lights = [match.party for match in meant.values() if match.light and match.party != party]
        if person is None and chosen[0].light:
            return self._keep(_Person(party, entry.line, "completed", lights), entry, tried, persons)
        as_which = f"as line {person.line}" if person is not None else f"as customer {party}"
        match self._policy.on_match:
            case "update":
                person = person or _Person(party, entry.line, "updated")
                person.lights += [one for one in lights if one not in person.lights]
                return self._keep(person, entry, tried, persons, "updated")
            case "skip":
                self._report.tell(entry.line, "skipped", f"It is kept already, {as_which}.")
                return "skipped"
            case _:
                self._report.tell(entry.line, "refused", f"It is kept already, {as_which}: take the row out.")
                return "refused"

    def _keep(
        self,
        person: _Person,
        entry: Entry,
        tried: Sequence[bytes],
        persons: dict[PartyId, _Person],
        what: str | None = None,
    ) -> str:
        person.entries.append(entry)
        persons[person.party] = person
        match = Match(person.party, light=False)
        for hash_ in tried:
            self._seen.setdefault(hash_, match)
        return what or person.what

    def _sealed(self, persons: Sequence[_Person]) -> Batch:
        batch = Batch()
        for person in persons:
            self._seal(person, batch)
        return batch

    def _seal(self, person: _Person, batch: Batch) -> None:
        party, made = person.party, person.what == "made"
        vault = self._vault
        edits = [entry.edit for entry in person.entries]

        # The last row that says something of a column.
        columns: list[Any] = [None] * 4
        for edit in edits:
            said = (edit.kind, edit.language, edit.medium, edit.vip)
            columns = [old if new is None else new for old, new in zip(columns, said, strict=True)]
        if made:
            batch.made.append((party, columns[0] or "person", columns[1], columns[2], bool(columns[3])))
        else:
            batch.changed.append((party, *columns))
        identities = {
            identity: lookup
            for entry in person.entries
            for identity, lookup in zip(entry.edit.identities, entry.lookups, strict=True)
        }
        into = batch.identities if made else batch.more_identities
        for (kind, value), found_under in identities.items():
            into.append((party, kind, found_under, vault.seal(value, about(party, kind))))
        fields = {name: kept for edit in edits for name, kept in edit.fields.items()}
        for name, (text, found_by) in fields.items():
            if text is None:
                continue
            lookup = vault.lookup(NAME, found_by) if found_by is not None else None
            batch.fields.append((party, name, vault.seal(text, about(party, f"field/{name}")), lookup))
            if not made:
                batch.cleared.append((party, name))
        answers = batch.answers if made else batch.more_answers
        answers += dict.fromkeys((party, answer) for entry in person.entries for answer in entry.answers)
        batch.merged += [(light, party) for light in person.lights]
        if person.what != "updated":
            # Read again, a file would write its notes again: who has some keeps them.
            for note in person.entries[0].notes:
                made_id = fresh_id()
                batch.notes.append((made_id, party, vault.seal(note, about(made_id, "note"))))


def options_hash(columns: Columns, policy: Policy, delimiter: str, encoding: str) -> bytes:
    """Names how a file is understood."""
    told = "\0".join([columns.described(), policy.on_match, *sorted(policy.by), delimiter, encoding])
    return hashlib.sha256(told.encode()).digest()
