"""The Debian package in a Debian that boots: installed, set up as the paper says, upgraded, removed and purged.

CONTACTD_LONG=1, as `make test-deb` sets it: it takes minutes, and root. Everything in the machine is real: systemd with
the hardened units, PostgreSQL, dpkg. There is no network in it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.progress import LAB, ROOT
from tests.packaging.debian import Machine
from tests.packaging.paper import database_commands, program_commands

pytestmark = [
    pytest.mark.skipif(os.environ.get("CONTACTD_LONG") != "1", reason="CONTACTD_LONG=1 (make test-deb)"),
    pytest.mark.timeout(1800),
]
OLD, NEW = "0.0.9", "0.2.0"
ORDINARY = 65534
UNITS = ("contactd.service", "contactd-migrate.service", "contactd-migrate.timer", "contactd-worker@1.service")


def make(what: str, called: str, out: Path) -> Path:
    """`make deb` or `make bundle`, with a version of our choice."""
    subprocess.run([sys.executable, "-m", "tests.lab.bootstrap", "--build"], cwd=ROOT, check=True)
    argv = [str(LAB / "build/bin/python"), "-m", "release", "--version", called, "--out", str(out), what]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("packages")
    return {called: make("deb", called, out) for called in (OLD, NEW)}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with Machine(tmp_path) as machine:
        yield machine


def install(machine: Machine, package: Path) -> str:
    (machine.root / "root" / package.name).write_bytes(package.read_bytes())
    return machine.run("dpkg", "--install", f"/root/{package.name}").stdout


def configure(machine: Machine, samples: str) -> None:
    """docs/installation.rst, the database by peer authentication and the configuration, word for word."""
    machine.run("systemctl", "start", "postgresql")
    machine.shell(database_commands().replace("/usr/share/doc/contactd", samples))


def steers(machine: Machine) -> bool:
    return machine.show("contactd", "StatusText").startswith("Steering as epoch")


def story(machine: Machine) -> str:
    return machine.run("psql", "-tAc", "SELECT epoch FROM floor", "contactd", user="postgres").stdout.strip()


def test_lintian_finds_no_error(machine: Machine, packages: dict[str, Path]) -> None:
    (machine.root / "tmp/contactd.deb").write_bytes(packages[NEW].read_bytes())
    said = machine.run("lintian", "/tmp/contactd.deb", check=False).stdout.splitlines()
    assert {line.split()[2] for line in said if line[:2] in ("E:", "W:")} <= {"no-manual-page"}, said


def test_from_installing_to_purging(machine: Machine, packages: dict[str, Path]) -> None:
    # An Asterisk of this host, as Debian's package makes it.
    machine.run("useradd", "--system", "--home-dir", "/var/spool/asterisk", "asterisk")
    machine.run("install", "-d", "-o", "asterisk", "-g", "asterisk", "-m", "0750", "/var/spool/asterisk")
    before = machine.files()

    install(machine, packages[OLD])
    inbox = "/var/spool/asterisk/contactd"
    assert machine.run("stat", "-c", "%a %U:%G", inbox).stdout.strip() == "2770 asterisk:contactd"
    machine.run("test", "-w", inbox, user="contactd")
    assert machine.show("contactd", "ActiveState") == "inactive"
    assert machine.show("contactd", "UnitFileState") == "enabled"
    assert machine.show("contactd-migrate.timer", "ActiveState") == "active"
    assert machine.show("contactd-worker@1", "UnitFileState") == "enabled"
    assert machine.show("contactd-worker@1", "ActiveState") == "inactive"
    assert machine.run("systemctl", "--failed", "--quiet", "--plain").stdout == ""
    assert machine.run("stat", "-c", "%a %U:%G", "/etc/contactd", "/var/lib/contactd").stdout.splitlines() == [
        "750 root:contactd",
        "700 contactd:contactd",
    ]

    configure(machine, "/usr/share/doc/contactd")
    machine.run("systemctl", "start", "contactd")
    machine.until(lambda: steers(machine), "contactd to steer")
    assert machine.show("contactd-migrate", "Result") == "success"
    assert f"contactd {OLD}" in machine.run("contactctl", "status", check=False).stdout

    sandboxed(machine)
    works(machine)
    watched(machine)
    upgraded(machine, packages[NEW])

    machine.run("dpkg", "--remove", "contactd")
    assert machine.run("systemctl", "is-active", "contactd", check=False).stdout.strip() != "active"
    kept = machine.shell("find /etc/contactd /var/lib/contactd -type f")
    assert "/etc/contactd/secrets.toml" in kept and "/var/lib/contactd/spool/" in kept
    machine.run("dpkg", "--purge", "contactd")
    left = {path for path in machine.files() - before if "postgresql" not in path}
    assert not left
    assert machine.run("id", "contactd").returncode == 0, "a user stays, as Debian's users do"


def sandboxed(machine: Machine) -> None:
    """What the unit takes away is gone, and nothing that contactd needs is."""
    pid = machine.show("contactd", "MainPID")
    status = machine.run("cat", f"/proc/{pid}/status").stdout
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
    metrics = machine.run("python3", "-c", FETCH.format("/metrics")).stdout
    assert "process_resident_memory_bytes" in metrics
    machine.run("useradd", "--groups", "contactd", "olga")
    machine.run("useradd", "stranger")
    assert "epoch 1" in machine.run("contactctl", "status", user="olga", check=False).stdout
    assert machine.run("contactctl", "status", user="stranger", check=False).stdout == ""


def works(machine: Machine) -> None:
    """The worker behind the same walls: the first day's job is done in a process of its own, and is told of."""
    machine.run("systemctl", "start", "contactd-worker@1")
    # Root is known to PostgreSQL as well, as the paper sets it up. Other kinds have their daily job too.
    listed = lambda: machine.run("contactctl", "jobs", "list").stdout  # noqa: E731
    verified = lambda: re.search(r"verify +\d{4}-\d\d-\d\d +done", listed())  # noqa: E731
    machine.until(verified, "the journal to be verified")
    rests = lambda: re.search(r"\b[1-9]\d* done", machine.show("contactd-worker@1", "StatusText"))  # noqa: E731
    machine.until(rests, "the worker to have done them all")
    status = machine.run("cat", f"/proc/{machine.show('contactd-worker@1', 'MainPID')}/status").stdout
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE) and re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
    machine.run("systemctl", "reload", "contactd-worker@1")
    read = lambda: "configuration_read" in machine.run("journalctl", "-u", "contactd-worker@1").stdout  # noqa: E731
    machine.until(read, "the worker to read its files again")
    pid = machine.show("contactd-worker@1", "MainPID")
    machine.run("contactctl", "reload")
    audited = machine.run("contactctl", "audit").stdout
    assert re.search(r"root .*contactctl reload .*taken", audited), audited
    page = lambda: machine.run("python3", "-c", FETCH.format("/metrics")).stdout  # noqa: E731
    machine.until(lambda: "contactd_journal_verified_seq " in page() and "seq 0.0" not in page(), "it to be told", 90)
    machine.run("systemctl", "stop", "postgresql")
    machine.until(lambda: "PostgreSQL" in machine.show("contactd-worker@1", "StatusText"), "the outage to be told")
    machine.run("systemctl", "start", "postgresql")
    machine.until(lambda: "Waiting for jobs" in machine.show("contactd-worker@1", "StatusText"), "the outage's end")
    assert machine.show("contactd-worker@1", "MainPID") == pid


