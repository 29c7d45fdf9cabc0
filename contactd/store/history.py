"""The follower "history": from the journal's events to one row a contact and one a stretch of an agent's day.

It keeps its place in ``projection`` and moves it in the transaction that writes the rows, so each event
counts once, whenever it is stopped. What it writes does not depend on how the events are cut into batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
import structlog

from contactd import metrics
from contactd.core import events as ev
from contactd.core.agent import AgentState, Status
from contactd.core.contact import Outcome
from contactd.core.errors import ContactdError
from contactd.core.ids import AgentId, ContactId, Instant, PartyId
from contactd.store.queries import query
from contactd.store.trouble import AWAY

log = structlog.get_logger()

NAME = "history"
BATCH = 200
_PAUSE_S = 1.0
"""A turn takes a dozen statements, however few events it finds: a fifth of the daemon's time at four turns a second."""
_LONGEST_PAUSE_S = 30.0
_decoder = msgspec.json.Decoder(ev.AnyEvent)


class Overtaken(ContactdError):
    """Somebody else moved the follower's place during our transaction; nothing of it was kept."""


@dataclass(slots=True)
class ContactRow:
    """The table contact, a row as it grows. Times in Unix seconds."""

    id: ContactId
    medium: str
    pbx: str
    call: str
    dnis: str
    arrived_at: Instant
    queue: str | None = None
    agent: str | None = None
    """Who talked with the caller, the last of them."""
    queued_at: Instant | None = None
    """The first time; a transfer into another queue does not move it."""
    connected_at: Instant | None = None
    """The first time."""
    ended_at: Instant | None = None
    outcome: str | None = None
    waited_s: float | None = None
    """Until the first answer or, without one, until the end; None when never queued."""
    talk_s: float = 0.0
    """All talks together."""
    offers: int = 0
    seen_late: bool = False
    test: bool = False
    """Placed by contactctl testcall: for no statistic."""
    party: PartyId | None = None
    """Whose contact it is, as far as it was known; erasing the person leaves the id, which then names nobody."""
    verified: bool = False


@dataclass(slots=True)
class Span:
    """The table agent_span: what an agent was, from since to until."""

    agent: AgentId
    seq: int
    since: Instant
    status: str = Status.SIGNED_OUT
    state: str = AgentState.IDLE
    reason: str = ""
    contact: ContactId | None = None
    until: Instant | None = None
    stored: bool = False
    changed: bool = False


