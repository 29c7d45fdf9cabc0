"""A whole contact centre on one machine: PostgreSQL, Asterisk and contactd as real processes, with a small
configuration of two queues, a menu and four agents (or as many as asked for)."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.lab import ports
from tests.lab.asterisk import Asterisk, Handset, Installation
from tests.lab.postgres import Postgres
from tests.lab.process import Process, tail, until
from tests.lab.progress import ROOT, LabError

NAMES = ("anna", "bilal", "carla", "david")
LINE, SALES, SUPPORT, ECHO = "5000", "5001", "5002", "5900"


@dataclass(frozen=True, slots=True)
class Person:
    """An agent: id, handset's number and password, PIN."""

    id: str
    number: str
    password: str
    pin: str


def staff(count: int = 4) -> list[Person]:
    """Agents with passwords and PINs made now; four have names, more have numbers."""
    return [
        Person(
            NAMES[n] if n < len(NAMES) else f"agent{n + 1}",
            str(1001 + n),
            secrets.token_hex(6),
            f"{secrets.randbelow(10_000):04}",
        )
        for n in range(count)
    ]


class Contactd:
    """One contactd process with its own configuration folder and spool. Blocking calls.

    tree: whose program it is; may be changed between a stop and a start.
    """

    def __init__(
        self, folder: Path, toml: str, secrets_toml: str, *, prefix: Sequence[str] = (), tree: Path = ROOT
    ) -> None:
        self.folder = folder
        self.tree = tree
        self.config = folder / "contactd.toml"
        self.log = folder / "contactd.log"
        self._prefix = tuple(prefix)
        self._process: Process | None = None
        self._worker: Process | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.write(toml, secrets_toml)

    def write(self, toml: str, secrets_toml: str | None = None) -> None:
        self.config.write_text(toml)
        if secrets_toml is not None:
            path = self.folder / "secrets.toml"
            path.touch(mode=0o600)
            path.write_text(secrets_toml)

    @property
    def pid(self) -> int:
        assert self._process, "not started"
        return self._process.pid

    @property
    def socket(self) -> Path:
        return self.folder / "ctl.sock"

    def alive(self) -> bool:
        return self._process is not None and self._process.alive()

    def migrate(self) -> None:
        self.command("migrate")

    def command(self, *words: str) -> str:
        """Run `contactd WORDS`; its output, or LabError with what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "contactd", "--config", str(self.config), *words],
            capture_output=True,
            text=True,
            cwd=self.tree,
            timeout=120,
        )
        if done.returncode:
            raise LabError(f"contactd {' '.join(words)} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def forget_unknown_keys(self) -> None:
        """Remove what its program does not know: the admin of another version never wrote it."""
        for _ in range(20):
            try:
                self.command("check-config")
                return
            except LabError as refused:
                unknown = re.findall(r"(\S+\.toml):(\d+): \S+: unknown key", str(refused))
                if not unknown:
                    raise
            for name, number in sorted(unknown, key=lambda found: -int(found[1])):
                lines = Path(name).read_text().splitlines()
                end = int(number)
                if lines[end - 1].startswith("["):
                    end = next((n for n in range(end, len(lines)) if lines[n].startswith("[")), len(lines))
                Path(name).write_text("\n".join(lines[: int(number) - 1] + lines[end:]) + "\n")

    def ctl(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `contactctl WORDS`."""
        done = subprocess.run(
            [sys.executable, "-m", "contactd.ctl", "--config", str(self.config), *words],
            capture_output=True,
            text=True,
            cwd=self.tree,
            timeout=60,
        )
        if check and done.returncode:
            raise LabError(f"contactctl {' '.join(words)} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def start(self, *options: str, wait: bool = True, env: Mapping[str, str] | None = None) -> None:
        """wait: return when it steers and all is well, by its own /readyz and /healthz."""
        self._process = self._program("run", *options, log=self.log, env=env or {})
        if wait:
            self.wait_steering()

    def start_worker(self) -> None:
        """`contactd worker` beside it, with a log of its own; stop() ends both."""
        self._worker = self._program("worker", log=self.folder / "worker.log")

    def stop_worker(self) -> None:
        if self._worker:
            self._worker.stop()
            self._worker = None

    def _program(self, *words: str, log: Path, env: Mapping[str, str] | None = None) -> Process:
        argv = [*self._prefix, sys.executable, "-m", "contactd", "--config", str(self.config), *words]
        return Process(argv, log=log, stop_signal=signal.SIGTERM, cwd=self.tree, env={**os.environ, **(env or {})})

    def wait_steering(self, patience_s: float = 30.0) -> None:
        process = self._process
        assert process
        until(
            lambda: not process.alive() or self.healthy(),
            "contactd to steer",
            patience_s=patience_s,
            hint=lambda: tail(self.log),
        )
        if not process.alive():
            raise LabError(f"contactd ended; the end of {self.log} says why:{tail(self.log)}")

    def healthy(self) -> bool:
        # A standby is healthy as well. The first version had no /readyz, and its standby answered nothing.
        return self.answers("readyz") in (200, 404) and self.answers("healthz") == 200

    def answers(self, page: str) -> int:
        """The status of /PAGE; 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/{page}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    @property
    def web_port(self) -> int:
        for line in self.config.read_text().splitlines():
            if line.startswith("port = ") and line.endswith("# web"):
                return int(line.removeprefix("port = ").removesuffix("# web"))
        raise LabError(f"{self.config} has no line marked as the web port")

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def status(self, what: str) -> object:
        """`contactctl --json WHAT`, parsed; also when it answers that something needs somebody (3)."""
        done = self.ctl("--json", what, check=False)
        if done.returncode not in (0, 3):
            raise LabError(f"contactctl --json {what} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    def stop(self) -> None:
        self.stop_worker()
        if self._process:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process = None

    def pause(self) -> None:
        assert self._process
        self._process.send(signal.SIGSTOP)

    def cont(self) -> None:
        assert self._process
        self._process.send(signal.SIGCONT)

    def hup(self) -> None:
        assert self._process
        os.kill(self._process.pid, signal.SIGHUP)


class Stack:
    """PostgreSQL, Asterisk and one contactd below `folder`.

    prompt: sounds of the menu's prompt; greeting likewise. queues: id to (ring_s, wrap_up_s). keys: other lines of a
    queue's section.
    pbx_prefix, contactd_prefix, postgres_prefix: put before the commands, such as ("taskset", "-c", "0").
    installation, layout: see Asterisk. context: of the handsets' own calls.
    tree: whose contactd and drop-ins, such as those of another version.
    """

    def __init__(
        self,
        folder: Path,
        *,
        people: Sequence[Person] | None = None,
        listen: str = "127.0.0.1",
        queues: Mapping[str, tuple[int, int]] | None = None,
        keys: Mapping[str, str] | None = None,
        greeting: Sequence[str] = ("hello",),
        prompt: Sequence[str] = ("vm-press", "digits/1", "vm-press", "digits/2"),
        cel: bool = False,
        extra_conf: Mapping[str, str] | None = None,
        substitutions: Mapping[str, str] | None = None,
        pbx_prefix: Sequence[str] = (),
        contactd_prefix: Sequence[str] = (),
        postgres_prefix: Sequence[str] = (),
        rtp_ports: int = 1000,
        compare_s: int = 10,
        postgres_settings: Mapping[str, str] | None = None,
        log_level: str = "info",
        installation: Installation | None = None,
        layout: str = "plain",
        context: str = "contactd-agent",
        tree: Path = ROOT,
    ) -> None:
        self.folder = folder
        self._tree = tree
        self.people = list(people if people is not None else staff())
        self.queues = dict(queues or {"sales": (20, 5), "support": (20, 5)})
        self.keys = dict(keys or {})
        self.greeting, self.prompt = tuple(greeting), tuple(prompt)
        self.log_level = log_level
        folder.mkdir(parents=True, exist_ok=True)
        self.compare_s = compare_s
        self.postgres = Postgres(folder / "postgres", settings=dict(postgres_settings or {}), prefix=postgres_prefix)
        self.asterisk = Asterisk(
            folder / "pbx",
            listen=listen,
            ami_secret=secrets.token_hex(16),
            handsets=[Handset(p.number, p.password, context) for p in self.people],
            cel=cel,
            extra_conf=extra_conf,
            substitutions=substitutions,
            rtp_ports=rtp_ports,
            prefix=pbx_prefix,
            installation=installation,
            layout=layout,
            drop_ins=tree / "asterisk-config",
        )
        self._contactd_prefix = contactd_prefix
        self._password = secrets.token_hex(12)
        self._held_ports = [ports.reserve() for _ in range(6)]
        self.contactd: Contactd | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def daemon(self) -> Contactd:
        assert self.contactd, "not started"
        return self.contactd

    def start(self, *, run_contactd: bool = True) -> None:
        self.postgres.start()
        self.asterisk.start()
        if self.contactd is None:
            if self.postgres.psql("SELECT 1 FROM pg_database WHERE datname = 'contactd'").strip() != "1":
                self.postgres.create_database("contactd")
            self.contactd = self.another("contactd", *(port.first for port in self._held_ports[:3]))
        self.contactd.migrate()
        self.postgres.psql(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'contactd_app')"
            " THEN CREATE ROLE contactd_app LOGIN; END IF; GRANT contactd_daemon TO contactd_app;"
            # A contactd of before has no workers.
            " IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'contactd_worker')"
            " THEN GRANT contactd_worker TO contactd_app; END IF; END $$;"
            f" ALTER ROLE contactd_app PASSWORD '{self._password}'"
        )
        if run_contactd:
            self.contactd.start()

    def another(self, name: str, *ports: int) -> Contactd:
        """One more contactd on the same floor, with ports (AGI, web, audio) and a spool of its own."""
        folder = self.folder / name
        toml = self.toml(folder, *ports)
        made = Contactd(folder, toml, self.secrets(), prefix=self._contactd_prefix, tree=self._tree)
        if self._tree != ROOT:
            made.forget_unknown_keys()
        return made

    def standby(self) -> Contactd:
        return self.another("standby", *(port.first for port in self._held_ports[3:]))

    def stop(self) -> None:
        if self.contactd is not None:
            self.contactd.stop()
        self.asterisk.stop()
        self.postgres.stop()

    def close(self) -> None:
        """Stopped for good: others may have the ports, though whoever holds this lives on."""
        self.stop()
        self.asterisk.release()
        for port in self._held_ports:
            port.release()

    def toml(self, folder: Path, agi_port: int, web_port: int, audio_port: int) -> str:
        """A whole contactd.toml for this lab."""
        queues = "\n".join(
            f"[queues.{name}]\nring_s = {ring}\nwrap_up_s = {wrap_up}\n{self.keys.get(name, '')}"
            for name, (ring, wrap_up) in self.queues.items()
        )
        owner = self._owner()[0]
        first, *rest = self.queues
        second = rest[0] if rest else first
        names = json.dumps(list(self.queues))
        agents = "\n".join(f'[agents.{p.id}]\nendpoint = "{p.number}"\nqueues = {names}' for p in self.people)
        return f"""\
state_dir = "{folder / "state"}"
log_level = "{self.log_level}"
default_queue = "{first}"

[database]
dsn = "postgresql://contactd_app@127.0.0.1:{self.postgres.port}/contactd"
migrate_dsn = "postgresql://{owner}@127.0.0.1:{self.postgres.port}/contactd"

[pbx.{self.asterisk.name}]
host = "127.0.0.1"
port = {self.asterisk.ami_port}
username = "contactd"
compare_s = {self.compare_s}

[agi]
port = {agi_port}

[audiosocket]
port = {audio_port}

[web]
port = {web_port} # web

[ctl]
socket = "{folder / "ctl.sock"}"

{queues}

[menus.main]
greeting = {json.dumps(self.greeting)}
prompt = {json.dumps(self.prompt)}
timeout_s = 5
tries = 2
default_choice = "{first}"
[menus.main.choices]
1 = "{first}"
2 = "{second}"

[lines]
{LINE} = "menu:main"
{SALES} = "queue:{first}"
{SUPPORT} = "queue:{second}"
{ECHO} = "echo"

{agents}
"""

    def secrets(self) -> str:
        pins = "\n".join(f'[agents.{p.id}]\npin = "{p.pin}"' for p in self.people)
        database = f'[database]\npassword = "{self._password}"\nmigrate_password = "{self._owner()[1]}"\n'
        pbx = f'secret = "{self.asterisk.ami_secret}"\ntest_secret = "{self.asterisk.test_secret}"\n'
        return f"{database}[pbx.{self.asterisk.name}]\n{pbx}{pins}\n"

    def _owner(self) -> tuple[str, str]:
        """Name and password of the database's owner."""
        url = urlsplit(self.postgres.dsn)
        return url.username or "", url.password or ""
