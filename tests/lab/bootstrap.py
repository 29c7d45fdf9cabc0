"""Make a fresh machine ready: `python3 -m tests.lab.bootstrap [--clean] [--build] [asterisk] [sipp] ...`

Brings .lab/venv with the product and its tests' tools, then whatever the arguments name (so that the long
downloads show here, not as a test that seems to hang). --build brings .lab/build instead, the little that the
targets install, bundle and deb need. Quick when there is nothing to do. Runs under the system's own python, with
nothing but the standard library.
"""

# ruff: noqa: UP031, UP036 - the version check must come before anything that an old python cannot read
import sys

if sys.version_info < (3, 11):
    sys.exit(
        "lab: python 3.11 or newer is needed and this is %d.%d; install one and name it: "
        "make PYTHON=/path/to/python3.11" % sys.version_info[:2]
    )

import contextlib
import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.lab.progress import LAB, ROOT, LabError, step

VENV = LAB / "venv"
PYTHON = VENV / "bin/python"
STAMP = VENV / ".installed"
BUILD = LAB / "build"
EXTRAS = ".[lab,test]"
LOCK = "release/requirements.lock"
BUILD_LOCK = "release/build.lock"
DESCRIPTIONS = ("setup.cfg", "pyproject.toml", LOCK)
HOST_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CACHES = ("dist", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache", "contactd.egg-info")


def main(arguments: list[str]) -> int:
    try:
        if arguments == ["--clean"]:
            clean()
            return 0
        LAB.mkdir(exist_ok=True)
        if arguments == ["--build"]:
            with alone():
                build_environment()
            return 0
        if _stamp() != wanted():
            with alone():
                # Whoever had the lock may have done it.
                if _stamp() != wanted():
                    install()
        for name in arguments:
            bring(name)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def wanted() -> str:
    """What the environment should be made of; another python behind its link, and it is made again."""
    from tests.lab.debs import content_hash

    described = [(ROOT / name).read_bytes() for name in DESCRIPTIONS]
    return content_hash(*described, EXTRAS, str(ROOT), os.path.realpath(PYTHON))


def install() -> None:
    """Make the virtual environment if need be, and install into it."""
    STAMP.unlink(missing_ok=True)
    if not _runs(PYTHON):
        shutil.rmtree(VENV, ignore_errors=True)
        make_venv(VENV)
    with step("installing contactd and what its tests need"):
        # The versions that are shipped are the ones that are tested.
        constraints = LAB / "constraints.txt"
        pins = re.findall(r"^[\w.-]+==[^\s\\]+", (ROOT / LOCK).read_text(), re.MULTILINE)
        constraints.write_text("\n".join(pins) + "\n")
        _pip(PYTHON, "install", "--editable", EXTRAS, "--constraint", str(constraints))
    STAMP.write_text(wanted())


def build_environment() -> None:
    """The locked pip and setuptools, in an environment of their own: a machine that only installs needs no more."""
    stamp, python = BUILD / ".installed", BUILD / "bin/python"
    wanted_now = f"{(ROOT / BUILD_LOCK).read_text()}{os.path.realpath(sys.executable)}"
    if _runs(python) and stamp.exists() and stamp.read_text() == wanted_now:
        return
    shutil.rmtree(BUILD, ignore_errors=True)
    make_venv(BUILD)
    with step("installing what builds and installs contactd"):
        _pip(python, "install", "--require-hashes", "--only-binary", ":all:", "--requirement", BUILD_LOCK)
    stamp.write_text(wanted_now)


def make_venv(folder: Path) -> None:
    """A virtual environment with pip, also where Debian's python3-venv is not installed."""
    if importlib.util.find_spec("ensurepip"):
        with step("making a virtual environment"):
            done = _python(sys.executable, "-m", "venv", str(folder))
        if done.returncode == 0:
            return
        shutil.rmtree(folder, ignore_errors=True)
    from tests.lab import debs

    root = debs.ensure(["python3-pip-whl", "python3-setuptools-whl"], LAB / "pip-root")
    wheels = root / "usr/share/python-wheels"
    with step("making a virtual environment (this python has no ensurepip)"):
        done = _python(sys.executable, "-m", "venv", "--without-pip", str(folder))
        if done.returncode:
            raise LabError(f"python's venv failed; install python3-venv: {_last(done.stderr or done.stdout)}")
        pip = next(wheels.glob("pip-*.whl"))
        # A wheel is a zip: python runs the pip inside it.
        offline = ("install", "--quiet", "--no-index", "--find-links", str(wheels), "pip", "setuptools")
        done = _python(str(folder / "bin/python"), str(pip / "pip"), *offline, env=_pip_environment())
        if done.returncode:
            raise LabError(f"pip could not be installed; install python3-venv: {_last(done.stderr)}")


def bring(name: str) -> None:
    """A server or tool, so that nothing has to be fetched later."""
    from tests.lab import asterisk, chromium, debs, postgres
    from tests.lab.mail import brought

    if name == "asterisk":
        asterisk.find()
    elif name == "postgresql-tls":
        next(postgres.tls_candidates())
    elif name == "dovecot":
        brought.find()
    elif name == "postfix":
        brought.postfix()
    elif name == "chromium":
        chromium.find()
    elif name in debs.TOOLS:
        debs.tool(name)
    else:
        known = ", ".join(("asterisk", "postgresql-tls", "dovecot", "postfix", "chromium", *debs.TOOLS))
        raise LabError(f"the lab knows no {name}; it brings {known}")


def clean() -> None:
    """Remove everything generated, wherever the lab had to put it."""
    from tests.lab.postgres import ELSEWHERE

    def refused(function: Callable[..., Any], path: str, info: Any) -> None:
        if info[0] is not FileNotFoundError:
            raise LabError(f"{path} cannot be removed, it belongs to another user: run `sudo make clean`")

    for path in (LAB, ELSEWHERE, *(ROOT / name for name in CACHES)):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            shutil.rmtree(path, onerror=refused)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One bootstrap at a time in this tree."""
    with (LAB / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("waiting for another bootstrap of this folder"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _stamp() -> str | None:
    try:
        return STAMP.read_text()
    except OSError:
        return None


def _runs(python: Path) -> bool:
    """Whether the environment's python starts and has pip: not after an upgrade of the system's python."""
    try:
        return _python(str(python), "-m", "pip", "--version").returncode == 0
    except OSError:
        return False


def _pip(python: Path, command: str, *arguments: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    done = _python(str(python), "-m", "pip", command, *quiet, *arguments, cwd=ROOT, env=_pip_environment())
    if done.returncode == 0:
        return
    said = done.stderr + done.stdout
    offline = (
        "NewConnectionError",
        "ConnectTimeout",
        "NameResolutionError",
        "ProxyError",
        "Connection refused",
    )
    if any(sign in said for sign in offline):
        raise LabError(
            "the Python package index does not answer: check the network and its proxy, or name a mirror in "
            "PIP_INDEX_URL or pip.conf"
        )
    if "CERTIFICATE_VERIFY_FAILED" in said or "SSLError" in said:
        raise LabError("the package index's certificate is not trusted: install ca-certificates or set PIP_CERT")
    errors = [line for line in said.splitlines() if line.startswith("ERROR")]
    raise LabError(f"pip failed, correct what it says and try again: {errors[0] if errors else _last(said)}")


def _pip_environment() -> dict[str, str]:
    """The caller's, so that its PIP_* settings hold; with Debian's list of authorities where there is none.

    A bare Debian has no ca-certificates, and the pip of Debian's wheel brings no list of its own.
    """
    environment = dict(os.environ)
    certificates = LAB / "pip-root/usr/share/ca-certificates"
    if certificates.is_dir() and not HOST_CERTIFICATES.exists():
        bundle = LAB / "ca-certificates.crt"
        bundle.write_bytes(b"".join(path.read_bytes() for path in sorted(certificates.glob("*/*.crt"))))
        environment.setdefault("PIP_CERT", str(bundle))
        # The newer way reads the missing list first, whatever PIP_CERT says.
        environment["PIP_USE_DEPRECATED"] = "legacy-certs"
    return environment


def _python(*argv: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
