"""Free ports that stay ours while a server is down.

A killed server must come back on its old port, so binding to port 0 and letting go is not enough: another
test run, or an outgoing connection, could take the number meanwhile. Numbers therefore come from below the
kernel's ephemeral range (32768 and up), and each is reserved, against every process that uses this module,
by a socket with an abstract name: the kernel frees it when its owner dies, however it dies.
"""

from __future__ import annotations

import random
import socket

from tests.lab.progress import LabError

SINGLE_PORTS = range(28000, 32000)
BLOCKS = range(10000, 28000, 100)


class Reservation:
    """`count` consecutive ports from `first`, ours until `release` or until this process ends."""

    def __init__(self, first: int, count: int, held: list[socket.socket]) -> None:
        self.first = first
        self.last = first + count - 1
        self._held = held

    def release(self) -> None:
        for one in self._held:
            one.close()


def reserve() -> Reservation:
    """One port that is free now for UDP and TCP."""
    for port in _shuffled(SINGLE_PORTS):
        if held := _hold(port):
            if _is_free(port):
                return Reservation(port, 1, [held])
            held.close()
    raise LabError(f"no free port in {SINGLE_PORTS.start} to {SINGLE_PORTS.stop}; stop other lab servers")


def reserve_block(count: int) -> Reservation:
    """A range for RTP. Its ports are not tried one by one: Asterisk passes over those in use."""
    needed = -(-count // BLOCKS.step)
    starts = [first for first in BLOCKS if first + needed * BLOCKS.step <= BLOCKS.stop]
    for first in _shuffled(starts):
        held: list[socket.socket] = []
        for block in range(first, first + needed * BLOCKS.step, BLOCKS.step):
            if not (one := _hold(block)):
                break
            held.append(one)
        if len(held) == needed:
            return Reservation(first, count, held)
        for one in held:
            one.close()
    raise LabError(f"no {count} free RTP ports in {BLOCKS.start} to {BLOCKS.stop}; stop other lab servers")


def _hold(number: int) -> socket.socket | None:
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(f"\0contactd-lab-port-{number}")
    except OSError:
        held.close()
        return None
    return held


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def _shuffled(numbers: range | list[int]) -> list[int]:
    # Any order will do; a random one keeps parallel runs out of each other's way.
    return random.sample(numbers, len(numbers))
