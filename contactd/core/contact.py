"""One conversation on one medium, and the table of its states."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contactd.core.announcements import Hearing
from contactd.core.destination import Outside
from contactd.core.ids import AgentId, ContactId, DiversionId, Instant, OfferId, PartyId, PbxId, QueueId
from contactd.core.plan import Medium, Skills
from contactd.core.text import Carrier


class ContactState(StrEnum):
    """Where a contact is. ENDED contacts leave the floor, so it is never stored."""

    MENU = "menu"
    WAITING = "waiting"
    OFFERED = "offered"
    CONNECTED = "connected"
    FALLBACK = "fallback"
    """In the PBX's static queue, because nobody steered."""
    DIVERTED = "diverted"
    """Sent out of all queues: to a box, a number, a message, a tone. No agent comes, unless that fails."""
    RELEASED = "released"
    """The agent has left, the caller has not hung up yet: transferred, or hearing the end of the dialplan."""
    ENDED = "ended"


_S = ContactState
TRANSITIONS: dict[ContactState, frozenset[ContactState]] = {
    _S.MENU: frozenset({_S.WAITING, _S.FALLBACK, _S.CONNECTED, _S.OFFERED, _S.DIVERTED, _S.RELEASED, _S.ENDED}),
    _S.WAITING: frozenset(
        {_S.WAITING, _S.MENU, _S.OFFERED, _S.CONNECTED, _S.FALLBACK, _S.DIVERTED, _S.RELEASED, _S.ENDED}
    ),
    _S.OFFERED: frozenset({_S.WAITING, _S.CONNECTED, _S.RELEASED, _S.ENDED, _S.FALLBACK}),
    _S.CONNECTED: frozenset({_S.RELEASED, _S.ENDED}),
    _S.FALLBACK: frozenset({_S.WAITING, _S.CONNECTED, _S.DIVERTED, _S.RELEASED, _S.OFFERED, _S.ENDED}),
    _S.DIVERTED: frozenset({_S.WAITING, _S.FALLBACK, _S.OFFERED, _S.CONNECTED, _S.ENDED}),
    _S.RELEASED: frozenset({_S.WAITING, _S.CONNECTED, _S.OFFERED, _S.FALLBACK, _S.DIVERTED, _S.ENDED}),
    _S.ENDED: frozenset(),
}
"""Which state may follow which; docs/architecture.rst draws it. A step that breaks it is a bug and raises."""


IN_LINE = frozenset({_S.WAITING, _S.OFFERED, _S.FALLBACK})
"""For an agent: whoever is in one of these counts as waiting in the queue."""


class Outcome(StrEnum):
    """How a contact ended."""

    ABANDONED_IN_MENU = "abandoned_in_menu"
    ABANDONED_WAITING = "abandoned_waiting"
    ABANDONED_RINGING = "abandoned_ringing"
    SELF_SERVED = "self_served"
    """A flow did what the caller called for, and ended the call."""
    TIMED_OUT = "timed_out"
    """Sent away after the longest wait (CONTACTD_MAX_WAIT): the caller did not give up, we did."""
    DIVERTED_VOICEMAIL = "diverted_voicemail"
    """Sent to a voicemail box; whether there is a message, the box tells, or contactctl voicemail."""
    DIVERTED_EXTERNAL = "diverted_external"
    DIVERTED_MESSAGE = "diverted_message"
    DIVERTED_HANG_UP = "diverted_hang_up"
    HANDLED = "handled"
    MERGED = "merged"
    """An agent's call to a line of ours on a caller's behalf, until the caller was put through: the story goes on in
    the caller's contact."""
    CALLED_IN = "called_in"
    """Was to be called back, and has called again before: the new contact has the place."""
    CALLBACK_FAILED = "callback_failed"
    """Was called as often as the queue tries, and not reached."""
    CALLBACK_EXPIRED = "callback_expired"
    """Was not reached in time."""
    CALLBACK_REFUSED = "callback_refused"
    """Is not called: by the rules of dialling, or since the number is erased."""
    CALLBACK_CANCELLED = "callback_cancelled"
    """By a person."""
    WITHDRAWN = "withdrawn"
    """Something written that was erased before an agent took it: nobody gave up."""
    PBX_LOST = "pbx_lost"
    UNSEEN = "unseen"
    """It ended while nobody listened, from a state that does not tell how: an offer was ringing, or the static queue
    may have served it."""


