"""FastAGI tried from our own side: is it listened to, admitted, routed and answered? The way of every new caller."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from ipaddress import ip_address

from contactd.core.errors import ContactdError
from contactd.pbx.agi_session import AgiSession
from contactd.pbx.fastagi import FastAgiServer
from contactd.pbx.ivr import TokenCheck

VERB = "health"
_CALL = "contactd-health"


class AgiDead(ContactdError):
    """FastAGI does not do what a caller would need."""


async def answer_probe(session: AgiSession) -> None:
    """The route: one command, as any route sends it."""
    await session.command("NOOP")


async def probe(server: FastAgiServer, tokens: TokenCheck) -> None:
    """Raises AgiDead. Whoever calls gives it its time."""
    host = await _reachable(server.host)
    nonce = secrets.token_hex(8)
    token = tokens.token(_CALL, VERB, nonce)
    request = (
        f"agi_network: yes\nagi_network_script: {VERB}\nagi_request: agi://{host}/{VERB}\n"
        f"agi_uniqueid: {_CALL}\nagi_arg_1: {token}\nagi_arg_2: {nonce}\n\n"
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as own:
        own.setblocking(False)
        try:
            # The address first, so that the gate knows us before it sees us: [agi] allow names PBXes, not this host.
            own.bind((host, 0))
            me = own.getsockname()[:2]
            server.gate.own.add(me)
            try:
                await asyncio.get_running_loop().sock_connect(own, (host, server.port))
                await _converse(own, request.encode())
            finally:
                server.gate.own.discard(me)
        except OSError as error:
            raise AgiDead(f"FastAGI on {host}:{server.port} is not reached: {error.strerror or error}") from error


async def _converse(own: socket.socket, request: bytes) -> None:
    reader, writer = await asyncio.open_connection(sock=own)
    try:
        writer.write(request)
        said = b""
        with contextlib.suppress(ConnectionError):
            said = await reader.readline()
        if said != b"NOOP\n":
            raise AgiDead("FastAGI closed a session of our own without a word: too many sessions, or an error")
        writer.write(b"200 result=0\n")
        await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _reachable(host: str) -> str:
    """An address of this host on which `host` is listened to."""
    found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    address = ip_address(str(found[0][4][0]))
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address)
