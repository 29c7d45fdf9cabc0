"""Agents: their handsets, what they can do at once, their reasons, and how they sign in."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.config.sections import words

_Seconds = Annotated[int, Meta(ge=10, le=86400, description="seconds, 10 to 86400")]


class SignIn(Struct, frozen=True, kw_only=True):
    """How agents sign in at their handsets, and when they are signed out by themselves."""

    pin_tries: Annotated[int, Meta(ge=1, le=10, description="a number of tries, 1 to 10")] = 3
    """Wrong PINs before the agent is locked."""
    lock_s: _Seconds = 300
    """How long the lock holds."""
    handset_tries: Annotated[int, Meta(ge=1, le=100, description="a number of tries, 1 to 100")] = 6
    """Refused sign-ins at one handset, whoever's PIN was tried, before it is locked for ``lock_s``. A pause of
    ``lock_s`` forgets them; a sign-in that succeeds does not."""
    sign_out_unregistered_s: Annotated[int, Meta(ge=0, le=86400, description="seconds, 0 to 86400")] = 3600
    """An agent whose handset has not been registered for so long is signed out; 0: never. The time in which the PBX
    itself is away does not count."""
    sign_out_inactive_s: Annotated[int, Meta(ge=0, le=604800, description="seconds, 0 to 604800")] = 0
    """An agent who for so long has neither had a contact nor changed the status is signed out; 0: never."""
    not_ready_reasons: dict[words.Digits, words.Reason] = {}
    """The short form of ``[reasons.<id>]``: what an agent dials for a reason = the reason. With neither form 1 is break
    and 2 is training."""


class Handsets(Struct, frozen=True, kw_only=True):
    """The desks: handsets at which any agent may sign in, with the number and the PIN."""

    shared: tuple[words.EndpointPattern, ...] = ()
    """Their PJSIP endpoints; ``*`` stands for any letters and digits, ``?`` for one. What is an agent's own handset may
    be among them: the owner then presses only # for the number."""


class Reason(Struct, frozen=True, kw_only=True):
    """One section for each reason why an agent is not ready; the name is the reason as reports show it. ``rona``,
    ``declined``, ``busy``, ``not_accepted`` and ``unregistered`` are contactd's own words and cannot be used."""

    digits: words.Digits | None = None
    """What an agent dials after the code for not ready. Left out: only a supervisor can set it."""
    label: words.Label = ""
    """The name for people. Empty: the id."""
    paid: bool = False
    """Whether it counts as paid time; reports tell the two apart."""
    longest_s: Annotated[int, Meta(ge=0, le=86400, description="seconds, 0 to 86400")] = 0
    """How long it may last. After that the supervisor is told: by the log (agent_overdue), the metric
    contactd_agents_overdue and ``contactctl agents``. The agent stays as they are. 0: for ever."""


class ProfileMedium(Struct, frozen=True, kw_only=True):
    """What contacts of this medium take of an agent with the profile. A medium that has no section is not offered."""

    most: Annotated[int, Meta(ge=1, le=100, description="a number, 1 to 100")] = 1
    """How many at once, those in wrap-up included. Voice: 1."""
    weight: Annotated[int, Meta(ge=0, le=100, description="percent of the agent, 0 to 100")] = 100
    """What each takes of the agent, in percent. A contact is offered while all of them together stay within 100."""
    interrupts: tuple[words.Medium, ...] = ()
    """Work on contacts of these media does not stand in the way of one of this medium: it is parked while the agent
    talks, and goes on after the wrap-up."""


class Profile(Struct, frozen=True, kw_only=True):
    """One section for each kind of agents by what they can do at once (docs/routing.rst). The only medium as yet is
    voice; what is said of others counts from the day they are there."""

    own_calls: Literal["voice", "all"] = "voice"
    """What an agent's own call takes, the handset in use for no contact. voice: what a contact of voice would; all:
    nothing of any medium is offered meanwhile."""
    media: dict[words.Medium, ProfileMedium]


class Supervisor(Struct, frozen=True, kw_only=True):
    """One section for each kind of supervisor: whose talks they may be at (docs/supervising.rst). Who is one,
    ``supervisor`` of [agents.<id>] says; without such a section nobody listens to anybody."""

    queues: tuple[words.Queue, ...] = ()
    """Talks of contacts of these queues only. Empty: of all queues."""
    groups: tuple[words.Group, ...] = ()
    """Talks of agents of these groups only. Empty: of all agents."""
    modes: tuple[Literal["listen", "whisper", "barge", "take_over"], ...] = ("listen", "whisper", "barge", "take_over")
    """listen: nobody hears the supervisor. whisper: the agent does. barge: both do. take_over: the supervisor gets the
    caller, and the agent is out of it."""


class AgentSection(Struct, frozen=True, kw_only=True):
    """One section for each agent; each has a PIN in the secrets file. The name is the agent's id."""

    endpoint: words.Endpoint | None = None
    """The agent's own handset: 1001 for PJSIP/1001. Each is one agent's only. Left out: the agent has none, and signs
    in at a desk."""
    remote_number: Annotated[words.External, Meta(examples=["+4930123456"])] | None = None
    """In place of ``endpoint``: the agent has no handset here, and is called at this number outside, one of
    ``external_numbers``. Whoever answers there presses 1 to accept. A supervisor signs the agent in."""
    number: Annotated[str, Meta(pattern=r"^[0-9]{1,10}\Z", description="1 to 10 digits in quotes")] | None = None
    """What the agent dials at a desk, before the PIN. Left out: the agent signs in at their own handset only."""
    queues: tuple[words.Queue, ...]
    """The queues whose contacts the agent is offered."""
    pbx: words.Pbx | None = None
    """The PBX that has the handset. May be left out while there is one only."""
    # Never None in what load() returns.
    groups: tuple[words.Group, ...] = ()
    """The groups that the agent belongs to, as the queues' steps name them."""
    weight: Annotated[int, Meta(ge=1, le=100, description="a number, 1 to 100")] = 1
    """The agent's share under ``weighted_random``: twice the weight, twice the contacts."""
    profile: words.Profile | None = None
    """What the agent can do at once. Left out: one call, and nothing of any other medium."""
    record: bool | None = None
    """Whether the agent's talks are recorded. false: never. true: also those of queues that say no, unless the customer
    refused. Left out: as the queues say."""
    supervisor: words.Supervisor | None = None
    """The kind of supervisor that the agent is, from [supervisors.<id>]. Left out: none."""
    listened_to: bool = True
    """false: no supervisor is ever at this agent's talks."""
    skills: dict[words.Skill, words.Level] = {}
    """Skill = the agent's level."""


class AgentSecrets(Struct, frozen=True, kw_only=True):
    """One for each [agents.<id>] of the configuration."""

    pin: Annotated[str, Meta(pattern=r"^[0-9]{4,10}\Z", description='4 to 10 digits in quotes, such as "0042"')]
    """What the agent dials to sign in. In quotes, since 0042 is not 42."""
