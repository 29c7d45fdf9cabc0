"""What happened, in the past tense: the journal for years, and all that rebuilds a floor.

No event carries a personal value. A kind's ``version`` rises when its meaning changes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

import msgspec

from contactd.core.agent import AgentState, Handset
from contactd.core.announcements import Said
from contactd.core.contact import Estimate, Known, Needs, Outcome
from contactd.core.destination import Way
from contactd.core.ids import (
    AgentId,
    AnnouncementId,
    CalendarId,
    ContactId,
    DiversionId,
    Instant,
    ListeningId,
    OfferId,
    PartyId,
    PbxId,
    QueueId,
)
from contactd.core.listener import Mode
from contactd.core.plan import AtClosing, FloorPlan, Medium, Skills
from contactd.core.text import Author, Carrier, FoundBy, MessageId


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", tag=True):
    """The root. Fields named contact and agent become columns of the journal."""

    version: ClassVar[int] = 1


class FloorConfigured(Event, frozen=True, kw_only=True):
    plan: FloorPlan


class PbxSteered(Event, frozen=True, kw_only=True):
    """The comparison is done: from here on contacts of this PBX are offered."""

    pbx: PbxId


class PbxLost(Event, frozen=True, kw_only=True):
    """No AMI session: nothing is offered until the next comparison."""

    pbx: PbxId
    why: str


class DialplanSeen(Event, frozen=True, kw_only=True):
    """Which edition of our dialplan the PBX has: an older one cannot do all that a newer contactd asks for."""

    pbx: PbxId
    edition: int


class ContactArrived(Event, frozen=True, kw_only=True):
    contact: ContactId
    medium: Medium = Medium.VOICE
    pbx: PbxId
    call: str
    channel: str
    dnis: str
    test: bool = False
    """Placed by ``contactctl testcall``: in no statistic."""
    callers: tuple[str, ...] = ()
    """As in CallArrived. The salts are gone within hours: nobody can be found by these."""


class ContactAdopted(Event, frozen=True, kw_only=True):
    """Found on the PBX without having been announced: it arrived while nobody listened."""

    contact: ContactId
    medium: Medium = Medium.VOICE
    pbx: PbxId
    call: str
    channel: str
    dnis: str
    arrived_at: Instant
    test: bool = False
    keys: int = 0
    """How many keys have led the caller somewhere before: the PBX has done what they meant."""


class MenuChosen(Event, frozen=True, kw_only=True):
    contact: ContactId
    menu: str
    choice: str
    queue: QueueId


class FlowWent(Event, frozen=True, kw_only=True):
    """As the input of this name has it."""

    contact: ContactId
    flow: str
    passed: tuple[str, ...]
    asks: str = ""
    served: bool = False


class ContactQueued(Event, frozen=True, kw_only=True):
    contact: ContactId
    queue: QueueId
    queued_at: Instant
    step: int = 0
    """Where in the queue's plan it begins: STICKY, or past the steps whose time has come already."""
    resumed: ContactId | None = None
    """Who was cut off and has rung back: the contact whose place this is, and whose queued_at."""
    estimate: Estimate | None = None
    """Of the wait since queued_at. None: nobody knows, it was not asked (in a crowd some are), or an older contactd."""
    passed: tuple[QueueId, ...] = ()
    """The queues that this wait has gone through before."""


class ContactNeedsSet(Event, frozen=True, kw_only=True):
    contact: ContactId
    needs: Needs
    step: int
    """Where in the queue's plan it goes on."""


class ContactRecognised(Event, frozen=True, kw_only=True):
    """Whose contact it is, or that nobody can say; and what follows for routing."""

    contact: ContactId
    known: Known
    step: int
    """Where in the queue's plan it goes on."""


class PartyVerified(Event, frozen=True, kw_only=True):
    """The contact is that party indeed."""

    contact: ContactId
    party: PartyId
    method: str
    by: str


class ContactRelaxed(Event, frozen=True, kw_only=True):
    """The wait has reached the next step of the queue's plan."""

    contact: ContactId
    step: int


class DiversionReason(StrEnum):
    """Why a contact goes elsewhere instead of waiting here."""

    FULL = "full"
    ESTIMATED_WAIT = "estimated_wait"
    """The wait would be too long, by the median of its estimate."""
    UNSTAFFED = "unstaffed"
    STEP = "step"
    """The wait has reached a step of the queue's plan that goes there."""
    CLOSED = "closed"
    """By the queue's calendar."""
    CLOSED_BY_HAND = "closed_by_hand"
    ASKED = "asked"
    """The caller chose it."""
    FOUND = "found"
    """A comparison found the caller there: sent by somebody whose facts are lost."""
    KEY = "key"
    """The caller pressed a key."""


