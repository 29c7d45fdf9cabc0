"""make deb: the installed tree as a Debian package. Needs dpkg-deb and no rights."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from release import ROOT, ReleaseError, sbom
from release.tree import Place, install

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
SCRIPTS = ("postinst", "prerm", "postrm")
PAPERS = ROOT / "release/debian"
MAINTAINER = "The contactd developers <contactd@localhost>"


def debian_version(called: str) -> str:
    """A version of ours as Debian orders it: what comes before a release sorts before it, dev before all else.

    >>> debian_version("0.1.0.dev0"), debian_version("1.2rc1"), debian_version("1.2.3")
    ('0.1.0~~dev0', '1.2~rc1', '1.2.3')
    """
    return re.sub(r"(a|b|rc)(\d+)", r"~\1\2", re.sub(r"\.dev(\d+)", r"~~dev\1", called))


def make(house: Path, out: Path, called: str, minor: tuple[int, int], machine: str, epoch: int) -> Path:
    """The package's path. The same tree and wheels give the same bytes."""
    if not shutil.which("dpkg-deb"):
        raise ReleaseError("There is no dpkg-deb here: `make deb` wants a Debian; elsewhere use `make bundle`.")
    if machine not in ARCHITECTURES:
        raise ReleaseError(f"contactd is locked for {' and '.join(ARCHITECTURES)}, and this is {machine}.")
    version, architecture = debian_version(called), ARCHITECTURES[machine]
    python = f"{minor[0]}.{minor[1]}"
    out.mkdir(parents=True, exist_ok=True)
    to = out / f"contactd_{version}_{architecture}.deb"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        install(Place(str(root), Path("/usr"), Path(f"/usr/bin/python{python}")), house)
        _as_debian(root, version, epoch)
        (root / "usr/share/doc/contactd/sbom.cdx.json").write_text(sbom.text(house, epoch=epoch))
        _modes(root)
        files = [path for path in _walk(root) if path.is_file() and not path.is_symlink()]
        control = root / "DEBIAN"
        control.mkdir(mode=0o755)
        (control / "md5sums").write_text("".join(f"{_md5(path)}  {path.relative_to(root)}\n" for path in files))
        said = {"version": version, "architecture": architecture, "maintainer": _maintainer(), "minor": python}
        size_kib = sum(-(-path.lstat().st_size // 1024) for path in _walk(root))
        (control / "control").write_text((PAPERS / "control").read_text().format(size_kib=size_kib, **said))
        for name in SCRIPTS:
            shutil.copyfile(PAPERS / name, control / name)
            (control / name).chmod(0o755)
        for path in (*_walk(root), root):
            os.utime(path, (epoch, epoch), follow_symlinks=False)
        done = subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(to)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        )
    if done.returncode:
        raise ReleaseError(f"dpkg-deb failed: {done.stderr.strip()}")
    return to


def _as_debian(root: Path, version: str, epoch: int) -> None:
    """What Debian has elsewhere than others, and the papers that it wants."""
    # Debian 12's helpers for maintainer scripts do not look into /usr/lib/systemd.
    (root / "lib/systemd").mkdir(parents=True)
    (root / "usr/lib/systemd/system").rename(root / "lib/systemd/system")
    (root / "usr/lib/systemd").rmdir()
    zsh = root / "usr/share/zsh"
    (zsh / "site-functions").rename(zsh / "vendor-completions")
    papers = root / "usr/share/doc/contactd"
    shutil.copyfile(PAPERS / "copyright", papers / "copyright")
    overrides = root / "usr/share/lintian/overrides/contactd"
    overrides.parent.mkdir(parents=True)
    shutil.copyfile(PAPERS / "lintian-overrides", overrides)
    day = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(epoch))
    entry = f"contactd ({version}) unstable; urgency=medium\n\n  * See CHANGELOG.rst beside this file.\n\n"
    entry += f" -- {_maintainer()}  {day}\n"
    (papers / "changelog.gz").write_bytes(gzip.compress(entry.encode(), compresslevel=9, mtime=epoch))


def _maintainer() -> str:
    name, address = os.environ.get("DEBFULLNAME"), os.environ.get("DEBEMAIL")
    return f"{name} <{address}>" if name and address else MAINTAINER


def _modes(root: Path) -> None:
    for path in (*_walk(root), root):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
        elif not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _walk(root: Path) -> Iterator[Path]:
    yield from sorted(root.rglob("*"))


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
