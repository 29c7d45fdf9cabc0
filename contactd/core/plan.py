"""What the configuration tells the floor: queues and agents, without secrets or personal values."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contactd.core.announcements import Announcements
from contactd.core.destination import Destination
from contactd.core.dialling import DialRules
from contactd.core.ids import AgentId, CalendarId, GroupId, PbxId, QueueId, SkillId

WHOLE = 100
"""All of an agent: what weights add up to at most."""

Skills = dict[SkillId, int]
"""Skill -> level, 1 to 10: what an agent has, or the least that a contact needs."""


class Medium(StrEnum):
    """What a contact is carried by."""

    VOICE = "voice"
    TTY = "tty"
    MAIL = "mail"
    CHAT = "chat"
    SMS = "sms"
    SOCIAL = "social"


class MediumLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What contacts of one medium take of an agent."""

    most: int = 1
    """At once, those in wrap-up included."""
    weight: int = WHOLE
    """What each takes of the agent."""
    interrupts: tuple[Medium, ...] = ()
    """Contacts of these and their wrap-ups stand in no way: the work is parked while one of this medium is at hand."""


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent can do at once: core/agent.py says how it is counted."""

    media: dict[Medium, MediumLoad]
    """Of other media the agent is offered nothing."""
    own_calls_take_all: bool = False
    """While the handset is in use for a call that is no contact's, nothing of any medium is offered; else such a call
    takes what a contact of voice does."""


VOICE_ONLY = Capacity(media={Medium.VOICE: MediumLoad()})


class Strategy(StrEnum):
    """Which of the agents who may be offered a contact gets it; routing/strategies.py has one function for each."""

    LONGEST_IDLE = "longest_idle"
    FEWEST_CONTACTS = "fewest_contacts"
    BEST_SKILL = "best_skill"
    ROUND_ROBIN = "round_robin"
    WEIGHTED_RANDOM = "weighted_random"
    RING_ALL = "ring_all"
    """Several handsets ring at once, and who answers first has the call (ring_all.py)."""


class RoutingStep(msgspec.Struct, frozen=True, kw_only=True):
    """From after_s on, until the next step: what it does not name is as the queue says."""

    after_s: int
    """Seconds since the contact began to wait."""
    skills: Skills | None = None
    """In place of the queue's; what the contact itself needs stays."""
    lower_by: int = 0
    """All levels, the queue's and the contact's own, are lowered by this; a skill below level 1 is not needed."""
    only_groups: tuple[GroupId, ...] = ()
    also_groups: tuple[GroupId, ...] = ()
    strategy: Strategy | None = None
    boost_s: int = 0
    """More than the queue's own."""
    go: Destination | None = None
    """Whoever still waits goes there. The rest of the step is for who comes back, since that failed."""


class AtClosing(StrEnum):
    """What becomes of those who wait when a queue closes."""

    SERVE = "serve"
    SEND = "send"


class RecordRule(StrEnum):
    """Whether a queue's talks are recorded, and what the customer's answer about it means."""

    NO = "no"
    AGREED = "agreed"
    """Only of who has agreed."""
    NOT_REFUSED = "not_refused"
    """Of everybody but who has refused."""
    ALWAYS = "always"
    """Whatever the customer said: where the law demands it."""


class CallbackFirst(StrEnum):
    """Who is on the line first when somebody is called back."""

    AGENT = "agent"
    """An agent is offered the contact in its turn, and waits while the customer's telephone rings."""
    CUSTOMER = "customer"
    """The customer, shortly before the turn comes, who then waits in the queue, at its head."""


class CallbackPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a queue calls back."""

    first: CallbackFirst = CallbackFirst.AGENT
    ring_s: int = 30
    """How long the customer's telephone rings."""
    tries: int = 3
    retry_s: int = 900
    """Between two of them."""
    expires_s: int = 14400
    """After which nobody is called any more."""


class QueuePlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a queue's contacts are offered."""

    id: QueueId
    ring_s: int = 20
    """How long a handset rings before the offer counts as RONA."""
    wrap_up_s: int = 30
    """After-contact work; 0 makes the agent available at once."""
    wrap_up_extend_s: int = 0
    """By how much an agent may extend it, once; 0: not at all."""
    strategy: Strategy = Strategy.LONGEST_IDLE
    skills: Skills = {}
    """What an agent must have to be offered a contact of this queue."""
    preferred_skills: tuple[SkillId, ...] = ()
    """Nobody must have them; best_skill counts their levels."""
    only_groups: tuple[GroupId, ...] = ()
    """Of those who serve the queue, only agents of these groups; empty: everyone who serves it."""
    also_groups: tuple[GroupId, ...] = ()
    """Agents of these groups as well, though they do not serve the queue."""
    boost_s: int = 0
    """A contact is ranked as if it had begun to wait so much earlier."""
    sticky_s: int = 0
    """A contact that prefers an agent waits for that one alone for so long."""
    steps: tuple[RoutingStep, ...] = ()
    """By after_s, rising."""
    max_waiting: int | None = None
    """When so many are in line, whoever comes next goes to full."""
    max_estimated_wait_s: int | None = None
    """When the median of a newcomer's estimated wait is longer, the newcomer goes to full."""
    full: Destination | None = None
    unstaffed: Destination | None = None
    """Where who comes goes while nobody is signed in who serves the queue."""
    unstaffed_grace_s: int | None = None
    """How long after the last sign-out those go there who wait already; None: they stay."""
    calendar: CalendarId | None = None
    """None: always open, but for a supervisor."""
    at_closing: AtClosing = AtClosing.SERVE
    closed: Destination | None = None
    """Where who comes goes while the queue is closed."""
    closed_by_hand: Destination | None = None
    """The same, while a supervisor has closed it; None: as closed."""
    ring_back_s: int = 60
    """Who is cut off and rings back within it gets the old place; 0: a new one."""
    ring_all_most: int = 8
    """How many handsets ring at once by ring_all."""
    ring_all_not_ready: bool = False
    """Whether who lets a call ring to its end that rang by ring_all is not ready afterwards."""
    expected_talk_s: int = 180
    """How long a talk takes, until the floor has learnt it."""
    record: RecordRule = RecordRule.NO
    record_announcement: str = ""
    """What callers hear before their first talk that is recorded; empty: nothing."""
    announcements: Announcements | None = None
    """None: nothing is ever said to who waits."""
    callback: CallbackPlan | None = None
    """None: as CallbackPlan() has it."""

    def closes(self) -> bool:
        """Whether it says where callers go while it is closed."""
        return self.closed is not None or self.closed_by_hand is not None

    def sends_who_waits(self) -> bool:
        """Whether a contact that waits may be sent elsewhere."""
        if self.unstaffed is not None and self.unstaffed_grace_s is not None:
            return True
        return self.closes() or any(step.go is not None for step in self.steps)

    def refuses(self) -> bool:
        """Whether a contact that comes may be sent elsewhere."""
        return self.closes() or self.unstaffed is not None or self.full is not None


class AgentProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Who may be offered what, and on which handset."""

    id: AgentId
    pbx: PbxId
    endpoint: str
    """The PJSIP endpoint of the agent's own handset, ``1001`` for PJSIP/1001; empty: none, only desks."""
    queues: tuple[QueueId, ...]
    groups: tuple[GroupId, ...] = ()
    skills: Skills = {}
    weight: int = 1
    """The agent's share under weighted_random."""
    capacity: Capacity = VOICE_ONLY
    record: bool | None = None
    """None: as the queues say. False: never. True: also where a queue says no, but for callers who refused."""


class ReasonPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Why agents may say that they are not ready."""

    id: str
    paid: bool = False
    longest_s: int = 0
    """After which the supervisor is told; 0: never."""


class FloorPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the configuration that decisions read; sha256 names the whole of it."""

    sha256: str
    queues: tuple[QueuePlan, ...]
    agents: tuple[AgentProfile, ...]
    default_queue: QueueId
    """Where a caller waits whose choice is unknown: the menu broke off, or the dialplan names no queue."""
    calendars: tuple[CalendarId, ...] = ()
    """What turns them is outside; the floor is told, by CalendarTurned."""
    pin_tries: int = 3
    pin_lock_s: int = 300
    handset_tries: int = 6
    """Refused sign-ins at one handset, whoever's, before it is locked."""
    reasons: tuple[ReasonPlan, ...] = ()
    sign_out_unregistered_s: int = 0
    """How long a handset may be away until its agent is signed out; 0: for ever."""
    sign_out_inactive_s: int = 0
    """How long an agent may have neither a contact nor anything to say; 0: for ever."""
    dialling: DialRules = DialRules()
    """What may be dialled outside."""
