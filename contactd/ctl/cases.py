"""Cases by contactctl: PostgreSQL is asked directly, whether the daemon runs or not. Words go through the audit."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contactd.config import case_access, names
from contactd.ctl import customers
from contactd.ctl.store import NotFound, database, one_contact
from contactd.services.cases import targets as clock
from contactd.services.cases.casework import Casework
from contactd.services.cases.changing import Edit
from contactd.services.cases.number import looks_like, parse, shown
from contactd.services.cases.rules import Rules
from contactd.store import cases, parties, reports
from contactd.store.cases import NOTE, SUBJECT, Asked, Case, Target, Word

VIA = "contactctl cases"
_ID = frozenset("0123456789abcdef")
_FEWEST_OF_ID = 8


@dataclass(frozen=True, slots=True)
class CaseDesk:
    """What every command needs."""

    people: customers.Desk
    rules: Rules
    work: Casework

    @property
    def connection(self) -> Any:
        return self.people.connection

    async def one(self, text: str) -> str:
        """The id of whom text means: by number, id, or its beginning. Raises NotFound, NoCaseNumber."""
        if looks_like(text):
            found = await cases.by_number(self.connection, parse(text))
            if found is None:
                raise NotFound(f"There is no case {shown(parse(text))}; contactctl cases list shows some.")
            return found
        digits = text.strip().lower().replace("-", "")
        some: list[str] = []
        if _FEWEST_OF_ID <= len(digits) <= 32 and set(digits) <= _ID:
            some = await cases.beginning(self.connection, digits)
        if not some:
            raise NotFound(f"There is no case {text}: give its number, such as C-10473-62946, or its id.")
        if len(some) > 1:
            listed = "\n  ".join(some)
            raise NotFound(f"That is more than one case; give more of the id:\n  {listed}")
        return some[0]

    async def contact(self, text: str) -> Any:
        return await one_contact(self.connection, self.people.config, text)

    def left(self, target: Target, at: float) -> dict[str, Any]:
        """A target, with what is left of it in business hours."""
        left_s = clock.left_s(target, self.rules.calendar(target.calendar), at)
        return {**asdict(target), "left_s": round(left_s, 3), "state": _state(target, at)}


def _state(target: Target, at: float) -> str:
    """kept, late, paused, broken, soon or running; none: it does not apply any more, or never comes due."""
    if target.met_at is not None:
        return "late" if target.broken_at is not None else "kept"
    if target.since is None:
        return "paused"
    if target.due is None:
        return "never due"
    if target.due <= at:
        return "broken"
    return "soon" if target.warn_at is not None and target.warn_at <= at else "running"


@contextlib.asynccontextmanager
async def desk(config: Path) -> AsyncIterator[CaseDesk]:
    """Raises StoreAway, StoreRefused, ConfigErrors."""
    types, calendars = case_access(config)
    rules = Rules.of(types, calendars, names(config, "queues"), names(config, "agents"))
    async with customers.desk(config) as people:
        yield CaseDesk(people, rules, Casework(people.connection, people.vault, rules, people.who, VIA))


async def listed(config: Path, asked: Mapping[str, Any], most: int, *, subjects: bool) -> list[dict[str, Any]]:
    """The newest first. subjects: each is written down as a read."""
    async with desk(config) as at:
        asked = dict(asked)
        if asked.get("party") is not None:
            asked["party"] = await at.people.one(asked["party"])
        if asked.get("contact") is not None:
            asked["contact"] = await at.contact(asked["contact"])
        found = await cases.found(at.connection, Asked(**asked), most)
        return await _rows(at, found, subjects=subjects)


async def _rows(at: CaseDesk, found: Sequence[Case], *, subjects: bool) -> list[dict[str, Any]]:
    ids = [case.id for case in found]
    targets = await cases.targets(at.connection, ids)
    said: dict[str, dict[str, str]] = {}
    if subjects and ids:
        said = cases.current(await cases.reveal(at.connection, at.people.vault, at.people.who, VIA, ids))
    now = time.time()
    return [
        {
            **_told(case),
            "targets": [at.left(target, now) for target in targets.get(case.id, [])],
            **({"subject": said.get(case.id, {}).get(SUBJECT)} if subjects else {}),
        }
        for case in found
    ]


def _told(case: Case) -> dict[str, Any]:
    return {**asdict(case), "number": shown(case.number)}


async def due(
    config: Path, within_s: float, type_: str | None, agent: str | None, queue: str | None, most: int
) -> list[dict[str, Any]]:
    """What broke, and what breaks within so many seconds, the most urgent first: a case with one target each."""
    async with desk(config) as at:
        places = await cases.due(at.connection, within_s, type_, agent, queue, most)
        found = {case.id: case for case in await cases.rows(at.connection, list({one for one, _ in places}))}
        targets = await cases.targets(at.connection, list(found))
    now = time.time()
    return [
        {**_told(found[one]), "target": at.left(target, now)}
        for one, kind in places
        for target in targets[one]
        if target.kind == kind
    ]


async def fcr(config: Path, first: float, last: float, days: int, variant: str, most: int) -> dict[str, Any]:
    """First-contact resolution of what arrived from first to last; most: of the contacts that had a further one."""
    async with database(config) as connection:
        lines = await reports.resolution(connection, first, last, days, variant)
        again = []
        if most and variant != "case":
            again = await reports.came_again(connection, first, last, days, variant, most)
    return {
        "since": first,
        "until": last,
        "days": days,
        "by": variant,
        "lines": [{**asdict(line), "fcr": line.fcr} for line in lines],
        "again": again,
    }


async def show(config: Path, text: str, most: int) -> dict[str, Any]:
    """All that is kept of a case, and the latest that happened; that somebody reads it is written down."""
    async with desk(config) as at:
        connection, people = at.connection, at.people
        case_id = await at.one(text)
        (case,) = await cases.rows(connection, [case_id])
        words = await cases.reveal(connection, people.vault, people.who, VIA, [case_id])
        changes = await cases.changes(connection, case_id)
        linked = await cases.contacts(connection, [case_id])
        targets = (await cases.targets(connection, [case_id])).get(case_id, [])
        near = [one for one in (case.follows, await cases.follower(connection, case_id)) if one is not None]
        numbers = {one.id: shown(one.number) for one in await cases.rows(connection, near)}
        name = await people_name(people, case)
    section = at.rules.types.get(case.type)
    now = time.time()
    # Of what was written in one moment the last line is the latest.
    happened = [{"kind": "contact", "at": one.arrived_at or one.linked_at, **asdict(one)} for one in linked]
    happened += [{"kind": "change", **asdict(change)} for change in changes]
    happened = sorted([*happened, *_words(words)], key=lambda entry: entry["at"])[::-1]
    return {
        **_told(case),
        "label": section.label if section is not None and section.label else case.type,
        "name": name,
        "words": cases.current(words).get(case_id, {}),
        "targets": [at.left(target, now) for target in targets],
        "follows": numbers.get(case.follows) if case.follows is not None else None,
        "followed_by": [number for one, number in numbers.items() if one != case.follows],
        "contacts": [one.contact for one in linked],
        "history": happened[:most],
    }


async def people_name(people: customers.Desk, case: Case) -> str | None:
    """The customer's name, which is written down as a read of that customer."""
    if case.party is None:
        return None
    party = await parties.root(people.connection, case.party)
    if party is None:
        return None
    return (await parties.names(people.connection, people.vault, people.who, [party])).get(party)


