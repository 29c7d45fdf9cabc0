"""`make bench-desk`: desks that look on while calls come, over real sockets, with the floor in memory.

``event_to_client_p50_ms``, ``_p95_ms`` (100 or less)
    AGENTS desks and SUPERVISORS floors are open, by aiohttp clients in another process, and CALLS a second come: from
    the step that made a fact to the JSON of the view it changed in the client, as often as a view came. The clients'
    own time for 500 sockets in one process is in it.
``cpu_ms_per_view``
    CPU of the serving process for each view that was sent (the floor's messages included), the steps' own time too.
``memory_kb_per_desk``
    What the serving process grew by, from no desk to all of them, over their number.
``floor_messages_per_s``
    What each supervisor got: 4 at most.

BENCHARGS="--agents 100 --seconds 10" for a short one. It says nothing of a PBX, a spool and a browser.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from contactd.core import inputs as inp
from contactd.core.agent import Status
from contactd.core.contact import Needs
from contactd.core.ids import AgentId, QueueId, contact_id
from contactd.store import desk as rows
from contactd.store.migrate import migrate
from tests.desk.place import Place, open_place
from tests.lab.bench.figures import Figures, percentile
from tests.lab.postgres import Postgres
from tests.lab.progress import ROOT
from tests.store.walk import PBX

AGENTS, SUPERVISORS, CALLS, SECONDS = 500, 20, 20, 60.0
_TALK_S = 1.0
Found = dict[str, tuple[float, str]]
"""Value and unit, by the figure's name."""


async def look_on(base: str, tokens: list[str], floors: int, seconds: float) -> dict[str, Any]:
    """Of the clients' process: every view by its seq, and when it came."""
    came: list[tuple[int, float]] = []
    told, opened = 0, asyncio.Event()
    left = len(tokens)

    async def one(number: int, session: aiohttp.ClientSession) -> None:
        nonlocal told, left
        floor = number < floors
        headers = {"Cookie": f"contactd={tokens[number]}", "Origin": base}
        url = f"{base}/api/v1/events" + ("?floor=true" if floor else "")
        async with session.ws_connect(url, headers=headers) as socket:
            left -= 1
            if not left:
                opened.set()
            async for message in socket:
                at = time.monotonic()
                body = json.loads(message.data)
                if floor:
                    told += body["type"] == "floor"
                elif body["type"] == "me":
                    came.append((body["seq"], at))

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        tasks = [asyncio.create_task(one(number, session)) for number in range(len(tokens))]
        async with asyncio.timeout(60):
            await opened.wait()
        print("open", flush=True)
        await asyncio.sleep(seconds + 3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {"came": came, "told": told}


async def measure(folder: Path, dsn: str, agents: int, supervisors: int, seconds: float) -> Found:
    async with open_place(folder, dsn, {"most_desks": agents + supervisors}, agents=agents) as place:
        tokens = await _sessions(place, agents, supervisors)
        ids = [AgentId(f"a{number}") for number in range(agents)]
        for agent in ids:
            place.bench.put(inp.SignInAsked(agent=agent, pin_right=True))
        await asyncio.sleep(6)  # until the door knows the sessions that were written beside it
        before_kb = _memory_kb()
        clients = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.lab.bench.desk", "--look-on", place.base, str(supervisors), str(seconds)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 28,
            cwd=ROOT,
        )
        assert clients.stdin and clients.stdout
        clients.stdin.write(json.dumps(tokens).encode() + b"\n")
        assert (await clients.stdout.readline()).strip() == b"open"
        await asyncio.sleep(1)
        grown_kb = _memory_kb() - before_kb
        made: dict[int, float] = {}
        began, cpu = time.monotonic(), time.process_time()
        await _calls(place, seconds, made)
        cpu, took = time.process_time() - cpu, time.monotonic() - began
        seen = json.loads(await clients.stdout.readline())
        await clients.wait()
    late = sorted((at - made[seq]) * 1000 for seq, at in seen["came"] if seq in made)
    views = len(seen["came"]) - agents + seen["told"]
    return {
        "views": (len(late), "views"),
        "event_to_client_p50_ms": (percentile(late, 50), "ms"),
        "event_to_client_p95_ms": (percentile(late, 95), "ms"),
        "cpu_ms_per_view": (cpu * 1000 / max(1, views), "ms"),
        "memory_kb_per_desk": (grown_kb / (agents + supervisors), "kB"),
        "floor_messages_per_s": (seen["told"] / supervisors / took, "1/s"),
    }


