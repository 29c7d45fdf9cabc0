"""What the PBX leaves in its folder: two files a talk, one a message, and one more that says that they are whole."""

from __future__ import annotations

import array
import contextlib
import re
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

RATE_HZ = 8000
SETTLED_S = 2.0
"""Asterisk closes the two files a moment after the third is there."""
FORGOTTEN_S = 86400.0
"""Without a third file for so long: no talk takes a day, so Asterisk died over it."""
_NAME = re.compile(r"([0-9A-Za-z._-]{1,100})_([0-9]{1,18}-[0-9]{1,18}|m[0-9]{1,12})")
_SAMPLES = 1 << 14
_WINDOW = RATE_HZ // 10
_QUIET = 180.0
"""RMS of 16 bits, -45 dBFS: a telephone line without a voice lies below it."""


@dataclass(frozen=True, slots=True)
class Talk:
    """One recording as the PBX left it: a talk, or a caller's message. began, ended: Unix seconds, by the PBX's clock.
    whole: it said so."""

    stem: Path
    call: str
    offer: str
    """Of a message: m, and the second in which it began."""
    endpoint: str
    """Of a message: the queue for whose people it is."""
    began: float
    ended: float
    whole: bool

    @property
    def done(self) -> Path:
        return self.stem.with_name(self.stem.name + ".done")

    @property
    def message(self) -> bool:
        """Whether a caller left it, with nobody at the other end."""
        return self.offer.startswith("m")

    @property
    def sides(self) -> tuple[Path, ...]:
        """The caller, and the agent if it is a talk."""
        if self.message:
            return (self.stem.with_name(self.stem.name + ".sln"),)
        return self.stem.with_name(self.stem.name + "-tx.sln"), self.stem.with_name(self.stem.name + "-rx.sln")

    @property
    def samples(self) -> int:
        """Of the longer side."""
        return max((side.stat().st_size // 2 for side in self.sides if side.exists()), default=0)

    def remove(self) -> None:
        """The third file last: as long as it is there, somebody looks again."""
        for path in (*self.sides, self.done):
            path.unlink(missing_ok=True)

    def wave(self) -> Iterator[bytes]:
        """A WAV of a channel a side: left the caller, right the agent; the shorter side ends in silence."""
        sides = self.sides
        width = 2 * len(sides)
        size = self.samples * width
        yield b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt "
        yield struct.pack("<IHHIIHH", 16, 1, len(sides), RATE_HZ, RATE_HZ * width, width, 16)
        yield b"data" + struct.pack("<I", size)
        left = self.samples
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(_maybe(side)) for side in sides]
            while left > 0:
                count = min(left, _SAMPLES)
                woven = array.array("h", bytes(width * count))
                for number, file in enumerate(files):
                    woven[number :: len(files)] = _samples(file.read(2 * count), count)
                yield woven.tobytes()
                left -= count

    def heard_s(self) -> float:
        """How many seconds of it are louder than a quiet room."""
        loud = 0
        with _maybe(self.sides[0]) as file:
            while raw := file.read(2 * _WINDOW):
                samples = _samples(raw, len(raw) // 2)
                power = sum(sample * sample for sample in samples) / max(1, len(samples))
                loud += power > _QUIET * _QUIET
        return loud * _WINDOW / RATE_HZ


def waits(inbox: Path) -> bool:
    """Whether there is anything to fetch. Raises OSError."""
    return any(path.suffix == ".done" for path in inbox.iterdir())


def talks(inbox: Path, now: float | None = None) -> list[Talk]:
    """Those that are whole, and those that Asterisk died over; the oldest first. Raises OSError."""
    at = time.time() if now is None else now
    found: dict[str, Talk] = {}
    for path in inbox.iterdir():
        name, whole = path.name.removesuffix(".done"), path.suffix == ".done"
        if not whole:
            name = name.removesuffix("-rx.sln").removesuffix("-tx.sln").removesuffix(".sln")
        match = _NAME.fullmatch(name)
        if match is None or name in found:
            continue
        stem = inbox / name
        try:
            done = stem.with_name(name + ".done")
            if done.exists():
                if at - done.stat().st_mtime >= SETTLED_S:
                    found[name] = _whole(stem, match, done)
            elif at - path.stat().st_mtime >= FORGOTTEN_S:
                ended = path.stat().st_mtime
                began = ended - path.stat().st_size / 2 / RATE_HZ
                found[name] = Talk(stem, match[1], match[2], "", began, ended, whole=False)
        except FileNotFoundError:
            continue  # another worker was faster
    return sorted(found.values(), key=lambda one: one.began)


def _whole(stem: Path, match: re.Match[str], done: Path) -> Talk:
    """What the third file says; where its disk was full, what can be seen."""
    said = done.read_text(errors="replace").split()[2:5]
    at = done.stat().st_mtime
    try:
        endpoint, began, ended = said[0][:32], float(said[1]), float(said[2])
    except (IndexError, ValueError):
        endpoint, began, ended = "", at, at
    return Talk(stem, match[1], match[2], endpoint, min(began, at), min(max(began, ended), at), whole=True)


def _maybe(path: Path) -> BinaryIO:
    return path.open("rb") if path.exists() else Path("/dev/null").open("rb")


def _samples(raw: bytes, count: int) -> array.array[int]:
    samples = array.array("h")
    samples.frombytes(raw[: len(raw) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    samples.extend([0] * (count - len(samples)))
    return samples
