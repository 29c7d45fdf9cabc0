"""What the PBX has, from its lists: the raw material of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.contact import Recorder
from contactd.core.ids import AnnouncementId, Instant, OfferId, PbxId, QueueId, call_of_contact, contact_id
from contactd.core.listener import ListeningSeen
from contactd.pbx import announcing, diversions, furnishing, listening, ringing
from contactd.pbx.translate import CALLERS_CONTEXTS, HANDSETS, endpoint_of, instant, needs_said
from contactd.protocols.ami import Message

VARIABLES = (
    *("CONTACTD_CALL", "CONTACTD_OFFER", "CONTACTD_QUEUE", "CONTACTD_SINCE", "CONTACTD_DNIS", "CONTACTD_NEEDS"),
    *("CONTACTD_DIVERSION", "CONTACTD_RECORDER", "CONTACTD_PAUSED", "CONTACTD_RING"),
    *(announcing.HEARD, furnishing.VARIABLE, listening.VARIABLE, listening.HEARS),
)

_PLACES = {
    "contactd-in": inp.Place.MENU,
    "contactd-agi": inp.Place.MENU,
    "contactd-hold": inp.Place.HOLD,
    "contactd-key": inp.Place.HOLD,
    "contactd-return": inp.Place.HOLD,
    # On the way back to it, whoever steers.
    announcing.CONTEXT: inp.Place.HOLD,
}


def variables(status: Message) -> dict[str, str]:
    """The ``Variable: NAME=value`` lines of a Status event."""
    found = {}
    for header in status:
        if header.lower().split("(")[0] == "variable":
            for text in status.all(header):
                name, _, value = text.partition("=")
                # So Asterisk prints a variable that the channel does not have.
                if value != "(null)":
                    found[name] = value
    return found


def calls_seen(pbx: PbxId, statuses: Sequence[Message], now: Instant) -> tuple[inp.CallSeen, ...]:
    """The callers among the channels, each with where it stands. Longest waiting first."""
    legs: dict[str, list[tuple[Message, dict[str, str]]]] = {}
    """By bridge: whom an agent consulted before the transfer does not carry the caller's variables."""
    callers: list[tuple[Message, dict[str, str]]] = []
    for status in statuses:
        values = variables(status)
        call = values.get("CONTACTD_CALL")
        own = status.get("Context") in CALLERS_CONTEXTS and not ringing.seat_in(status.get("Channel", ""))
        if call and (call == status.get("Uniqueid") or own):
            callers.append((status, values))
        elif status.get("BridgeID"):
            legs.setdefault(status["BridgeID"], []).append((status, values))
    bridged = {status.get("Channel", "") for status in statuses if status.get("BridgeID")}
    seen = [_seen(pbx, status, values, legs, now) for status, values in callers]
    seen = [_stand_in(call, bridged) for call in seen]
    return tuple(sorted(seen, key=lambda call: (call.queued_at or now, call.contact)))


def listening_seen(pbx: PbxId, statuses: Sequence[Message], now: Instant) -> tuple[ListeningSeen, ...]:
    """The supervisors at talks among the channels."""
    return listening.found(pbx, [(status, variables(status)) for status in statuses], now)


def _seen(
    pbx: PbxId,
    status: Message,
    values: dict[str, str],
    legs: dict[str, list[tuple[Message, dict[str, str]]]],
    now: Instant,
) -> inp.CallSeen:
    call = status["Uniqueid"]
    since = values.get("CONTACTD_SINCE")
    leg = next(iter(legs.get(status.get("BridgeID", ""), [])), None)
    place, endpoint = _place(status, leg[0] if leg is not None else None)
    diversion, to = diversions.read_exten(values.get("CONTACTD_DIVERSION", ""))
    return inp.CallSeen(
        contact=contact_id(pbx, call, now),
        call=call,
        channel=status.get("Channel", ""),
        dnis=values.get("CONTACTD_DNIS", ""),
        place=place,
        queue=QueueId(values["CONTACTD_QUEUE"]) if values.get("CONTACTD_QUEUE") else None,
        queued_at=instant(since, now) if since else None,
        offer=OfferId(values["CONTACTD_OFFER"]) if values.get("CONTACTD_OFFER") else None,
        endpoint=endpoint,
        endpoints=ringing.endpoints(values.get("CONTACTD_RING", ""), values.get("CONTACTD_OFFER", "")),
        needs=needs_said(values.get("CONTACTD_NEEDS")),
        diversion=diversion,
        diverted_to=to,
        recorder=_recorder(*leg) if leg is not None and place is inp.Place.TALK else None,
        announced=AnnouncementId(values[announcing.HEARD]) if values.get(announcing.HEARD) else None,
    )


def _stand_in(call: inp.CallSeen, bridged: set[str]) -> inp.CallSeen:
    """A channel that stands in for a customer talks with the agent from the answer on: the customer is there when the
    other half of it is in a bridge as well."""
    name, _, half = call.channel.rpartition(";")
    if call.place is not inp.Place.TALK or call.call == call_of_contact(call.call) or half not in ("1", "2"):
        return call
    other = f"{name};{'2' if half == '1' else '1'}"
    return call if other in bridged else msgspec.structs.replace(call, place=inp.Place.OFFER)


def _recorder(leg: Message, values: dict[str, str]) -> Recorder | None:
    """[contactd-record] writes down which offer's talk is recorded there, and contactd that it is paused."""
    offer = values.get("CONTACTD_RECORDER")
    if not offer:
        return None
    return Recorder(offer=OfferId(offer), channel=leg.get("Channel", ""), paused=values.get("CONTACTD_PAUSED") == "1")


def _place(status: Message, leg: Message | None) -> tuple[inp.Place, str | None]:
    if status.get("Context") in diversions.CONTEXTS:
        # In a bridge too: with somebody outside.
        return inp.Place.DIVERTED, None
    if status.get("BridgeID"):
        if leg is not None:
            return inp.Place.TALK, endpoint_of(leg.get("Channel", ""))
        return inp.Place.ELSEWHERE, None
    context = status.get("Context", "")
    if context in ("contactd-offer", ringing.CONTEXT):
        # Of several who ring CONTACTD_RING tells.
        return inp.Place.OFFER, status.get("Exten", "").partition("*")[0]
    if context == "contactd-fallback":
        return inp.Place.FALLBACK, None
    return _PLACES.get(context, inp.Place.ELSEWHERE), None


def handsets_seen(states: Sequence[Message]) -> dict[str, Handset]:
    """Endpoint to state, from DeviceStateList."""
    found = {}
    for state in states:
        endpoint = endpoint_of(state.get("Device", ""))
        handset = HANDSETS.get(state.get("State", ""))
        if endpoint is not None and handset is not None:
            found[endpoint] = handset
    return found
