"""The whole: every section of the configuration, and of the secrets file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.config.sections import words
from contactd.config.sections.agents import AgentSecrets, AgentSection, Handsets, Profile, Reason, SignIn, Supervisor
from contactd.config.sections.announcements import Announcements
from contactd.config.sections.calendars import Calendar
from contactd.config.sections.cases import CaseType
from contactd.config.sections.customers import Customers, CustomerSecrets
from contactd.config.sections.desk import Desk
from contactd.config.sections.dialling import Dialling
from contactd.config.sections.dispositions import Disposition
from contactd.config.sections.flows import Flow
from contactd.config.sections.lines import Menu
from contactd.config.sections.lookup import Lookup, LookupSecrets
from contactd.config.sections.machine import (
    Agi,
    AudioSocket,
    Ctl,
    Database,
    DatabaseSecrets,
    Jobs,
    Pbx,
    PbxSecrets,
    Privacy,
    Retention,
    Spool,
    Web,
)
from contactd.config.sections.mail import Mailbox, MailboxSecrets, Smtp, SmtpSecrets
from contactd.config.sections.queues import Queue
from contactd.config.sections.recording import Recording, RecordingSecrets
from contactd.config.sections.speech import Speech
from contactd.config.sections.tty import Short, TextLine, Tty
from contactd.config.sections.webhooks import Webhook, WebhookSecrets

SECRETS_FILE = "secrets.toml"


class Sections(Struct, frozen=True, kw_only=True):
    """The keys above all sections. They stand before the first [section] of their file."""

    floor: Annotated[int, Meta(ge=1, le=32767, description="a number, 1 to 32767")] = 1
    """The floor's number in the journal. One organisation has one floor; it is never changed."""
    state_dir: words.Path = "/var/lib/contactd"
    """Where the spool lives: a local disk, not a network file system."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged: JSON, one object a line, on standard output; read it with ``journalctl -u contactd``."""
    secrets_file: Annotated[str, Meta(min_length=1, description="a path, absolute or beside this file")] = SECRETS_FILE
    """The secrets file. Refused unless its mode keeps it from others: 0600 and contactd's own is right, for members of
    the group contactd only look. A systemd credential named secrets.toml goes before it."""
    default_queue: words.Queue
    """Where a caller waits whose choice is unknown: the menu broke off, or the dialplan names no queue."""
    emergency_numbers: tuple[words.Dialled, ...] = ("112", "911", "999")
    """What the dialplan sends straight to the trunk, as [contactd-emergency] of extensions_contactd_site.conf lists it.
    None of them may be a line. Where one is an ordinary number in your country, write the list without it."""
    external_numbers: tuple[words.External, ...] = ()
    """The numbers outside to which callers may be sent, or at which agents are (``remote_number``), written as they
    stand there. Empty: none, since each such call is made at your cost. The PBX has a list of its own,
    [contactd-external] of extensions_contactd_site.conf."""
    shared_numbers: tuple[words.Shared, ...] = ()
    """Callers' numbers behind which many people are, as the PBX shows them: other firms' switchboards. Whoever rings
    back from one of them (``ring_back_s``) cannot be known again. A * at the end stands for any extension."""
    database: Database
    spool: Spool = Spool()
    pbx: dict[words.Pbx, Pbx] = {}
    agi: Agi = Agi()
    audiosocket: AudioSocket = AudioSocket()
    web: Web = Web()
    ctl: Ctl = Ctl()
    desk: Desk = Desk()
    retention: Retention = Retention()
    privacy: Privacy = Privacy()
    calendars: dict[words.Calendar, Calendar] = {}
    jobs: Jobs = Jobs()
    customers: Customers = Customers()
    lookup: Lookup = Lookup()
    webhooks: dict[words.Webhook, Webhook] = {}
    case_types: dict[words.CaseType, CaseType] = {}
    recording: Recording = Recording()
    dialling: Dialling = Dialling()
    mailboxes: dict[words.MailboxId, Mailbox] = {}
    smtp: dict[words.MailboxId, Smtp] = {}
    queues: dict[words.Queue, Queue] = {}
    announcements: Announcements = Announcements()
    menus: dict[words.Menu, Menu] = {}
    flows: dict[words.Flow, Flow] = {}
    speech: Speech = Speech()
    lines: dict[words.Dialled, words.Target] = {}
    """The dialled number = where it leads. A number that is not here goes to ``default_queue``. echo: callers hear what
    they say, by way of contactd, for five minutes at most; to try a headset and the network. It is no contact: neither
    the journal nor a report knows of it."""
    tty: Tty = Tty()
    glossary: dict[Short, TextLine] = {}
    """Abbreviation = what it means, as agents are shown it beside what a caller has written."""
    sign_in: SignIn = SignIn()
    handsets: Handsets = Handsets()
    reasons: dict[words.Reason, Reason] = {}
    dispositions: dict[words.Disposition, Disposition] = {}
    profiles: dict[words.Profile, Profile] = {}
    supervisors: dict[words.Supervisor, Supervisor] = {}
    agents: dict[words.Agent, AgentSection] = {}


class SecretSections(Struct, frozen=True, kw_only=True):
    """What contactd must know and nobody else may read. It is neither logged nor stored anywhere."""

    database: DatabaseSecrets = DatabaseSecrets()
    pbx: dict[words.Pbx, PbxSecrets] = {}
    agents: dict[words.Agent, AgentSecrets] = {}
    customers: CustomerSecrets = CustomerSecrets()
    lookup: LookupSecrets = LookupSecrets()
    webhooks: dict[words.Webhook, WebhookSecrets] = {}
    recording: RecordingSecrets = RecordingSecrets()
    mailboxes: dict[words.MailboxId, MailboxSecrets] = {}
    smtp: dict[words.MailboxId, SmtpSecrets] = {}
