"""What the doors that Asterisk connects to have in common: who may come in, how a refusal is told, the way out."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog

from contactd.core.errors import ContactdError

log = structlog.get_logger()

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
CANCEL_S = 2.0

Network = IPv4Network | IPv6Network


class Refused(Exception):
    """kind is a stable code, for counters; the text goes into the log and never holds what the peer sent."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Gate:
    """event: the log's word for a refusal (log.py keeps a scanner from filling the disk); refused counts them all."""

    def __init__(self, event: str, allow: Sequence[Network], refused: Counter[str]) -> None:
        self._event = event
        self.allow = tuple(allow)
        self._refused = refused
        self.own: set[tuple[str, int]] = set()
        """Addresses and ports of our own probes, whatever is allowed."""

    def admit(self, writer: asyncio.StreamWriter) -> None:
        """Raises Refused for a peer in no allowed network."""
        peer = writer.get_extra_info("peername")
        if peer and peer[:2] in self.own:
            return
        address = ip_address(peer[0].partition("%")[0]) if peer else None
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if address is None or not any(address in network for network in self.allow):
            raise Refused("address", f"{address} is in no allowed network; add it if it is a PBX of yours")

    def note(self, refused: Refused) -> None:
        self._refused[refused.kind] += 1
        log.warning(self._event, kind=refused.kind, reason=str(refused))


async def listen(
    what: str, host: str, port: int, handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> asyncio.Server:
    try:
        return await asyncio.start_server(handler, host, port, backlog=1024)
    except OSError as error:
        raise ContactdError(
            f"{what} cannot listen on {host}:{port} ({error.strerror or error}): "
            "choose another address or stop what holds it"
        ) from error


async def finish(tasks: set[asyncio.Task[object]], grace_s: float, event: str) -> None:
    """Wait for the sessions up to a grace and cancel the rest."""
    if not tasks:
        return
    _, late = await asyncio.wait(set(tasks), timeout=grace_s)
    for task in late:
        task.cancel()
    if late:
        _, stuck = await asyncio.wait(late, timeout=CANCEL_S)
        log.warning(event, sessions=len(late), still_running=len(stuck))
