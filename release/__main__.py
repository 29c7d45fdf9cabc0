"""`python -m release lock | wheels | sbom | install | uninstall | bundle | deb`: what the Makefile calls."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

from release import MINORS, ROOT, ReleaseError, version
from release.tree import Place, install, uninstall

MINOR = (sys.version_info[0], sys.version_info[1])
MACHINE = platform.machine()
HOUSES = ROOT / ".lab/wheels"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.add_argument("--destdir", default="", help="where the tree is laid, before it goes to its place")
    parser.add_argument("--prefix", type=Path, default=Path("/usr/local"))
    parser.add_argument("--house", type=Path, help="the folder with the wheels; default: fetch them")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder of what is made")
    parser.add_argument("--version", default=version(), help="another one than setup.cfg's, to try an upgrade")
    parser.add_argument("what", choices=sorted(DO))
    chosen = parser.parse_args()
    try:
        DO[chosen.what](chosen)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def epoch() -> int:
    """The time that everything made bears: of the last commit, so that the same tree makes the same files."""
    if named := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(named)
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return int(done.stdout.strip() or 0) if done.returncode == 0 else 0


def _lock(_: argparse.Namespace) -> None:
    from release import lock

    lock.make()


def _place(chosen: argparse.Namespace) -> Place:
    python = Path(sys.base_prefix) / f"bin/python{MINOR[0]}.{MINOR[1]}"
    if not chosen.destdir and chosen.what == "install" and python.parts[1] in ("root", "home"):
        raise ReleaseError(
            f"contactd will run as a user of its own, who cannot reach {python}: name the system's, as in"
            " PYTHON=/usr/bin/python3."
        )
    return Place(chosen.destdir, chosen.prefix, python)


def _house(chosen: argparse.Namespace, minors: tuple[tuple[int, int], ...] = (MINOR,)) -> Path:
    if MINOR not in MINORS:
        first, last = MINORS[0], MINORS[-1]
        raise ReleaseError(
            f"contactd runs with Python {first[0]}.{first[1]} to {last[0]}.{last[1]} and this is {MINOR[0]}.{MINOR[1]}:"
            " name another one, as in PYTHON=/usr/bin/python3.11."
        )
    if chosen.house:
        return Path(chosen.house).resolve()
    from release import wheels

    name = "-".join([*(f"{major}.{minor}" for major, minor in minors), MACHINE])
    return wheels.gather(HOUSES / name, minors, MACHINE, called=chosen.version, epoch=epoch())


def _install(chosen: argparse.Namespace) -> None:
    place = _place(chosen)
    install(place, _house(chosen))
    print(f"contactd {chosen.version} is in {place.now('')}. ", end="")
    if not chosen.destdir:
        print(
            "Now, as root:\n"
            f"  systemd-sysusers {place.prefix}/lib/sysusers.d/contactd.conf\n"
            f"  systemd-tmpfiles --create {place.prefix}/lib/tmpfiles.d/contactd.conf\n"
            "  systemctl daemon-reload\n"
            f"and go on with {place.prefix}/share/doc/contactd/installation.rst, the database.",
        )
    else:
        print()


def _uninstall(chosen: argparse.Namespace) -> None:
    place = _place(chosen)
    uninstall(place)
    print(f"contactd is gone from {place.now('')}; /etc/contactd and /var/lib/contactd are as they were.")


def _wheels(chosen: argparse.Namespace) -> None:
    print(_house(chosen))


def _sbom(chosen: argparse.Namespace) -> None:
    from release import sbom

    to = chosen.out / f"contactd-{chosen.version}.cdx.json"
    chosen.out.mkdir(parents=True, exist_ok=True)
    to.write_text(sbom.text(_house(chosen, MINORS), epoch=epoch()))
    print(to)


def _bundle(chosen: argparse.Namespace) -> None:
    from release import bundle

    print(bundle.make(_house(chosen, MINORS), chosen.out, chosen.version, MACHINE, epoch()))


def _deb(chosen: argparse.Namespace) -> None:
    from release import deb

    print(deb.make(_house(chosen), chosen.out, chosen.version, MINOR, MACHINE, epoch()))


DO = {
    "lock": _lock,
    "wheels": _wheels,
    "sbom": _sbom,
    "install": _install,
    "uninstall": _uninstall,
    "bundle": _bundle,
    "deb": _deb,
}

if __name__ == "__main__":
    sys.exit(main())
