"""Debian packages without root: fetched by a private apt, unpacked into a folder, run by its own ld.so.

Everything comes from sid, on Debian stable and Ubuntu too: it is the suite that has a current Asterisk, and
a root with its own C library asks nothing of the host but the kernel. apt's state (package lists, fetched
.debs) is kept in .lab/debs, because sid moves: a second root is made of the same snapshot, without network.
Another suite, such as bullseye for the oldest Asterisk that the drop-ins serve, has a state of its own beside it.

Standard library only: bootstrap.py uses this under the system's python.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab.progress import LAB, LabError, step

SUITE = "sid"
STATE = LAB / "debs"
KEYRING_PACKAGE = "debian-archive-keyring"
HOST_KEYRINGS = tuple(Path(f"/usr/share/keyrings/{KEYRING_PACKAGE}.{end}") for end in ("gpg", "pgp"))
PUBLIC_MIRROR = "http://deb.debian.org/debian"
# Where Debian moves a suite that it no longer supports.
ARCHIVE = "http://archive.debian.org/debian"
STAMP = ".packages"
# Programs that tests drive servers with: the package that brings each, and where it lies.
TOOLS = {
    "sipp": ("sip-tester", "usr/bin/sipp"),
    "minimodem": ("minimodem", "usr/bin/minimodem"),
    "sox": ("sox", "usr/bin/sox"),
    "espeak-ng": ("espeak-ng", "usr/bin/espeak-ng"),
    "openssl": ("openssl", "usr/bin/openssl"),
    "systemd-analyze": ("systemd", "usr/bin/systemd-analyze"),
    "promtool": ("prometheus", "usr/bin/promtool"),
}


def ensure(packages: Sequence[str], into: Path, suite: str = SUITE) -> Path:
    """Make folder `into` hold `packages` of a suite and all they depend on; nothing to do when it already does.

    Safe when two processes ask at once: the second waits, then finds the work done.
    """
    wanted = " ".join(sorted(packages))
    if _stamp(into) == wanted:
        return into
    apt = _Apt(STATE if suite == SUITE else STATE.with_name(f"{STATE.name}-{suite}"), suite)
    apt.state.mkdir(parents=True, exist_ok=True)
    with _locked(apt.state / "lock"):
        if _stamp(into) == wanted:
            return into
        debs = apt.fetch(sorted(packages))
        fresh = into.with_name(into.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        # As many at a time as there are cores: dpkg-deb is bound by decompression.
        with (
            step(f"unpacking {len(debs)} packages for {wanted}"),
            ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool,
        ):
            list(pool.map(lambda deb: _run(["dpkg-deb", "--extract", str(deb), str(fresh)]), debs))
        (fresh / STAMP).write_text(wanted + "\n")
        shutil.rmtree(into, ignore_errors=True)
        fresh.rename(into)
    return into


def runner(root: Path, binary: str) -> list[str]:
    """The argv that starts `binary` (such as usr/sbin/asterisk) of an unpacked root with its own libraries.

    The triple in the loader's path differs between machines, so it is looked for. Before bookworm libraries lie in
    /lib and in /usr/lib, or in no folder of the triple at all.
    """
    places = ("usr/lib/*", "usr/lib", "lib/*", "lib")
    loaders = [loader for place in places for loader in sorted(root.glob(f"{place}/ld-linux*.so.*"))]
    if not loaders or not (root / binary).exists():
        raise LabError(f"{root} holds no runnable {binary}; `make clean` and start again")
    own = loaders[0].parent
    folders = [own, *sorted({lib.parent for lib in own.glob("*/lib*.so*")})]
    if (root / "lib") in own.parents:
        usr = root / "usr" / own.relative_to(root)
        folders += [usr, *sorted({lib.parent for lib in usr.glob("*/lib*.so*")}), root / "usr/lib"]
    return [str(loaders[0]), "--library-path", ":".join(map(str, folders)), str(root / binary)]


def tool(name: str) -> list[str]:
    """The argv prefix that starts one of TOOLS: the host's own, or brought into a root of its own."""
    if found := shutil.which(name):
        return [found]
    package, binary = TOOLS[name]
    root = ensure([package], LAB / f"tools/{name}")
    argv = runner(root, binary)
    if name == "espeak-ng":
        # Its voices lie beside its libraries.
        data = next(root.glob("usr/lib/*/espeak-ng-data"), root / "usr/share/espeak-ng-data")
        return ["env", f"ESPEAK_DATA_PATH={data.parent}", *argv]
    if name == "openssl":
        # It looks for it in /usr/lib/ssl, where a host without openssl has nothing.
        return ["env", f"OPENSSL_CONF={root / 'etc/ssl/openssl.cnf'}", *argv]
    return argv


def mirror_of(sources: str) -> str | None:
    """The Debian mirror that a sources.list or a deb822 .sources file names, if it names one.

    Security and updates-only archives are no mirror of sid, nor is another vendor's archive.

    >>> mirror_of("deb [arch=amd64] http://ftp.fr.debian.org/debian/ bookworm main")
    'http://ftp.fr.debian.org/debian'
    >>> mirror_of("Types: deb\\nURIs: http://archive.ubuntu.com/ubuntu\\nSuites: noble")
    """
    uris: list[str] = []
    for line in sources.splitlines():
        if one_line := re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s", line):
            uris.append(one_line[1])
        elif deb822 := re.match(r"URIs:\s*(.+)", line, re.IGNORECASE):
            uris.extend(deb822[1].split())
    for uri in uris:
        if re.match(r"(https?|file):/.*/debian/?$", uri):
            return uri.rstrip("/")
    return None


