"""The sections of the configuration, each a frozen struct. The samples and the reference in docs/ are made from here.

A description is what the operator reads after "Give": it says what the key takes. The text below a key says what it
is for, to admins; `make docs` after a change.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.core.ids import AgentId, CalendarId, GroupId, PbxId, QueueId, SkillId

SECRETS_FILE = "secrets.toml"

# \Z and not $, which would let a trailing newline through.
_ID = Meta(
    pattern=r"^[a-z][a-z0-9_-]{0,31}\Z",
    description="an id: a small letter, then up to 31 small letters, digits, - or _",
)
_Pbx = Annotated[PbxId, _ID]
_Queue = Annotated[QueueId, _ID]
_Agent = Annotated[AgentId, _ID]
_Menu = Annotated[str, _ID]
_Reason = Annotated[str, _ID]
_Skill = Annotated[SkillId, _ID]
_Group = Annotated[GroupId, _ID]
_Calendar = Annotated[CalendarId, _ID]
_Profile = Annotated[str, _ID]
_Medium = Literal["voice", "tty", "mail", "chat", "sms", "social"]
_Level = Annotated[int, Meta(ge=1, le=10, description="a level, 1 to 10")]
_Strategy = Literal["longest_idle", "fewest_contacts", "best_skill", "round_robin", "weighted_random"]
_Boost = Annotated[int, Meta(ge=0, le=86400, description="seconds, 0 to 86400")]
_After = Annotated[
    str,
    Meta(pattern=r"^[1-9][0-9]{0,4}\Z", description="the seconds of the wait after which the step begins, 1 to 99999"),
]
_Zone = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}\Z",
        max_length=64,
        description='a time zone by its IANA name, such as "Europe/Berlin"',
    ),
]
_Hours = Annotated[
    str,
    Meta(
        pattern=r"^[0-9:, -]{9,200}\Z|^closed\Z",
        description='hours such as "8:00-12:00, 13:00-17:30", over midnight as in "22:00-6:00", or "closed"',
    ),
]
_Weekdays = Annotated[
    str, Meta(pattern=r"^[a-z]{6,9}(-[a-z]{6,9})?\Z", description='a weekday, or several as in "monday-friday"')
]
_Dates = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{2}-[0-9]{2}\Z|^[0-9]{4}-[0-9]{2}-[0-9]{2}(/[0-9]{4}-[0-9]{2}-[0-9]{2})?\Z",
        description='a date such as 2026-12-24, 12-24 for every year, or "2026-12-24/2027-01-06" for all from one to'
        " the other",
    ),
]
_Holiday = Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{1,100}\Z", description="the name of a holiday")]
_Endpoint = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z_-]{1,32}\Z",
        description="the handset's PJSIP endpoint: up to 32 letters, digits, - or _",
    ),
]
_EndpointPattern = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z_*?-]{1,32}\Z",
        description="a PJSIP endpoint or a pattern of them: up to 32 letters, digits, -, _, * or ?",
    ),
]
_Sound = Annotated[
    str,
    Meta(
        pattern=r"^(?!.*\.\.)[A-Za-z0-9_./-]{1,120}\Z",
        description='the name of a sound as Playback() takes it, such as "custom/welcome", without ".."',
    ),
]
# The target stands in an extension of the dialplan, which takes 80 characters.
_Message = Annotated[
    str,
    Meta(
        pattern=r"^(?!.*\.\.)[A-Za-z0-9_./-]{1,48}\Z",
        description='the name of a sound as Playback() takes it, up to 48 characters, such as "custom/closed"',
    ),
]
_Box = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z_-]{1,20}(@[0-9A-Za-z_-]{1,20})?\Z",
        description='a box as VoiceMail() takes it, such as "100" or "100@sales"',
    ),
]
_External = Annotated[
    str,
    Meta(
        pattern=r"^\+?[0-9]{2,20}\Z",
        description="a number as the trunk takes it: 2 to 20 digits, with a + in front perhaps",
    ),
]
_Host = Annotated[str, Meta(pattern=r"^[0-9A-Za-z:._%-]{1,253}\Z", description="a host name or an IP address")]
_Word = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z", description="1 to 64 visible characters without a space")]
_Path = Annotated[str, Meta(pattern=r"^/[^\0\n\r]+\Z", description="an absolute path")]
_Port = Annotated[int, Meta(ge=1, le=65535, description="a port, 1 to 65535")]
_Dialled = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z*#+._-]{1,40}\Z",
        description="the number as the dialplan gets it: up to 40 digits, letters or *#+._-",
    ),
]
_Label = Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{0,64}\Z", description="a line of at most 64 characters")]
_Digits = Annotated[str, Meta(pattern=r"^[0-9]{1,2}\Z", description="one or two digits, as dialled")]
_Shared = Annotated[
    str, Meta(pattern=r"^\+?[0-9]{3,24}\*?\Z", description='a number such as "+49301230" or "49301230*"')
]
_Dsn = Annotated[
    str,
    Meta(
        pattern=r"^postgres(ql)?://[^\s]*\Z",
        description='a URL such as "postgresql://contactd@/contactd?host=/run/postgresql"',
    ),
]


# Keys, and whole sections, that a reload takes; * is any id. The others are bound, opened or taken once, at the start.
LIVE: tuple[tuple[str, ...], ...] = (
    ("log_level",),
    ("secrets_file",),
    ("default_queue",),
    ("emergency_numbers",),
    ("external_numbers",),
    ("shared_numbers",),
    # The daemon itself never uses it.
    ("database", "migrate_dsn"),
    ("agi", "allow"),
    ("audiosocket", "allow"),
    ("calendars",),
    ("queues",),
    ("menus",),
    ("lines",),
    ("sign_in",),
    ("handsets",),
    ("reasons",),
    ("profiles",),
    ("agents",),
    # As migrate_dsn.
    ("database", "worker_dsn"),
    ("privacy",),
    ("jobs",),
    ("customers",),
)
LIVE_SECRETS: tuple[tuple[str, ...], ...] = (
    ("database", "migrate_password"),
    ("database", "worker_password"),
    # contactctl's, not the daemon's.
    ("pbx", "*", "test_secret"),
    ("agents",),
    ("customers",),
)


def is_live(key: tuple[str, ...], live: tuple[tuple[str, ...], ...]) -> bool:
    """Whether a reload takes the key. live: LIVE, or LIVE_SECRETS."""
    return any(len(prefix) <= len(key) and same_place(prefix, key) for prefix in live)


def same_place(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """As far as both go; * in the first stands for any id."""
    return all(part in (name, "*") for part, name in zip(one, other, strict=False))


class Database(Struct, frozen=True, kw_only=True):
    """PostgreSQL 14 or newer. Passwords are in the secrets file."""

    dsn: _Dsn
    """A URL without a password. The sample's reaches the local server by its socket, which knows us by our Unix user
    (peer authentication). Over a network it must prove who it is, or anybody in between reads the callers' numbers:
    ``postgresql://contactd@db.example/contactd?sslmode=verify-full&sslrootcert=/etc/contactd/postgresql-ca.crt``
    (docs/security.rst)."""
    migrate_dsn: _Dsn | None = None
    """The same database as its owner, for ``contactd migrate`` only: the daemon itself may not change what happened.
    With peer authentication pg_ident.conf must let our Unix user be this role too. Left out: the same as ``dsn``."""
    worker_dsn: _Dsn | None = None
    """The same database for ``contactd worker``, by a login of its own that is a member of contactd_worker only. Left
    out: the same as ``dsn``."""
    pool_size: Annotated[int, Meta(ge=2, le=50, description="a number of connections, 2 to 50")] = 4
    """Connections that are kept open."""


class Spool(Struct, frozen=True, kw_only=True):
    """Between us and PostgreSQL every fact stands in a local spool, which carries a database that is away."""

    segment_mb: Annotated[int, Meta(ge=1, le=1024, description="MiB, 1 to 1024")] = 16
    """The size of one file."""
    max_mb: Annotated[int, Meta(ge=2, le=1048576, description="MiB, 2 to 1048576")] = 512
    """The size of all files, at least two of them. When it is full no new contact is taken: the PBX's static queue
    takes them. 512 MiB hold about two million facts."""


class Pbx(Struct, frozen=True, kw_only=True):
    """One section for each Asterisk, at least one. The name (pbx1) is the ``systemname`` in its asterisk.conf. The AMI
    account is the one of manager_contactd.conf; its secret is in the secrets file."""

    host: _Host
    """Where Asterisk listens for AMI."""
    port: _Port = 5038
    """The port of AMI."""
    username: _Word
    """The account's name in manager.conf."""
    sip_tls_port: Annotated[int, Meta(ge=0, le=65535, description="a port, or 0")] = 0
    """Where handsets reach it by SIP over TLS, most often 5061: the end of its certificate is watched. 0: it is not."""
    compare_s: Annotated[int, Meta(ge=5, le=3600, description="seconds, 5 to 3600")] = 30
    """The time between two comparisons of the floor with what the PBX really has."""