class Fold:
    """Events onto rows. contacts and spans hold what is stored already of those whom the events name."""

    def __init__(self, contacts: dict[ContactId, ContactRow], spans: dict[AgentId, Span]) -> None:
        self.contacts = contacts
        self.spans = spans
        """The open span of each agent."""
        self.closed: list[Span] = []

    def apply(self, seq: int, at: Instant, event: ev.Event) -> None:
        fold = _FOLD.get(type(event))
        if fold is not None:
            fold(self, seq, at, event)

    def _contact(self, contact: ContactId, at: Instant) -> ContactRow:
        """Its row; one that was never announced (a quarantined fact) gets one that says: seen late."""
        row = self.contacts.get(contact)
        if row is None:
            row = self.contacts[contact] = ContactRow(contact, "voice", "", "", "", at, seen_late=True)
        return row

    def _be(self, agent: AgentId, seq: int, at: Instant, **now: Any) -> None:
        """The agent is something else from at on. A span of no length takes the new values itself."""
        span = self.spans.get(agent)
        if span is None:
            self.spans[agent] = Span(agent, seq, at, **now)
            return
        if all(getattr(span, name) == value for name, value in now.items()):
            return
        # An input may carry the PBX's own, earlier time.
        at = max(at, span.since)
        span.changed = True
        if at == span.since:
            for name, value in now.items():
                setattr(span, name, value)
            return
        span.until = at
        self.closed.append(span)
        was = {name: getattr(span, name) for name in ("status", "state", "reason", "contact")}
        self.spans[agent] = Span(agent, seq, at, **{**was, **now})

    # --- contacts ---

    def arrived(self, seq: int, at: Instant, event: ev.ContactArrived | ev.ContactAdopted) -> None:
        if event.contact in self.contacts:
            return
        arrived_at = event.arrived_at if isinstance(event, ev.ContactAdopted) else at
        self.contacts[event.contact] = ContactRow(
            event.contact, event.medium, _clean(event.pbx), _clean(event.call), _clean(event.dnis), arrived_at
        )
        self.contacts[event.contact].test = event.test

    def chosen(self, seq: int, at: Instant, event: ev.MenuChosen) -> None:
        self._contact(event.contact, at).queue = event.queue

    def queued(self, seq: int, at: Instant, event: ev.ContactQueued | ev.ContactFellBack) -> None:
        row = self._contact(event.contact, at)
        row.queue = event.queue
        if row.queued_at is None:
            row.queued_at = event.queued_at

    def ended(self, seq: int, at: Instant, event: ev.ContactEnded) -> None:
        row = self._contact(event.contact, at)
        row.ended_at = max(at, row.arrived_at)
        # A late message of the PBX can bring an ended call back for a moment; that makes no abandon of it.
        if row.outcome != Outcome.HANDLED:
            row.outcome = str(event.outcome)
        row.queue = event.queue or row.queue
        if row.waited_s is None:
            row.waited_s = event.waited_s
        row.seen_late = row.seen_late or event.seen_late

    def recognised(self, seq: int, at: Instant, event: ev.ContactRecognised) -> None:
        row = self._contact(event.contact, at)
        row.verified = row.verified and row.party == event.known.party
        row.party = event.known.party

    def party_verified(self, seq: int, at: Instant, event: ev.PartyVerified) -> None:
        self._contact(event.contact, at).verified = True

    # --- both ---

    def offered(self, seq: int, at: Instant, event: ev.ContactOffered) -> None:
        self._contact(event.contact, at).offers += 1
        self._be(event.agent, seq, at, state=AgentState.OFFERED, contact=event.contact)

    def leg_offered(self, seq: int, at: Instant, event: ev.LegOffered) -> None:
        """The same offer: the contact's count stays."""
        self._be(event.agent, seq, at, state=AgentState.OFFERED, contact=event.contact)

    def offer_ended(self, seq: int, at: Instant, event: ev.OfferEnded | ev.LegEnded) -> None:
        self._be(event.agent, seq, at, state=AgentState.IDLE, contact=None)

    def connected(self, seq: int, at: Instant, event: ev.ContactConnected) -> None:
        row = self._contact(event.contact, at)
        row.agent = event.agent
        if row.connected_at is None:
            row.connected_at, row.waited_s = max(at, row.arrived_at), event.waited_s
        row.seen_late = row.seen_late or event.seen_late
        self._be(event.agent, seq, at, state=AgentState.BUSY, contact=event.contact)

    def talk_ended(self, seq: int, at: Instant, event: ev.TalkEnded) -> None:
        self._contact(event.contact, at).talk_s += event.talk_s
        if event.wrap_up_until is None:
            self._be(event.agent, seq, at, state=AgentState.IDLE, contact=None)
        else:
            # The wrap-up is work on this contact, though the floor has let go of it.
            self._be(event.agent, seq, at, state=AgentState.WRAP_UP, contact=event.contact)

    def turned(self, seq: int, at: Instant, event: ev.AgentTurned) -> None:
        """An agent with several contacts has a span for what they do foremost."""
        self._be(event.agent, seq, at, state=event.state, contact=event.contact)

    # --- agents ---

    def signed_in(self, seq: int, at: Instant, event: ev.AgentSignedIn | ev.AgentReady) -> None:
        self._be(event.agent, seq, at, status=Status.READY, reason="")

    def signed_out(self, seq: int, at: Instant, event: ev.AgentSignedOut) -> None:
        self._be(event.agent, seq, at, status=Status.SIGNED_OUT, reason="")

    def not_ready(self, seq: int, at: Instant, event: ev.AgentNotReady) -> None:
        self._be(event.agent, seq, at, status=Status.NOT_READY, reason=event.reason)

    def wrapped_up(self, seq: int, at: Instant, event: ev.WrapUpEnded) -> None:
        self._be(event.agent, seq, at, state=AgentState.IDLE, contact=None)

    def configured(self, seq: int, at: Instant, event: ev.FloorConfigured) -> None:
        """Agents who are no longer configured leave; those in the middle of something are signed out."""
        kept = {profile.id for profile in event.plan.agents}
        for agent in [agent for agent in self.spans if agent not in kept]:
            if self.spans[agent].state == AgentState.IDLE:
                span = self.spans.pop(agent)
                span.until, span.changed = max(at, span.since), True
                self.closed.append(span)
            else:
                self._be(agent, seq, at, status=Status.SIGNED_OUT, reason="")


_FOLD: dict[type[ev.Event], Callable[[Fold, int, Instant, Any], None]] = {
    ev.FloorConfigured: Fold.configured,
    ev.ContactArrived: Fold.arrived,
    ev.ContactAdopted: Fold.arrived,
    ev.MenuChosen: Fold.chosen,
    ev.ContactQueued: Fold.queued,
    ev.ContactFellBack: Fold.queued,
    ev.ContactOffered: Fold.offered,
    ev.OfferEnded: Fold.offer_ended,
    ev.LegOffered: Fold.leg_offered,
    ev.LegEnded: Fold.offer_ended,
    ev.ContactConnected: Fold.connected,
    ev.TalkEnded: Fold.talk_ended,
    ev.ContactRecognised: Fold.recognised,
    ev.PartyVerified: Fold.party_verified,
    ev.ContactEnded: Fold.ended,
    ev.AgentSignedIn: Fold.signed_in,
    ev.AgentReady: Fold.signed_in,
    ev.AgentSignedOut: Fold.signed_out,
    ev.AgentNotReady: Fold.not_ready,
    ev.WrapUpEnded: Fold.wrapped_up,
    ev.AgentTurned: Fold.turned,
}


