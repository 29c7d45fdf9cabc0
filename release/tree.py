"""The installed tree: an environment of its own below PREFIX/lib/contactd, two programs, units, samples, drop-ins.

One way for `make install`, the bundle's install.sh and the Debian package. Whatever an admin may change lies elsewhere
(/etc/contactd, /var/lib/contactd) and is neither made nor touched here.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from release import ROOT, ReleaseError
from release.wheels import HOUSE_LOCK

PROGRAMS = {"contactd": "contactd.__main__", "contactctl": "contactd.ctl.__main__"}
SHELLS = {
    "bash": "share/bash-completion/completions/contactctl",
    "zsh": "share/zsh/site-functions/_contactctl",
    "fish": "share/fish/vendor_completions.d/contactctl.fish",
}
# Where in the tree -> where below PREFIX. A folder goes with all that is in it.
DATA = {
    "systemd/sysusers.conf": "lib/sysusers.d/contactd.conf",
    "systemd/tmpfiles.conf": "lib/tmpfiles.d/contactd.conf",
    "systemd/README.rst": "share/doc/contactd/systemd/README.rst",
    "asterisk-config": "share/contactd/asterisk-config",
    "README.rst": "share/doc/contactd/README.rst",
    "CHANGELOG.rst": "share/doc/contactd/CHANGELOG.rst",
    "docs": "share/doc/contactd",
}
MANIFEST = "lib/contactd/manifest"
# -I: neither the caller's PYTHONPATH nor a file beside them can change what root runs.
PROGRAM = """\
#!{python} -I
import sys

from {module} import main

sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Place:
    """destdir: what is put before the prefix now. prefix: where it will be. python: what it will run with."""

    destdir: str
    prefix: Path
    python: Path

    def now(self, below: str) -> Path:
        """A path below the prefix, as it is while installing."""
        return Path(f"{self.destdir}{self.prefix / below}")


def install(place: Place, house: Path) -> None:
    """Lay the tree; one that is there already is replaced."""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    home, fresh = place.now("lib/contactd"), place.now("lib/contactd.new")
    old = _listed(place)
    shutil.rmtree(fresh, ignore_errors=True)
    packages = fresh / f"lib/python{minor}/site-packages"
    packages.mkdir(parents=True)
    _pip(house, packages)
    # The programs of the dependencies are not for anybody.
    shutil.rmtree(packages / "bin", ignore_errors=True)
    _environment(place, fresh, minor)
    _modes(fresh)
    # Files that never change need no look at their times: /usr is read-only for the daemon.
    compileall.compile_dir(
        packages,
        quiet=2,
        stripdir=str(fresh),
        prependdir=str(place.prefix / "lib/contactd"),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    shutil.rmtree(home, ignore_errors=True)
    fresh.rename(home)
    laid = [*_data(place), *_programs(place), *_completions(place, packages=home / packages.relative_to(fresh))]
    _drop(place, old - set(laid))
    (place.now(MANIFEST)).write_text("".join(f"{path}\n" for path in sorted(laid)))


def uninstall(place: Place) -> None:
    """Remove what install() laid, and the folders that are empty then."""
    if not place.now(MANIFEST).exists():
        raise ReleaseError(f"{place.now(MANIFEST)} is not there: nothing was installed with this DESTDIR and PREFIX.")
    _drop(place, _listed(place))
    shutil.rmtree(place.now("lib/contactd"))


def _listed(place: Place) -> set[str]:
    try:
        return set(place.now(MANIFEST).read_text().splitlines())
    except OSError:
        return set()


def _drop(place: Place, paths: set[str]) -> None:
    for path in paths:
        file = place.now(path)
        file.unlink(missing_ok=True)
        for folder in file.parents:
            # Up to the folders that are not ours alone.
            if "contactd" not in folder.relative_to(place.now("")).parts:
                break
            if not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()


def _pip(house: Path, packages: Path) -> None:
    wheels = sorted(house.glob("pip-*.whl"))
    if not wheels or not (house / HOUSE_LOCK).exists():
        raise ReleaseError(f"{house} holds no wheels: is the bundle whole?")
    # A wheel is a zip: python runs the pip inside it. No index, no cache, no settings: the wheels are all there is.
    argv = [sys.executable, "-I", str(wheels[0] / "pip"), "--isolated", "--disable-pip-version-check", "--no-cache-dir"]
    argv += ["install", "--quiet", "--no-index", "--find-links", str(house), "--require-hashes", "--no-deps"]
    argv += ["--only-binary", ":all:", "--no-compile", "--no-warn-script-location", "--target", str(packages)]
    argv += ["--requirement", str(house / HOUSE_LOCK)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ReleaseError(f"The wheels cannot be installed: {said[-1] if said else 'no reason given'}")


def _environment(place: Place, home: Path, minor: str) -> None:
    """What makes it a virtual environment: pyvenv.cfg, and a python beside the programs."""
    (home / "pyvenv.cfg").write_text(
        f"home = {place.python.parent}\ninclude-system-site-packages = false\nversion = {minor}\n"
    )
    programs = home / "bin"
    programs.mkdir()
    # Relative within /usr, as distributions want it.
    near = place.python.parts[1] == place.prefix.parts[1]
    (programs / "python3").symlink_to(
        os.path.relpath(place.python, place.prefix / "lib/contactd/bin") if near else place.python
    )
    for name, module in PROGRAMS.items():
        text = PROGRAM.format(python=place.prefix / "lib/contactd/bin/python3", module=module)
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)


def _programs(place: Place) -> Iterator[str]:
    place.now("bin").mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        link = place.now(f"bin/{name}")
        link.unlink(missing_ok=True)
        link.symlink_to(f"../lib/contactd/bin/{name}")
        yield f"bin/{name}"


def _data(place: Place) -> Iterator[str]:
    for source, target in DATA.items():
        yield from _copy(place, ROOT / source, target)
    for unit in sorted((ROOT / "systemd").iterdir()):
        if unit.suffix in (".service", ".timer"):
            target = f"lib/systemd/system/{unit.name}"
            yield from _copy(place, unit, target)
            text = place.now(target).read_text()
            for here in ("bin/contact", "share/doc/contactd"):
                text = text.replace(f"/usr/{here}", f"{place.prefix}/{here}")
            place.now(target).write_text(text)


def _copy(place: Place, source: Path, target: str) -> Iterator[str]:
    if source.is_dir():
        for below in sorted(source.iterdir()):
            yield from _copy(place, below, f"{target}/{below.name}")
        return
    to = place.now(target)
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)
    to.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
    yield target


def _completions(place: Place, packages: Path) -> Iterator[str]:
    for shell, target in SHELLS.items():
        done = subprocess.run(
            [sys.executable, "-m", "contactd.ctl", "completion", shell],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        if done.returncode:
            raise ReleaseError(f"contactctl makes no completion for {shell}: {done.stderr.strip()}")
        to = place.now(target)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(done.stdout)
        to.chmod(0o644)
        yield target


def _modes(home: Path) -> None:
    """For everybody to read, whatever the umask of whoever installs."""
    home.chmod(0o755)
    for path in home.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
