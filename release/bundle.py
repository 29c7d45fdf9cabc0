"""make bundle: one file that installs contactd without internet: the wheels, the tree's data, install.sh."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from release import ROOT, sbom
from release.tree import DATA
from release.wheels import HOUSE_LOCK, digest

# What installs, in the bundle as in the tree.
TOOLS = ("release/__init__.py", "release/__main__.py", "release/tree.py", "release/wheels.py")


def make(house: Path, out: Path, called: str, machine: str, epoch: int) -> Path:
    """The bundle's path. The same tree and wheels give the same bytes."""
    name = f"contactd-{called}-{machine}"
    files: dict[str, bytes] = {"setup.cfg": f"[metadata]\nversion = {called}\n".encode()}
    for source in (*TOOLS, *DATA, "systemd", "LICENSE"):
        for path in _files(ROOT / source):
            files[str(path.relative_to(ROOT))] = path.read_bytes()
    for path in [*house.glob("*.whl"), house / HOUSE_LOCK]:
        files[f"wheels/{path.name}"] = path.read_bytes()
    files["install.sh"] = (ROOT / "release/install.sh").read_bytes()
    files["sbom.cdx.json"] = sbom.text(house, epoch=epoch).encode()
    sums = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    files["SHA256SUMS"] = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode()

    out.mkdir(parents=True, exist_ok=True)
    to = out / f"{name}.tar.gz"
    with (
        to.open("wb") as raw,
        # The wheels are compressed already.
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for inside in sorted(files):
            entry = tarfile.TarInfo(f"{name}/{inside}")
            entry.size, entry.mtime = len(files[inside]), epoch
            entry.mode = 0o755 if inside.endswith(".sh") else 0o644
            tar.addfile(entry, io.BytesIO(files[inside]))
    (out / f"{to.name}.sha256").write_text(f"{digest(to)}  {to.name}\n")
    return to


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(one for one in path.rglob("*") if one.is_file() and "__pycache__" not in one.parts)
