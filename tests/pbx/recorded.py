"""What a real Asterisk 22 said, kept in transcripts/: one file a thing that happened, read by the real parser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from contactd.protocols.ami import Message, Parser

FOLDER = Path(__file__).parent / "transcripts"


def transcript(name: str) -> list[Message]:
    data = (FOLDER / f"{name}.txt").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if not data.startswith(b"Asterisk Call Manager"):
        data = b"Asterisk Call Manager/11.0.0\r\n" + data
    return Parser().feed(data)


def changed(message: Message, **headers: str | None) -> Message:
    """The message with other values for these headers; None leaves one out."""
    wanted: Mapping[str, str | None] = {name.lower(): value for name, value in headers.items()}
    kept = [(name, value) for name in message for value in message.all(name) if name.lower() not in wanted]
    return Message([*kept, *((name, value) for name, value in wanted.items() if value is not None)])
