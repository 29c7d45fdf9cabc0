"""What people and media do with cases: each a transaction with its history and its row of the audit."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from enum import StrEnum

from contactd.core.ids import ContactId, Instant
from contactd.services.cases import changing
from contactd.services.cases.changing import Edit
from contactd.services.cases.number import HIGHEST, LOWEST, number_of, shown
from contactd.services.cases.rules import CaseRefused, Rules
from contactd.store import case_changes, cases
from contactd.store.audit import Who
from contactd.store.case_changes import Held, Met, Written
from contactd.store.cases import CLOSED, NOTE, OPEN, WAITING, Case
from contactd.store.parties import Connection, fresh_id
from contactd.store.vault import Vault

_DAY_S = 86400.0
_MOST_ROLLS = 50


class How(StrEnum):
    """What a contact about a case brought about."""

    LINKED = "linked"
    ALREADY = "already linked"
    RESUMED = "linked; it waited for the customer, and is open again"
    REOPENED = "linked; it was closed, and is open again"
    FOLLOWED = "linked to a new case that follows"
    FOLLOWER = "linked to the case that follows"


@dataclass(frozen=True, slots=True)
class Casework:
    """connection: of the daemon's role. who: whom history and audit name; via: by what, such as contactctl cases.

    All raise CaseRefused, and FieldRefused for words.
    """

    connection: Connection
    vault: Vault
    rules: Rules
    who: Who
    via: str

    async def open(self, edit: Edit, contact: ContactId | None = None) -> Case:
        """A new case, and the contact in which it was made. Without a customer it is the contact's."""
        async with self.connection.transaction():
            return await self._open(edit, contact)

    async def change(self, case_id: str, edit: Edit, act: str = "case-set") -> Case:
        """All of it, or nothing; what is so already leaves no line in the history."""
        async with self.connection.transaction():
            held = await self._hold(case_id)
            return await self._change(held, edit, act)

    async def close(self, case_id: str, status: str | None = None) -> Case:
        """status: one that means closed; left out: the first such."""
        async with self.connection.transaction():
            held = await self._hold(case_id)
            if held.case.phase == CLOSED and status is None:
                raise CaseRefused(f"{shown(held.case.number)} is closed already ({held.case.status}).")
            return await self._change(held, Edit(status=self._meaning(held.case, CLOSED, status)), "case-close")

    async def reopen(self, case_id: str, status: str | None = None) -> Case:
        """status: one that means open; left out: the one that it had before, else the first such."""
        async with self.connection.transaction():
            held = await self._hold(case_id)
            if held.case.phase != CLOSED:
                raise CaseRefused(f"{shown(held.case.number)} is not closed ({held.case.status}).")
            status = self._meaning(held.case, OPEN, status) if status else await self._open_status(held.case)
            return await self._change(held, Edit(status=status), "case-reopen")

    async def note(self, case_id: str, text: str, contact: ContactId | None = None) -> str:
        """contact: which it is about. Returns the note's id."""
        async with self.connection.transaction():
            held = await self._hold(case_id)
            await case_changes.set_row(self.connection, held.case)
            made = await case_changes.word(self.connection, self.vault, self.who, case_id, NOTE, text, contact)
            await self._write_down("case-note", held.case, made)
        return made

    async def link(self, case_id: str, contact: ContactId, *, again: bool = True) -> tuple[Case, How]:
        """A contact is about a case. One that came after it was closed opens it again, within reopen_days; later a new
        case follows it, and further contacts are about that one. One that came while it waited for the customer ends
        the waiting. again: False only links.

        Returns the case that it is linked to.
        """
        async with self.connection.transaction():
            held = await self._hold(case_id)
            how = How.LINKED
            met = await case_changes.met(self.connection, contact)
            arrived_at = met.arrived_at if met is not None else arrival(contact)
            while again and held.case.phase == CLOSED and arrived_at > (held.case.closed_at or held.at):
                section = self.rules.type(held.case.type)
                # By when the customer came, not by when somebody says what it was about.
                if arrived_at - (held.case.closed_at or held.at) <= section.reopen_days * _DAY_S:
                    await self._link(held, contact, met)
                    status = await self._open_status(held.case)
                    return await self._change(held, Edit(status=status), "case-reopen"), How.REOPENED
                follower = await cases.follower(self.connection, held.case.id)
                if follower is None:
                    return await self._follow(held.case, contact), How.FOLLOWED
                held, how = await self._hold(follower), How.FOLLOWER
            if not await self._link(held, contact, met):
                return held.case, How.ALREADY
            case = await self._customer_of(held.case, met)
            since, _ = await case_changes.last_status(self.connection, case)
            if again and case.phase == WAITING and arrived_at > since:
                status = await self._open_status(case)
                return await self._change(replace(held, case=case), Edit(status=status), "case-set"), How.RESUMED
            return case, how

    async def unlink(self, case_id: str, contact: ContactId) -> Case:
        async with self.connection.transaction():
            held = await self._hold(case_id)
            if not await case_changes.unlink(self.connection, case_id, contact):
                raise CaseRefused(f"{contact} is not linked to {shown(held.case.number)}.")
            await self._write(held.case, Written([("contact", contact, None)]))
            await self._write_down("case-unlink", held.case, contact)
        return held.case

    # --- within a transaction -----------------------------------------------------------------------------------------

    async def _open(self, edit: Edit, contact: ContactId | None, follows: str | None = None) -> Case:
        met = await case_changes.met(self.connection, contact) if contact is not None else None
        if edit.party is None and met is not None and met.party is not None:
            edit = replace(edit, party=met.party)
        case, written = changing.made(edit, self.rules, _blank(follows))
        for _ in range(_MOST_ROLLS):
            case = replace(case, number=number_of(LOWEST + secrets.randbelow(HIGHEST - LOWEST + 1)))
            at = await case_changes.add(self.connection, case)
            if at is not None:
                break
        else:
            raise CaseRefused("No free case number was found: nearly all are taken.")
        case = replace(case, made_at=at, changed_at=at, closed_at=at if case.phase == CLOSED else None)
        if case.party is not None:
            await case_changes.looked_at(self.connection, case.party)
        targets, lines = changing.begun(case, self.rules, at, answered=edit.answered)
        await self._write(case, Written([*written.lines, *lines], targets, written.words))
        await self._write_down("case-add", case, edit.what())
        if contact is not None:
            await self._link(Held(case, targets, at), contact, met)
        return case

    async def _follow(self, closed: Case, contact: ContactId) -> Case:
        """A new case about the same. Nobody knows whether its old owner still is: a queue stays, an agent does not.

        Its words stay with the closed one, which it names.
        """
        known = self.rules.type(closed.type)
        edit = Edit(
            type=closed.type,
            topic=closed.topic if closed.topic in known.topics else None,
            queue=closed.queue if closed.queue in self.rules.queues else None,
            party=closed.party,
        )
        return await self._open(edit, contact, closed.id)

    async def _hold(self, case_id: str) -> Held:
        held = await case_changes.hold(self.connection, case_id)
        if held is None:
            raise CaseRefused("The case is not there any more.")
        return held

    async def _change(self, held: Held, edit: Edit, act: str) -> Case:
        case, written = changing.changed(held, edit, self.rules)
        await case_changes.set_row(self.connection, case)
        if case.party is not None and case.party != held.case.party:
            await case_changes.looked_at(self.connection, case.party)
        await self._write(case, written)
        await self._write_down(act, case, edit.what())
        (now,) = await cases.rows(self.connection, [case.id])
        return now

    async def _link(self, held: Held, contact: ContactId, met: Met | None) -> bool:
        if not await case_changes.link(self.connection, held.case.id, contact):
            return False
        await self._write(held.case, Written([("contact", None, contact)]))
        if met is not None and met.connected_at is not None:
            # Who was talked with has had an answer, not before the case was there.
            at = min(held.at, max(held.case.made_at, met.connected_at))
            await self._write(held.case, changing.answered(held, self.rules, at))
        await self._write_down("case-link", held.case, contact)
        return True

    async def _customer_of(self, case: Case, met: Met | None) -> Case:
        """A case of nobody is whose contact is about it."""
        if case.party is not None or met is None or met.party is None:
            return case
        known = replace(case, party=met.party)
        await case_changes.set_row(self.connection, known)
        await case_changes.looked_at(self.connection, met.party)
        await self._write(known, Written([("party", None, met.party)]))
        return known

    async def _open_status(self, case: Case) -> str:
        """The open one that it had before, else the usual."""
        _, was = await case_changes.last_status(self.connection, case)
        if was is not None and self.rules.states(case.type).get(was) == OPEN:
            return was
        return self.rules.usual(case.type, OPEN)

    def _meaning(self, case: Case, phase: str, status: str | None) -> str:
        if status is None:
            return self.rules.usual(case.type, phase)
        if self.rules.phase(case.type, status) != phase:
            raise CaseRefused(f'{status} does not mean "{phase}": contactctl cases set --status takes every state.')
        return status

    async def _write(self, case: Case, written: Written) -> None:
        await case_changes.write(self.connection, self.vault, self.who, case.id, written)

    async def _write_down(self, act: str, case: Case, what: str) -> None:
        outcome = f"{shown(case.number)} {what}".rstrip()
        await case_changes.write_down(self.connection, self.who, self.via, act, case, outcome)


def arrival(contact: ContactId) -> Instant:
    """When a contact arrived, from its id: history may lag behind the floor."""
    return int(contact.replace("-", "")[:12], 16) / 1000


def _blank(follows: str | None) -> Case:
    nothing: dict[str, None] = dict.fromkeys(("topic", "party", "agent", "queue", "closed_at"))
    at = time.time()
    return Case(
        id=fresh_id(), number="", type="", status="", phase=OPEN, follows=follows, made_at=at, changed_at=at, **nothing
    )
