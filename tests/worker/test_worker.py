"""Jobs that take long: done once, tried again, given back, ended in time; and poison kills only itself."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import importlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contactd.config import Settings, load
from contactd.ctl.commands.jobs import _KINDS
from contactd.store.jobs import KINDS as NAMES
from contactd.store.jobs import JobDesk, Outcome
from contactd.store.journal import open_pool
from contactd.worker import KINDS, Kind, Worker
from tests.config.files import sample, write
from tests.engine.journal import fetch
from tests.engine.proxy import Proxy

HERE = "tests.worker.jobs"
NEVER = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def settings_of(folder: Path, dsn: str, jobs: Mapping[str, Any] | None = None, *, check: bool = True) -> Any:
    """The sample's, with this database. check: read them back; else they may be wrong."""
    table, secrets = (
        sample(),
        {
            "pbx": {"pbx1": {"secret": "x"}},
            "agents": {"alice": {"pin": "4711"}, "bob": {"pin": "0815"}},
        },
    )
    url, _, rest = dsn.partition("//")
    login, _, host = rest.rpartition("@")
    name, _, password = login.partition(":")
    table["database"] = {"dsn": f"{url}//{name}@{host}"}
    secrets["database"] = {"password": password}
    table["jobs"] = jobs or {}
    path = write(folder, table, secrets)
    return load(path) if check else None


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return settings_of(tmp_path, database)


@contextlib.asynccontextmanager
async def working(
    settings: Settings,
    *,
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    **kinds: Kind,
) -> AsyncIterator[Worker]:
    """A worker of these kinds; stopped at the end, as SIGTERM does."""
    worker = Worker(settings, kinds=kinds, idle_s=0.05, lease_s=2.0, grace_s=0.0, now=now)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await task


async def ask(dsn: str, kind: str, key: str = "one", **arguments: Any) -> None:
    insert = "INSERT INTO job (kind, key, arguments) VALUES ($1, $2, $3::text::jsonb) ON CONFLICT DO NOTHING"
    await fetch(dsn, insert, kind, key, json.dumps(arguments))


async def rows(dsn: str) -> list[Any]:
    return await fetch(dsn, "SELECT kind, key, state, attempts, error, result::text FROM job ORDER BY id")


async def until(dsn: str, sql: str, wanted: object = True, timeout_s: float = 30) -> None:
    async with asyncio.timeout(timeout_s):
        while (await fetch(dsn, sql) or [None])[0] != wanted:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)


STATE = "SELECT state FROM job"


async def test_a_job_that_was_asked_for_twice_is_done_once(database: str, settings: Settings) -> None:
    await ask(database, "echo", "a", say="grüß dich")
    await ask(database, "echo", "a", say="another")
    async with working(settings, echo=Kind(f"{HERE}:echo", wall_s=20)):
        await until(database, STATE, "done")
    (row,) = await rows(database)
    assert row[:5] == ("echo", "a", "done", 1, "")
    assert json.loads(row[5]) == {"said": "grüß dich", "from": None}
    assert await fetch(database, "SELECT kind, outcome, runs FROM job_tally") == [("echo", "done", 1)]


async def test_a_job_of_a_kind_that_this_version_does_not_know_waits_for_one_that_does(
    database: str, settings: Settings
) -> None:
    await ask(database, "from_the_future")
    await ask(database, "echo")
    async with working(settings, echo=Kind(f"{HERE}:echo", wall_s=20)):
        await until(database, "SELECT state FROM job WHERE kind = 'echo'", "done")
    assert (await rows(database))[0][2:4] == ("waiting", 0)


@pytest.mark.parametrize(
    ("function", "kind", "error"),
    [
        ("gorge", {"memory_mb": 256}, "It needed more memory than the 256 MiB that it may use."),
        ("spin", {"wall_s": 1.5}, "It took longer than the 1.5 s that it may."),
        ("crash", {}, "Its process was ended by SIGSEGV: it needed too much, or somebody killed it."),
        ("fail", {}, "The mailbox is locked: try again later."),
        ("stumble", {}, "An error of contactd: ValueError at jobs.py:"),
        ("gone", {}, "An error of contactd: AttributeError at an unknown place"),
    ],
)
async def test_poison_kills_only_itself_is_tried_again_and_then_dead_with_its_error_kept(
    database: str, settings: Settings, function: str, kind: Mapping[str, Any], error: str
) -> None:
    await ask(database, "poison")
    await ask(database, "echo", say="still here")
    poison = Kind(f"{HERE}:{function}", **{"wall_s": 20, "attempts": 2, "pause_s": 0.1, **kind})
    async with working(settings, poison=poison, echo=Kind(f"{HERE}:echo", wall_s=20)):
        await until(database, f"{STATE} WHERE kind = 'poison'", "dead")
        await until(database, f"{STATE} WHERE kind = 'echo'", "done")
    row = (await rows(database))[0]
    assert row[:4] == ("poison", "one", "dead", 2)
    assert row[4].startswith(error)
    assert "example.org" not in row[4]
    tally = await fetch(database, "SELECT outcome, runs FROM job_tally WHERE kind = 'poison' ORDER BY outcome")
    assert tally == [("dead", 1), ("failed", 1)]


