"""Everything that can change the floor, in the past tense. Journaled as JSON when it changed something.

None carries a personal value: caller ids and names travel beside an input (see engine.circle.Item), never in it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

import msgspec

from contactd.core.agent import Handset
from contactd.core.contact import Known, Needs, Recorder
from contactd.core.destination import Way
from contactd.core.dialling import Number
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
from contactd.core.listener import ListeningSeen, Mode
from contactd.core.plan import AtClosing, FloorPlan, Medium, Skills
from contactd.core.text import Author, Carrier, FoundBy, MessageId


class Input(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", tag=True):
    """The root; ``version`` rises when a kind's meaning changes."""

    version: ClassVar[int] = 1


class ConfigurationLoaded(Input, frozen=True, kw_only=True):
    plan: FloorPlan


class PbxAbsent(Input, frozen=True, kw_only=True):
    """The AMI session ended. The PBX may well be alive: its calls stay on the floor until a comparison."""

    pbx: PbxId
    why: str


class Place(StrEnum):
    """Where a caller's channel stands on the PBX."""

    MENU = "menu"
    HOLD = "hold"
    OFFER = "offer"
    DIVERTED = "diverted"
    FALLBACK = "fallback"
    TALK = "talk"
    ELSEWHERE = "elsewhere"


class CallSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One caller's channel in an inventory of the PBX."""

    contact: ContactId
    call: str
    channel: str
    dnis: str
    place: Place
    queue: QueueId | None = None
    queued_at: Instant | None = None
    offer: OfferId | None = None
    endpoint: str | None = None
    """Who rings (OFFER) or talks (TALK)."""
    endpoints: tuple[str, ...] = ()
    """All whom one offer rings, endpoint among them; empty: it rings one."""
    needs: Needs | None = None
    """What the channel carries, for who is not on the floor."""
    diversion: DiversionId | None = None
    """The last one that the channel has begun, also when it has come back since."""
    diverted_to: Way | None = None
    recorder: Recorder | None = None
    """What is recorded of the leg with which it talks."""
    announced: AnnouncementId | None = None
    """The last one that the channel has heard to its end."""


class PbxCompared(Input, frozen=True, kw_only=True):
    """What a PBX really has, complete for all calls that arrived before asked_at."""

    pbx: PbxId
    asked_at: Instant
    booted_at: Instant
    calls: tuple[CallSeen, ...]
    unsure: frozenset[ContactId] = frozenset()
    """Calls that moved while the inventory was taken: they exist, but nothing is concluded from where they stood."""
    late: frozenset[ContactId] = frozenset()
    """Calls of which something was told just after their list was read, which may show it already: it is concluded from
    what was told."""
    handsets: dict[str, Handset]
    edition: int = 0
    """Of our dialplan there; 0: it does not say."""
    static_served: bool = False
    """Nobody had steered for so long before this that the static queue took callers, and may have served some."""
    listening: tuple[ListeningSeen, ...] = ()
    """Supervisors at talks."""


class CallArrived(Input, frozen=True, kw_only=True):
    contact: ContactId
    pbx: PbxId
    call: str
    channel: str
    dnis: str
    callers: tuple[str, ...] = ()
    """Salted commitments to the caller's number, the newest salt's first; empty for who is anonymous, or one of many
    behind one number."""


class MenuAnswered(Input, frozen=True, kw_only=True):
    contact: ContactId
    menu: str
    choice: str
    """The key that chose; empty when the caller chose nothing and the menu's default was taken."""
    queue: QueueId


class FlowWent(Input, frozen=True, kw_only=True):
    """A caller in a flow has come to a question, or out of the flow, or has hung up in it."""

    contact: ContactId
    flow: str
    """Where the caller came in; a subflow's nodes are told as ``flow.node``."""
    passed: tuple[str, ...]
    """The nodes since the last one that was told, with the answer of a question: ``choose=2``, ``choose=otherwise``."""
    asks: str = ""
    """The question where the caller stands now; empty: none any more."""
    served: bool = False
    """The flow ends the call: the caller got what they came for."""


class CallHeld(Input, frozen=True, kw_only=True):
    """The caller stands in the dialplan's hold loop and can be offered."""

    contact: ContactId
    pbx: PbxId
    call: str
    channel: str
    dnis: str
    queue: QueueId | None
    queued_at: Instant
    needs: Needs | None = None
    """What the channel carries: for a contact of which nothing is known yet."""
    diversion: DiversionId | None = None
    """As in CallSeen; and here None where the dialplan does not say so (edition 3)."""
    diverted_to: Way | None = None


