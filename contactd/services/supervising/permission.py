"""Who may be at whose talk, in which mode: the configuration's word, and the talk as it is. A refusal is a stable code.

It is asked when a listening begins and whenever contactctl turns one; the supervisor's own keys are bounded by what
keys() gave when it began.
"""

from __future__ import annotations

from collections.abc import Iterator

from contactd.config import Settings
from contactd.config.sections import Supervisor
from contactd.core.agent import AgentState, Status
from contactd.core.contact import Contact
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId

KEYS = {"listen": "4", "whisper": "5", "barge": "6", "take_over": "7"}
"""What a supervisor presses during a listening, by mode."""

CODES = {"listen": "*31", "whisper": "*32", "barge": "*33", "take_over": "*34"}
"""What a supervisor dials, by mode; [contactd-codes] has them."""

REFUSALS = {
    "no_supervisor": "{supervisor} is no supervisor: give [agents.{supervisor}] a supervisor of [supervisors.<id>].",
    "signed_out": "{supervisor} is not signed in.",
    "talking": "{supervisor} has a contact of their own.",
    "oneself": "Nobody listens to themselves.",
    "no_talk": "{agent} has no talk.",
    "queue": "{supervisor} is no supervisor of the contact's queue.",
    "group": "{supervisor} is no supervisor of {agent}'s groups.",
    "mode": "{supervisor} may not do that: see modes of the supervisor's section.",
    "never": "{agent} is never listened to (listened_to = false).",
    "queue_never": "The talks of this queue are not listened to (listen of the queue).",
    "not_announced": "The caller has not heard that talks are listened to.",
    "paused": "The recording is paused for something that nobody is to hear: try again in a moment.",
}


def why_not(settings: Settings, floor: LiveFloor, supervisor: AgentId, agent: AgentId, mode: str) -> str:
    """A key of REFUSALS; empty when supervisor may. mode: a key of KEYS."""
    role = _role(settings, supervisor)
    if role is None:
        return "no_supervisor"
    return next(_reasons(settings, floor, supervisor, agent, role, mode), "")


def _reasons(
    settings: Settings, floor: LiveFloor, supervisor: AgentId, agent: AgentId, role: Supervisor, mode: str
) -> Iterator[str]:
    """Why not, one after the other; what follows stands on there being none before."""
    sits, contact, heard = floor.agents.get(supervisor), talk_of(floor, agent), settings.agents.get(agent)
    if sits is None or sits.status is Status.SIGNED_OUT:
        yield "signed_out"
    elif sits.on_voice() is not None:
        yield "talking"
    if supervisor == agent:
        yield "oneself"
    if mode not in role.modes:
        yield "mode"
    if contact is None or heard is None:
        yield "no_talk"
        return
    if not heard.listened_to:
        yield "never"
    if role.groups and not set(role.groups) & set(heard.groups):
        yield "group"
    if role.queues and contact.queue not in role.queues:
        yield "queue"
    queue = settings.queues.get(contact.queue) if contact.queue is not None else None
    if queue is not None and queue.listen == "no":
        yield "queue_never"
    if queue is not None and queue.listen == "announced" and not contact.announced:
        yield "not_announced"
    if contact.recorder is not None and contact.recorder.paused:
        yield "paused"


def keys(settings: Settings, supervisor: AgentId) -> str:
    """Those that turn this supervisor's listening."""
    role = _role(settings, supervisor)
    return "".join(key for mode, key in KEYS.items() if role is not None and mode in role.modes)


def _role(settings: Settings, supervisor: AgentId) -> Supervisor | None:
    section = settings.agents.get(supervisor)
    kind = section.supervisor if section is not None else None
    return settings.supervisors.get(kind) if kind is not None else None


def talk_of(floor: LiveFloor, agent: AgentId) -> Contact | None:
    """The call in which the agent talks."""
    known = floor.agents.get(agent)
    call = known.on_voice() if known is not None else None
    return floor.contacts.get(call.contact) if call is not None and call.state is AgentState.BUSY else None
