"""A Debian of our own that boots: debootstrap makes it, systemd-nspawn starts it without any network. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.debs import mirror_of
from tests.lab.process import tail
from tests.lab.progress import LAB, LabError, step

SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}
"""The Debian whose Python this is."""
PACKAGES = ("systemd-sysv", "dbus", "python3", "postgresql", "lintian", "ca-certificates")
NEEDED = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"}


def base() -> Path:
    """A Debian with PostgreSQL and nothing of ours; made once, never started, copied by whoever wants to use it."""
    if os.geteuid() != 0:
        raise LabError("only root can make a Debian of its own: run `sudo make test-deb`")
    for program, package in NEEDED.items():
        if not shutil.which(program):
            raise LabError(f"there is no {program} here: run `apt-get install {package}` and try again")
    minor = (sys.version_info[0], sys.version_info[1])
    if minor not in SUITES:
        raise LabError(f"no Debian has Python {minor[0]}.{minor[1]}; name one of its own in PYTHON=")
    root = LAB / "debian" / SUITES[minor]
    if root.exists():
        return root
    fresh = root.with_name(f"{root.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    with step(f"making a Debian {root.name} (some minutes, once)"):
        _run("debootstrap", "--variant=minbase", root.name, str(fresh), _mirror())
        # Nothing is to be started while it is only a folder.
        policy = fresh / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        apt = ("chroot", str(fresh), "env", "-i", *(f"{k}={v}" for k, v in ENVIRONMENT.items()))
        _run(*apt, "DEBIAN_FRONTEND=noninteractive", "apt-get", "-yq", "--no-install-recommends", "install", *PACKAGES)
        policy.unlink()
    fresh.rename(root)
    return root


class Machine:
    """`with Machine(folder) as machine`: a copy of base(), booted. It sees no network but its own loopback."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self._console = folder / "console.log"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def __enter__(self) -> Self:
        _run("cp", "--archive", str(base()), str(self.root))
        argv = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        argv += ["--directory", str(self.root), "--boot"]
        with self._console.open("wb") as console:
            self._nspawn = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        self.until(self._booted, "it to boot")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._nspawn
        self._nspawn.terminate()
        try:
            self._nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, *words: str, check: bool = True, user: str = "root") -> subprocess.CompletedProcess[str]:
        """A command in the machine, as an admin at its terminal."""
        inside = ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "--root", "env", "-i"]
        inside += [f"{key}={value}" for key, value in ENVIRONMENT.items()]
        inside += ["sh", "-c", 'cd / && exec "$@"', "sh"]
        as_user = [] if user == "root" else ["runuser", "-u", user, "--"]
        done = subprocess.run([*inside, *as_user, *words], capture_output=True, text=True, check=False, timeout=180)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def shell(self, script: str) -> str:
        """Lines of a paper, one after the other; the first that fails ends them."""
        return self.run("sh", "-ec", script).stdout

    def show(self, unit: str, what: str) -> str:
        """What `systemctl show` says of one property."""
        return self.run("systemctl", "show", "--value", "--property", what, unit).stdout.strip()

    def until(self, condition: Callable[[], object], what: str, patience_s: float = 60) -> None:
        deadline = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {patience_s:g} s in vain for {what}{tail(self._console)}")
            time.sleep(0.1)

    def files(self) -> set[str]:
        """Every path that a package could leave behind."""
        moving = "proc sys run tmp dev root var/log var/cache var/lib/postgresql var/lib/systemd"
        prune = " -o ".join(f"-path /{folder}" for folder in moving.split())
        found = self.shell(f"find / \\( {prune} \\) -prune -o -print")
        # Copies of the lists of users, made when one is added.
        backups = {f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")}
        return {path for path in found.splitlines() if path not in backups}

    def _booted(self) -> bool:
        assert self._nspawn
        if self._nspawn.poll() is not None:
            raise LabError(f"systemd-nspawn ended: {tail(self._console)}")
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        if not children:
            return False
        self._leader = int(children[0])
        # "degraded" is as good: some unit of Debian's own may fail in a container.
        done = self.run("systemctl", "is-system-running", check=False)
        return done.stdout.strip() in ("running", "degraded")


def _mirror() -> str:
    """The host's own, as for the lab's packages."""
    for path in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))):
        if path.is_file() and (found := mirror_of(path.read_text(errors="replace"))):
            return found
    return os.environ.get("CONTACTD_LAB_MIRROR", "http://deb.debian.org/debian")


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip()[-2000:]}")