FETCH = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9273{}').read().decode())"


def watched(machine: Machine) -> None:
    """Frozen, it is ended by systemd and started again; PostgreSQL away, it is left alone."""
    machine.shell(
        "mkdir -p /etc/systemd/system/contactd.service.d\n"
        "printf '[Service]\\nWatchdogSec=3\\n' > /etc/systemd/system/contactd.service.d/test.conf\n"
        "systemctl daemon-reload && systemctl restart contactd"
    )
    machine.until(lambda: steers(machine), "contactd to steer")
    pid = machine.show("contactd", "MainPID")
    machine.run("systemctl", "stop", "postgresql")
    machine.until(lambda: "PostgreSQL away since" in machine.show("contactd", "StatusText"), "the outage to be told")
    fed: set[str] = set()

    def feedings() -> int:
        fed.add(machine.show("contactd", "WatchdogTimestampMonotonic"))
        return len(fed)

    machine.until(lambda: feedings() > 12, "the watchdog to be fed for longer than it waits")
    machine.run("systemctl", "start", "postgresql")
    machine.until(lambda: "PostgreSQL" not in machine.show("contactd", "StatusText"), "the outage's end")
    assert machine.show("contactd", "MainPID") == pid

    machine.shell(f"kill -STOP {pid}")
    machine.until(lambda: machine.show("contactd", "MainPID") not in (pid, "0"), "systemd to start it again")
    machine.until(lambda: steers(machine), "contactd to steer")
    assert "Watchdog timeout" in machine.run("journalctl", "-u", "contactd").stdout

    machine.shell("rm -r /etc/systemd/system/contactd.service.d && systemctl daemon-reload")
    machine.run("systemctl", "reload", "contactd")
    machine.until(lambda: "configuration_loaded" in machine.run("journalctl", "-u", "contactd").stdout, "a reload")
    machine.shell("echo 'nonsense = 1' >> /etc/contactd/contactd.toml")
    refused = machine.run("systemctl", "reload", "contactd", check=False)
    assert refused.returncode
    machine.shell("sed -i '/^nonsense/d' /etc/contactd/contactd.toml")
    assert steers(machine)


