"""make lock: what setup.cfg allows, decided: one version of each package, and the hash of every wheel of it that we may
ever install: Linux with glibc, x86_64 and aarch64, Python 3.11 to 3.13.

uv looks the versions up (for all platforms at once, which pip cannot); pip installs what it wrote.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release import BUILD_LOCK, LOCK, MACHINES, MINORS, ROOT, ReleaseError

UV = "uv>=0.9,<1"
BUILD = ("pip>=25,<27", "setuptools>=77,<83")
HEAD = """\
# Made by `make lock` from {source}; not to be edited.
# Every wheel of these for Linux with glibc on {machines}, Python {first} to {last}.
"""
_NOT_PYPY = r"(platform_python_implementation|implementation_name) != 'PyPy'"
_HARMLESS = rf"python(_full)?_version < '[\d.]+'|{_NOT_PYPY}( and {_NOT_PYPY})*"
WHEEL = re.compile(r"-(?P<python>[\w.]+)-(?P<abi>[\w.]+)-(?P<platform>[\w.]+)\.whl$")


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock. hashes: sha256 of its wheels, by file name if that is known."""

    name: str
    version: str
    hashes: tuple[str, ...]


def read(lock: Path) -> list[Locked]:
    """What a lock says.

    Raises ReleaseError for a line that is not of its kind.
    """
    found = []
    for line in re.sub(r"\\\n", " ", lock.read_text()).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = re.match(r"([\w.-]+)==(\S+)((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*$", line)
        if match is None:
            raise ReleaseError(f"{lock} has a line that is no locked package: {line.strip()!r}; run `make lock`.")
        found.append(Locked(match[1], match[2], tuple(re.findall(r"sha256:([0-9a-f]{64})", match[3]))))
    return found


def fits(file: str, minor: tuple[int, int], machine: str) -> bool:
    """Whether a wheel runs on this Python and machine, by its name.

    >>> fits("yarl-1.25.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", (3, 11), "x86_64")
    True
    >>> fits("yarl-1.25.1-cp311-cp311-musllinux_1_2_x86_64.whl", (3, 11), "x86_64")
    False
    >>> fits("uvx-1.0-cp38-abi3-manylinux_2_17_aarch64.whl", (3, 13), "aarch64")
    True
    >>> fits("six-1.17.0-py2.py3-none-any.whl", (3, 12), "aarch64")
    True
    """
    match = WHEEL.search(file)
    if match is None:
        return False
    major, number = minor
    tags = {f"cp{major}{number}", f"py{major}{number}", f"py{major}"}
    pythons = set(match["python"].split("."))
    older = {f"cp{major}{n}" for n in range(2, number + 1)}
    abis = set(match["abi"].split("."))
    right_abi = bool(abis & {f"cp{major}{number}", "none"} and pythons & tags) or ("abi3" in abis and pythons & older)
    platforms = match["platform"].split(".")
    return bool(right_abi) and any(p == "any" or re.fullmatch(rf"manylinux\w*_{machine}", p) for p in platforms)


def make() -> None:
    """Write both locks anew."""
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", UV], check=True)
    _lock(ROOT / "setup.cfg", LOCK, "setup.cfg")
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "build.in"
        wanted.write_text("\n".join(BUILD) + "\n")
        _lock(wanted, BUILD_LOCK, "release/lock.py: what builds contactd's own wheel and installs")


def _lock(source: Path, lock: Path, named: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        decided = Path(folder) / "pylock.toml"
        uv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--upgrade"]
        first = f"{MINORS[0][0]}.{MINORS[0][1]}"
        done = subprocess.run(
            [*uv, "--python-version", first, "--format", "pylock.toml", "-o", str(decided), str(source)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ReleaseError(f"uv found no versions for {named}: {done.stderr.strip()}")
        packages = tomllib.loads(decided.read_text())["packages"]
    head = HEAD.format(
        source=named,
        machines=" and ".join(MACHINES),
        first=first,
        last=f"{MINORS[-1][0]}.{MINORS[-1][1]}",
    )
    lock.write_text(head + "".join(_lines(package) for package in packages))
    print(f"{lock.relative_to(ROOT)}: {len(packages)} packages")


def _lines(package: Mapping[str, Any]) -> str:
    marker = package.get("marker", "")
    # A package that only an older Python needs does no harm on a newer one, and ours is never PyPy. Another condition
    # has to be thought of.
    if marker and not re.fullmatch(_HARMLESS, marker):
        raise ReleaseError(f"{package['name']} is wanted only if {marker}: release/lock.py does not know what to do.")
    hashes = _hashes(package["name"], package.get("wheels", ()))
    return (
        f"{package['name']}=={package['version']}" + "".join(f" \\\n    --hash=sha256:{one}" for one in hashes) + "\n"
    )


def _hashes(name: str, wheels: Sequence[Mapping[str, Any]]) -> list[str]:
    kept = set()
    for minor in MINORS:
        for machine in MACHINES:
            fitting = [wheel for wheel in wheels if fits(wheel["url"].rpartition("/")[2], minor, machine)]
            if not fitting:
                raise ReleaseError(f"{name} has no wheel for Python {minor[0]}.{minor[1]} on {machine}.")
            kept |= {wheel["hashes"]["sha256"] for wheel in fitting}
    return sorted(kept)
