"""From the previous version to this one and back, with calls in every state."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from contactd.store.migrate import migrations
from tests.lab.progress import ROOT, LabError
from tests.lab.stack import Contactd
from tests.survival.centre import LEAST, LONG, PACE, STACK, exit_code, now, offered_again, said, steering, verdict
from tests.survival.load import Floor, until

pytestmark = pytest.mark.timeout(600)
FENCED = 75
TAIL_S = 1.5


def ran(daemon: Contactd) -> list[dict[str, object]]:
    """What its log says, whichever version wrote it."""
    lines = daemon.log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def starts(daemon: Contactd) -> list[dict[str, object]]:
    return [line for line in ran(daemon) if line["event"] == "floor_taken"]


def restart(daemon: Contactd, tree: Path) -> None:
    """As docs/upgrade.rst says, and as the units do: contactd-migrate, then contactd, whatever the first said."""
    newer = tree == ROOT
    if newer:
        daemon.tree = tree
        daemon.migrate()  # the previous version steers on meanwhile
    daemon.stop()
    daemon.tree = tree
    if not newer:
        try:
            daemon.migrate()
        except LabError as refused:
            # The first version refuses every newer database. It changes nothing, and its daemon starts all the same.
            assert "runs_with" not in (tree / "contactd/store/migrate.py").read_text(), refused
            assert "newer version" in str(refused)
    daemon.start(wait=False)


async def test_no_call_drops_and_the_line_keeps_its_order_there_and_back(tmp_path: Path, previous: Path) -> None:
    """The PBX keeps the dialplan of the previous version: it is upgraded last, when no caller waits."""
    cuts = []
    async with Floor(tmp_path, seed=61, pace=PACE, tree=previous, **STACK) as floor:
        daemon, postgres = floor.stack.daemon, floor.stack.postgres
        floor.open()
        legs = [(ROOT, "upgraded"), (previous, "rolled back")] + [(ROOT, "upgraded again")] * LONG
        for tree, words in legs:
            states = await floor.busy(LEAST)
            with floor.nobody_listens():
                cut = now()
                await asyncio.to_thread(restart, daemon, tree)
                await steering(daemon)
            await offered_again(floor, floor.deaf[-1][1] - 1)
            cuts.append((cut, now() + 5))
            said([(f"{words}, {floor.deaf[-1][1] - cut:.1f} s", states)])
            taken = starts(daemon)[-1]
            # Its snapshot was read, and what it did not know was not in the way.
            assert int(str(taken["contacts"])) >= LEAST, taken
            assert not [line for line in ran(daemon) if line["event"] == "floor_not_rebuilt"]
        known = postgres.psql("SELECT max(number) FROM migration", "contactd")
        assert int(known) == len(migrations())
        report = await verdict(floor, cuts=cuts)
        assert not report.problems, report


@pytest.mark.skipif(not LONG, reason="CONTACTD_LONG=1: the take-over itself is in tests/survival/test_standby.py")
async def test_an_upgrade_by_take_over_leaves_hardly_a_gap(tmp_path: Path, previous: Path) -> None:
    async with Floor(tmp_path, seed=67, pace=PACE, tree=previous, **STACK) as floor:
        first, second = floor.stack.daemon, floor.stack.standby()
        second.tree = ROOT
        try:
            floor.open()
            await floor.busy(LEAST)
            await asyncio.to_thread(second.migrate)  # the old one steers on
            states = await floor.busy(LEAST)
            with floor.nobody_listens():
                taken = now()
                second.start("--take-over", wait=False)
                await steering(second)
                await until(lambda: not first.alive(), "the previous version to end")
            gap_s = floor.deaf[-1][1] - floor.deaf[-1][0]
            assert exit_code(first) == FENCED
            assert floor.stack.postgres.psql("SELECT 1 FROM audit WHERE act = 'take-over'", "contactd") == "1"
            await offered_again(floor, floor.deaf[-1][1] - 1)
            said([(f"taken over in {gap_s:.1f} s", states)])
            report = await verdict(floor, daemon=second, changes=[(taken - TAIL_S, now())])
            assert not report.problems, report
        finally:
            await asyncio.to_thread(second.stop)
