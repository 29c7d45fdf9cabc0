"""How soon an agent's handset hears of a caller: when the caller becomes eligible, and when the agent does."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import asyncpg

from tests.lab import sipp
from tests.lab.bench import calls
from tests.lab.bench.figures import Figures, percentile
from tests.lab.bench.rig import Rig, Side
from tests.lab.progress import LabError

COPY_ROWS = 20_000
COPY_ROW = b"17\tbulk\t" + b"x" * 80 + b"\n"


def offers(rig: Rig, side: Side, name: str, into: Figures) -> None:
    """An agent is ready and a caller presses the key: until the INVITE is on the wire."""
    scale = rig.scale
    run = calls.run(rig, side, rate=scale.offer_rate, count=scale.offers, answer_ms=100, talk_ms=500)
    calls.few_failed(run, name)
    latencies = run.offer_latencies_ms()
    into.add(f"{name}_p50_ms", percentile(latencies, 50), "ms")
    into.add(f"{name}_p99_ms", percentile(latencies, 99), "ms")


def freed(rig: Rig, side: Side, name: str, into: Figures) -> None:
    """So many callers wait, and an agent hangs up, without wrap-up: until the next INVITE at the same handset."""
    scale = rig.scale
    folder = calls.new_folder(rig)
    count = scale.waiting + scale.freed + scale.arriving
    key = "1" if side is Side.CONTACTD else "2"
    with (
        calls.agents(rig, folder, answer_ms=1, talk_ms=scale.freed_talk_ms, even=False) as log,
        calls.callers(rig, folder, side, rate=scale.freed_rate, count=count, key=key),
    ):
        deadline = time.monotonic() + 30 + 3 * count * (scale.freed_talk_ms / 1000) / scale.few
        while calls.answered(log) < count - scale.waiting:
            if time.monotonic() > deadline:
                raise LabError(f"{name}: agents answered {calls.answered(log)} of {count} callers; see {folder}")
            time.sleep(0.1)
        rig.hang_up_all()
    callers, agents = calls.logs(folder)
    latencies = freed_latencies_ms(callers, agents, scale.waiting)
    into.add(f"{name}_p50_ms", percentile(latencies, 50), "ms")
    into.add(f"{name}_p99_ms", percentile(latencies, 99), "ms")


def freed_latencies_ms(callers: Sequence[sipp.Step], agents: Sequence[sipp.Step], waiting: int) -> list[float]:
    """From an agent's BYE to the next INVITE at that agent, where all callers had come and so many still waited."""
    keyed = sorted(step.time for step in callers if step.what == "KEY")
    offered = sorted(step.time for step in agents if step.what == "INVITE")
    invites: dict[str, list[float]] = defaultdict(list)
    for step in agents:
        if step.what == "INVITE":
            invites[step.agent].append(step.time)
    found = []
    for step in agents:
        if step.what != "HANGUP" or step.time < keyed[-1]:
            continue
        in_line = len(keyed) - sum(at < step.time for at in offered)
        later = [at for at in invites[step.agent] if at > step.time]
        if in_line >= waiting and later:
            found.append((min(later) - step.time) * 1000)
    return found


@contextlib.contextmanager
def bulk_copy(rig: Rig) -> Iterator[None]:
    """COPY into a table of another database, again and again, never more than copy_mb of it."""
    dsn = rig.stack.postgres.create_database("bulk")
    stop = threading.Event()
    failure: list[BaseException] = []

    async def copy() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute("CREATE TABLE bulk (n integer, kind text, body text)")
            chunk = COPY_ROW * COPY_ROWS
            copied = 0
            while not stop.is_set():
                await connection.copy_to_table("bulk", source=io.BytesIO(chunk))
                copied += len(chunk)
                if copied > rig.scale.copy_mb << 20:
                    copied = 0
                    await connection.execute("TRUNCATE bulk")
        finally:
            connection.terminate()

    def work() -> None:
        try:
            asyncio.run(copy())
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        rig.stack.postgres.psql("DROP DATABASE bulk WITH (FORCE)")
    if failure:
        raise LabError(f"the bulk COPY ended early: {failure[0]}")