class KeyPressed(Input, frozen=True, kw_only=True):
    """A caller in the hold has pressed a key that means something, and the dialplan does it."""

    contact: ContactId
    diversion: DiversionId
    """``key-<n>``."""
    to: Way


class ContactReceived(Input, frozen=True, kw_only=True):
    """A contact that no PBX carries waits in a queue. Said of one that an agent has: it is transferred there."""

    contact: ContactId
    medium: Medium
    address: str = ""
    """Ours, to which it came, as dnis is of a call."""
    queue: QueueId | None
    received_at: Instant


class ContactWithdrawn(Input, frozen=True, kw_only=True):
    """What somebody wrote is no longer kept: nobody need wait for it. An agent who has it ends it."""

    contact: ContactId


class CallFellBack(Input, frozen=True, kw_only=True):
    """The dialplan gave up on us and put the caller into the static queue."""

    contact: ContactId
    pbx: PbxId
    call: str
    channel: str
    dnis: str
    queue: QueueId | None
    queued_at: Instant


class NeedsAsked(Input, frozen=True, kw_only=True):
    """What the menu, the dialplan or the customer's record says that this contact needs; in place of what was said."""

    contact: ContactId
    needs: Needs


NOT_SENT = "NOT_SENT"
"""The status of a DivertCaller or an Announce that the PBX refused, or did not answer in time."""


class DestinationFailed(Input, frozen=True, kw_only=True):
    """The caller is on the way back to the hold."""

    contact: ContactId
    diversion: DiversionId
    status: str
    """The dialplan's word, or NOT_SENT."""
    why: str = ""


class AnnouncementTold(Input, frozen=True, kw_only=True):
    """An announcement was said to its end, as far as it could be; or it was not."""

    contact: ContactId
    announcement: AnnouncementId
    status: str
    """The dialplan's word (SUCCESS, or FAILED where a sound is missing), or NOT_SENT."""
    why: str = ""


class PartyKnown(Input, frozen=True, kw_only=True):
    """The customer's record was looked up, on arrival or late. What it adds is beside NeedsAsked, not in its place."""

    contact: ContactId
    known: Known


class VerificationTold(Input, frozen=True, kw_only=True):
    """Somebody made sure that the contact is the party that it is known to be: a number alone proves nothing."""

    contact: ContactId
    party: PartyId
    method: str
    """How: an id of the site's own, such as question or callback."""
    by: str
    """Who: an agent's id, or supervisor."""


class OfferAnswered(Input, frozen=True, kw_only=True):
    contact: ContactId
    offer: OfferId
    endpoint: str = ""
    """Who answered, of several who rang; empty: not said."""


class OfferFailed(Input, frozen=True, kw_only=True):
    contact: ContactId
    offer: OfferId
    dial_status: str
    """Asterisk's DIALSTATUS: NOANSWER, BUSY, CHANUNAVAIL, CONGESTION, CANCEL, or STALE from our dialplan's fence.
    DECLINED from a medium that no PBX carries."""
    cause: int
    """Q.850, as in HANGUPCAUSE; 0 unknown."""


class LegFailed(Input, frozen=True, kw_only=True):
    """One of the handsets that rang stopped by itself. The others go on; when none is left, OfferFailed follows."""

    contact: ContactId
    offer: OfferId
    endpoint: str
    cause: int
    """Q.850, of its channel."""


class CallerHungUp(Input, frozen=True, kw_only=True):
    contact: ContactId
    cause: int
    timed_out: bool = False
    """The dialplan sent the caller away, after the longest wait that it allows."""
    call: str = ""
    """Whose Uniqueid, where the PBX said it: a contact that is called back has had several."""
    by: str = ""
    """The agent who is done with a contact that no PBX carries. Nothing happens to another agent's."""


class AgentHungUp(Input, frozen=True, kw_only=True):
    """The agent's leg of an answered offer is gone: hung up, or transferred away."""

    contact: ContactId
    offer: OfferId
    transferred: bool = False