def upgraded(machine: Machine, package: Path) -> None:
    """With contactd up: restarted once, on the floor that it had. Stopped or disabled by an admin, left so."""
    machine.shell("echo '# ours' >> /etc/contactd/contactd.toml")
    files = machine.shell("sha256sum /etc/contactd/*")
    pid, epoch = machine.show("contactd", "MainPID"), int(story(machine))
    worker = machine.show("contactd-worker@1", "MainPID")
    install(machine, package)
    machine.until(lambda: machine.show("contactd-worker@1", "MainPID") not in (worker, "0"), "the new worker")
    machine.until(lambda: machine.show("contactd", "MainPID") not in (pid, "0"), "the new contactd")
    machine.until(lambda: steers(machine), "the new contactd to steer")
    assert int(story(machine)) == epoch + 1
    assert f"contactd {NEW}" in machine.run("contactctl", "status", check=False).stdout
    assert machine.shell("sha256sum /etc/contactd/*") == files

    machine.run("systemctl", "disable", "--now", "contactd", "contactd-worker@1")
    install(machine, package)
    assert machine.show("contactd-worker@1", "ActiveState") == "inactive"
    assert machine.show("contactd", "ActiveState") == "inactive"
    assert machine.show("contactd", "UnitFileState") == "disabled"


def test_the_bundle_installs_without_internet_and_its_units_run(machine: Machine, tmp_path: Path) -> None:
    bundle = make("bundle", NEW, tmp_path / "dist")
    for file in (bundle, bundle.with_name(f"{bundle.name}.sha256")):
        (machine.root / "root" / file.name).write_bytes(file.read_bytes())
    before = machine.files()
    folder = f"/root/{bundle.name.removesuffix('.tar.gz')}"
    _, from_bundle, _, then = program_commands()
    machine.shell(f"cd /root\n{from_bundle}\n{then}")
    # As an upgrade does: over what is there.
    machine.shell(f"sh {folder}/install.sh")
    configure(machine, "/usr/local/share/doc/contactd")
    machine.run("systemctl", "start", "contactd")
    machine.until(lambda: steers(machine), "contactd to steer")
    running = machine.run("cat", f"/proc/{machine.show('contactd', 'MainPID')}/cmdline").stdout
    assert running.startswith("/usr/local/lib/contactd/bin/python3")
    machine.run("systemctl", "stop", "contactd", "contactd-migrate.timer")
    machine.shell(f"sh {folder}/install.sh uninstall")
    kept = {"/etc/contactd", "/etc/contactd/contactd.toml", "/etc/contactd/secrets.toml", "/var/lib/contactd"}
    left = {path for path in machine.files() - before if "postgresql" not in path and "/var/lib/contactd/" not in path}
    assert {path for path in left if not path.startswith("/usr/local/")} == kept
    assert not [path for path in left if "contactd" in path and path.startswith("/usr/local")]
