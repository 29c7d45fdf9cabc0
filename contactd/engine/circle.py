"""The circle: take what waits, step, keep, tell, act. The floor's only writer."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from contactd.core.commands import Command
from contactd.core.floor import SNAPSHOT_VERSION, LiveFloor
from contactd.core.ids import Instant
from contactd.core.inputs import Input, PbxAbsent, TimePassed
from contactd.core.step import Step, step
from contactd.engine.appender import Appender
from contactd.engine.clock import Clock
from contactd.engine.frame import PrivateRow, WordsRow, frame_of, plain_row, plain_words
from contactd.engine.inbox import Inbox, Item, Private, Words
from contactd.engine.spool import Spool
from contactd.metrics import LOOP_LAG_SECONDS, STEP_SECONDS, TURN_SECONDS

log = structlog.get_logger()

CLOCK_STEP_S = 2.0
"""Time synchronisation slews what is less."""
_FROZEN_S = 3.0
"""A loop that stood still this long may have lost the floor meanwhile."""


class Circle:
    """publish: told every batch of steps, must not wait. act: carries out commands, must not wait.

    still_ours: asked after a freeze, before anything is done in the name of an epoch that may be gone; raises Fenced.
    row_of, words_of: make of a caller's number and name, and of a message, what may stand on a disk.
    kept: the test hook of engine.fault, between keeping and acting.
    turned: told after every turn; it feeds the watchdog. idle_turn_s: turn at least so often, though nothing happens.
    """

    def __init__(
        self,
        floor: LiveFloor,
        inbox: Inbox,
        spool: Spool,
        appender: Appender,
        clock: Clock,
        *,
        publish: Callable[[Sequence[Step]], None],
        act: Callable[[Command], None],
        still_ours: Callable[[], Awaitable[None]],
        row_of: Callable[[Private], PrivateRow] = plain_row,
        words_of: Callable[[Words], WordsRow] = plain_words,
        kept: Callable[[Sequence[Step]], None] = lambda _: None,
        turned: Callable[[], None] = lambda: None,
        idle_turn_s: float | None = None,
        snapshot_events: int = 20_000,
        snapshot_s: float = 60,
    ) -> None:
        self.floor = floor
        self.inbox = inbox
        self.clock = clock
        self._spool = spool
        self._appender = appender
        self._publish = publish
        self._act = act
        self.still_ours = still_ours
        self._row_of = row_of
        self._words_of = words_of
        self._kept = kept
        self._turned = turned
        self._idle_turn_s = idle_turn_s
        self._snapshot_events = snapshot_events
        self._snapshot_s = snapshot_s
        self._snapshot_seq = floor.seq
        self._snapshot_at = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: Instant | None = None
        self._turned_at = time.monotonic()
        self._last_turn = time.monotonic()
        self.turns = 0
        self.ignored = 0
        self.bugs = 0
        self.loop_lag_s = 0.0
        self.clock_stepped_s = 0.0

    def put(
        self, input_: Input, at: Instant | None = None, private: Private | None = None, words: Words | None = None
    ) -> None:
        """A fact; never refused."""
        self.inbox.put_fact(Item(input_, self.clock.now() if at is None else at, private, None, words))

    async def ask(self, input_: Input, private: Private | None = None, words: Words | None = None) -> Step:
        """A request; the step that came of it, once it is kept. Raises InboxFull."""
        done: asyncio.Future[Step] = asyncio.get_running_loop().create_future()
        self.inbox.put_request(Item(input_, self.clock.now(), private, done, words))
        return await done

    async def run(self) -> None:
        """Until cancelled. Raises Fenced."""
        gc.freeze()
        while True:
            batch = await self.inbox.take()
            if time.monotonic() - self._turned_at > _FROZEN_S:
                await self.still_ours()
                batch = self._unsteered() + batch
            self._turned_at = time.monotonic()
            steps = self._keep(batch)
            if time.monotonic() - self._turned_at > _FROZEN_S:
                # Frozen between keeping and acting: a Redirect of a lost epoch would tear a caller out of a talk.
                await self.still_ours()
            self._tell(steps)
            self._set_timer()
            self._last_turn = time.monotonic()
            TURN_SECONDS.observe(self._last_turn - self._turned_at)
            self._turned()
            # Let the sockets be read: a flood of inputs must not starve them.
            await asyncio.sleep(0)

    async def watch(self) -> None:
        """Notice a frozen loop, and measure its lag; until cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.5)
            self.loop_lag_s = max(0.0, time.monotonic() - before - 0.5)
            LOOP_LAG_SECONDS.observe(self.loop_lag_s)
            self._look_at_the_clock()
            if self.loop_lag_s > _FROZEN_S:
                log.warning("loop_frozen", for_s=round(self.loop_lag_s, 1))
                await self.still_ours()
                # run() sees by _turned_at what happened.
                self.put(TimePassed())
                continue
            self._turned_at = time.monotonic()
            self._turn_when_idle()

    def _look_at_the_clock(self) -> None:
        stepped_s = self.clock.stepped_s()
        if abs(stepped_s - self.clock_stepped_s) > CLOCK_STEP_S:
            log.warning(
                "clock_stepped",
                by_s=round(stepped_s - self.clock_stepped_s, 1),
                off_by_s=round(stepped_s, 1),
                remedy="contactd goes on by its old time, so that no wait is wrong. See that time synchronisation"
                " works, then restart contactd when it suits you: no call is lost.",
            )
            self.clock_stepped_s = stepped_s

    def _turn_when_idle(self) -> None:
        """Give the circle a reason to turn; one that is stuck does not take it, and its watchdog starves."""
        if (
            self._idle_turn_s is not None
            and time.monotonic() - self._last_turn >= self._idle_turn_s
            and not len(self.inbox)
        ):
            self.put(TimePassed())

    def _unsteered(self) -> list[Item]:
        """After a freeze the floor is old, and so is what will be read next: nobody is offered before a comparison.

        The static queue may have connected callers meanwhile; a Redirect would tear them out of their talk.
        """
        now = self.clock.now()
        return [Item(PbxAbsent(pbx=pbx, why="contactd was frozen"), now) for pbx in sorted(self.floor.steered)]

    def _keep(self, batch: list[Item]) -> list[Step]:
        """Step, and write the frame: from here on it has happened."""
        steps: list[Step] = []
        for item in batch:
            began = time.perf_counter()
            made = step(self.floor, item.input, item.at)
            STEP_SECONDS.observe(time.perf_counter() - began)
            if made.bug is not None:
                self.bugs += 1
                log.error("step_broken", input=type(item.input).__name__, error=made.bug)
            self.ignored += not made.events and not isinstance(item.input, TimePassed)
            steps.append(made)
            if item.done is not None and not item.done.done():
                item.done.set_result(made)
        frame = frame_of(
            self.floor.epoch,
            steps,
            [item.private for item in batch if item.private is not None],
            self.config_hash(),
            self._row_of,
            [self._words_of(item.words) for item in batch if item.words is not None],
        )
        if frame is not None:
            self._spool.write(frame)
            self._appender.put(frame)
            self._kept(steps)
        return steps

    def _tell(self, steps: list[Step]) -> None:
        """Publish, then act."""
        if any(made.events for made in steps):
            self._publish(steps)
        for made in steps:
            for command in made.commands:
                self._act(command)
        self.turns += 1
        self._maybe_snapshot()

    def config_hash(self) -> bytes:
        plan = self.floor.state.plan
        return bytes.fromhex(plan.sha256) if plan is not None else b""

    def snapshot(self) -> None:
        """Hand the floor as it is to the appender, which keeps it when the journal has come that far."""
        body = msgspec.msgpack.encode(self.floor.state)
        self._appender.keep_snapshot(self.floor.seq, SNAPSHOT_VERSION, body)
        self._snapshot_seq = self.floor.seq
        self._snapshot_at = time.monotonic()

    def _maybe_snapshot(self) -> None:
        new = self.floor.seq - self._snapshot_seq
        if new >= self._snapshot_events or (new and time.monotonic() - self._snapshot_at >= self._snapshot_s):
            self.snapshot()

    def _set_timer(self) -> None:
        wake_at = self.floor.wake_at()
        if wake_at == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = wake_at
        if wake_at is not None:
            delay_s = max(0.0, wake_at - self.clock.now())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._time_passed)

    def _time_passed(self) -> None:
        self._timer = self._timer_at = None
        self.put(TimePassed())