async def _sessions(place: Place, agents: int, supervisors: int) -> list[str]:
    """The supervisors' first. As sign-ins would leave them, each of which costs a tenth of a second."""
    names = [f"boss{number}" for number in range(supervisors)] + [f"a{number}" for number in range(agents)]
    tokens = [secrets.token_urlsafe(32) for _ in names]
    async with place.pool.acquire() as connection:
        for name, token in zip(names, tokens, strict=True):
            boss = name.startswith("boss")
            role = "supervisor" if boss else "agent"
            await rows.add(connection, name, name, role, None if boss else name, (), "", None, None)
            await connection.execute("INSERT INTO desk_session (id, name) VALUES ($1, $2)", rows.hashed(token), name)
    return tokens


async def _calls(place: Place, seconds: float, made: dict[int, float]) -> None:
    """CALLS a second, each offered, answered, ended and wrapped up; made: each seq, and when its step was."""
    bench, loop = place.bench, asyncio.get_running_loop()

    def put(input_: inp.Input) -> None:
        at = time.monotonic()
        bench.put(input_, after_s=0.001)
        for seq in range(bench.walk.steps[-1].first_seq, bench.floor.seq + 1):
            made[seq] = at

    async def call(number: int) -> None:
        uniqueid = f"pbx1-{int(bench.now)}.{number}"
        contact = contact_id(PBX, uniqueid, bench.now)
        said: dict[str, Any] = {"contact": contact, "pbx": PBX, "call": uniqueid, "channel": f"PJSIP/{number}"}
        put(inp.CallArrived(**said, dnis="5001"))
        put(inp.CallHeld(**said, dnis="5001", queue=QueueId("sales"), queued_at=bench.now, needs=Needs()))
        await asyncio.sleep(0.3)
        live = bench.floor.contacts[contact]
        if live.agent is None or live.offer is None:
            return
        agent = live.agent
        put(inp.OfferAnswered(contact=contact, offer=live.offer))
        await asyncio.sleep(_TALK_S)
        put(inp.CallerHungUp(contact=contact, cause=16))
        await asyncio.sleep(0.3)
        put(inp.WrapUpEndAsked(agent=agent, by="agent"))

    ends, number, next_at = loop.time() + seconds, 0, loop.time()
    async with asyncio.TaskGroup() as tasks:
        while loop.time() < ends:
            tasks.create_task(call(number := number + 1))
            next_at += 1 / CALLS
            await asyncio.sleep(max(0.0, next_at - loop.time()))
    assert all(agent.status is not Status.NOT_READY for agent in bench.floor.agents.values())


def _memory_kb() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run(agents: int, supervisors: int, seconds: float) -> Found:
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder) / "postgres", settings={"fsync": "off"}) as pg:
        dsn = pg.create_database("desk")
        state = Path(folder) / "desk"
        state.mkdir()

        async def all_of_it() -> Found:
            await migrate(dsn)
            return await measure(state, dsn, agents, supervisors, seconds)

        return asyncio.run(all_of_it())


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-desk")
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--supervisors", type=int, default=SUPERVISORS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--look-on", nargs=3, metavar=("BASE", "FLOORS", "SECONDS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.look_on:
        base, floors, seconds = asked.look_on
        tokens = json.loads(sys.stdin.readline())
        with contextlib.suppress(KeyboardInterrupt):
            print(json.dumps(asyncio.run(look_on(base, tokens, int(floors), float(seconds)))), flush=True)
        return
    figures = Figures()
    for name, (value, unit) in run(asked.agents, asked.supervisors, asked.seconds).items():
        figures.add(name, value, unit)
    print("\n".join(figures.lines()))


if __name__ == "__main__":
    main()
