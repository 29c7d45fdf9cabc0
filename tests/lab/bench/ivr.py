"""`make bench-ivr`: callers in a flow's menus on a real Asterisk, beside a menu of the dialplan of the same shape.

``key_to_prompt_p99_ms`` (100 or less), ``_p50_ms``
    CALLERS calls at once go from one menu to another by a key, each every two seconds or so while the prompt runs:
    from the key on the wire to the first packet of the other prompt on the wire, by the kernel's stamps.
    ``plain_key_to_prompt_*``: the same callers and keys in a Background() and WaitExten() of the dialplan.
``cpu_ms_per_menu``, ``plain_cpu_ms_per_menu``, ``menu_cpu_ratio``
    CPU of Asterisk, contactd and PostgreSQL for a menu (a key and two seconds of a prompt), of Asterisk alone for a
    plain one, and one over the other. The flow's menus are all in the journal.
``interpreter_nodes_per_s`` (100,000 or more)
    The interpreter alone: a flow of all the kinds that need nobody, one core.

sipp calls; keys and packets are the bench's own, since sipp hears nothing. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import selectors
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from contactd.core.ids import QueueId
from contactd.core.ivr.flow import Flow, fact_kinds, make_flow, variables_of
from contactd.core.ivr.nodes import Branch, Case, HangUp, Menu, Node, Say, Set
from contactd.core.ivr.run import Listen, Run
from tests.lab import ports, sipp
from tests.lab.bench.figures import Figures, percentile, ratio, say
from tests.lab.bench.rig import cpu_s
from tests.lab.process import Process, descendants, tail, until
from tests.lab.progress import LAB, LabError
from tests.lab.stack import Stack, staff

CALLERS = 200
MEASURED_S = 60.0
FLOW_LINE, PLAIN_LINE = "5003", "plain"
SOUNDS = {"bench-menu-a": 0x1A, "bench-menu-b": 0x2B}
"""Each a constant value of mu-law, so that a packet tells which prompt it is of."""
SOUND_S = 6
_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)
FLOW = """
start = "a"

[nodes.a]
kind = "menu"
prompt = ["bench-menu-a"]
keys = { "1" = "b" }
otherwise = "over"

[nodes.b]
kind = "menu"
prompt = ["bench-menu-b"]
keys = { "1" = "a" }
otherwise = "over"

[nodes.over]
kind = "hang_up"
"""
DIALPLAN = f"""
[bench]
exten => {PLAIN_LINE},1,Answer(0)
 same => n,Goto(bench-menu-a,s,1)
[bench-menu-a]
exten => s,1,Background(bench-menu-a)
 same => n,WaitExten(5)
 same => n,Hangup()
exten => 1,1,Goto(bench-menu-b,s,1)
[bench-menu-b]
exten => s,1,Background(bench-menu-b)
 same => n,WaitExten(5)
 same => n,Hangup()
exten => 1,1,Goto(bench-menu-a,s,1)
[contactd-in]
include => bench
"""


@dataclass(slots=True)
class Ear:
    """One caller's end of the audio. hears: the value of the prompt that runs, 0 before the first."""

    socket: socket.socket
    next_key_at: float
    hears: int = 0
    keyed_at: float = 0.0
    """Unix seconds of the key that is not answered yet; 0: there is none."""
    pbx: tuple[str, int] | None = None
    sequence: int = 1
    stamp: int = 160
    latencies_ms: list[float] = field(default_factory=list)


