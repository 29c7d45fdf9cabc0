"""What systemd is told (sd_notify(3)): when we are ready, what is going on, and that the circle turns."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping

from contactd.core.ids import Instant
from contactd.metrics import Readings

_TELL_S = 1.0
"""A link that comes and goes many times a second shall not flood systemd and its journal."""


class Notifier:
    """environment: with NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID if systemd started us; else all is silent.

    watchdog_s: the time after which systemd kills a daemon that did not feed its watchdog; None without one.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # "@" stands for the zero byte of an abstract address. Other forms (vsock) are for virtual machines.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        if self._address[:1] not in ("\0", "/"):
            self._address = ""
        self.watchdog_s = _watchdog_s(environment) if self._address else None
        self._fed_at = float("-inf")
        self._status = ""

    def ready(self, status: str) -> None:
        self._status = status
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """The stamp is for Type=notify-reload of systemd 253 and newer; older ones pass it over."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        self._send("READY=1")

    def stopping(self, status: str) -> None:
        self._status = status
        self._send(f"STOPPING=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """What `systemctl status` shows; told when it changes."""
        if status != self._status:
            self._status = status
            self._send(f"STATUS={status}")

    def fed(self) -> None:
        """The circle has turned. Cheap: called at every turn."""
        if self.watchdog_s is None:
            return
        now = time.monotonic()
        if now - self._fed_at >= self.watchdog_s / 8:
            self._fed_at = now
            self._send("WATCHDOG=1")

    def waiting(self, why: str) -> None:
        """There is no circle yet: whoever waits for the floor feeds the watchdog at each try."""
        self.status(why)
        self.fed()

    def _send(self, state: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            # Never waits for long: a systemd that does not read must not stop the circle.
            notify.settimeout(0 if state == "WATCHDOG=1" else 0.2)
            with contextlib.suppress(OSError):
                notify.sendto(state.encode(), self._address)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """WATCHDOG_PID names the process that must feed: a child that inherits the environment is not meant."""
    microseconds, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or int(microseconds) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None
    return int(microseconds) / 1e6


class Teller:
    """run() as a task: STATUS says whose floor it is and what is amiss, as it changes.

    read: the parts' own numbers. store_away: whether PostgreSQL answered when asked last. now: the circle's clock.
    """

    def __init__(
        self,
        notifier: Notifier,
        epoch: int,
        read: Callable[[], Readings],
        store_away: Callable[[], bool],
        now: Callable[[], Instant],
    ) -> None:
        self._notifier = notifier
        self._epoch = epoch
        self._read = read
        self._store_away = store_away
        self._now = now
        self._since: dict[str, Instant] = {}
        self._refused_at: Instant | None = None
        self._waiting = 0

    def reload_refused(self) -> None:
        self._refused_at = self._now()

    def reload_taken(self, waiting: int = 0) -> None:
        """waiting: keys of the configuration that only a restart takes."""
        self._refused_at = None
        self._waiting = waiting

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._notifier.status(self.text())
            await asyncio.sleep(_TELL_S)

    def text(self) -> str:
        amiss = dict(self._amiss(self._read()))
        self._since = {what: self._since.get(what, self._now()) for what in amiss}
        told = [f"{what} since {_utc(self._since[what])}{more}" for what, more in amiss.items()]
        if self._refused_at is not None:
            told.append(f"configuration refused at {_utc(self._refused_at)}, the old one stays in force (see the log)")
        elif self._waiting:
            told.append(f"{self._waiting} changed keys of the configuration wait for a restart (contactctl plan)")
        return "; ".join([f"Steering as epoch {self._epoch}", *told])

    def _amiss(self, readings: Readings) -> Iterator[tuple[str, str]]:
        """What is amiss, and what else is to be said of it."""
        if self._store_away():
            percent = 100 * readings.spool_pending_bytes // max(1, readings.spool_max_bytes)
            yield "PostgreSQL away", f" (spool {percent} % full)"
        for name, pbx in sorted(readings.pbx.items()):
            if not pbx.connected:
                yield f"PBX {name} away", ""
        if readings.spool_fault is not None:
            yield "disk refuses the spool", f" ({readings.spool_fault}): new calls go to the static queue"
        elif readings.spool_full:
            yield "spool full", ": new calls go to the static queue"


def _utc(at: Instant) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
