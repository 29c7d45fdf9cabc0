"""The sections of contactd.toml, each a frozen struct. docs/contactd.sample.toml documents every key.

A description is what the operator reads after "Give": it says what the key takes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from contactd.core.ids import AgentId, PbxId, QueueId

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
_Endpoint = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z_-]{1,32}\Z",
        description="the handset's PJSIP endpoint: up to 32 letters, digits, - or _",
    ),
]
_Sound = Annotated[
    str,
    Meta(
        pattern=r"^(?!.*\.\.)[A-Za-z0-9_./-]{1,120}\Z",
        description='the name of a sound as Playback() takes it, such as "custom/welcome", without ".."',
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
_Dsn = Annotated[
    str,
    Meta(
        pattern=r"^postgres(ql)?://[^\s]*\Z",
        description='a URL such as "postgresql://contactd@/contactd?host=/run/postgresql"',
    ),
]


class Database(Struct, frozen=True, kw_only=True):
    """PostgreSQL; passwords are in the secrets file."""

    dsn: _Dsn
    migrate_dsn: _Dsn | None = None
    """The owner's, for contactd migrate; None: the same as dsn."""
    pool_size: Annotated[int, Meta(ge=2, le=50, description="a number of connections, 2 to 50")] = 4


class Spool(Struct, frozen=True, kw_only=True):
    """The journal's local stretch, before PostgreSQL has it. Sizes in MiB."""

    segment_mb: Annotated[int, Meta(ge=1, le=1024, description="MiB, 1 to 1024")] = 16
    max_mb: Annotated[int, Meta(ge=2, le=1048576, description="MiB, 2 to 1048576")] = 512


class Pbx(Struct, frozen=True, kw_only=True):
    """One Asterisk and its AMI account; the account's secret is in the secrets file."""

    host: _Host
    port: _Port = 5038
    username: _Word
    compare_s: Annotated[int, Meta(ge=5, le=3600, description="seconds, 5 to 3600")] = 30
    """How often the floor is compared with what the PBX really has."""


class Door(Struct, frozen=True, kw_only=True):
    """Where a PBX connects to us."""

    listen: _Host = "127.0.0.1"
    port: _Port
    allow: tuple[Annotated[str, Meta(description='a network such as "10.0.0.5/32"')], ...] = ("127.0.0.1/32",)
    advertise: _Host | None = None
    """The host by which a PBX reaches us; never None in what load() returns."""


class Agi(Door, frozen=True, kw_only=True):
    """FastAGI: where the dialplan's menus call us."""

    port: _Port = 4573


class AudioSocket(Door, frozen=True, kw_only=True):
    """Where the dialplan brings us the audio of a call."""

    port: _Port = 4574


class Web(Struct, frozen=True, kw_only=True):
    """/metrics and /healthz."""

    listen: _Host = "127.0.0.1"
    port: _Port = 9273


class Ctl(Struct, frozen=True, kw_only=True):
    """contactctl's door."""

    # sockaddr_un holds 108 bytes with the final NUL.
    socket: Annotated[
        str, Meta(pattern=r"^/[^\0\n\r]{1,106}\Z", description="an absolute path of at most 107 bytes")
    ] = "/run/contactd/ctl.sock"


class Queue(Struct, frozen=True, kw_only=True):
    ring_s: Annotated[int, Meta(ge=5, le=120, description="seconds, 5 to 120")] = 20
    wrap_up_s: Annotated[int, Meta(ge=0, le=3600, description="seconds, 0 to 3600")] = 30
    label: Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{0,64}\Z", description="a line of at most 64 characters")] = ""
    """For people; empty: the id."""


class Menu(Struct, frozen=True, kw_only=True):
    """What a caller hears, and which key leads where."""

    greeting: tuple[_Sound, ...] = ()
    prompt: tuple[_Sound, ...]
    timeout_s: Annotated[int, Meta(ge=1, le=30, description="seconds, 1 to 30")] = 5
    tries: Annotated[int, Meta(ge=1, le=10, description="a number of times, 1 to 10")] = 3
    choices: dict[Annotated[str, Meta(pattern=r"^[0-9*#]\Z", description="one key: 0 to 9, * or #")], _Queue]
    default_choice: _Queue
    """The queue of whoever chose nothing after all tries."""


_Seconds = Annotated[int, Meta(ge=10, le=86400, description="seconds, 10 to 86400")]


class SignIn(Struct, frozen=True, kw_only=True):
    """How agents sign in at their handsets, and the reasons for not being ready."""

    pin_tries: Annotated[int, Meta(ge=1, le=10, description="a number of tries, 1 to 10")] = 3
    lock_s: _Seconds = 300
    not_ready_reasons: dict[
        Annotated[str, Meta(pattern=r"^[0-9]{1,2}\Z", description="one or two digits, as dialled")], _Reason
    ] = field(default_factory=lambda: {"1": "break", "2": "training"})


class AgentSection(Struct, frozen=True, kw_only=True):
    endpoint: _Endpoint
    queues: tuple[_Queue, ...]
    pbx: _Pbx | None = None
    """Never None in what load() returns: the only PBX, when none is named."""


class Line(Struct, frozen=True):
    """Where a dialled number leads."""

    kind: Literal["menu", "queue", "echo"]
    target: str = ""


class Sections(Struct, frozen=True, kw_only=True):
    """contactd.toml, key by key."""

    floor: Annotated[int, Meta(ge=1, le=32767, description="the floor's number, 1 to 32767")] = 1
    state_dir: _Path = "/var/lib/contactd"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    secrets_file: Annotated[str, Meta(min_length=1, description="a path, absolute or beside contactd.toml")] = (
        SECRETS_FILE
    )
    default_queue: _Queue
    """Where a caller waits whose choice is unknown."""
    database: Database
    spool: Spool = Spool()
    pbx: dict[_Pbx, Pbx] = {}
    agi: Agi = Agi()
    audiosocket: AudioSocket = AudioSocket()
    web: Web = Web()
    ctl: Ctl = Ctl()
    queues: dict[_Queue, Queue] = {}
    menus: dict[_Menu, Menu] = {}
    lines: dict[_Dialled, Annotated[str, Meta(description='"menu:<id>", "queue:<id>" or "echo"')]] = {}
    sign_in: SignIn = SignIn()
    agents: dict[_Agent, AgentSection] = {}


class DatabaseSecrets(Struct, frozen=True, kw_only=True):
    password: Annotated[str, Meta(min_length=1, description="a password in quotes")] | None = None
    """None: the server asks for none (peer authentication)."""
    migrate_password: Annotated[str, Meta(min_length=1, description="a password in quotes")] | None = None


class PbxSecrets(Struct, frozen=True, kw_only=True):
    secret: Annotated[
        str,
        Meta(
            pattern=r"^[^\0-\x1f\x7f]{1,128}\Z",
            description="the AMI account's secret in quotes, without control characters",
        ),
    ]


class AgentSecrets(Struct, frozen=True, kw_only=True):
    pin: Annotated[str, Meta(pattern=r"^[0-9]{4,10}\Z", description='4 to 10 digits in quotes, such as "0042"')]


class SecretSections(Struct, frozen=True, kw_only=True):
    """The secrets file, key by key."""

    database: DatabaseSecrets = DatabaseSecrets()
    pbx: dict[_Pbx, PbxSecrets] = {}
    agents: dict[_Agent, AgentSecrets] = {}
