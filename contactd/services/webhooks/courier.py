"""Who carries the messages of one destination: holds its lease, keeps their order, and lets it be while it fails.

Of whatever kind: web hooks, and mailboxes that answer.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from contactd.services.http import Breaker
from contactd.services.webhooks.hook import Verdict
from contactd.store import outbox
from contactd.store.outbox import Desk, Waiting
from contactd.store.trouble import StoreAway

log = structlog.get_logger()

_PAUSES_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
"""After the first failed attempt at a message, the second, and so on; each with up to a quarter more or less, so that
what failed together does not come back together."""
_AWAY_S = 5.0
_AGED_EVERY_S = 60.0


def pause_s(attempts: int, roll: float) -> float:
    """Until the attempt after this many. roll: 0 to 1.

    >>> [pause_s(attempts, 0.5) for attempts in (1, 2, 9)], pause_s(1, 0.0)
    ([5.0, 30.0, 3600.0], 3.75)
    """
    return _PAUSES_S[min(attempts, len(_PAUSES_S)) - 1] * (0.75 + roll / 2)


class Limits(Protocol):
    """What a section says of each kind of destination."""

    @property
    def most_at_once(self) -> int: ...
    @property
    def max_age_s(self) -> int: ...
    @property
    def break_after(self) -> int: ...
    @property
    def break_s(self) -> int: ...


class Carrier(Protocol):
    """How a message gets there: Hook, or what is one for another kind."""

    @property
    def section(self) -> Limits: ...
    async def send(self, message: Waiting) -> Verdict: ...
    async def sent(self, message: Waiting) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Words:
    """Of a kind, for the log. commands: what shows its messages, retries and drops them."""

    taken: str = "webhook_taken"
    lost: str = "webhook_lost"
    not_marked: str = "webhook_not_marked"
    failed: str = "webhook_failed"
    dead: str = "webhook_dead"
    let_be: str = "webhook_let_be"
    back: str = "webhook_back"
    aged: str = "webhook_messages_dead"
    named: str = "hook"
    commands: str = "contactctl webhooks"


@dataclass(slots=True)
class Courier:
    """run() until stop is set; what is on its way then may end within the receiver's time-out.

    idle_s: between two looks for something to send. now: monotonic seconds.
    """

    desk: Desk
    hook: Carrier
    stop: asyncio.Event
    words: Words = Words()
    idle_s: float = 0.5
    now: Callable[[], float] = time.monotonic
    _breaker: Breaker = field(init=False)
    _sending: dict[str, asyncio.Task[None]] = field(default_factory=dict, init=False)
    _back: bool = field(default=False, init=False)
    _ours: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._breaker = Breaker(self.hook.section.break_after, self.hook.section.break_s)

    @property
    def _named(self) -> dict[str, str]:
        return {self.words.named: self.desk.name}

    async def run(self) -> None:
        try:
            while not self.stop.is_set():
                try:
                    if not await self.desk.take():
                        await self._wait(self.desk.lease_s / 4)
                        continue
                    self._ours = True
                    log.debug(self.words.taken, **self._named, term=self.desk.term)
                    await self._serve()
                except StoreAway as away:
                    log.warning("outbox_away", **self._named, error=str(away), again_in_s=_AWAY_S)
                    await self._wait(_AWAY_S)
        finally:
            await asyncio.gather(*self._sending.values(), return_exceptions=True)
            await self.hook.close()
            await self._release()

    async def _serve(self) -> None:
        """While it is ours. Raises StoreAway."""
        most = self.hook.section.most_at_once
        beaten = looked = -float("inf")
        gone, quiet_until = False, 0.0
        while not self.stop.is_set() and self._ours:
            now = self.now()
            if now - beaten >= min(self.desk.lease_s / 4, 2.0):
                standing = await self.desk.beat()
                if standing is None:
                    log.warning(self.words.lost, **self._named, remedy="Nothing: another worker has it.")
                    return
                beaten = now
                gone, quiet_until = standing.gone, now + standing.paused_s
            if now - looked >= _AGED_EVERY_S:
                looked = now
                await self._age()
            if self._back:
                # Nothing waits out the pause of an attempt that failed only since nobody was there.
                await self.desk.hurry()
                self._back = False
            found: list[Waiting] = []
            if not gone and now >= quiet_until and len(self._sending) < most:
                found = await self._next(most - len(self._sending))
            for message in found:
                self._begin(message)
            if not found:
                await self._wait(self.idle_s, *self._sending.values())

    async def _next(self, room: int) -> list[Waiting]:
        """While it is let be, one message tries, and the breaker is asked only when there is one."""
        if not self._breaker.open:
            return await self.desk.heads(room, self._sending)
        if self._sending:
            return []
        found = await self.desk.heads(1, ())
        return found if found and self._breaker.lets(self.now()) else []

    def _begin(self, message: Waiting) -> None:
        task = asyncio.create_task(self._carry(message))
        self._sending[message.subject] = task
        task.add_done_callback(lambda _: self._sending.pop(message.subject, None))

    async def _carry(self, message: Waiting) -> None:
        verdict = Verdict("The attempt broke off.")
        try:
            verdict = await self.hook.send(message)
        finally:
            self._tell(verdict)
        while True:
            try:
                await self._mark(message, verdict)
                return
            except StoreAway as away:
                log.warning("outbox_away", **self._named, message=message.message, error=str(away))
                if self.stop.is_set():
                    # It waits in the outbox as before, and goes again: at least once.
                    return
                await self._wait(_AWAY_S)

    async def _mark(self, message: Waiting, verdict: Verdict) -> None:
        about = {**self._named, "message": message.message, "told": message.event}
        if not verdict.error:
            if not await self.desk.sent(message):
                log.info(self.words.not_marked, **about, remedy="Nothing: it was erased or dropped, or another has it.")
            await self.hook.sent(message)
            return
        section, attempts = self.hook.section, message.attempts + 1
        again_in_s = pause_s(attempts, random.random())  # noqa: S311 - to spread attempts, not to hide anything
        max_age_s = 0.0 if verdict.final else section.max_age_s
        state = await self.desk.failed(
            message, verdict.error, again_in_s, max_age_s, quiet_s=verdict.quiet_s, gone=verdict.gone
        )
        told = {**about, "attempts": attempts, "error": verdict.error}
        if state == "dead":
            log.error(self.words.dead, **told, remedy=f"{self.words.commands} show tells more; retry it, or drop it.")
        else:
            log.warning(self.words.failed, **told, again_in_s=round(again_in_s, 1))
        if verdict.gone or verdict.quiet_s is not None:
            # Asked again how it stands before anything more is sent.
            self._ours = False

    def _tell(self, verdict: Verdict) -> None:
        if not self._breaker.ended(self.now(), well=not verdict.error or verdict.final):
            return
        if self._breaker.open:
            remedy = "Messages wait, and one tries now and then. See that it runs and can be reached."
            log.error(self.words.let_be, **self._named, error=verdict.error, remedy=remedy)
        else:
            log.info(self.words.back, **self._named)
            self._back = True

    async def _age(self) -> None:
        dead = await outbox.aged(self.desk.pool, self.desk.kind, self.desk.name, self.hook.section.max_age_s)
        if dead:
            remedy = f"{self.words.commands} show tells which; retry them, or drop them."
            log.error(self.words.aged, **self._named, messages=dead, remedy=remedy)

    async def _release(self) -> None:
        try:
            if self.desk.term:
                await self.desk.release()
        except StoreAway as away:
            log.warning("outbox_away", **self._named, error=str(away), remedy="Nothing: its lease ends.")

    async def _wait(self, seconds: float, *sending: asyncio.Task[None]) -> None:
        """Or until we are to stop, or one of these has ended."""
        stopping = asyncio.ensure_future(self.stop.wait())
        await asyncio.wait({stopping, *sending}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