class ContactDiverted(Event, frozen=True, kw_only=True):
    """Leaves its queue for a destination. When that is another queue, ContactQueued follows."""

    contact: ContactId
    queue: QueueId
    to: Way
    why: DiversionReason
    step: int
    """Where in the queue's plan it goes on, should the destination fail."""
    diversion: DiversionId | None = None
    """None: to another queue, or found without one."""


class DiversionFailure(StrEnum):
    """Why a caller came back."""

    UNAVAILABLE = "unavailable"
    """No such box, sound or trunk on the PBX, or it did not work."""
    NOT_ALLOWED = "not_allowed"
    """The PBX's own list lacks the number."""
    BUSY = "busy"
    NOT_ANSWERED = "not_answered"
    NOT_SENT = "not_sent"
    """The PBX refused the command, or cannot carry it out."""
    STALE = "stale"
    """Fenced by the dialplan: another writer had taken over."""
    UNSEEN = "unseen"
    """A comparison found the caller back in the hold."""
    DECLINED = "declined"
    """The caller was asked for a number to be called back at, and rather waits; or gave none that may be dialled."""
    RATE = "rate"
    """Too many numbers outside were dialled within the hour."""
    RETURNED = "returned"
    """It did not fail: the caller left the box without a message, or has heard the message that a key plays."""


class DiversionFailed(Event, frozen=True, kw_only=True):
    """Back to the queue, at the old place."""

    contact: ContactId
    diversion: DiversionId | None
    failure: DiversionFailure


class ContactAnnounced(Event, frozen=True, kw_only=True):
    """What was due is said to a caller who waits."""

    contact: ContactId
    queue: QueueId
    announcement: AnnouncementId
    said: tuple[Said, ...]
    """In this order. Empty: there was nothing to say."""
    unsaid: tuple[str, ...] = ()
    """What was due as well, and could not be said: the position of who stands too far behind, a wait that nobody
    knows."""
    estimate: Estimate | None = None
    """By which the wait was said, or would have been."""
    due: Instant
    """When it should have begun."""


class AnnouncementEnd(StrEnum):
    """How an announcement ended that nothing cut off."""

    HEARD = "heard"
    INCOMPLETE = "incomplete"
    """The PBX lacks a sound of it."""
    NOT_SENT = "not_sent"
    """The PBX refused the command, or cannot carry it out."""


class AnnouncementEnded(Event, frozen=True, kw_only=True):
    """The caller hears music again."""

    contact: ContactId
    announcement: AnnouncementId
    end: AnnouncementEnd


class ContactHeld(Event, frozen=True, kw_only=True):
    """Back in the hold loop, at the old place."""

    contact: ContactId


class ContactFellBack(Event, frozen=True, kw_only=True):
    contact: ContactId
    queue: QueueId
    queued_at: Instant


class ReturnOverdue(Event, frozen=True, kw_only=True):
    """The static queue did not give the caller back in time; those behind wait no longer."""

    contact: ContactId


class ContactOffered(Event, frozen=True, kw_only=True):
    contact: ContactId
    agent: AgentId
    offer: OfferId
    step: int = 0
    strategy: str = ""
    """Of the queue's plan at that step; empty: found by a comparison, or of an older contactd."""
    others: dict[str, int] = {}
    """Why the agents of this PBX were not chosen: how many by reason (routing.explain.Reason)."""
    until: Instant | None = None
    """Of a contact that no PBX carries: when the offer counts as not answered."""
    record: str = ""
    """Whether the talk is to be recorded (recording.Verdict); empty: nothing asks for it."""


class OfferOutcome(StrEnum):
    """Why an offer did not become a talk."""

    RONA = "rona"
    DECLINED = "declined"
    BUSY = "busy"
    UNREGISTERED = "unregistered"
    CALLER_GONE = "caller_gone"
    NOT_SENT = "not_sent"
    LOST = "lost"
    """Found gone by a comparison, or fenced by the dialplan."""
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    """By another of the agents whom the same offer rang."""
    NOT_ACCEPTED = "not_accepted"
    """At a number outside: answered, and nobody pressed the key that accepts. A box's voice, perhaps."""
    CUSTOMER_MISSED = "customer_missed"
    """The customer whom the agent was to talk with was not reached, or not called: CallbackFailed says why."""
    WITHDRAWN = "withdrawn"
    """A supervisor took an agent whom it rang off the floor; at once offered anew, at the old place. Or
    what was offered is no longer kept, and the contact ends."""


