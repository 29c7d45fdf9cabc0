"""What the PBX leaves in its folder: two files a talk, and a third that says that they are whole."""

from __future__ import annotations

import array
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
_NAME = re.compile(r"([0-9A-Za-z._-]{1,100})_([0-9]{1,18}-[0-9]{1,18})")
_SAMPLES = 1 << 14


@dataclass(frozen=True, slots=True)
class Talk:
    """One recording as the PBX left it. began, ended: Unix seconds, by the PBX's clock. whole: it said so."""

    stem: Path
    call: str
    offer: str
    endpoint: str
    began: float
    ended: float
    whole: bool

    @property
    def done(self) -> Path:
        return self.stem.with_name(self.stem.name + ".done")

    @property
    def sides(self) -> tuple[Path, Path]:
        """The caller, and the agent."""
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
        """A WAV of two channels: left the caller, right the agent; the shorter side ends in silence."""
        size = self.samples * 4
        yield b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt "
        yield struct.pack("<IHHIIHH", 16, 1, 2, RATE_HZ, RATE_HZ * 4, 4, 16) + b"data" + struct.pack("<I", size)
        left = self.samples
        with _maybe(self.sides[0]) as caller, _maybe(self.sides[1]) as agent:
            while left > 0:
                count = min(left, _SAMPLES)
                both = array.array("h", bytes(4 * count))
                both[0::2], both[1::2] = _samples(caller.read(2 * count), count), _samples(agent.read(2 * count), count)
                yield both.tobytes()
                left -= count


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
            name = name.removesuffix("-rx.sln").removesuffix("-tx.sln")
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
