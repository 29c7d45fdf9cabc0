"""AudioSocket: a call's audio over TCP, in frames of type u8, length u16 big-endian, payload.

01 0010 <16 bytes>      the call's uuid: the first frame, from Asterisk
10 0140 <320 bytes>     20 ms of audio: signed linear, 16-bit little-endian, mono; 10 is 8 kHz, 11 to 18 the other rates
03 0001 <digit>         a key that the caller pressed
ff 0001 <code>          an error on Asterisk's side
00 0000                 hang up
"""

from dataclasses import dataclass, field

from contactd.protocols.errors import ProtocolError

HANG_UP, UUID, DTMF, AUDIO, ERROR = 0x00, 0x01, 0x03, 0x10, 0xFF
RATES_HZ = {
    AUDIO: 8_000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
    0x17: 96_000,
    0x18: 192_000,
}
"""Asterisk 22 and newer; app_audiosocket always takes 8 kHz, the channel driver what its codec has."""

LONGEST_AUDIO_S = 0.3  # maximum_ms of GSM in main/codec_builtin.c; no codec of Asterisk packs more into a frame
SAMPLE_BYTES = 2
_HEADER_BYTES = 3
_LENGTHS = {HANG_UP: range(1), UUID: range(16, 17), DTMF: range(1, 2), ERROR: range(256)} | {
    kind: range(0, int(rate_hz * LONGEST_AUDIO_S) * SAMPLE_BYTES + 1, SAMPLE_BYTES)
    for kind, rate_hz in RATES_HZ.items()
}


@dataclass(frozen=True, slots=True)
class Frame:
    """repr hides the payload: it is a voice, or a digit of a PIN."""

    kind: int
    payload: bytes = field(default=b"", repr=False)


class FrameParser:
    """feed() takes the bytes as they come and returns whole frames.

    After a ProtocolError the parser is of no more use.
    """

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        self._rest += data
        at = 0
        while at < len(self._rest):
            kind = self._rest[at]
            lengths = _LENGTHS.get(kind)
            if lengths is None:  # told by its first byte: no waiting for the rest of what is no frame
                raise ProtocolError(
                    f"A frame of type 0x{kind:02x} is no AudioSocket; the connection is closed. Check who connects."
                )
            if len(self._rest) < at + _HEADER_BYTES:
                break
            length = int.from_bytes(self._rest[at + 1 : at + _HEADER_BYTES])
            if length not in lengths:
                raise ProtocolError(
                    f"A frame of type 0x{kind:02x} has {length} bytes; the connection is closed. Check who connects."
                )
            end = at + _HEADER_BYTES + length
            if len(self._rest) < end:
                break
            frames.append(Frame(kind, bytes(self._rest[at + _HEADER_BYTES : end])))
            at = end
        del self._rest[:at]
        return frames


def encode(kind: int, payload: bytes = b"") -> bytes:
    """One frame. ValueError for a type or a length that the other side would not take.

    To be sent by one write: Asterisk 22 reads the header by one read().
    """
    lengths = _LENGTHS.get(kind)
    if lengths is None or len(payload) not in lengths:
        raise ValueError(f"no AudioSocket frame has type 0x{kind:02x} and {len(payload)} bytes")
    return bytes((kind, *len(payload).to_bytes(2))) + payload
