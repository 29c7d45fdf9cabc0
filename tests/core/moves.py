"""The rules of transfers begun by contactd once more: for the random walks."""

from __future__ import annotations

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.commands import MoveToQueue
from contactd.core.floor import LiveFloor
from contactd.core.step import Step


def check_moves(made: Step, floor: LiveFloor) -> None:
    """Who talks by voice, with an agent, at a PBX that is steered, is moved to a queue that there is:
    told once, and still in the talk. Nobody else ever is."""
    moves = [one for one in made.commands if isinstance(one, MoveToQueue)]
    begun = [one for one in made.events if isinstance(one, ev.TransferBegun)]
    asked = made.input
    if not isinstance(asked, inp.TransferAsked):
        assert not moves and not begun
        return
    contact = floor.contacts.get(asked.contact)
    plan = floor.state.plan
    may = (
        contact is not None
        and contact.state == "connected"
        and contact.medium == "voice"
        and contact.text is None
        and ".cb" not in contact.call
        and contact.pbx in floor.steered
        and plan is not None
        and asked.queue in {queue.id for queue in plan.queues}
    )
    assert len(moves) == len(begun) == may
    if contact is not None and may:
        assert (moves[0].contact, moves[0].channel, moves[0].pbx) == (contact.id, contact.channel, contact.pbx)
        assert moves[0].queue == begun[0].queue == asked.queue and begun[0].agent == contact.agent
