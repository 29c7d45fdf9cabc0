"""Who looks on at the desks: each agent's view is made once for each change, and sent only when it differs.

After a batch of steps the agents whom it may have touched are noted; one callback of the loop later, when the commands
are on their way to the PBX, their views are made. A desk never waits in a queue: a socket gets the newest view, and one
that has not taken the one before by then gets only the newest of all. So nothing grows, however slow somebody reads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import structlog

from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, ContactId
from contactd.core.step import Step
from contactd.metrics import DESK_CLOSED, DESK_FANOUT_SECONDS, DESK_STREAMS, DESK_TOLD
from contactd.web.desk.sessions import Session
from contactd.web.desk.shapes import Me

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode
_structs = msgspec.structs

FLOOR_S = 0.25
"""A supervisor's floor is told at most so often."""


class Desk:
    """One open event stream. newest: what it has not got yet; it is replaced, never queued."""

    __slots__ = ("floor", "over", "session", "waiting", "woken")

    def __init__(self, session: Session, floor: bool) -> None:
        self.session = session
        self.floor = floor
        self.waiting: dict[str, bytes] = {}
        self.woken = asyncio.Event()
        self.over = ""
        """Why we close it; empty: we do not."""

    def put(self, kind: str, message: bytes) -> None:
        self.waiting[kind] = message
        self.woken.set()

    def end(self, why: str) -> None:
        self.over = self.over or why
        self.woken.set()


