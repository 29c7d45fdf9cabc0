"""CSV as the world writes it: quoted or not, with any of four delimiters, and broken in every way.

A row that cannot be read costs itself only: reading goes on with the line after its first one.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contactd.services.crm.importing.lines import FileRefused, Line
from contactd.services.crm.importing.rows import Row

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_LONGEST_NAME = 100
_MOST_LINES = 200
_MOST_CHARACTERS = 1 << 18
_NEVER_CLOSED = "A quote that opens here is not closed: close it, or write it twice where it belongs to the text."
_TOO_LONG = "The line is longer than 1,048,576 characters: take out what is no customer's."


class _Broken(Exception):
    """The record in hand cannot be read."""


@dataclass(slots=True)
class _Record:
    """As csv cut it. Not frozen, as Row and Line are not: that costs more than the record, a million times."""

    line: int
    cells: Sequence[str]
    error: str = ""


class Sheet:
    """columns: the heading. Iterate it once for the rows below. Raises FileRefused for a heading that is none."""

    def __init__(self, lines: Iterator[Line], delimiter: str | None = None) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._held: list[Line] = []
        first = next(lines, None)
        while first is not None and first.text is not None and not first.text.strip():
            first = next(lines, None)
        if first is None or first.text is None:
            raise FileRefused("The first line is no heading: the file must begin with the names of its columns.")
        self._delimiter = delimiter or _delimiter(first.text)
        self._again.append(first)
        heading = next(self._records())
        if heading.error:
            raise FileRefused(f"The heading cannot be read: {heading.error}")
        self.columns = [name.strip() for name in heading.cells]
        _check(self.columns, self._delimiter, first.text)

    def __iter__(self) -> Iterator[Row]:
        wide = len(self.columns)
        for record in self._records():
            if record.error:
                yield Row(record.line, error=record.error)
                continue
            found = len(record.cells)
            if found == 1 and wide > 1 and not record.cells[0].strip():
                continue
            if found != wide:
                text = f"It has {found} cells, the heading {wide}: a text with a delimiter in it stands in quotes."
                yield Row(record.line, error=text)
                continue
            yield Row(record.line, list(zip(self.columns, record.cells, strict=True)))

    def _records(self) -> Iterator[_Record]:
        reader = self._reader()
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (_Broken, csv.Error) as error:
                # csv's own words may quote the row.
                sentence = str(error) if isinstance(error, _Broken) else _NEVER_CLOSED
                first = self._held[0]
                self._again.extendleft(reversed(self._held[1:]))
                self._held.clear()
                reader = self._reader()
                yield _Record(first.number, (), _TOO_LONG if first.text is None else sentence)
                continue
            line = self._held[0].number
            self._held.clear()
            if cells:
                yield _Record(line, cells)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._feed(), delimiter=self._delimiter, strict=True)

    def _feed(self) -> Iterator[str]:
        characters = 0
        while True:
            line = self._again.popleft() if self._again else next(self._lines, None)
            if line is None:
                return
            characters = characters + len(line.text or "") if self._held else len(line.text or "")
            self._held.append(line)
            if line.text is None or len(self._held) > _MOST_LINES or characters > _MOST_CHARACTERS:
                raise _Broken(_NEVER_CLOSED)
            yield line.text


def _delimiter(heading: str) -> str:
    """Which of them the heading has most often."""
    return max(DELIMITERS.values(), key=heading.count)


def _check(columns: list[str], delimiter: str, heading: str) -> None:
    others = [name for name, sign in DELIMITERS.items() if sign != delimiter and sign in heading]
    if len(columns) == 1 and others:
        raise FileRefused(f"With this delimiter there is one column only: try --delimiter {' or '.join(others)}.")
    twice = {name for name in columns if name and [one.casefold() for one in columns].count(name.casefold()) > 1}
    if twice:
        raise FileRefused(f"The heading has {', '.join(sorted(twice))} twice: give each column a name of its own.")
    if not all(name.isprintable() and len(name) <= _LONGEST_NAME for name in columns):
        raise FileRefused(
            f"The heading has a name that is longer than {_LONGEST_NAME} characters, or signs that cannot be printed:"
            " give each column a plain name. Is the encoding right?"
        )
    if not all(columns):
        raise FileRefused(f"Column {columns.index('') + 1} of the heading has no name: give each one, or take it out.")
