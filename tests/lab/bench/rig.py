"""The bench's centre: one Asterisk with both ways of queueing, PostgreSQL with a long journal, contactd.

Asterisk and sipp have one core, contactd and PostgreSQL the other. The handsets are one sipp behind static
contacts; both sides use the same endpoints, the same prompt and the same music.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import msgspec

from contactd.core.floor import SNAPSHOT_VERSION, Floor
from contactd.ctl.client import Refused, ask
from tests.lab import ports
from tests.lab.asterisk import tune
from tests.lab.bench.ear import Ear
from tests.lab.bench.scale import Scale
from tests.lab.process import descendants, until
from tests.lab.progress import LabError
from tests.lab.stack import LINE, Stack, staff

PROMPT = "bench-prompt"
# Longer than any caller listens: the key ends it, at the same place on both sides.
PROMPT_FILE_S = 4


class Side(Enum):
    """Who queues; the value is the number that callers dial."""

    CONTACTD = LINE
    APP_QUEUE = "queue"


# The product's [contactd-in] is where anonymous callers land; "queue" matches no number of its plan.
DIALPLAN = f"""
[bench]
exten => {Side.APP_QUEUE.value},1,Answer(0)
 same => n,Goto(bench-menu,s,1)
[bench-menu]
exten => s,1,Background({PROMPT})
 same => n,WaitExten(5)
 same => n,Hangup()
exten => 1,1,Queue(bench,ci)
 same => n,Hangup()
exten => 2,1,Queue(bench-few,ci)
 same => n,Hangup()
[contactd-in]
include => bench
"""
QUEUE = """
[{name}]
strategy = leastrecent
timeout = 20
retry = 1
wrapuptime = 0
ringinuse = no
autofill = yes
musicclass = default
joinempty = yes
leavewhenempty = no
{members}
"""
HANDSET = """
[{number}](contactd-handset,lab-media)
aors = {number}
callerid = "{number}" <{number}>
[{number}](contactd-aor)
qualify_frequency = 0
contact = sip:{number}@127.0.0.1:{port}
"""
JOURNAL = """
INSERT INTO event (floor, seq, at, kind, version, contact, agent, body)
SELECT 1, n, now() - interval '12 days' + n * interval '1 second', 'ContactQueued', 1, id, NULL,
       format('{{"kind":"ContactQueued","contact":"%s","queue":"bench","queued_at":1700000000.123456}}', id)
FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, {events}) AS n) AS made;
UPDATE floor SET seq = {events} WHERE id = 1;
UPDATE projection SET seq = {events};
INSERT INTO snapshot (floor, seq, version, body) VALUES (1, {events}, {version}, decode('{body}', 'hex'));
"""


_KEY = f'[recording]\nkey = "{"5e" * 32}"\n'


class Rig:
    """Everything that runs, and the questions that are asked of it. A context manager."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        self.folder = folder
        self.scale = scale
        self._cores = sorted(os.sched_getaffinity(0))[:2]
        self.agents_port = ports.reserve()
        self.agents_rtp = ports.reserve_block(scale.rtp_ports)
        self.callers_rtp = ports.reserve_block(scale.rtp_ports)
        people = staff(scale.agents)
        numbers = [person.number for person in people]
        queues = {"bench": numbers, "bench-few": numbers[: scale.few]}
        self.stack = Stack(
            folder,
            people=people,
            queues={"bench": (20, 0)},
            greeting=(),
            prompt=(PROMPT,),
            extra_conf={
                "extensions.conf": DIALPLAN,
                "queues.conf": "".join(
                    QUEUE.format(name=name, members="\n".join(f"member => PJSIP/{n}" for n in members))
                    for name, members in queues.items()
                ),
                "pjsip.conf": "".join(HANDSET.format(number=number, port=self.agents_port.first) for number in numbers),
            },
            pbx_prefix=self.pbx_core,
            contactd_prefix=self._on(-1),
            postgres_prefix=self._on(-1),
            rtp_ports=scale.rtp_ports,
            compare_s=30,
            postgres_settings={"shared_buffers": "256MB", "max_wal_size": "4GB"},
        )
        # They do not register: their contacts are written down above.
        self.stack.asterisk.handsets = ()

    def _on(self, core: int) -> tuple[str, ...]:
        """The prefix that keeps a program on the first or the last of two cores."""
        if len(self._cores) < 2 or not shutil.which("taskset"):
            return ()
        return ("taskset", "-c", str(self._cores[core]))

    @property
    def pbx_core(self) -> tuple[str, ...]:
        return self._on(0)

    def __enter__(self) -> Rig:
        # What the bench itself does while calls run, it does on contactd's core.
        os.sched_setaffinity(0, {self._cores[-1]})
        self.stack.start(run_contactd=False)
        sound = self.stack.asterisk.folder / f"share/sounds/{PROMPT}.ulaw"
        sound.write_bytes(tune()[: PROMPT_FILE_S * 8000])
        self._fill_journal()
        self.stack.daemon.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.stop()
        for held in (self.agents_port, self.agents_rtp, self.callers_rtp):
            held.release()
        os.sched_setaffinity(0, self._cores)

    def _fill_journal(self) -> None:
        """A past of so many events, and the snapshot that ends it."""
        events = self.scale.journal_events
        body = msgspec.msgpack.encode(Floor(seq=events)).hex()
        psql = self.stack.postgres.psql
        psql(JOURNAL.format(events=events, version=SNAPSHOT_VERSION, body=body), "contactd")
        # Now rather than by itself in the middle of a measurement.
        psql("VACUUM (ANALYZE) event", "contactd")
        psql("CHECKPOINT")

    # --- agents -----------------------------------------------------------------------------------------------------

    def sign(self, *, ready: int) -> None:
        """So many agents are signed in, the others are not; returns when all of those can be offered a call."""
        for place, person in enumerate(self.stack.people):
            with contextlib.suppress(Refused):  # they are what they should be already
                self.act(person.id, "sign-in" if place < ready else "sign-out")
        until(
            lambda: self.metric("contactd_agents_available") == ready,
            f"{ready} agents to be available",
            patience_s=20,
        )

    def act(self, agent: str, act: str) -> None:
        ask(str(self.stack.daemon.socket), "POST", f"/agents/{agent}/{act}", {})

    def metric(self, name: str) -> float:
        """The sum over a metric's labels; -1 when contactd does not answer or does not know it."""
        try:
            text = self.stack.daemon.metrics()
        except OSError:
            return -1
        found = [float(line.rpartition(" ")[2]) for line in text.splitlines() if _is(line, name)]
        return sum(found) if found else -1

    # --- the PBX ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def queueing(self, side: Side) -> Iterator[None]:
        """One AMI session a side: contactd's own, or one with the same rights and filter that only reads."""
        pbx = self.stack.asterisk
        if side is Side.CONTACTD:
            yield
            return
        self.stack.daemon.stop()
        with Ear(pbx.ami_port, "contactd", pbx.ami_secret):
            yield

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Every talk is recorded meanwhile; what was, is thrown away."""
        daemon, inbox = self.stack.daemon, self.stack.asterisk.recordings
        toml, secrets = daemon.config.read_text(), daemon.folder / "secrets.toml"
        hidden = secrets.read_text()
        self._reload(toml.replace("[queues.bench]\n", '[queues.bench]\nrecord = "always"\n'), _KEY + hidden)
        try:
            yield
            if not any(inbox.glob("*.done")):
                raise LabError("No talk was recorded: the figure would mean nothing.")
        finally:
            self._reload(toml, hidden)
            shutil.rmtree(inbox, ignore_errors=True)

    def _reload(self, toml: str, secrets: str) -> None:
        before = self.metric("contactd_config_reloads_total")
        self.stack.daemon.write(toml, secrets)
        self.stack.daemon.hup()
        until(lambda: self.metric("contactd_config_reloads_total") > before, "the configuration to be read")

    def channels(self) -> int:
        words = self.stack.asterisk.cli("core show channels count").split()
        return int(words[0]) if words and words[0].isdigit() else -1

    def hang_up_all(self) -> None:
        """Until nothing is left: callers between two applications escape the first request."""
        for _ in range(10):
            self.stack.asterisk.cli("channel request hangup all")
            with contextlib.suppress(LabError):
                until(lambda: self.channels() == 0, "all channels to end", patience_s=3)
                return
        raise LabError("Asterisk keeps channels that it was told to hang up; see its log")

    # --- CPU ----------------------------------------------------------------------------------------------------------

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far of each server, its children included."""
        roots = {"asterisk": self.stack.asterisk.pid, "postgres": self.stack.postgres.pid}
        if self.stack.daemon.alive():
            roots["contactd"] = self.stack.daemon.pid
        return {name: sum(cpu_s(pid) for pid in (root, *descendants(root))) for name, root in roots.items()}


def _is(line: str, name: str) -> bool:
    return line.startswith((name + " ", name + "{"))


def cpu_s(pid: int) -> float:
    """utime, stime and those of the children that were waited for: fields 14 to 17 of proc_pid_stat(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
