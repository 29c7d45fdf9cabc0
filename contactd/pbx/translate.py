"""AMI events into inputs: one case an event. Pure but for nothing: no clock, no connection.

manager.conf's ``channelvars=CONTACTD_CALL,CONTACTD_OFFER`` puts the contact and the offer on every channel event.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isfinite

from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.contact import Needs
from contactd.core.ids import (
    AnnouncementId,
    ContactId,
    DiversionId,
    Instant,
    OfferId,
    PbxId,
    QueueId,
    contact_id,
    key_number,
)
from contactd.core.needs import from_text
from contactd.core.ring_all import outcome_of_leg
from contactd.pbx import announcing, diversions, listening
from contactd.pbx.ringing import seat_in
from contactd.protocols.ami import Message, chan_variables

HANDSETS = {
    "NOT_INUSE": Handset.FREE,
    "INUSE": Handset.IN_USE,
    "BUSY": Handset.IN_USE,
    "ONHOLD": Handset.IN_USE,
    "RINGING": Handset.RINGING,
    "RINGINUSE": Handset.IN_USE,
    "UNAVAILABLE": Handset.UNAVAILABLE,
    "INVALID": Handset.UNAVAILABLE,
    "UNKNOWN": Handset.UNAVAILABLE,
}


def translate(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    """The input that an event means, or None when it means nothing to the floor.

    now: stands in for a time that a foreign Uniqueid does not carry.
    """
    means = _MEANS.get(message.event or "")
    return means(pbx, message, now) if means else None


def stamped(message: Message) -> Instant | None:
    """The event's own time (``timestampevents=yes``), Unix seconds."""
    try:
        at = float(message.get("Timestamp", ""))
    except ValueError:
        return None
    return at if isfinite(at) else None


DIALS = "contactd-dial-call"
"""Where the half of a channel stands that dials a customer."""
CALLERS_CONTEXTS = diversions.CONTEXTS | {
    *("contactd-agi", "contactd-hold", "contactd-offer", "contactd-ring-all", "contactd-after"),
    *("contactd-fallback", "contactd-return", "contactd-key", announcing.CONTEXT, listening.TAKEN_CONTEXT),
}
"""Only callers run these: an agent's leg stands in the context of its handset, even while it talks."""


def call_of(message: Message, side: str = "") -> str:
    """The Uniqueid of the caller's channel that an event belongs to; empty when it is none of ours.

    An attended transfer into one of our lines leaves the agent's variables on the caller's channel until the hold sets
    them right, so whoever runs our dialplan is taken for a caller whatever they say.
    """
    call = chan_variables(message, side).get("CONTACTD_CALL", "")
    if call and message.get(f"{side}Context") in CALLERS_CONTEXTS and not seat_in(message.get(f"{side}Channel", "")):
        return message.get(f"{side}Uniqueid", "")
    return call


def caller_of(message: Message, side: str = "") -> str:
    """The same, when this channel is the caller's own; empty for an agent's leg."""
    call = call_of(message, side)
    return call if call == message.get(f"{side}Uniqueid") else ""


def number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else 0


def instant(text: str | None, default: Instant) -> Instant:
    """Unix seconds written by the dialplan, never later than default."""
    try:
        value = float(text or "")
    except ValueError:
        return default
    return round(min(value, default), 6) if value > 0 else default


def needs_said(text: str | None) -> Needs | None:
    """As CONTACTD_NEEDS has them; what cannot be read is left out. None: nothing is said."""
    return from_text(text)[0] if text else None


_RECORDING_WORDS = frozenset(map(str, inp.RecordingWord))


def _recording(contact: ContactId, message: Message) -> inp.RecordingTold | None:
    word = message.get("Word", "")
    if word not in _RECORDING_WORDS:
        return None  # of a newer dialplan
    return inp.RecordingTold(
        contact=contact,
        offer=OfferId(message.get("Offer", "")),
        word=inp.RecordingWord(word),
        channel=message.get("Channel", ""),
    )


def _offer_end(contact: ContactId, message: Message) -> inp.Input:
    offer = OfferId(message.get("Offer", ""))
    status = message.get("DialStatus", "")
    if status == "ANSWER":
        # Dial's option g: the caller goes on, so it was the agent who left.
        return inp.AgentHungUp(contact=contact, offer=offer)
    return inp.OfferFailed(contact=contact, offer=offer, dial_status=status, cause=number(message.get("Cause")))


def _divert_end(contact: ContactId, message: Message) -> inp.Input:
    diversion = DiversionId(message.get("Diversion", ""))
    return inp.DestinationFailed(contact=contact, diversion=diversion, status=message.get("Status", ""))


def _said(contact: ContactId, message: Message) -> inp.Input:
    announcement = AnnouncementId(message.get("Announcement", ""))
    return inp.AnnouncementTold(contact=contact, announcement=announcement, status=message.get("Status", ""))


def _key(contact: ContactId, message: Message) -> inp.Input | None:
    diversion, to = diversions.read_exten(message.get("Diversion", ""))
    if not key_number(diversion) or diversion is None or to is None:
        return None  # of a newer dialplan
    return inp.KeyPressed(contact=contact, diversion=diversion, to=to)


def _dial_over(contact: ContactId, message: Message) -> inp.Input:
    return inp.CallbackOver(contact=contact, call=message.get("Call", ""), status=message.get("Status", ""))


_TELLS: dict[str, Callable[[ContactId, Message], inp.Input | None]] = {
    "ContactdOfferEnd": _offer_end,
    "ContactdDivertEnd": _divert_end,
    "ContactdDialOver": _dial_over,
    "ContactdRecording": _recording,
    "ContactdSaid": _said,
    "ContactdTaken": listening.taken,
    "ContactdKey": _key,
}


