"""What is known of who is in contact. It is looked up outside and arrives with an input: ids, and what routing reads.

No name and no number is here: a party is an id, and erasing the person leaves every fact as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.contact import KnownBy
from contactd.core.ids import Instant
from contactd.core.needs import with_record
from contactd.core.routing.demand import step_asking

if TYPE_CHECKING:
    from contactd.core.decision import Decision
    from contactd.core.floor import LiveFloor


def party_known(floor: LiveFloor, input_: inp.PartyKnown, at: Instant, into: Decision) -> None:
    """Early or late, once or again: what is new is told, and the contact asks for what follows from it."""
    contact = floor.contacts.get(input_.contact)
    known = input_.known
    if contact is None or contact.known == known:
        return
    if contact.known is not None and contact.known.by is KnownBy.PERSON and known.by is not KnownBy.PERSON:
        # Somebody said who it is: a number is a weaker word, also when it comes later.
        return
    queue = floor.queues.get(contact.queue) if contact.queue is not None else None
    needs = with_record(contact.asked_before(), known, contact.queue)
    step = step_asking(queue, contact, needs, at)
    into.events.append(ev.ContactRecognised(contact=contact.id, known=known, step=step))


def verification_told(floor: LiveFloor, input_: inp.VerificationTold, at: Instant, into: Decision) -> None:
    """Only of the party that the contact is known to be: whoever was asked answered as that one."""
    contact = floor.contacts.get(input_.contact)
    if contact is None or contact.known is None or contact.known.party != input_.party:
        return
    if contact.verified != input_.method:
        into.events.append(ev.PartyVerified(contact=contact.id, party=input_.party, method=input_.method, by=input_.by))


def recognised(floor: LiveFloor, event: ev.ContactRecognised, at: Instant) -> None:
    contact = floor.contacts[event.contact]
    asked = contact.asked_before()
    if contact.known is not None and contact.known.party != event.known.party:
        contact.verified = ""
    contact.known, contact.asked = event.known, asked
    floor.ask_for(contact, step=event.step, needs=with_record(asked, event.known, contact.queue))


def verified(floor: LiveFloor, event: ev.PartyVerified, at: Instant) -> None:
    floor.contacts[event.contact].verified = event.method