def _words(words: Sequence[Word]) -> list[dict[str, Any]]:
    """Notes, and each change of a field from what to what."""
    told: list[dict[str, Any]] = []
    last: dict[str, str | None] = {}
    for word in words:
        one = {"at": word.at, "who": word.who, "contact": word.contact}
        if word.field == NOTE:
            told.append({"kind": "note", **one, "text": word.text})
        else:
            told.append({"kind": "word", **one, "what": word.field, "was": last.get(word.field), "now": word.text})
            last[word.field] = word.text
    return told


async def add(config: Path, words: Mapping[str, Any], contact: str | None) -> dict[str, Any]:
    async with desk(config) as at:
        about = await at.contact(contact) if contact is not None else None
        return _told(await at.work.open(await _edit(at, words), about))


async def change(config: Path, text: str, words: Mapping[str, Any]) -> dict[str, Any]:
    async with desk(config) as at:
        return _told(await at.work.change(await at.one(text), await _edit(at, words)))


async def _edit(at: CaseDesk, words: Mapping[str, Any]) -> Edit:
    party = words.get("party")
    return Edit(**{**words, "party": await at.people.one(party) if party is not None else None})


async def note(config: Path, text: str, body: str, contact: str | None) -> str:
    async with desk(config) as at:
        about = await at.contact(contact) if contact is not None else None
        return await at.work.note(await at.one(text), body, about)


async def link(config: Path, text: str, contact: str, *, again: bool) -> dict[str, Any]:
    async with desk(config) as at:
        case, how = await at.work.link(await at.one(text), await at.contact(contact), again=again)
        return {**_told(case), "how": str(how)}


async def unlink(config: Path, text: str, contact: str) -> dict[str, Any]:
    async with desk(config) as at:
        return _told(await at.work.unlink(await at.one(text), await at.contact(contact)))


async def close(config: Path, text: str, status: str | None) -> dict[str, Any]:
    async with desk(config) as at:
        return _told(await at.work.close(await at.one(text), status))


async def reopen(config: Path, text: str, status: str | None) -> dict[str, Any]:
    async with desk(config) as at:
        return _told(await at.work.reopen(await at.one(text), status))