class Ears:
    """All callers' ears and fingers, in one thread."""

    def __init__(self, count: int, dice: random.Random) -> None:
        self._dice = dice
        self._selector = selectors.DefaultSelector()
        self.all: list[Ear] = []
        for _ in range(count):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.bind(("127.0.0.1", 0))
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
            ear = Ear(one, 0.0)
            self.all.append(ear)
            self._selector.register(one, selectors.EVENT_READ, ear)

    def close(self) -> None:
        for ear in self.all:
            ear.socket.close()
        self._selector.close()

    def ports(self) -> list[int]:
        return [ear.socket.getsockname()[1] for ear in self.all]

    def hearing(self) -> int:
        return sum(ear.hears != 0 for ear in self.all)

    def run(self, seconds: float, *, keys: bool) -> None:
        """Hear, and with keys press one every two seconds or so."""
        ends = time.monotonic() + seconds
        if keys:
            for ear in self.all:
                ear.next_key_at = time.monotonic() + self._dice.uniform(0.1, 2.0)
        while (now := time.monotonic()) < ends:
            for key, _ in self._selector.select(0.005):
                self._hear(key.data)
            if keys:
                for ear in self.all:
                    if now >= ear.next_key_at and ear.hears and not ear.keyed_at:
                        self._press(ear)
                        ear.next_key_at = now + self._dice.uniform(1.5, 2.5)

    def _hear(self, ear: Ear) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, told, _, sender = ear.socket.recvmsg(400, 64)
                if len(packet) < 20 or packet[1] & 0x7F != 0:
                    continue
                ear.pbx = sender
                value = packet[16]
                if value == ear.hears or value not in SOUNDS.values():
                    continue
                ear.hears = value
                if ear.keyed_at:
                    seconds, nanos = struct.unpack("qq", told[0][2][:16])
                    ear.latencies_ms.append(1000 * (seconds + nanos / 1e9 - ear.keyed_at))
                    ear.keyed_at = 0.0

    def _press(self, ear: Ear) -> None:
        """A key as telephones send it (RFC 4733): its beginning, and its end three times."""
        assert ear.pbx is not None
        ear.keyed_at = time.time()
        ear.stamp += 16_000
        for n, (end, length) in enumerate(((0, 160), (0x80, 800), (0x80, 800), (0x80, 800))):
            marked = 0x80 if n == 0 else 0
            head = struct.pack("!BBHII", 0x80, marked | 101, ear.sequence & 0xFFFF, ear.stamp, 4711)
            ear.socket.sendto(head + struct.pack("!BBH", 1, end | 10, length), ear.pbx)
            ear.sequence += 1


@contextlib.contextmanager
def calling(stack: Stack, folder: Path, target: str, ears: Ears, prefix: tuple[str, ...]) -> Iterator[None]:
    """All of them in the menus; they are hung up at the end."""
    folder.mkdir()
    (folder / "ports.csv").write_text("SEQUENTIAL\n" + "".join(f"{port}\n" for port in ears.ports()))
    sipp.render(folder, "mute_caller", target=target, number="49")
    held = ports.reserve_block(20)
    server = ("127.0.0.1", stack.asterisk.sip_port)
    count = len(ears.all)
    argv = sipp.arguments(
        "mute_caller", server, rtp=(held.first, held.last), rate=min(40.0, count), calls=count, at_once=count
    )
    argv += ["-inf", "ports.csv"]
    process = Process([*prefix, *sipp.command(), *argv], log=folder / "out", stop_signal=signal.SIGKILL, cwd=folder)
    try:
        deadline = time.monotonic() + 30
        while ears.hearing() < count:
            ears.run(0.2, keys=False)
            if not process.alive() or time.monotonic() > deadline:
                raise LabError(f"only {ears.hearing()} of {count} callers hear the menu: {tail(folder / 'out')}")
        yield
        if (held_on := _channels(stack)) < count:
            raise LabError(f"only {held_on} of {count} callers are still in the menu; is the machine busy?")
    finally:
        process.kill()
        held.release()
        stack.asterisk.cli("channel request hangup all")
        until(lambda: _channels(stack) == 0, "all channels to end", patience_s=20)


def _channels(stack: Stack) -> int:
    words = stack.asterisk.cli("core show channels count").split()
    return int(words[0]) if words and words[0].isdigit() else -1


def menus(stack: Stack, folder: Path, target: str, count: int, seconds: float, on: tuple[str, ...]) -> Menus:
    ears = Ears(count, random.Random(7))
    try:
        with calling(stack, folder, target, ears, on):
            before = _spent(stack)
            ears.run(seconds, keys=True)
            after = _spent(stack)
    finally:
        ears.close()
    found = [latency for ear in ears.all for latency in ear.latencies_ms]
    silent = sum(not ear.latencies_ms for ear in ears.all)
    if silent:
        raise LabError(f"{silent} of {count} callers never came to the other menu; see {folder}")
    return Menus(found, after - before)


@dataclass(frozen=True, slots=True)
class Menus:
    latencies_ms: list[float]
    cpu_s: float

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_s / len(self.latencies_ms)


def _spent(stack: Stack) -> float:
    roots = [stack.asterisk.pid, stack.postgres.pid, *([stack.daemon.pid] if stack.daemon.alive() else [])]
    return sum(cpu_s(pid) for root in roots for pid in (root, *descendants(root)))


