"""A file of somebody else's, as lines of text: which encoding it has, and what in it cannot be read."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from contactd.core.errors import ContactdError

ENCODINGS = ("utf-8", "utf-16", "latin-1", "cp1252")
LONGEST = 1 << 20
"""Characters of a line. A longer one is refused, and never held whole."""
UNREADABLE = "\ufffd"
"""In place of what is no letter in the file's encoding."""
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHUNK = 1 << 20


class FileRefused(ContactdError):
    """A file, or how it is to be read, that makes no sense: nothing was imported."""


@dataclass(slots=True)
class Line:
    """text: None for one that is too long."""

    number: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was looked through once. encoding: a codec of Python's."""

    path: Path
    sha256: bytes
    encoding: str

    def open(self) -> TextIO:
        """Whatever is no letter reads as UNREADABLE."""
        raw = self.path.open("rb")
        return io.TextIOWrapper(raw, encoding=self.encoding, errors="replace", newline="")


def look(path: Path, encoding: str | None) -> Source:
    """encoding: one of ENCODINGS, or None: by its first bytes, else UTF-8. Raises FileRefused."""
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    bad_line, line, nul = None, 1, False
    first = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                first = first or chunk[:4]
                digest.update(chunk)
                nul = nul or b"\0" in chunk
                if bad_line is None:
                    try:
                        decoder.decode(chunk)
                    except UnicodeDecodeError as error:
                        bad_line = line + error.object.count(b"\n", 0, error.start)
                line += chunk.count(b"\n")
    except OSError as error:
        raise FileRefused(f"{path} cannot be read ({error.strerror}): name another one.") from None
    if not first:
        raise FileRefused(f"{path} is empty: name another one.")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        bad_line = bad_line or line
    marked = next((name for bom, name in _BOMS if first.startswith(bom)), None)
    return Source(path, digest.digest(), _encoding(path, encoding, marked, bad_line, nul=nul))


def _encoding(path: Path, asked: str | None, marked: str | None, bad_line: int | None, *, nul: bool) -> str:
    if marked is not None:
        if asked is not None and not marked.startswith(asked):
            raise FileRefused(f"{path} begins with the mark of {marked}, not {asked}: leave --encoding out.")
        return marked
    if asked is not None:
        return asked if asked != "utf-16" else "utf-16-le"
    if bad_line is not None:
        raise FileRefused(
            f"{path}, line {bad_line}, is not UTF-8. Is it from a program for Windows? Then say --encoding cp1252."
            " --encoding utf-8 refuses these rows only."
        )
    if nul:
        raise FileRefused(
            f"{path} has NUL bytes: is it UTF-16? Then say --encoding utf-16; else save it as UTF-8 text."
        )
    return "utf-8"


def lines(file: TextIO) -> Iterator[Line]:
    """With their numbers from 1, and their ends."""
    number = 0
    while text := file.readline(LONGEST):
        number += 1
        if len(text) < LONGEST or text[-1] in "\r\n":
            yield Line(number, text)
            continue
        while (rest := file.readline(LONGEST)) and rest[-1] not in "\r\n":
            pass
        yield Line(number, None)
