"""An agent: the status they chose, the state the system sees, and the handset."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contactd.core.ids import AgentId, ContactId, Instant, OfferId, QueueId
from contactd.core.plan import WHOLE, AgentProfile, Medium, MediumLoad, Skills


class Status(StrEnum):
    """The agent's own choice, or what a failed offer made of it."""

    SIGNED_OUT = "signed_out"
    READY = "ready"
    NOT_READY = "not_ready"


class AgentState(StrEnum):
    """What the agent is doing with a contact, and foremost with all of them."""

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
SYSTEM_REASONS = frozenset({"rona", "declined", "busy", "not_accepted", UNREGISTERED})
"""Why the system made an agent not ready; no reason of the configuration is called so."""
REMOTE = "@"
"""Before the agent's id: the seat of who is called at a number outside. No endpoint begins so; the number is the
configuration's, and never on the floor."""
NO_REASON = "not_ready"
"""Of an agent who gave none."""
ALL_OF_IT = MediumLoad()
"""Of a medium that the configuration took from an agent who is at work on it."""
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


class Engagement(msgspec.Struct, kw_only=True, gc=False):
    """What an agent does with one contact. Changed by apply() only."""

    contact: ContactId
    medium: Medium = Medium.VOICE
    state: AgentState
    """Never IDLE."""
    since: Instant
    """When state changed last."""
    offer: OfferId | None = None
    """The one that rings, or that led to the talk."""
    queue: QueueId | None = None
    """The contact's; None of a test call, from which nothing is learnt."""
    until: Instant | None = None
    """The end of the wrap-up; of an offer that no PBX carries, when it counts as not answered."""
    extend_s: int = 0
    """By how much the wrap-up can be extended."""
    parked: bool = False
    """Interrupted: see Agent.interrupted."""


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
    """What the agent does foremost: see settle()."""
    since: Instant = 0.0
    """When state or status last changed."""
    idle_since: Instant = 0.0
    """The longest-idle rule's clock: when the last contact, wrap-up or absence ended, whatever else goes on."""
    handset: Handset = Handset.UNAVAILABLE
    handset_since: Instant = 0.0
    contact: ContactId | None = None
    """Whom the agent is foremost offered or talks with."""
    offer: OfferId | None = None
    """The one that led to contact."""
    wrap_up_until: Instant | None = None
    """Of the wrap-up that is foremost."""
    wrap_up_extend_s: int = 0
    """By how much it can be extended; 0: it was, or cannot be."""
    desk: str = ""
    """The endpoint of the handset where the agent is signed in; empty: the profile's own."""
    engagements: list[Engagement] = []
    """In the order in which they began. A contact is offered to or talks with one agent at most; a wrap-up is the
    agent's own time, whatever becomes of the contact."""
    skills_set: Skills | None = None
    """A supervisor's, in place of the profile's; None: the profile's."""
    contacts: int = 0
    """Talks since the last sign-in."""
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
    def remote(self) -> bool:
        """Called at a number outside, which has no state of a handset."""
        return self.endpoint.startswith(REMOTE)

    @property
    def skills(self) -> Skills:
        """Those that count now."""
        return self.profile.skills if self.skills_set is None else self.skills_set

    def pending(self) -> bool:
        """Not ready or signed out, but in a contact or its wrap-up still: the choice takes effect after it."""
        return self.status is not Status.READY and self.state is not AgentState.IDLE

    def available(self, medium: Medium = Medium.VOICE) -> bool:
        """May be offered a contact of medium now."""
        if self.status is not _READY or (medium is _VOICE and self.handset is not _FREE):
            return False
        return self.has_room(medium)

    def has_room(self, medium: Medium) -> bool:
        """Whether one more contact of medium fits: nothing is being offered, nothing goes on that would park it, there
        are fewer than the most of it, and all weights together, without what medium may interrupt, stay within the
        whole agent.

        What is parked counts as if it was not, but for what may interrupt it: it finds its room again at any time.
        """
        capacity = self.profile.capacity
        asked = capacity.media.get(medium)
        if asked is None:
            return False
        if not self.engagements and medium is _VOICE:
            return True
        left, most = WHOLE - asked.weight, asked.most
        for engagement in self.engagements:
            if engagement.state is _OFFERED:
                return False
            if engagement.medium is medium:
                most -= 1
            load = capacity.media.get(engagement.medium, ALL_OF_IT)
            if medium in load.interrupts:
                return False
            if engagement.medium not in asked.interrupts:
                left -= load.weight
        if medium is not _VOICE and self.in_own_call():
            if capacity.own_calls_take_all:
                return False
            left -= capacity.media.get(Medium.VOICE, ALL_OF_IT).weight
        return left >= 0 and most > 0

    @property
    def load(self) -> int:
        """What all contacts and wrap-ups take together."""
        media = self.profile.capacity.media
        return sum(media.get(engagement.medium, ALL_OF_IT).weight for engagement in self.engagements)

    def in_own_call(self) -> bool:
        """The handset is in use, and not for a contact."""
        return self.handset is Handset.IN_USE and self.on_voice() is None

    def on_voice(self) -> Engagement | None:
        """The call that rings or is talked in: an agent has one handset."""
        for engagement in self.engagements:
            if engagement.medium is Medium.VOICE and engagement.state is not _WRAP_UP:
                return engagement
        return None

    def at_phone(self) -> bool:
        """In a call, or in the wrap-up after it."""
        return any(engagement.medium is Medium.VOICE for engagement in self.engagements)

    def engaged_with(self, contact: ContactId) -> Engagement | None:
        """The offer or the talk; a wrap-up is not with the contact any more."""
        for engagement in self.engagements:
            if engagement.contact == contact and engagement.state is not _WRAP_UP:
                return engagement
        return None

    def wrap_ups(self, contact: ContactId | None = None) -> list[Engagement]:
        """All of them, or the one after contact."""
        return [
            engagement
            for engagement in self.engagements
            if engagement.state is _WRAP_UP and contact in (None, engagement.contact)
        ]

    def wrap_up_ends(self) -> Instant | None:
        """When the first of the agent's wrap-ups does."""
        if len(self.engagements) < 2:
            return self.wrap_up_until
        return min((e.until for e in self.engagements if e.state is _WRAP_UP and e.until is not None), default=None)

    def interrupted(self, engagement: Engagement) -> bool:
        """Whether it stands still for another one: a talk, or the wrap-up after it, of a medium that may interrupt."""
        media = self.profile.capacity.media
        return engagement.state is _BUSY and any(
            other.state is not _OFFERED and engagement.medium in media.get(other.medium, ALL_OF_IT).interrupts
            for other in self.engagements
        )

    def lift(self) -> None:
        """From a snapshot of before agents could do several things at once, which says one thing of each."""
        if self.state is _IDLE or self.engagements:
            return
        self.engagements = [
            Engagement(
                contact=self.contact or ContactId(""),
                state=self.state,
                since=self.since,
                offer=self.offer,
                until=self.wrap_up_until,
            )
        ]

    def settle(self, at: Instant) -> None:
        """Say anew what the agent does foremost: work before wrap-up before what rings, and of two the later one."""
        has = self.engagements
        # Most agents have one or none, at every turn.
        first = max(reversed(has), key=_weighty) if len(has) > 1 else has[0] if has else None
        state = _IDLE if first is None else first.state
        if state is not self.state:
            self.state = state
            self.since = at
        talks = first is not None and state is not _WRAP_UP
        self.contact = first.contact if first is not None and talks else None
        self.offer = first.offer if first is not None and talks else None
        wraps_up = first is not None and state is _WRAP_UP
        self.wrap_up_until = first.until if first is not None and wraps_up else None
        self.wrap_up_extend_s = first.extend_s if first is not None and wraps_up else 0


_IDLE, _OFFERED, _BUSY, _WRAP_UP = AgentState
_READY, _FREE, _VOICE = Status.READY, Handset.FREE, Medium.VOICE
"""Asked for at every turn; a member of an enum takes longer to find than all else here."""
_RANK = {_OFFERED: 1, _WRAP_UP: 2, _BUSY: 3}


def _weighty(engagement: Engagement) -> tuple[int, Instant]:
    return (0 if engagement.parked else _RANK[engagement.state], engagement.since)
