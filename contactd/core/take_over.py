"""A supervisor has taken the caller over: the agent is out of it, with the wrap-up of the queue.

Asked for at a talk that the supervisor is at (listening). The PBX is told once and does the rest; what it tells then is
believed. A supervisor who is gone meanwhile leaves the caller in the hold, at the old place.
"""

from __future__ import annotations

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import ComparePbx
from contactd.core.contact import ContactState
from contactd.core.decision import Decision, end_talk
from contactd.core.floor import LiveFloor
from contactd.core.ids import Instant
from contactd.core.listener import ListeningEnd

BY_SUPERVISOR = "supervisor"
"""Who ended the agent's talk."""


def caller_taken(floor: LiveFloor, input_: inp.CallerTaken, at: Instant, into: Decision) -> None:
    contact, known = floor.contacts.get(input_.contact), floor.state.listening.get(input_.listening)
    if contact is None or contact.offer == input_.offer:
        return
    if known is not None and known.contact != contact.id:
        known = None
    supervisor = floor.agents.get(known.supervisor) if known is not None else None
    free = supervisor is not None and supervisor.on_voice() is None
    if known is None or supervisor is None or not free or contact.state is not ContactState.CONNECTED:
        into.commands.append(ComparePbx(pbx=contact.pbx, why="a caller was taken over by nobody who is known"))
        return
    end_talk(floor, contact, BY_SUPERVISOR, at, into)
    into.events.append(
        ev.ListeningEnded(
            contact=contact.id,
            agent=known.agent,
            supervisor=known.supervisor,
            listening=known.id,
            lasted_s=round(max(0.0, at - known.since), 6),
            why=ListeningEnd.TAKEN_OVER,
        )
    )
    into.events.append(ev.ContactConnected(contact=contact.id, agent=supervisor.id, offer=input_.offer, waited_s=None))
