"""The circle end to end: a real spool and journal, a fake world around it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.commands import Command, RingAgent
from contactd.core.floor import Floor, LiveFloor
from contactd.core.inputs import CallHeld
from contactd.core.step import Step
from contactd.engine import circle as circle_module
from contactd.engine.appender import Appender, Fenced
from contactd.engine.circle import Circle
from contactd.engine.clock import Clock
from contactd.engine.frame import Frame
from contactd.engine.inbox import Inbox, InboxFull, Item, Private
from contactd.engine.recovery import take_floor
from contactd.engine.spool import Spool
from contactd.store.journal import FloorLock
from tests.core.world import ANNA, PBX, SALES, never_announced, plan
from tests.engine.journal import fetch, journal_of, seqs, state_of, until


class WatchedSpool(Spool):
    """Writes down when a frame was kept."""

    def __init__(self, folder: Path, happened: list[str]) -> None:
        super().__init__(folder)
        self.happened = happened

    def write(self, frame: Frame) -> None:
        super().write(frame)
        self.happened.append(f"kept {frame.first_seq}")


@dataclass
class Turning:
    """A circle, and the world around it that writes down what it is told."""

    circle: Circle = field(init=False)
    appender: Appender = field(init=False)
    spool: Spool = field(init=False)
    happened: list[str] = field(default_factory=list)
    acted: list[Command] = field(default_factory=list)
    published: list[Step] = field(default_factory=list)
    asked: int = 0
    turned: int = 0
    fenced: bool = False

    def publish(self, steps: Sequence[Step]) -> None:
        self.happened.append("published")
        self.published += steps

    def act(self, command: Command) -> None:
        self.happened.append(type(command).__name__)
        self.acted.append(command)

    async def still_ours(self) -> None:
        self.asked += 1
        if self.fenced:
            raise Fenced(1, 2)

    def turn(self) -> None:
        self.turned += 1

    async def settled(self) -> None:
        await until(lambda: not len(self.circle.inbox))
        await self.appender.drained()


@contextlib.asynccontextmanager
async def turning(dsn: str, folder: Path, *, inbox: Inbox | None = None, **words: float) -> AsyncIterator[Turning]:
    async with journal_of(dsn) as journal:
        lock = FloorLock(dsn, 1)
        it = Turning()
        spool = WatchedSpool(folder, it.happened)
        floor, row = await take_floor(journal, lock, spool, take_over=False, pause_s=0.01, notice_s=0)
        it.spool = spool
        it.appender = appender = Appender(journal, spool, row, lambda _: None)
        it.circle = circle = Circle(
            floor,
            inbox or Inbox(),
            spool,
            appender,
            Clock(),
            publish=it.publish,
            act=it.act,
            still_ours=it.still_ours,
            turned=it.turn,
            **words,  # type: ignore[arg-type]
        )
        tasks = [asyncio.create_task(circle.run()), asyncio.create_task(appender.run())]
        try:
            yield it
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            gc.unfreeze()
            await lock.release()
            spool.close()


async def opened(it: Turning, wrap_up_s: int = 30) -> None:
    """Configured, compared, and Anna ready."""
    now = it.circle.clock.now()
    it.circle.put(inp.ConfigurationLoaded(plan=plan(wrap_up_s=wrap_up_s)))
    handsets = {"1001": Handset.FREE}
    it.circle.put(inp.PbxCompared(pbx=PBX, asked_at=now, booted_at=0, calls=(), handsets=handsets))
    await it.circle.ask(inp.SignInAsked(agent=ANNA, pin_right=True))


def held(it: Turning, number: int) -> CallHeld:
    call = never_announced(number, it.circle.clock.now())
    return CallHeld(
        contact=call.contact,
        pbx=PBX,
        call=call.call,
        channel=call.channel,
        dnis="5000",
        queue=SALES,
        queued_at=it.circle.clock.now(),
    )


async def test_what_happened_is_kept_then_told_then_acted_upon(database: str, tmp_path: Path) -> None:
    async with turning(database, tmp_path) as it:
        await opened(it)
        it.happened.clear()
        it.circle.put(held(it, 1))
        await until(lambda: it.acted)
        kept, published, acted = it.happened
        assert kept.startswith("kept") and (published, acted) == ("published", "RingAgent")
        assert isinstance(it.acted[0], RingAgent)
        await it.settled()
        assert await seqs(database) == list(range(1, it.circle.floor.seq + 1))


async def test_an_answer_is_given_after_its_facts_are_kept(database: str, tmp_path: Path) -> None:
    async with turning(database, tmp_path) as it:
        it.circle.put(inp.ConfigurationLoaded(plan=plan()))
        made = await it.circle.ask(inp.SignInAsked(agent=ANNA, pin_right=True))
        assert f"kept {made.first_seq}" in it.happened or it.happened[0] == "kept 1"
        assert it.spool.left_behind()[-1].last_seq >= made.first_seq


async def test_an_answer_whose_asker_is_gone_disturbs_nobody(database: str, tmp_path: Path) -> None:
    async with turning(database, tmp_path) as it:
        it.circle.put(inp.ConfigurationLoaded(plan=plan()))
        asking = asyncio.create_task(it.circle.ask(inp.SignInAsked(agent=ANNA, pin_right=True)))
        await asyncio.sleep(0)
        asking.cancel()
        made = await it.circle.ask(inp.NotReadyAsked(agent=ANNA, reason="break"))
        assert len(made.events) == 1


async def test_one_batch_is_one_frame_with_what_is_known_of_people_beside_it(database: str, tmp_path: Path) -> None:
    async with turning(database, tmp_path) as it:
        await opened(it)
        it.happened.clear()
        calls = [held(it, n) for n in range(5)]
        for call in calls:
            it.circle.put(call, private=Private(call.contact, "+4930123", None))
        await until(lambda: it.happened and not len(it.circle.inbox))
        assert [word for word in it.happened if word.startswith("kept")] == it.happened[:1]
        await it.settled()
    assert await fetch(database, "SELECT count(*) FROM contact_private WHERE ani = '+4930123'") == [5]
    assert await fetch(database, "SELECT count(*) FROM event WHERE body LIKE '%4930123%'") == [0]


async def test_what_changed_nothing_is_counted_and_neither_kept_nor_told(database: str, tmp_path: Path) -> None:
    async with turning(database, tmp_path) as it:
        await opened(it)
        it.happened.clear()
        before = it.circle.ignored
        await it.circle.ask(inp.SignInAsked(agent=ANNA, pin_right=True))
        assert (it.circle.ignored, it.happened) == (before + 1, [])


async def test_a_bug_is_counted_and_the_circle_goes_on(database: str, tmp_path: Path) -> None:
    async with turning(database, tmp_path) as it:
        it.circle.put(held(it, 1))  # before any configuration
        await opened(it)
        assert it.circle.bugs == 1
        assert it.circle.floor.agents[ANNA].available()


async def test_the_end_of_a_wrap_up_fires_by_itself(database: str, tmp_path: Path) -> None:
    async with turning(database, tmp_path) as it:
        await opened(it, wrap_up_s=1)
        call = held(it, 1)
        it.circle.put(call)
        await until(lambda: it.acted)
        command = it.acted[0]
        assert isinstance(command, RingAgent)
        it.circle.put(inp.OfferAnswered(contact=call.contact, offer=command.offer))
        it.circle.put(inp.CallerHungUp(contact=call.contact, cause=16))
        await until(lambda: it.circle.floor.timers.wrap_ups.times)
        ends_at = it.circle.floor.wake_at()
        await until(it.circle.floor.agents[ANNA].available)
        assert ends_at is not None and 0 <= it.circle.clock.now() - ends_at < 4


async def test_after_a_freeze_the_floor_is_asked_for_before_anything_is_done(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with turning(database, tmp_path) as it:
        await opened(it)
        assert it.asked == 0
        it.happened.clear()
        it.fenced = True
        monkeypatch.setattr(circle_module, "_FROZEN_S", -1.0)
        it.circle.put(held(it, 1))
        await until(lambda: it.asked)
        await asyncio.sleep(0)
        assert it.happened == []


async def test_the_watch_notices_a_freeze_and_asks(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with turning(database, tmp_path) as it:
        monkeypatch.setattr(circle_module, "_FROZEN_S", -1.0)
        it.fenced = True
        with pytest.raises(Fenced):
            async with asyncio.timeout(10):
                await it.circle.watch()


async def test_an_idle_circle_turns_all_the_same_and_writes_nothing(database: str, tmp_path: Path) -> None:
    async with turning(database, tmp_path, idle_turn_s=0.0) as it:
        await opened(it)
        await it.settled()
        seq, turns = it.circle.floor.seq, it.turned
        watch = asyncio.create_task(it.circle.watch())
        await until(lambda: it.turned >= turns + 2)
        watch.cancel()
        assert it.circle.floor.seq == seq


async def test_a_circle_that_is_stuck_does_not_turn_though_the_loop_lives(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What feeds the watchdog must be the circle: the loop's other tasks go on."""
    async with turning(database, tmp_path, idle_turn_s=0.0) as it:
        await opened(it)
        stuck = asyncio.Event()

        async def never() -> None:
            stuck.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(it.circle, "still_ours", never)
        monkeypatch.setattr(it.circle, "_turned_at", -1e9)
        it.circle.put(held(it, 1))
        await stuck.wait()
        turns = it.turned
        monkeypatch.setattr(it.circle, "_turned_at", time.monotonic())
        watch = asyncio.create_task(it.circle.watch())
        await until(lambda: len(it.circle.inbox))  # the watch gave it a reason to turn
        watch.cancel()
        assert it.turned == turns
        assert len(it.circle.inbox) == 1


