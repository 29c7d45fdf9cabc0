"""One FastAGI session: commands to a caller's channel, one at a time, and their replies."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from panoramisk.fast_agi import Application, Request

from contactd.core.errors import ContactdError
from contactd.protocols.agi import AgiRequest, Hangup, Reply, ReplyParser, build_command
from contactd.protocols.errors import ProtocolError

DEAD_CHANNEL = 511  # "Command Not Permitted on a dead channel": Asterisk's answer when AGISIGHUP=no
LONGEST_PROMPT_S = 600.0
BETWEEN_MS = 1_000
DTMF = frozenset("0123456789*#ABCD")


class CallerGone(ContactdError):
    """The caller hung up, or Asterisk closed the session. Nothing to mend."""


class SessionClosed(CallerGone):
    """No hang-up was told before: Asterisk died, or took the caller elsewhere. Which, only a comparison can say."""


class AgiRefused(ContactdError):
    """Asterisk does not know the command, or not in this form: a bug in a route or a missing module."""

    def __init__(self, command: str, reply: Reply) -> None:
        # The first line only: the usage text is long. No argument is repeated, since it may be a PIN.
        text = reply.data.partition("\n")[0]
        super().__init__(f"Asterisk refused the AGI command {command} with {reply.code} {text}")
        self.code = reply.code


class AgiTimedOut(ContactdError):
    """No reply in time. The session is over, for a late reply would be taken for the next command's."""


class AgiBroken(ContactdError):
    """The session cannot go on: a command was cancelled, or what came was no AGI."""


