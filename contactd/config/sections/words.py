"""What a key may take, as the keys of several sections take it: ids, names, hours, numbers, addresses."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from contactd.core.ids import AgentId, CalendarId, GroupId, PbxId, QueueId, SkillId

# \Z and not $, which would let a trailing newline through.
_ID = Meta(
    pattern=r"^[a-z][a-z0-9_-]{0,31}\Z",
    description="an id: a small letter, then up to 31 small letters, digits, - or _",
)
Pbx = Annotated[PbxId, _ID]
Queue = Annotated[QueueId, _ID]
Agent = Annotated[AgentId, _ID]
Menu = Annotated[str, _ID]
Flow = Annotated[str, _ID]
Reason = Annotated[str, _ID]
Skill = Annotated[SkillId, _ID]
Group = Annotated[GroupId, _ID]
Calendar = Annotated[CalendarId, _ID]
Profile = Annotated[str, _ID]
Supervisor = Annotated[str, _ID]
CaseType = Annotated[str, _ID]
MailboxId = Annotated[str, _ID]
Topic = Annotated[str, _ID]
State = Annotated[str, _ID]
MessageId = Annotated[str, _ID]
Webhook = Annotated[str, _ID]
Disposition = Annotated[str, _ID]
Target = Annotated[str, Meta(description='"menu:<id>", "flow:<id>", "queue:<id>" or "echo"')]
Medium = Literal["voice", "tty", "mail", "chat", "sms", "social"]
Level = Annotated[int, Meta(ge=1, le=10, description="a level, 1 to 10")]
Strategy = Literal["longest_idle", "fewest_contacts", "best_skill", "round_robin", "weighted_random", "ring_all"]
Boost = Annotated[int, Meta(ge=0, le=86400, description="seconds, 0 to 86400")]
After = Annotated[
    str,
    Meta(pattern=r"^[1-9][0-9]{0,4}\Z", description="the seconds of the wait after which the step begins, 1 to 99999"),
]
Zone = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}\Z",
        max_length=64,
        description='a time zone by its IANA name, such as "Europe/Berlin"',
    ),
]
Hours = Annotated[
    str,
    Meta(
        pattern=r"^[0-9:, -]{9,200}\Z|^closed\Z",
        description='hours such as "8:00-12:00, 13:00-17:30", over midnight as in "22:00-6:00", or "closed"',
    ),
]
Weekdays = Annotated[
    str, Meta(pattern=r"^[a-z]{6,9}(-[a-z]{6,9})?\Z", description='a weekday, or several as in "monday-friday"')
]
Dates = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{2}-[0-9]{2}\Z|^[0-9]{4}-[0-9]{2}-[0-9]{2}(/[0-9]{4}-[0-9]{2}-[0-9]{2})?\Z",
        description='a date such as 2026-12-24, 12-24 for every year, or "2026-12-24/2027-01-06" for all from one to'
        " the other",
    ),
]
Holiday = Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{1,100}\Z", description="the name of a holiday")]
Endpoint = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z_-]{1,32}\Z",
        description="the handset's PJSIP endpoint: up to 32 letters, digits, - or _",
    ),
]
EndpointPattern = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z_*?-]{1,32}\Z",
        description="a PJSIP endpoint or a pattern of them: up to 32 letters, digits, -, _, * or ?",
    ),
]
Sound = Annotated[
    str,
    Meta(
        pattern=r"^(?!.*\.\.)[A-Za-z0-9_./-]{1,120}\Z",
        description='the name of a sound as Playback() takes it, such as "custom/welcome", without ".."',
    ),
]
# The target stands in an extension of the dialplan, which takes 80 characters.
Message = Annotated[
    str,
    Meta(
        pattern=r"^(?!.*\.\.)[A-Za-z0-9_./-]{1,48}\Z",
        description='the name of a sound as Playback() takes it, up to 48 characters, such as "custom/closed"',
    ),
]
Box = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z_-]{1,20}(@[0-9A-Za-z_-]{1,20})?\Z",
        description='a box as VoiceMail() takes it, such as "100" or "100@sales"',
    ),
]
External = Annotated[
    str,
    Meta(
        pattern=r"^\+?[0-9]{2,20}\Z",
        description="a number as the trunk takes it: 2 to 20 digits, with a + in front perhaps",
    ),
]
Host = Annotated[str, Meta(pattern=r"^[0-9A-Za-z:._%-]{1,253}\Z", description="a host name or an IP address")]
Word = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z", description="1 to 64 visible characters without a space")]
Path = Annotated[str, Meta(pattern=r"^/[^\0\n\r]+\Z", description="an absolute path")]
Port = Annotated[int, Meta(ge=1, le=65535, description="a port, 1 to 65535")]
Dialled = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z*#+._-]{1,40}\Z",
        description="the number as the dialplan gets it: up to 40 digits, letters or *#+._-",
    ),
]
Label = Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{0,64}\Z", description="a line of at most 64 characters")]
Key = Annotated[str, Meta(pattern=r"^[0-9*#]\Z", description="one key: 0 to 9, * or #")]
Digits = Annotated[str, Meta(pattern=r"^[0-9]{1,2}\Z", description="one or two digits, as dialled")]
Shared = Annotated[
    str, Meta(pattern=r"^\+?[0-9]{3,24}\*?\Z", description='a number such as "+49301230" or "49301230*"')
]
Dsn = Annotated[
    str,
    Meta(
        pattern=r"^postgres(ql)?://[^\s]*\Z",
        description='a URL such as "postgresql://contactd@/contactd?host=/run/postgresql"',
    ),
]
Days = Annotated[int, Meta(ge=1, le=36500, description="days, 1 to 36500")]
SealingKey = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}\Z",
        description='64 hexadecimal digits in quotes, as "openssl rand -hex 32" gives them',
        examples=["0123456789abcdef" * 4],
    ),
]
DaysKept = Annotated[int, Meta(ge=0, le=36500, description="days, 1 to 36500, or 0: for ever")]
OldDays = Annotated[int, Meta(ge=1, le=36500, description="days, 1 to 36500", examples=[90])]
