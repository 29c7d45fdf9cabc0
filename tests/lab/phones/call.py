"""One call as one phone sees it: what happens to it, what it is told to do, what it hears."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from tests.lab.phones.line import Line

if TYPE_CHECKING:
    from tests.lab.phones.phone import Phone

HEARING_TOLERANCE_HZ = 12.0

State = Literal["calling", "incoming", "early", "connecting", "confirmed", "disconnected"]
ORDER = {"calling": 0, "incoming": 0, "early": 1, "connecting": 2, "confirmed": 3, "disconnected": 4}


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

    async def say(self, path: Path) -> None:
        """Play a WAV file of 8 kHz, once."""
        await self._line.command("say", call=self._key, path=str(path))

    async def record(self, path: Path) -> None:
        """Write what is heard from now on into a file of bare samples (8 kHz, 16-bit), as it comes."""
        await self._line.command("record", call=self._key, path=str(path))

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