class Needs(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What this contact needs beyond its queue: told by the menu, by the dialplan, by what is known of the customer."""

    skills: Skills = {}
    preferred_agent: AgentId | None = None
    """Who is offered the contact alone while the queue's sticky_s lasts."""
    boost_s: int = 0


class Estimate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Seconds of a wait: as likely shorter than the median as longer. One of ten is shorter than low_s, one of ten
    longer than high_s."""

    low_s: float
    median_s: float
    high_s: float


class KnownBy(StrEnum):
    """How it was found out who somebody is. None of them proves it: a number can be borrowed, or made up."""

    NUMBER = "number"
    PERSON = "person"
    """An agent or a supervisor said so."""


class Known(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the customer's record says that routing reads. party: None when nobody was found, or several."""

    party: PartyId | None = None
    matches: int = 0
    """How many parties the number belongs to: a household's to several, and then nobody guesses."""
    by: KnownBy = KnownBy.NUMBER
    vip: bool = False
    language: str | None = None
    skills: Skills = {}
    boost_s: int = 0
    agents: dict[QueueId, AgentId] = {}
    """Queue -> who last handled this party's contact there."""
    recording: bool | None = None
    """What the party said to being recorded; None: nothing. Of several parties: False when one of them refused."""
    text: bool = False
    """The party calls from a text telephone."""


class Sent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Out of all queues, by which diversion, where to and when."""

    diversion: DiversionId | None
    to: Outside
    at: Instant


class Pressed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last key by which the caller went somewhere, as far as the floor has heard."""

    number: int
    """The dialplan counts them."""
    left: QueueId | None = None
    """The queue that the caller left for the menu; the place there is kept."""


class Recorder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the PBX records of a contact: the leg of the agent whom an offer led to."""

    offer: OfferId
    channel: str
    """The agent's, by which the PBX is told to pause it."""
    paused: bool = False


class Callback(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Of a contact whose caller has gone and is to be called back (callback.py)."""

    asked_at: Instant
    due_at: Instant
    """Nobody is called before."""
    until: Instant
    """When the promise is over."""
    by: str = ""
    """Who asked for it on the customer's behalf; empty: the customer."""
    due: bool = False
    """due_at has come."""
    tries: int = 0
    """How often the customer's telephone was rung in vain."""
    attempt: str = ""
    """The Uniqueid of the call that is under way; empty: none is."""
    began_at: Instant = 0.0
    """The attempt."""
    dialled: bool = False
    """Whether in this attempt the customer's number was given out."""


class Rare(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Of a contact (Contact.rare)."""

    text: Carrier | None = None
    """What brings its words, when they are text."""
    announced: bool = False
    """Has heard, in this call, that talks are recorded or listened to."""
    pressed: Pressed | None = None
    calls_back: bool = False
    """A caller in a menu or a flow who wants to be called back: asked for the number in the first queue."""
    callback: Callback | None = None
    """While nobody is on the line: WAITING, or OFFERED to an agent for whom the customer is then dialled."""


STICKY = -1
"""The step before the first: the preferred agent alone."""


# gc=False: it holds values only, so it is in no cycle, and the collector need not look at a hundred thousand of them.
class Contact(msgspec.Struct, kw_only=True, gc=False):
    """Changed by apply() only."""

    id: ContactId
    medium: Medium = Medium.VOICE
    pbx: PbxId
    """Who carries it; empty for a medium that no PBX carries."""
    call: str
    """The caller's channel's Uniqueid."""
    channel: str
    """The caller's channel's name, by which the PBX is told what to do with it."""
    dnis: str
    arrived_at: Instant
    callers: tuple[str, ...] = ()
    """What the caller is known by, if they ring back (ring_back)."""
    state: ContactState = ContactState.MENU
    served: bool = False
    """A flow has ended the call."""
    queue: QueueId | None = None
    queued_at: Instant | None = None
    """When the first wait began; the place in line, kept through failed offers."""
    held: bool = False
    """The dialplan says that the caller stands in the hold loop. Only such a caller can be redirected into an
    offer without cutting anything else off. What no PBX carries is held whenever it waits."""
    agent: AgentId | None = None
    offer: OfferId | None = None
    legs: tuple[AgentId, ...] = ()
    """Whom an offer by ring_all rings, in the order in which they were offered it: agent is one of them."""
    return_by: Instant | None = None
    """Being fetched back from the static queue: until then nobody younger is offered to an agent of this queue."""
    needs: Needs | None = None
    """What it asks of routing: needs.needs_in() of the next two and the queue."""
    asked: Needs | None = None
    known: Known | None = None
    verified: str = ""
    """How it was verified that it is the party indeed; empty: it was not."""
    step: int = 0
    """How many of the queue's steps are behind it; STICKY before the first."""
    connected_at: Instant | None = None
    handled: bool = False
    test: bool = False
    """Placed by ``contactctl testcall``: in no statistic, and nothing is learnt from it."""
    estimate: Estimate | None = None
    """Of the wait that began last, when it began; None: nobody knew, or nobody was asked."""
    turned_away: bool = False
    """Was sent where callers of the closed queue go, and is not sent there again."""
    unserved: bool = False
    """The same of a queue that nobody served."""
    passed: tuple[QueueId, ...] = ()
    """The queues that this wait went through before: the PBX still names one of them, and no way leads back."""
    sent: Sent | None = None
    """While DIVERTED only."""
    recorder: Recorder | None = None
    """Of the last talk that was recorded; it runs while that talk does."""
    hears: Hearing | None = None
    """Of a caller in a queue that announces something."""
    rare: Rare | None = None
    """What few contacts have, apart from it, since a hundred thousand wait. Read by the properties below."""

    @property
    def text(self) -> Carrier | None:
        return self.rare.text if self.rare is not None else None

    @property
    def announced(self) -> bool:
        return self.rare is not None and self.rare.announced

    @property
    def pressed(self) -> Pressed | None:
        return self.rare.pressed if self.rare is not None else None

    @property
    def calls_back(self) -> bool:
        return self.rare is not None and self.rare.calls_back

    @property
    def callback(self) -> Callback | None:
        return self.rare.callback if self.rare is not None else None

    def change(self, **rare: object) -> None:
        """Of Rare, by name. apply() only."""
        self.rare = msgspec.structs.replace(self.rare or Rare(), **rare)

    @property
    def diversion(self) -> DiversionId | None:
        return self.sent.diversion if self.sent is not None else None

    @property
    def diverted_to(self) -> Outside | None:
        return self.sent.to if self.sent is not None else None

    @property
    def diverted_at(self) -> Instant | None:
        return self.sent.at if self.sent is not None else None

    def prefers(self) -> bool:
        """Whether there is an agent who comes before all others."""
        return self.needs is not None and self.needs.preferred_agent is not None

    def asked_before(self) -> Needs | None:
        """What was asked, without what a record added; a contact of an older snapshot has it in needs alone."""
        return self.asked if self.known is not None else self.needs
