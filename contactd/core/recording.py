"""Which talks are recorded, and what becomes of a recording while it runs.

The PBX records the agent's leg, from the answer until that leg ends: it goes on without us, and it ends with the agent
whom the offer led to. Whom that agent consults is on another leg; whoever follows by a transfer is not recorded by it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import By
from contactd.core.commands import PauseRecording
from contactd.core.contact import Contact, ContactState, Known, Recorder
from contactd.core.ids import AgentId, Instant
from contactd.core.inputs import RecordingWord
from contactd.core.listening import silence
from contactd.core.plan import AgentProfile, QueuePlan, RecordRule

if TYPE_CHECKING:
    from contactd.core.decision import Decision
    from contactd.core.floor import LiveFloor


class Verdict(StrEnum):
    """Of an offer: whether the talk is to be recorded, or who does not let it be."""

    YES = "yes"
    REFUSED = "refused"
    """The customer said no."""
    NOT_AGREED = "not_agreed"
    """The customer has not said yes, and the queue asks for that."""
    AGENT = "agent"
    """The queue records, and this agent is never recorded."""


_NO, _AGREED, _NOT_REFUSED, _ALWAYS = RecordRule
"""A member of an enum takes longer to find than all else here."""


def verdict(queue: QueuePlan | None, agent: AgentProfile, known: Known | None) -> str:
    """A Verdict; empty when nothing asks for a recording."""
    rule = queue.record if queue is not None else _NO
    if rule is _NO:
        if not agent.record:
            return ""
        rule = _NOT_REFUSED
    if agent.record is False:
        return Verdict.AGENT
    said = known.recording if known is not None else None
    if rule is _ALWAYS or said is True:
        return Verdict.YES
    if said is False:
        return Verdict.REFUSED
    return Verdict.YES if rule is _NOT_REFUSED else Verdict.NOT_AGREED


def recorded(contact: Contact | None) -> Recorder | None:
    """What is being recorded of the contact now; None: nothing."""
    return contact.recorder if contact is not None and contact.state is ContactState.CONNECTED else None


# --- decided ---------------------------------------------------------------------------------------------------------


def recording_told(floor: LiveFloor, input_: inp.RecordingTold, at: Instant, into: Decision) -> None:
    """Also of a contact that has ended since: what was not written is known last."""
    contact, offer = input_.contact, input_.offer
    known = floor.contacts.get(contact)
    match input_.word:
        case RecordingWord.ANNOUNCED if known is not None:
            into.events.append(ev.RecordingAnnounced(contact=contact, offer=offer))
        case RecordingWord.NOT_ANNOUNCED:
            why = ev.RecordingFailure.NOT_ANNOUNCED
            into.events.append(ev.RecordingFailed(contact=contact, offer=offer, why=why))
        case RecordingWord.NOT_WRITTEN:
            why = ev.RecordingFailure.NOT_WRITTEN
            into.events.append(ev.RecordingFailed(contact=contact, offer=offer, why=why))
        case RecordingWord.STARTED if known is not None and known.offer == offer and known.recorder is None:
            into.events.append(
                ev.RecordingStarted(contact=contact, agent=known.agent, offer=offer, channel=input_.channel)
            )


def found_recorded(contact: Contact | None, call: inp.CallSeen, into: Decision) -> None:
    """What a comparison finds recorded, and nobody told us of; after whatever else it found of the call."""
    seen = call.recorder
    if seen is None:
        return
    agent, known = (contact.agent, contact.recorder) if contact is not None else (None, None)
    for event in into.events:
        if isinstance(event, ev.TalkEnded | ev.OfferEnded) and event.contact == call.contact:
            agent, known = None, None
        elif isinstance(event, ev.ContactConnected) and event.contact == call.contact:
            agent = event.agent
    if agent is None:
        return
    if known is None or known.offer != seen.offer:
        into.events.append(
            ev.RecordingStarted(
                contact=call.contact,
                agent=agent,
                offer=seen.offer,
                channel=seen.channel,
                paused=seen.paused,
                seen_late=True,
            )
        )
    elif seen.paused is not known.paused and contact is not None:
        # Somebody died between the PBX's doing and the fact. What was begun is done: silence harms nobody.
        into.commands.append(_pause(contact, seen, paused=seen.paused, by=By.SYSTEM))


def passed_on(consult: Contact, caller: Contact, agent: AgentId, into: Decision) -> None:
    """The caller was put through to whom the agent asked at a line of ours, and whose leg is being recorded."""
    recorder = recorded(consult)
    if recorder is not None:
        into.events.append(
            ev.RecordingStarted(
                contact=caller.id,
                agent=agent,
                offer=recorder.offer,
                channel=recorder.channel,
                paused=recorder.paused,
                passed_on=consult.id,
            )
        )


def pause_asked(floor: LiveFloor, input_: inp.RecordingPauseAsked, at: Instant, into: Decision) -> None:
    """The fact follows when the PBX has done it: nobody says a card number to a recording that may still run."""
    contact = _meant(floor, input_)
    recorder = recorded(contact)
    if contact is not None and recorder is not None and recorder.paused is not input_.pause:
        into.commands.append(_pause(contact, recorder, paused=input_.pause, by=input_.by))
        if input_.pause:
            silence(floor, contact.id, into)


def _meant(floor: LiveFloor, input_: inp.RecordingPauseAsked) -> Contact | None:
    if input_.contact is not None:
        return floor.contacts.get(input_.contact)
    agent = floor.agents.get(input_.agent) if input_.agent is not None else None
    call = agent.on_voice() if agent is not None else None
    return floor.contacts.get(call.contact) if call is not None else None


def _pause(contact: Contact, recorder: Recorder, *, paused: bool, by: str) -> PauseRecording:
    return PauseRecording(
        pbx=contact.pbx,
        contact=contact.id,
        offer=recorder.offer,
        channel=recorder.channel,
        paused=paused,
        by=by,
    )


def recording_muted(floor: LiveFloor, input_: inp.RecordingMuted, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    recorder = contact.recorder if contact is not None else None
    if contact is None or recorder is None or recorder.offer != input_.offer or recorder.paused is input_.paused:
        return
    kind = ev.RecordingPaused if input_.paused else ev.RecordingResumed
    into.events.append(kind(contact=contact.id, agent=contact.agent, offer=input_.offer, by=input_.by))


# --- changed ---------------------------------------------------------------------------------------------------------


def _started(floor: LiveFloor, event: ev.RecordingStarted, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    contact.recorder = Recorder(offer=event.offer, channel=event.channel, paused=event.paused)


def _paused(floor: LiveFloor, event: ev.RecordingPaused | ev.RecordingResumed, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    if contact.recorder is not None:
        paused = isinstance(event, ev.RecordingPaused)
        contact.recorder = msgspec.structs.replace(contact.recorder, paused=paused)


def _announced(floor: LiveFloor, event: ev.RecordingAnnounced, at: Instant) -> None:
    contact = floor.contacts.get(event.contact)
    if contact is not None:
        contact.change(announced=True)


def _told(floor: LiveFloor, event: ev.RecordingFailed, at: Instant) -> None:
    """A fact for people, and for who looks for the file."""


RECORDING: dict[type[ev.Event], Callable[[LiveFloor, Any, Instant], None]] = {
    ev.RecordingAnnounced: _announced,
    ev.RecordingStarted: _started,
    ev.RecordingPaused: _paused,
    ev.RecordingResumed: _paused,
    ev.RecordingFailed: _told,
}
