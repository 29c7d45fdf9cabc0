"""A mailbox over IMAP: aioimaplib's commands, with what it does not do done here.

Its own reading of what comes is not used at all: it goes one level deeper for each line (a thousand lines break it),
damages data that looks like a response, counts brackets within messages and writes what it reads to the log. Lost
connections fail what waits, a refused token is answered as the server expects, names are quoted and encoded.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aioimaplib import aioimaplib as lib

from contactd.core.errors import ContactdError
from contactd.protocols import imap as words
from contactd.protocols.errors import ProtocolError
from contactd.protocols.imap import Fetched, Response

# What it sends is told there, passwords but for one way of writing them too.
logging.getLogger(lib.__name__).setLevel(logging.WARNING)

PIECE = 256 << 10
"""So much of a message is held in memory at a time."""
_AT_ONCE = 200
"""Messages that one command asks for."""
_WAIT_S = 30.0
_LONGEST_ERROR = 200
_NOT_SAFE = "Somebody speaks between STARTTLS and TLS: the connection is not safe."


class MailboxAway(ContactdError):
    """The mail server does not answer, or no longer; later it may."""


class MailboxRefused(ContactdError):
    """The mail server answers and does not let us: somebody must mend it."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a mailbox is reached and opened. token: what opens it by XOAUTH2, in place of a password."""

    host: str
    port: int
    username: str
    tls: str
    context: ssl.SSLContext | None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Selected:
    validity: int
    """UIDVALIDITY: UIDs mean the same messages as long as it is the same."""
    next_uid: int


