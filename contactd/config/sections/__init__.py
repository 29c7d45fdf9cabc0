"""The sections of the configuration, each a frozen struct. The samples and the reference in docs/ are made from here.

A description is what the operator reads after "Give": it says what the key takes. The text below a key says what it
is for, to admins; `make docs` after a change. A new section stands with its subject, or in a file of its own, and in
whole.py; what several sections take is in words.py, what a reload takes in live.py.
"""

from contactd.config.sections.agents import (
    AgentSecrets,
    AgentSection,
    Handsets,
    Profile,
    ProfileMedium,
    Reason,
    SignIn,
    Supervisor,
)
from contactd.config.sections.announcements import Announcements, PositionTable, QueueMessage, TimesTable
from contactd.config.sections.calendars import Calendar, CalendarSections, SpecialDay
from contactd.config.sections.cases import CaseSections, CaseType
from contactd.config.sections.customers import CustomerField, Customers, CustomerSecrets
from contactd.config.sections.desk import Desk
from contactd.config.sections.dialling import Dialling
from contactd.config.sections.dispositions import Disposition
from contactd.config.sections.flows import Flow, FlowTest
from contactd.config.sections.lines import Line, Menu, MenuNeeds
from contactd.config.sections.live import LIVE, LIVE_SECRETS, is_live, same_place
from contactd.config.sections.lookup import Lookup, LookupSecrets
from contactd.config.sections.machine import (
    Agi,
    AudioSocket,
    Ctl,
    Database,
    DatabaseSecrets,
    Door,
    Jobs,
    Pbx,
    PbxSecrets,
    Privacy,
    Retention,
    Spool,
    Web,
)
from contactd.config.sections.mail import Mailbox, MailboxSecrets, Smtp, SmtpSecrets, SmtpSections
from contactd.config.sections.queues import DestinationTable, KeyTable, Queue, QueueStep
from contactd.config.sections.recording import Recording, RecordingSecrets
from contactd.config.sections.speech import Speech
from contactd.config.sections.tty import Tty
from contactd.config.sections.webhooks import EVENTS, Webhook, WebhookSecrets
from contactd.config.sections.whole import SECRETS_FILE, SecretSections, Sections

__all__ = [
    "EVENTS",
    "LIVE",
    "LIVE_SECRETS",
    "SECRETS_FILE",
    "AgentSecrets",
    "AgentSection",
    "Agi",
    "Announcements",
    "AudioSocket",
    "Calendar",
    "CalendarSections",
    "CaseSections",
    "CaseType",
    "Ctl",
    "CustomerField",
    "CustomerSecrets",
    "Customers",
    "Database",
    "DatabaseSecrets",
    "Desk",
    "DestinationTable",
    "Dialling",
    "Disposition",
    "Door",
    "Flow",
    "FlowTest",
    "Handsets",
    "Jobs",
    "KeyTable",
    "Line",
    "Lookup",
    "LookupSecrets",
    "Mailbox",
    "MailboxSecrets",
    "Menu",
    "MenuNeeds",
    "Pbx",
    "PbxSecrets",
    "PositionTable",
    "Privacy",
    "Profile",
    "ProfileMedium",
    "Queue",
    "QueueMessage",
    "QueueStep",
    "Reason",
    "Recording",
    "RecordingSecrets",
    "Retention",
    "SecretSections",
    "Sections",
    "SignIn",
    "Smtp",
    "SmtpSecrets",
    "SmtpSections",
    "SpecialDay",
    "Speech",
    "Spool",
    "Supervisor",
    "TimesTable",
    "Tty",
    "Web",
    "Webhook",
    "WebhookSecrets",
    "is_live",
    "same_place",
]
