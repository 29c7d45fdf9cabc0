"""The host under contactd: a full disk, no memory, a PostgreSQL that changed its mind; and garbage at every door."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from contactd.core.errors import ContactdError
from contactd.ctl.client import ask
from tests.system.centre import Centre
from tests.system.telling import kinds, talk
from tests.system.test_fallback import in_static_queue
from tests.system.test_faulty_pbx import metric


@pytest.fixture(scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder = tmp_path_factory.mktemp("host")
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(folder, agents=3, queues=queues, compare_s=5) as centre:
        yield centre


@pytest.fixture
async def centre(host: Centre) -> AsyncIterator[Centre]:
    await host.clear()
    yield host
    await host.clear()


@contextlib.contextmanager
def limited(pid: int, what: int, most: int) -> Iterator[None]:
    """A limit of the kernel's on the running process."""
    soft, hard = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (most, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, what, (soft, hard))


def health(centre: Centre) -> dict[str, str]:
    """What each check says, with its remedy."""
    answer = ask(str(centre.stack.daemon.socket), "GET", "/status")
    return {check["name"]: f"{check['level']}: {check['what']}. {check['remedy']}" for check in answer["checks"]}


async def test_a_full_disk_sends_new_callers_to_the_static_queue_and_all_come_back(centre: Centre) -> None:
    """Nothing of contactd's can be written: neither its spool nor, here, its log."""
    daemon = centre.stack.daemon
    (anna,) = await centre.duty("anna")
    talking = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    with limited(daemon.pid, resource.RLIMIT_FSIZE, 1):
        centre.act("bilal", "sign-in")  # the fact that finds it out
        await centre.until(lambda: metric(daemon, "contactd_spool_faulty") == 1, "the fault to be noticed")
        await centre.until(lambda: not daemon.healthy(), "the check to fail")
        assert "File too large" in health(centre)["spool"] and "Make room" in health(centre)["spool"]
        late = await centre.dial("5000", wait="calling")
        await centre.until(lambda: in_static_queue(centre) == 1, "the new caller in the static queue")
        await talk(talking, at_anna)
        compared = metric(daemon, "contactd_ami_messages_total")
        await centre.until(lambda: metric(daemon, "contactd_ami_messages_total") > compared + 30, "a comparison")
        # Whose facts have no place on the disk is not fetched onto the floor.
        assert in_static_queue(centre) == 1 and len(centre.contacts()) == 1
        await talking.hangup()
        # PostgreSQL has the story all the same, and the static queue serves the other one.
        assert kinds(await centre.story())[-2:] == ["TalkEnded", "ContactEnded"]
        at_anna = await (await anna.next_call(10)).wait("confirmed")
        await talk(late, at_anna)
        assert metric(daemon, "contactd_log_lines_lost_total") > 0
    await centre.until(daemon.healthy, "the disk to be found well again")
    await at_anna.hangup()
    again = await centre.dial("5000")
    await centre.until_fact("ContactArrived", dnis="5000")
    await again.hangup()
    assert "log_lines_lost" in daemon.log.read_text() and "spool_recovered" in daemon.log.read_text()


async def test_a_changed_password_of_postgresql_stops_no_call_and_loses_no_fact(centre: Centre) -> None:
    daemon, password = centre.stack.daemon, centre.stack._password
    (anna,) = await centre.duty("anna")
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'contactd_app'"
    since = len(daemon.log.read_text())
    centre.psql("ALTER ROLE contactd_app PASSWORD 'changed'")
    try:
        centre.psql(end)
        call = await centre.dial("5001")
        at_anna = await (await anna.next_call()).wait("confirmed")
        await talk(call, at_anna)
        await at_anna.hangup()
        await centre.until(lambda: "journal_away" in daemon.log.read_text()[since:], "the log to say so")
        assert "the password in the secrets" in daemon.log.read_text()[since:]
        assert "the password in the secrets" in str(ask(str(daemon.socket), "GET", "/status")["readings"])
        assert daemon.healthy() and not centre.facts("kind = 'ContactArrived'")
    finally:
        centre.psql(f"ALTER ROLE contactd_app PASSWORD '{password}'")
    assert kinds(await centre.story())[-2:] == ["TalkEnded", "ContactEnded"]
    assert password not in daemon.log.read_text() and "fact_quarantined" not in daemon.log.read_text()


# --- garbage at every door --------------------------------------------------------------------------------------------

NONSENSE = [
    b"",
    b"\n\n",
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),  # a TLS hello
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
    b"POST /agents/anna/ready HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n{",
    b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
    b"x" * 1_000_000,
    b"agi_network: yes\nagi_request: " + b"z" * 1_000_000 + b"\n\n",
    b"agi_network: yes\nagi_network_script: menu\n",
    b"\x01\x00\x10" + bytes(16),
    b"\x10\xff\xff" + bytes(100),
    bytes(range(256)) * 100,
    b"Action: Login\r\nUsername: x\r\n\r\n",
    b"\xff\xfe\x00\x00" * 1_000,
]