class Door(Struct, frozen=True, kw_only=True):
    """Where a PBX connects to us."""

    listen: _Host = "127.0.0.1"
    """The address that we listen on."""
    port: _Port
    """The port that we listen on."""
    allow: tuple[Annotated[str, Meta(description='a network such as "10.0.0.5/32"')], ...] = ("127.0.0.1/32",)
    """Who may connect: the networks of the PBXes."""
    advertise: _Host | None = None
    """The host by which a PBX reaches us. Left out: the same as ``listen``. To be given when ``listen`` is 0.0.0.0
    or ::."""
    # Never None in what load() returns.


class Agi(Door, frozen=True, kw_only=True):
    """Where the dialplan's menus reach us (FastAGI)."""

    port: _Port = 4573
    """The port that we listen on."""


class AudioSocket(Door, frozen=True, kw_only=True):
    """Where the dialplan brings us the audio of a call (AudioSocket): the echo line."""

    port: _Port = 4574
    """The port that we listen on."""


class Web(Struct, frozen=True, kw_only=True):
    """/metrics for Prometheus and /healthz for whoever watches. No personal value is shown, and nothing can be changed
    there."""

    listen: _Host = "127.0.0.1"
    """The address that we listen on."""
    port: _Port = 9273
    """The port that we listen on."""


