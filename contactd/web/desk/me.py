"""An agent's own view, whole: computed from the floor and small, so that it is sent again rather than merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from contactd.config import Settings
from contactd.core.agent import Agent, AgentState, Engagement, Handset
from contactd.core.contact import Contact, KnownBy
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, ContactId, Instant
from contactd.core.plan import Medium
from contactd.core.recording import recorded
from contactd.web.desk.shapes import (
    AgentView,
    ContactView,
    CustomerView,
    Disposition,
    HandsetView,
    Me,
    ReasonView,
    Why,
)

_WORDS_OF_RECORDING = {None: "off", False: "on", True: "paused"}
Can = Callable[[Agent, Engagement, Contact | None], list[str]]


class Known(Protocol):
    """What is known of a contact beside the floor, once it was read through the audit."""

    def number(self, contact: ContactId) -> str | None: ...

    def name(self, contact: ContactId) -> str | None: ...

    def chosen(self, contact: ContactId) -> str:
        """What the caller keyed; empty: nothing, or contactd was started since."""
        ...

    def disposition(self, contact: ContactId) -> str | None: ...


def me_view(
    floor: LiveFloor, settings: Settings, now: Instant, agent_id: AgentId | None, person: str, known: Known, can: Can
) -> Me:
    """agent_id: of a user who is no agent None, and one who is not in the configuration (any more) likewise."""
    agent = floor.agents.get(agent_id) if agent_id is not None else None
    if agent is None:
        return Me(
            epoch=floor.epoch, seq=floor.seq, now=now, agent=None, reasons=[], handsets=[], contacts=[], dispositions={}
        )
    contacts = [_contact(floor, settings, agent, one, known, can) for one in agent.engagements if one.contact]
    return Me(
        epoch=floor.epoch,
        seq=floor.seq,
        now=now,
        agent=_agent(settings, agent, person),
        reasons=[
            ReasonView(id=name, label=reason.label or name, longest_s=reason.longest_s)
            for name, reason in settings.why_not_ready.items()
            if reason.digits is not None
        ],
        handsets=_handsets(settings, agent),
        contacts=contacts,
        dispositions=_dispositions(settings, {one.queue for one in contacts if one.queue is not None}),
    )


def _agent(settings: Settings, agent: Agent, person: str) -> AgentView:
    reason = settings.why_not_ready.get(agent.reason)
    return AgentView(
        id=agent.id,
        name=person or agent.id,
        status=agent.status,
        reason=agent.reason,
        reason_label=(reason.label if reason else "") or agent.reason,
        since=agent.since or None,
        pending=agent.pending(),
        state=agent.state,
        handset="" if agent.remote else agent.endpoint,
        handset_state=Handset.FREE if agent.remote else agent.handset,
        handset_own=not agent.desk,
        wrap_up_until=agent.wrap_up_until,
        overdue=agent.overdue,
    )


def _handsets(settings: Settings, agent: Agent) -> list[HandsetView]:
    """Those that can be named: of a pattern of shared ones, the page lets one be typed."""
    own = [agent.profile.endpoint] if agent.profile.endpoint and not agent.remote else []
    shared = [name for name in settings.handsets.shared if not set(name) & {"*", "?"} and name not in own]
    here = [agent.desk] if agent.desk and agent.desk not in shared else []
    return [HandsetView(id=name, own=name in own) for name in (*own, *here, *shared)]


def _dispositions(settings: Settings, queues: set[str]) -> dict[str, list[Disposition]]:
    return {
        queue: [
            Disposition(id=name, label=one.label or name)
            for name, one in settings.dispositions.items()
            if not one.queues or queue in one.queues
        ]
        for queue in sorted(queues)
    }


def _contact(
    floor: LiveFloor, settings: Settings, agent: Agent, engagement: Engagement, known: Known, can: Can
) -> ContactView:
    contact = floor.contacts.get(engagement.contact)
    queue = engagement.queue or (contact.queue if contact is not None else None)
    section = settings.queues.get(queue) if queue is not None else None
    wraps_up = engagement.state is AgentState.WRAP_UP
    recorder = None if wraps_up else recorded(contact)
    return ContactView(
        id=engagement.contact,
        medium=engagement.medium,
        state=engagement.state,
        queue=queue,
        queue_name=(section.label if section else "") or queue or "",
        since=engagement.since,
        waited_s=_waited(contact, engagement),
        why=_why(contact, agent, section.strategy if section else "", known),
        customer=_customer(contact, engagement.contact, known),
        number=known.number(engagement.contact),
        recording=_WORDS_OF_RECORDING[recorder.paused if recorder is not None else None],
        text=contact is not None and contact.text is not None,
        callback=contact is not None and contact.callback is not None,
        test=contact is not None and contact.test,
        wrap_up_until=engagement.until if wraps_up else None,
        disposition=known.disposition(engagement.contact),
        can=can(agent, engagement, contact),
    )


def _waited(contact: Contact | None, engagement: Engagement) -> float | None:
    """Until it was offered, or answered: a number that stands still."""
    if contact is None or contact.queued_at is None:
        return None
    until = contact.connected_at if engagement.state is not AgentState.OFFERED else engagement.since
    return round(max(0.0, (until or engagement.since) - contact.queued_at), 1)


def _why(contact: Contact | None, agent: Agent, strategy: str, known: Known) -> Why:
    needs = contact.needs if contact is not None else None
    return Why(
        skills={str(skill): level for skill, level in needs.skills.items()} if needs is not None else {},
        strategy=strategy,
        preferred=needs is not None and needs.preferred_agent == agent.id,
        chosen=known.chosen(contact.id) if contact is not None else "",
        dialled=contact.dnis if contact is not None else "",
    )


def _customer(contact: Contact | None, contact_id: ContactId, known: Known) -> CustomerView | None:
    record = contact.known if contact is not None else None
    name = known.name(contact_id)
    if contact is None or record is None:
        # Nobody in the books; but the PBX may have told a name.
        none = CustomerView(id=None, name=name, matches=0, vip=False, language=None, verified="")
        return none if name is not None else None
    return CustomerView(
        id=record.party,
        name=name,
        matches=record.matches if record.by is KnownBy.NUMBER else 1,
        vip=record.vip,
        language=record.language,
        verified=contact.verified,
    )


def basic_verbs(agent: Agent, engagement: Engagement, contact: Contact | None) -> list[str]:
    """What would be done if it was asked for now."""
    if engagement.state is AgentState.WRAP_UP:
        return ["wrap_up", *(["extend"] if engagement.extend_s else [])]
    if contact is None:
        return []
    found = []
    if engagement.state is AgentState.OFFERED and not contact.legs:
        found.append("decline")
    recorder = recorded(contact)
    if engagement.state is AgentState.BUSY and recorder is not None and engagement.medium is Medium.VOICE:
        found.append("resume_recording" if recorder.paused else "pause_recording")
    return found
