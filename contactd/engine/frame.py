"""A frame: what one turn of the circle adds to the journal, as bytes that survive a kill.

Layout, little-endian: magic, body length u32, epoch u64, first and last seq u64, CRC-32 of all that and of the body;
then the body, msgpack of Rows.
"""

from __future__ import annotations

import secrets
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from contactd.core import events as ev
from contactd.core.step import Step
from contactd.engine.inbox import Private, Words

_MAGIC = b"CTD1"
_HEADER = struct.Struct("<4sIQQQ")
_CRC = struct.Struct("<I")
OVERHEAD = _HEADER.size + _CRC.size


class InputRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    seq: int
    at: float
    kind: str
    version: int
    config: bytes
    body: str


class EventRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    seq: int
    at: float
    kind: str
    version: int
    contact: str | None
    agent: str | None
    body: str


class PrivateRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    contact: str
    salt: bytes
    ani: str | None
    name: str | None
    lookup: bytes | None = None
    """What the number is found by; frames of versions before have none."""


class WordsRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    contact: str
    message: str
    at: float
    author: str
    body: str


class Rows(msgspec.Struct, frozen=True, array_like=True, gc=False):
    inputs: list[InputRow]
    events: list[EventRow]
    private: list[PrivateRow]
    words: list[WordsRow] = []
    """Frames of versions before have none."""


@dataclass(frozen=True, slots=True)
class Frame:
    """first_seq to last_seq without a gap. encoded: the whole frame as written."""

    epoch: int
    first_seq: int
    last_seq: int
    encoded: bytes

    def rows(self) -> Rows:
        return _rows(self.encoded[OVERHEAD:])


_rows = msgspec.msgpack.Decoder(Rows).decode
_pack = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode


def event_row(event: ev.Event, seq: int, at: float) -> EventRow:
    return EventRow(
        seq,
        at,
        type(event).__name__,
        event.version,
        getattr(event, "contact", None),
        getattr(event, "agent", None),
        _json(event).decode(),
    )


def plain_row(private: Private) -> PrivateRow:
    """As it came."""
    return PrivateRow(private.contact, secrets.token_bytes(16), private.ani, private.name)


def plain_words(words: Words) -> WordsRow:
    """As it came."""
    return WordsRow(words.contact, words.message, words.at, words.author, words.body)


def frame_of(
    epoch: int,
    steps: Sequence[Step],
    private: Sequence[Private],
    config: bytes,
    row_of: Callable[[Private], PrivateRow] = plain_row,
    words: Sequence[WordsRow] = (),
) -> Frame | None:
    """The frame of a batch's steps; None when they changed nothing. row_of: makes of a caller what may be kept. words:
    such rows of messages already."""
    inputs: list[InputRow] = []
    events: list[EventRow] = []
    for step in steps:
        if not step.events:
            continue
        input_ = step.input
        inputs.append(
            InputRow(step.first_seq, step.at, type(input_).__name__, input_.version, config, _json(input_).decode())
        )
        for seq, event in enumerate(step.events, step.first_seq):
            events.append(event_row(event, seq, step.at))
    if not events:
        return None
    return encode(epoch, events[0].seq, events[-1].seq, Rows(inputs, events, [row_of(p) for p in private], list(words)))


def encode(epoch: int, first_seq: int, last_seq: int, rows: Rows) -> Frame:
    body = _pack(rows)
    header = _HEADER.pack(_MAGIC, len(body), epoch, first_seq, last_seq)
    crc = zlib.crc32(body, zlib.crc32(header))
    return Frame(epoch, first_seq, last_seq, header + _CRC.pack(crc) + body)


def frames_in(data: bytes) -> Iterator[Frame]:
    """The whole frames at the start of data. What follows the first torn one was never acted upon."""
    offset = 0
    while offset + OVERHEAD <= len(data):
        header = data[offset : offset + _HEADER.size]
        magic, length, epoch, first_seq, last_seq = _HEADER.unpack(header)
        end = offset + OVERHEAD + length
        if magic != _MAGIC or end > len(data):
            return
        (crc,) = _CRC.unpack_from(data, offset + _HEADER.size)
        if zlib.crc32(data[offset + OVERHEAD : end], zlib.crc32(header)) != crc:
            return
        yield Frame(epoch, first_seq, last_seq, data[offset:end])
        offset = end
