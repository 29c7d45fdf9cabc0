"""What the tests of this folder share: how long things take, and the verdict at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from typing import Any

from tests.lab.stack import Contactd
from tests.survival.load import STATES, Floor, Pace, until
from tests.survival.story import Journal, Report, in_order, judge, read_cel

LONG = os.environ.get("CONTACTD_LONG") == "1"
SEEDS = range(20 if LONG else 3)
AWAY_S = 60.0 if LONG else 7.0
"""How long something is gone. The short one is still longer than LATE_S."""
LATE_S = 10 if LONG else 4
PATIENCE_S = 60 if LONG else 30
DIALPLAN = {
    "CONTACTD_LATE=10 ": f"CONTACTD_LATE={LATE_S} ",
    "CONTACTD_PATIENCE=60 ": f"CONTACTD_PATIENCE={PATIENCE_S} ",
}
PACE = Pace() if LONG else Pace(agents=40, menu_s=(2, 5), ring_s=(1, 5), talk_s=(1.5, 6), wrap_up_s=4)
LEAST = 20 if LONG else 10
"""Calls in every state when something is broken; kill -9 always meets FULL of them."""
FULL = 20
STACK: dict[str, Any] = {"substitutions": DIALPLAN, "postgres_settings": {"fsync": "off"}}


async def steering(daemon: Contactd) -> None:
    await asyncio.to_thread(daemon.wait_steering)


async def passing(seconds: float) -> None:
    """The fault's own time. Nothing is waited for: this long something is gone."""
    await asyncio.sleep(seconds)


async def verdict(
    floor: Floor,
    *,
    cuts: list[tuple[float, float]] | None = None,
    daemon: Contactd | None = None,
    changes: list[tuple[float, float]] | None = None,
) -> Report:
    """Everybody goes home; then the journal is held against CEL. cuts: where the order of the line is looked at."""
    await floor.close()
    daemon = daemon or floor.stack.daemon
    await floor.settled(daemon)

    async def none_busy() -> bool:
        return not [agent for agent in await floor.agents(daemon) if agent["reason"] == "busy"]

    # Whose handset answered busy a moment ago comes back; who does not is told of below.
    with contextlib.suppress(AssertionError):
        await until(none_busy, "the busy handsets to be tried again", 20)
    idle = [(agent["id"], agent["reason"]) for agent in await floor.agents(daemon) if agent["status"] != "ready"]
    await asyncio.to_thread(daemon.stop)
    journal = Journal.read(floor.stack.postgres)
    endpoints = {person.number: person.id for person in floor.stack.people}
    report = judge(
        journal,
        read_cel(floor.stack.asterisk.cel_path, endpoints),
        endpoints,
        deaf=floor.deaf,
        pbx_deaths=floor.pbx_deaths,
        changes=changes or [],
    )
    report.problems += floor.drops()
    report.problems += [f"{agent} is not ready any more: {reason}" for agent, reason in idle]
    for since, end in cuts or []:
        report.problems += in_order(journal, since, end)
        at = journal.states_at(since)
        names = {"menu": "menu", "waiting": "waiting", "ringing": "offered", "connected": "connected"}
        print("by the journal: " + ", ".join(f"{state} {at[names.get(state, state)]}" for state in STATES))
    report.figures.update(floor.figures())
    print(f"\n{floor.folder.name}: {dict(report.figures)}")
    return report


async def offered_again(floor: Floor, since: float, patience_s: float = 30.0) -> None:
    """Callers who waited are offered to agents once more."""

    def rings() -> bool:
        return any(not leg.caller and leg.began > since for leg in list(floor.swarm.legs.values())[::-1])

    await until(rings, "a handset to ring again", patience_s)


def said(moments: list[tuple[str, Counter[str] | dict[str, int]]]) -> None:
    for name, states in moments:
        print(f"{name}: " + ", ".join(f"{state} {states[state]}" for state in STATES))


def exit_code(daemon: Contactd) -> int | None:
    """How it ended; None while it runs."""
    process = daemon._process
    return None if process is None or process.alive() else process._server.returncode


def now() -> float:
    return time.time()
