"""Supervisors at talks, as the dialplan has them: [contactd-listen] carries them out, here is what it is told and says.

CONTACTD_LISTEN on the supervisor's channel is ``<contact's call>*<agent>*<supervisor>*<keys>``: no id holds a star.
"""

from __future__ import annotations

from collections.abc import Sequence

from contactd.core.agent import REMOTE, Agent
from contactd.core.commands import StopListening, TakeOver, TurnListening
from contactd.core.contact import Contact
from contactd.core.ids import AgentId, ContactId, Instant, ListeningId, OfferId, PbxId, contact_id
from contactd.core.inputs import CallerTaken, ListeningTold
from contactd.core.listener import ListeningEnd, ListeningSeen, Mode
from contactd.core.listening import ListeningWord
from contactd.protocols.ami import Message
from contactd.services.supervising.permission import KEYS

CONTEXT = "contactd-listen"
VARIABLE = "CONTACTD_LISTEN"
HEARS = "CONTACTD_HEARS"
"""The mode that was told last."""
USER_EVENT = "ContactdListening"
_NORMAL_CLEARING = "16"
TAKEN_CONTEXT = "contactd-taken"
"""Where a caller stands who was taken over."""
TAKER = "CONTACTD_TAKER"
_MODES = frozenset(map(str, Mode))
_WORDS = frozenset(map(str, ListeningWord))
_ENDS = frozenset((ListeningEnd.TALK, ListeningEnd.SUPERVISOR))


def program(contact: Contact, agent: Agent, supervisor: AgentId, keys: str, mode: str) -> dict[str, str]:
    """What the supervisor's channel must carry when it comes to [contactd-listen]."""
    seat = agent.endpoint
    at = f"Local/{seat.removeprefix(REMOTE)}*" if agent.remote else f"PJSIP/{seat}-"
    return {
        VARIABLE: f"{contact.call}*{agent.id}*{supervisor}*{keys}",
        "CONTACTD_HEARD": contact.channel,
        "CONTACTD_SEAT": at,
        "CONTACTD_MODE": mode if mode in _MODES else Mode.LISTEN,
        "CONTACTD_FIRST": "" if mode in _MODES else mode,
    }


def told(pbx: PbxId, message: Message, now: Instant) -> ListeningTold | None:
    """None for what cannot be read, or is of a newer dialplan."""
    word, mode = message.get("Word", ""), message.get("Mode", "")
    seen = _seen(pbx, message, message.get("Of", ""), mode, now)
    if seen is None or word not in _WORDS:
        return None
    why = message.get("Why", "")
    return ListeningTold(seen=seen, word=word, why=why if why in _ENDS else ListeningEnd.SUPERVISOR)


def taken(contact: ContactId, message: Message) -> CallerTaken:
    return CallerTaken(
        contact=contact,
        offer=OfferId(message.get("Offer", "")),
        listening=ListeningId(message.get("Listening", "")),
    )


def exten_of(command: TakeOver) -> str:
    epoch, _, seq = command.offer.partition("-")
    return f"{epoch}*{seq}"


def found(pbx: PbxId, statuses: Sequence[tuple[Message, dict[str, str]]], now: Instant) -> tuple[ListeningSeen, ...]:
    """Those that have begun, among the channels with their variables."""
    seen = []
    for status, values in statuses:
        of, mode = values.get(VARIABLE, ""), values.get(HEARS, "")
        # In a bridge it is with the caller whom it took over.
        if of and mode and status.get("Context") == CONTEXT and not status.get("BridgeID"):
            one = _seen(pbx, status, of, mode, now)
            if one is not None:
                seen.append(one)
    return tuple(seen)


def _seen(pbx: PbxId, message: Message, of: str, mode: str, now: Instant) -> ListeningSeen | None:
    call, agent, supervisor, *_ = (*of.split("*"), "", "", "")
    if not (call and agent and supervisor) or mode not in Mode._value2member_map_:
        return None
    return ListeningSeen(
        id=ListeningId(message.get("Uniqueid", "")),
        pbx=pbx,
        contact=contact_id(pbx, call, now),
        agent=AgentId(agent),
        supervisor=AgentId(supervisor),
        channel=message.get("Channel", ""),
        mode=Mode(mode),
    )


def action(command: TurnListening | StopListening) -> dict[str, str]:
    """For AMI. What the dialplan is sent to is there, since the channel is in its context already."""
    if isinstance(command, StopListening):
        return {"Action": "Hangup", "Channel": command.channel, "Cause": _NORMAL_CLEARING}
    exten = KEYS["take_over"] if command.take else "look" if command.mode is Mode.SILENT else KEYS[command.mode]
    return {"Action": "Redirect", "Channel": command.channel, "Context": CONTEXT, "Exten": exten, "Priority": "1"}