async def test_snapshots_are_taken_as_events_go_by_and_the_next_life_has_the_same_floor(
    database: str, tmp_path: Path
) -> None:
    async with turning(database, tmp_path, snapshot_events=20) as it:
        await opened(it)
        for n in range(60):
            await it.circle.ask(held(it, n))
            if n % 10 == 9:
                await it.settled()
        was, seq = state_of(it.circle.floor.state), it.circle.floor.seq
    kept = await fetch(database, "SELECT seq, body FROM snapshot ORDER BY seq")
    assert len(kept) == 3 and seq - kept[-1][0] < 40
    assert msgspec.msgpack.decode(kept[-1][1], type=Floor).seq == kept[-1][0]
    async with turning(database, tmp_path) as again:
        assert state_of(again.circle.floor.state) == was
        assert again.circle.floor.epoch == 2


async def test_a_full_inbox_refuses_requests_and_never_facts() -> None:
    inbox = Inbox(capacity=2)
    for _ in range(2):
        inbox.put_request(Item(inp.TimePassed(), 1.0))
    with pytest.raises(InboxFull):
        inbox.put_request(Item(inp.TimePassed(), 1.0))
    inbox.put_fact(Item(inp.TimePassed(), 1.0))
    assert (len(inbox), inbox.refused) == (3, 1)
    assert len(await inbox.take()) == 3


async def test_the_taker_is_woken_by_the_first_and_gets_all_in_order() -> None:
    inbox = Inbox()
    taking = asyncio.create_task(inbox.take())
    await asyncio.sleep(0)
    for n in (1.0, 2.0, 3.0):
        inbox.put_fact(Item(inp.TimePassed(), n))
    assert [item.at for item in await taking] == [1.0, 2.0, 3.0]


def test_a_stamp_is_believed_unless_it_is_absurd() -> None:
    clock = Clock()
    now = clock.now()
    assert clock.happened(now - 5) == round(now - 5, 6)
    for absurd in (None, now + 60, now - 7200, 0.0):
        assert clock.happened(absurd) >= now
    assert clock.now() >= now


def test_an_empty_floor_has_no_configuration() -> None:
    assert LiveFloor().state.plan is None
