"""Files of this host: the configuration, its secrets, the spool's folder and the socket; and its clock."""

from __future__ import annotations

import ctypes
import os
import pwd
import stat
from pathlib import Path

from contactd.config import Settings
from contactd.ctl.doctor.findings import Subject

USER = "contactd"
_MIB = 1 << 20
# <sys/timex.h>: what adjtimex() returns while no time server is followed.
_TIME_ERROR = 5
_TIMEX_BYTES = 512


def daemon_uid(settings: Settings, config: Path) -> int:
    """Who runs the daemon: the socket's owner; without one, the user contactd for what lies in /etc, else we."""
    try:
        return Path(settings.ctl.socket).stat().st_uid
    except OSError:
        user = _user() if config.resolve().is_relative_to("/etc") else None
        return user.pw_uid if user is not None else os.geteuid()


def check_secrets(files: Subject, path: Path, daemon: int) -> None:
    """The loader refuses what others may read or change; this looks at whose it is, and who may read it."""
    try:
        found = path.stat()
    except OSError:
        return  # the loader said it
    remedy = f"Run: chown root:{USER} {path}; chmod 0640 {path}"
    if found.st_uid not in (0, os.geteuid(), daemon):
        files.warning("secrets", f"{path} belongs to user {found.st_uid}, who can read and change it", remedy)
    elif not _may_read(found, daemon) and found.st_uid == 0 and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        files.ok("secrets", f"{path} is root's alone: the unit hands it over (LoadCredential)")
    elif not _may_read(found, daemon):
        files.error("secrets", f"{path} cannot be read by the daemon's user ({_name(daemon)})", remedy)
    else:
        files.ok("secrets", f"{path} is kept from others (mode {stat.S_IMODE(found.st_mode):04o})")


def _may_read(found: os.stat_result, uid: int) -> bool:
    if uid in (0, found.st_uid):
        return True
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return False
    return bool(found.st_mode & stat.S_IRGRP) and found.st_gid in os.getgrouplist(user.pw_name, user.pw_gid)


def check_state_dir(files: Subject, settings: Settings, daemon: int) -> None:
    folder = Path(settings.state_dir)
    make = f"Run: install -d -o {USER} -g {USER} -m 0750 {folder}"
    try:
        found = folder.stat()
        space = os.statvfs(folder)
    except OSError as error:
        files.error("state-dir", f"{folder} of state_dir cannot be used ({error.strerror})", make)
        return
    if daemon not in (0, found.st_uid) or not found.st_mode & stat.S_IWUSR or not stat.S_ISDIR(found.st_mode):
        files.error(
            "state-dir",
            f"{folder} belongs to {_name(found.st_uid)}, and the daemon runs as {_name(daemon)}",
            f"{make}; or chown -R {USER}: {folder}",
        )
        return
    wanted, free = settings.spool.max_mb * _MIB, space.f_bavail * space.f_frsize
    used = sum(path.stat().st_size for path in folder.glob("spool/*") if path.is_file())
    if free + used < wanted:
        files.warning(
            "state-dir",
            f"{folder} has {free // _MIB} MiB free, and the spool may grow to {settings.spool.max_mb} MiB",
            "Make room or lower max_mb in [spool]: with a full disk new callers go to the static queue.",
        )
    else:
        files.ok("state-dir", f"{folder} is the daemon's, with {free // _MIB} MiB free")


def check_socket(files: Subject, settings: Settings) -> None:
    place = Path(settings.ctl.socket)
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        folder = place.parent
        if not folder.is_dir():
            files.ok("socket", f"{place} is not there; the unit makes its folder (RuntimeDirectory)")
        return
    except OSError as error:
        files.warning("socket", f"{place} cannot be looked at ({error.strerror})", "Run this as root.")
        return
    if not stat.S_ISSOCK(mode):
        files.error("socket", f"{place} is no socket", "Remove it, or set socket in [ctl] to another place.")
    elif mode & (stat.S_IROTH | stat.S_IWOTH):
        files.error("socket", f"{place} is open to everybody", "Restart contactd, which makes it with mode 0660.")
    else:
        files.ok("socket", f"{place} is for root, {USER} and the group")


def clock_synchronised() -> bool | None:
    """Whether the kernel's clock follows a time server; None where the kernel does not say (some containers)."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        # modes = 0: only read. The struct is of 208 bytes at most.
        state = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def check_time(host: Subject, synchronised: bool | None) -> None:
    if synchronised:
        host.ok("ntp", "this host's clock follows a time server")
    elif synchronised is None:
        host.ok("ntp", "whether this host's clock follows a time server cannot be seen here")
    else:
        host.warning(
            "ntp",
            "this host's clock follows no time server: times in the journal drift away from everybody else's",
            "Install chrony (or enable systemd-timesyncd), and look with: timedatectl",
        )


def _user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
