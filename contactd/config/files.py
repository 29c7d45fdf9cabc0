"""The configuration's files: which they are, and what stands in them, before anybody asks what it means."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

import msgspec

from contactd.config.problems import ConfigErrors, Key, Place, Problems, lines_of_keys
from contactd.config.sections import SECRETS_FILE, Sections

SUFFIX = ".toml"
FLOWS = "flows"
"""The folder below, with one file for each flow."""
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""systemd's, for a unit with LoadCredential=secrets.toml:... (systemd.exec(5))."""

# Others may not read or write a secret, and a group may read it but not change it.
_FORBIDDEN_MODE = stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
# Sections whose entries may stand in several files: [queues.sales] in one, [queues.service] in another.
_SPREAD = frozenset(one.name for one in msgspec.structs.fields(Sections) if get_origin(one.type) is dict)


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its text, normalised, and its table."""

    path: Path
    text: str
    table: dict[str, Any]
    name: str
    """Below the folder: contactd.toml, flows/main.toml."""


@dataclass(slots=True)
class Opened:
    """All files, read as one. whole: False when one could not be read."""

    path: Path
    """The folder, or the only file."""
    problems: Problems
    sources: list[Source] = field(default_factory=list)
    table: dict[str, Any] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    """Names in the folder that are not read."""
    whole: bool = True

    @property
    def texts(self) -> dict[str, str]:
        return {source.name: source.text for source in self.sources}

    def secrets_path(self) -> Path:
        """The systemd credential, where there is one; else the file that secrets_file names."""
        credential = Path(os.environ.get(CREDENTIALS, ""), SECRETS_FILE)
        if os.environ.get(CREDENTIALS) and credential.exists():
            return credential
        return _folder(self.path) / _secrets_name(self.sources)


def open_files(path: Path, drafts: Iterable[Path] = ()) -> Opened:
    """path: a folder, whose *.toml are read in the order of their names, or one file; flows/ beside them as well.

    drafts: files of flows that are not there yet, read as if they were, each in place of the one of its name.
    """
    opened = Opened(path, Problems(path))
    tried = {draft.name: draft for draft in drafts}
    for one in [*(one for one in _candidates(opened) if not _replaced(opened, one, tried)), *tried.values()]:
        try:
            name = f"{FLOWS}/{one.name}" if tried.get(one.name) is one else _name(opened, one)
            opened.sources.append(_source(one, name))
        except ConfigErrors as refused:
            opened.problems.found += refused.errors
    # Which file has the secrets is known only now: it is nobody's source, and what is wrong with it is told elsewhere.
    secrets = _folder(path) / _secrets_name(opened.sources)
    opened.sources = [source for source in opened.sources if source.path != secrets]
    opened.problems.found = [one for one in opened.problems.found if one.file != str(secrets)]
    opened.whole = not opened.problems.found
    for source in opened.sources:
        at = within(source.name)
        opened.problems.knows(source.path, source.text, at)
        if at:
            _merge_flow(opened, source, at)
        else:
            _merge(opened, source)
    return opened


def _replaced(opened: Opened, path: Path, tried: Mapping[str, Path]) -> bool:
    return path.name in tried and _name(opened, path) != path.name


def _name(opened: Opened, path: Path) -> str:
    return f"{FLOWS}/{path.name}" if path.parent == _folder(opened.path) / FLOWS else path.name


def open_secrets(path: Path) -> Source:
    """Raises ConfigErrors for a file that is not there, not right, or not kept from others."""
    return _source(path, secret=True)


def normalised(text: str) -> str:
    """Line ends as \\n and one at the end: a file copied through another system is still the same."""
    return text.replace("\r\n", "\n").rstrip("\n") + "\n"


def within(name: str) -> Key:
    """Where the keys of a file belong: those of flows/main.toml in flows.main, those of others at the top."""
    folder, _, file = name.rpartition("/")
    return (folder, file.removesuffix(SUFFIX)) if folder else ()


def place_of(path: Path, name: str) -> Path:
    """Where the source of this name is. path: the folder, or the only file, of the configuration."""
    return _folder(path) / name


def _folder(path: Path) -> Path:
    return path if os.path.isdir(path) else path.parent


def _candidates(opened: Opened) -> list[Path]:
    """The files to read. Not secrets.toml, whatever secrets_file says: no secret is ever read as anything else."""
    if not os.path.isdir(opened.path):
        return [opened.path, *_flow_files(opened)]
    try:
        names = sorted(os.listdir(opened.path))
    except OSError as error:
        remedy = "Name another folder, or make this one readable for the user that runs contactd"
        opened.problems.add((), f"cannot be read ({error.strerror})", remedy)
        return []
    wanted = [name for name in names if name.endswith(SUFFIX) and not name.startswith(".") and name != SECRETS_FILE]
    opened.ignored = [name for name in names if name not in wanted and name != SECRETS_FILE]
    if not wanted:
        remedy = f"Put contactd{SUFFIX} there; docs/contactd.sample{SUFFIX} documents every key"
        opened.problems.add((), f"no file in this folder has a name that ends in {SUFFIX}", remedy)
    return [*(opened.path / name for name in wanted), *_flow_files(opened)]


def _flow_files(opened: Opened) -> list[Path]:
    folder = _folder(opened.path) / FLOWS
    if not folder.is_dir():
        return []
    opened.ignored = [name for name in opened.ignored if name != FLOWS]
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        remedy = "Make it readable for the user that runs contactd"
        opened.problems.add((), f"its folder {FLOWS} cannot be read ({error.strerror})", remedy)
        return []
    wanted = [name for name in names if name.endswith(SUFFIX) and not name.startswith(".")]
    opened.ignored += [f"{FLOWS}/{name}" for name in names if name not in wanted]
    return [folder / name for name in wanted]


def _secrets_name(sources: Iterable[Source]) -> str:
    named = (source.table["secrets_file"] for source in sources if "secrets_file" in source.table)
    return next((name for name in named if isinstance(name, str) and name), SECRETS_FILE)


def _merge_flow(opened: Opened, source: Source, at: Key) -> None:
    """As if it stood at [flows.<name>] of the others."""
    flows = opened.table.setdefault(at[0], {})
    if not isinstance(flows, dict):
        return
    if at[1] in flows:
        _twice(opened, at, (str(source.path), 1))
    else:
        flows[at[1]] = source.table


def _merge(opened: Opened, source: Source) -> None:
    """A section, or a key, is in one file only; of two, nobody knows which one the admin means."""
    lines = lines_of_keys(source.text)
    for name, value in source.table.items():
        if name not in opened.table:
            opened.table[name] = dict(value) if isinstance(value, dict) else value
        elif name in _SPREAD and isinstance(value, dict) and isinstance(opened.table[name], dict):
            for inner, item in value.items():
                if inner in opened.table[name]:
                    _twice(opened, (name, inner), (str(source.path), lines.get((name, inner))))
                else:
                    opened.table[name][inner] = item
        else:
            _twice(opened, (name,), (str(source.path), lines.get((name,))))


def _twice(opened: Opened, key: Key, again: Place) -> None:
    file, line = opened.problems.place(key)
    first = f"{file}:{line}" if line else file
    opened.problems.add(key, f"{first} gives this already", "Remove one of the two", place=again)


def _source(path: Path, name: str = "", *, secret: bool = False) -> Source:
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
        return Source(path, text, tomllib.loads(text), name or path.name)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problems.add((), f"line {line} is not UTF-8", "Save the file as UTF-8", place=(str(path), line))
    except tomllib.TOMLDecodeError as error:
        # Its sentence ends with the line and column, and quotes one character at most.
        problems.add((), f"no TOML: {error}", "Mend that line")
    raise ConfigErrors(problems.found)
