"""Reading the configuration. Nothing takes effect unless all of it is right."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from contactd.config.calendars import calendars_of, check_calendar
from contactd.config.checks import check_case_types, check_secrets, check_sections
from contactd.config.files import FLOWS, Opened, Source, open_files, open_secrets
from contactd.config.flows import flows_of, is_test
from contactd.config.problems import ConfigErrors, Problem, Problems
from contactd.config.reader import read_struct
from contactd.config.retention import retention_days
from contactd.config.sections import (
    CalendarSections,
    CaseSections,
    CaseType,
    Ctl,
    Customers,
    CustomerSecrets,
    Database,
    DatabaseSecrets,
    Door,
    Jobs,
    Privacy,
    Recording,
    RecordingSecrets,
    Retention,
    SecretSections,
    Sections,
    Smtp,
    SmtpSections,
)
from contactd.config.sections import Flow as FlowSection
from contactd.config.settings import Settings, as_settings
from contactd.core.ids import CalendarId, PbxId
from contactd.core.ivr.flow import Flow
from contactd.hours.calendar import Calendar

D = TypeVar("D", bound=Door)
S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T", bound=msgspec.Struct)
DEFAULT_PATH = Path("/etc/contactd")


def load(path: Path | str = DEFAULT_PATH) -> Settings:
    """The configuration of a folder or of one file, or ConfigErrors with everything that is wrong in it."""
    opened = open_files(Path(path))
    problems = opened.problems
    sections = read_struct(Sections, opened.table, (), problems, whole=opened.whole)
    entries = check_sections(sections, problems) if opened.whole else {}
    secrets, secret_problems = _secrets(opened, sections)
    problems.found += secret_problems.found
    if problems.found:
        raise ConfigErrors(problems.found)
    return as_settings(_filled(sections), secrets, entries, str(path), opened.texts)


def _secrets(opened: Opened, sections: Sections) -> tuple[SecretSections, Problems]:
    path = opened.secrets_path()
    problems = Problems(path)
    if not sections.secrets_file:
        return SecretSections(), problems
    try:
        source = open_secrets(path)
    except ConfigErrors as refused:
        problems.found += refused.errors
        return SecretSections(), problems
    problems.knows(path, source.text)
    secrets = read_struct(SecretSections, source.table, (), problems)
    if opened.whole:
        check_secrets(sections, secrets, problems)
    return secrets, problems


def _filled(sections: Sections) -> Sections:
    """What is left out and follows from the rest."""
    only = next(iter(sections.pbx))
    agents = {
        agent_id: agent if agent.pbx else msgspec.structs.replace(agent, pbx=only)
        for agent_id, agent in sections.agents.items()
    }
    return msgspec.structs.replace(
        sections, agi=_advertised(sections.agi), audiosocket=_advertised(sections.audiosocket), agents=agents
    )


def _advertised(door: D) -> D:
    return door if door.advertise else msgspec.structs.replace(door, advertise=door.listen)


# --- parts, for those who need no more and run where the rest may be wrong or not theirs to read ----------------------


def control_socket(path: Path | str = DEFAULT_PATH) -> str:
    """Where contactctl finds the daemon; the other sections may be wrong and the secrets not ours to read."""
    opened = open_files(Path(path))
    ctl = read_struct(Ctl, opened.table.get("ctl", {}), ("ctl",), opened.problems)
    _refuse(opened, "ctl")
    return ctl.socket


def database_access(path: Path | str = DEFAULT_PATH) -> tuple[Database, DatabaseSecrets]:
    """How to reach PostgreSQL, for those who read it with the daemon down."""
    return _access(path, "database", Database, DatabaseSecrets)


def recording_access(path: Path | str = DEFAULT_PATH) -> tuple[Recording, RecordingSecrets]:
    """Where recordings lie, and the keys."""
    return _access(path, "recording", Recording, RecordingSecrets)


def customers_access(path: Path | str = DEFAULT_PATH) -> tuple[Customers, CustomerSecrets]:
    """What is declared of customers, and the keys."""
    return _access(path, "customers", Customers, CustomerSecrets)


def smtp_access(path: Path | str = DEFAULT_PATH) -> dict[str, Smtp]:
    """The mailboxes that answer, whatever else is wrong. Raises ConfigErrors for what is wrong with them."""
    opened = open_files(Path(path))
    told = {"smtp": opened.table["smtp"]} if "smtp" in opened.table else {}
    found = read_struct(SmtpSections, told, (), opened.problems)
    _refuse(opened, "smtp")
    return found.smtp


def _access(path: Path | str, section: str, kind: type[S], secret_kind: type[T]) -> tuple[S, T]:
    """A section and its secrets. A secrets file that is not ours to read is no error: peers need none."""
    opened = open_files(Path(path))
    found = read_struct(kind, opened.table.get(section, {}), (section,), opened.problems)
    secrets = secret_kind()
    secrets_path = opened.secrets_path()
    if os.access(secrets_path, os.R_OK):
        source = open_secrets(secrets_path)
        secret_problems = _knowing(source)
        secrets = read_struct(secret_kind, source.table.get(section, {}), (section,), secret_problems)
        opened.problems.found += secret_problems.found
    _refuse(opened, section)
    return found, secrets


def retention_access(path: Path | str = DEFAULT_PATH) -> dict[str, int]:
    """How many days each kind of data is kept, whatever else is wrong."""
    opened = open_files(Path(path))
    kinds: tuple[tuple[str, type[Retention | Privacy | Jobs]], ...] = (
        ("retention", Retention),
        ("privacy", Privacy),
        ("jobs", Jobs),
    )
    found: list[Any] = []
    for name, kind in kinds:
        found.append(read_struct(kind, opened.table.get(name, {}), (name,), opened.problems))
        _refuse(opened, name)
    return retention_days(*found)


def calendars(path: Path | str = DEFAULT_PATH) -> dict[CalendarId, Calendar]:
    """Those of the files, whatever else is wrong in them. Raises ConfigErrors for what is wrong with the calendars."""
    opened = open_files(Path(path))
    table = {"calendars": opened.table["calendars"]} if "calendars" in opened.table else {}
    found = read_struct(CalendarSections, table, (), opened.problems)
    for name, section in found.calendars.items():
        check_calendar(name, section, opened.problems)
    _refuse(opened, "calendars")
    return calendars_of(found.calendars)


def case_access(path: Path | str = DEFAULT_PATH) -> tuple[dict[str, CaseType], dict[CalendarId, Calendar]]:
    """Types of cases, and calendars, whatever else is wrong. Raises ConfigErrors for what is wrong with these."""
    opened = open_files(Path(path))
    table = {name: opened.table[name] for name in ("calendars", "case_types") if name in opened.table}
    found = read_struct(CaseSections, table, (), opened.problems)
    for calendar_id, section in found.calendars.items():
        check_calendar(calendar_id, section, opened.problems)
    check_case_types(found.case_types, found.calendars, opened.problems)
    for name in ("calendars", "case_types"):
        _refuse(opened, name)
    return found.case_types, calendars_of(found.calendars)


def flow_access(
    path: Path | str = DEFAULT_PATH, drafts: Iterable[Path] = ()
) -> tuple[dict[str, FlowSection], dict[str, Flow], list[Problem]]:
    """Flows as they are written, as they run, and what is wrong with them, whatever else is. With anything wrong but
    tests that fail, none runs. drafts: as open_files() takes them. Raises ConfigErrors for a file that cannot be read.
    """
    opened = open_files(Path(path), drafts)
    if not opened.whole:
        raise ConfigErrors(opened.problems.found)
    sections = read_struct(Sections, opened.table, (), opened.problems)
    check_sections(sections, opened.problems)
    found = [one for one in opened.problems.found if one.key.split(".")[0] == FLOWS]
    runs = not [one for one in found if not is_test(one.key)]
    return sections.flows, flows_of(sections) if runs else {}, found


def floor_number(path: Path | str = DEFAULT_PATH) -> int:
    """The floor's number, whatever else is wrong in the files."""
    found = open_files(Path(path)).table.get("floor", 1)
    return found if isinstance(found, int) else 1


def names(path: Path | str, section: str) -> list[str]:
    """The ids in a section such as "queues", whatever else is wrong in it."""
    found = open_files(Path(path)).table.get(section, {})
    return list(found) if isinstance(found, dict) else []


def pbx_names(path: Path | str = DEFAULT_PATH) -> list[PbxId]:
    """The PBXes of the configuration, whatever else is wrong in it; with them a Uniqueid leads to its contact."""
    return [PbxId(name) for name in names(path, "pbx")]


def _knowing(source: Source) -> Problems:
    problems = Problems(source.path)
    problems.knows(source.path, source.text)
    return problems


def _refuse(opened: Opened, section: str) -> None:
    """Raise what is wrong with this section. A file that cannot be read counts only while the section may be there."""
    sure = section in opened.table
    found = [one for one in opened.problems.found if one.key.split(".")[0] == section or (not one.key and not sure)]
    if found:
        raise ConfigErrors(found)