class TransferCompleted(Input, frozen=True, kw_only=True):
    """An attended transfer: the caller got whomever the agent had consulted, and the agent is out of it."""

    contact: ContactId
    offer: OfferId
    """What the caller's channel carries: the offer that led to the agent."""
    endpoint: str | None = None
    """The handset that the caller talks with from now on; None: not a handset, or nobody has answered yet."""
    consult: ContactId | None = None
    """The agent's second call, when it was one to a line of ours."""


class HandsetChanged(Input, frozen=True, kw_only=True):
    pbx: PbxId
    endpoint: str
    handset: Handset


class SignInAsked(Input, frozen=True, kw_only=True):
    agent: AgentId
    pin_right: bool
    by: str = ""
    """Who asks: By.AGENT or By.SUPERVISOR; here and below."""


class DeskSignInAsked(Input, frozen=True, kw_only=True):
    """At a handset, the agent's own or a desk that several use."""

    pbx: PbxId
    endpoint: str
    """As the PBX authenticated it."""
    agent: AgentId | None
    """None: nobody has the number that was dialled."""
    pin_right: bool


class SignOutAsked(Input, frozen=True, kw_only=True):
    agent: AgentId
    by: str = ""


class ReadyAsked(Input, frozen=True, kw_only=True):
    agent: AgentId
    by: str = ""


class NotReadyAsked(Input, frozen=True, kw_only=True):
    agent: AgentId
    reason: str
    by: str = ""


class WrapUpExtendAsked(Input, frozen=True, kw_only=True):
    """By the time that the contact's queue allows, once."""

    agent: AgentId
    by: str = ""


class WrapUpEndAsked(Input, frozen=True, kw_only=True):
    """Early; the status stays what it is."""

    agent: AgentId
    by: str = ""


class SkillsAsked(Input, frozen=True, kw_only=True):
    """A supervisor changes what an agent is offered from now on; None: as the configuration says."""

    agent: AgentId
    skills: Skills | None


class CalendarTurned(Input, frozen=True, kw_only=True):
    """What a calendar is now. Time zones and holidays are looked up outside: a decision, and a replay, need neither."""

    calendar: CalendarId
    open: bool
    why: str
    until: Instant | None = None
    """The next opening or closing; None: none within a year."""


class SwitchAsked(Input, frozen=True, kw_only=True):
    """A supervisor closes or opens a queue, or all queues of a calendar, whatever the hours; by hand."""

    queue: QueueId | None = None
    calendar: CalendarId | None = None
    open: bool | None
    """None: the calendar counts again."""
    why: str = ""
    until: Instant | None = None
    """The calendar counts again by itself then; None: not before somebody says so."""
    waiting: AtClosing | None = None
    """What becomes of those who wait; None: as each queue says."""


class CommandFailed(Input, frozen=True, kw_only=True):
    """The PBX refused a RingAgent, or did not answer it in time."""

    contact: ContactId
    offer: OfferId
    why: str


class CallbackWanted(Input, frozen=True, kw_only=True):
    """A caller chose to be called back: by a key of a menu, a flow, or while waiting. The number is asked for next."""

    contact: ContactId


class CallbackAsked(Input, frozen=True, kw_only=True):
    """The caller has said at which number, or somebody asks for it on a customer's behalf."""

    contact: ContactId
    number: Number
    pbx: PbxId = PbxId("")
    """This and the next three of a contact that is none yet."""
    call: str = ""
    """Made up: no channel has it."""
    queue: QueueId | None = None
    by: str = ""


class CallbackCancelAsked(Input, frozen=True, kw_only=True):
    contact: ContactId
    by: str


class CallbackNowAsked(Input, frozen=True, kw_only=True):
    """Without waiting for the next try; hours and limits stay."""

    contact: ContactId
    by: str


class CallbackMoment(Input, frozen=True, kw_only=True):
    """A second has passed while customers wait who are to be called when their turn is near."""


class CallbackDialAsked(Input, frozen=True, kw_only=True):
    """The PBX is about to dial the customer, and asks whom."""

    contact: ContactId
    call: str
    """The attempt's Uniqueid; here and below."""
    number: Number | None
    """None: it could not be read."""
    gone: bool = False
    """It is erased."""


class CustomerAnswered(Input, frozen=True, kw_only=True):
    contact: ContactId
    call: str


class CallbackOver(Input, frozen=True, kw_only=True):
    """The attempt is over, and the customer not there."""

    contact: ContactId
    call: str
    status: str
    """The dialplan's word (DIALSTATUS, NOTALLOWED, NOTACCEPTED), or NOT_SENT."""
    why: str = ""


