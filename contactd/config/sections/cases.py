"""What customers want done."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.config.sections import words
from contactd.config.sections.calendars import Calendar
from contactd.config.sections.customers import CustomerField

_Field = Annotated[
    str,
    Meta(
        pattern=r"^(?!(subject|note)\Z)[a-z][a-z0-9_]{0,31}\Z",
        description='a field\'s id: a small letter, then up to 31 small letters, digits or _; not "subject" or "note"',
    ),
]
_TargetMin = Annotated[int, Meta(ge=0, le=525600, description="minutes, 0 to 525600")]


class CaseType(Struct, frozen=True, kw_only=True):
    """One section for each type of case (docs/cases.rst). Without any there is one type, ``general``, with the usual
    states and no targets. ``contactctl cases`` takes a change at once, the workers at their reload."""

    label: words.Label = ""
    """The name for people. Empty: the id."""
    calendar: words.Calendar | None = None
    """In whose hours the targets count. Left out: around the clock."""
    first_answer_min: _TargetMin = 0
    """Within so many minutes of these hours the customer is to have an answer. 0: no such target."""
    resolution_min: _TargetMin = 0
    """Within so many minutes of these hours the case is to be closed. The clock stands still while it waits for the
    customer. 0: no such target."""
    warn_min: _TargetMin = 30
    """So many minutes of these hours before a target breaks it is told: by ``contactctl cases due``, the metric
    contactd_case_targets and its alert."""
    reopen_days: Annotated[int, Meta(ge=0, le=3650, description="days, 0 to 3650")] = 14
    """A new contact about a case that was closed within so many days opens it again; later a new case follows it.
    0: always a new one."""
    topics: dict[words.Topic, words.Label] = {}
    """Topic = the name for people. What a case may be about; re-contacts are counted by it. Empty: cases of this type
    have no topic."""
    states: dict[words.State, Literal["open", "waiting", "closed"]] = {}
    """State = what it means: ``open``, ``waiting`` (for the customer) or ``closed``. The first one of each is the usual
    one: a new case is in the first open state. Empty: new and in_progress are open, waiting is waiting, closed is
    closed."""
    fields: dict[_Field, CustomerField] = {}


class CaseSections(Struct, frozen=True, kw_only=True):
    """What cases are made by, for who asks only for that."""

    calendars: dict[words.Calendar, Calendar] = {}
    case_types: dict[words.CaseType, CaseType] = {}
