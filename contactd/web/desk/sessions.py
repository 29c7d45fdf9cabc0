"""Who is signed in. PostgreSQL has them, so they outlive a restart; while it is away, those whom we know go on."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from contactd.core.errors import ContactdError
from contactd.core.ids import AgentId
from contactd.metrics import DESK_SESSIONS
from contactd.services.desk.roles import Right, may
from contactd.store.desk import DeskStore, SignedIn, User, hashed
from contactd.store.trouble import StoreAway

log = structlog.get_logger()

_EVERY_S = 5.0
"""How soon a user who was locked, removed or given other rights by contactctl notices."""
_FIRST_S = 2.0
_KEY_FILE = "desk.key"
_KEY_BYTES = 32


class NotReadYet(ContactdError):
    """contactd has just started, and PostgreSQL has not said yet who is signed in."""


@dataclass(slots=True, eq=False)
class Session:
    """rights: of now; contactctl may change them. seen: when it was used last, by a clock that only rises."""

    id: bytes
    user: str
    person: str
    role: str
    agent: AgentId | None
    queues: frozenset[str]
    language: str
    opened: float
    seen: float
    over: str = ""
    """Why it is over; empty: it is not."""
    told: float = 0.0
    watchers: set[Callable[[str], None]] = field(default_factory=set)
    """Told when it is over, by why."""

    def may(self, right: Right) -> bool:
        return may(self.role, right)

    def sees(self, queue: str | None) -> bool:
        return not self.queues or (queue is not None and queue in self.queues)


class Sessions:
    """idle_s, longest_s: how long one goes unused, and at most. now: a clock that only rises."""

    def __init__(
        self,
        store: DeskStore,
        state_dir: Path,
        *,
        idle_s: float,
        longest_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._idle_s, self._longest_s = idle_s, longest_s
        self._now = now
        self._key = _key(state_dir)
        self._known: dict[bytes, Session] = {}
        self._read = asyncio.Event()

    def __len__(self) -> int:
        return len(self._known)

    async def open(self, user: User) -> tuple[str, Session]:
        """What the browser keeps, and what we do. Raises StoreAway, or NotReadYet where the user has gone meanwhile."""
        token = secrets.token_urlsafe(32)
        if not await self._store.open_session(token, user.name):
            raise NotReadYet("This user was locked or removed just now.")
        now = self._now()
        row = SignedIn(
            hashed(token), user.name, user.person, user.role, user.agent, user.queues, user.language, 0.0, 0.0
        )
        session = self._take(row, now)
        log.info("desk_signed_in", desk_user=user.name, role=user.role)
        return token, session

    async def find(self, token: str) -> Session | None:
        """Whose it is; None: nobody's any more. Raises NotReadYet."""
        id_ = hashed(token)
        if not self._read.is_set() and id_ not in self._known:
            try:
                async with asyncio.timeout(_FIRST_S):
                    await self._read.wait()
            except TimeoutError:
                raise NotReadYet("contactd has just started: try again in a moment.") from None
        session = self._known.get(id_)
        if session is None or self._ended(session):
            return None
        return session

    def use(self, session: Session) -> None:
        session.seen = self._now()

    def csrf(self, token: str) -> str:
        """Only who can read the page's answers has it; the cookie alone does not do. The same on every host."""
        return hashlib.sha256(b"contactd csrf " + token.encode()).hexdigest()

    def device(self, user: str) -> str:
        """For a browser in which this user has signed in."""
        return f"{user}.{hmac.digest(self._key, b'device ' + user.encode(), 'sha256').hex()}"

    def knows_device(self, user: str, said: str) -> bool:
        return hmac.compare_digest(self.device(user).encode(), said.encode())

    async def end(self, session: Session, why: str) -> None:
        """Raises StoreAway: then PostgreSQL still has it."""
        await self._store.end_session(session.id)
        self._end(session, why)

    def of_agent(self, agent: AgentId) -> Iterable[Session]:
        return [one for one in self._known.values() if one.agent == agent]

    async def run(self) -> None:
        """Until cancelled: keep in step with PostgreSQL, which contactctl changes."""
        while True:
            try:
                await self._refresh()
                self._read.set()
            except StoreAway as error:
                log.debug("desk_sessions_unread", error=str(error))
            for session in [one for one in self._known.values() if self._ended(one)]:
                self._end(session, "idle")
            DESK_SESSIONS.set(len(self._known))
            await asyncio.sleep(_EVERY_S)

    async def _refresh(self) -> None:
        asked = self._now()
        seen = {one.id: asked - one.seen for one in self._known.values() if one.seen > one.told}
        before = set(self._known)
        rows = await self._store.sessions(self._idle_s, self._longest_s, seen)
        for id_ in seen:
            if id_ in self._known:
                self._known[id_].told = asked
        for row in rows:
            self._take(row, asked)
        # One that was opened while we asked is not among the rows.
        for id_ in before - {row.id for row in rows}:
            if id_ in self._known:
                self._end(self._known[id_], "ended")

    def _take(self, row: SignedIn, now: float) -> Session:
        session = self._known.get(row.id)
        agent = AgentId(row.agent) if row.agent is not None else None
        if session is not None and (session.role, session.agent) != (row.role, agent):
            # Other rights: begin anew, by the page's own reconnecting.
            for watcher in list(session.watchers):
                watcher("rights")
        if session is None:
            session = self._known[row.id] = Session(
                row.id, row.name, row.person, row.role, agent, frozenset(), row.language, now - row.open_s, 0.0
            )
            session.seen = session.told = now - row.idle_s
        session.person, session.role, session.agent = row.person, row.role, agent
        session.queues, session.language = frozenset(row.queues), row.language
        return session

    def _ended(self, session: Session) -> bool:
        now = self._now()
        return bool(session.over) or now - session.seen > self._idle_s or now - session.opened > self._longest_s

    def _end(self, session: Session, why: str) -> None:
        self._known.pop(session.id, None)
        session.over = session.over or why
        for watcher in list(session.watchers):
            watcher(why)


def _key(state_dir: Path) -> bytes:
    """Made at the first start, and ours alone. Where it is gone, no browser is known any more."""
    path = state_dir / _KEY_FILE
    try:
        kept = path.read_bytes()
    except OSError:
        kept = b""
    if len(kept) != _KEY_BYTES:
        kept = secrets.token_bytes(_KEY_BYTES)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(kept)
    return kept
