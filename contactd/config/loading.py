"""Reading the two files. Nothing takes effect unless all of both is right."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from contactd.config.checks import check_secrets, check_sections
from contactd.config.problems import ConfigErrors, Problems
from contactd.config.reader import read_struct
from contactd.config.sections import SECRETS_FILE, Ctl, Database, DatabaseSecrets, Door, SecretSections, Sections
from contactd.config.settings import Settings, as_settings, normalised
from contactd.core.ids import PbxId

D = TypeVar("D", bound=Door)
DEFAULT_PATH = Path("/etc/contactd/contactd.toml")
# Others may not read or write a secret, and a group may read it but not change it.
_FORBIDDEN_MODE = stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


def load(path: Path | str = DEFAULT_PATH) -> Settings:
    """The configuration, or ConfigErrors with everything that is wrong in both files."""
    path = Path(path)
    text, table, problems = _open(path)
    sections = read_struct(Sections, table, (), problems)
    entries = check_sections(sections, problems)
    found = problems.found
    secrets = SecretSections()
    if sections.secrets_file:
        secrets_path = path.parent / sections.secrets_file
        try:
            _, secrets_table, secret_problems = _open(secrets_path, secret=True)
        except ConfigErrors as refused:
            found = found + refused.errors
        else:
            secrets = read_struct(SecretSections, secrets_table, (), secret_problems)
            check_secrets(sections, secrets, secret_problems)
            found = found + secret_problems.found
    if found:
        raise ConfigErrors(found)
    sections = msgspec.structs.replace(
        sections, agi=_advertised(sections.agi), audiosocket=_advertised(sections.audiosocket)
    )
    only = next(iter(sections.pbx))
    agents = {
        agent_id: agent if agent.pbx else msgspec.structs.replace(agent, pbx=only)
        for agent_id, agent in sections.agents.items()
    }
    sections = msgspec.structs.replace(sections, agents=agents)
    return as_settings(sections, secrets, entries, text)


def _advertised(door: D) -> D:
    return door if door.advertise else msgspec.structs.replace(door, advertise=door.listen)


def control_socket(path: Path | str = DEFAULT_PATH) -> str:
    """Where contactctl finds the daemon; the other sections may be wrong and the secrets not ours to read."""
    path = Path(path)
    _, table, problems = _open(path)
    ctl = read_struct(Ctl, table.get("ctl", {}), ("ctl",), problems)
    if problems.found:
        raise ConfigErrors(problems.found)
    return ctl.socket


def database_access(path: Path | str = DEFAULT_PATH) -> tuple[Database, DatabaseSecrets]:
    """How to reach PostgreSQL, for those who read it with the daemon down.

    A secrets file that is not ours to read is no error: peer authentication needs none.
    """
    path = Path(path)
    _, table, problems = _open(path)
    database = read_struct(Database, table.get("database", {}), ("database",), problems)
    secrets = DatabaseSecrets()
    secrets_path = path.parent / str(table.get("secrets_file", SECRETS_FILE))
    if os.access(secrets_path, os.R_OK):
        _, secret_table, secret_problems = _open(secrets_path, secret=True)
        secrets = read_struct(DatabaseSecrets, secret_table.get("database", {}), ("database",), secret_problems)
        problems.found += secret_problems.found
    if problems.found:
        raise ConfigErrors(problems.found)
    return database, secrets


def pbx_names(path: Path | str = DEFAULT_PATH) -> list[PbxId]:
    """The PBXes of the file, whatever else is wrong in it; with them a Uniqueid leads to its contact."""
    _, table, _ = _open(Path(path))
    found = table.get("pbx", {})
    return [PbxId(name) for name in found] if isinstance(found, dict) else []


def _open(path: Path, *, secret: bool = False) -> tuple[str, dict[str, Any], Problems]:
    """A TOML file's normalised text and its table, with an empty list of problems that knows its lines."""
    problems = Problems(path)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read()
    except OSError as error:
        remedy = "Name another file, or make this one readable for the user that runs contactd"
        problems.add((), f"cannot be read ({error.strerror})", remedy)
        raise ConfigErrors(problems.found) from None
    if secret and mode & _FORBIDDEN_MODE:
        problems.add((), f"others may read or change it (mode {stat.S_IMODE(mode):04o})", f"Run: chmod 0640 {path}")
        raise ConfigErrors(problems.found)
    try:
        text = normalised(raw.decode("utf-8-sig"))
        return text, tomllib.loads(text), Problems(path, text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problems.add((), f"line {line} is not UTF-8", "Save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        # Its sentence ends with the line and column, and quotes one character at most.
        problems.add((), f"no TOML: {error}", "Mend that line")
    raise ConfigErrors(problems.found)
