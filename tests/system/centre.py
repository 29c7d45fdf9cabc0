"""A contact centre under test: the whole stack, real phones, and questions about what happened."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from contactd.ctl.client import Refused, ask
from tests.lab.phones import Call, Caller, Handset, PhoneError, Phones, State
from tests.lab.stack import Person, Stack, staff

CALLER_HZ, AGENT_HZ = 440, 1200
"""The tones that dial() and duty() give to the two sides; no note of the lab's music is near them."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of the journal. at: Unix seconds; body: its fields."""

    seq: int
    at: float
    kind: str
    body: Mapping[str, Any]


class Centre:
    """`async with Centre(folder) as centre`; options go to the Stack."""

    def __init__(
        self, folder: Path, *, agents: int = 2, people: Sequence[Person] | None = None, **options: Any
    ) -> None:
        options.setdefault("greeting", ("hello",))
        options.setdefault("prompt", ("digits/1", "digits/2"))
        self.stack = Stack(folder, people=people or staff(agents), **options)
        self.folder = folder
        self.phones = Phones(sip_port=self.stack.asterisk.sip_port, folder=folder / "phones")
        self.handsets: dict[str, Handset] = {}
        self.mark = 0
        """facts() tells only what came after this seq; a test that shares a centre moves it."""
        self._outside: Caller | None = None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.stack.start)
        await self.phones.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.phones.__aexit__(kind, error, trace)
        await asyncio.to_thread(self.stack.close)

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """contactd worker, beside the daemon."""
        self.stack.daemon.start_worker()
        try:
            yield
        finally:
            await asyncio.to_thread(self.stack.daemon.stop_worker)

    # --- people -----------------------------------------------------------------------------------------------------

    def person(self, agent: str) -> Person:
        return next(person for person in self.stack.people if person.id == agent)

    async def handset(self, agent: str, **options: Any) -> Handset:
        """The agent's registered handset; made once, and with the tone that is asked for last."""
        if agent not in self.handsets:
            person = self.person(agent)
            self.handsets[agent] = await self.phones.handset(person.number, person.password, **options)
        elif "tone_hz" in options:
            await self.handsets[agent].play(options["tone_hz"])
        return self.handsets[agent]

    async def sign_in(self, *agents: str, **options: Any) -> list[Handset]:
        """Register these agents' handsets and sign them in by feature code and PIN, as people do."""

        async def one(agent: str) -> Handset:
            handset = await self.handset(agent, **options)
            call = await handset.dial("*45")
            await call.wait("confirmed")
            await call.dtmf(self.person(agent).pin + "#")
            await call.wait("disconnected", 15)
            return handset

        handsets = list(await asyncio.gather(*(one(agent) for agent in agents)))
        for agent in agents:
            await self.until_agent(agent, status="ready", handset="free")
        return handsets

    async def code(self, agent: str, code: str, digits: str = "") -> None:
        """Dial a feature code on the agent's handset and wait until its call is over."""
        handset = await self.handset(agent)
        call = await handset.dial(code)
        await call.wait("confirmed")
        if digits:
            await call.dtmf(digits)
        await call.wait("disconnected", 15)

    async def call(self, number: str = "5001", **options: Any) -> Call:
        """A new caller dials; returned once the PBX has answered."""
        caller = await self.phones.caller(**options)
        call = await caller.dial(number)
        return await call.wait("confirmed")

    async def dial(self, line: str = "5001", wait: State = "confirmed", **options: Any) -> Call:
        """A call from outside, where the tone is 440 Hz; all from one phone."""
        if self._outside is None:
            self._outside = await self.phones.caller("outside", tone_hz=CALLER_HZ)
        call = await self._outside.dial(line, **options)
        return await call.wait(wait)

    async def duty(self, *agents: str) -> list[Handset]:
        """Register these agents' handsets and sign them in as a supervisor does, the first the longest idle."""
        handsets = []
        for agent in agents:
            handset = await self.handset(agent, tone_hz=AGENT_HZ)
            if not handset.registered:
                await handset.register()
            handsets.append(handset)
        for agent in agents:
            await self.until(lambda agent=agent: self.now(agent)["handset"] == "free", f"{agent}'s handset to be free")
            self.act(agent, "sign-in")
        return handsets

    def act(self, agent: str, act: str, reason: str = "") -> None:
        """What a supervisor does for an agent; nothing, when it is so already."""
        with contextlib.suppress(Refused):
            body = {"reason": reason} if reason else None
            ask(str(self.stack.daemon.socket), "POST", f"/agents/{agent}/{act}", body)

    def now(self, agent: str) -> dict[str, Any]:
        """What contactd itself says of an agent."""
        agents = ask(str(self.stack.daemon.socket), "GET", "/agents")
        return next(one for one in agents if one["id"] == agent)

    def contacts(self) -> list[dict[str, Any]]:
        """What contactd itself says of the contacts on its floor."""
        found: list[dict[str, Any]] = ask(str(self.stack.daemon.socket), "GET", "/contacts")
        return found

    async def clear(self) -> None:
        """Everybody hangs up and goes home; facts() begins anew."""
        for phone in [*self.handsets.values(), *([self._outside] if self._outside else [])]:
            for call in phone.calls:
                with contextlib.suppress(PhoneError):  # the other side was faster
                    await call.hangup()
            while not phone._incoming.empty():
                phone._incoming.get_nowait()
        for handset in self.handsets.values():
            await handset.set_policy("auto")
        await asyncio.to_thread(self.stack.asterisk.cli, "channel request hangup all")  # of byte-made callers
        await self.until(lambda: not self.contacts(), "the floor to be empty")
        for agent in ask(str(self.stack.daemon.socket), "GET", "/agents"):
            if agent["state"] == "wrap_up":
                self.act(agent["id"], "ready")
            if agent["status"] != "signed_out":
                self.act(agent["id"], "sign-out")
        self.mark = ask(str(self.stack.daemon.socket), "GET", "/status")["seq"]

    # --- what happened ------------------------------------------------------------------------------------------------

    def psql(self, sql: str) -> list[str]:
        """Rows of the contactd database, fields separated by |."""
        return self.stack.postgres.psql(sql, "contactd").splitlines()

    def facts(self, where: str = "true", *, whole: bool = False) -> list[Fact]:
        """whole: from the journal's beginning, not only from the mark."""
        mark = 0 if whole else self.mark
        rows = self.psql(
            "SELECT json_build_array(seq, extract(epoch FROM at)::float8, kind, body::json) FROM event"
            f" WHERE {where} AND seq > {mark} ORDER BY seq"
        )
        return [Fact(*json.loads(row)) for row in rows]

    def stories(self) -> dict[str, list[Fact]]:
        """Every contact's facts, in order."""
        found: dict[str, list[Fact]] = {}
        for fact in self.facts("contact IS NOT NULL"):
            found.setdefault(fact.body["contact"], []).append(fact)
        return found

    async def story(self) -> list[Fact]:
        """The facts of the only contact, once it has ended."""
        stories = await self.until_ended(1)
        assert len(stories) == 1, stories
        return next(iter(stories.values()))

    async def until_queued(self, count: int) -> list[str]:
        """The contacts that wait in hold, once there are so many; the longest waiting first."""

        def waiting() -> list[str] | None:
            found = [one for one in self.contacts() if one["state"] == "waiting" and one["waited_s"] is not None]
            return [one["id"] for one in found] if len(found) == count else None

        found: list[str] = await self.until(waiting, f"{count} contacts to wait")
        return found

    def last_of(self, kind: str, **fields: Any) -> Fact | None:
        matching = [f for f in self.facts(f"kind = '{kind}'") if fields.items() <= dict(f.body).items()]
        return matching[-1] if matching else None

    async def until(
        self, condition: Callable[[], Any] | Callable[[], Awaitable[Any]], what: str, timeout_s: float = 15.0
    ) -> Any:
        """The condition's first true value."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            if asyncio.get_running_loop().time() > deadline:
                tail = [f"{fact.at:.3f} {fact.kind} {dict(fact.body)}" for fact in self.facts()[-15:]]
                raise AssertionError(f"waited {timeout_s:g} s in vain for {what}; the last facts:\n" + "\n".join(tail))
            await asyncio.sleep(0.02)

    async def until_fact(self, kind: str, timeout_s: float = 15.0, **fields: Any) -> Fact:
        """The newest fact of a kind with these fields."""
        fact: Fact = await self.until(lambda: self.last_of(kind, **fields), f"{kind} {fields}", timeout_s)
        return fact

    async def until_agent(self, agent: str, timeout_s: float = 15.0, **wanted: str) -> dict[str, Any]:
        """status, state, reason, handset as the journal tells them."""

        def matches() -> dict[str, Any] | None:
            now = self.agent(agent)
            return now if wanted.items() <= now.items() else None

        found: dict[str, Any] = await self.until(matches, f"{agent} to be {wanted}; is {self.agent(agent)}", timeout_s)
        return found

    def agent(self, agent: str) -> dict[str, Any]:
        """What the journal's facts make of an agent; independent of the code under test."""
        now: dict[str, Any] = {
            "status": "signed_out",
            "state": "idle",
            "reason": "",
            "handset": "unavailable",
        }
        for fact in self.facts(f"agent = '{agent}'", whole=True):
            now |= _AGENT.get(fact.kind, lambda _: {})(fact.body)
        return now

    async def until_ended(self, count: int, timeout_s: float = 30.0) -> dict[str, list[Fact]]:
        """All stories, once `count` of them have ended."""
        query = f"SELECT count(*) FROM event WHERE kind = 'ContactEnded' AND seq > {self.mark}"
        await self.until(lambda: int(self.psql(query)[0]) >= count, f"{count} contacts to end", timeout_s)
        return self.stories()

    def cel(self) -> list[dict[str, str]]:
        """Asterisk's own record (the Stack needs cel=True)."""
        columns = ("time", "event", "uniqueid", "linkedid", "channel", "context", "exten", "app", "extra")
        with self.stack.asterisk.cel_path.open(newline="") as lines:
            return [dict(zip(columns, row, strict=False)) for row in csv.reader(lines)]


_AGENT: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "AgentSignedIn": lambda _: {"status": "ready", "reason": ""},
    "AgentSignedOut": lambda _: {"status": "signed_out", "reason": ""},
    "AgentReady": lambda _: {"status": "ready", "reason": ""},
    "AgentNotReady": lambda body: {"status": "not_ready", "reason": body["reason"]},
    "HandsetSeen": lambda body: {"handset": body["handset"]},
    "ContactOffered": lambda body: {"state": "offered", "contact": body["contact"]},
    "LegOffered": lambda body: {"state": "offered", "contact": body["contact"]},
    "LegEnded": lambda _: {"state": "idle", "contact": None},
    "OfferEnded": lambda _: {"state": "idle", "contact": None},
    "ContactConnected": lambda body: {"state": "busy", "contact": body["contact"]},
    "TalkEnded": lambda body: {"state": "wrap_up" if body["wrap_up_until"] else "idle", "contact": None},
    "WrapUpEnded": lambda _: {"state": "idle"},
}
