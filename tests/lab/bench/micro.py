"""The circle's parts alone: steps of the core, frames onto the disk, events into PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, PbxId, QueueId, contact_id
from contactd.core.plan import AgentProfile, FloorPlan, QueuePlan
from contactd.core.step import Step, step
from contactd.engine.appender import Appender
from contactd.engine.frame import Frame, frame_of
from contactd.engine.inbox import Private
from contactd.engine.spool import Spool
from contactd.store.journal import Journal, open_pool
from contactd.store.migrate import migrate
from tests.lab.bench.figures import Figures
from tests.lab.bench.rig import Rig

AGENTS = 50
CONFIG = bytes(32)
START = 1_700_000_000.0
_QUEUE, _PBX = QueueId("bench"), PbxId("pbx1")


def measure(rig: Rig, into: Figures) -> None:
    scale = rig.scale
    began = time.perf_counter()
    steps = sum(1 for _ in story(scale.micro_calls))
    into.add("steps_per_s", steps / (time.perf_counter() - began), "1/s")
    into.add("frame_us", _frame_us(rig.folder / "micro-spool", scale.micro_calls // 4), "us")
    dsn = rig.stack.postgres.create_database("micro")
    folder = rig.folder / "micro-append"
    into.add("append_events_per_s", asyncio.run(_append(dsn, folder, scale.micro_events)), "1/s")


def story(calls: int) -> Iterator[Step]:
    """Usual calls, one after another: a menu, an offer that is answered, a talk, the handset's states."""
    floor = LiveFloor()
    agents = [
        AgentProfile(id=AgentId(f"agent{n}"), pbx=_PBX, endpoint=str(1000 + n), queues=(_QUEUE,)) for n in range(AGENTS)
    ]
    queues = (QueuePlan(id=_QUEUE, wrap_up_s=0),)
    plan = FloorPlan(sha256="00", queues=queues, agents=tuple(agents), default_queue=_QUEUE)
    at = START
    yield step(floor, inp.ConfigurationLoaded(plan=plan), at)
    handsets = {agent.endpoint: Handset.FREE for agent in agents}
    compared = inp.PbxCompared(pbx=_PBX, asked_at=at, booted_at=0.0, calls=(), handsets=handsets)
    yield step(floor, compared, at)
    for agent in agents:
        yield step(floor, inp.SignInAsked(agent=agent.id, pin_right=True), at)
    endpoints = {agent.id: agent.endpoint for agent in agents}
    for n in range(calls):
        at += 0.01
        call, channel = f"pbx1-{START:.0f}.{n}", f"PJSIP/trunk-{n:08x}"
        contact = contact_id(_PBX, call, at)
        yield step(
            floor,
            inp.CallArrived(contact=contact, pbx=_PBX, call=call, channel=channel, dnis="5000"),
            at,
        )
        yield step(floor, inp.MenuAnswered(contact=contact, menu="main", choice="1", queue=_QUEUE), at)
        held = step(
            floor,
            inp.CallHeld(
                contact=contact, pbx=_PBX, call=call, channel=channel, dnis="5000", queue=_QUEUE, queued_at=at
            ),
            at,
        )
        yield held
        offered = held.events[-1]
        assert isinstance(offered, ev.ContactOffered)
        endpoint = endpoints[offered.agent]

        def seen(handset: Handset, endpoint: str = endpoint) -> inp.HandsetChanged:
            return inp.HandsetChanged(pbx=_PBX, endpoint=endpoint, handset=handset)

        for input_ in (
            seen(Handset.RINGING),
            seen(Handset.IN_USE),
            inp.OfferAnswered(contact=contact, offer=offered.offer),
            seen(Handset.FREE),
            inp.AgentHungUp(contact=contact, offer=offered.offer),
            inp.CallerHungUp(contact=contact, cause=16),
        ):
            yield step(floor, input_, at)


def frames(calls: int) -> Iterator[Frame]:
    for made in story(calls):
        private = [
            Private(event.contact, "4930123456", None) for event in made.events if isinstance(event, ev.ContactArrived)
        ]
        frame = frame_of(1, [made], private, CONFIG)
        if frame is not None:
            yield frame


def _frame_us(folder: Path, calls: int) -> float:
    """A frame made of one step and written to the spool; what the steps themselves take is not counted."""
    spool = Spool(folder)
    steps = [made for made in story(calls) if made.events]
    # The first one preallocates a file.
    spool.write(next(frames(1)))
    began = time.perf_counter()
    for made in steps:
        frame = frame_of(1, [made], (), CONFIG)
        assert frame is not None
        spool.write(frame)
    spent = time.perf_counter() - began
    spool.close()
    return spent * 1e6 / len(steps)


async def _append(dsn: str, folder: Path, events: int) -> float:
    """Frames of one step each through the appender, as the daemon does it after PostgreSQL was away."""
    await migrate(dsn)
    spool = Spool(folder)
    async with await open_pool(dsn) as pool:
        journal = Journal(pool, 1)
        row = await journal.next_epoch()
        appender = Appender(journal, spool, row, lambda _: None)
        # A call makes 13 events.
        for frame in frames(max(1, events // 13)):
            appender.put(frame)
        began = time.perf_counter()
        await appender.drain()
        spent = time.perf_counter() - began
    spool.close()
    return (appender.appended_seq - row.seq) / spent
