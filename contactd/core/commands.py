"""What the floor wants done, in the imperative. Results come back only as inputs."""

from __future__ import annotations

import msgspec

from contactd.core.announcements import Said
from contactd.core.destination import Outside
from contactd.core.ids import AnnouncementId, ContactId, DiversionId, ListeningId, OfferId, PbxId, QueueId
from contactd.core.listener import Mode


class RingAgent(msgspec.Struct, frozen=True, kw_only=True):
    """Send the caller into the dialplan's offer, which rings the handset and owns what follows.

    Repeating it is harmless: the offer's id is in it, and the dialplan refuses one of an older epoch.
    """

    pbx: PbxId
    contact: ContactId
    channel: str
    endpoint: str
    offer: OfferId
    ring_s: int
    record: bool = False
    announcement: str = ""
    """What the caller hears before, if the talk is to be recorded and the PBX has not played it yet."""
    also: tuple[str, ...] = ()
    """Other handsets that ring at the same time; the first who answers has the caller."""
    attempt: str = ""
    """Nobody is there yet: the Uniqueid of the call that rings the agent, and then the customer. Empty: a caller is."""
    queue: QueueId | None = None
    """Of an attempt, as are the next two."""
    dnis: str = ""
    customer_ring_s: int = 0


class CallCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """Call a customer back who then waits in the queue. Whose number it is the PBX asks for when it is about to dial.

    Repeating it is harmless: the PBX refuses a second channel with the same Uniqueid.
    """

    pbx: PbxId
    contact: ContactId
    call: str
    """The attempt's Uniqueid."""
    queue: QueueId
    dnis: str
    ring_s: int


class EndAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """Stop calling, whomever it rings at."""

    pbx: PbxId
    contact: ContactId
    call: str


class WithdrawOffer(msgspec.Struct, frozen=True, kw_only=True):
    """Take the caller back into the hold; that stops whatever the offer was ringing."""

    pbx: PbxId
    contact: ContactId
    channel: str
    offer: OfferId
    """Which is over already; for the log."""


class ReturnToHold(msgspec.Struct, frozen=True, kw_only=True):
    """Fetch the caller from the static queue; that stops whatever it was ringing.

    Only who still waits there comes: a talk that has begun in the same moment goes on, and a comparison finds it.
    """

    pbx: PbxId
    contact: ContactId
    channel: str


class MoveToHold(msgspec.Struct, frozen=True, kw_only=True):
    """Take the caller out of wherever a transfer left them; that stops whatever was ringing."""

    pbx: PbxId
    contact: ContactId
    channel: str


class MoveToQueue(msgspec.Struct, frozen=True, kw_only=True):
    """Take the caller out of a talk into the hold of a queue, where a new wait begins; the agent's leg ends.

    Not repeated: the caller may be in the next talk already.
    """

    pbx: PbxId
    contact: ContactId
    channel: str
    queue: QueueId


class DivertCaller(msgspec.Struct, frozen=True, kw_only=True):
    """Send the caller out of the hold to a destination, which the dialplan carries out alone.

    Repeating it is harmless: the caller's channel keeps the diversion's id, which tells that it has been there.
    """

    pbx: PbxId
    contact: ContactId
    channel: str
    to: Outside
    diversion: DiversionId
    epoch: int
    """Who sends it; the dialplan refuses an older one."""


class PauseRecording(msgspec.Struct, frozen=True, kw_only=True):
    """Let what is recorded of the channel be silence from now on, or no longer. Repeating it is harmless."""

    pbx: PbxId
    contact: ContactId
    offer: OfferId
    channel: str
    paused: bool
    by: str
    """For the fact that follows."""


class TurnListening(msgspec.Struct, frozen=True, kw_only=True):
    """Let a supervisor at a talk go on in another mode. Repeating it is harmless.

    SILENT asks the dialplan to look whether the recording is paused; with the recording it goes on by itself.
    """

    pbx: PbxId
    listening: ListeningId
    channel: str
    """The supervisor's."""
    mode: Mode
    take: bool = False
    """As if the supervisor had pressed the key that takes the caller over."""


class TakeOver(msgspec.Struct, frozen=True, kw_only=True):
    """Give the caller to the supervisor who listens; the agent's leg ends. Not repeated: it would end the new talk."""

    pbx: PbxId
    contact: ContactId
    channel: str
    """The caller's."""
    taker: str
    """The supervisor's channel."""
    offer: OfferId


class StopListening(msgspec.Struct, frozen=True, kw_only=True):
    """Hang the supervisor's call to a talk up. Repeating it is harmless."""

    pbx: PbxId
    listening: ListeningId
    channel: str


class Announce(msgspec.Struct, frozen=True, kw_only=True):
    """Say something to a caller in the hold, who is back there afterwards by the dialplan alone.

    Whoever comes next, an offer above all, cuts it off. Of one whose command was lost nothing is heard.
    """

    pbx: PbxId
    contact: ContactId
    channel: str
    announcement: AnnouncementId
    said: tuple[Said, ...]


class ComparePbx(msgspec.Struct, frozen=True, kw_only=True):
    """Something does not add up: look at what the PBX really has."""

    pbx: PbxId
    why: str


Command = (
    RingAgent
    | CallCustomer
    | EndAttempt
    | WithdrawOffer
    | ReturnToHold
    | MoveToHold
    | MoveToQueue
    | DivertCaller
    | Announce
    | PauseRecording
    | TurnListening
    | TakeOver
    | StopListening
    | ComparePbx
)
