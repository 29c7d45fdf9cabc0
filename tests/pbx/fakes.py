"""Scripted peers for the faults that a real Asterisk cannot be made to show."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace

from contactd.config.sections import Tty
from contactd.core.contact import Known
from contactd.core.ids import ContactId
from contactd.pbx.ami import AmiLink, AmiSettings
from contactd.pbx.fastagi import AgiSession, FastAgiServer
from contactd.protocols.ami import Message

Fields = dict[str, list[str]]
Answer = Callable[["FakeAsterisk", asyncio.StreamWriter, Fields], None]


# The start time is zero until every module is loaded.
CORE_STATUS = "Response: Success\r\nActionID: {{id}}\r\nCoreStartupDate: {year}-01-01"


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for signals nothing
            await asyncio.sleep(0.001)


class NoTexts:
    """Nobody writes."""

    settings = SimpleNamespace(queues={}, tty=Tty())

    def found_by(self, dnis: str, known: object) -> None:
        return None


class Strangers:
    """A Recogniser that finds what it is told to find, and remembers for whom it was asked."""

    def __init__(self, known: Known | None = None, languages: tuple[str, ...] = ()) -> None:
        self.known = known
        self.languages = languages
        self.asked: list[tuple[ContactId, str | None]] = []

    def prompts_in(self, language: str | None) -> str | None:
        return language if language in self.languages else None

    async def recognise(self, contact: ContactId, ani: str | None) -> Known | None:
        self.asked.append((contact, ani))
        return self.known


class FakeAsterisk:
    """An AMI server. `answers` maps an action to what it does; others succeed, and None is silence."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | None] = {}
        self.actions: list[Fields] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.boots = True
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self.writers:
            writer.transport.abort()

    def named(self, action: str) -> list[Fields]:
        return [fields for fields in self.actions if fields["Action"] == [action]]

    def push(self, data: bytes) -> None:
        self.writers[-1].write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(b"Asterisk Call Manager/9.0.0\r\n")
        with suppress(OSError, asyncio.IncompleteReadError):
            while block := await reader.readuntil(b"\r\n\r\n"):
                fields: Fields = {}
                for line in block.decode().removesuffix("\r\n\r\n").split("\r\n"):
                    name, _, value = line.partition(": ")
                    fields.setdefault(name, []).append(value)
                self.actions.append(fields)
                known = {"CoreStatus": respond(CORE_STATUS.format(year=2026 if self.boots else 1970))}
                answer = self.answers.get(fields["Action"][0], known.get(fields["Action"][0], succeed))
                if answer is not None:
                    answer(self, writer, fields)
        writer.close()


def response(fields: Fields, kind: str, message: str) -> bytes:
    return f"Response: {kind}\r\nActionID: {fields['ActionID'][0]}\r\nMessage: {message}\r\n\r\n".encode()


def succeed(_: FakeAsterisk, writer: asyncio.StreamWriter, fields: Fields) -> None:
    writer.write(response(fields, "Success", "done"))


def refuse(message: str) -> Answer:
    return lambda _, writer, fields: writer.write(response(fields, "Error", message))


def respond(*templates: str) -> Answer:
    """Blocks with {id} for the ActionID."""
    text = "".join(template + "\r\n\r\n" for template in templates)
    return lambda _, writer, fields: writer.write(text.format(id=fields["ActionID"][0]).encode())


class Desk:
    """A link with its callbacks written down."""

    def __init__(self, pbx: FakeAsterisk, **settings: float) -> None:
        self.events: list[Message] = []
        self.ups = 0
        self.downs: list[str] = []
        self.raises: dict[str, Exception] = {}
        self.on_up: Callable[[], Awaitable[None]] | None = None
        quick = {
            "ping_interval_s": 5.0,
            "action_timeout_s": 1.0,
            "connect_timeout_s": 1.0,
            "backoff_max_s": 0.02,
        }
        self.link = AmiLink(
            AmiSettings("127.0.0.1", pbx.port, "contactd", "hush", **{**quick, **settings}),  # type: ignore[arg-type]
            self._event,
            self._up,
            self.downs.append,
            events={"Hangup", "OriginateResponse", "UserEvent"},
        )

    def _event(self, message: Message) -> None:
        self.events.append(message)
        if message.event in self.raises:
            raise self.raises[message.event]

    async def _up(self) -> None:
        self.ups += 1
        if self.on_up is not None:
            await self.on_up()

    def slots(self) -> int:
        return len(self.link._up.responses) if self.link._up else 0

    def kinds(self) -> list[str | None]:
        return [event.event for event in self.events]


AGI_HEADERS = b"agi_network: yes\nagi_network_script: ivr?token=good\nagi_request: agi://h/ivr\nagi_uniqueid: u1\n\n"
Steps = Callable[[AgiSession], Awaitable[object]]


class Caller:
    """Asterisk's end of one session, and what became of the route's steps."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def takes(self, command: bytes, reply: bytes) -> None:
        assert await self.reader.readline() == command + b"\n"
        self.writer.write(reply)

    async def closed(self) -> bool:
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True


class House:
    """A server whose route runs the given steps and keeps their outcome."""

    def __init__(self, **options: object) -> None:
        self.steps: Steps = lambda session: session.answer()
        self.outcomes: list[object] = []
        self.callers: list[Caller] = []
        self.server = FastAgiServer(
            "127.0.0.1",
            0,
            {"ivr": partial(self._route, "a partial is no coroutine function")},
            check=lambda request: request.query.get("token") == "good",
            **{"reply_timeout_s": 2.0, **options},  # type: ignore[arg-type]
        )

    async def _route(self, _: str, session: AgiSession) -> None:
        try:
            self.outcomes.append(await self.steps(session))
        except BaseException as error:
            self.outcomes.append(error)
            raise

    async def call(self, first: bytes = AGI_HEADERS) -> Caller:
        caller = Caller(*await asyncio.open_connection("127.0.0.1", self.server.port))
        self.callers.append(caller)
        caller.writer.write(first)
        return caller

    async def close(self) -> None:
        await self.server.close(0)
        for caller in self.callers:
            caller.writer.close()

    async def outcome(self) -> object:
        await until(lambda: self.outcomes)
        return self.outcomes.pop(0)
