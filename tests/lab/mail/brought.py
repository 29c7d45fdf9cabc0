"""Dovecot's programs, from Debian, so that an ordinary user can start them.

Three things in it are fixed when it is built: the names of its programs, the path of doveconf and the folder of its
modules. So each program gets a script that starts it with its own libraries, DOVECONF_PATH names doveconf, and the
modules' path is made a relative one, since every process of it stands in its own base_dir.

Standard library only: bootstrap.py uses this under the system's python.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from tests.lab import debs
from tests.lab.postgres import ELSEWHERE, Account, unprivileged
from tests.lab.progress import LAB

PACKAGES = ("dovecot-imapd",)
_MODULES = b"/usr/lib/dovecot/modules\0"


def find(who: Account | None = None) -> Path:
    """A root that holds Dovecot, with scripts in run/ that start its programs."""
    who = who or unprivileged()
    LAB.mkdir(exist_ok=True)
    root = LAB / "tools/dovecot"
    if not who.can("-x", LAB):
        root = ELSEWHERE / "dovecot"
        for folder in (ELSEWHERE.parent, ELSEWHERE):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    debs.ensure(PACKAGES, root)
    if not (root / "run/dovecot").exists():
        _furnish(root)
    return root


def _furnish(root: Path) -> None:
    own = root / "usr/lib/dovecot"
    for library in own.glob("libdovecot.so.*"):
        if not library.is_symlink():
            library.write_bytes(library.read_bytes().replace(_MODULES, b"modules".ljust(len(_MODULES), b"\0")))
    scripts = root / "run.new"
    shutil.rmtree(scripts, ignore_errors=True)
    scripts.mkdir(mode=0o755)
    programs = [path for path in own.iterdir() if path.is_file() and not path.name.startswith("lib")]
    for program in [*programs, root / "usr/bin/doveconf", root / "usr/sbin/dovecot"]:
        if program.read_bytes()[:4] != b"\x7fELF":
            continue
        loader, option, libraries, path = debs.runner(root, str(program.relative_to(root)))
        # It starts itself anew by its own name, which must then be the script's.
        argv = shlex.join([option, f"{own}:{libraries}", path])
        script = scripts / program.name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(loader)} --argv0 "$0" {argv} "$@"\n')
        script.chmod(0o755)
    scripts.rename(root / "run")
    root.chmod(0o755)
