"""A telephone that keeps what the PBX sent, packet by packet: no jitter buffer, no clock of its own in between.

For whoever asks whether the PBX's own audio is whole. A soft telephone under load tears what it plays and records; here
each packet's sound stands behind that of the packet before.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import AsyncIterator

import numpy as np

from tests.lab.phones.line import LOOPBACK
from tests.lab.phones.raw import RawCall, raw_invite
from tests.lab.tty.line import PACKET, RATE_HZ, Samples

_PCMU, _EVENTS = 0, 101
_KEYS = "0123456789*#"
_HEADER = struct.Struct("!BBHII")
_SILENT = b"\xff" * PACKET


def _expanded() -> Samples:
    """What each byte of mu-law stands for (ITU-T G.711)."""
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 132) << ((code & 0x70) >> 4)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float64)


_OF_BYTE = _expanded()
_ORDER = np.argsort(_OF_BYTE, kind="stable")
_MIDDLES = (_OF_BYTE[_ORDER][1:] + _OF_BYTE[_ORDER][:-1]) / 2


def to_mulaw(samples: Samples) -> bytes:
    return bytes(_ORDER[np.searchsorted(_MIDDLES, samples)].astype(np.uint8))


def from_mulaw(data: bytes) -> Samples:
    found: Samples = _OF_BYTE[np.frombuffer(data, np.uint8)]
    return found


class RtpCall:
    """One call, from its INVITE on. say() queues samples; heard() is all that came."""

    def __init__(self, raw: RawCall, out: socket.socket) -> None:
        self.raw = raw
        self._socket = out
        self._far: tuple[str, int] | None = None
        self._to_say: deque[bytes] = deque()
        self._to_press: deque[str] = deque()
        self._streams: dict[int, dict[int, bytes]] = {}
        self.late_s = 0.0
        """How much too late this machine once sent a packet of ours: it starves, and the PBX on it as well."""
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._talk)]

    async def connect(self) -> None:
        """Raises AssertionError when the PBX does not answer."""
        code = await self.raw.wait(200)
        answer = self.raw.responses[-1][1]
        assert code == 200, answer
        port = next(line.split()[1] for line in answer.splitlines() if line.startswith("m=audio"))
        self._far = (LOOPBACK, int(port))
        for thread in self._threads:
            thread.start()

    @property
    def gone(self) -> bool:
        """The PBX has hung up."""
        return any(request.startswith("BYE") for request in self.raw.requests)

    async def wait_gone(self, timeout_s: float = 10.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.gone:
            assert time.monotonic() < deadline, "the PBX never hung up"
            await asyncio.sleep(0.05)

    def say(self, samples: Samples) -> None:
        data = to_mulaw(samples)
        self._to_say.extend(data[at : at + PACKET].ljust(PACKET, b"\xff") for at in range(0, len(data), PACKET))

    def press(self, keys: str) -> None:
        """As RFC 4733 has it, in place of the sound."""
        self._to_press.extend(keys)

    async def said(self) -> None:
        """Until all of it is on its way."""
        while self._to_say:  # noqa: ASYNC110 - another thread sends
            await asyncio.sleep(0.05)

    def heard(self) -> Samples:
        """In the order of the sequence numbers, without the pauses between packets: when a starved PBX sent them late,
        what it sent is whole all the same."""
        parts = []
        for stream in list(self._streams.values()):
            packets = dict(stream)
            parts += [from_mulaw(packets[at]) for at in sorted(packets)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def has(self, hz: float, seconds: float = 1.0) -> bool:
        """Whether this tone was in the last second."""
        sound = self.heard()[-round(seconds * RATE_HZ) :]
        turned = abs(sound @ np.exp(-2j * np.pi * hz / RATE_HZ * np.arange(len(sound)))) * 2 / max(1, len(sound))
        return bool(turned > 100)

    def close(self) -> None:
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                packet = self._socket.recv(2_048)
            except (TimeoutError, ConnectionError):
                continue
            if len(packet) > _HEADER.size and packet[1] & 0x7F == _PCMU:
                _, _, number, _, source = _HEADER.unpack_from(packet)
                stream = self._streams.setdefault(source, {})
                last = next(reversed(stream), number)
                # The nearest to the last one: sixteen bits go round.
                stream[last + (number - last + 0x8000) % 0x10000 - 0x8000] = packet[_HEADER.size :]

    def _talk(self) -> None:
        assert self._far is not None
        source, count, sequence, due = secrets.randbits(32), 0, 0, time.monotonic()
        while not self._over.is_set():
            sending = [(_PCMU, count, self._to_say.popleft() if self._to_say else _SILENT)]
            if self._to_press:
                key = _KEYS.index(self._to_press.popleft())
                # A tenth of a second, its end told three times, and a pause behind it.
                tail = [(5, 0x80)] * 3
                pressed = [struct.pack("!BBH", key, end, n * PACKET) for n, end in [(n, 0) for n in range(1, 6)] + tail]
                sending = [(_EVENTS, count, one) for one in pressed]
                sending += [(_PCMU, count + len(pressed) + n, _SILENT) for n in range(5)]
            for kind, stamp, data in sending:
                header = _HEADER.pack(0x80, kind, sequence & 0xFFFF, stamp * PACKET & 0xFFFFFFFF, source)
                with contextlib.suppress(OSError):
                    self._socket.sendto(header + data, self._far)
                sequence += 1
                due += PACKET / RATE_HZ
                time.sleep(max(0.0, due - time.monotonic()))
                self.late_s = max(self.late_s, time.monotonic() - due)
            count = sending[-1][1] + 1


@contextlib.asynccontextmanager
async def rtp_call(target: str, *, port: int, caller: str = "raw") -> AsyncIterator[RtpCall]:
    """Dial, and hear from the first packet on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((LOOPBACK, 0))
        out.settimeout(0.2)
        out.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
            f"m=audio {out.getsockname()[1]} RTP/AVP {_PCMU} {_EVENTS}\r\na=rtpmap:{_PCMU} PCMU/{RATE_HZ}\r\n"
            f"a=rtpmap:{_EVENTS} telephone-event/{RATE_HZ}\r\na=ptime:20\r\n"
        ).encode()
        sender = f"<sip:{caller}@{LOOPBACK}>".encode()
        async with raw_invite(target, port=port, from_=sender, sdp=sdp) as raw:
            call = RtpCall(raw, out)
            try:
                await call.connect()
                yield call
            finally:
                call.close()
