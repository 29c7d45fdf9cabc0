"""What an agent says of a contact: that it is not taken, or what came of it.

A disposition is a fact. What the agent wrote beside it goes beside the input, and is kept as the words of a contact are
(engine.inbox.Words): erasing the person finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import AgentState
from contactd.core.ids import Instant

if TYPE_CHECKING:
    from contactd.core.decision import Decision
    from contactd.core.floor import LiveFloor


def _dispose_asked(floor: LiveFloor, input_: inp.ContactDisposeAsked, at: Instant, into: Decision) -> None:
    """By who talks with it, or is in the wrap-up after it; as often as they correct themselves, and the last counts."""
    agent = floor.agents.get(input_.agent)
    if agent is None:
        return
    mine = [one for one in agent.engagements if one.contact == input_.contact]
    if any(one.state in (AgentState.BUSY, AgentState.WRAP_UP) for one in mine):
        into.events.append(
            ev.ContactDisposed(
                contact=input_.contact,
                agent=agent.id,
                disposition=input_.disposition,
                note=input_.note,
                characters=input_.characters,
            )
        )


def _disposed(floor: LiveFloor, event: ev.ContactDisposed, at: Instant) -> None:
    """A fact for people: nothing is decided by it yet."""


DISPOSING: dict[type[inp.Input], Callable[[LiveFloor, Any, Instant, Decision], None]] = {
    inp.ContactDisposeAsked: _dispose_asked,
}
DISPOSED: dict[type[ev.Event], Callable[[LiveFloor, Any, Instant], None]] = {ev.ContactDisposed: _disposed}
