"""Who read or erased a personal value, and who acted for others: kept before it is shown, by a role that only appends.

The database itself gives a value only for a row that was written and committed before (``reveal`` in the schema), so
there is no way round it for anybody who has no more than the daemon's rights.
"""

from __future__ import annotations

import asyncio
import os
import pwd
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import structlog

from contactd.core.ids import AgentId, ContactId, Instant
from contactd.store.callers import unseal
from contactd.store.journal import Journal, StoreAway, StoreRefused
from contactd.store.queries import query
from contactd.store.trouble import Held
from contactd.store.vault import Vault

log = structlog.get_logger()

FIELDS = ("ani", "name")
"""The kinds of personal values that are kept of a contact."""
_NOBODY = 0xFFFFFFFF
"""A process that belongs to no login: a service, or a kernel without audit."""
_MOST_WAITING = 10_000
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Who:
    """Who is at the keyboard. uid: as whom the process runs; login_uid: who logged in before sudo, if it is known.

    desk: who signed in at the desk, where it is not somebody of this host; uid is None then.
    """

    uid: int | None
    login_uid: int | None = None
    desk: str = ""

    @classmethod
    def of_process(cls, uid: int, pid: int | str) -> Who:
        """The kernel's word; where it hides other people's processes, the uid alone."""
        try:
            login = int(Path(f"/proc/{pid}/loginuid").read_text())
        except (OSError, ValueError):
            return cls(uid)
        return cls(uid, login if login not in (_NOBODY, uid) else None)

    @classmethod
    def me(cls) -> Who:
        return cls.of_process(os.getuid(), "self")

    @classmethod
    def at_desk(cls, name: str) -> Who:
        return cls(None, None, name)

    def __str__(self) -> str:
        """Asks the host's user database: not for the circle's thread."""
        if self.uid is None:
            # Apart from the users of the host, who may have the same names.
            return f"desk:{self.desk}"
        if self.login_uid is None:
            return _name(self.uid)
        return f"{_name(self.login_uid)} as {_name(self.uid)}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to be. who: None where contactd itself acts. No personal value may be in it."""

    who: Who | None
    via: str
    act: str
    contact: ContactId | None = None
    agent: AgentId | None = None
    fields: tuple[str, ...] = ()
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """One row as it was kept."""

    id: int
    at: Instant
    who: str
    uid: int | None
    via: str
    act: str
    contact: ContactId | None
    agent: AgentId | None
    fields: tuple[str, ...]
    outcome: str
    login: str
    client: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """The only personal values that there are. Never to a log."""

    ani: str | None
    name: str | None

    def __repr__(self) -> str:
        return "Person(...)"


async def reveal(
    connection: asyncpg.Connection, vault: Vault, who: Who, via: str, contacts: Sequence[ContactId]
) -> dict[ContactId, Person]:
    """Write down that who reads these contacts' number and name, then read them. None kept, or erased: not in it.

    Both are statements of their own: what is shown was committed before. Whatever fails, nothing is shown.
    Raises NotOpened.
    """
    rows = await connection.fetch(query("audit_reads"), str(who), who.uid, via, list(contacts), list(FIELDS))
    found = await connection.fetch(query("reveal"), [row["id"] for row in rows])
    return {
        ContactId(row["contact"]): Person(
            *(unseal(vault, row["contact"], field, row[field]) for field in FIELDS),
        )
        for row in found
    }


async def find(
    connection: asyncpg.Connection, who: Who, via: str, numbers: Sequence[str], lookups: Sequence[bytes]
) -> list[ContactId]:
    """Write down that who searches (not for which number), then the contacts of that number, the newest first.

    numbers: its spellings; lookups: the hashes that it may have been kept with.
    """
    searched = await connection.fetchval(query("audit_act"), *_columns(Entry(who, via, "search", fields=("ani",))))
    rows = await connection.fetch(query("find_caller"), searched, list(numbers), list(lookups))
    return [ContactId(row["contact"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Erased:
    """private: whether number and name were kept. recordings: how many were removed; held: how many are, and stay."""

    private: bool
    recordings: int
    held: int


async def erase(connection: asyncpg.Connection, who: Who, via: str, contact: ContactId) -> Erased:
    """Remove a person's number, name and recordings for good, and write down who did. Raises Held."""
    if await connection.fetch(query("contacts_held"), [contact]):
        await audit_act(connection, Entry(who, via, "erase", contact, outcome="refused: held"))
        raise Held(f"Contact {contact}")
    async with connection.transaction():
        private = await connection.fetchrow(query("erase_private"), contact)
        entry = Entry(who, via, "erase", contact, outcome="done" if private else "nothing was kept")
        audited = await connection.fetchval(query("audit_act"), *_columns(entry))
        row = await connection.fetchrow(query("erase_recordings"), audited, [contact])
    return Erased(private is not None, row["removed"], row["held"])


async def audit_act(connection: asyncpg.Connection, entry: Entry) -> None:
    """Write down that somebody acts; in the transaction of the act itself, both are done or neither."""
    await connection.execute(query("audit_act"), *_columns(entry))


async def kept(connection: asyncpg.Connection, most: int, contact: ContactId | None = None) -> list[Kept]:
    """The newest first."""
    rows = await connection.fetch(query("audit_rows"), most, contact)
    return [Kept(**{**row, "fields": tuple(row["fields"])}) for row in rows]


class AuditTrail:
    """The daemon's acts, in order, written by a task of its own, for as long as PostgreSQL is away; nobody waits.

    The log has each at once: a death in between loses the table's row and no more. A lost answer makes a row twice.
    Whoever acts looks at full() before: an act that could not be kept is refused, not forgotten.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, entry: Entry) -> None:
        log.info(
            "act_audited",
            act=entry.act,
            via=entry.via,
            uid=entry.who.uid if entry.who else None,
            login_uid=entry.who.login_uid if entry.who else None,
            desk_user=(entry.who.desk or None) if entry.who else None,
            agent_id=entry.agent,
            outcome=entry.outcome,
        )
        self._waiting.append(entry)
        self._idle.clear()
        self._wake.set()

    @property
    def waiting(self) -> int:
        """How many wait for PostgreSQL."""
        return len(self._waiting)

    def full(self) -> bool:
        """Whether nobody may act until PostgreSQL is back. Our own entries (reloads by a signal) still find room."""
        return len(self._waiting) >= _MOST_WAITING

    async def written(self) -> None:
        """Wait until nothing waits."""
        await self._idle.wait()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                try:
                    await self._write_all()
                except StoreAway:
                    await asyncio.sleep(_PAUSE_S)
            self._idle.set()

    async def _write_all(self) -> None:
        """What waits, in order. Raises StoreAway, and then the rest still waits."""
        while self._waiting:
            entry = self._waiting[0]
            # A user database on the network may take its time.
            columns = await asyncio.to_thread(_columns, entry)
            try:
                await self._journal.execute("audit_act", *columns)
            except StoreRefused as error:
                log.error("audit_refused", act=entry.act, error=str(error), remedy="Was `contactd migrate` run?")
            self._waiting.popleft()


def _columns(entry: Entry) -> tuple[object, ...]:
    """As the query audit_act takes them."""
    who, uid = (str(entry.who), entry.who.uid) if entry.who is not None else ("contactd", None)
    return who, uid, entry.via, entry.act, entry.contact, entry.agent, list(entry.fields), entry.outcome


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