class RecordingWord(StrEnum):
    """What the dialplan says of a recording."""

    ANNOUNCED = "announced"
    NOT_ANNOUNCED = "not_announced"
    STARTED = "started"
    NOT_WRITTEN = "not_written"


class TransferAsked(Input, frozen=True, kw_only=True):
    """An agent or a supervisor wants a caller who talks to be in a queue."""

    contact: ContactId
    queue: QueueId
    by: str


class RecordingTold(Input, frozen=True, kw_only=True):
    contact: ContactId
    offer: OfferId
    word: RecordingWord
    channel: str = ""
    """The recorded one, when it has started."""


class RecordingPauseAsked(Input, frozen=True, kw_only=True):
    """Of a talk that is being recorded, by its contact or by its agent."""

    contact: ContactId | None = None
    agent: AgentId | None = None
    pause: bool
    """False: it is to go on."""
    by: str


class RecordingMuted(Input, frozen=True, kw_only=True):
    """The PBX has done it."""

    contact: ContactId
    offer: OfferId
    paused: bool
    by: str


class TextFound(Input, frozen=True, kw_only=True):
    """The call's words are text."""

    contact: ContactId
    carrier: Carrier
    found_by: FoundBy


class MessageTold(Input, frozen=True, kw_only=True):
    """Somebody has written; what, goes beside the input."""

    contact: ContactId
    message: MessageId
    author: Author
    characters: int


class OfferDeclineAsked(Input, frozen=True, kw_only=True):
    """Whom an offer rings does not want it; as declining at the handset."""

    agent: AgentId
    contact: ContactId


class ContactDisposeAsked(Input, frozen=True, kw_only=True):
    """What came of a contact, in the agent's words: an id of the configuration, and a note that goes beside this."""

    agent: AgentId
    contact: ContactId
    disposition: str = ""
    note: MessageId | None = None
    characters: int = 0
    """Of the note."""


class ListeningTold(Input, frozen=True, kw_only=True):
    """What the dialplan says of a supervisor at a talk."""

    seen: ListeningSeen
    word: str
    """ListeningWord."""
    why: str = ""
    """Of one that has ended (ListeningEnd)."""


class CallerTaken(Input, frozen=True, kw_only=True):
    """The supervisor at a talk has its caller from now on; the agent is out of it."""

    contact: ContactId
    offer: OfferId
    """As TakeOverBegun named it."""
    listening: ListeningId


class ListeningTurnAsked(Input, frozen=True, kw_only=True):
    """A supervisor who listens is to do so in another mode, or no longer."""

    supervisor: AgentId
    mode: Mode | None
    """None: no longer."""
    take: bool = False
    """The supervisor is to have the caller; mode says nothing then."""


class TimePassed(Input, frozen=True, kw_only=True):
    """wake_at has come."""


AnyInput = (
    ConfigurationLoaded
    | PbxAbsent
    | PbxCompared
    | CallArrived
    | MenuAnswered
    | FlowWent
    | CallHeld
    | KeyPressed
    | ContactReceived
    | ContactWithdrawn
    | CallFellBack
    | NeedsAsked
    | DestinationFailed
    | AnnouncementTold
    | PartyKnown
    | VerificationTold
    | OfferAnswered
    | OfferFailed
    | LegFailed
    | CallerHungUp
    | AgentHungUp
    | TransferCompleted
    | HandsetChanged
    | SignInAsked
    | DeskSignInAsked
    | SignOutAsked
    | ReadyAsked
    | NotReadyAsked
    | WrapUpExtendAsked
    | WrapUpEndAsked
    | SkillsAsked
    | CalendarTurned
    | SwitchAsked
    | CommandFailed
    | CallbackWanted
    | CallbackAsked
    | CallbackCancelAsked
    | CallbackNowAsked
    | CallbackMoment
    | CallbackDialAsked
    | CustomerAnswered
    | CallbackOver
    | TransferAsked
    | RecordingTold
    | RecordingPauseAsked
    | RecordingMuted
    | TextFound
    | MessageTold
    | OfferDeclineAsked
    | ContactDisposeAsked
    | ListeningTold
    | CallerTaken
    | ListeningTurnAsked
    | TimePassed
)
