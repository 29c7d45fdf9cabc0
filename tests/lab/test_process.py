"""Servers die with the python that started them, and ports stay reserved while one is down."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import ports
from tests.lab.process import Process, descendants, runs, until
from tests.lab.progress import ROOT, LabError

STARTER = """
import signal, sys, time
from pathlib import Path
from tests.lab.process import Process, descendants, until
server = Process(["sh", "-c", "sleep 1000 & wait"], log=Path(sys.argv[1]), stop_signal=signal.SIGTERM)
until(lambda: descendants(server.pid), "its child to start")
print(server.pid, *descendants(server.pid), flush=True)
time.sleep(1000)
"""


def test_a_server_and_its_children_end_when_its_python_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as starter:
        assert starter.stdout
        family = [int(pid) for pid in starter.stdout.readline().split()]
        assert len(family) == 2
        assert all(map(runs, family))
        starter.kill()
    until(lambda: not any(map(runs, family)), "the guard to stop the server")


def test_a_paused_server_ends_too(tmp_path: Path) -> None:
    server = Process(["sleep", "1000"], log=tmp_path / "log", stop_signal=signal.SIGTERM)
    server.pause()
    server.stop(patience_s=5)
    assert not server.alive()


def test_kill_reaches_children_with_a_session_of_their_own(tmp_path: Path) -> None:
    server = Process(["sh", "-c", "setsid sleep 1000 & wait"], log=tmp_path / "log", stop_signal=signal.SIGTERM)
    until(lambda: descendants(server.pid), "the child to start")
    family = descendants(server.pid)
    server.kill()
    assert not server.alive()
    assert not any(runs(pid) for pid in family)


def test_a_wait_in_vain_says_for_what() -> None:
    with pytest.raises(LabError, match="in vain for rain"):
        until(lambda: False, "rain", patience_s=0.02)


def test_a_reserved_port_is_given_to_nobody_else() -> None:
    several = [ports.reserve() for _ in range(20)]
    assert len({one.first for one in several}) == 20
    child = subprocess.run(
        [sys.executable, "-c", f"from tests.lab import ports; assert not ports._hold({several[0].first})"],
        cwd=ROOT,
        check=False,
    )
    assert child.returncode == 0
    for one in several:
        one.release()


def test_a_port_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "SINGLE_PORTS", range(port, port + 1))
        with pytest.raises(LabError, match="no free port"):
            ports.reserve()


def test_ranges_for_rtp_do_not_overlap() -> None:
    first, second = ports.reserve_block(250), ports.reserve_block(250)
    assert first.last < second.first or second.last < first.first
    assert first.last - first.first == 249
    first.release()
    second.release()
