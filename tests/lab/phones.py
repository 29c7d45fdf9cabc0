"""Real SIP phones for the system tests: pjsua2 behind an asyncio interface.

    async with Phones(sip_port=asterisk.sip_port, folder=tmp_path) as phones:
        agent = await phones.handset("a1", "secret", tone_hz=660)
        caller = await phones.caller(tone_hz=440)
        call = await caller.dial("600")
        await call.wait("confirmed")
        at_agent = await agent.next_call()
        await call.hears(660)
        await at_agent.hears(440)
        await call.hangup()

Each phone is a process of its own (:mod:`tests.lab.phone_process` says why); a caller grows a further
one with every fourth call at a time.  A phone answers by its policy inside that process, within a
millisecond, so a busy test does not slow its handsets down.  Everything is on 127.0.0.1.  Each writes
its SIP trace to FOLDER/NAME.log.

:func:`raw_invite` sends an INVITE byte by byte as it is told, for what no decent stack would send.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, cast

LOOPBACK = "127.0.0.1"
CALLS_A_PROCESS = 4  # PJSUA_MAX_CALLS of the wheel
COMMAND_TIMEOUT_S = 10.0
HEARING_TOLERANCE_HZ = 12.0

State = Literal["calling", "incoming", "early", "connecting", "confirmed", "disconnected"]
# An integer is any SIP status; "forward:sip:..." answers 302; "ignore" sends 100 Trying and no more.
Policy = Literal["auto", "manual", "decline", "busy", "ignore", "unavailable"] | int | str
ORDER = {"calling": 0, "incoming": 0, "early": 1, "connecting": 2, "confirmed": 3, "disconnected": 4}


class PhoneError(Exception):
    """The SIP stack refused a command, or the phone's process has gone."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A quarter of a second of a call; peaks are (Hz, dBFS), loudest first, none when silent."""

    dbfs: float
    peaks: tuple[tuple[float, float], ...]

    def has(self, hz: float) -> bool:
        """Is this tone among them?  0 asks for silence."""
        if not hz:
            return not self.peaks
        return any(abs(peak - hz) <= HEARING_TOLERANCE_HZ for peak, _ in self.peaks)

    def __str__(self) -> str:
        if not self.peaks:
            return f"silence ({self.dbfs} dBFS)"
        return ", ".join(f"{hz:.0f} Hz at {dbfs:.0f} dBFS" for hz, dbfs in self.peaks)


@dataclass(frozen=True, slots=True)
class Rtp:
    """Packets of one call's audio so far."""

    received: int
    sent: int
    lost: int


@dataclass(frozen=True, slots=True)
class Secure:
    """SIP over TLS to this port, with a certificate that the CA of a file signed, and SRTP or nothing."""

    port: int
    ca: Path
    host: str = LOOPBACK

    @property
    def registrar(self) -> str:
        return f"{self.host}:{self.port};transport=tls"


