"""kill -9 and SIGSTOP: the calls go on, the line keeps its order, and every story is whole."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.survival.centre import (
    AWAY_S,
    FULL,
    LEAST,
    LONG,
    PACE,
    SEEDS,
    STACK,
    now,
    offered_again,
    passing,
    said,
    steering,
    verdict,
)
from tests.survival.load import Floor, until

pytestmark = pytest.mark.timeout(1800)


async def test_no_call_and_no_fact_is_lost_by_kill_nine_at_any_moment(tmp_path: Path) -> None:
    moments, cuts = [], []
    async with Floor(tmp_path, seed=9, **STACK) as floor:
        daemon = floor.stack.daemon
        floor.open()
        for seed in SEEDS:
            dice = random.Random(seed)
            states = await floor.busy(FULL)
            moments.append((f"seed {seed}", states))
            with floor.nobody_listens():
                killed = now()
                await asyncio.to_thread(daemon.kill)
                await passing(dice.choice((0.0, dice.uniform(0, 3), dice.uniform(3, 12))))
                daemon.start(wait=False)
                await steering(daemon)
            await offered_again(floor, floor.deaf[-1][1] - 1)
            cuts.append((killed, now() + 5))
        said(moments)
        report = await verdict(floor, cuts=cuts)
        assert not report.problems, report


@pytest.mark.parametrize("nth", [2, 40, 100] if LONG else [40])
async def test_an_offer_that_was_kept_and_never_sent_is_made_again(tmp_path: Path, nth: int) -> None:
    async with Floor(tmp_path, seed=nth, pace=PACE, **STACK) as floor:
        daemon = floor.stack.daemon
        floor.open()
        states = await floor.busy(LEAST)
        with floor.nobody_listens():
            await asyncio.to_thread(daemon.kill)
            daemon.start(wait=False, env={"CONTACTD_FAULT": f"kill:{nth}"})
            await until(lambda: not daemon.alive(), "contactd to kill itself between keeping and acting", 60)
            killed = now()
            await asyncio.to_thread(daemon.kill)
            daemon.start(wait=False)
            await steering(daemon)
        await offered_again(floor, killed)
        said([(f"frame {nth}", states)])
        report = await verdict(floor)
        assert not report.problems, report


async def test_a_frozen_contactd_costs_nobody_the_call_or_the_place(tmp_path: Path) -> None:
    async with Floor(tmp_path, seed=19, pace=PACE, **STACK) as floor:
        daemon = floor.stack.daemon
        floor.open()
        states = await floor.busy(LEAST)
        with floor.nobody_listens(frozen=True):
            frozen = now()
            daemon.pause()
            await passing(AWAY_S)
            daemon.cont()
            await steering(daemon)
            await offered_again(floor, now())
        said([("frozen", states)])
        report = await verdict(floor, cuts=[(frozen, now())])
        assert not report.problems, report


async def test_the_static_queue_takes_over_and_gives_the_callers_back(tmp_path: Path) -> None:
    """Away for longer than the callers are held: the PBX's own queue serves them, and whoever it did not reach comes
    back into the old place.

    Every other handset whose ring is called off was answered in that moment. It is busy until the PBX has hung up
    again, and an offer may come first: its agent is ready again all the same.
    """
    dialplan = {"CONTACTD_PATIENCE=60 ": "CONTACTD_PATIENCE=2 ", "CONTACTD_LATE=10 ": "CONTACTD_LATE=3 "}
    async with Floor(tmp_path, seed=23, pace=PACE, **{**STACK, "substitutions": dialplan}) as floor:
        daemon = floor.stack.daemon
        dice = random.Random(23)
        floor.swarm.crossing = lambda: dice.random() < 0.5
        floor.open()
        states = await floor.busy(LEAST)
        with floor.nobody_listens():
            killed = now()
            await asyncio.to_thread(daemon.kill)
            queue = floor.stack.asterisk

            def fell_back() -> bool:
                return int(queue.cli("queue show contactd-fallback").count("(wait:")) >= LEAST

            await until(lambda: asyncio.to_thread(fell_back), f"{LEAST} callers in the static queue", 60)
            daemon.start(wait=False)
            await steering(daemon)
        await offered_again(floor, floor.deaf[-1][1] - 1)
        said([("long away", states)])
        report = await verdict(floor, cuts=[(killed, now())])
        # Who rang for the static queue in that moment is called off: its callers are offered by their place in line.
        members = tuple(f"handset {person.number} stopped ringing" for person in floor.stack.people[:4])
        report.problems = [problem for problem in report.problems if not problem.startswith(members)]
        assert not report.problems, report
