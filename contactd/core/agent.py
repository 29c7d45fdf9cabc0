"""An agent: the status they chose, the state the system sees, and the handset."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contactd.core.ids import AgentId, ContactId, Instant, OfferId, QueueId
from contactd.core.plan import AgentProfile, Skills


class Status(StrEnum):
    """The agent's own choice, or what a failed offer made of it."""

    SIGNED_OUT = "signed_out"
    READY = "ready"
    NOT_READY = "not_ready"


class AgentState(StrEnum):
    """What the agent is doing with contacts."""

    IDLE = "idle"
    OFFERED = "offered"
    BUSY = "busy"
    WRAP_UP = "wrap_up"


class Handset(StrEnum):
    """What the PBX says of the handset, whoever it talks to."""

    FREE = "free"
    RINGING = "ringing"
    IN_USE = "in_use"
    UNAVAILABLE = "unavailable"


_A = AgentState
TRANSITIONS: dict[AgentState, frozenset[AgentState]] = {
    _A.IDLE: frozenset({_A.OFFERED, _A.BUSY}),
    _A.OFFERED: frozenset({_A.IDLE, _A.BUSY}),
    _A.BUSY: frozenset({_A.WRAP_UP, _A.IDLE}),
    # A wrap-up may be cut short by a comparison that finds the agent in a talk.
    _A.WRAP_UP: frozenset({_A.IDLE, _A.BUSY, _A.OFFERED}),
}


class By(StrEnum):
    """Who chose a status. Empty in facts of an older contactd."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    SYSTEM = "system"


UNREGISTERED = "unregistered"
"""A reason that ends by itself: the handset comes back, the agent is ready again."""
SYSTEM_REASONS = frozenset({"rona", "declined", "busy", UNREGISTERED})
"""Why the system made an agent not ready; no reason of the configuration is called so."""
NO_REASON = "not_ready"
"""Of an agent who gave none."""
BUSY_AGAIN_S = (5.0, 15.0, 60.0)
"""How long a handset that answers busy is left alone: the first time, the second, and every other one.

The PBX thought that it was free. The agent may have picked it up to dial, the static queue may have rung it in the same
moment, or it may still be ending a call that the caller gave up just when the agent answered: none of these lasts.
"""


class Tries(msgspec.Struct, frozen=True, kw_only=True):
    """Sign-ins that failed at one handset, in a row but for pauses as long as a lock."""

    failures: int = 0
    last_at: Instant = 0.0
    locked_until: Instant | None = None


class Agent(msgspec.Struct, kw_only=True):
    """Changed by apply() only."""

    id: AgentId
    profile: AgentProfile
    status: Status = Status.SIGNED_OUT
    reason: str = ""
    """Why not ready; empty otherwise."""
    status_by: str = ""
    """Who chose the status (By)."""
    overdue: bool = False
    """Not ready for longer than the reason allows, and the supervisor was told."""
    state: AgentState = AgentState.IDLE
    since: Instant = 0.0
    """When state or status last changed."""
    idle_since: Instant = 0.0
    """The longest-idle rule's clock: when the last contact, wrap-up or absence ended."""
    handset: Handset = Handset.UNAVAILABLE
    handset_since: Instant = 0.0
    contact: ContactId | None = None
    offer: OfferId | None = None
    wrap_up_until: Instant | None = None
    wrap_up_extend_s: int = 0
    """By how much this wrap-up can be extended; 0: it was, or cannot be."""
    desk: str = ""
    """The endpoint of the handset where the agent is signed in; empty: the profile's own."""
    skills_set: Skills | None = None
    """A supervisor's, in place of the profile's; None: the profile's."""
    contacts: int = 0
    """Talks since the last sign-in."""
    served: QueueId | None = None
    """The queue of the last talk."""
    offered_seq: int = 0
    """The number of the last offer's event; 0 never."""
    pin_failures: int = 0
    locked_until: Instant | None = None
    ready_at: Instant | None = None
    """Not ready until then, and ready again by itself."""
    busy_offers: int = 0
    """How often in a row the handset answered busy."""

    @property
    def endpoint(self) -> str:
        """The handset that is rung; empty: none, of an agent who has none of their own and is signed out."""
        return self.desk or self.profile.endpoint

    @property
    def skills(self) -> Skills:
        """Those that count now."""
        return self.profile.skills if self.skills_set is None else self.skills_set

    def pending(self) -> bool:
        """Not ready or signed out, but in a contact or its wrap-up still: the choice takes effect after it."""
        return self.status is not Status.READY and self.state is not AgentState.IDLE

    def available(self) -> bool:
        """May be offered a contact now."""
        return self.status is Status.READY and self.state is AgentState.IDLE and self.handset is Handset.FREE
