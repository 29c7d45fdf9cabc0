"""The units: as closed as systemd can say, and nothing in them that systemd does not know."""

from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

import pytest

from contactd.worker.worker import GRACE_S
from tests.lab import debs
from tests.lab.progress import ROOT

SERVICES = sorted((ROOT / "systemd").glob("*.service"))
UNITS = [*SERVICES, *sorted((ROOT / "systemd").glob("*.timer"))]
WORST = 2.0


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*debs.tool("systemd-analyze"), *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_systemd_finds_the_exposure_of_each_service_2_or_better(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={round(WORST * 10)}", str(unit))
    level = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert level, done.stdout + done.stderr
    assert done.returncode == 0 and float(level[1]) <= WORST, done.stdout


def test_systemd_knows_every_line_of_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        # The program is not installed here.
        text = re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text.replace("file:///usr/share/doc/contactd/", "https://example.org/"))
    done = analyze("verify", *(str(tmp_path / unit.name) for unit in UNITS))
    assert not [line for line in done.stderr.splitlines() if str(tmp_path) in line or "contactd" in line], done.stderr


def test_the_services_that_share_their_walls_share_all_of_them() -> None:
    """contactd-migrate and the workers may do less than contactd, never more."""
    daemon = walls(ROOT / "systemd/contactd.service")
    for name in ("contactd-migrate", "contactd-worker@"):
        other = walls(ROOT / f"systemd/{name}.service")
        assert daemon <= other
        assert other - daemon == {"ProcSubset=pid"}


def test_a_worker_has_longer_to_stop_than_its_job_has_to_end() -> None:
    stop_s = re.search(r"^TimeoutStopSec=(\d+)$", (ROOT / "systemd/contactd-worker@.service").read_text(), re.MULTILINE)
    assert stop_s and int(stop_s[1]) >= GRACE_S + 10


def walls(unit: Path) -> set[str]:
    """The lines that take something away from the service."""
    below = unit.read_text().partition("# --- What it cannot do ---")[2].partition("[Install]")[0]
    return {line for line in below.splitlines() if re.match(r"\w+=", line)}


def test_systemd_knows_every_line_of_the_drop_in_for_the_secrets(tmp_path: Path) -> None:
    """As docs/configuration.rst gives it, over the unit as it is."""
    paper = (ROOT / "docs/configuration.rst").read_text()
    block = re.search(r"^    \[Service\]\n(?:    .*\n)+", paper, flags=re.MULTILINE)
    assert block and "LoadCredential=secrets.toml:" in block[0]
    # Neither is installed here.
    unit = re.sub(
        r"^(Exec\w+=)\S+", r"\1/bin/true", (ROOT / "systemd/contactd.service").read_text(), flags=re.MULTILINE
    )
    (tmp_path / "contactd.service").write_text(unit.replace("file:///usr/share/doc/contactd/", "https://example.org/"))
    (tmp_path / "contactd.service.d").mkdir()
    override = tmp_path / "contactd.service.d/override.conf"
    override.write_text(textwrap.dedent(block[0]).replace("/usr/bin/contactd", "/bin/true"))
    done = analyze("verify", str(tmp_path / "contactd.service"))
    assert str(override) not in done.stderr, done.stderr
