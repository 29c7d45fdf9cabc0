"""What may be done with a call that an agent has: for contactctl and the desk alike, which say who asks.

A refusal is a value with a stable code. Whoever calls writes it down (audit).
"""

from __future__ import annotations

import asyncio

from contactd.core.agent import By
from contactd.core.contact import Contact, ContactState
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId, QueueId
from contactd.core.inputs import TransferAsked
from contactd.core.transfers import NoTransfer, why_no_transfer
from contactd.web.acts import DONE
from contactd.web.asking import Answer
from contactd.web.health import Engine

_LOOK_S, _LOOKS = 0.02, 100
"""The PBX does it in milliseconds; after two seconds nobody waits for it."""
_WHY = {
    NoTransfer.UNKNOWN_CONTACT: ("The contact has ended meanwhile.", 409),
    NoTransfer.UNKNOWN_QUEUE: ("There is no queue {}; contactctl queues lists them.", 400),
    NoTransfer.NOT_TALKING: ("No agent talks with the caller, so nobody can transfer them.", 409),
    NoTransfer.NO_CALL: ("The contact is no call.", 409),
    NoTransfer.TEXT: ("A call of a text telephone cannot be transferred: let the caller dial the other line.", 409),
    NoTransfer.CALLED_BACK: ("contactd called this customer back: transfer from the handset.", 409),
    NoTransfer.NOT_STEERED: ("contactd has no connection to the caller's PBX now: transfer from the handset.", 409),
}


async def transfer_to_queue(engine: Engine, contact: ContactId, queue: str, by: str = By.SUPERVISOR) -> Answer:
    """Let the caller begin a new wait in the queue, and the agent be out of it. by: By.AGENT or By.SUPERVISOR.

    Done means that the PBX has done it. Raises a ContactdError when the inbox is full.
    """
    to = QueueId(queue)
    before = _talk(engine.floor.contacts.get(contact))
    why = why_no_transfer(engine.floor, contact, to)
    if why is None:
        step = await engine.ask(TransferAsked(contact=contact, queue=to, by=by))
        if not step.commands:
            why = why_no_transfer(engine.floor, contact, to) or NoTransfer.NOT_TALKING
    if why is not None:
        reason, http = _WHY[why]
        return Answer(why, reason.format(queue), http, f"to {queue}")
    return await _until_moved(engine.floor, contact, before, queue)


async def _until_moved(floor: LiveFloor, contact: ContactId, before: tuple[object, ...] | None, queue: str) -> Answer:
    for _ in range(_LOOKS):
        now = floor.contacts.get(contact)
        if now is None:
            return Answer("gone", "The caller hung up in that moment.", 409, f"to {queue}")
        if _talk(now) != before:
            if now.state in (ContactState.RELEASED, ContactState.ENDED):
                return Answer("gone", "The talk ended in that moment.", 409, f"to {queue}")
            return Answer(DONE, told=f"to {queue}")
        await asyncio.sleep(_LOOK_S)
    return Answer(
        "no_answer",
        "The PBX has not moved the caller: the agent has them still. Try again, or transfer from the handset.",
        504,
        f"to {queue}",
    )


def _talk(contact: Contact | None) -> tuple[object, ...] | None:
    """What tells one talk from the next; None: there is none."""
    if contact is None or contact.state is not ContactState.CONNECTED:
        return None
    return contact.agent, contact.offer, contact.connected_at