def _mirror() -> str:
    """The host's own Debian mirror, since it may be the only one it can reach; else the public one."""
    if named := os.environ.get("CONTACTD_LAB_MIRROR"):
        return named
    etc = Path("/etc/apt")
    parts = etc / "sources.list.d"
    for path in (etc / "sources.list", *sorted(parts.glob("*.sources")), *sorted(parts.glob("*.list"))):
        with contextlib.suppress(OSError):
            if mirror := mirror_of(path.read_text(errors="replace")):
                return mirror
    return PUBLIC_MIRROR


def _keyring() -> Path:
    """Debian's signing keys: the host's, or on Ubuntu those its own signed archive carries."""
    own = STATE / "keyring"
    brought = [own / path.relative_to("/") for path in HOST_KEYRINGS]
    for path in (*HOST_KEYRINGS, *brought):
        if path.exists():
            return path
    own.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(LabError, OSError):
        _run(["apt-get", "-qq", "download", KEYRING_PACKAGE], cwd=own)
        for deb in own.glob("*.deb"):
            _run(["dpkg-deb", "--extract", str(deb), str(own)])
    for path in brought:
        if path.exists():
            return path
    raise LabError(
        f"Debian's signing keys are missing, so its packages cannot be checked: install {KEYRING_PACKAGE} "
        f"(sudo apt-get install {KEYRING_PACKAGE}), or install asterisk yourself, and try again"
    )


class _Apt:
    """apt's private state for one suite, below `state`."""

    def __init__(self, state: Path, suite: str) -> None:
        self.state = state
        self.suite = suite
        self.mirror = _mirror()

    def fetch(self, packages: Sequence[str]) -> list[Path]:
        """Download `packages` with all their dependencies; the paths of the .debs."""
        for tool in ("apt-get", "dpkg-deb"):
            if not shutil.which(tool):
                raise LabError(
                    f"there is no {tool} here: the lab fetches servers as Debian packages; on another "
                    "system install asterisk (18 or newer) and name it in CONTACTD_LAB_ASTERISK"
                )
        if not list((self.state / "state/lists").glob("*Packages*")):
            self._update()
        environment = self._environment()
        archives = self.state / "cache/archives"
        with step(f"downloading {' '.join(packages)} from {self.mirror} {self.suite}"):
            install = ["apt-get", "-yqo", "Acquire::Retries=3", "--download-only", "install", *packages]
            try:
                _run(install, env=environment)
            except LabError:
                # The list is old and the suite no longer has a file it names.
                self._update()
                environment = self._environment()
                _run(install, env=environment)
            # Which they are: as apt would fetch them had it none.
            listing = ["apt-get", "-yqq", "--print-uris", "-o", f"Dir::Cache::archives={self.state}/none", "install"]
            wanted = re.findall(r"^'\S+' (\S+\.deb) ", _run([*listing, *packages], env=environment), re.MULTILINE)
        missing = [name for name in wanted if not (archives / name).exists()]
        if missing or not wanted:
            raise LabError(f"apt did not fetch {missing or packages}; `make clean` and start again")
        return [archives / name for name in wanted]

    def _update(self) -> None:
        """Read the package list; a suite that has left the mirror is looked for in Debian's archive."""
        update = ["apt-get", "-qo", "Acquire::Retries=1", "update"]
        with step(f"reading the package list of {self.mirror} {self.suite}"):
            try:
                _run(update, env=self._environment())
            except LabError as error:
                first, self.mirror = self.mirror, ARCHIVE
                try:
                    if self.suite == SUITE:
                        raise
                    _run(update, env=self._environment())
                except LabError:
                    raise LabError(
                        f"the Debian mirror {first} does not answer; check the network and apt's proxy, or name "
                        f"another mirror in CONTACTD_LAB_MIRROR: {_last_line(str(error))}"
                    ) from None

    def _environment(self) -> dict[str, str]:
        """Lay out the state; the environment that makes apt-get use it."""
        state = self.state
        for folder in (
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "state/lists/partial",
            "cache/archives/partial",
            "none/partial",
            "dpkg",
        ):
            (state / folder).mkdir(parents=True, exist_ok=True)
        (state / "dpkg/status").touch()
        source = f"deb [signed-by={_keyring()}] {self.mirror} {self.suite} main\n"
        listing = state / "etc/apt/sources.list"
        if not listing.exists() or listing.read_text() != source:
            listing.write_text(source)
            shutil.rmtree(state / "state/lists")
            (state / "state/lists/partial").mkdir(parents=True)
        config = state / "apt.conf"
        config.write_text(f"""\
Dir "{state}";
Dir::State "state";
Dir::State::status "{state}/dpkg/status";
Dir::Cache "cache";
Dir::Etc "etc/apt";
Dir::Etc::sourcelist "sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::main "-";
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
Acquire::Languages "none";
APT::Install-Recommends "false";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Debug::NoLocking "true";
{_host_proxy()}""")
        return {**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C.UTF-8"}


def _host_proxy() -> str:
    """What the host's apt was told about reaching http and https (proxy, CA file), as configuration lines."""
    dump = _run(["apt-config", "dump"])
    return "".join(line + "\n" for line in dump.splitlines() if re.match(r"Acquire::https?(::\S+)? ", line))


def _stamp(root: Path) -> str | None:
    try:
        return (root / STAMP).read_text().strip()
    except OSError:
        return None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("waiting for another process that fetches packages"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _run(argv: Sequence[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    done = subprocess.run(argv, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else ""


def content_hash(*parts: str | bytes) -> str:
    """A short name for some content, for stamps."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:16]
