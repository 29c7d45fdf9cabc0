"""A telephone: an agent's handset, or the callers outside."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tests.lab.phones.call import Call
from tests.lab.phones.line import LOOPBACK, Line, PhoneError

if TYPE_CHECKING:
    from tests.lab.phones.phones import Phones

CALLS_A_PROCESS = 4  # PJSUA_MAX_CALLS of the wheel
# An integer is any SIP status; "forward:sip:..." answers 302; "ignore" sends 100 Trying and no more.
Policy = Literal["auto", "manual", "decline", "busy", "ignore", "unavailable"] | int | str


@dataclass(frozen=True, slots=True)
class Secure:
    """SIP over TLS to this port, with a certificate that the CA of a file signed, and SRTP or nothing."""

    port: int
    ca: Path
    host: str = LOOPBACK

    @property
    def registrar(self) -> str:
        return f"{self.host}:{self.port};transport=tls"


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

    async def set_policy(self, policy: Policy, answer_after_s: float = 0.0) -> None:
        """What it does with the next call; in force when this returns."""
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
