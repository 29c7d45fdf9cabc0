"""systemd's end of sd_notify(3): a datagram socket, and what came through it and when."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self


class NotifySocket:
    """told: the messages; fed: the monotonic times of WATCHDOG=1. A thread reads, so that the times are true."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[str] = []
        self.fed: list[float] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    @property
    def status(self) -> str:
        """What `systemctl status` would show."""
        lines = [line for message in list(self.told) for line in message.splitlines() if line.startswith("STATUS=")]
        return lines[-1].removeprefix("STATUS=") if lines else ""

    def hungry_s(self) -> float:
        """How long ago the watchdog was fed."""
        return time.monotonic() - self.fed[-1] if self.fed else float("inf")

    def longest_gap_s(self, since: float) -> float:
        """Between two feedings, and from the last one until now."""
        fed = [at for at in list(self.fed) if at >= since]
        return max(later - earlier for earlier, later in zip([since, *fed], [*fed, time.monotonic()], strict=True))

    def _read(self) -> None:
        while message := self._socket.recv(4096):
            if message == b"WATCHDOG=1":
                self.fed.append(time.monotonic())
            else:
                self.told.append(message.decode())
