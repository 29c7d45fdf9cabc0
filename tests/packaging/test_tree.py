"""What an admin gets: wheels by the lock, a bundle that needs no network, the installed tree, the bill of materials."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import contactd
from release import LOCK, ReleaseError, sbom
from release.deb import debian_version
from release.lock import read
from release.wheels import HOUSE_LOCK
from tests.lab.progress import LAB, ROOT

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
# A network of its own has nothing in it, not even a loopback that is up.
ALONE = ["unshare", "--map-root-user", "--net", "--"]


def release(*words: str) -> str:
    """`python -m release WORDS`, as the Makefile calls it."""
    bootstrap = subprocess.run(
        [sys.executable, "-m", "tests.lab.bootstrap", "--build"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert bootstrap.returncode == 0, bootstrap.stderr
    argv = [str(LAB / "build/bin/python"), "-m", "release", *words]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels for this Python."""
    return Path(release("wheels").strip())


@pytest.fixture(scope="module")
def bundle(house: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's folder, unpacked; for this Python alone, since the others' wheels would take a while to fetch."""
    folder = tmp_path_factory.mktemp("bundle")
    packed = Path(release("--house", str(house), "--out", str(folder), "bundle").strip())
    # Debian 12's Python, 3.11.2, has no filters for tarfile yet.
    subprocess.run(["tar", "-xzf", str(packed), "-C", str(folder)], check=True)
    return folder / packed.name.removesuffix(".tar.gz")


def run_install(bundle: Path, destdir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """install.sh, with no network to reach where the kernel lets us take it away."""
    alone = ALONE if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0 else []
    environment = {"PATH": os.environ["PATH"], "DESTDIR": str(destdir), "PREFIX": "/usr", "PYTHON": sys.executable}
    return subprocess.run(
        [*alone, "sh", str(bundle / "install.sh"), *words], capture_output=True, text=True, check=False, env=environment
    )


def test_every_wheel_is_one_that_the_lock_knows(house: Path) -> None:
    known = {digest for one in read(LOCK) for digest in one.hashes}
    for line in (house / HOUSE_LOCK).read_text().splitlines():
        name, _, digest = line.partition(" --hash=sha256:")
        assert name == f"contactd=={contactd.__version__}" or digest in known


def test_the_bundle_installs_without_a_network_and_takes_itself_away(bundle: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "etc/contactd/contactd.toml"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("# an admin's\n")
    done = run_install(bundle, tmp_path)
    assert done.returncode == 0, done.stderr

    for path in (
        "bin/contactctl",
        "lib/systemd/system/contactd.service",
        "lib/systemd/system/contactd-migrate.timer",
        "lib/sysusers.d/contactd.conf",
        "lib/tmpfiles.d/contactd.conf",
        "share/doc/contactd/contactd.sample.toml",
        "share/doc/contactd/installation.rst",
        "share/contactd/asterisk-config/extensions_contactd.conf",
        "share/bash-completion/completions/contactctl",
    ):
        assert (tmp_path / "usr" / path).exists(), path
    home = tmp_path / "usr/lib/contactd"
    assert (home / "bin/contactd").read_text().startswith("#!/usr/lib/contactd/bin/python3 -I\n")
    assert (tmp_path / "usr/bin/contactd").resolve() == home / "bin/contactd"
    packages = home / f"lib/python{MINOR}/site-packages"
    compiled = {path.name.partition(".")[0] for path in packages.glob("contactd/__pycache__/*.pyc")}
    assert {path.stem for path in packages.glob("contactd/*.py")} == compiled

    # The shebang names where it will be; the environment works wherever it is.
    link = home / "bin/python3"
    link.unlink()
    link.symlink_to(Path(sys.base_prefix) / f"bin/python{MINOR}")
    program = [str(link), "-I", str(home / "bin/contactd")]
    said = subprocess.run([*program, "--version"], capture_output=True, text=True, check=False, cwd="/", env={})
    assert said.stdout == f"contactd, version {contactd.__version__}\n", said.stderr
    where = subprocess.run(
        [str(link), "-I", "-c", "import contactd, asyncpg; print(contactd.__file__, asyncpg.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert all(Path(file).is_relative_to(packages) for file in where.stdout.split())

    gone = run_install(bundle, tmp_path, "uninstall")
    assert gone.returncode == 0, gone.stderr
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == [theirs]
    assert not [path for path in (tmp_path / "usr").rglob("*contactd*")]


def test_a_bundle_that_was_changed_is_refused(bundle: Path, tmp_path: Path) -> None:
    changed = tmp_path / "bundle"
    shutil.copytree(bundle, changed)
    wheel = next(changed.glob("wheels/contactd-*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"x")
    done = run_install(changed, tmp_path / "root")
    assert done.returncode == 1 and "not whole" in done.stderr
    # Even with sums that fit: the wheels' own hashes do not.
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    sums = (changed / "SHA256SUMS").read_text().splitlines()
    sums = [line for line in sums if not line.endswith(f"wheels/{wheel.name}")]
    (changed / "SHA256SUMS").write_text("\n".join([*sums, f"{digest}  wheels/{wheel.name}"]) + "\n")
    done = run_install(changed, tmp_path / "root")
    assert done.returncode == 1 and "release: The wheels cannot be installed" in done.stderr
    assert not (tmp_path / "root/usr/lib/contactd").exists()


def test_the_bill_of_materials_is_valid_and_whole(house: Path, bundle: Path) -> None:
    text = (bundle / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    named = {(one["name"].lower(), one["version"]) for one in bill["components"]}
    assert named == {(one.name.replace("_", "-").lower(), one.version) for one in read(LOCK)}
    assert bill["metadata"]["component"]["name"] == "contactd"
    assert not [one["name"] for one in bill["components"] if "licenses" not in one]
    needs = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    assert any(ref.startswith("pkg:pypi/yarl@") for ref in needs[next(ref for ref in needs if "/aiohttp@" in ref)])
    digests = {file["hashes"][0]["content"] for one in bill["components"] for file in one["components"]}
    assert digests == {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in house.glob("*.whl")
        if not path.name.startswith(("pip-", "contactd-"))
    }
    assert sbom.text(house) == sbom.text(house)


def test_debian_orders_our_versions_as_we_do() -> None:
    ours = ["0.1.0.dev0", "0.1.0a1", "0.1.0rc1", "0.1.0", "0.1.1.dev2", "0.1.1"]
    for older, newer in itertools.pairwise(ours):
        order = ["dpkg", "--compare-versions", debian_version(older), "lt", debian_version(newer)]
        assert subprocess.run(order, check=False).returncode == 0, (older, newer)


def test_a_house_that_is_not_there_is_told_with_the_remedy(tmp_path: Path) -> None:
    from release.tree import Place, install, uninstall

    place = Place(str(tmp_path), Path("/usr"), Path("/usr/bin/python3"))
    with pytest.raises(ReleaseError, match="is the bundle whole"):
        install(place, tmp_path)
    with pytest.raises(ReleaseError, match="nothing was installed with this DESTDIR and PREFIX"):
        uninstall(place)
