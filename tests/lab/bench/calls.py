"""Calls by sipp, in an open loop, and what each of them met. The agent's side is what counts."""

from __future__ import annotations

import contextlib
import itertools
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab import sipp
from tests.lab.bench.figures import say
from tests.lab.bench.rig import Rig, Side
from tests.lab.process import Process, tail, until
from tests.lab.progress import LabError

# An agent answers this long after the caller became eligible, or the call has failed.
IN_TIME_S = 3.0
MOST_FAILED = 0.1
_numbers = itertools.count(1)


@dataclass(slots=True)
class Call:
    """One caller's times, Unix seconds; None: it never happened."""

    keyed: float | None = None
    offered: float | None = None
    answered: float | None = None

    def in_time(self) -> bool:
        return self.keyed is not None and self.answered is not None and self.answered - self.keyed <= IN_TIME_S


@dataclass(slots=True)
class Run:
    """Both sides' logs after a run."""

    asked: int
    callers: list[sipp.Step]
    agents: list[sipp.Step]

    def calls(self) -> dict[str, Call]:
        calls = {step.caller: Call() for step in self.callers if step.what == "INVITE"}
        for step in self.callers:
            if step.what == "KEY":
                calls[step.caller].keyed = step.time
        for step in self.agents:
            call = calls.get(step.caller)
            # The first offer: what comes after a failed one is another matter.
            if call is not None and step.what == "INVITE" and call.offered is None:
                call.offered = step.time
            if call is not None and step.what == "ANSWER" and call.answered is None:
                call.answered = step.time
        return calls

    def failed(self) -> int:
        """Calls that were asked for and that no agent answered in time."""
        return self.asked - sum(call.in_time() for call in self.calls().values())

    def offer_latencies_ms(self) -> list[float]:
        """From the key that ends the prompt to the INVITE at the agent's side."""
        return [
            (call.offered - call.keyed) * 1000
            for call in self.calls().values()
            if call.offered is not None and call.keyed is not None
        ]


@contextlib.contextmanager
def agents(rig: Rig, folder: Path, *, answer_ms: int, talk_ms: int, even: bool = True) -> Iterator[Path]:
    """All handsets; yields their log. even: every talk is equally long.

    Whoever looks once a second would else be found by equal talks always at the same place of that second.
    """
    scenario = sipp.render(folder, "agent", answer_ms=answer_ms, talk_ms=talk_ms)
    if not even:
        uneven = f'<pause distribution="uniform" min="{talk_ms // 2}" max="{talk_ms * 3 // 2}"/>'
        text, count = re.subn(
            r'<recv request="BYE" timeout="\d+" ontimeout="hangup" next="bye"/>', uneven, scenario.read_text()
        )
        assert count == 1, "the agents' scenario does not wait for a BYE any more"
        scenario.write_text(text)
    held = rig.agents_rtp
    argv = sipp.arguments("agent", _server(rig), rtp=(held.first, held.last), port=rig.agents_port.first)
    with _running(rig, folder, argv) as process:
        wanted = f":{rig.agents_port.first:04X} "
        until(
            lambda: not process.alive() or wanted in Path("/proc/net/udp").read_text(),
            "the handsets' sipp to listen",
            hint=lambda: tail(folder / "out"),
        )
        yield folder / "agent.log"


@contextlib.contextmanager
def callers(rig: Rig, folder: Path, side: Side, *, rate: float, count: int, key: str = "1") -> Iterator[Process]:
    """So many callers, so many a second, whatever becomes of them."""
    prefix = f"7{next(_numbers):03}"
    sipp.render(folder, "caller", target=side.value, number=prefix, key=key, prompt_ms=rig.scale.prompt_ms)
    held = rig.callers_rtp
    argv = sipp.arguments("caller", _server(rig), rtp=(held.first, held.last), rate=rate, calls=count)
    with _running(rig, folder, argv) as process:
        yield process


def run(
    rig: Rig,
    side: Side,
    *,
    rate: float,
    count: int,
    answer_ms: int | None = None,
    talk_ms: int | None = None,
) -> Run:
    """Calls of the usual kind, until the last one is over."""
    scale = rig.scale
    answer_ms = scale.hold_ms if answer_ms is None else answer_ms
    talk_ms = scale.talk_ms if talk_ms is None else talk_ms
    folder = new_folder(rig)
    patience_s = count / rate + (scale.prompt_ms + answer_ms + talk_ms) / 1000 + IN_TIME_S + 2
    with contextlib.ExitStack() as stack:
        stack.enter_context(agents(rig, folder, answer_ms=answer_ms, talk_ms=talk_ms))
        process = stack.enter_context(callers(rig, folder, side, rate=rate, count=count))
        deadline = time.monotonic() + patience_s
        while process.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        rig.hang_up_all()
    return Run(count, *logs(folder))


def logs(folder: Path) -> tuple[list[sipp.Step], list[sipp.Step]]:
    """What the callers did, what the agents did."""
    callers, agents = (
        list(sipp.steps(folder / name)) if (folder / name).exists() else [] for name in ("caller.log", "agent.log")
    )
    return callers, agents


def new_folder(rig: Rig) -> Path:
    """One for each run, so that a failed one's logs are still there."""
    folder = rig.folder / f"calls{next(_numbers)}"
    folder.mkdir(parents=True)
    return folder


def _server(rig: Rig) -> tuple[str, int]:
    return "127.0.0.1", rig.stack.asterisk.sip_port


@contextlib.contextmanager
def _running(rig: Rig, folder: Path, argv: list[str]) -> Iterator[Process]:
    process = Process(
        [*rig.pbx_core, *sipp.command(), *argv], log=folder / "out", stop_signal=signal.SIGKILL, cwd=folder
    )
    try:
        yield process
    finally:
        process.kill()


def few_failed(run: Run, what: str) -> int:
    """How many, of a run that measures something else; LabError when the measurement means nothing any more."""
    failed = run.failed()
    if failed:
        say(f"{what}: {failed} of {run.asked} calls failed; is the machine busy with something else?")
    if failed > run.asked * MOST_FAILED:
        raise LabError(f"{what}: too many of the calls failed to measure anything")
    return failed


def answered(log: Path) -> int:
    """How many calls a handsets' log tells of as answered so far."""
    try:
        return log.read_text(errors="replace").count("ANSWER ")
    except OSError:
        return 0


def check_warm(rig: Rig, side: Side) -> None:
    """One second of calls, so that nothing is met for the first time while it is measured."""
    result = run(rig, side, rate=5, count=5, answer_ms=1, talk_ms=300)
    if result.failed():
        raise LabError(
            f"{result.failed()} of 5 calls by {side.name.lower()} reached no agent, without any load: see {rig.folder}"
        )
