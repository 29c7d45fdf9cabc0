"""From facts of the journal to what others are told of them. Pure; no personal value is in either."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable
from typing import Any

from contactd.core import events as ev
from contactd.core.ids import AgentId, Instant
from contactd.store.history import ContactRow, Fold, Span
from contactd.store.outbox import Fact, Message

VERSION = 1
"""Of all that is sent. It rises when a value's meaning changes or one is taken away; new ones may come at any time."""

_CONTACT: dict[type[ev.Event], str] = {
    ev.ContactArrived: "contact.arrived",
    ev.ContactAdopted: "contact.arrived",
    ev.ContactRecognised: "contact.recognised",
    ev.ContactQueued: "contact.queued",
    ev.ContactFellBack: "contact.queued",
    ev.ContactConnected: "contact.connected",
    ev.ContactEnded: "contact.ended",
}
_AGENT = (ev.AgentSignedIn, ev.AgentSignedOut, ev.AgentReady, ev.AgentNotReady)
_COLUMNS = ("medium", "pbx", "dnis", "queue", "agent", "verified", "test", "outcome", "waited_s", "talk_s", "offers")
_TIMES = ("arrived_at", "queued_at", "connected_at", "ended_at")


def concerns(event: ev.Event, wanted: Collection[str]) -> bool:
    """Whether somebody is told of a contact by it."""
    return _CONTACT.get(type(event)) in wanted


def messages(before: Iterable[Fact], facts: Iterable[Fact], wanted: Collection[str]) -> list[Message]:
    """facts: those that were not told yet, in order. before: all earlier ones of the contacts that they concern."""
    fold = Fold({}, {})
    for fact in before:
        fold.apply(fact.seq, fact.at, fact.event)
    told = []
    for fact in facts:
        was = _status(fold, fact.event)
        fold.apply(fact.seq, fact.at, fact.event)
        event = fact.event
        name = _CONTACT.get(type(event))
        if name is not None and name in wanted:
            row = fold.contacts[event.contact]  # type: ignore[attr-defined]
            told.append(Message(name, f"contact:{row.id}", fact.at, _contact(row), row.party, row.id))
        elif isinstance(event, _AGENT) and "agent.status" in wanted and was != _status(fold, event):
            told.append(_agent(fold, event.agent, fact.at))
    return told


def envelope(event: str, at: Instant, data: Any) -> dict[str, Any]:
    """What is sent, but for its text: the same at every attempt."""
    return {"type": event, "version": VERSION, "timestamp": _iso(at), "data": data}


def _agent(fold: Fold, agent: AgentId, at: Instant) -> Message:
    span = fold.spans[agent]
    data = {"agent": agent, "status": span.status, "reason": span.reason}
    return Message("agent.status", f"agent:{agent}", at, data, None, None)


def _status(fold: Fold, event: ev.Event) -> tuple[str, str] | None:
    """None: nobody's, or not known."""
    span: Span | None = fold.spans.get(event.agent) if isinstance(event, _AGENT) else None
    return (span.status, span.reason) if span is not None else None


def _contact(row: ContactRow) -> dict[str, Any]:
    """As far as it is known at that moment."""
    return {
        "contact": row.id,
        "customer": row.party,
        **{name: getattr(row, name) for name in _COLUMNS},
        **{name: None if (at := getattr(row, name)) is None else _iso(at) for name in _TIMES},
    }


def _iso(at: Instant) -> str:
    """
    >>> _iso(1700000000.25)
    '2023-11-14T22:13:20.250000Z'
    """
    return datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