async def follow(pool: asyncpg.Pool, floor_id: int, *, most: int = BATCH) -> int:
    """Take up to ``most`` events further, in one transaction. Returns how many were read; 0: nothing new."""
    async with pool.acquire(timeout=10) as connection, connection.transaction():
        before = await connection.fetchval(query("lock_projection"), NAME)
        rows = await connection.fetch(query("events_after"), floor_id, before, most)
        if not rows:
            return 0
        events = [(row["seq"], row["at"], event) for row in rows if (event := _read(row)) is not None]
        fold = await _begin(connection, [event for _, _, event in events])
        for seq, at, event in events:
            fold.apply(seq, at, event)
        await _keep(connection, floor_id, fold)
        after = rows[-1]["seq"]
        if await connection.execute(query("advance_projection"), NAME, before, after) != "UPDATE 1":
            raise Overtaken(f"The follower {NAME} was moved from {before} by somebody else; it tries again.")
    metrics.HISTORY_SEQ.set(after)
    return len(rows)


def _read(row: asyncpg.Record) -> ev.Event | None:
    """One that this version cannot read is told and passed over: the journal keeps it."""
    try:
        event: ev.Event = _decoder.decode(row["body"])
    except msgspec.DecodeError as error:
        metrics.HISTORY_SKIPPED.inc()
        log.error("history_event_skipped", seq=row["seq"], event_kind=row["kind"], error=str(error))
        return None
    return event


async def _begin(connection: asyncpg.Connection, events: list[ev.Event]) -> Fold:
    """What is stored already of the contacts and agents that the events name."""
    contacts = {contact for event in events if (contact := getattr(event, "contact", None)) is not None}
    agents = {event.agent for event in events if hasattr(event, "agent")}
    if any(isinstance(event, ev.FloorConfigured) for event in events):
        agents |= {row["agent"] for row in await connection.fetch(query("history_known_agents"))}
    rows = await connection.fetch(query("history_contacts"), list(contacts))
    spans = await connection.fetch(query("history_open_spans"), list(agents))
    return Fold(
        {row["id"]: ContactRow(**row) for row in rows},
        {row["agent"]: Span(**row, stored=True) for row in spans},
    )


_CONTACT_COLUMNS = (
    *("id", "medium", "pbx", "call", "dnis", "queue", "agent", "arrived_at", "queued_at", "connected_at"),
    *("ended_at", "outcome", "waited_s", "talk_s", "offers", "seen_late", "test"),
    *("party", "verified"),
)


async def _keep(connection: asyncpg.Connection, floor_id: int, fold: Fold) -> None:
    if fold.contacts:
        contacts = list(fold.contacts.values())
        columns = _columns(contacts, *_CONTACT_COLUMNS)
        await connection.execute(query("history_keep_contacts"), floor_id, *columns)
    spans = [*fold.closed, *fold.spans.values()]
    # Old rows first: an agent has one open span at any time.
    if changed := [span for span in spans if span.stored and span.changed]:
        columns = _columns(changed, "agent", "seq", "until", "status", "state", "reason", "contact")
        await connection.execute(query("history_change_spans"), *columns)
    if new := [span for span in spans if not span.stored]:
        columns = _columns(new, "agent", "seq", "since", "until", "status", "state", "reason", "contact")
        await connection.execute(query("history_add_spans"), *columns)


def _columns(rows: list[Any], *names: str) -> list[list[Any]]:
    return [[getattr(row, name) for row in rows] for name in names]


def _clean(text: str) -> str:
    """PostgreSQL's text holds no NUL."""
    return text.replace("\0", "")


class History:
    """The follower as a task of the daemon. ``wake`` is set after each append; several are taken together."""

    def __init__(self, pool: asyncpg.Pool, floor_id: int, *, pause_s: float = _PAUSE_S) -> None:
        self._pool = pool
        self._floor_id = floor_id
        self._pause_s = pause_s

    async def run(self, wake: asyncio.Event) -> None:
        """Until cancelled. PostgreSQL away, or refusing: told, and tried again; no call depends on it."""
        pause_s = self._pause_s
        while True:
            wake.clear()
            try:
                while await follow(self._pool, self._floor_id) == BATCH:
                    pass
            except (*AWAY, Overtaken) as error:
                pause_s = min(max(1.0, pause_s * 2), _LONGEST_PAUSE_S)
                log.warning("history_interrupted", error=repr(error), retry_in_s=pause_s)
                wake.set()
            else:
                pause_s = self._pause_s
            await asyncio.sleep(pause_s)
            await wake.wait()
