"""Supervisors who listen to a talk, whisper to its agent, or speak with both: each is a *listening*.

The PBX carries it, as it carries the talk: a listening begins, turns and ends there, with or without us, and is known
here by what the dialplan tells, or by what a comparison finds. Who may hear whom is asked before, at the edge.
Nobody hears what is said while the recording is paused: a card number.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import StopListening, TakeOver, TurnListening
from contactd.core.contact import ContactState
from contactd.core.errors import FloorBug
from contactd.core.ids import AgentId, ContactId, Instant, offer_id
from contactd.core.listener import Listening, ListeningEnd, ListeningSeen, Mode

if TYPE_CHECKING:
    from contactd.core.decision import Decision
    from contactd.core.floor import LiveFloor

_ONCE_S = 5.0
"""For so long a second key changes nothing: the first may be on its way, and a second Redirect would end the talk."""
EDITION = 4
"""The first edition of the dialplan that has listeners."""


class ListeningWord(StrEnum):
    """What the dialplan says of one."""

    TAKES = "takes"
    """The supervisor asks for the caller."""
    HEARS = "hears"
    """It has begun, or turned."""
    ENDED = "ended"


def listening_of(floor: LiveFloor, supervisor: AgentId) -> Listening | None:
    """The one that the supervisor has at the handset."""
    return next((one for one in floor.state.listening.values() if one.supervisor == supervisor), None)


def listeners_of(floor: LiveFloor, contact: ContactId) -> list[Listening]:
    return [one for one in floor.state.listening.values() if one.contact == contact]


# --- decided ---------------------------------------------------------------------------------------------------------


def listening_told(floor: LiveFloor, input_: inp.ListeningTold, at: Instant, into: Decision) -> None:
    """One that has begun at what is no talk any more is ended by the PBX itself, which tells so."""
    known = floor.state.listening.get(input_.seen.id)
    if input_.word == ListeningWord.ENDED:
        if known is not None:
            into.events.append(_ended(known, input_.why, at))
    elif input_.word == ListeningWord.TAKES:
        if known is not None:
            _takes(floor, known, at, into)
    else:
        _hears(floor, input_.seen, known, into)


def _hears(
    floor: LiveFloor, seen: ListeningSeen, known: Listening | None, into: Decision, *, late: bool = False
) -> None:
    if known is not None:
        if known.mode is not seen.mode:
            into.events.append(
                ev.ListeningTurned(
                    contact=known.contact,
                    agent=known.agent,
                    supervisor=known.supervisor,
                    listening=known.id,
                    mode=seen.mode,
                )
            )
    elif _is_here(floor, seen.contact, into) and {seen.agent, seen.supervisor} <= floor.agents.keys():
        into.events.append(
            ev.ListeningBegan(
                contact=seen.contact,
                agent=seen.agent,
                supervisor=seen.supervisor,
                listening=seen.id,
                pbx=seen.pbx,
                channel=seen.channel,
                mode=seen.mode,
                seen_late=late,
            )
        )
    else:
        # Of whom nobody knows anything nobody may hear: the agent has left the configuration, or the caller has gone.
        into.commands.append(StopListening(pbx=seen.pbx, listening=seen.id, channel=seen.channel))


def _is_here(floor: LiveFloor, contact: ContactId, into: Decision) -> bool:
    """After what this decision says already."""
    here = contact in floor.contacts
    for event in into.events:
        if isinstance(event, ev.ContactAdopted | ev.ContactEnded) and event.contact == contact:
            here = isinstance(event, ev.ContactAdopted)
    return here


def compare_listening(floor: LiveFloor, input_: inp.PbxCompared, at: Instant, into: Decision) -> None:
    """After whatever else a comparison finds: who listens there, and who does not any more."""
    seen = {one.id: one for one in input_.listening}
    for known in list(floor.state.listening.values()):
        if known.pbx == input_.pbx and known.id not in seen and known.since < input_.asked_at:
            into.events.append(_ended(known, ListeningEnd.UNSEEN, at))
    for one in seen.values():
        if one.contact in input_.unsure:
            continue
        _hears(floor, one, floor.state.listening.get(one.id), into, late=True)
        contact = floor.contacts.get(one.contact)
        paused = contact is not None and contact.recorder is not None and contact.recorder.paused
        if paused and one.mode is not Mode.SILENT:
            into.commands.append(TurnListening(pbx=one.pbx, listening=one.id, channel=one.channel, mode=Mode.SILENT))


def silence(floor: LiveFloor, contact: ContactId, into: Decision) -> None:
    """The recording is about to be paused: from then on nobody hears the talk. It goes on with the recording, by the
    dialplan alone."""
    for one in listeners_of(floor, contact):
        into.commands.append(TurnListening(pbx=one.pbx, listening=one.id, channel=one.channel, mode=Mode.SILENT))


def turn_asked(floor: LiveFloor, input_: inp.ListeningTurnAsked, at: Instant, into: Decision) -> None:
    """Whether the mode is allowed was asked before. The fact follows when the PBX has done it."""
    known = listening_of(floor, input_.supervisor)
    if known is None:
        return
    if input_.take:
        into.commands.append(
            TurnListening(pbx=known.pbx, listening=known.id, channel=known.channel, mode=known.mode, take=True)
        )
    elif input_.mode is None:
        into.commands.append(StopListening(pbx=known.pbx, listening=known.id, channel=known.channel))
    elif input_.mode is not known.mode and input_.mode is not Mode.SILENT:
        into.commands.append(TurnListening(pbx=known.pbx, listening=known.id, channel=known.channel, mode=input_.mode))


def _takes(floor: LiveFloor, known: Listening, at: Instant, into: Decision) -> None:
    """The supervisor asks for the caller. Not while something is said that nobody is to hear."""
    contact, supervisor = floor.contacts.get(known.contact), floor.agents.get(known.supervisor)
    if contact is None or supervisor is None or contact.state is not ContactState.CONNECTED:
        return
    asked = known.taking_at is not None and at < known.taking_at + _ONCE_S
    paused = contact.recorder is not None and contact.recorder.paused
    if asked or paused or known.mode is Mode.SILENT or contact.agent != known.agent:
        return
    if supervisor.on_voice() is not None:
        return
    offer = offer_id(floor.epoch, floor.seq + len(into.events) + 1)
    into.events.append(
        ev.TakeOverBegun(
            contact=contact.id,
            agent=known.agent,
            supervisor=known.supervisor,
            listening=known.id,
            offer=offer,
        )
    )
    into.commands.append(
        TakeOver(
            pbx=contact.pbx,
            contact=contact.id,
            channel=contact.channel,
            taker=known.channel,
            offer=offer,
        )
    )


def _ended(known: Listening, why: str, at: Instant) -> ev.ListeningEnded:
    return ev.ListeningEnded(
        contact=known.contact,
        agent=known.agent,
        supervisor=known.supervisor,
        listening=known.id,
        lasted_s=round(max(0.0, at - known.since), 6),
        why=why,
    )


# --- changed ---------------------------------------------------------------------------------------------------------


def _began(floor: LiveFloor, event: ev.ListeningBegan, at: Instant) -> None:
    if event.listening in floor.state.listening:
        raise FloorBug(f"The listening {event.listening} begins and is on the floor already.")
    floor.state.listening[event.listening] = Listening(
        id=event.listening,
        pbx=event.pbx,
        contact=event.contact,
        agent=event.agent,
        supervisor=event.supervisor,
        channel=event.channel,
        mode=event.mode,
        since=at,
    )


def _turned(floor: LiveFloor, event: ev.ListeningTurned, at: Instant) -> None:
    known = floor.state.listening[event.listening]
    floor.state.listening[event.listening] = msgspec.structs.replace(known, mode=event.mode)


def _over(floor: LiveFloor, event: ev.ListeningEnded, at: Instant) -> None:
    del floor.state.listening[event.listening]


def _taking(floor: LiveFloor, event: ev.TakeOverBegun, at: Instant) -> None:
    known = floor.state.listening[event.listening]
    floor.state.listening[event.listening] = msgspec.structs.replace(known, taking_at=at)


LISTENING: dict[type[ev.Event], Callable[[LiveFloor, Any, Instant], None]] = {
    ev.ListeningBegan: _began,
    ev.ListeningTurned: _turned,
    ev.ListeningEnded: _over,
    ev.TakeOverBegun: _taking,
}
