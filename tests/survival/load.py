"""A busy floor: open-loop arrivals, agents who answer, talk and wrap up, callers who lose patience.

Everything random comes from one seed. What the phones saw is the judge of drops: a talk or a wait that ended without
either side's having hung up.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.lab.stack import LINE, SALES, Contactd, Stack, staff
from tests.survival.swarm import Leg, Swarm

STATES = ("menu", "waiting", "ringing", "connected", "wrap_up")
_NEAR_S = 1.5
"""Between one side's BYE and the other's; twice a T1 and the machine's own slowness."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds are (least, most), drawn evenly. rate: new calls a second, whatever becomes of the old ones.

    The rate is a little more than the agents can take, so that there always is a line.
    """

    agents: int = 80
    rate: float = 4.4
    menu_s: tuple[float, float] = (4.0, 9.0)
    ring_s: tuple[float, float] = (2.5, 10.5)
    talk_s: tuple[float, float] = (3.0, 12.0)
    wrap_up_s: int = 8
    patience_s: tuple[float, float] = (25.0, 60.0)


@dataclass(slots=True)
class Caller:
    leg: Leg
    in_menu: bool
    joined: Leg | None = None
    """The handset that answered last."""
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class Floor:
    """`async with Floor(folder, seed=1) as floor`: the stack, its agents signed in, and the load on top."""

    def __init__(self, folder: Path, *, seed: int, pace: Pace | None = None, **options: Any) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.pace = pace or Pace()
        wrap_up_s = self.pace.wrap_up_s
        options.setdefault("queues", {"sales": (20, wrap_up_s), "support": (20, wrap_up_s)})
        options.setdefault("prompt", ("digits/1", "digits/2"))
        # Beside the lab's applications: [contactd-offer] tells by UserEvent that it refused one.
        options.setdefault("extra_conf", {"cel.conf": "[general](+)\napps = userevent"})
        self.stack = Stack(folder, people=staff(self.pace.agents), cel=True, **options)
        self.swarm = Swarm(self.stack.asterisk.sip_port)
        self.swarm.on_ringing = self._ringing
        self.swarm.on_answered = self._answered
        self.swarm.on_ended = self._ended
        self.callers: dict[str, Caller] = {}
        self.wrapping: dict[str, float] = {}
        self.deaf: list[tuple[float, float]] = []
        """When no contactd listened: from its death to its first comparison."""
        self.pbx_deaths: list[float] = []
        self.menus_served = True
        """False: nobody plays a menu, so a caller goes straight into the line."""
        self._numbers = 0
        self._arrivals: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.stack.start)
        await self.swarm.__aenter__()
        await self.register()
        await self.sign_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._arrivals is not None:
            self._arrivals.cancel()
        await self.swarm.__aexit__()
        await asyncio.to_thread(self.stack.close)

    async def register(self) -> None:
        """Every handset, as after a restart of the PBX."""
        await asyncio.gather(*(self.swarm.register(p.number, p.password) for p in self.stack.people))

    async def sign_in(self) -> None:
        """Everybody, by a supervisor."""
        async with control(self.stack.daemon) as door:
            for person in self.stack.people:
                async with door.post(f"http://contactd/agents/{person.id}/sign-in") as answer:
                    assert answer.status == 200, await answer.text()

    async def agents(self, daemon: Contactd | None = None) -> list[dict[str, Any]]:
        async with control(daemon or self.stack.daemon) as door, door.get("http://contactd/agents") as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found

    # --- people -----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Callers come from now on, more of them at first so that every state fills up."""
        self._arrivals = asyncio.create_task(self._arrive())

    async def _arrive(self) -> None:
        agents = self.pace.agents
        cycle_s = sum(self.pace.ring_s + self.pace.talk_s) / 2 + self.pace.wrap_up_s
        for number in range(agents):
            self._call(SALES)
            if number > agents // 2:
                self._call(LINE)
            await asyncio.sleep(self.random.expovariate(agents / cycle_s * 1.5))
        for _ in range(agents // 3):
            self._call(SALES)
            await asyncio.sleep(0.02)
        while True:
            await asyncio.sleep(self.random.expovariate(self.pace.rate))
            self._call(LINE)

    def _call(self, line: str) -> None:
        self._numbers += 1
        number = f"49{self._numbers:06}"
        caller = Caller(self.swarm.dial(number, line), in_menu=line == LINE)
        self.callers[number] = caller
        self._later(caller, self.random.uniform(*self.pace.patience_s), self._lose_patience, caller)

    def _later(self, caller: Caller, delay_s: float, do: Callable[..., None], *what: Any) -> None:
        caller.timers.append(asyncio.get_running_loop().call_later(delay_s, do, *what))

    def _lose_patience(self, caller: Caller) -> None:
        if caller.joined is None or not caller.joined.alive:
            self.swarm.hang_up(caller.leg)

    def _press(self, caller: Caller) -> None:
        if caller.leg.alive and caller.in_menu:
            self.swarm.press(caller.leg, self.random.choice("12"))
            caller.in_menu = False

    def _ringing(self, leg: Leg) -> None:
        asyncio.get_running_loop().call_later(self.random.uniform(*self.pace.ring_s), self.swarm.answer, leg)

    def _answered(self, leg: Leg) -> None:
        if leg.caller:
            caller = self.callers[leg.number]
            caller.in_menu = caller.in_menu and self.menus_served
            if caller.in_menu:
                self._later(caller, self.random.uniform(*self.pace.menu_s), self._press, caller)
            return
        talker = self.callers.get(leg.peer)
        if talker is None:
            return
        talker.joined = leg
        who = talker.leg if self.random.random() < 0.5 else leg
        self._later(talker, self.random.uniform(*self.pace.talk_s), self.swarm.hang_up, who)

    def _ended(self, leg: Leg) -> None:
        if leg.caller:
            for timer in self.callers[leg.number].timers:
                timer.cancel()
        elif leg.answered is not None:
            self.wrapping[leg.number] = time.time()

    # --- the moment -------------------------------------------------------------------------------------------------

    def states(self) -> dict[str, int]:
        """Calls in each state, as the phones see it."""
        now = time.time()
        handsets = [leg for leg in self.swarm.legs.values() if not leg.caller and leg.alive]
        ringing = sum(leg.answered is None for leg in handsets)
        connected = len(handsets) - ringing
        alive = [caller for caller in self.callers.values() if caller.leg.alive and caller.leg.answered]
        menu = sum(caller.in_menu for caller in alive)
        busy = {leg.number for leg in handsets}
        wrapping = sum(now - at < self.pace.wrap_up_s and number not in busy for number, at in self.wrapping.items())
        return {
            "menu": menu,
            "waiting": len(alive) - menu - ringing - connected,
            "ringing": ringing,
            "connected": connected,
            "wrap_up": wrapping,
        }

    async def busy(self, least: int = 20, patience_s: float = 90.0) -> dict[str, int]:
        """Wait until every state holds so many, and a random moment more."""
        best: dict[str, int] = {}

        def full() -> bool:
            nonlocal best
            now = self.states()
            if not best or min(now.values()) > min(best.values()):
                best = now
            return min(now.values()) >= least

        await until(full, f"{least} calls in every state", patience_s, lambda: f"; at best {best}")
        pause_s = self.random.uniform(0, 1.5)
        moment = asyncio.get_running_loop().time() + pause_s
        # The load goes on meanwhile; a state that empties below the mark is waited for again.
        await until(
            lambda: asyncio.get_running_loop().time() >= moment and full(),
            f"{least} calls in every state",
            patience_s,
            lambda: f"; at best {best}",
        )
        return self.states()

    async def close(self, patience_s: float = 60.0) -> None:
        """Nobody calls any more, those who are there go home, and the journal comes to its end."""
        assert self._arrivals
        self._arrivals.cancel()
        for caller in list(self.callers.values()):
            if caller.leg.alive:
                self._later(caller, self.random.uniform(0, 3), self.swarm.hang_up, caller.leg)
        await until(lambda: not any(c.leg.alive for c in self.callers.values()), "every caller to hang up", patience_s)
        await until(
            lambda: not any(leg.alive for leg in self.swarm.legs.values()), "every handset to be free", patience_s
        )

    async def settled(self, daemon: Contactd | None = None, patience_s: float = 40.0) -> None:
        """The floor is empty, and PostgreSQL has all of it."""
        daemon = daemon or self.stack.daemon
        async with control(daemon) as door:

            async def empty() -> bool:
                async with door.get("http://contactd/contacts") as answer:
                    return not await answer.json()

            await until(empty, "the last contact to leave the floor", patience_s)

    # --- drops ------------------------------------------------------------------------------------------------------

    def drops(self) -> list[str]:
        """Calls that ended though nobody hung up, and answers that found no caller."""
        found = []
        hung_up: dict[str, list[float]] = {}
        for leg in self.swarm.legs.values():
            if leg.ended_by == "us" and leg.ended is not None:
                hung_up.setdefault(leg.peer or leg.number, []).append(leg.ended)
        for leg in self.swarm.legs.values():
            if leg.ended is None or leg.ended_by in ("us", "pbx") or self._crashed(leg):
                continue
            who = leg.peer or leg.number
            if any(abs(leg.ended - at) <= _NEAR_S for at in hung_up.get(who, [])):
                continue
            if not leg.caller and leg.answered is None:
                # An offer withdrawn by somebody else than the caller.
                found.append(f"handset {leg.number} stopped ringing for {who}, who still waited, at {leg.ended:.3f}")
                continue
            kind = "caller" if leg.caller else "handset"
            found.append(f"{kind} {leg.number} was cut off ({leg.ended_by}) at {leg.ended:.3f}")
        return found

    def _crashed(self, leg: Leg) -> bool:
        return any(leg.began <= at and leg.ended is not None and leg.ended >= at for at in self.pbx_deaths)

    def figures(self) -> dict[str, int]:
        legs = self.swarm.legs.values()
        return {
            "callers": sum(leg.caller for leg in legs),
            "answered": sum(not leg.caller and leg.answered is not None for leg in legs),
            **dict(Counter(f"ended by {leg.ended_by}" for leg in legs if leg.caller)),
        }

    @contextmanager
    def nobody_listens(self, *, frozen: bool = False) -> Iterator[None]:
        """The time in which things happen that contactd can only conclude from what it finds afterwards.

        frozen: its sockets stay open, so that a menu stands still; a dead one's callers go on into the line.
        """
        since = time.time()
        self.menus_served = frozen
        if not frozen:
            self.menus_broke_off()
        yield
        self.menus_served = True
        self.deaf.append((since, time.time()))

    def menus_broke_off(self) -> None:
        """Whoever played them is gone: these callers are in the line now."""
        for caller in self.callers.values():
            caller.in_menu = False


def control(daemon: Contactd) -> aiohttp.ClientSession:
    """contactctl's way in, without a process for every question."""
    return aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(path=str(daemon.socket)), timeout=aiohttp.ClientTimeout(total=20)
    )


async def until(
    condition: Callable[[], Any], what: str, patience_s: float = 30.0, hint: Callable[[], str] = str
) -> None:
    """Wait for a condition, plain or a coroutine function; looks every 20 ms."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"waited {patience_s:g} s in vain for {what}{hint()}")
        await asyncio.sleep(0.02)