class OfferEnded(Event, frozen=True, kw_only=True):
    contact: ContactId
    agent: AgentId
    offer: OfferId
    outcome: OfferOutcome
    cause: int = 0


class LegOffered(Event, frozen=True, kw_only=True):
    """The offer of the ContactOffered before rings one more agent."""

    contact: ContactId
    agent: AgentId
    offer: OfferId


class LegEnded(Event, frozen=True, kw_only=True):
    """This agent rings no more. The offer goes on with the others; of the last one OfferEnded or ContactConnected
    tells."""

    contact: ContactId
    agent: AgentId
    offer: OfferId
    outcome: OfferOutcome
    cause: int = 0


class ContactConnected(Event, frozen=True, kw_only=True):
    contact: ContactId
    agent: AgentId
    offer: OfferId | None
    """None: no offer of ours led here, but the static queue or a transfer."""
    waited_s: float | None
    """None: handed over from one talk into the next, without a wait."""
    estimate: Estimate | None = None
    """Of waited_s, when the wait began; None as in ContactQueued."""
    seen_late: bool = False
    """A comparison found them talking; the true moment is earlier."""


class TransferBegun(Event, frozen=True, kw_only=True):
    """Somebody asked contactd to transfer the caller. TalkEnded by transfer follows when the PBX has done it."""

    contact: ContactId
    agent: AgentId
    """Who has the caller until then."""
    queue: QueueId
    by: str
    """agent or supervisor."""


class TalkEnded(Event, frozen=True, kw_only=True):
    contact: ContactId
    agent: AgentId
    by: str
    """caller, agent, transfer, supervisor (who took the caller over), or unseen."""
    talk_s: float
    wrap_up_until: Instant | None
    extend_s: int = 0
    """By how much the wrap-up can be extended, once."""


class ContactEnded(Event, frozen=True, kw_only=True):
    contact: ContactId
    outcome: Outcome
    queue: QueueId | None
    waited_s: float | None
    """From the first queueing to the connection or, for an abandon, to the end; None when never queued."""
    lasted_s: float
    seen_late: bool = False
    cause: int = 0
    place_until: Instant | None = None
    """Who rings back until then gets this contact's place in line; None: nobody does."""


class CallbackWished(Event, frozen=True, kw_only=True):
    """Chosen in a menu or a flow: asked for the number as soon as the caller stands in a queue."""

    contact: ContactId


class CallbackTaken(Event, frozen=True, kw_only=True):
    """The caller hangs up now, and is called back at the place in line. The number stands sealed in contact_private."""

    contact: ContactId
    queue: QueueId
    due_at: Instant
    """Not before."""
    until: Instant
    """Not after."""
    callers: tuple[str, ...] = ()
    """By what the number is known, as in CallArrived."""
    by: str = ""
    """Who asked for it on the customer's behalf; empty: the caller."""


class CallbackDue(Event, frozen=True, kw_only=True):
    """From here on its turn may come."""

    contact: ContactId
    by: str = ""
    """Who did not want to wait; empty: its time has come."""


class CallbackBegun(Event, frozen=True, kw_only=True):
    """The turn is near: the customer is called. (Where an agent is first, ContactOffered begins it.)"""

    contact: ContactId
    attempt: str
    """The Uniqueid of its channel."""


class CustomerDialled(Event, frozen=True, kw_only=True):
    """The number is given to the PBX, once an attempt: the customer's telephone is about to ring."""

    contact: ContactId
    attempt: str
    known_by: str = ""
    """A salted commitment to the number, for the limits of the next hour."""


class CallbackFailed(Event, frozen=True, kw_only=True):
    """The attempt did not reach the customer, and the contact is back at its place."""

    contact: ContactId
    attempt: str
    why: str
    """callback.Missed, or dialling.Why."""
    due_at: Instant
    tries: int
    """How often the customer's telephone has been rung."""


class CallbackReached(Event, frozen=True, kw_only=True):
    """The customer is on the line, and a caller like any other from now on."""

    contact: ContactId
    call: str
    channel: str


class CallbackWithdrawn(Event, frozen=True, kw_only=True):
    """The caller has not hung up, and waits on the line again."""

    contact: ContactId
    channel: str


class RecordingAnnounced(Event, frozen=True, kw_only=True):
    """The caller has heard that the talk is recorded."""

    contact: ContactId
    offer: OfferId


