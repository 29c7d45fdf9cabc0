"""One server process: its own session, signalled by its id alone, never outliving the python that started it.

A guard (a shell that waits on a pipe from us) stops the server when we end in any way, kill -9 included. The
kernel's parent-death signal would not do: it fires when the *thread* that started the server ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.lab.progress import LabError

# $1 signal, $2 process. CONT, since a paused process takes no other signal. At the end, or after ten seconds,
# KILL for its group: a server that was killed leaves its scripts behind.
GUARD = """
trap '' INT TERM HUP
read -r _
kill -s "$1" "$2" && kill -s CONT "$2"
tries=0
while kill -0 "$2" && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -s KILL -- "-$2"
"""


class Process:
    """A running server and its guard. `log` takes its output; `stop_signal` is its way of a clean end."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        stop_signal: signal.Signals,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._stop_signal = stop_signal
        with log.open("ab") as output:
            self._server = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, "lab-guard", stop_signal.name.removeprefix("SIG"), str(self.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._server.pid

    def alive(self) -> bool:
        return self._server.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Signal the server and every process under it (PostgreSQL's backends have sessions of their own)."""
        for pid in reversed([self.pid, *descendants(self.pid)]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def pause(self) -> None:
        """Freeze it; returns when every thread stands still, which is a moment after the signal."""
        self.send(signal.SIGSTOP)
        family = [self.pid, *descendants(self.pid)]
        until(lambda: all(state in "TZ" for pid in family for state in _states(pid)), "the server to freeze")

    def cont(self) -> None:
        self.send(signal.SIGCONT)

    def stop(self, patience_s: float = 15.0) -> None:
        """End cleanly; after `patience_s` by force."""
        if self.alive():
            self._server.send_signal(self._stop_signal)
            self.send(signal.SIGCONT)
            try:
                self._server.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._dismiss_guard()

    def kill(self) -> None:
        """kill -9 the whole of it, as a crash would, and wait until every process is gone."""
        if self.alive():
            # Stopped first, so that nothing is forked between looking and killing.
            self._server.send_signal(signal.SIGSTOP)
        family = descendants(self.pid)
        self.send(signal.SIGKILL)
        self._server.wait()
        until(lambda: not any(runs(pid) for pid in family), "the killed server's children to end")
        self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        self._guard.kill()
        self._guard.communicate()


def descendants(pid: int) -> list[int]:
    """The processes below `pid`, parents first."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        # The process may go while it is looked at, the folder too.
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
                children = [int(child) for child in task.read_text().split()]
                found += children
                waiting += children
    return found


def runs(pid: int) -> bool:
    """Whether a process lives; one that is dead and not yet waited for holds nothing any more."""
    return any(state != "Z" for state in _states(pid))


def _states(pid: int) -> list[str]:
    """One letter for each thread: R, S, D, T (stopped), Z (dead, not yet waited for)."""
    states = []
    with contextlib.suppress(OSError):
        for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
            # The state stands after the name in brackets.
            states.append(stat.read_text().rpartition(")")[2].split()[0])
    return states


def until(
    condition: Callable[[], object], what: str, *, patience_s: float = 30.0, hint: Callable[[], str] = str
) -> None:
    """Wait for a condition of another process; looks every 5 ms."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {patience_s:g} s in vain for {what}{hint()}")
        time.sleep(0.005)


def tail(log: Path, lines: int = 8) -> str:
    """The end of a log, to put after an error's sentence."""
    try:
        return "\n  " + "\n  ".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
