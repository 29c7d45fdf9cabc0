"""From the tree to what an admin installs: the lock, the wheels, the installed tree, the bundle, the Debian package.

Standard library only: the bundle carries this package to machines that have nothing else.
"""

from __future__ import annotations

import configparser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "release/requirements.lock"
BUILD_LOCK = ROOT / "release/build.lock"
MINORS = ((3, 11), (3, 12), (3, 13))
MACHINES = ("x86_64", "aarch64")


class ReleaseError(Exception):
    """A sentence for whoever builds or installs, with the remedy."""


def version() -> str:
    """contactd's, as setup.cfg (or a bundle's copy of it) says."""
    described = configparser.ConfigParser()
    described.read(ROOT / "setup.cfg")
    return described["metadata"]["version"]
