"""The AudioSocket server: the dialplan's AudioSocket() connects for a call, whose audio then is a handler's."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import structlog

from contactd.core.errors import ContactdError
from contactd.pbx.audio_session import AudioHandler, AudioSession
from contactd.pbx.gate import LOOPBACK, Gate, Network, Refused, finish, listen
from contactd.protocols.audiosocket import UUID as UUID_KIND
from contactd.protocols.audiosocket import Frame, FrameParser
from contactd.protocols.errors import ProtocolError

__all__ = ["AudioHandler", "AudioSession", "AudioSocketServer", "AudioStats"]

log = structlog.get_logger()

TOKEN_S = 30.0
MAX_SESSIONS = 50  # each costs 100 wake-ups a second of the loop that steers the calls: 100 took a third of a core
IDLE_S = 60.0  # Asterisk itself gives up after two seconds without a frame: this peer is gone, or is none
WRITE_BUFFER_BYTES = 16_384  # a second of 8 kHz: what the peer does not read is not worth more


@dataclass(slots=True)
class AudioStats:
    sessions: int = 0  # handed to a handler
    failures: int = 0  # ended by an error of a handler
    dropped: int = 0  # frames that a handler was too slow to take
    refused: Counter[str] = field(default_factory=Counter)  # by kind; frame, idle and error may come in a session


class AudioSocketServer:
    """start() listens; close() waits for the sessions up to a grace and cancels the rest.

    A peer must be in `allow`, and its first frame, within header_timeout_s, be a uuid that issue() gave away; else
    the gate counts and tells it, and the connection is closed.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        allow: Sequence[Network] = LOOPBACK,
        header_timeout_s: float = 5.0,
        max_sessions: int = MAX_SESSIONS,
        token_s: float = TOKEN_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self.stats = AudioStats()
        self.gate = Gate("audio_connection_refused", allow, self.stats.refused)
        self.header_timeout_s = header_timeout_s
        self.max_sessions = max_sessions
        self.token_s = token_s
        self.idle_s = idle_s
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        self._issued: dict[UUID, tuple[float, AudioHandler]] = {}  # until when; the oldest first

    @property
    def port(self) -> int:
        """The port that is listened on, also when 0 was asked for."""
        if self._server is None or not self._server.sockets:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def active(self) -> int:
        return len(self._tasks)

    def issue(self, handler: AudioHandler) -> UUID:
        """A uuid for one connection within TOKEN_S, which is then the handler's.

        Raises ContactdError when, with those that wait for their connection, as many run as may.
        """
        now = asyncio.get_running_loop().time()
        while self._issued and next(iter(self._issued.values()))[0] <= now:
            del self._issued[next(iter(self._issued))]
        if len(self._issued) + len(self._tasks) >= self.max_sessions:
            raise ContactdError(
                f"{len(self._tasks)} calls have an audio connection and {len(self._issued)} wait for theirs, which is "
                "the limit: if many wait, see whether the PBX reaches this port"
            )
        token = uuid4()  # 122 bits of the system's randomness
        self._issued[token] = (now + self.token_s, handler)
        return token

    async def start(self) -> None:
        self._server = await listen("AudioSocket", self._host, self._port, self._serve)

    async def close(self, grace_s: float) -> None:
        if self._server is None:
            return
        self._server.close()
        await finish(self._tasks, grace_s, "audio_sessions_cancelled")
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        session: AudioSession | None = None
        try:
            session, handler = await self._admit(reader, writer)
            self.stats.sessions += 1
            await session.run(handler)
        except Refused as refused:
            self.gate.note(refused)
        except OSError:
            self.stats.refused["probe"] += 1  # gone before its first frame, by a reset
        except Exception:
            self.stats.failures += 1
            log.exception("audio_handler_failed")
        finally:
            if task is not None:
                self._tasks.discard(task)
            if session is None:
                writer.transport.abort()
            else:  # which has closed the connection
                self.stats.dropped += session.dropped

    async def _admit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[AudioSession, AudioHandler]:
        self.gate.admit(writer)
        if len(self._tasks) > self.max_sessions:
            raise Refused("full", f"{self.max_sessions} connections are open already; see who holds them")
        parser = FrameParser()
        first, *early = await self._first(reader, parser)
        if first.kind != UUID_KIND:
            raise Refused("frame", "the first frame is no uuid; point only AudioSocket() at this port")
        until, handler = self._issued.pop(UUID(bytes=first.payload), (0.0, None))
        if handler is None:
            raise Refused("token", "the uuid was used before, or never issued")
        if until <= asyncio.get_running_loop().time():
            raise Refused("late", f"the uuid came more than {self.token_s:g} s after its call; see the PBX's load")
        writer.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        return AudioSession(reader, writer, parser, early, idle_s=self.idle_s), handler

    async def _first(self, reader: asyncio.StreamReader, parser: FrameParser) -> list[Frame]:
        """The first whole frame, and those that came with it."""
        try:
            async with asyncio.timeout(self.header_timeout_s):
                while True:
                    data = await reader.read(4_096)
                    if not data:
                        raise Refused("probe", "the peer closed before it said anything whole")
                    if frames := parser.feed(data):
                        return frames
        except TimeoutError:
            raise Refused("slow", "the first frame did not come in time") from None
        except ProtocolError as error:
            raise Refused("frame", str(error)) from error
