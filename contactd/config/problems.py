"""What is wrong with a configuration: all of it at once, each with its file, line, key and remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from contactd.core.errors import ContactdError

Key = tuple[str, ...]
"""The path to a value: ("queues", "sales", "ring_s")."""
Place = tuple[str, int | None]
"""A file and its line."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong thing. Never holds a value of the secrets file."""

    file: str
    line: int | None
    key: str
    what: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        return f"{place}:{key} {self.what}. {self.remedy}."


class ConfigErrors(ContactdError):
    """The configuration is refused whole; the one in force stays."""

    def __init__(self, errors: Iterable[Problem]) -> None:
        self.errors = sorted(errors, key=lambda error: (error.file, error.line or 0))
        super().__init__("\n".join(str(error) for error in self.errors))


class Problems:
    """The problems of one file, or of several that are read as one; collected while they are read.

    file: named where a problem has no place of its own, such as a key that is missing.
    """

    def __init__(self, file: Path | str) -> None:
        self.file = str(file)
        self.found: list[Problem] = []
        self._places: dict[Key, Place] = {}

    def knows(self, file: Path | str, text: str, within: Key = ()) -> None:
        """From now on a key of this file is told with its line. within: where the file's keys belong."""
        if within:
            self._places.setdefault(within, (str(file), None))
        for key, line in lines_of_keys(text).items():
            self._places.setdefault((*within, *key), (str(file), line))

    def add(self, key: Key, what: str, remedy: str, *, place: Place | None = None) -> None:
        file, line = place or self.place(key)
        self.found.append(Problem(file, line, ".".join(key), what, remedy))

    def place(self, key: Key) -> Place:
        """Where the key stands, or the nearest section above it."""
        parts = (self._places[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self._places)
        return next(parts, (self.file, None))

    def complained(self, key: Key) -> bool:
        """Whether something at this key, or below it, was found wrong already."""
        name = ".".join(key)
        return any(one.key == name or one.key.startswith(f"{name}.") for one in self.found)

    def unknown(self, key: Key, known: Iterable[str]) -> None:
        """A key that nobody reads: most often a typing error, so the nearest known one is named."""
        known = sorted(known)
        near = difflib.get_close_matches(key[-1], known, n=1)
        if near:
            remedy = f"Write {near[0]}, or remove it"
        elif known:
            remedy = f"Remove it; known here: {', '.join(known)}"
        else:
            remedy = "Remove it"
        self.add(key, "unknown key", remedy)


_TABLE = re.compile(r"^\s*\[\[?\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_ASSIGNED = re.compile(rf"^\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_PARTS = re.compile(_PART)


def lines_of_keys(text: str) -> dict[Key, int]:
    """Where each key stands. A hint for people, which text inside a multi-line string may mislead."""
    lines: dict[Key, int] = {}
    table: Key = ()
    elements: dict[Key, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if assigned := _ASSIGNED.match(line):
            lines.setdefault(table + _split(assigned[1]), number)
        elif header := _TABLE.match(line):
            table = _split(header[1])
            lines.setdefault(table, number)
            if line.lstrip().startswith("[["):
                elements[table] = elements.get(table, -1) + 1
                table = (*table, str(elements[table]))
                lines.setdefault(table, number)
    return lines


def _split(dotted: str) -> Key:
    return tuple(part.strip("\"'") for part in _PARTS.findall(dotted))