def telephony(folder: Path, count: int, seconds: float, into: Figures) -> None:
    cores = sorted(os.sched_getaffinity(0))[:2]
    two = len(cores) == 2 and shutil.which("taskset")
    pbx, other = (("taskset", "-c", str(core)) if two else () for core in (cores[0], cores[-1]))
    stack = Stack(
        folder,
        people=staff(1),
        extra_conf={"extensions.conf": DIALPLAN},
        pbx_prefix=pbx,
        contactd_prefix=other,
        postgres_prefix=other,
        rtp_ports=4 * count + 100,
        log_level="warning",
    )
    try:
        stack.start(run_contactd=False)
        for name, value in SOUNDS.items():
            sound = stack.asterisk.folder / f"share/sounds/{name}.ulaw"
            sound.write_bytes(bytes([value]) * (SOUND_S * 8000))
        daemon = stack.daemon
        (daemon.folder / "flows").mkdir()
        (daemon.folder / "flows/bench.toml").write_text(FLOW)
        daemon.write(daemon.config.read_text().replace("[lines]\n", f'[lines]\n{FLOW_LINE} = "flow:bench"\n'))
        daemon.start()
        ours = menus(stack, folder / "flow", FLOW_LINE, count, seconds, pbx)
        asked = stack.postgres.psql("SELECT count(*) FROM event WHERE kind = 'FlowWent'", "contactd")
        if int(asked) < len(ours.latencies_ms):
            raise LabError(f"the journal has {asked} of {len(ours.latencies_ms)} menus")
        say(f"flow: {len(ours.latencies_ms)} menus")
        daemon.stop()
        plain = menus(stack, folder / "plain", PLAIN_LINE, count, seconds, pbx)
        say(f"plain: {len(plain.latencies_ms)} menus")
    finally:
        stack.close()
    for name, found in (("", ours), ("plain_", plain)):
        into.add(f"{name}key_to_prompt_p50_ms", percentile(found.latencies_ms, 50), "ms")
        into.add(f"{name}key_to_prompt_p99_ms", percentile(found.latencies_ms, 99), "ms")
        into.add(f"{name}cpu_ms_per_menu", found.cpu_ms, "ms")
    into.add("menu_cpu_ratio", ratio(ours.cpu_ms, plain.cpu_ms), "ratio")


def interpreter(seconds: float, into: Figures) -> None:
    flow = _busy_flow()
    facts = {"queue.sales.waiting": 3, "dialled": "5000"}
    nodes, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        run = Run({"busy": flow}, flow, facts)
        steps = run.steps()
        with contextlib.suppress(StopIteration):
            step = next(steps)
            while True:
                # Sixty rounds, then nothing more until the way out is taken.
                pressed = "1" if isinstance(step, Listen) and len(run.visits) < 300 else ""
                step = steps.send(pressed)
        nodes += len(run.visits)
    into.add("interpreter_nodes_per_s", nodes / (time.perf_counter() - began), "1/s")


def _busy_flow() -> Flow:
    nodes: dict[str, Node] = {
        "hello": Say(prompt=("hello", "{digits: dialled}"), next="count"),
        "count": Set(values={"round": "1 + 1", "who": 'dialled + "x"'}, next="look"),
        "look": Branch(
            cases=(Case(when='queue.sales.waiting > 5 or who == "y"', go="over"), Case(when="round > 2", go="over")),
            otherwise="choose",
        ),
        "choose": Menu(prompt=("one", "two"), keys={"1": "again", "2": "over"}, otherwise="over", tries=1),
        "again": Set(values={"round": "round"}, next="hello"),
        "over": HangUp(),
    }
    facts = fact_kinds([QueueId("sales")], [])
    flow, troubles = make_flow("busy", "hello", nodes, variables=variables_of({"busy": nodes}, facts), facts=facts)
    assert not troubles, troubles
    return flow


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.bench.ivr", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few callers, seconds: no figure means much")
    parser.add_argument("--callers", type=int, default=CALLERS)
    parser.add_argument("--seconds", type=float, default=MEASURED_S)
    options = parser.parse_args()
    count, seconds = (10, 5.0) if options.quick else (options.callers, options.seconds)
    LAB.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-ivr-", dir=LAB))
    figures = Figures()
    try:
        interpreter(1.0 if options.quick else 5.0, figures)
        telephony(folder, count, seconds, figures)
    except LabError as error:
        say(f"{error}\nlogs: {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write("".join(line + "\n" for line in figures.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
