"""Where the lines of the log go, without ever holding up or ending a call: what cannot be written now is counted."""

from __future__ import annotations

import os
import stat


class Sink:
    """Standard output, as a file that never raises and never waits, unless it is a plain file or a terminal.

    A full disk, a journald that is gone or stands still: the calls go on. The next line that finds its way tells how
    many were lost.
    """

    def __init__(self, fd: int) -> None:
        self.lost = 0
        """Lines, since the start."""
        self._told = 0
        self._rest = b""  # of a line that was written in part
        mode = os.fstat(fd).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            fd = _without_waiting(fd, mode)
        self._fd = fd

    def write(self, line: bytes) -> None:
        told = self.lost
        if told > self._told:
            line = b'{"event":"log_lines_lost","level":"warning","lines":%d}\n' % told + line
        if self._put(line):
            self._told = told
        else:
            self.lost += 1

    def flush(self) -> None:
        """Every line is written at once."""

    def _put(self, data: bytes) -> bool:
        """False: nothing of it was written. A line that was begun is finished before another."""
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._fd, self._rest) :]
            written = os.write(self._fd, data)
        except OSError:
            return False
        self._rest = data[written:]
        return True


def _without_waiting(fd: int, mode: int) -> int:
    """The same pipe or socket, not blocking: for us alone where that can be had, so that no shell's is changed."""
    if stat.S_ISFIFO(mode):
        try:
            return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return fd
    os.set_blocking(fd, False)  # journald's, made for this service
    return fd
