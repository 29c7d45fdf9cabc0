"""What the doctor found. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """subject: pbx1, database, files...; check: a stable word for scripts; remedy: empty when all is well."""

    subject: str
    check: str
    level: Level
    what: str
    remedy: str = ""


class Findings:
    """Collects; a subject's own checks add to it through ``at``."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def at(self, subject: str) -> Subject:
        return Subject(subject, self.all)

    @property
    def fine(self) -> bool:
        return all(finding.level is Level.OK for finding in self.all)

    def count(self, level: Level) -> int:
        return sum(finding.level is level for finding in self.all)


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject's findings."""

    name: str
    into: list[Finding]

    def ok(self, check: str, what: str) -> None:
        self.into.append(Finding(self.name, check, Level.OK, what))

    def warning(self, check: str, what: str, remedy: str) -> None:
        self.into.append(Finding(self.name, check, Level.WARNING, what, remedy))

    def error(self, check: str, what: str, remedy: str) -> None:
        self.into.append(Finding(self.name, check, Level.ERROR, what, remedy))


def names(items: Iterable[str]) -> str:
    """
    >>> names(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = list(items)
    return f"{', '.join(most)} and {last}" if most else last