class Hub:
    """view: an agent's, as it is now. floor_view: a supervisor's, by who looks. both must not wait."""

    def __init__(
        self,
        floor: LiveFloor,
        view: Callable[[Session], Me],
        floor_view: Callable[[Session], Any],
        use: Callable[[Session], None],
        *,
        most: int,
    ) -> None:
        self._floor = floor
        self._view, self._floor_view = view, floor_view
        self._use = use
        self._most = most
        self._desks: dict[AgentId, list[Desk]] = {}
        self._floors: list[Desk] = []
        self._last: dict[AgentId, tuple[Me, bytes]] = {}
        self._of_contact: dict[ContactId, set[AgentId]] = {}
        self._dirty: set[AgentId] = set()
        self._since = 0.0
        self._flushing = False
        self._floor_changed = False
        self._floor_timer: asyncio.TimerHandle | None = None
        self._heard: list[Callable[[Sequence[Step]], None]] = []

    def __len__(self) -> int:
        return sum(map(len, self._desks.values())) + sum(1 for one in self._floors if one.session.agent is None)

    def hear(self, listener: Callable[[Sequence[Step]], None]) -> None:
        """listener is told every batch before the views are made, while anybody looks on."""
        self._heard.append(listener)

    # --- who looks on ----------------------------------------------------------------------------------------------

    def open(self, session: Session, *, floor: bool) -> Desk | None:
        """None: there are too many. To be closed."""
        if len(self) >= self._most:
            return None
        desk = Desk(session, floor)
        if session.agent is not None:
            self._desks.setdefault(session.agent, []).append(desk)
        if floor:
            self._floors.append(desk)
        session.watchers.add(desk.end)
        self._count()
        return desk

    def close(self, desk: Desk) -> None:
        agent = desk.session.agent
        for key, desks in list(self._desks.items()):
            if desk in desks:
                desks.remove(desk)
                if not desks:
                    del self._desks[key]
                    self._last.pop(key, None)
        if desk in self._floors:
            self._floors.remove(desk)
        desk.session.watchers.discard(desk.end)
        if agent is not None and agent not in self._desks:
            for agents in self._of_contact.values():
                agents.discard(agent)
        self._count()

    def stop(self) -> None:
        """The daemon goes."""
        for desk in self.all():
            desk.end("restart")

    def all(self) -> Iterable[Desk]:
        return {*self._floors, *(desk for desks in self._desks.values() for desk in desks)}

    def newest(self, session: Session) -> Me:
        """The agent's view as it is now."""
        return self._view(session)

    def first(self, desk: Desk, epoch: int, seq: int) -> None:
        """What a desk gets when it has opened: nothing that it has already."""
        agent = desk.session.agent
        if agent is not None:
            me = self._view(desk.session)
            self._remember(agent, me)
            kept = self._last.get(agent)
            if kept is None or not _same(kept[0], me):
                kept = self._last[agent] = (me, _message(me))
            # The page has this view, or one in which nothing of the agent's has changed since.
            newest = kept[0]
            if (epoch, seq) < (newest.epoch, newest.seq) or epoch != newest.epoch:
                desk.put("me", _message(me))
            else:
                desk.put("same", _encode({"type": "same", "epoch": me.epoch, "seq": me.seq, "now": me.now}))
        if desk.floor:
            desk.put("floor", self._floor_message(desk.session))

    # --- what happens ----------------------------------------------------------------------------------------------

    def publish(self, steps: Sequence[Step]) -> None:
        """After every batch. Without a desk it costs nothing."""
        if not self._desks and not self._floors:
            return
        for listener in self._heard:
            listener(steps)
        if not self._dirty:
            self._since = time.perf_counter()
        if self._desks:
            for step in steps:
                for event in step.events:
                    self._note(event)
        if self._floors:
            self._floor_changed = True
            self._plan_floor()
        self._plan()

    def touch(self, agents: Iterable[AgentId]) -> None:
        """Something beside the floor has changed of these."""
        if not self._dirty:
            self._since = time.perf_counter()
        self._dirty.update(agent for agent in agents if agent in self._desks)
        self._plan()

    def touch_contact(self, contact: ContactId) -> None:
        self.touch(self._of_contact.get(contact, ()))

    def touch_all(self) -> None:
        """New settings: labels and reasons may be others."""
        self.touch(list(self._desks))

    def _note(self, event: Any) -> None:
        agent = getattr(event, "agent", None)
        if agent is not None and agent in self._desks:
            self._dirty.add(agent)
        contact = getattr(event, "contact", None)
        if contact is None:
            if agent is None:
                # Of no agent and no contact: the plan, a PBX, a calendar. Rare, and may touch all.
                self._dirty.update(self._desks)
            return
        if (agents := self._of_contact.get(contact)) is not None:
            self._dirty |= agents
        live = self._floor.contacts.get(contact)
        if live is not None:
            for one in (live.agent, *live.legs):
                if one is not None and one in self._desks:
                    self._dirty.add(one)

    def _plan(self) -> None:
        if self._dirty and not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        dirty, self._dirty = self._dirty, set()
        for agent in dirty:
            desks = self._desks.get(agent)
            if not desks:
                continue
            try:
                self._tell(agent, desks)
            except Exception:
                # One agent's view must not cost the others theirs.
                log.exception("desk_view_failed", agent_id=agent)
        DESK_FANOUT_SECONDS.observe(time.perf_counter() - self._since)

    def _tell(self, agent: AgentId, desks: list[Desk]) -> None:
        me = self._view(desks[0].session)
        kept = self._last.get(agent)
        if kept is not None and _same(kept[0], me):
            return
        self._remember(agent, me)
        message = _message(me)
        self._last[agent] = (me, message)
        for desk in desks:
            desk.put("me", message)
            if me.contacts:
                # Who talks is not idle.
                self._use(desk.session)
        DESK_TOLD.labels("me").inc(len(desks))

    def _remember(self, agent: AgentId, me: Me) -> None:
        """By which contacts the agent is found again: one that ends names nobody any more."""
        now = {ContactId(one.id) for one in me.contacts}
        kept = self._last.get(agent)
        before = {ContactId(one.id) for one in kept[0].contacts} if kept is not None else set()
        for contact in before - now:
            agents = self._of_contact.get(contact)
            if agents is not None:
                agents.discard(agent)
                if not agents:
                    del self._of_contact[contact]
        for contact in now:
            self._of_contact.setdefault(contact, set()).add(agent)

    # --- the floor -------------------------------------------------------------------------------------------------

    def _plan_floor(self) -> None:
        if self._floor_timer is None:
            self._floor_timer = asyncio.get_running_loop().call_later(FLOOR_S, self._tell_floors)

    def _tell_floors(self) -> None:
        self._floor_timer = None
        if not self._floor_changed:
            return
        self._floor_changed = False
        # Who sees the same queues gets the same bytes.
        made: dict[tuple[frozenset[str], str], bytes] = {}
        for desk in self._floors:
            key = (desk.session.queues, desk.session.role)
            if key not in made:
                made[key] = self._floor_message(desk.session)
            desk.put("floor", made[key])
        DESK_TOLD.labels("floor").inc(len(self._floors))

    def _floor_message(self, session: Session) -> bytes:
        return _encode(
            {"type": "floor", "epoch": self._floor.epoch, "seq": self._floor.seq, "floor": self._floor_view(session)}
        )

    def _count(self) -> None:
        DESK_STREAMS.labels("agent").set(sum(map(len, self._desks.values())))
        DESK_STREAMS.labels("floor").set(len(self._floors))


def _same(one: Me, other: Me) -> bool:
    """Whether nothing that is shown differs: the floor goes on all the time without this agent."""
    return one.epoch == other.epoch and _structs.replace(one, seq=0, now=0.0) == _structs.replace(other, seq=0, now=0.0)


def _message(me: Me) -> bytes:
    return _encode({"type": "me", "epoch": me.epoch, "seq": me.seq, "me": me})


def closed(why: str) -> None:
    DESK_CLOSED.labels(why).inc()
