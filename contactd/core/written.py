"""Contacts that no PBX carries: a mail, a chat, a message. They wait here and nowhere else.

What their medium sends is ContactReceived, and then what a PBX says as well: OfferAnswered, OfferFailed (dial_status
DECLINED), CallerHungUp (the customer left) and AgentHungUp (the agent closed it). It is told by no command: a screen
shows an offer as it shows everything else, by its event, and after a restart from the floor.

An agent who is done with it says so by CallerHungUp with their id: talk and contact end in one step.
"""

from __future__ import annotations

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import By, Status
from contactd.core.contact import Contact, ContactState, Outcome
from contactd.core.decision import Decision, end_contact, end_offer, end_talk, queue_or_default, queued
from contactd.core.events import OfferOutcome
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId, Instant, PbxId
from contactd.core.plan import Medium


def received(floor: LiveFloor, input_: inp.ContactReceived, at: Instant, into: Decision) -> None:
    """Said again it changes nothing, but for whom an agent has: that one is transferred, and a new wait begins."""
    contact = floor.contacts.get(input_.contact)
    medium = contact.medium if contact is not None else input_.medium
    if medium is Medium.VOICE:
        return
    queue = queue_or_default(floor, input_.queue)
    if contact is None:
        into.events.append(
            ev.ContactArrived(
                contact=input_.contact, medium=medium, pbx=PbxId(""), call="", channel="", dnis=input_.address
            )
        )
    elif contact.state is ContactState.CONNECTED:
        end_talk(floor, contact, "transfer", at, into)
    elif contact.state is not ContactState.RELEASED and contact.queue == queue:
        return
    elif contact.state is ContactState.OFFERED:
        end_offer(contact, OfferOutcome.LOST, 0, into)
    since = min(input_.received_at, at)
    into.events.append(queued(input_.contact, queue, since, at, plan=floor.queues.get(queue), known=contact))


def withdrawn(floor: LiveFloor, input_: inp.ContactWithdrawn, at: Instant, into: Decision) -> None:
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.medium is Medium.VOICE or contact.state is ContactState.CONNECTED:
        return
    if contact.state is ContactState.OFFERED:
        end_offer(contact, OfferOutcome.WITHDRAWN, 0, into)
    end_contact(contact, Outcome.HANDLED if contact.handled else Outcome.WITHDRAWN, at, into)


def is_at_work(contact: Contact, agent: str) -> bool:
    """Whether this agent has it just now, and may end it."""
    return contact.medium is not Medium.VOICE and contact.state is ContactState.CONNECTED and contact.agent == agent


def offer_overdue(floor: LiveFloor, contact_id: ContactId, at: Instant, into: Decision) -> None:
    """Nobody took the offer in time."""
    contact = floor.contacts[contact_id]
    end_offer(contact, OfferOutcome.RONA, 0, into)
    if contact.agent is not None and floor.agents[contact.agent].status is Status.READY:
        into.events.append(ev.AgentNotReady(agent=contact.agent, reason=str(OfferOutcome.RONA), by=By.SYSTEM))
