"""systemd is told what is going on: a real datagram socket stands for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from contactd.metrics import PbxReading, Readings
from contactd.notify import Notifier, Teller

DAY = 1_767_225_600.0


class Queue:
    """The socket that systemd would listen at, read when asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def read(self) -> list[str]:
        told = []
        while True:
            try:
                told.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return told

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Queue]:
    made = Queue(str(tmp_path / "notify") if request.param == "path" else f"@contactd-test-{os.getpid()}")
    yield made
    made.close()


def test_each_state_is_one_message_of_the_protocol(systemd: Queue) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address})
    notifier.ready("Standing by")
    notifier.status("Standing by")
    notifier.status("Steering")
    notifier.reloading()
    notifier.reloaded()
    notifier.stopping("Keeping")
    told = systemd.read()
    reloading = told.pop(2)
    assert told == ["READY=1\nSTATUS=Standing by", "STATUS=Steering", "READY=1", "STOPPING=1\nSTATUS=Keeping"]
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=") and reloading.rpartition("=")[2].isdigit()


def test_the_watchdog_is_fed_only_as_often_as_it_is_hungry(systemd: Queue) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "20000000"})
    for _ in range(1000):
        notifier.fed()
    assert systemd.read() == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_by_the_process_that_is_meant(
    systemd: Queue, environment: dict[str, str], watchdog_s: float | None
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address, **environment})
    assert notifier.watchdog_s == watchdog_s
    notifier.fed()
    assert bool(systemd.read()) == (watchdog_s is not None)


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "/nowhere/at/all"])
def test_without_systemd_nothing_is_said_and_nothing_breaks(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"} if address else {})
    notifier.ready("Steering")
    notifier.fed()


def test_a_systemd_that_does_not_read_stops_nobody(systemd: Queue) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "1"})
    for _ in range(5000):
        notifier.fed()  # past what a socket's queue holds
    assert len(systemd.read()) < 5000


def test_the_status_names_what_is_amiss_and_since_when(systemd: Queue) -> None:
    now, away = DAY, False
    pbx = {"pbx1": PbxReading(connected=True), "pbx2": PbxReading(connected=True)}
    readings = Readings(holds_epoch=True, spool_max_bytes=1000, pbx=pbx)
    teller = Teller(Notifier({}), 7, lambda: readings, lambda: away, lambda: now)
    assert teller.text() == "Steering as epoch 7"
    away = True
    pbx["pbx2"] = PbxReading(connected=False)
    assert teller.text() == (
        "Steering as epoch 7; PostgreSQL away since 2026-01-01 00:00:00 UTC (spool 0 % full);"
        " PBX pbx2 away since 2026-01-01 00:00:00 UTC"
    )
    now += 60
    readings = Readings(holds_epoch=True, spool_max_bytes=1000, spool_pending_bytes=800, spool_full=True, pbx={})
    assert teller.text() == (
        "Steering as epoch 7; PostgreSQL away since 2026-01-01 00:00:00 UTC (spool 80 % full);"
        " spool full since 2026-01-01 00:01:00 UTC: new calls go to the static queue"
    )
    away, readings = False, Readings(holds_epoch=True, spool_full=True, spool_fault="No space left on device")
    assert teller.text() == (
        "Steering as epoch 7; disk refuses the spool since 2026-01-01 00:01:00 UTC"
        " (No space left on device): new calls go to the static queue"
    )
    readings = Readings(holds_epoch=True)
    assert teller.text() == "Steering as epoch 7"
    away = True
    assert "away since 2026-01-01 00:01:00 UTC" in teller.text()


def test_a_refused_configuration_is_told_until_one_is_taken() -> None:
    teller = Teller(Notifier({}), 7, lambda: Readings(holds_epoch=True), lambda: False, lambda: DAY)
    teller.reload_refused()
    assert teller.text() == (
        "Steering as epoch 7; configuration refused at 2026-01-01 00:00:00 UTC,"
        " the old one stays in force (see the log)"
    )
    teller.reload_taken()
    assert teller.text() == "Steering as epoch 7"
    teller.reload_taken(waiting=2)
    assert teller.text() == (
        "Steering as epoch 7; 2 changed keys of the configuration wait for a restart (contactctl plan)"
    )