def doors(centre: Centre) -> dict[str, tuple[int, object]]:
    """Every socket that contactd listens on."""
    toml = centre.stack.daemon.config.read_text()
    ports = {name: int(re.search(rf"\[{name}\]\nport = (\d+)", toml)[1]) for name in ("agi", "audiosocket", "web")}  # type: ignore[index]
    found: dict[str, tuple[int, object]] = {n: (socket.AF_INET, ("127.0.0.1", port)) for n, port in ports.items()}
    return {**found, "ctl": (socket.AF_UNIX, str(centre.stack.daemon.socket))}


def knock(family: int, address: object, data: bytes) -> None:
    """Say it, read what comes for a moment, and leave in the middle."""
    with socket.socket(family) as door, contextlib.suppress(OSError):
        door.settimeout(0.05)
        door.connect(address)  # type: ignore[arg-type]
        door.sendall(data)
        door.recv(1 << 16)


def memory_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def address_space(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


async def test_garbage_at_every_door_is_counted_and_the_next_call_works(centre: Centre) -> None:
    daemon = centre.stack.daemon
    since, memory = len(daemon.log.read_text()), memory_mb(daemon.pid)
    waiting = await centre.dial("5001")
    (contact,) = await centre.until_queued(1)
    for family, address in doors(centre).values():
        for data in NONSENSE:
            await asyncio.to_thread(knock, family, address, data)
    assert metric(daemon, "contactd_agi_refused_total") >= len(NONSENSE) - 2
    assert metric(daemon, "contactd_audio_refused_total") > 0
    assert metric(daemon, "contactd_web_connections_cut_total") >= 6
    assert await centre.until_queued(1) == [contact]
    (anna,) = await centre.duty("anna")
    await talk(waiting, await (await anna.next_call()).wait("confirmed"))
    said = daemon.log.read_text()[since:]
    refusals = [line for line in said.splitlines() if "connection_refused" in line]
    # Told by kind, and a flood of one kind only in part.
    assert 2 <= len(refusals) <= 100, refusals
    assert len(said) < 40_000 and "zzzz" not in said and "request_failed" not in said
    assert "Traceback" not in said, said
    assert memory_mb(daemon.pid) - memory < 40


async def test_slow_loris_at_every_door_keeps_no_call_out(centre: Centre) -> None:
    """More idle connections than a process may have open by default, each with half a sentence."""
    daemon = centre.stack.daemon
    beginnings = {
        "agi": b"agi_network: yes\n",
        "audiosocket": b"\x01\x00",
        "web": b"GET /metr",
        "ctl": b"POST /agents/",
    }
    held: list[socket.socket] = []
    with limited(daemon.pid, resource.RLIMIT_NOFILE, 420):
        try:
            for name, (family, address) in doors(centre).items():
                # Only root and the group reach the control socket.
                for _ in range(40 if name == "ctl" else 150):
                    door = socket.socket(family)
                    door.setblocking(False)
                    with contextlib.suppress(OSError):
                        door.connect(address)  # type: ignore[arg-type]
                    with contextlib.suppress(OSError):
                        door.send(beginnings[name])
                    held.append(door)
            call = await centre.dial("5000", wait="early")
            # The patient ones are cut off; then the doors are open again, for the PBX first of all.
            (anna,) = await centre.duty("anna")
            await call.wait("confirmed")
            at_anna = await (await anna.next_call(20)).wait("confirmed")
            await talk(call, at_anna)
        finally:
            for door in held:
                door.close()
    assert daemon.healthy()


# --- memory -----------------------------------------------------------------------------------------------------------


async def test_out_of_memory_is_a_death_like_any_other_and_loses_nothing(centre: Centre) -> None:
    daemon = centre.stack.daemon
    (anna,) = await centre.duty("anna")
    talking = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    waiting = await centre.dial("5001")
    (contact,) = await centre.until_queued(1)
    centre.act("carla", "sign-in")
    tried = done = 0

    def act() -> None:
        nonlocal tried, done
        tried += 1
        with contextlib.suppress(ContactdError):
            ask(str(daemon.socket), "POST", f"/agents/carla/{('not-ready', 'ready')[done % 2]}", {"reason": "break"})
            done += 1

    for _ in range(20):
        act()
    # What happens now is in memory and in the spool alone.
    centre.stack.postgres.pause()
    try:
        with limited(daemon.pid, resource.RLIMIT_AS, address_space(daemon.pid)):
            while daemon.alive() and tried < 20_000:
                act()
    finally:
        centre.stack.postgres.cont()
    assert done >= 20 and not daemon.alive()
    await talk(talking, at_anna)
    await asyncio.to_thread(daemon.start)
    kept = len(centre.facts("agent = 'carla' AND kind IN ('AgentReady', 'AgentNotReady')"))
    assert done <= kept <= tried
    assert await centre.until_queued(1) == [contact]
    await at_anna.hangup()
    await talk(waiting, await (await anna.next_call()).wait("confirmed"))
    assert "out_of_memory" in daemon.log.read_text()
