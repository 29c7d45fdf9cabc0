"""AMI events into inputs: one case an event. Pure but for nothing: no clock, no connection.

manager.conf's ``channelvars=CONTACTD_CALL,CONTACTD_OFFER`` puts the contact and the offer on every channel event.
"""

from __future__ import annotations

from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.ids import ContactId, Instant, OfferId, PbxId, QueueId, contact_id
from contactd.protocols.ami import Message, chan_variables

EVENTS = frozenset(
    {
        "Hangup",
        "DialEnd",
        "UserEvent",
        "BlindTransfer",
        "AttendedTransfer",
        "DeviceStateChange",
    }
)
"""What manager_contactd.conf lets through; anything else is not even parsed."""

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
    match message.event:
        case "UserEvent":
            return _user_event(pbx, message, now)
        case "DialEnd":
            return _dial_end(pbx, message, now)
        case "Hangup":
            return _hangup(pbx, message, now)
        case "DeviceStateChange":
            return _device_state(pbx, message)
        case "BlindTransfer" | "AttendedTransfer":
            return _transfer(pbx, message, now)
        case _:
            return None


def stamped(message: Message) -> Instant | None:
    """The event's own time (``timestampevents=yes``), Unix seconds."""
    try:
        return float(message.get("Timestamp", ""))
    except ValueError:
        return None


def call_of(message: Message, side: str = "") -> str:
    """The Uniqueid of the caller's channel that an event belongs to; empty when it is none of ours."""
    return chan_variables(message, side).get("CONTACTD_CALL", "")


def number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else 0


def instant(text: str | None, default: Instant) -> Instant:
    """Unix seconds written by the dialplan, never later than default."""
    try:
        value = float(text or "")
    except ValueError:
        return default
    return round(min(value, default), 6) if value > 0 else default


def _user_event(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    call = call_of(message)
    if not call:
        return None
    contact = contact_id(pbx, call, now)
    name = message.get("UserEvent")
    if name == "ContactdOfferEnd":
        offer = OfferId(message.get("Offer", ""))
        status = message.get("DialStatus", "")
        if status == "ANSWER":
            # Dial's option g: the caller goes on, so it was the agent who left.
            return inp.AgentHungUp(contact=contact, offer=offer)
        return inp.OfferFailed(contact=contact, offer=offer, dial_status=status, cause=number(message.get("Cause")))
    kind: type[inp.CallHeld | inp.CallFellBack]
    if name == "ContactdHeld":
        kind = inp.CallHeld
    elif name == "ContactdFellBack":
        kind = inp.CallFellBack
    else:
        return None
    return kind(
        contact=contact,
        pbx=pbx,
        call=call,
        channel=message.get("Channel", ""),
        dnis=message.get("Dnis", ""),
        queue=QueueId(message["Queue"]) if message.get("Queue") else None,
        queued_at=instant(message.get("Since"), now),
    )


def _dial_end(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    # Failures come as ContactdOfferEnd, with the cause that DialEnd lacks.
    if message.get("DialStatus") != "ANSWER":
        return None
    variables = chan_variables(message, "")
    call, offer = variables.get("CONTACTD_CALL"), variables.get("CONTACTD_OFFER")
    if not call or not offer or call != message.get("Uniqueid"):
        return None
    return inp.OfferAnswered(contact=contact_id(pbx, call, now), offer=OfferId(offer))


def _hangup(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    call = call_of(message)
    # The agent's leg inherits the variable, and hangs up before the caller's when the caller did.
    if not call or call != message.get("Uniqueid"):
        return None
    return inp.CallerHungUp(contact=contact_id(pbx, call, now), cause=number(message.get("Cause")))


def _transfer(pbx: PbxId, message: Message, now: Instant) -> inp.Input | None:
    if message.get("Result") != "Success":
        return None
    call = call_of(message, "Transferee")
    if not call or call != message.get("TransfereeUniqueid"):
        return None
    offer = chan_variables(message, "Transferee").get("CONTACTD_OFFER", "")
    return inp.AgentHungUp(contact=contact_id(pbx, call, now), offer=OfferId(offer), transferred=True)


def _device_state(pbx: PbxId, message: Message) -> inp.Input | None:
    endpoint = endpoint_of(message.get("Device", ""))
    handset = HANDSETS.get(message.get("State", ""))
    if endpoint is None or handset is None:
        return None
    return inp.HandsetChanged(pbx=pbx, endpoint=endpoint, handset=handset)


def endpoint_of(device: str) -> str | None:
    """1001 for PJSIP/1001 and for PJSIP/1001-0000002a; None for what is no PJSIP device."""
    technology, _, name = device.partition("/")
    if technology != "PJSIP" or not name:
        return None
    endpoint, dash, suffix = name.rpartition("-")
    return endpoint if dash and len(suffix) == 8 else name


def contact_of(pbx: PbxId, message: Message, now: Instant) -> ContactId | None:
    """Whose call an event belongs to, on either leg."""
    call = call_of(message) or call_of(message, "Dest") or call_of(message, "Transferee")
    return contact_id(pbx, call, now) if call else None