class AgiSession(Request):  # type: ignore[misc]  # panoramisk has no types
    """panoramisk's request, with replies that cannot shift.

    Whatever leaves a command without its own reply (time-out, cancellation, garbage, hang-up) ends the
    session: every later command raises at once and sends nothing.
    """

    def __init__(
        self,
        app: Application,
        request: AgiRequest,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        reply_timeout_s: float,
        early: bytes = b"",
    ) -> None:
        super().__init__(app, request.env, reader, writer)
        self.request = request
        self._reply_timeout_s = reply_timeout_s
        self._parser = ReplyParser()
        self._early = early  # what came with the headers: a hang-up, if anything
        self._items: deque[Reply | Hangup] = deque()
        self._over: tuple[type[ContactdError], str] | None = None
        self._busy = False
        self.between: Callable[[], Awaitable[None]] | None = None
        """Awaited after each sound, and each BETWEEN_MS of a wait, that no key ended. What it raises, these raise."""

    @property
    def broken(self) -> bool:
        """The session ended otherwise than by a hang-up, so the socket should be cut rather than closed."""
        return self._over is not None and not issubclass(self._over[0], CallerGone)

    async def command(self, *words: str | int, timeout_s: float | None = None) -> Reply:
        """Sends one command and returns its reply of code 200.

        Raises CallerGone, AgiRefused (the session goes on), AgiTimedOut, AgiBroken; ValueError for words that
        cannot be sent, RuntimeError when another command still runs.
        """
        line = build_command(*words)
        if self._busy:
            raise RuntimeError("an AGI session takes one command at a time")
        if self._over is not None:
            raise self._over[0](self._over[1])
        timeout_s = self._reply_timeout_s if timeout_s is None else timeout_s
        self._busy = True
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self.send_command(line)
        except TimeoutError:
            raise self._end(
                AgiTimedOut, f"Asterisk did not reply to {words[0]} in {timeout_s:g} s: see its load"
            ) from None
        except ProtocolError as error:
            raise self._end(AgiBroken, str(error)) from error
        except OSError as error:
            raise self._end(SessionClosed, "the AGI connection is lost") from error
        except BaseException:
            self._end(AgiBroken, f"the AGI command {words[0]} was given up before its reply came")
            raise
        finally:
            self._busy = False
        if reply.code == DEAD_CHANNEL:
            raise self._end(CallerGone, "the caller hung up")
        if reply.code != 200:
            raise AgiRefused(str(words[0]), reply)
        return reply

    def _end(self, kind: type[ContactdError], text: str) -> ContactdError:
        if self._over is None:
            self._over = (kind, text)
        return kind(text)

    async def send_command(self, command: bytes) -> Reply:
        self._items.extend(self._parser.feed(self._early))
        self._early = b""
        if self._items:  # left from before: a hang-up, or a reply that nobody asked for
            if any(isinstance(item, Reply) for item in self._items):
                raise ProtocolError("Asterisk replied to no command; the session is closed. Check who connects.")
            raise self._end(CallerGone, "the caller hung up")
        self.writer.write(command)
        await self.writer.drain()
        while (reply := await self._read_result()).code == 100:  # "100 Trying": the reply is still to come
            pass
        return reply

    async def _read_result(self) -> Reply:
        while not self._items:
            data = await self.reader.read(65_536)
            if not data:
                raise self._end(SessionClosed, "Asterisk closed the AGI session")
            self._items.extend(self._parser.feed(data))
        item = self._items.popleft()
        if isinstance(item, Hangup):
            raise self._end(CallerGone, "the caller hung up")
        return item

    async def answer(self) -> None:
        _alive(await self.command("ANSWER"))

    async def stream_file(self, name: str, escape_digits: str = "") -> str:
        """Plays a sound to its end or to one of the digits; that digit, or ''. A missing file: '' at once."""
        reply = await self.command("STREAM FILE", name, escape_digits, timeout_s=LONGEST_PROMPT_S)
        return await self._meanwhile(_digit(reply))

    async def say(self, kind: str, value: str, *after: str, escape_digits: str = "") -> str:
        """SAY DIGITS, NUMBER, DATETIME and the like, in the channel's language; the digit that ended it, or ''."""
        reply = await self.command(f"SAY {kind}", value, escape_digits, *after, timeout_s=LONGEST_PROMPT_S)
        return await self._meanwhile(_digit(reply))

    async def wait_for_digit(self, timeout_ms: int) -> str:
        """The digit, or '' when none came in time."""
        while True:
            piece_ms = min(timeout_ms, BETWEEN_MS) if self.between is not None else timeout_ms
            wait_s = piece_ms / 1000 + self._reply_timeout_s
            digit = await self._meanwhile(_digit(await self.command("WAIT FOR DIGIT", piece_ms, timeout_s=wait_s)))
            timeout_ms -= piece_ms
            if digit or timeout_ms <= 0:
                return digit

    async def _meanwhile(self, digit: str) -> str:
        if self.between is not None and not digit:
            await self.between()
        return digit

    async def get_data(self, name: str, timeout_ms: int, max_digits: int) -> str:
        """Plays a sound and reads digits up to max_digits, '#' or a silence of timeout_ms; without '#'."""
        wait_s = LONGEST_PROMPT_S + max_digits * timeout_ms / 1000
        reply = _alive(await self.command("GET DATA", name, timeout_ms, max_digits, timeout_s=wait_s))
        return reply.result

    async def set_variable(self, name: str, value: str) -> None:
        await self.command("SET VARIABLE", name, value)

    async def get_variable(self, name: str) -> str | None:
        """None when it is not set. The value is data: 'hangup' is a word like any other."""
        reply = await self.command("GET VARIABLE", name)
        return reply.data if reply.result == "1" else None


def _alive(reply: Reply) -> Reply:
    if reply.result == "-1":  # Asterisk's RESULT_FAILURE: the channel failed or hung up, and the session ends
        raise CallerGone("the caller hung up")
    return reply


def _digit(reply: Reply) -> str:
    """The result is the digit's ASCII code, or 0 for none."""
    result = _alive(reply).result
    digit = chr(int(result)) if result.isdecimal() and len(result) <= 3 else ""
    return digit if digit in DTMF else ""
