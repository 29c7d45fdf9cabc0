"""One conversation on one medium, and the table of its states."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contactd.core.ids import AgentId, ContactId, Instant, OfferId, PbxId, QueueId


class ContactState(StrEnum):
    """Where a contact is. ENDED contacts leave the floor, so it is never stored."""

    MENU = "menu"
    WAITING = "waiting"
    OFFERED = "offered"
    CONNECTED = "connected"
    FALLBACK = "fallback"
    """In the PBX's static queue, because nobody steered."""
    RELEASED = "released"
    """The agent has left, the caller has not hung up yet: transferred, or hearing the end of the dialplan."""
    ENDED = "ended"


_S = ContactState
TRANSITIONS: dict[ContactState, frozenset[ContactState]] = {
    _S.MENU: frozenset({_S.WAITING, _S.FALLBACK, _S.CONNECTED, _S.OFFERED, _S.RELEASED, _S.ENDED}),
    _S.WAITING: frozenset({_S.WAITING, _S.OFFERED, _S.CONNECTED, _S.FALLBACK, _S.RELEASED, _S.ENDED}),
    _S.OFFERED: frozenset({_S.WAITING, _S.CONNECTED, _S.RELEASED, _S.ENDED, _S.FALLBACK}),
    _S.CONNECTED: frozenset({_S.RELEASED, _S.ENDED}),
    _S.FALLBACK: frozenset({_S.WAITING, _S.CONNECTED, _S.RELEASED, _S.OFFERED, _S.ENDED}),
    _S.RELEASED: frozenset({_S.WAITING, _S.CONNECTED, _S.OFFERED, _S.FALLBACK, _S.ENDED}),
    _S.ENDED: frozenset(),
}
"""Which state may follow which; docs/architecture.rst draws it. A step that breaks it is a bug and raises."""


class Outcome(StrEnum):
    """How a contact ended."""

    ABANDONED_IN_MENU = "abandoned_in_menu"
    ABANDONED_WAITING = "abandoned_waiting"
    ABANDONED_RINGING = "abandoned_ringing"
    TIMED_OUT = "timed_out"
    """Sent away after the longest wait (CONTACTD_MAX_WAIT): the caller did not give up, we did."""
    HANDLED = "handled"
    MERGED = "merged"
    """An agent's call to a line of ours on a caller's behalf, until the caller was put through: the story goes on in
    the caller's contact."""
    PBX_LOST = "pbx_lost"
    UNSEEN = "unseen"
    """It ended while nobody listened, from a state that does not tell how (an offer was ringing)."""


class Contact(msgspec.Struct, kw_only=True):
    """Changed by apply() only."""

    id: ContactId
    pbx: PbxId
    call: str
    """The caller's channel's Uniqueid."""
    channel: str
    """The caller's channel's name, by which the PBX is told what to do with it."""
    dnis: str
    arrived_at: Instant
    state: ContactState = ContactState.MENU
    queue: QueueId | None = None
    queued_at: Instant | None = None
    """When the first wait began; the place in line, kept through failed offers."""
    held: bool = False
    """The dialplan says that the caller stands in the hold loop. Only such a caller can be redirected into an
    offer without cutting anything else off."""
    agent: AgentId | None = None
    offer: OfferId | None = None
    return_by: Instant | None = None
    """Being fetched back from the static queue: until then nobody younger is offered to an agent of this queue."""
    connected_at: Instant | None = None
    handled: bool = False