class RecordingStarted(Event, frozen=True, kw_only=True):
    """The PBX records the talk with the agent to whom the offer led."""

    contact: ContactId
    agent: AgentId | None
    offer: OfferId
    """Names the recording."""
    channel: str
    paused: bool = False
    passed_on: ContactId | None = None
    """It began as this contact's: an agent's own call to a line, through which the caller was then put."""
    seen_late: bool = False


class RecordingPaused(Event, frozen=True, kw_only=True):
    """From here on it is silent; the talk goes on."""

    contact: ContactId
    agent: AgentId | None
    offer: OfferId
    by: str
    """Who asked: By.AGENT, By.SUPERVISOR, or By.SYSTEM (a menu, or found so by a comparison)."""


class RecordingResumed(Event, frozen=True, kw_only=True):
    contact: ContactId
    agent: AgentId | None
    offer: OfferId
    by: str


class RecordingFailure(StrEnum):
    """Why a talk that was to be recorded was not, or not whole. The talk itself goes on."""

    NOT_ANNOUNCED = "not_announced"
    """The PBX could not play the announcement: without it nothing is recorded."""
    NOT_WRITTEN = "not_written"
    """The PBX has no file of it: its disk is full, or not writable."""


class RecordingFailed(Event, frozen=True, kw_only=True):
    contact: ContactId
    offer: OfferId
    why: RecordingFailure


class TextBegun(Event, frozen=True, kw_only=True):
    """From here on the call's words are text."""

    contact: ContactId
    carrier: Carrier
    found_by: FoundBy


class ContactDisposed(Event, frozen=True, kw_only=True):
    """What came of it, as the agent says; said again, the last counts."""

    contact: ContactId
    agent: AgentId
    disposition: str
    """Of [dispositions.<id>]; empty: none."""
    note: MessageId | None = None
    """Where its words are, with those of the contact."""
    characters: int = 0
    """Of the note."""


class MessageAdded(Event, frozen=True, kw_only=True):
    """A piece of what one side wrote. Its words are in the transcript, as long as the person is not erased."""

    contact: ContactId
    agent: AgentId | None
    """Who wrote it, if an agent did."""
    message: MessageId
    author: Author
    characters: int


class ListeningBegan(Event, frozen=True, kw_only=True):
    """A supervisor hears the talk of a contact with an agent."""

    contact: ContactId
    agent: AgentId
    supervisor: AgentId
    listening: ListeningId
    pbx: PbxId
    channel: str
    """The supervisor's."""
    mode: Mode
    seen_late: bool = False
    """A comparison found it; the true moment is earlier."""


class ListeningTurned(Event, frozen=True, kw_only=True):
    """From here on in another mode."""

    contact: ContactId
    agent: AgentId
    supervisor: AgentId
    listening: ListeningId
    mode: Mode


class ListeningEnded(Event, frozen=True, kw_only=True):
    contact: ContactId
    agent: AgentId
    supervisor: AgentId
    listening: ListeningId
    lasted_s: float
    why: str
    """ListeningEnd."""


class TakeOverBegun(Event, frozen=True, kw_only=True):
    """The supervisor at a talk takes the caller over: the PBX is told. What it does follows: this talk ends, and the
    next begins; or the agent keeps the caller."""

    contact: ContactId
    agent: AgentId
    supervisor: AgentId
    listening: ListeningId
    offer: OfferId
    """Names the talk to be."""


class AgentSignedIn(Event, frozen=True, kw_only=True):
    agent: AgentId
    by: str = ""
    """Who chose it (By); empty: an older contactd's, which did not say. Here and below."""
    endpoint: str = ""
    """The desk; empty: the agent's own handset."""


class AgentSignedOut(Event, frozen=True, kw_only=True):
    agent: AgentId
    by: str = ""
    why: str = ""
    """The system's (SignedOutWhy); empty when a person chose it."""


class SignedOutWhy(StrEnum):
    """Why the system signed an agent out."""

    UNREGISTERED = "unregistered"
    """The handset was away for too long."""
    INACTIVE = "inactive"
    DESK_TAKEN = "desk_taken"
    """Somebody else signed in at the handset."""
    DESK_GONE = "desk_gone"
    """A new configuration gave the handset to somebody else, or leaves the agent without one."""


class AgentRefused(Event, frozen=True, kw_only=True):
    """A wrong PIN, or a right one while locked."""

    agent: AgentId
    reason: str
    locked_until: Instant | None


class SignInRefused(Event, frozen=True, kw_only=True):
    """The PIN was right, and yet."""

    agent: AgentId
    endpoint: str
    reason: str
    """occupied: somebody talks at that handset. talking: the agent does, at another. no_handset: there is none."""