def _user_event(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    name = message.get("UserEvent")
    if name == listening.USER_EVENT:
        return listening.told(pbx, message, now)
    call = call_of(message)
    if not call:
        return None
    contact = contact_id(pbx, call, now)
    tells = _TELLS.get(name or "")
    if tells is not None:
        return tells(contact, message)
    kind: Callable[..., inp.CallHeld | inp.CallFellBack]
    if name == "ContactdHeld":
        diversion, to = diversions.read_exten(message.get("Diversion", ""))
        kind = partial(inp.CallHeld, needs=needs_said(message.get("Needs")), diversion=diversion, diverted_to=to)
    elif name == "ContactdFellBack":
        kind = inp.CallFellBack
    else:
        return None
    return kind(
        contact=contact_id(pbx, call, now),
        pbx=pbx,
        call=call,
        channel=message.get("Channel", ""),
        dnis=message.get("Dnis", ""),
        queue=QueueId(message["Queue"]) if message.get("Queue") else None,
        queued_at=instant(message.get("Since"), now),
    )


def _dial_end(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    if message.get("Context") == DIALS:
        return _customer_answered(pbx, message, now)
    # Failures come as ContactdOfferEnd, with the cause that DialEnd lacks.
    # Who answers at a destination is no agent's handset.
    if message.get("DialStatus") != "ANSWER" or message.get("Context") in diversions.CONTEXTS:
        return None
    call = caller_of(message)
    if not call:
        return None
    # Without an offer it is news all the same: somebody whom an agent rang, and put the caller through to, answered.
    offer = chan_variables(message, "").get("CONTACTD_OFFER", "")
    return inp.OfferAnswered(
        contact=contact_id(pbx, call, now),
        offer=OfferId(offer),
        endpoint=endpoint_of(message.get("DestChannel", "")) or "",
    )


def _customer_answered(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    call = call_of(message)
    if not call or message.get("DialStatus") != "ANSWER":
        return None
    return inp.CustomerAnswered(contact=contact_id(pbx, call, now), call=call)


def _hangup(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    # The agent's leg inherits the variable, and hangs up before the caller's when the caller did.
    call = caller_of(message)
    if not call:
        return _leg_hung_up(pbx, message, now)
    timed_out = (message.get("Context"), message.get("Exten")) == ("contactd-after", "max-wait")
    contact, cause = contact_id(pbx, call, now), number(message.get("Cause"))
    return inp.CallerHungUp(contact=contact, cause=cause, timed_out=timed_out, call=call)


def _leg_hung_up(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    """A handset that was rung by an offer of ours, and was not answered there."""
    variables = chan_variables(message, "")
    endpoint = endpoint_of(message.get("Channel", ""))
    call, offer = variables.get("CONTACTD_CALL"), variables.get("CONTACTD_OFFER")
    cause = number(message.get("Cause"))
    if not call or not offer or endpoint is None or message.get("ChannelStateDesc") == "Up":
        return None
    if outcome_of_leg(cause) is None:
        # Stopped by what is told otherwise.
        return None
    return inp.LegFailed(contact=contact_id(pbx, call, now), offer=OfferId(offer), endpoint=endpoint, cause=cause)


def _blind_transfer(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    call = caller_of(message, "Transferee")
    if message.get("Result") != "Success" or not call:
        return None
    offer = chan_variables(message, "Transferee").get("CONTACTD_OFFER", "")
    return inp.AgentHungUp(contact=contact_id(pbx, call, now), offer=OfferId(offer), transferred=True)


_ATTENDED = (
    # Of each way to refer: the caller, then the agent's channel and the other party of the other call.
    ("Transferee", "SecondTransferer", "TransferTarget"),
    ("TransferTarget", "OrigTransferer", "Transferee"),
)


def _attended_transfer(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    if message.get("Result") != "Success":
        return None
    for caller, transferer, other in _ATTENDED:
        call = caller_of(message, caller)
        if call:
            consult = caller_of(message, transferer)
            return inp.TransferCompleted(
                contact=contact_id(pbx, call, now),
                offer=OfferId(chan_variables(message, caller).get("CONTACTD_OFFER", "")),
                endpoint=endpoint_of(message.get(f"{other}Channel", "")),
                consult=contact_id(pbx, consult, now) if consult else None,
            )
    return None


def _device_state(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    endpoint = endpoint_of(message.get("Device", ""))
    handset = HANDSETS.get(message.get("State", ""))
    if endpoint is None or handset is None:
        return None
    return inp.HandsetChanged(pbx=pbx, endpoint=endpoint, handset=handset)


def endpoint_of(device: str) -> str | None:
    """1001 for PJSIP/1001 and for PJSIP/1001-0000002a; @anna for the leg to her number outside; None for all else."""
    if seat := seat_in(device):
        return seat
    technology, _, name = device.partition("/")
    if technology != "PJSIP" or not name:
        return None
    endpoint, dash, suffix = name.rpartition("-")
    return endpoint if dash and len(suffix) == 8 else name


def contact_of(pbx: PbxId, message: Message, now: Instant) -> ContactId | None:
    """Whose call an event belongs to, on either leg."""
    call = call_of(message) or call_of(message, "Dest") or call_of(message, "Transferee")
    return contact_id(pbx, call, now) if call else None


_MEANS: dict[str, Callable[[PbxId, Message, Instant], inp.Input | None]] = {
    "Hangup": _hangup,
    "DialEnd": _dial_end,
    "UserEvent": _user_event,
    "BlindTransfer": _blind_transfer,
    "AttendedTransfer": _attended_transfer,
    "DeviceStateChange": _device_state,
}
EVENTS = frozenset(_MEANS)
"""What manager_contactd.conf lets through; anything else is not even parsed."""