class Ctl(Struct, frozen=True, kw_only=True):
    """contactctl's door."""

    # sockaddr_un holds 108 bytes with the final NUL.
    socket: Annotated[
        str, Meta(pattern=r"^/[^\0\n\r]{1,106}\Z", description="an absolute path of at most 107 bytes")
    ] = "/run/contactd/ctl.sock"
    """The unix socket. Root and our own user act by it; the members of the group contactd look."""


_Days = Annotated[int, Meta(ge=1, le=36500, description="days, 1 to 36500")]


class Privacy(Struct, frozen=True, kw_only=True):
    """When ``contactd migrate``, which runs at night, forgets. docs/security.rst says why these are the defaults."""

    contact_private_days: _Days = 90
    """A caller's number and name, counted from the call. The rest of the contact's story stays."""
    audit_days: _Days = 1095
    """Who read or erased them, and who acted for others."""
    light_party_days: _Days = 90
    """A record that was made for an unknown number, that nobody looked at, and that has not called for so long."""


_Language = Annotated[
    str,
    Meta(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?\Z", description='a language as Asterisk names it, such as "de" or "en_GB"'),
]
_Field = Annotated[
    str,
    Meta(
        pattern=r"^(?!name\Z)[a-z][a-z0-9_]{0,31}\Z",
        description='a field\'s id: a small letter, then up to 31 small letters, digits or _; not "name"',
    ),
]


class CustomerField(Struct, frozen=True, kw_only=True):
    """What you keep of a customer beyond name, numbers and addresses. It is private: sealed, read through the audit."""

    type: Literal["text", "number", "date", "yes_no", "choice"] = "text"
    """What it takes. A date is written 2026-12-31."""
    label: Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{0,64}\Z", description="a line of at most 64 characters")] = ""
    """The name for people. Empty: the id."""
    choices: tuple[
        Annotated[str, Meta(min_length=1, max_length=64, description="a word of up to 64 characters")], ...
    ] = ()
    """What a ``choice`` may be."""


class Customers(Struct, frozen=True, kw_only=True):
    """Who is calling: the customer's record, found by the caller's number (docs/customers.rst)."""

    recognise: bool = True
    """Whether callers are looked up."""
    country: Annotated[str, Meta(pattern=r"^([A-Z]{2})?\Z", description='an ISO 3166 code such as "DE", or ""')] = ""
    """Where you are: whose numbers are written without a country. Empty: only numbers with + are understood."""
    bare_numbers: Literal["national", "international"] = "national"
    """What your trunk means by a number that begins neither with + nor with 0: one of ``country``, or one whose + is
    missing (4930...)."""
    match_ms: Annotated[int, Meta(ge=1, le=2000, description="milliseconds, 1 to 2000")] = 50
    """How long a call may wait for it, before the menu begins. What is found later is told while the caller waits."""
    light_records: bool = True
    """An unknown number becomes a record of its own, with nothing else in it, so that the next call is known to be the
    same caller's."""
    sticky_days: Annotated[int, Meta(ge=0, le=3650, description="days, 0 to 3650")] = 0
    """Who last handled the customer in a queue, within so many days, is preferred there for the queue's ``sticky_s``.
    0: nobody is."""
    vip_boost_s: _Boost = 0
    """A VIP is ranked as if the wait had begun so much earlier."""
    prompt_languages: tuple[_Language, ...] = ()
    """Languages in which your PBX has the sounds of all menus. A customer who speaks one of them hears it
    (``CHANNEL(language)``)."""
    vip_skills: dict[_Skill, _Level] = {}
    """Skill = the least level for VIPs."""
    languages: dict[_Language, dict[_Skill, _Level]] = {}
    """Language = the skills that its speakers need, such as { german = 5 }."""
    fields: dict[_Field, CustomerField] = {}


class DestinationTable(Struct, frozen=True, kw_only=True):
    """Where a caller goes instead of waiting for an agent. Exactly one of these."""

    queue: _Queue | None = None
    """Another queue. The caller waits there with the wait so far, by that queue's plan."""
    voicemail: _Box | None = None
    """A box of the PBX's app_voicemail."""
    external: _External | None = None
    """A number outside, one of ``external_numbers``; the PBX's own list must have it too."""
    message: _Message | None = None
    """A sound, and the call ends."""
    hang_up: Annotated[Literal["busy", "congestion"], Meta(description='"busy" or "congestion"')] | None = None
    """The call ends with this tone."""


_Destination = (
    Annotated[
        DestinationTable,
        Meta(
            description='a destination: { queue = "<id>" }, { voicemail = "100" }, { external = "030123456" }, '
            '{ message = "custom/closed" } or { hang_up = "busy" }',
            examples=[{"voicemail": "100"}],
        ),
    ]
    | None
)


class SpecialDay(Struct, frozen=True, kw_only=True):
    """Other hours, in place of the week's and of a holiday's. One date goes before several days, a date of one year
    before that of every year."""

    hours: _Hours = "closed"
    """The hours that begin on this date."""
    reason: Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{1,100}\Z", description="a line of at most 100 characters")]
    """Why: ``contactctl hours`` and ``queues`` show it, and the journal keeps it."""


class Calendar(Struct, frozen=True, kw_only=True):
    """When queues are open: ``calendar`` of [queues.<id>] names it. ``contactctl hours`` shows the next days as
    contactd understands them. Hours that go over midnight belong to the day on which they begin; docs/routing.rst says
    what happens in the nights in which clocks are changed."""

    time_zone: _Zone
    """Whose clock the hours are told by."""
    country: Annotated[str, Meta(pattern=r"^([A-Z]{2})?\Z", description='a country such as "DE"')] = ""
    """Closed on its public holidays. Empty: no holidays."""
    subdivision: Annotated[
        str, Meta(pattern=r"^[^\0-\x1f\x7f]{0,40}\Z", description='a part of the country such as "BY"')
    ] = ""
    """Whose holidays these are. Empty: those of the whole country only."""
    holiday_kinds: tuple[
        Annotated[str, Meta(pattern=r"^[a-z_]{1,30}\Z", description='a kind such as "public" or "bank"')], ...
    ] = ("public",)
    """Which kinds of holidays are kept, as far as the country knows them."""
    observe_holidays: tuple[_Holiday, ...] = ()
    """Holidays of other kinds that are kept too, by the name that ``contactctl hours`` shows."""
    ignore_holidays: tuple[_Holiday, ...] = ()
    """Holidays that are not kept: the hours of the week count."""
    hours: dict[_Weekdays, _Hours] = {}
    """Weekday = hours. A day that is left out is closed."""
    special: dict[_Dates, SpecialDay] = {}


class Jobs(Struct, frozen=True, kw_only=True):
    """What ``contactd worker`` does (docs/operations.rst). ``systemctl reload 'contactd-worker@*'`` takes a change."""

    verify_at: Annotated[
        str,
        Meta(
            pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z",
            description='a time of the day in UTC, in quotes, such as "03:40"',
        ),
    ] = "03:40"
    """When the journal's chain of hashes is computed anew, each day."""
    memory_mb: Annotated[int, Meta(ge=128, le=1048576, description="MiB, 128 to 1048576")] = 512
    """How much address space one job may use. A job that wants more fails, and nothing else does."""
    keep_days: _Days = 30
    """How long a job that is done, or was dropped, stands in ``contactctl jobs list``. ``contactd migrate`` forgets
    it."""


class QueueStep(Struct, frozen=True, kw_only=True):
    """How the queue routes a contact that has waited for so many seconds, until the next step begins. What is left out
    is as the queue says, but for the groups: a step without them has none."""

    strategy: _Strategy | None = None
    """In place of the queue's."""
    boost_s: _Boost = 0
    """On top of the queue's."""
    lower_by: Annotated[int, Meta(ge=0, le=10, description="levels, 0 to 10")] = 0
    """All levels that are asked for, the queue's and the contact's own, count so much lower; what falls below 1 is not
    asked for."""
    only_groups: tuple[_Group, ...] = ()
    """Of the agents who serve the queue, only those of these groups. Empty: all of them."""
    also_groups: tuple[_Group, ...] = ()
    """Agents of these groups as well, though they do not serve the queue."""
    go: _Destination = None
    """Instead of another rule: whoever still waits goes there. Alone in its step."""
    skills: dict[_Skill, _Level] | None = None
    """Skill = the least level, in place of the queue's. ``{}``: none."""


class Queue(Struct, frozen=True, kw_only=True):
    """One section for each queue, at least one. The name is its id, as reports and the dialplan use it."""

    ring_s: Annotated[int, Meta(ge=5, le=120, description="seconds, 5 to 120")] = 20
    """How long a handset rings before the offer counts as not answered."""
    wrap_up_s: Annotated[int, Meta(ge=0, le=3600, description="seconds, 0 to 3600")] = 30
    """After-contact work; 0: ready at once."""
    wrap_up_extend_s: Annotated[int, Meta(ge=0, le=3600, description="seconds, 0 to 3600")] = 60
    """By how much an agent may extend the wrap-up, once; 0: not at all."""
    label: _Label = ""
    """The name for people. Empty: the id."""
    ring_back_s: Annotated[int, Meta(ge=0, le=600, description="seconds, 0 to 600")] = 60
    """Who was cut off while waiting, and rings back within this time, gets the old place in line. 0: a new one."""
    expected_talk_s: Annotated[int, Meta(ge=5, le=14400, description="seconds, 5 to 14400")] = 180
    """How long a talk takes. The estimated wait goes by it until contactd has learnt better from the first talks."""
    strategy: _Strategy = "longest_idle"
    """Which of the agents who may be offered a contact gets it (docs/routing.rst)."""
    boost_s: _Boost = 0
    """The queue's contacts go before those of other queues that have waited for up to so much longer."""
    sticky_s: Annotated[int, Meta(ge=0, le=3600, description="seconds, 0 to 3600")] = 0
    """How long a contact that prefers an agent waits for that one alone."""
    preferred_skills: tuple[_Skill, ...] = ()
    """Nobody must have them; ``best_skill`` counts their levels too."""
    only_groups: tuple[_Group, ...] = ()
    """Of the agents who serve the queue, at first only those of these groups. Empty: all of them."""
    also_groups: tuple[_Group, ...] = ()
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
    calendar: _Calendar | None = None
    """When the queue is open. Left out: always."""
    closed: _Destination = None
    """Where who comes goes while the queue is closed. To be given with ``calendar``; and without, ``contactctl close``
    can close no queue."""
    closed_by_hand: _Destination = None
    """The same, while a supervisor has closed it (``contactctl close``). Left out: as ``closed``."""
    at_closing: Literal["serve", "send"] = "serve"
    """What becomes of those who wait when it closes: they are served, or sent where ``closed`` says."""
    skills: dict[_Skill, _Level] = {}
    """Skill = the least level. Who lacks one is not offered the queue's contacts."""
    steps: dict[_After, QueueStep] = {}


class MenuNeeds(Struct, frozen=True, kw_only=True):
    """What a caller who pressed this key needs beyond the queue, on top of what the dialplan said."""

    boost_s: _Boost = 0
    """The caller goes before those who have waited for up to so much longer."""
    agent: _Agent | None = None
    """The agent whom the caller prefers, and waits for alone while the queue's ``sticky_s`` lasts."""
    skills: dict[_Skill, _Level] = {}
    """Skill = the least level. Of the queue's and this, the higher one counts."""


_Key = Annotated[str, Meta(pattern=r"^[0-9*#]\Z", description="one key: 0 to 9, * or #")]


class Menu(Struct, frozen=True, kw_only=True):
    """One section for each menu: what a caller hears, and which key leads where. Sounds are named as Playback() takes
    them, below Asterisk's sounds folder."""

    greeting: tuple[_Sound, ...] = ()
    """Played once."""
    prompt: tuple[_Sound, ...]
    """Played at each try; a key ends it."""
    timeout_s: Annotated[int, Meta(ge=1, le=30, description="seconds, 1 to 30")] = 5
    """The wait for a key after the prompt."""
    tries: Annotated[int, Meta(ge=1, le=10, description="a number of times, 1 to 10")] = 3
    """How often to ask."""
    default_choice: _Queue
    """The queue of whoever chose nothing after all tries."""
    choices: dict[_Key, _Queue]
    """Key = queue. The key stands in quotes."""
    needs: dict[_Key, MenuNeeds] = {}


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
    not_ready_reasons: dict[_Digits, _Reason] = {}
    """The short form of ``[reasons.<id>]``: what an agent dials for a reason = the reason. With neither form 1 is break
    and 2 is training."""


class Handsets(Struct, frozen=True, kw_only=True):
    """The desks: handsets at which any agent may sign in, with the number and the PIN."""

    shared: tuple[_EndpointPattern, ...] = ()
    """Their PJSIP endpoints; ``*`` stands for any letters and digits, ``?`` for one. What is an agent's own handset may
    be among them: the owner then presses only # for the number."""


class Reason(Struct, frozen=True, kw_only=True):
    """One section for each reason why an agent is not ready; the name is the reason as reports show it. ``rona``,
    ``declined``, ``busy`` and ``unregistered`` are contactd's own words and cannot be used."""

    digits: _Digits | None = None
    """What an agent dials after the code for not ready. Left out: only a supervisor can set it."""
    label: _Label = ""
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
    interrupts: tuple[_Medium, ...] = ()
    """Work on contacts of these media does not stand in the way of one of this medium: it is parked while the agent
    talks, and goes on after the wrap-up."""


class Profile(Struct, frozen=True, kw_only=True):
    """One section for each kind of agents by what they can do at once (docs/routing.rst). The only medium as yet is
    voice; what is said of others counts from the day they are there."""

    own_calls: Literal["voice", "all"] = "voice"
    """What an agent's own call takes, the handset in use for no contact. voice: what a contact of voice would; all:
    nothing of any medium is offered meanwhile."""
    media: dict[_Medium, ProfileMedium]


class AgentSection(Struct, frozen=True, kw_only=True):
    """One section for each agent; each has a PIN in the secrets file. The name is the agent's id."""

    endpoint: _Endpoint | None = None
    """The agent's own handset: 1001 for PJSIP/1001. Each is one agent's only. Left out: the agent has none, and signs
    in at a desk."""
    number: Annotated[str, Meta(pattern=r"^[0-9]{1,10}\Z", description="1 to 10 digits in quotes")] | None = None
    """What the agent dials at a desk, before the PIN. Left out: the agent signs in at their own handset only."""
    queues: tuple[_Queue, ...]
    """The queues whose contacts the agent is offered."""
    pbx: _Pbx | None = None
    """The PBX that has the handset. May be left out while there is one only."""
    # Never None in what load() returns.
    groups: tuple[_Group, ...] = ()
    """The groups that the agent belongs to, as the queues' steps name them."""
    weight: Annotated[int, Meta(ge=1, le=100, description="a number, 1 to 100")] = 1
    """The agent's share under ``weighted_random``: twice the weight, twice the contacts."""
    profile: _Profile | None = None
    """What the agent can do at once. Left out: one call, and nothing of any other medium."""
    skills: dict[_Skill, _Level] = {}
    """Skill = the agent's level."""


class Line(Struct, frozen=True):
    """Where a dialled number leads."""

    kind: Literal["menu", "queue", "echo"]
    target: str = ""


class Sections(Struct, frozen=True, kw_only=True):
    """The keys above all sections. They stand before the first [section] of their file."""

    floor: Annotated[int, Meta(ge=1, le=32767, description="a number, 1 to 32767")] = 1
    """The floor's number in the journal. One organisation has one floor; it is never changed."""
    state_dir: _Path = "/var/lib/contactd"
    """Where the spool lives: a local disk, not a network file system."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged: JSON, one object a line, on standard output; read it with ``journalctl -u contactd``."""
    secrets_file: Annotated[str, Meta(min_length=1, description="a path, absolute or beside this file")] = SECRETS_FILE
    """The secrets file. Refused unless its mode keeps it from others: 0600 and contactd's own is right, for members of
    the group contactd only look. A systemd credential named secrets.toml goes before it."""
    default_queue: _Queue
    """Where a caller waits whose choice is unknown: the menu broke off, or the dialplan names no queue."""
    emergency_numbers: tuple[_Dialled, ...] = ("112", "911", "999")
    """What the dialplan sends straight to the trunk, as [contactd-emergency] of extensions_contactd_site.conf lists it.
    None of them may be a line. Where one is an ordinary number in your country, write the list without it."""
    external_numbers: tuple[_External, ...] = ()
    """The numbers outside to which callers may be sent, written as a destination has them. Empty: none, since each such
    call is made at your cost. The PBX has a list of its own, [contactd-external] of extensions_contactd_site.conf."""
    shared_numbers: tuple[_Shared, ...] = ()
    """Callers' numbers behind which many people are, as the PBX shows them: other firms' switchboards. Whoever rings
    back from one of them (``ring_back_s``) cannot be known again. A * at the end stands for any extension."""
    database: Database
    spool: Spool = Spool()
    pbx: dict[_Pbx, Pbx] = {}
    agi: Agi = Agi()
    audiosocket: AudioSocket = AudioSocket()
    web: Web = Web()
    ctl: Ctl = Ctl()
    privacy: Privacy = Privacy()
    calendars: dict[_Calendar, Calendar] = {}
    jobs: Jobs = Jobs()
    customers: Customers = Customers()
    queues: dict[_Queue, Queue] = {}
    menus: dict[_Menu, Menu] = {}
    lines: dict[_Dialled, Annotated[str, Meta(description='"menu:<id>", "queue:<id>" or "echo"')]] = {}
    """The dialled number = where it leads. A number that is not here goes to ``default_queue``. echo: callers hear what
    they say, by way of contactd, for five minutes at most; to try a headset and the network. It is no contact: neither
    the journal nor a report knows of it."""
    sign_in: SignIn = SignIn()
    handsets: Handsets = Handsets()
    reasons: dict[_Reason, Reason] = {}
    profiles: dict[_Profile, Profile] = {}
    agents: dict[_Agent, AgentSection] = {}


class CalendarSections(Struct, frozen=True, kw_only=True):
    """The calendars alone, for who asks only for them."""

    calendars: dict[_Calendar, Calendar] = {}


class DatabaseSecrets(Struct, frozen=True, kw_only=True):
    """Not needed with peer authentication."""

    password: Annotated[str, Meta(min_length=1, description="a password in quotes")] | None = None
    """The password of the role in ``dsn``. Left out: the server asks for none."""
    migrate_password: Annotated[str, Meta(min_length=1, description="a password in quotes")] | None = None
    """The password of the owner in ``migrate_dsn``. Left out: the same as ``password``."""
    worker_password: Annotated[str, Meta(min_length=1, description="a password in quotes")] | None = None
    """The password of the login in ``worker_dsn``. Left out: the same as ``password``."""


class PbxSecrets(Struct, frozen=True, kw_only=True):
    """One for each [pbx.<id>] of the configuration."""

    secret: Annotated[
        str,
        Meta(
            pattern=r"^[^\0-\x1f\x7f]{1,128}\Z",
            description="the AMI account's secret in quotes, without control characters",
        ),
    ]
    """The secret of its account in manager.conf."""
    test_secret: (
        Annotated[
            str,
            Meta(pattern=r"^[^\0-\x1f\x7f]{1,128}\Z", description="the secret in quotes, without control characters"),
        ]
        | None
    ) = None
    """The secret of the account contactd-test in manager.conf, by which ``contactctl testcall`` and ``doctor``
    place calls; contactd itself cannot. Left out: they say that they may not."""


class AgentSecrets(Struct, frozen=True, kw_only=True):
    """One for each [agents.<id>] of the configuration."""

    pin: Annotated[str, Meta(pattern=r"^[0-9]{4,10}\Z", description='4 to 10 digits in quotes, such as "0042"')]
    """What the agent dials to sign in. In quotes, since 0042 is not 42."""


_SealingKey = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}\Z",
        description='64 hexadecimal digits in quotes, as "openssl rand -hex 32" gives them',
        examples=["0123456789abcdef" * 4],
    ),
]


class CustomerSecrets(Struct, frozen=True, kw_only=True):
    """With what customers' values are sealed in PostgreSQL (docs/customers.rst). Keep a copy where no fire reaches it:
    without the key they are lost."""

    key: _SealingKey | None = None
    """The key. Left out: they are kept as they are, and whoever reads the tables or a backup of them reads them."""
    old_keys: tuple[_SealingKey, ...] = ()
    """Keys of before, until ``contactd migrate`` has sealed all values with the new one."""


class SecretSections(Struct, frozen=True, kw_only=True):
    """What contactd must know and nobody else may read. It is neither logged nor stored anywhere."""

    database: DatabaseSecrets = DatabaseSecrets()
    pbx: dict[_Pbx, PbxSecrets] = {}
    agents: dict[_Agent, AgentSecrets] = {}
    customers: CustomerSecrets = CustomerSecrets()
