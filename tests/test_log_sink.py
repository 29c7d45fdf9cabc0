"""The log's way out, when it is full, gone, or nobody reads: no call waits for it and none ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from contactd.log_sink import Sink

LINE = b'{"event":"something"}\n'


def test_a_full_disk_loses_lines_and_says_how_many(tmp_path: Path) -> None:
    with open("/dev/full", "wb", buffering=0) as full, (tmp_path / "log").open("wb", buffering=0) as log:
        target = os.dup(full.fileno())
        sink = Sink(target)
        for _ in range(3):
            sink.write(LINE)
        assert sink.lost == 3
        os.dup2(log.fileno(), target)  # room again
        sink.write(LINE)
        sink.write(LINE)
        os.close(target)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["log_lines_lost", "something", "something"]
    assert lines[0]["lines"] == 3


def test_a_pipe_that_nobody_reads_holds_nobody_up_and_tears_no_line() -> None:
    reader, writer = os.pipe()
    sink = Sink(writer)
    long = b'{"event":"long","text":"' + b"x" * 3_000 + b'"}\n'
    for _ in range(100):
        sink.write(long)
    assert sink.lost > 50
    first = os.read(reader, 1 << 20)
    sink.write(LINE)
    rest = os.read(reader, 1 << 20)
    lines = [json.loads(line)["event"] for line in (first + rest).splitlines()]
    assert lines[-2:] == ["log_lines_lost", "something"]
    assert lines[:-2] == ["long"] * (100 - sink.lost)
    os.close(reader)
    sink.write(LINE)  # journald has ended: no SIGPIPE, no exception
    os.close(writer)


def test_a_journald_that_stands_still_holds_nobody_up() -> None:
    ours, journald = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    sink = Sink(ours.fileno())
    for _ in range(20_000):
        sink.write(LINE)
    assert sink.lost > 0
    journald.close()
    sink.write(LINE)
    ours.close()


def test_a_daemon_whose_log_is_full_ends_as_it_was_going_to(tmp_path: Path) -> None:
    """The whole program, its output on /dev/full, and killed by nobody but us."""
    code = (
        "import structlog, time, sys; from contactd import log; log.configure()\n"
        "for n in range(5): structlog.get_logger().error('x', n=n)\n"
        "sys.stderr.write(str(log.lost_lines()))"
    )
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert (done.returncode, done.stderr) == (0, "5")