class _Wire(lib.IMAP4ClientProtocol):  # type: ignore[misc]
    """One connection. Every command waits for its answer, for ``wait_s`` since the last byte, or for the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wait_s: float) -> None:
        super().__init__(loop)
        self.transport: asyncio.Transport | None = None
        self.wait_s = wait_s
        self.lost: asyncio.Future[None] = loop.create_future()
        self.news = asyncio.Event()
        """The server told of a message that came or went."""
        self.said: list[bytes] = []
        """What an AUTHENTICATE answers, one for each time it is asked."""
        self._responses = words.Responses(PIECE + 1024)
        self._command: lib.Command | None = None
        self.untagged: list[Response] = []
        self._in_clear = False
        """After STARTTLS was agreed on, and before TLS: whatever comes now, somebody else may have sent."""

    def data_received(self, d: bytes) -> None:
        if self.lost.done():
            return
        if self._in_clear:
            self.fail(MailboxAway(_NOT_SAFE))
            return
        if self._command is not None:
            self._command._reset_timer()
        try:
            for response in self._responses.feed(d):
                self._take(response)
        except (ProtocolError, lib.AioImapException) as error:
            self.fail(MailboxAway(str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(MailboxAway(f"The mail server closed the connection{f' ({exc})' if exc else ''}."))

    def fail(self, error: ContactdError) -> None:
        """Nothing more comes from here: whoever waits is told."""
        if not self.lost.done():
            self.lost.set_exception(error)
            self.lost.exception()  # nobody may be waiting
        if self.transport is not None:
            self.transport.abort()

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """After STARTTLS was agreed on."""
        loop = asyncio.get_running_loop()
        if self.lost.done() or self.transport is None:
            await self.lost
            return
        self.transport = await loop.start_tls(
            self.transport, self, context, server_hostname=host, ssl_handshake_timeout=self.wait_s
        )
        self._in_clear = False

    async def run(self, name: str, *arguments: str, uid: bool = False, wait_s: float | None = None) -> list[Response]:
        """One command; what was said untagged. Raises MailboxAway, MailboxRefused."""
        command = lib.Command(
            name, self.new_tag(), *arguments, prefix="UID" if uid else "", timeout=wait_s or self.wait_s
        )
        self.untagged, self._command = [], command
        if self.lost.done():
            await self.lost
        running = asyncio.ensure_future(self.execute(command, scrub="".join(arguments)))
        try:
            await asyncio.wait({running, self.lost}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await self.lost
            answer = running.result()
        except lib.CommandTimeout:
            self.fail(MailboxAway(f"The mail server did not answer {name} within {command._timeout:g} s."))
            await self.lost
            raise  # never: lost has failed
        except lib.AioImapException as error:
            raise MailboxAway(f"{name} could not be asked ({error}).") from error
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            self._command = None
        if answer.result != "OK":
            raise MailboxRefused(f"The mail server refuses {name}: {_short(answer.lines[-1])}")
        return self.untagged

    def _take(self, response: Response) -> None:
        line = response[0]
        if self._in_clear:
            raise ProtocolError(_NOT_SAFE)
        if self.state == lib.CONNECTED:
            self._greeted(line)
        elif line.startswith(b"* BYE"):
            self.fail(MailboxAway(f"The mail server ends the connection: {_short(line[6:])}"))
        elif line.startswith(b"*"):
            if self._command is not None and self._command.name != "IDLE":
                self.untagged.append(response)
            if line.endswith((b" EXISTS", b" EXPUNGE", b" RECENT")):
                self.news.set()
        elif line.startswith(b"+"):
            self._asked()
        elif self._command is not None and line.startswith(self._command.tag.encode() + b" "):
            self._in_clear = self._command.name == "STARTTLS" and b" OK" in line[:20]
            self._response_done(line)
        else:
            raise ProtocolError(f"The mail server answers what nobody asked: {_short(line)}")

    def _greeted(self, line: bytes) -> None:
        if not line.startswith((b"* OK", b"* PREAUTH")):
            raise ProtocolError(f"The mail server takes no connection: {_short(line)}")
        self.state = lib.AUTH if line.startswith(b"* PREAUTH") else lib.NONAUTH
        self.news.set()

    def _asked(self) -> None:
        """A continuation: for IDLE it has begun; AUTHENTICATE waits for a word, after a refusal for an empty one."""
        authenticates = self._command is not None and self._command.name == "AUTHENTICATE"
        if authenticates and self.transport is not None:
            self.transport.write((self.said.pop(0) if self.said else b"") + b"\r\n")


class Mailbox:
    """An open folder. Whatever raises MailboxAway has ended it: close it and open another one."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    @classmethod
    async def open(cls, access: Access, *, wait_s: float = _WAIT_S) -> Mailbox:
        """Connected and logged in. Raises MailboxAway, MailboxRefused."""
        loop = asyncio.get_running_loop()
        wire = _Wire(loop, wait_s)
        try:
            async with asyncio.timeout(wait_s):
                context = access.context if access.tls == "tls" else None
                await loop.create_connection(lambda: wire, access.host, access.port, ssl=context)
                await _first({asyncio.ensure_future(wire.news.wait()), wire.lost})
            wire.news.clear()
            if access.tls == "starttls":
                await cls._secure(wire, access)
            await _login(wire, access)
        except TimeoutError:
            wire.fail(MailboxAway("closed"))
            raise MailboxAway(f"{access.host} port {access.port} did not answer within {wait_s:g} s.") from None
        except ssl.SSLError as error:
            wire.fail(MailboxAway("closed"))
            raise MailboxRefused(
                f"No TLS with {access.host} port {access.port} ({error}): give the port that speaks it from the first"
                ' byte (993), or tls = "starttls", and in ca_file the CA that signed its certificate.'
            ) from error
        except OSError as error:
            wire.fail(MailboxAway("closed"))
            raise MailboxAway(f"{access.host} port {access.port} cannot be reached ({error}).") from error
        except BaseException:
            wire.fail(MailboxAway("closed"))
            raise
        return cls(wire)

    @staticmethod
    async def _secure(wire: _Wire, access: Access) -> None:
        if "STARTTLS" not in await _capabilities(wire):
            raise MailboxRefused(f'{access.host} offers no STARTTLS: give tls = "tls" and its port, most often 993.')
        await wire.run("STARTTLS")
        context = access.context or ssl.create_default_context()
        await wire.secure(context, access.host)

    def can(self, what: str) -> bool:
        return what in self._wire.capabilities

    async def select(self, folder: str) -> Selected:
        said = await self._wire.run("SELECT", words.mailbox_name(folder))
        self._wire.state = lib.SELECTED
        self._wire.news.clear()
        validity = next((found for one in said if (found := words.code(one, b"UIDVALIDITY")) is not None), None)
        next_uid = next((found for one in said if (found := words.code(one, b"UIDNEXT")) is not None), None)
        if not validity:
            raise MailboxRefused(f"The mail server gives {folder} no UIDVALIDITY: its messages cannot be told apart.")
        return Selected(validity, next_uid or 0)

    async def after(self, uid: int) -> list[int]:
        """The UIDs beyond this one, ascending."""
        said = await self._wire.run("SEARCH", "UID", f"{uid + 1}:*", uid=True)
        # n:* names the last message, however small its UID.
        return sorted({one for response in said for one in words.numbers(response) if one > uid})

    async def sizes(self, uids: Sequence[int]) -> dict[int, Fetched]:
        """Of those that are still there. uids: ascending."""
        found: dict[int, Fetched] = {}
        for start in range(0, len(uids), _AT_ONCE):
            asked = words.ranges(uids[start : start + _AT_ONCE])
            said = await self._wire.run("FETCH", asked, "(UID RFC822.SIZE INTERNALDATE)", uid=True)
            found |= {one.uid: one for response in said if (one := words.fetched(response)) and one.size is not None}
        return found

    async def beginnings(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The first PIECE of each, of those that are still there. uids: ascending, and few enough for memory."""
        said = await self._wire.run("FETCH", words.ranges(uids), f"(UID BODY.PEEK[]<0.{PIECE}>)", uid=True)
        return {one.uid: one.body for response in said if (one := words.fetched(response)) and one.body is not None}

    async def pieces(self, uid: int) -> AsyncIterator[bytes]:
        """All of a message, PIECE by PIECE; nothing at all if it is gone."""
        start = 0
        while True:
            said = await self._wire.run("FETCH", str(uid), f"(UID BODY.PEEK[]<{start}.{PIECE}>)", uid=True)
            bodies = [one.body for response in said if (one := words.fetched(response)) and one.uid == uid]
            body = next((one for one in bodies if one is not None), None)
            if body:
                yield body
            if body is None or len(body) < PIECE:
                return
            start += len(body)

    async def mark_seen(self, uids: Sequence[int]) -> None:
        await self._each(uids, lambda asked: self._wire.run("STORE", asked, "+FLAGS.SILENT", r"(\Seen)", uid=True))

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """By MOVE where the server has it; else copied, marked and expunged, which leaves no doubt either."""
        name = words.mailbox_name(folder)

        async def moved(asked: str) -> None:
            if self.can("MOVE"):
                await self._wire.run("MOVE", asked, name, uid=True)
                return
            await self._wire.run("COPY", asked, name, uid=True)
            await self._wire.run("STORE", asked, "+FLAGS.SILENT", r"(\Deleted)", uid=True)
            if self.can("UIDPLUS"):
                await self._wire.run("EXPUNGE", asked, uid=True)

        await self._each(uids, moved)

    async def make(self, folder: str) -> None:
        """If there is none yet."""
        name = words.mailbox_name(folder)
        if not [one for one in await self._wire.run("LIST", '""', name) if b"LIST" in one[0]]:
            await self._wire.run("CREATE", name)

    async def news(self, patience_s: float) -> bool:
        """Wait in IDLE until the server tells of a message, or for so long. Afterwards it has answered either way."""
        wire = self._wire
        if not wire.news.is_set():
            idle = asyncio.ensure_future(wire.run("IDLE", wait_s=patience_s + 2 * wire.wait_s))
            told = asyncio.ensure_future(wire.news.wait())
            try:
                await asyncio.wait({idle, told}, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
                if not idle.done():
                    wire.send("DONE")
                    async with asyncio.timeout(wire.wait_s):
                        await idle
                else:
                    idle.result()
            except TimeoutError:
                wire.fail(MailboxAway(f"The mail server does not leave IDLE within {wire.wait_s:g} s."))
                await wire.lost
            finally:
                for one in (idle, told):
                    one.cancel()
                await asyncio.gather(idle, told, return_exceptions=True)
        found = wire.news.is_set()
        wire.news.clear()
        return found

    async def alive(self) -> None:
        """Where there is no IDLE: what came since is told now. Raises MailboxAway."""
        await self._wire.run("NOOP")
        self._wire.news.clear()

    def close(self) -> None:
        """At once, with a word of farewell if it can still be said."""
        if not self._wire.lost.done() and self._wire.transport is not None:
            self._wire.transport.write(b"bye LOGOUT\r\n")
            self._wire.lost.set_exception(MailboxAway("closed"))
            self._wire.lost.exception()
            self._wire.transport.close()

    async def _each(self, uids: Sequence[int], act: Callable[[str], Awaitable[object]]) -> None:
        for start in range(0, len(uids), _AT_ONCE):
            await act(words.ranges(uids[start : start + _AT_ONCE]))


async def _login(wire: _Wire, access: Access) -> None:
    can = await _capabilities(wire)
    if wire.state == lib.AUTH:
        return
    try:
        if access.token is not None:
            if "AUTH=XOAUTH2" not in can:
                raise MailboxRefused(f"{access.host} offers no XOAUTH2: give a password in the secrets file.")
            said = f"user={access.username}\1auth=Bearer {access.token}\1\1"
            await _authenticate(wire, can, "XOAUTH2", said)
        elif "AUTH=PLAIN" in can:
            await _authenticate(wire, can, "PLAIN", f"\0{access.username}\0{access.password}")
        elif "LOGINDISABLED" in can:
            raise MailboxRefused(f'{access.host} takes no password without TLS: give tls = "tls" or "starttls".')
        else:
            await wire.run("LOGIN", words.quoted(access.username), words.quoted(access.password or ""))
    except words.Malformed:
        raise MailboxRefused("Name or password has letters that this server cannot be told: give ASCII.") from None
    wire.state = lib.AUTH
    await _capabilities(wire)


async def _authenticate(wire: _Wire, can: set[str], how: str, said: str) -> None:
    coded = base64.b64encode(said.encode())
    at_once = "SASL-IR" in can
    wire.said = [] if at_once else [coded]
    await wire.run("AUTHENTICATE", how, *([coded.decode()] if at_once else []))


async def _capabilities(wire: _Wire) -> set[str]:
    said = await wire.run("CAPABILITY")
    lines = [one[0] for one in said if one[0].upper().startswith(b"* CAPABILITY ")]
    can = {word.decode("ascii", "replace").upper() for line in lines for word in line.split()[2:]}
    wire.capabilities = can
    return can


async def _first(waiting: set[asyncio.Future[None] | asyncio.Task[bool]]) -> None:
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in done:
        one.result()


def _short(line: bytes) -> str:
    text = bytes(line).decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:_LONGEST_ERROR]
