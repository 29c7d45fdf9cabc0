"""One call's audio, both ways, over AudioSocket."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from contactd.pbx.agi_session import CallerGone
from contactd.pbx.gate import Refused
from contactd.protocols import audiosocket as wire
from contactd.protocols.errors import ProtocolError

FRAME_S = 0.02
HEARD_FRAMES = 25  # half a second of what the caller said, for a handler that is slow
AHEAD_S = 0.2  # what send() takes before it waits, unless the handler says otherwise
CATCH_UP_S = 0.1  # a late loop sends so much at once, and gives up what is older
LINGER_S = 5.0  # for the last frames, to a peer that does not read

AudioHandler = Callable[["AudioSession"], Awaitable[None]]


class AudioSession:
    """``async for samples in session`` yields what the caller says, as it comes, and ends when they hang up.

    Samples are signed 16-bit little-endian mono at sample_rate_hz. Keys that the caller presses are not for us.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        parser: wire.FrameParser,
        early: Sequence[wire.Frame] = (),
        *,
        idle_s: float,
    ) -> None:
        self.dropped = 0
        """Frames that the handler was too slow to take."""
        self.lead_s = 0.0
        """So much goes out before its time: for a peer that plays at its own pace, and must not run dry."""
        self.most_ahead_s = AHEAD_S
        """What send() takes before it waits."""
        self._reader = reader
        self._writer = writer
        self._parser = parser
        self._early = early
        self._idle_s = idle_s
        self._kind: int | None = None
        self._heard: deque[bytes] = deque()
        self._hears = asyncio.Event()
        self._said = bytearray()
        self._says = asyncio.Event()
        self._room = asyncio.Event()
        self._ending = False
        self._over = asyncio.Event()
        self._broken: Refused | None = None

    @property
    def sample_rate_hz(self) -> int:
        """Of both directions; told by the caller's first frame, 8 kHz until then."""
        return wire.RATES_HZ[self._kind or wire.AUDIO]

    @property
    def ahead_s(self) -> float:
        """How much of what was sent the caller has still to hear."""
        return len(self._said) / wire.SAMPLE_BYTES / self.sample_rate_hz

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._heard:
            if self._over.is_set():
                raise StopAsyncIteration
            self._hears.clear()
            await self._hears.wait()
        return self._heard.popleft()

    async def send(self, samples: bytes) -> None:
        """Say this to the caller after what was said before; waits while most_ahead_s of it is still to be sent.

        Raises CallerGone when there is nobody to hear it, ValueError for half a sample.
        """
        if len(samples) % wire.SAMPLE_BYTES:
            raise ValueError("audio samples have two bytes each; send whole ones")
        step = self._frame_bytes()
        for start in range(0, len(samples), step):
            while len(self._said) >= step * round(self.most_ahead_s / FRAME_S) and not self._over.is_set():
                self._room.clear()
                await self._room.wait()
            if self._over.is_set() or self._ending:
                raise CallerGone("the audio connection is over")
            self._said += samples[start : start + step]
            self._says.set()

    def close(self) -> None:
        """At once, from outside of the handler, whose iteration ends."""
        self._end()

    async def hang_up(self) -> None:
        """Once all that was said is sent. The dialplan goes on after its AudioSocket()."""
        self._ending = True
        self._says.set()
        await self._over.wait()

    async def run(self, handler: AudioHandler) -> None:
        """Until the handler has returned, and its last word is sent.

        Raises Refused when the connection broke off, whatever the handler made of it, and what the handler raises.
        """
        pumps = [asyncio.create_task(self._guard(work)) for work in (self._read, self._write)]
        try:
            await handler(self)
            await self.hang_up()
        except CallerGone:
            pass
        finally:
            self._end()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            asyncio.get_running_loop().call_later(LINGER_S, self._writer.transport.abort)
        if self._broken is not None:
            raise self._broken

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except ProtocolError as error:
            self._broken = Refused("frame", str(error))
        except TimeoutError:
            self._broken = Refused("idle", f"nothing moved for {self._idle_s:g} s; see the PBX and the network")
        except OSError:
            pass  # cut rather than closed: the caller is gone all the same
        finally:
            self._end()

    def _end(self) -> None:
        """Wakes whoever waits; the socket is closed at once, also when the handler goes on for a while."""
        self._over.set()
        for waited_for in (self._hears, self._room, self._says):
            waited_for.set()
        if self._broken is not None:
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def _read(self) -> None:
        """Always on, whatever the handler does: Asterisk hangs up on its caller when a frame finds no room."""
        frames: Sequence[wire.Frame] = self._early
        while all(self._take(frame) for frame in frames):
            async with asyncio.timeout(self._idle_s):
                data = await self._reader.read(65_536)
            if not data:
                return
            frames = self._parser.feed(data)

    def _take(self, frame: wire.Frame) -> bool:
        """False when it was the last one."""
        if frame.kind in wire.RATES_HZ:
            if self._kind not in (None, frame.kind):
                raise ProtocolError("The sample rate changed in the middle of a call; the connection is closed.")
            self._kind = frame.kind
            if len(self._heard) >= HEARD_FRAMES:
                self._heard.popleft()
                self.dropped += 1
            self._heard.append(frame.payload)
            self._hears.set()
        elif frame.kind == wire.UUID:
            raise ProtocolError("A second uuid came in one connection; it is closed. Check who connects.")
        elif frame.kind == wire.ERROR:
            self._broken = Refused("error", f"Asterisk reports error {frame.payload.hex() or 'without a code'}")
        return frame.kind not in (wire.HANG_UP, wire.ERROR)

    async def _write(self) -> None:
        """One frame each FRAME_S: Asterisk passes on at once what comes, and a handset plays no bursts."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            step = self._frame_bytes()
            if len(self._said) < step and not self._ending:
                self._says.clear()
                await self._says.wait()
                due = max(due, loop.time() - self.lead_s)
                continue
            if not self._said:
                break
            due = max(due, loop.time() - CATCH_UP_S - self.lead_s)
            await asyncio.sleep(due - loop.time())
            frame = bytes(self._said[:step]).ljust(step, b"\0")
            del self._said[:step]
            self._room.set()
            await self._put(wire.encode(self._kind or wire.AUDIO, frame))
            due += FRAME_S
        await self._put(wire.encode(wire.HANG_UP))

    async def _put(self, frame: bytes) -> None:
        self._writer.write(frame)
        async with asyncio.timeout(self._idle_s):
            await self._writer.drain()

    def _frame_bytes(self) -> int:
        return int(self.sample_rate_hz * FRAME_S) * wire.SAMPLE_BYTES