async def test_a_failed_attempt_waits_longer_each_time(database: str, settings: Settings) -> None:
    await ask(database, "poison")
    async with working(settings, poison=Kind(f"{HERE}:fail", wall_s=20, attempts=9, pause_s=1000, most_pause_s=3000)):
        await until(database, "SELECT state = 'waiting' AND attempts = 1 FROM job")
        (first,) = await fetch(database, "SELECT extract(epoch FROM due - now())::float8 FROM job")
        await fetch(database, "UPDATE job SET due = now()")
        await until(database, "SELECT state = 'waiting' AND attempts = 2 FROM job")
        (second,) = await fetch(database, "SELECT extract(epoch FROM due - now())::float8 FROM job")
    assert 900 < first <= 1000 and 2900 < second <= 3000


@pytest.mark.parametrize(("function", "error"), [("refuse", "it has no header"), ("babble", "more than 1 MiB")])
async def test_what_can_never_be_done_is_dead_at_once(
    database: str, settings: Settings, function: str, error: str
) -> None:
    await ask(database, "hopeless")
    async with working(settings, hopeless=Kind(f"{HERE}:{function}", wall_s=20)):
        await until(database, STATE, "dead")
    (row,) = await rows(database)
    assert row[3] == 1 and error in row[4]


async def test_a_worker_that_has_to_go_gives_its_job_back_with_how_far_it_came(
    database: str, settings: Settings
) -> None:
    await ask(database, "count", to=200)
    kind = Kind(f"{HERE}:count", wall_s=60)
    async with working(settings, count=kind):
        await until(database, "SELECT (progress->>'done')::int > 10 FROM job")
    assert (await rows(database))[0][2:4] == ("waiting", 0), "no attempt of its own"
    (came,) = await fetch(database, "SELECT (progress->>'done')::int FROM job")
    async with working(settings, count=kind):
        await until(database, STATE, "done")
    assert json.loads((await rows(database))[0][5]) == {"done": 200} and 10 < came < 200
    assert await fetch(database, "SELECT outcome FROM job_tally ORDER BY 1") == ["done", "given_back"]


