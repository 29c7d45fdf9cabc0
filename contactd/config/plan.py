"""What a reload would make of the running configuration; the reload itself does exactly this."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from contactd.config.checks import check_secrets, check_sections
from contactd.config.files import place_of, within
from contactd.config.problems import ConfigErrors, Key, Problem, Problems
from contactd.config.sections import LIVE, LIVE_SECRETS, Sections, is_live
from contactd.config.settings import Secrets, Settings
from contactd.config.writing import toml_key, toml_value

_ABSENT = object()
_LONGEST_TOLD = 300
_SECTIONS = tuple(field.name for field in msgspec.structs.fields(Sections))


@dataclass(frozen=True, slots=True)
class Change:
    """One key, or one whole section that came or went. Values as TOML; None: absent, or a secret's."""

    key: str
    kind: str
    """added, removed or changed."""
    old: str | None
    new: str | None
    live: bool
    """A reload takes it; else a restart."""
    secret: bool = False

    def __str__(self) -> str:
        """For the log: names a secret, never its value."""
        if self.secret:
            return f"{self.key} ({self.kind}, in the secrets)"
        old = "nothing" if self.old is None else self.old
        return f"{self.key}: {_short(old)} -> {'nothing' if self.new is None else _short(self.new)}"

    def json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "change": self.kind,
            "old": self.old,
            "new": self.new,
            "takes": "reload" if self.live else "restart",
            "secret": self.secret,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """settings: what would be in force; the running ones themselves when nothing would be taken."""

    running: Settings
    settings: Settings
    changes: tuple[Change, ...] = ()
    errors: tuple[Problem, ...] = ()
    """The files are wrong."""
    held: tuple[Problem, ...] = ()
    """The files are right, but what a reload takes does not fit what runs on until a restart."""

    @property
    def waiting(self) -> tuple[Change, ...]:
        """What only a restart takes: with something that does not fit, all of it."""
        return self.changes if self.held else tuple(change for change in self.changes if not change.live)

    def json(self) -> dict[str, Any]:
        return {
            "path": self.running.path,
            "running": self.running.sha256,
            "after": self.settings.sha256,
            "changes": [change.json() for change in self.changes],
            "errors": [str(problem) for problem in self.errors],
            "held": [str(problem) for problem in self.held],
        }


def _short(value: str) -> str:
    """A whole flow would fill the log."""
    return value if len(value) <= _LONGEST_TOLD else f"{value[:_LONGEST_TOLD]}..."


def refused(running: Settings, errors: ConfigErrors) -> Plan:
    """The files are wrong: nothing would be taken."""
    return Plan(running, running, errors=tuple(errors.errors))


def plan(running: Settings, new: Settings) -> Plan:
    """All live keys of new together, or, where they do not fit with the rest of running, nothing."""
    changes = tuple(_changes(running, new))
    mixed = _mixed(running, new)
    problems = Problems(new.path)
    for name, text in new.texts.items():
        problems.knows(place_of(Path(new.path), name), text, within(name))
    entries = check_sections(mixed, problems)
    check_secrets(mixed, mixed.secrets, problems)
    if problems.found:
        return Plan(running, running, changes, held=tuple(problems.found))
    return Plan(running, msgspec.structs.replace(mixed, entries=entries), changes)


def _mixed(running: Settings, new: Settings) -> Settings:
    """The live keys of new, the rest of running, and what of the rest is not as in the files."""
    values = {name: _mixed_value((name,), getattr(running, name), getattr(new, name), LIVE) for name in _SECTIONS}
    kept = [
        f"{toml_key(name)} = {toml_value(_plain(value))}\n"
        for name, value in values.items()
        if value != getattr(new, name)
    ]
    secrets = {
        name: _mixed_value((name,), getattr(running.secrets, name), getattr(new.secrets, name), LIVE_SECRETS)
        for name in new.secrets.__struct_fields__
    }
    return msgspec.structs.replace(new, **values, secrets=Secrets(**secrets), kept="".join(kept))


def _mixed_value(key: Key, running: Any, new: Any, live: tuple[Key, ...]) -> Any:
    if is_live(key, live):
        return new
    if isinstance(running, dict):
        return {
            name: _mixed_value((*key, name), value, new[name], live) if name in new else value
            for name, value in running.items()
        }
    if isinstance(running, msgspec.Struct):
        inner = {
            name: _mixed_value((*key, name), getattr(running, name), getattr(new, name), live)
            for name in running.__struct_fields__
        }
        return msgspec.structs.replace(running, **inner)
    return running


def _changes(running: Settings, new: Settings) -> Iterator[Change]:
    sections: set[str] = set()
    for name in _SECTIONS:
        for key, old, now in _differ((name,), _plain(getattr(running, name)), _plain(getattr(new, name))):
            kind = "added" if old is _ABSENT else "removed" if now is _ABSENT else "changed"
            if kind != "changed":
                sections.add(toml_key(*key))
            yield Change(toml_key(*key), kind, _shown(old), _shown(now), is_live(key, LIVE))
    for key, old, now in _differ((), _plain(running.secrets), _plain(new.secrets)):
        # A new agent's PIN is no news beside the new agent.
        if toml_key(*key) in sections:
            continue
        kind = "added" if old is _ABSENT else "removed" if now is _ABSENT else "changed"
        yield Change(toml_key(*key), kind, None, None, is_live(key, LIVE_SECRETS), secret=True)


def _differ(key: Key, old: Any, new: Any) -> Iterator[tuple[Key, Any, Any]]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differ((*key, name), old.get(name, _ABSENT), new.get(name, _ABSENT))
    else:
        yield key, old, new


def _plain(value: Any) -> Any:
    """As dicts, lists and plain values. A key that is left out is not there."""
    value = msgspec.to_builtins(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    return value


def _shown(value: Any) -> str | None:
    """A whole section without its empty keys, which say nothing."""
    if isinstance(value, dict):
        value = {name: inner for name, inner in value.items() if inner not in ("", [], (), {})}
    return None if value is _ABSENT else toml_value(value)
