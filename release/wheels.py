"""The wheels that a machine needs: those of the lock, checked by their hashes, and contactd's own."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from release import BUILD_LOCK, LOCK, ROOT, ReleaseError, version

# pip looks for exactly these tags when it is told a platform: all that Debian 12's glibc 2.36 can load.
_GLIBC = (5, 12, 17, 24, 26, 27, 28, 31, 34, 35, 36)
_OLD_NAMES = ("manylinux1", "manylinux2010", "manylinux2014")
PACKED = ("setup.cfg", "pyproject.toml", "README.rst", "LICENSE", "contactd", "sql")
HOUSE_LOCK = "wheels.lock"
FETCHED = ".fetched"


def gather(
    house: Path, minors: Iterable[tuple[int, int]], machine: str, *, called: str | None = None, epoch: int = 0
) -> Path:
    """Fill the folder `house` with all wheels for these Pythons, and wheels.lock, which names each by its hash.

    What is there already of the same lock is not fetched again. called: another version for contactd itself. epoch: the
    time that its files bear.
    """
    minors = tuple(minors)
    fetched, wanted = house / FETCHED, f"{minors} {machine}\n{LOCK.read_text()}{BUILD_LOCK.read_text()}"
    if not fetched.exists() or fetched.read_text() != wanted:
        shutil.rmtree(house, ignore_errors=True)
        house.mkdir(parents=True)
        for minor in minors:
            _download(LOCK, house, minor, machine)
        # pip runs out of its wheel where the target has none, as on every bare Debian.
        _download(BUILD_LOCK, house, minors[0], machine, only="pip")
        fetched.write_text(wanted)
    for old in house.glob("contactd-*.whl"):
        old.unlink()
    _own(house, called or version(), epoch)
    lines = []
    for (name, release), files in contents(house).items():
        hashes = "".join(f" --hash=sha256:{digest(file)}" for file in files)
        lines.append(f"{name}=={release}{hashes}\n")
    (house / HOUSE_LOCK).write_text("".join(lines))
    return house


def contents(house: Path) -> dict[tuple[str, str], list[Path]]:
    """The wheels of each package and version, but pip's, which is a tool here."""
    found: dict[tuple[str, str], list[Path]] = {}
    for wheel in sorted(house.glob("*.whl")):
        name, release = wheel.name.split("-")[:2]
        if name != "pip":
            found.setdefault((name.replace("_", "-").lower(), release), []).append(wheel)
    return found


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _download(lock: Path, house: Path, minor: tuple[int, int], machine: str, only: str = "") -> None:
    tag = f"cp{minor[0]}{minor[1]}"
    platforms = [f"manylinux_2_{n}_{machine}" for n in _GLIBC] + [f"{name}_{machine}" for name in _OLD_NAMES]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.lock"
        entries = re.sub(r"\\\n", " ", lock.read_text()).splitlines()
        wanted.write_text("\n".join(line for line in entries if not only or line.startswith(f"{only}==")))
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        argv += ["--only-binary", ":all:", "--require-hashes", "--requirement", str(wanted), "--dest", str(house)]
        argv += ["--implementation", "cp", "--python-version", f"{minor[0]}.{minor[1]}"]
        argv += [word for abi in (tag, "abi3", "none") for word in ("--abi", abi)]
        argv += [word for platform in platforms for word in ("--platform", platform)]
        _run(argv, "the wheels could not be fetched")


def _own(house: Path, called: str, epoch: int) -> None:
    """contactd's wheel, built from a copy, so that the tree stays clean, by the locked setuptools."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "contactd"
        copy.mkdir()
        for name in PACKED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy2(ROOT / name, copy / name)
        _call(copy / "setup.cfg", r"^version = .*$", f"version = {called}")
        _call(copy / "contactd/__init__.py", r"^__version__ = .*$", f'__version__ = "{called}"')
        argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
        argv += ["--no-build-isolation", "--no-index", "--wheel-dir", str(house), str(copy)]
        _run(argv, "contactd's wheel could not be built", {"SOURCE_DATE_EPOCH": str(epoch)} if epoch else {})


def _call(file: Path, pattern: str, line: str) -> None:
    text, count = re.subn(pattern, line, file.read_text(), count=1, flags=re.MULTILINE)
    if not count:
        raise ReleaseError(f"{file.name} says no version.")
    file.write_text(text)


def _run(argv: list[str], failed: str, more: dict[str, str] | None = None) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, **(more or {})})
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ReleaseError(f"{failed}: {said[-1] if said else 'no reason given'}")
