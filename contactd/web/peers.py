"""The control socket, and who may speak through it. The kernel says who the peer is; no request can."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import socket
import stat
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from contactd.core.errors import ContactdError

GROUP = "contactd"
# Linux's asm-generic/socket.h; Python has no name for it.
_SO_PEERGROUPS = 59
_UCRED = struct.Struct("iII")
# All that Python's getsockopt takes: 256 groups.
_GROUPS_BYTES = 1024


class SocketRefused(ContactdError):
    """The control socket cannot be made."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as of its connect()."""

    pid: int
    uid: int
    groups: frozenset[int]


def peer_of(connection: socket.socket) -> Peer:
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    groups = {gid}
    # Refused for somebody with more groups, and unknown to older kernels: the first group alone then counts.
    with contextlib.suppress(OSError):
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
        groups.update(struct.unpack(f"{len(raw) // 4}I", raw))
    return Peer(pid, uid, frozenset(groups))


def group_id() -> int | None:
    """The gid of the group contactd; None where there is none."""
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


class Right(IntEnum):
    """Each one has those before it."""

    NOTHING = 0
    READ = 1
    ACT = 2


def right_of(peer: Peer, *, own_uid: int, group: int | None) -> Right:
    """Root and our own user act; the members of the group contactd read."""
    if peer.uid in (0, own_uid):
        return Right.ACT
    return Right.READ if group is not None and group in peer.groups else Right.NOTHING


def control_socket(path: str, group: int | None) -> socket.socket:
    """A listening-to-be unix socket of mode 0660. Replaces one that a dead daemon left behind."""
    place = Path(path)
    _clear(place)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        made.bind(path)
        # Nobody can connect before listen(), so there is no moment with another mode.
        place.chmod(0o660)
        if group is not None:
            # Only root or a member may; without it the group's members are kept out by the mode.
            with contextlib.suppress(PermissionError):
                os.chown(path, -1, group)
    except OSError as error:
        made.close()
        raise SocketRefused(
            f"The control socket {path} cannot be made ({error.strerror}): its folder must be there and"
            " writable for the daemon (RuntimeDirectory=contactd in the unit), or set socket in [ctl]."
        ) from error
    return made


def _clear(place: Path) -> None:
    try:
        if not stat.S_ISSOCK(place.lstat().st_mode):
            raise SocketRefused(f"{place} is there and is no socket: remove it, or set socket in [ctl].")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(place))
        except OSError as error:
            if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
                place.unlink(missing_ok=True)
                return
    raise SocketRefused(f"Another contactd answers at {place}: stop it, or set socket in [ctl] to another place.")
