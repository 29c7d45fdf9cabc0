"""Dovecot's and Postfix's programs, from Debian, so that an ordinary user can start them.

Three things in Dovecot are fixed when it is built: the names of its programs, the path of doveconf and the folder of
its modules. So each program gets a script that starts it with its own libraries, DOVECONF_PATH names doveconf, and the
modules' path is made a relative one, since every process of it stands in its own base_dir.

Postfix insists on changing between root and users of its own. Here it is one user who is root in a namespace, where
there is nobody to change to: the calls of libc that change it are replaced by ones that do nothing and report success.

Standard library only: bootstrap.py uses this under the system's python.
"""

from __future__ import annotations

import pwd
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.lab import debs
from tests.lab.postgres import ELSEWHERE, Account, unprivileged
from tests.lab.progress import LAB

PACKAGES = ("dovecot-imapd", "dovecot-lmtpd")
_MODULES = b"/usr/lib/dovecot/modules\0"
# Of the same length, of the same few arguments, and never less than zero, which would be a failure.
_CALLS = {
    b"setuid": b"isatty",
    b"setgid": b"isatty",
    b"seteuid": b"isascii",
    b"setegid": b"isascii",
    b"setgroups": b"iswxdigit",
    b"initgroups": b"get_nprocs",
}


def find(who: Account | None = None) -> Path:
    """A root that holds Dovecot, with scripts in run/ that start its programs."""
    who = who or unprivileged()
    LAB.mkdir(exist_ok=True)
    root = LAB / "tools/dovecot-lmtpd"
    if not who.can("-x", LAB):
        root = ELSEWHERE / "dovecot-lmtpd"
        for folder in (ELSEWHERE.parent, ELSEWHERE):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    debs.ensure(PACKAGES, root)
    if not (root / "run/dovecot").exists():
        _furnish(root)
    return root


def postfix() -> Path:
    """A root that holds Postfix, with scripts in run/ that start its programs."""
    nobody = pwd.getpwnam("nobody")
    root = debs.ensure(("postfix",), LAB / "tools/postfix")
    if not (root / "run").exists():
        for library in (root / "usr/lib/postfix").glob("libpostfix-*.so"):
            code = library.read_bytes()
            for call, other in _CALLS.items():
                code = code.replace(b"\0" + call + b"\0", b"\0" + other + b"\0")
            library.write_bytes(code)
        own = [root / "usr/lib/postfix/sbin", root / "usr/sbin"]
        _scripts(root, [path for folder in own for path in folder.iterdir()], root / "usr/lib/postfix")
        # This one ends unless it is mail_owner: in a namespace within the namespace.
        script = root / "run/smtpd"
        mapped = f"exec unshare --user --map-user={nobody.pw_uid} --map-group={nobody.pw_gid} "
        script.write_text(script.read_text().replace("exec ", mapped, 1))
    return root


def _furnish(root: Path) -> None:
    own = root / "usr/lib/dovecot"
    for library in own.glob("libdovecot.so.*"):
        if not library.is_symlink():
            library.write_bytes(library.read_bytes().replace(_MODULES, b"modules".ljust(len(_MODULES), b"\0")))
    programs = [path for path in own.iterdir() if path.is_file() and not path.name.startswith("lib")]
    _scripts(root, [*programs, root / "usr/bin/doveconf", root / "usr/sbin/dovecot"], own)
    root.chmod(0o755)


def _scripts(root: Path, programs: Iterable[Path], own: Path) -> None:
    """In run/, one for each program. own: the folder of their own libraries."""
    scripts = root / "run.new"
    shutil.rmtree(scripts, ignore_errors=True)
    scripts.mkdir(mode=0o755)
    for program in programs:
        if not program.is_file() or program.read_bytes()[:4] != b"\x7fELF":
            continue
        loader, option, libraries, path = debs.runner(root, str(program.relative_to(root)))
        # It starts itself anew by its own name, which must then be the script's.
        argv = shlex.join([option, f"{own}:{libraries}", path])
        script = scripts / program.name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(loader)} --argv0 "$0" {argv} "$@"\n')
        script.chmod(0o755)
    scripts.rename(root / "run")