class Line:
    """One phone process: commands go down, events come up."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: dict[str, Any]) -> None:
        self.name: str = hello["name"]
        self.pid: int = hello["pid"]
        self.sip: str = hello["sip"]
        self.alive = True
        self.frozen = False
        self.calls: dict[str, Call] = {}
        self.troubles: list[str] = []
        self.on_event: Callable[[Line, dict[str, Any]], None] = lambda line, event: None
        self._reader, self._writer = reader, writer
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0

    @property
    def busy(self) -> int:
        """Calls not yet over."""
        return sum(call.state != "disconnected" for call in self.calls.values())

    async def run(self) -> None:
        """Read until the process goes away."""
        try:
            while message := await self._reader.readline():
                self._take(json.loads(message))
        except (ConnectionError, ValueError) as error:
            self.troubles.append(repr(error))
        finally:
            self.alive = False
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(PhoneError(f"phone {self.name} has died; see {self.name}.log"))
            for call in self.calls.values():
                call._lost()
            self._writer.close()

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            self.on_event(self, message)
            return
        future = self._waiting.pop(message["id"], None)
        if future is None or future.done():
            if "error" in message:
                self.troubles.append(message["error"])
        elif "error" in message:
            future.set_exception(PhoneError(f"{self.name}: {message['error']}"))
        else:
            future.set_result(message.get("value"))

    async def command(self, op: str, **fields: Any) -> Any:
        """Run one command in the phone; raises PhoneError when it is refused."""
        number = self.tell(op, **fields)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            return await asyncio.wait_for(future, COMMAND_TIMEOUT_S)
        except TimeoutError:
            raise PhoneError(f"phone {self.name} did not do {op!r} within {COMMAND_TIMEOUT_S:.0f} s") from None
        finally:
            self._waiting.pop(number, None)

    def tell(self, op: str, **fields: Any) -> int:
        """Send one command and do not wait for its answer; returns its number."""
        if not self.alive:
            raise PhoneError(f"phone {self.name} has died; see {self.name}.log")
        if self.frozen:
            raise PhoneError(f"phone {self.name} is frozen: thaw() it first")
        self._number += 1
        self._writer.write(json.dumps({"id": self._number, "op": op, **fields}).encode() + b"\n")
        return self._number

    def freeze(self) -> None:
        """Stop it in its tracks: its sockets stay open, so the far side sees silence and no refusal."""
        self.frozen = True
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
        self.frozen = False

    def kill(self) -> None:
        """End the process at once: its ports then refuse packets, as a rebooting phone's do."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)