class HandsetRefused(Event, frozen=True, kw_only=True):
    """A sign-in that failed, counted for the handset: somebody may be trying number after number."""

    pbx: PbxId
    endpoint: str
    reason: str
    """wrong_pin, unknown_agent, or locked."""
    failures: int = 0
    locked_until: Instant | None = None


class AgentSkillsSet(Event, frozen=True, kw_only=True):
    """By a supervisor. None: those of the configuration again."""

    agent: AgentId
    skills: Skills | None


class AgentReady(Event, frozen=True, kw_only=True):
    agent: AgentId
    by: str = ""


class AgentNotReady(Event, frozen=True, kw_only=True):
    agent: AgentId
    reason: str
    until: Instant | None = None
    """Ready again by itself then; None: not before somebody says so."""
    by: str = ""


class AgentOverdue(Event, frozen=True, kw_only=True):
    """Not ready for longer than the reason allows: the supervisor is told."""

    agent: AgentId
    reason: str
    since: Instant
    longest_s: int


class WrapUpExtended(Event, frozen=True, kw_only=True):
    agent: AgentId
    until: Instant
    by: str = ""


class WrapUpEnded(Event, frozen=True, kw_only=True):
    agent: AgentId
    by: str = ""
    """Who ended it early; By.SYSTEM: its time was over."""
    contact: ContactId | None = None
    """After which contact; None: all wrap-ups of the agent."""


class ContactParked(Event, frozen=True, kw_only=True):
    """The agent's work on it stands still: a contact of a medium that may interrupt it goes before."""

    contact: ContactId
    agent: AgentId


class ContactResumed(Event, frozen=True, kw_only=True):
    """Nothing goes before it any more."""

    contact: ContactId
    agent: AgentId


class AgentTurned(Event, frozen=True, kw_only=True):
    """What an agent with several contacts does foremost, where the events before it say something else."""

    agent: AgentId
    state: AgentState
    contact: ContactId | None


class HandsetSeen(Event, frozen=True, kw_only=True):
    agent: AgentId
    handset: Handset


class CalendarChanged(Event, frozen=True, kw_only=True):
    """A calendar opened or closed, or is so for another reason or until another time."""

    calendar: CalendarId
    open: bool
    why: str
    until: Instant | None = None


class HoursSwitched(Event, frozen=True, kw_only=True):
    """A queue, or all queues of a calendar, by hand. open None: the calendar counts again."""

    queue: QueueId | None = None
    calendar: CalendarId | None = None
    open: bool | None
    why: str = ""
    until: Instant | None = None
    waiting: AtClosing | None = None


class FactQuarantined(Event, frozen=True, kw_only=True):
    """A frame that PostgreSQL refused as data: a bug. Its bytes are kept in the file that is named."""

    file: str
    sha256: str
    first_seq: int
    last_seq: int
    why: str


AnyEvent = (
    FloorConfigured
    | PbxSteered
    | PbxLost
    | DialplanSeen
    | ContactArrived
    | ContactAdopted
    | MenuChosen
    | FlowWent
    | ContactQueued
    | ContactNeedsSet
    | ContactRecognised
    | PartyVerified
    | ContactRelaxed
    | ContactDiverted
    | DiversionFailed
    | ContactAnnounced
    | AnnouncementEnded
    | ContactHeld
    | ContactFellBack
    | ReturnOverdue
    | ContactOffered
    | OfferEnded
    | LegOffered
    | LegEnded
    | ContactConnected
    | TransferBegun
    | TalkEnded
    | ContactEnded
    | CallbackWished
    | CallbackTaken
    | CallbackDue
    | CallbackBegun
    | CustomerDialled
    | CallbackFailed
    | CallbackReached
    | CallbackWithdrawn
    | RecordingAnnounced
    | RecordingStarted
    | RecordingPaused
    | RecordingResumed
    | RecordingFailed
    | TextBegun
    | MessageAdded
    | ContactDisposed
    | ListeningBegan
    | ListeningTurned
    | ListeningEnded
    | TakeOverBegun
    | AgentSignedIn
    | AgentSignedOut
    | AgentRefused
    | SignInRefused
    | HandsetRefused
    | AgentSkillsSet
    | AgentReady
    | AgentNotReady
    | AgentOverdue
    | WrapUpExtended
    | WrapUpEnded
    | ContactParked
    | ContactResumed
    | AgentTurned
    | HandsetSeen
    | CalendarChanged
    | HoursSwitched
    | FactQuarantined
)
