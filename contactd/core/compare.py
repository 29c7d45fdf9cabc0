"""The floor against what a PBX really has, after a silence: the correcting events, and nothing beyond them.

AMI does not replay. Whatever happened while nobody listened is concluded from where each caller stands now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from contactd.core import events as ev
from contactd.core.agent import Agent
from contactd.core.callbacks import here, unseen
from contactd.core.commands import ComparePbx, ReturnToHold
from contactd.core.contact import Contact, ContactState, Outcome
from contactd.core.decision import (
    Decision,
    adopt,
    carried_needs,
    diverted_outcome,
    end_contact,
    end_legs,
    end_offer,
    end_talk,
    left_in_menu,
    queue_or_default,
    queued,
    see_handset,
    since,
)
from contactd.core.destination import Outside
from contactd.core.diverting import failed, repeat, still_there
from contactd.core.events import AnnouncementEnd, DiversionFailure, DiversionReason, OfferOutcome
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, ContactId, Instant, QueueId, key_number
from contactd.core.inputs import CallSeen, PbxCompared, Place
from contactd.core.keys import back_in_hold, found_elsewhere, queue_by_key
from contactd.core.listening import compare_listening
from contactd.core.plan import Medium
from contactd.core.recording import found_recorded
from contactd.core.ring_all import leg_at, ringing
from contactd.core.ring_back import place_kept_until

_ON_ITS_WAY_S = 1.0


def compare(floor: LiveFloor, input_: PbxCompared, at: Instant, into: Decision) -> None:
    """Four passes: the gone, then talks and offers that ended, then what stands where, then the handsets.

    The gone come first, since an agent must be free of the old contact before being found with the next one.
    """
    if input_.unsure or not floor.contacts.keys() >= input_.late:
        into.commands.append(ComparePbx(pbx=input_.pbx, why="calls moved while their lists were read"))
    input_ = msgspec.structs.replace(input_, unsure=input_.unsure | input_.late | _moving(floor, input_.asked_at))
    seen = {call.contact: call for call in input_.calls}
    engaged = {a.id: phone.contact for a in floor.agents.values() if (phone := a.on_voice()) is not None}
    for contact in list(floor.contacts.values()):
        if contact.pbx != input_.pbx or contact.medium is not Medium.VOICE or contact.id in input_.unsure:
            continue
        call = seen.get(contact.id)
        before = len(into.events)
        if call is not None:
            _over(floor, contact, call, at, into)
        elif contact.arrived_at < input_.asked_at:
            _gone(floor, contact, input_, at, into)
        if len(into.events) > before:
            _free(engaged, ringing(contact))
    for call in seen.values():
        known = floor.contacts.get(call.contact)
        ours = known is None or (known.pbx == input_.pbx and known.medium is Medium.VOICE)
        if ours and call.contact not in input_.unsure:
            _stands(floor, call, input_, at, engaged, into)
            found_recorded(known, call, into)
    for endpoint, handset in input_.handsets.items():
        for agent in floor.seats.at(input_.pbx, endpoint):
            see_handset(agent, handset, into)
    compare_listening(floor, input_, at, into)
    _steer(floor, input_, into)


def _steer(floor: LiveFloor, input_: PbxCompared, into: Decision) -> None:
    if input_.edition and floor.state.editions.get(input_.pbx, 0) != input_.edition:
        into.events.append(ev.DialplanSeen(pbx=input_.pbx, edition=input_.edition))
    if input_.pbx not in floor.steered:
        into.events.append(ev.PbxSteered(pbx=input_.pbx))


def _moving(floor: LiveFloor, asked_at: Instant) -> set[ContactId]:
    """Callers whose Redirect may have been on its way when the PBX was asked: where they stood says nothing yet.

    Of this epoch only: what an earlier writer sent is on the PBX, or never came there.
    """
    mine = f"{floor.epoch}-"
    moving = {
        phone.contact
        for agent in floor.agents.values()
        if (phone := agent.on_voice()) is not None
        and phone.offer is not None
        and phone.offer.startswith(mine)
        and phone.since > asked_at - _ON_ITS_WAY_S
    }
    moving |= {
        contact.id
        for contact in floor.contacts.values()
        if contact.diverted_at is not None
        and contact.diverted_at > asked_at - _ON_ITS_WAY_S
        and (contact.diversion or "").startswith(mine)
    }
    moving |= {
        contact.id
        for contact in floor.callbacks.values()
        if contact.callback is not None
        and f".cb{floor.epoch}." in contact.callback.attempt
        and contact.callback.began_at > asked_at - _ON_ITS_WAY_S
    }
    return moving


def _gone(floor: LiveFloor, contact: Contact, input_: PbxCompared, at: Instant, into: Decision) -> None:
    if contact.callback is not None:
        unseen(floor, contact, at, into)
        return
    outcome = left_in_menu(contact) if contact.state is ContactState.MENU else Outcome.ABANDONED_WAITING
    if contact.state is ContactState.FALLBACK or input_.static_served:
        # An agent of the static queue may have answered and said good-bye: who knows.
        outcome = Outcome.UNSEEN
    if contact.state is ContactState.OFFERED:
        end_offer(contact, OfferOutcome.LOST, 0, into)
        outcome = Outcome.UNSEEN
    elif contact.state is ContactState.CONNECTED:
        end_talk(floor, contact, "unseen", at, into)
    elif contact.state is ContactState.DIVERTED:
        outcome = diverted_outcome(contact)
    if contact.handled:
        outcome = Outcome.HANDLED
    if contact.arrived_at < input_.booted_at:
        outcome = Outcome.PBX_LOST
    place_until = place_kept_until(floor, contact, outcome, 0, at)
    end_contact(contact, outcome, at, into, seen_late=True, place_until=place_until)


def _over(floor: LiveFloor, contact: Contact, call: CallSeen, at: Instant, into: Decision) -> None:
    """End the offer or the talk that the PBX no longer has."""
    same_agent = call.endpoint is not None and leg_at(floor, contact, call.endpoint) is not None
    if contact.state is ContactState.OFFERED:
        still = (call.place is Place.OFFER and call.offer == contact.offer) or (call.place is Place.TALK and same_agent)
        if not still:
            end_offer(contact, OfferOutcome.LOST, 0, into)
    elif contact.state is ContactState.CONNECTED and not (call.place is Place.TALK and same_agent):
        end_talk(floor, contact, "unseen", at, into)


def _stands(
    floor: LiveFloor,
    call: CallSeen,
    input_: PbxCompared,
    at: Instant,
    engaged: dict[AgentId, ContactId],
    into: Decision,
) -> None:
    """engaged: with whom agents ring or talk after the passes before; it grows with everybody who is found."""
    contact = floor.contacts.get(call.contact)
    if contact is None:
        into.events.append(adopt(call, input_.pbx, at))
    elif call.place in (Place.HOLD, Place.FALLBACK, Place.TALK):
        here(contact, call.call, call.channel, into)
    told = queue_or_default(floor, call.queue or (contact.queue if contact else None))
    queue = queue_or_default(floor, queue_by_key(contact, call, still_there(contact, told)))
    queued_at = contact.queued_at if contact is not None else None
    if queued_at is None:
        queued_at = min(call.queued_at, at) if call.queued_at is not None else None
    began = at if queued_at is None else queued_at
    needs = carried_needs(call, contact, into)
    waits = queued(call.contact, queue, began, at, plan=floor.queues.get(queue), known=contact, needs=needs)
    match call.place:
        case Place.HOLD:
            _in_the_hold(floor, contact, call, waits, at, into)
        case Place.FALLBACK:
            if contact is None or contact.state is not ContactState.FALLBACK:
                into.events.append(ev.ContactFellBack(contact=call.contact, queue=queue, queued_at=began))
            into.commands.append(ReturnToHold(pbx=input_.pbx, contact=call.contact, channel=call.channel))
        case Place.OFFER | Place.TALK | Place.DIVERTED:
            news = _found_elsewhere(floor, contact, call, queue, queued_at, input_, engaged, at)
            if news and (contact is None or contact.state is ContactState.MENU) and queued_at is not None:
                into.events.append(waits)
            into.events += news
        case Place.MENU:
            if contact is not None:
                found_elsewhere(contact, call, into)
        case Place.ELSEWHERE:
            pass


def _free(engaged: dict[AgentId, ContactId], agents: Iterable[AgentId]) -> None:
    for agent in agents:
        engaged.pop(agent, None)


def _in_the_hold(
    floor: LiveFloor,
    contact: Contact | None,
    call: CallSeen,
    waits: ev.ContactQueued,
    at: Instant,
    into: Decision,
) -> None:
    diverted = contact is not None and contact.state is ContactState.DIVERTED
    if contact is not None and diverted and not key_number(contact.diversion) and call.diversion != contact.diversion:
        repeat(floor, contact, into)
        return
    if contact is not None and back_in_hold(floor, contact, call, waits.queue, at, into):
        return
    if contact is not None and diverted:
        failed(contact, DiversionFailure.UNSEEN, into)
    if contact is None or contact.queued_at is None or contact.queue != waits.queue:
        into.events.append(waits)
    elif not contact.held or contact.callback is not None:
        into.events.append(ev.ContactHeld(contact=contact.id))
    elif contact.hears is not None and contact.hears.saying is not None and contact.hears.saying == call.announced:
        into.events.append(
            ev.AnnouncementEnded(contact=contact.id, announcement=call.announced, end=AnnouncementEnd.HEARD)
        )


def _found_diverted(contact: Contact | None, queue: QueueId, call: CallSeen) -> ev.Event | None:
    if not isinstance(call.diverted_to, Outside) or (contact is not None and contact.state is ContactState.DIVERTED):
        return None
    if contact is not None and contact.callback is not None:
        # Hears thanks, and hangs up.
        return None
    return ev.ContactDiverted(
        contact=call.contact,
        queue=queue,
        to=call.diverted_to,
        why=DiversionReason.KEY if contact is None and key_number(call.diversion) else DiversionReason.FOUND,
        step=contact.step if contact is not None else 0,
        diversion=call.diversion,
    )


def _found_elsewhere(
    floor: LiveFloor,
    contact: Contact | None,
    call: CallSeen,
    queue: QueueId,
    queued_at: Instant | None,
    input_: PbxCompared,
    engaged: dict[AgentId, ContactId],
    at: Instant,
) -> list[ev.Event]:
    """The news of a caller at an agent, or sent out of all queues."""
    if call.place is Place.DIVERTED:
        found = Decision()
        if contact is not None:
            found_elsewhere(contact, call, found)
        news = _found_diverted(contact, queue, call) if not found.events else None
        return found.events if news is None else [news]
    together = contact is not None and engaged.get(contact.agent or AgentId("")) == contact.id
    agent = _who_is_found(floor, contact, call, input_, engaged)
    if agent is None:
        return []
    found = Decision()
    if contact is not None and together:
        end_legs(contact, agent.id, OfferOutcome.ANSWERED_ELSEWHERE, 0, found)
        _free(engaged, contact.legs)
    engaged[agent.id] = call.contact
    found.events.append(_found_with(contact, agent, call, queued_at, at))
    if call.place is Place.OFFER:
        found.events.extend(_found_legs(floor, call, input_, engaged))
    return found.events


def _who_is_found(
    floor: LiveFloor,
    contact: Contact | None,
    call: CallSeen,
    input_: PbxCompared,
    engaged: dict[AgentId, ContactId],
) -> Agent | None:
    """The agent with whom the caller rings or talks, when that is news."""
    if call.place is Place.OFFER and call.offer is None:
        return None
    if contact is not None and contact.agent is not None and engaged.get(contact.agent) == contact.id:
        # Still together. Whom it rings at is asked of the offer: the handset may be somebody else's by now.
        answered = contact.state is ContactState.OFFERED and call.place is Place.TALK
        return leg_at(floor, contact, call.endpoint or "") if answered else None
    for endpoint in call.endpoints or (call.endpoint or "",):
        agent = floor.seats.by_endpoint.get((input_.pbx, endpoint))
        if agent is not None and agent.id not in engaged:
            return agent
    return None


def _found_legs(
    floor: LiveFloor, call: CallSeen, input_: PbxCompared, engaged: dict[AgentId, ContactId]
) -> Iterator[ev.Event]:
    """Whom the offer that was found rings beside the agent whom it names."""
    for endpoint in call.endpoints:
        agent = floor.seats.by_endpoint.get((input_.pbx, endpoint))
        if agent is not None and agent.id not in engaged and call.offer is not None:
            engaged[agent.id] = call.contact
            yield ev.LegOffered(contact=call.contact, agent=agent.id, offer=call.offer)


def _found_with(
    contact: Contact | None, agent: Agent, call: CallSeen, queued_at: Instant | None, at: Instant
) -> ev.Event:
    if call.place is Place.OFFER and call.offer is not None:
        return ev.ContactOffered(contact=call.contact, agent=agent.id, offer=call.offer)
    # A caller whom an agent transferred still carries the offer that led to that agent.
    offer = call.offer if contact is None or contact.offer == call.offer else None
    return ev.ContactConnected(
        contact=call.contact,
        agent=agent.id,
        offer=offer,
        waited_s=since(queued_at, at) if contact is None or contact.connected_at is None else None,
        seen_late=True,
    )
