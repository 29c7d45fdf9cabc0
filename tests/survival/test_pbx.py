"""kill -9 of Asterisk: the calls are gone with it, and the floor knows that."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.survival.centre import LEAST, PACE, STACK, now, said, steering, verdict
from tests.survival.load import Floor
from tests.survival.story import Journal

pytestmark = pytest.mark.timeout(600)


async def test_a_dead_pbx_takes_its_calls_along_and_no_agent(tmp_path: Path) -> None:
    async with Floor(tmp_path, seed=31, pace=PACE, **STACK) as floor:
        pbx, daemon = floor.stack.asterisk, floor.stack.daemon
        floor.open()
        states = await floor.busy(LEAST)
        with floor.nobody_listens():
            floor.pbx_deaths.append(now())
            await asyncio.to_thread(pbx.kill)
            floor.swarm.pbx_died()
            await asyncio.to_thread(pbx.start)
            await floor.register()
            await steering(daemon)
        again = await floor.busy(LEAST)
        said([("killed", states), ("again", again)])
        report = await verdict(floor)
        assert not report.problems, report
        lost = [
            fact.body["outcome"]
            for fact in Journal.read(floor.stack.postgres).facts
            if fact.kind == "ContactEnded" and fact.body["outcome"] == "pbx_lost"
        ]
        assert len(lost) >= 4 * LEAST
