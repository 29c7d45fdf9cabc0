"""Queues, the steps of their plans, and where callers go instead of waiting."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.config.sections import words
from contactd.config.sections.announcements import MusicClass, PositionTimes, QueueMessage, WaitTimes


class DestinationTable(Struct, frozen=True, kw_only=True):
    """Where a caller goes instead of waiting for an agent. Exactly one of these."""

    queue: words.Queue | None = None
    """Another queue. The caller waits there with the wait so far, by that queue's plan."""
    voicemail: words.Box | None = None
    """A box of the PBX's app_voicemail."""
    mailbox: words.Queue | None = None
    """A message for the people of this queue, which contactd keeps (docs/voicemail.rst)."""
    external: words.External | None = None
    """A number outside, one of ``external_numbers``; the PBX's own list must have it too."""
    message: words.Message | None = None
    """A sound, and the call ends."""
    callback: Annotated[bool, Meta(description="true")] | None = None
    """The caller is asked for a number, hangs up, and is called back at the place in line (docs/callback.rst)."""
    hang_up: Annotated[Literal["busy", "congestion"], Meta(description='"busy" or "congestion"')] | None = None
    """The call ends with this tone."""


class KeyTable(DestinationTable, frozen=True, kw_only=True):
    """What a key does for who waits (docs/voice.rst); nobody loses the place by it. Exactly one of these."""

    message: words.Message | None = None
    """A sound; after it the wait goes on."""
    menu: bool | None = None
    """``true``: back to what the caller met first on the line."""


_Destination = (
    Annotated[
        DestinationTable,
        Meta(
            description='a destination: { queue = "<id>" }, { voicemail = "100" }, { mailbox = "<id>" }, '
            '{ external = "030123456" }, { message = "custom/closed" } or { hang_up = "busy" }',
            examples=[{"voicemail": "100"}],
        ),
    ]
    | None
)


_KeyWay = Annotated[
    KeyTable,
    Meta(
        description="a destination as above, whose message does not end the call, or { menu = true }: back to what the"
        " caller met first on the line",
        examples=[{"voicemail": "100"}],
    ),
]


class QueueStep(Struct, frozen=True, kw_only=True):
    """How the queue routes a contact that has waited for so many seconds, until the next step begins. What is left out
    is as the queue says, but for the groups: a step without them has none."""

    strategy: words.Strategy | None = None
    """In place of the queue's."""
    boost_s: words.Boost = 0
    """On top of the queue's."""
    lower_by: Annotated[int, Meta(ge=0, le=10, description="levels, 0 to 10")] = 0
    """All levels that are asked for, the queue's and the contact's own, count so much lower; what falls below 1 is not
    asked for."""
    only_groups: tuple[words.Group, ...] = ()
    """Of the agents who serve the queue, only those of these groups. Empty: all of them."""
    also_groups: tuple[words.Group, ...] = ()
    """Agents of these groups as well, though they do not serve the queue."""
    go: _Destination = None
    """Instead of another rule: whoever still waits goes there. Alone in its step."""
    skills: dict[words.Skill, words.Level] | None = None
    """Skill = the least level, in place of the queue's. ``{}``: none."""