class Call:
    """One call as one phone sees it."""

    def __init__(self, line: Line, phone: Phone, key: str, state: State) -> None:
        self.phone = phone
        self.state: State = state
        self.code = 0
        self.reason = ""
        self.remote = ""  # '"Robert" <sip:200@...>'; of an incoming call the From header as it came
        self.headers: dict[str, str] = {}  # lower-case names: of the INVITE received, or of the last response
        self.times: dict[str, float] = {}  # time.time() of invite, ringing, confirmed, disconnected
        self.digits = ""  # DTMF received
        self.messages: list[str] = []  # SIP MESSAGEs received within the call
        self.transfer_code = 0  # the last NOTIFY about this phone's REFER
        self._line, self._key = line, key
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Call {self.phone.name} {self._key} {self.state} {self.code} {self.reason}>"

    @property
    def remote_number(self) -> str:
        match = re.search(r"sips?:([^@;>]*)@", self.remote)
        return match[1] if match else ""

    @property
    def remote_name(self) -> str:
        quoted = re.match(r'\s*"((?:[^"\\]|\\.)*)"', self.remote)
        if quoted:
            return re.sub(r"\\(.)", r"\1", quoted[1])
        return self.remote.partition("<")[0].strip() if "<" in self.remote else ""

    # -- what happens to it ------------------------------------------------------------------------

    def _event(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "state":
                self._state(event)
            case "digit":
                self.digits += event["digit"]
            case "message":
                self.messages.append(event["text"])
            case "transfer":
                self.transfer_code = event["code"]
        self._notify()

    def _state(self, event: dict[str, Any]) -> None:
        self.state, self.code, self.reason = event["state"], event["code"], event["reason"]
        if not self._key.startswith("in"):
            self.remote = event["remote"] or self.remote
        if event["headers"]:
            self.headers = event["headers"]
        if self.state == "early" and self.code in {180, 183}:
            self.times.setdefault("ringing", event["time"])
        elif self.state in {"confirmed", "disconnected"}:
            self.times.setdefault(self.state, event["time"])

    def _lost(self) -> None:
        if self.state != "disconnected":
            self.state, self.reason = "disconnected", "the phone died"
            self.times.setdefault("disconnected", time.time())
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[Call], object], what: str, timeout_s: float = 10.0) -> Self:
        """Wait for something about this call; raises AssertionError saying what it was instead."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self):
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"{self!r} was not {what} within {timeout_s} s") from None
        return self

    async def wait(self, state: State, timeout_s: float = 10.0) -> Self:
        """Wait until the call is in this state or has passed it; one that ends before fails at once."""

        def reached(call: Call) -> bool:
            if call.state == "disconnected" and state not in {"disconnected", *call._passed()}:
                raise AssertionError(f"{call!r} ended and was never {state}")
            return ORDER[call.state] >= ORDER[state]

        return await self.until(reached, state, timeout_s)

    def _passed(self) -> set[str]:
        passed = {"calling", "incoming"}
        if "ringing" in self.times:
            passed.add("early")
        if "confirmed" in self.times:
            passed |= {"early", "connecting", "confirmed"}
        return passed

    # -- what it is told to do ---------------------------------------------------------------------

    async def answer(self, code: int = 200) -> None:
        """Answer an incoming call; any other code too (180 again, 183, 4xx, 6xx)."""
        await self._line.command("answer", call=self._key, code=code)

    async def hangup(self, code: int = 0) -> None:
        """End it: BYE, CANCEL, or this code to a call still ringing here (0: 603).  Nothing when over."""
        if self.state != "disconnected":
            await self._line.command("hangup", call=self._key, code=code)
            await self.wait("disconnected")

    async def dtmf(self, digits: str) -> None:
        """Press keys (RFC 4733); returns when they are queued."""
        await self._line.command("dtmf", call=self._key, digits=digits)

    async def message(self, text: str) -> None:
        """SIP MESSAGE within the call: the text side of it."""
        await self._line.command("message", call=self._key, text=text)

    async def hold(self) -> None:
        await self._line.command("hold", call=self._key, on=True)

    async def unhold(self) -> None:
        await self._line.command("hold", call=self._key, on=False)

    async def blind_transfer(self, target: str) -> None:
        """REFER the far side to a number; wait on :attr:`transfer_code` for the outcome."""
        await self._line.command("transfer", call=self._key, target=self.phone.uri(target))

    async def attended_transfer(self, other: Call) -> None:
        """Join the far side of this call with that of another of this phone's (REFER with Replaces)."""
        await self._line.command("attended", call=self._key, other=other._key)

    async def play(self, hz: int | None) -> None:
        """Change the tone of this call: 0 is silence, None stops sending."""
        await self._line.command("tone", call=self._key, hz=hz)

    def crash(self) -> None:
        """The phone stops answering anything at all: no BYE, no RTP, no refusal; its other calls too."""
        self._line.freeze()

    def thaw(self) -> None:
        """Undo :meth:`crash`: the phone goes on where it was."""
        self._line.thaw()

    # -- what it hears -----------------------------------------------------------------------------

    async def listen(self) -> Heard:
        """Listen for a quarter of a second, from now."""
        heard = await self._line.command("listen", call=self._key)
        return Heard(heard["dbfs"], tuple((hz, dbfs) for hz, dbfs in heard["peaks"]))

    async def tone(self, timeout_s: float = 5.0) -> float:
        """The loudest frequency heard, waiting so long for one; 0 when it stayed silent."""
        end = time.monotonic() + timeout_s
        while True:
            heard = await self.listen()
            if heard.peaks:
                return heard.peaks[0][0]
            if time.monotonic() >= end or self.state == "disconnected":
                return 0.0

    async def hears(self, *hz: float, timeout_s: float = 10.0) -> None:
        """Wait until all these are heard at once (0: silence); raises AssertionError with what was heard."""
        await self._hearing(lambda heard: all(heard.has(one) for one in hz), f"{hz} Hz", timeout_s)

    async def hears_only(self, *hz: float, timeout_s: float = 10.0) -> None:
        """The same, and nothing else: for "only the right ears hear"."""

        def only(heard: Heard) -> bool:
            strange = (peak for peak, _ in heard.peaks if all(abs(peak - one) > HEARING_TOLERANCE_HZ for one in hz))
            return all(heard.has(one) for one in hz) and not any(strange)

        await self._hearing(only, f"only {hz} Hz", timeout_s)

    async def _hearing(self, condition: Callable[[Heard], bool], what: str, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        while not condition(heard := await self.listen()):
            if self.state == "disconnected":
                raise AssertionError(f"{self!r} ended; {what} expected, last heard {heard}")
            if time.monotonic() >= end:
                raise AssertionError(f"{self!r} should hear {what} but heard {heard}; {await self.rtp()}")

    async def rtp(self) -> Rtp:
        """Packet counts of its audio."""
        return Rtp(**await self._line.command("stats", call=self._key))


class Phone:
    """What handsets and callers share: an account, its calls, and the processes they are in."""

    def __init__(
        self,
        phones: Phones,
        name: str,
        identity: str,
        password: str | None,
        tone_hz: int | None,
        secure: Secure | None = None,
    ) -> None:
        self.name = name
        self._secure = secure
        self._registrar = secure.registrar if secure else phones.registrar
        self.calls: list[Call] = []
        self._phones, self._identity, self._password, self._tone = phones, identity, password, tone_hz
        self._lines: list[Line] = []
        self._incoming: asyncio.Queue[Call] = asyncio.Queue()
        self._dialled = 0
        self._choosing = asyncio.Lock()
        self._policy: Policy = "auto"
        self._answer_after_s = 0.0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def address(self) -> str:
        """host:port where it listens, to call it directly."""
        return self._lines[0].sip

    @property
    def troubles(self) -> list[str]:
        """What went wrong inside the phone, if anything."""
        return [trouble for line in self._lines for trouble in line.troubles]

    def uri(self, target: str) -> str:
        return target if target.startswith("sip:") else f"sip:{target}@{self._registrar}"

    async def _add_line(self) -> Line:
        suffix = f"-{len(self._lines) + 1}" if self._lines else ""
        line = await self._phones._spawn(f"{self.name}{suffix}")
        line.on_event = self._event
        self._lines.append(line)
        await line.command(
            "account",
            uri=self._identity,
            registrar=f"sip:{self._registrar}",
            user=self.name,
            password=self._password,
            expires=60,
            ca=str(self._secure.ca) if self._secure else None,
        )
        await line.command("tone", hz=self._tone)
        await line.command("policy", policy=self._policy, answer_after=self._answer_after_s)
        return line

    async def _dial(self, target: str, sender: str | None, headers: dict[str, str] | None) -> Call:
        async with self._choosing:  # calls dialled at once must not all find the same line free
            line = await self._free_line()
            self._dialled += 1
            key = f"out{self._dialled}"
            call = Call(line, self, key, "calling")
            line.calls[key] = call
            self.calls.append(call)
        try:
            call.times["invite"] = await line.command(
                "dial", call=key, target=self.uri(target), sender=sender, headers=headers or {}
            )
        except PhoneError:
            del line.calls[key]
            self.calls.remove(call)
            raise
        return call

    async def _free_line(self) -> Line:
        return self._lines[0]

    def _event(self, line: Line, event: dict[str, Any]) -> None:
        match event["event"]:
            case "incoming":
                call = Call(line, self, event["call"], "incoming")
                # Not the stack's own remote URI, which is cut at 256 characters.
                call.headers = event["headers"]
                call.remote = call.headers.get("from") or call.headers.get("f", "")
                call.times["invite"] = event["time"]
                line.calls[event["call"]] = call
                self.calls.append(call)
                self._incoming.put_nowait(call)
            case "registration":
                self._registration(event)
            case "trouble":
                line.troubles.append(event["error"])
            case _:
                line.calls[event["call"]]._event(event)

    def _registration(self, event: dict[str, Any]) -> None:
        pass

    async def play(self, hz: int | None) -> None:
        """Change the tone of all its calls, present and future."""
        self._tone = hz
        for line in self._lines:
            await line.command("tone", hz=hz)

    async def next_call(self, timeout_s: float = 10.0) -> Call:
        """The next incoming call not yet taken by this method."""
        try:
            return await asyncio.wait_for(self._incoming.get(), timeout_s)
        except TimeoutError:
            raise AssertionError(f"no call reached {self.name} within {timeout_s} s; {self.troubles}") from None

    async def hangup_all(self) -> None:
        for call in self.calls:
            await call.hangup()

    def crash(self) -> None:
        """Stop answering anything at all, without a word."""
        for line in self._lines:
            line.freeze()

    def thaw(self) -> None:
        for line in self._lines:
            line.thaw()

    def kill(self) -> None:
        """Vanish for good: packets to it are refused from now on."""
        for line in self._lines:
            line.kill()


class Handset(Phone):
    """An agent's phone: registered, and answering by its policy."""

    def __init__(
        self, phones: Phones, name: str, password: str, tone_hz: int | None, secure: Secure | None = None
    ) -> None:
        super().__init__(phones, name, f"sip:{name}@{phones.registrar}", password, tone_hz, secure)
        self.registered = False
        self.register_code = 0
        self._registration_changed = asyncio.Event()

    @property
    def policy(self) -> Policy:
        """What it does with the next call; may be assigned at any time."""
        return self._policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._policy = policy
        self._tell_policy()

    @property
    def answer_after_s(self) -> float:
        return self._answer_after_s

    @answer_after_s.setter
    def answer_after_s(self, seconds: float) -> None:
        self._answer_after_s = seconds
        self._tell_policy()

    def _tell_policy(self) -> None:
        for line in self._lines:
            line.tell("policy", policy=self._policy, answer_after=self._answer_after_s)

    async def set_policy(self, policy: Policy, answer_after_s: float = 0.0) -> None:
        """The same, and it is in force when this returns."""
        self._policy, self._answer_after_s = policy, answer_after_s
        for line in self._lines:
            await line.command("policy", policy=policy, answer_after=answer_after_s)

    async def register(self, timeout_s: float = 10.0) -> None:
        """Register; raises PhoneError with the registrar's answer when refused."""
        await self._register(True, timeout_s)

    async def unregister(self, timeout_s: float = 10.0) -> None:
        await self._register(False, timeout_s)

    async def _register(self, on: bool, timeout_s: float) -> None:
        self.register_code = 0
        await self._lines[0].command("register", on=on)
        try:
            async with asyncio.timeout(timeout_s):
                while not self.register_code:
                    await self._registration_changed.wait()
        except TimeoutError:
            raise PhoneError(f"{self.name}: no answer to REGISTER within {timeout_s} s") from None
        if self.register_code != 200 or self.registered != on:
            raise PhoneError(f"{self.name}: REGISTER was answered {self.register_code}")

    def _registration(self, event: dict[str, Any]) -> None:
        self.registered, self.register_code = event["active"], event["code"]
        self._registration_changed.set()
        self._registration_changed = asyncio.Event()

    async def dial(self, target: str, *, headers: dict[str, str] | None = None) -> Call:
        """The agent's own call, or a feature code."""
        return await self._dial(target, None, headers)


class Caller(Phone):
    """The outside world: places any number of calls, from any number and name."""

    async def dial(
        self,
        target: str,
        *,
        number: str | None = None,
        display: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Call:
        """Call; number and display replace the caller's own in From (quotes and backslashes are escaped)."""
        sender = None
        if number is not None or display is not None:
            sender = identity(number or self.name, self._phones.registrar, display)
        return await self._dial(target, sender, headers)

    async def _free_line(self) -> Line:
        for line in self._lines:
            if line.alive and not line.frozen and line.busy < CALLS_A_PROCESS:
                return line
        return await self._add_line()


def identity(number: str, host: str, display: str | None = None) -> str:
    """A From header's name-addr; the display name quoted as RFC 3261 section 25.1 wants."""
    if display is None:
        return f"<sip:{number}@{host}>"
    escaped = display.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <sip:{number}@{host}>'


class Phones:
    """All phones of a test, and the processes behind them."""

    def __init__(self, registrar: str = LOOPBACK, sip_port: int = 5060, *, folder: Path) -> None:
        self.registrar = f"{registrar}:{sip_port}"
        self.folder = folder
        self._phones: list[Phone] = []
        self._arriving: dict[str, asyncio.Future[Line]] = {}
        self._names: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._spawner: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Not below self.folder: a unix socket's path must be shorter than 108 bytes.
        self._socket_folder = tempfile.TemporaryDirectory(prefix="phones-")
        path = Path(self._socket_folder.name) / "link"
        self._server = await asyncio.start_unix_server(self._connected, path)
        with (self.folder / "phones.out").open("ab") as out:
            self._spawner = await asyncio.create_subprocess_exec(
                sys.executable,
                str(Path(__file__).with_name("phone_process.py")),
                str(path),
                str(self.folder),
                stdin=asyncio.subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Hang up and unregister what still answers, for at most two seconds, then kill the lot."""
        lines = [line for phone in self._phones for line in phone._lines if line.alive and not line.frozen]
        with contextlib.suppress(TimeoutError, PhoneError):
            async with asyncio.timeout(2):
                await asyncio.gather(*(line.command("quit") for line in lines))
                for call in [call for line in lines for call in line.calls.values()]:
                    await call.wait("disconnected")
                for phone in self._phones:
                    while isinstance(phone, Handset) and phone.registered and phone._lines[0] in lines:
                        await phone._registration_changed.wait()
        assert self._spawner is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._spawner.pid, signal.SIGKILL)  # frozen ones too; it led its own session
        await self._spawner.wait()
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._socket_folder.cleanup()

    async def handset(
        self,
        name: str,
        password: str,
        *,
        answer: Policy = "auto",
        answer_after_s: float = 0.0,
        tone_hz: int | None = 0,
        register: bool = True,
        secure: Secure | None = None,
    ) -> Handset:
        """A phone for one of the PBX's accounts; it plays silence unless given a tone."""
        handset = Handset(self, name, password, tone_hz, secure)
        handset._policy, handset._answer_after_s = answer, answer_after_s
        await self._take_in(handset)
        if register:
            await handset.register()
        return handset

    async def caller(
        self,
        name: str = "caller",
        password: str | None = None,
        *,
        number: str | None = None,
        display: str | None = None,
        tone_hz: int | None = 0,
    ) -> Caller:
        """A phone outside, not registered; with a password it answers challenges as `name`."""
        caller = Caller(self, name, identity(number or name, self.registrar, display), password, tone_hz)
        await self._take_in(caller)
        return caller

    async def _take_in(self, phone: Phone) -> None:
        await phone._add_line()
        self._phones.append(phone)

    async def _spawn(self, name: str) -> Line:
        assert self._spawner is not None and self._spawner.stdin is not None, "use `async with Phones(...)`"
        unique = name
        while unique in self._names:
            unique = f"{name}+{len(self._names)}"
        self._names.add(unique)
        arriving: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        self._arriving[unique] = arriving
        self._spawner.stdin.write(unique.encode() + b"\n")
        ended = asyncio.ensure_future(self._spawner.wait())
        try:
            await asyncio.wait((arriving, ended), timeout=COMMAND_TIMEOUT_S, return_when="FIRST_COMPLETED")
        finally:
            ended.cancel()
        if not arriving.done():
            raise PhoneError(
                f"phone {unique} did not start: {self.folder / 'phones.out'} says why "
                "(is pjsua2-python there? It has wheels for x86-64 and up to Python 3.12)"
            )
        return arriving.result()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        hello = json.loads(await reader.readline())
        line = Line(reader, writer, hello)
        self._arriving.pop(line.name).set_result(line)
        with contextlib.suppress(asyncio.CancelledError):
            await line.run()
        self._tasks.discard(task)


# -- byte by byte ----------------------------------------------------------------------------------


@dataclass
class RawCall(asyncio.DatagramProtocol):
    """An INVITE sent as told, and what came back."""

    server: tuple[str, int]
    request_uri: str
    from_: bytes
    call_id: str
    responses: list[tuple[int, str]] = field(default_factory=list)  # (code, whole message)
    requests: list[str] = field(default_factory=list)  # what the far side sent, such as its BYE

    def __post_init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._changed = asyncio.Event()
        self._to = ""
        self._via = ""

    @property
    def code(self) -> int:
        """The last response's status, 0 before any."""
        return self.responses[-1][0] if self.responses else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # by type it is one only from 3.12 on

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode("utf-8", "surrogateescape")
        if text.startswith("SIP/2.0 "):
            self.responses.append((int(text[8:11]), text))
            to = re.search(r"^(?:To|t)\s*:\s*(.*?)\r$", text, re.M | re.I)
            self._to = to[1] if to else self._to
            if self.code >= 200 and " INVITE" in text:
                self._request("ACK", 1)
        else:
            self.requests.append(text)
            self._ok(text)
        self._changed.set()
        self._changed = asyncio.Event()

    def error_received(self, exc: Exception) -> None:
        self.responses.append((503, f"SIP/2.0 503 {exc}\r\n"))
        self._changed.set()

    def _request(self, method: str, number: int) -> None:
        assert self._transport is not None
        # The ACK of a refusal belongs to the INVITE's transaction, that of a 200 and a BYE to their own.
        via = self._via if method == "ACK" and self.code >= 300 else self._via + secrets.token_hex(4)
        head = (
            f"{method} {self.request_uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nTo: {self._to}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n"
        ).encode()
        self._transport.sendto(head + b"From: " + self.from_ + b"\r\n\r\n", self.server)

    def _ok(self, request: str) -> None:
        assert self._transport is not None
        wanted = ("via", "from", "to", "call-id", "cseq")
        lines = [line for line in request.split("\r\n") if line.partition(":")[0].strip().lower() in wanted]
        reply = "\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""])
        if not request.startswith("ACK"):
            self._transport.sendto(reply.encode("utf-8", "surrogateescape"), self.server)

    async def wait(self, lowest_code: int, timeout_s: float = 10.0) -> int:
        """Wait for a response of at least this status; returns it."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.code < lowest_code:
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no answer of {lowest_code} or more within {timeout_s} s: {self.responses}") from None
        return self.code

    def hangup(self) -> None:
        """BYE; there is no RTP here, so it hears nothing either way."""
        self._request("BYE", 2)


@contextlib.asynccontextmanager
async def raw_invite(
    target: str,
    *,
    host: str = LOOPBACK,
    port: int = 5060,
    from_: bytes = b"<sip:raw@127.0.0.1>",
    headers: bytes = b"",
    sdp: bytes | None = None,
) -> AsyncIterator[RawCall]:
    """Send one INVITE whose From value, further header lines and body are exactly these bytes.

    from_ lacks its tag, which is added; headers are whole lines, each ending in CRLF.  No retransmission, no
    authentication, no media: a hostile client's first shot.
    """
    call = RawCall((host, port), f"sip:{target}@{host}:{port}", from_ + b";tag=" + secrets.token_hex(4).encode(), "")
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: call, (LOOPBACK, 0))
    own = "{}:{}".format(*transport.get_extra_info("sockname"))
    call.call_id = f"{secrets.token_hex(8)}@{own}"
    call._via = f"SIP/2.0/UDP {own};branch=z9hG4bK{secrets.token_hex(8)}"
    body = (
        sdp
        if sdp is not None
        else (
            b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            b"m=audio 9 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
    )
    head = (
        f"INVITE {call.request_uri} SIP/2.0\r\nVia: {call._via}\r\nMax-Forwards: 70\r\n"
        f"To: <{call.request_uri}>\r\n"
        f"Call-ID: {call.call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:raw@{own}>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
    ).encode()
    transport.sendto(head + b"From: " + call.from_ + b"\r\n" + headers + b"\r\n" + body, (host, port))
    try:
        yield call
        if 200 <= call.code < 300 and not any(request.startswith("BYE") for request in call.requests):
            call.hangup()
    finally:
        transport.close()