async def test_a_job_that_is_dropped_while_it_runs_is_ended(database: str, settings: Settings, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    await ask(database, "mark", file=str(marks))
    async with working(settings, mark=Kind(f"{HERE}:mark", wall_s=60)):
        await until_file(marks)
        await fetch(database, "UPDATE job SET state = 'dropped'")
        await gone(int(marks.read_text()))
    assert (await rows(database))[0][2] == "dropped"


async def test_many_workers_do_each_job_once(database: str, settings: Settings, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    for number in range(8):
        await ask(database, "mark", str(number), file=str(marks), for_s=0)
    kind = Kind(f"{HERE}:mark", wall_s=60)
    async with working(settings, mark=kind), working(settings, mark=kind), working(settings, mark=kind):
        await until(database, "SELECT count(*) FROM job WHERE state = 'done'", 8, timeout_s=60)
    assert len(marks.read_text().splitlines()) == 8


async def until_file(path: Path, lines: int = 1) -> None:
    async with asyncio.timeout(30):
        while not path.exists() or len(path.read_text().splitlines()) < lines:  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.02)


async def gone(pid: int) -> None:
    """The process has ended."""
    async with asyncio.timeout(30):
        # It may go between opening and reading.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            while Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":  # noqa: ASYNC110, ASYNC240
                await asyncio.sleep(0.02)


RUN = """
import asyncio, sys
from contactd.config import load
from contactd.worker import Kind, Worker
kinds = {"mark": Kind("tests.worker.jobs:mark", wall_s=60, attempts=2)}
asyncio.run(Worker(load(sys.argv[1]), kinds=kinds, lease_s=1.0, idle_s=0.05).run())
"""


async def test_the_job_of_a_killed_worker_is_taken_again_and_its_child_is_gone(
    database: str, settings: Settings, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    await ask(database, "mark", file=str(marks))
    for lives in (1, 2):
        worker = await asyncio.create_subprocess_exec(sys.executable, "-c", RUN, settings.path)
        await until_file(marks, lives)
        worker.kill()
        await worker.wait()
        await gone(int(marks.read_text().splitlines()[-1]))
        assert (await rows(database))[0][2:4] == ("running", lives)
    async with working(settings, mark=Kind(f"{HERE}:mark", wall_s=60, attempts=2)):
        await until(database, STATE, "dead")
    assert "2 workers died" in (await rows(database))[0][4]
    assert len(marks.read_text().splitlines()) == 2


async def test_a_worker_whose_lease_ended_writes_nothing_more(database: str) -> None:
    await ask(database, "echo")
    pool = await open_pool(database, role="contactd_worker")
    try:
        first, second = (JobDesk(pool, name, lease_s=0.05) for name in ("first", "second"))
        slow = await first.take(["echo"])
        assert slow is not None
        await until(database, "SELECT due < now() FROM job")
        quick = await second.take(["echo"])
        assert quick is not None and quick.attempt == 2
        assert not await first.beat(slow, {"done": 1})
        assert not await first.end(slow, Outcome.DONE, 1.0, result={"said": "too late"})
        assert await second.end(quick, Outcome.DONE, 1.0, result={"said": "in time"})
    finally:
        pool.terminate()
    assert json.loads((await rows(database))[0][5]) == {"said": "in time"}
    assert await fetch(database, "SELECT runs FROM job_tally") == [1]


async def test_a_result_is_kept_though_postgresql_was_away_when_it_came(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contactd.worker.worker._AWAY_S", 0.1)
    marks = tmp_path / "marks"
    async with Proxy(database) as proxy:
        await ask(database, "mark", file=str(marks), for_s=1.0)
        settings = settings_of(tmp_path, proxy.dsn)
        async with working(settings, mark=Kind(f"{HERE}:mark", wall_s=60)):
            await until_file(marks)
            proxy.cut()
            await gone(int(marks.read_text()))
            proxy.mend()
            await until(database, STATE, "done")
    assert len(marks.read_text().splitlines()) == 1


async def test_the_program_says_it_is_ready_feeds_its_watchdog_and_goes_when_told(
    database: str, settings: Settings, tmp_path: Path
) -> None:
    """As systemd runs it, with the real kinds: the journal is looked at on the first day."""
    import socket

    # The sample records nothing, so nobody asks for that.
    used = [name for name, kind in KINDS.items() if kind.of_use(settings)]
    assert {*KINDS} - {*used} == {"recordings"}

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "contactd", "--config", settings.path, "worker"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
        )
        told = ""
        async with asyncio.timeout(30):
            while "READY=1" not in told or "WATCHDOG=1" not in told or f"{len(used)} done" not in told:
                told += (await asyncio.get_running_loop().sock_recv(systemd, 4096)).decode() + "\n"
        worker.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(worker.communicate(), 30)
    assert worker.returncode == 0
    lines = [json.loads(line) for line in out.decode().splitlines()]
    assert (lines[0]["event"], lines[-1]["event"]) == ("worker_started", "worker_stopped")
    for kind in used:
        told_of = [line["event"] for line in lines if line.get("kind") == kind]
        # The next ten minutes may begin meanwhile.
        assert told_of[:3] == ["job_asked_for", "job_begun", "job_done"], kind
    assert await fetch(database, "SELECT floor, to_seq, broken_from FROM verification") == [(1, 0, None)]


async def test_a_reload_takes_new_settings_and_a_wrong_file_changes_nothing(
    database: str, settings: Settings, tmp_path: Path
) -> None:
    for_the_first = Kind(f"{HERE}:echo", wall_s=20, daily=True)
    async with working(settings, echo=for_the_first) as worker:
        await until(database, "SELECT count(*) FROM job", 1)
        for memory_mb, taken in ((64, 512), (768, 768)):
            settings_of(tmp_path, database, jobs={"memory_mb": memory_mb}, check=False)
            os.kill(os.getpid(), signal.SIGHUP)
            await ask(database, "echo", str(memory_mb))
            await until(database, "SELECT count(*) FROM job WHERE state <> 'done'", 0)
            assert worker.settings.jobs.memory_mb == taken


def clock(at: datetime.datetime) -> Callable[[], datetime.datetime]:
    return lambda: at


async def test_many_workers_ask_for_a_daily_job_once_a_day(database: str, settings: Settings) -> None:
    kinds = {"daily": Kind(f"{HERE}:echo", wall_s=20, daily=True)}
    verify_at = msgspec.structs.replace(settings, jobs=msgspec.structs.replace(settings.jobs, verify_at="03:40"))
    for day, hour, minute in ((1, 3, 39), (1, 3, 40), (1, 23, 59), (2, 0, 0), (2, 3, 39), (2, 3, 41)):
        now = datetime.datetime(2027, 3, day, hour, minute, tzinfo=datetime.UTC)
        workers = [Worker(verify_at, kinds=kinds, idle_s=0.05, now=clock(now)) for _ in range(2)]
        tasks = [asyncio.create_task(worker.run()) for worker in workers]
        await until(database, "SELECT count(*) > 0 AND bool_and(state = 'done') FROM job")
        for worker in workers:
            worker.stop()
        await asyncio.gather(*tasks)
    assert await fetch(database, "SELECT key FROM job ORDER BY id") == ["2027-02-28", "2027-03-01", "2027-03-02"]


def test_every_kind_is_known_everywhere_and_names_a_function_that_is_there() -> None:
    assert tuple(KINDS) == NAMES == _KINDS
    for kind in KINDS.values():
        module, _, name = kind.function.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