class Queue(Struct, frozen=True, kw_only=True):
    """One section for each queue, at least one. The name is its id, as reports and the dialplan use it."""

    ring_s: Annotated[int, Meta(ge=5, le=120, description="seconds, 5 to 120")] = 20
    """How long a handset rings before the offer counts as not answered."""
    wrap_up_s: Annotated[int, Meta(ge=0, le=3600, description="seconds, 0 to 3600")] = 30
    """After-contact work; 0: ready at once."""
    wrap_up_extend_s: Annotated[int, Meta(ge=0, le=3600, description="seconds, 0 to 3600")] = 60
    """By how much an agent may extend the wrap-up, once; 0: not at all."""
    label: words.Label = ""
    """The name for people. Empty: the id."""
    ring_back_s: Annotated[int, Meta(ge=0, le=600, description="seconds, 0 to 600")] = 60
    """Who was cut off while waiting, and rings back within this time, gets the old place in line. 0: a new one."""
    expected_talk_s: Annotated[int, Meta(ge=5, le=14400, description="seconds, 5 to 14400")] = 180
    """How long a talk takes. The estimated wait goes by it until contactd has learnt better from the first talks."""
    strategy: words.Strategy = "longest_idle"
    """Which of the agents who may be offered a contact gets it (docs/routing.rst)."""
    ring_all_most: Annotated[int, Meta(ge=2, le=12, description="handsets, 2 to 12")] = 8
    """How many ring at once under ``ring_all``."""
    ring_all_not_ready: bool = False
    """Whether who lets a call ring to its end under ``ring_all`` is not ready afterwards, as after any other call that
    was not answered. Who declines always is."""
    boost_s: words.Boost = 0
    """The queue's contacts go before those of other queues that have waited for up to so much longer."""
    sticky_s: Annotated[int, Meta(ge=0, le=3600, description="seconds, 0 to 3600")] = 0
    """How long a contact that prefers an agent waits for that one alone."""
    preferred_skills: tuple[words.Skill, ...] = ()
    """Nobody must have them; ``best_skill`` counts their levels too."""
    only_groups: tuple[words.Group, ...] = ()
    """Of the agents who serve the queue, at first only those of these groups. Empty: all of them."""
    also_groups: tuple[words.Group, ...] = ()
    """Agents of these groups as well, though they do not serve the queue."""
    max_waiting: Annotated[int, Meta(ge=1, le=100000, description="a number of contacts, 1 to 100000")] | None = None
    """When so many wait or ring, whoever comes next goes to ``full``. Left out: no limit."""
    max_estimated_wait_s: Annotated[int, Meta(ge=1, le=86400, description="seconds, 1 to 86400")] | None = None
    """When whoever comes next would wait for longer, by the median of the estimate (docs/routing.rst), they go to
    ``full``. Left out: no limit."""
    full: _Destination = None
    """Where who comes goes while the queue is at one of its limits."""
    unstaffed: _Destination = None
    """Where who comes goes while nobody is signed in who serves the queue. Left out: they wait."""
    at_sign_out: Literal["send", "stay"] = "send"
    """What becomes of those who wait when the last agent signs out who serves the queue: they are sent where
    ``unstaffed`` says, or stay."""
    unstaffed_grace_s: Annotated[int, Meta(ge=0, le=86400, description="seconds, 0 to 86400")] = 60
    """After how long they are sent; who signs in meanwhile cancels it. 0: at once."""
    calendar: words.Calendar | None = None
    """When the queue is open. Left out: always."""
    closed: _Destination = None
    """Where who comes goes while the queue is closed. To be given with ``calendar``; and without, ``contactctl close``
    can close no queue."""
    closed_by_hand: _Destination = None
    """The same, while a supervisor has closed it (``contactctl close``). Left out: as ``closed``."""
    at_closing: Literal["serve", "send"] = "serve"
    """What becomes of those who wait when it closes: they are served, or sent where ``closed`` says."""
    record: Literal["no", "agreed", "not_refused", "always"] = "no"
    """Whether talks are recorded (docs/recording.rst). agreed: only of customers who agreed to it. not_refused: of all
    but those who refused. always: whatever the customer said, where the law demands it."""
    record_announcement: words.Sound | None = None
    """What callers hear before the first talk that is recorded. A caller who cannot hear it is not recorded."""
    record_days: words.Days | None = None
    """How long the queue's recordings are kept. Left out: ``keep_days`` of [recording]."""
    listen: Literal["no", "announced", "yes"] = "yes"
    """Whether supervisors may be at the queue's talks. announced: only where the caller has heard the
    ``record_announcement`` in this call, which should say so. Who may be there: docs/supervising.rst."""
    callback_first: Literal["agent", "customer"] = "agent"
    """Who is called first when a customer is called back. agent: in its turn an agent is offered it, and waits while
    the customer's telephone rings. customer: shortly before the turn comes, and whoever presses 1 waits at the head."""
    callback_ring_s: Annotated[int, Meta(ge=10, le=120, description="seconds, 10 to 120")] = 30
    """How long the customer's telephone rings."""
    callback_tries: Annotated[int, Meta(ge=1, le=10, description="a number of times, 1 to 10")] = 3
    """How often it is rung, at most."""
    callback_retry_s: Annotated[int, Meta(ge=10, le=86400, description="seconds, 10 to 86400")] = 900
    """From one time to the next, which costs no place."""
    callback_expires_s: Annotated[int, Meta(ge=60, le=604800, description="seconds, 60 to 604800")] = 14400
    """After which nobody is called any more."""
    music: MusicClass = ""
    """The music on hold of those who wait here. Empty: the PBX's own choice (CONTACTD_MOH)."""
    whisper: tuple[words.Sound, ...] = ()
    """What the agent hears after answering, before the caller is there, such as the queue's name (docs/voice.rst)."""
    whisper_wait: bool = False
    """Whether the agent then hears how long the caller has waited."""
    welcome: tuple[words.Sound, ...] = ()
    """What a caller hears who comes into the queue, once (docs/voice.rst). Empty: music at once."""
    announce_position: PositionTimes = None
    """When callers hear their position in line. Left out: never."""
    announce_wait: WaitTimes = None
    """When callers hear how long they will wait, as a range of minutes that never grows. Left out: never."""
    skills: dict[words.Skill, words.Level] = {}
    """Skill = the least level. Who lacks one is not offered the queue's contacts."""
    keys: dict[words.Key, _KeyWay] = {}
    """Key = where it leads whoever waits here; nobody loses the place by it (docs/voice.rst)."""
    steps: dict[words.After, QueueStep] = {}
    messages: dict[words.MessageId, QueueMessage] = {}
