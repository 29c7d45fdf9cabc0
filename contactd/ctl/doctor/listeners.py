"""Stands in for a contactd that does not run: answers one FastAGI session and one AudioSocket connection, so that the
way from the PBX can be tried before the first start. Synchronous, one thread each, bounded."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import uuid
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from contactd.config import Settings
from contactd.core.errors import ContactdError
from contactd.protocols import audiosocket as wire
from contactd.protocols.agi import BEYOND, Reply, ReplyParser, build_command, parse_request, sound_missing
from contactd.protocols.errors import ProtocolError

_PATIENCE_S = 5.0
_MOST_BYTES = 65_536


class PortTaken(ContactdError):
    """Something that is not our daemon listens there."""


class StandIn:
    """``with StandIn(settings, sounds)``: listens on the ports of [agi] and [audiosocket] until the end of the block.

    refused: the addresses that connected and are not allowed. Raises PortTaken.
    """

    def __init__(self, settings: Settings, sounds: Sequence[str]) -> None:
        self._settings = settings
        self._sounds = sounds
        self._token = uuid.uuid4()
        self._doors: list[socket.socket] = []
        self.refused: list[str] = []

    def __enter__(self) -> Self:
        agi, audio = self._settings.agi, self._settings.audiosocket
        self._serve("agi", agi.listen, agi.port, agi.allow, self._agi)
        self._serve("audiosocket", audio.listen, audio.port, audio.allow, self._audio)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for door in self._doors:
            # shutdown wakes the thread in accept()
            with contextlib.suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            door.close()

    def _serve(self, name: str, host: str, port: int, allow: Iterable[str], answer: object) -> None:
        networks = [ipaddress.ip_network(network) for network in allow]
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            door = socket.create_server((host, port), family=family, backlog=4)
        except OSError as error:
            self.__exit__(None, None, None)
            raise PortTaken(
                f"{host}:{port} of [{name}] cannot be listened on ({error.strerror or error}), though contactd does not"
                f" run: see what holds it (ss -ltnp 'sport = :{port}'), or give another port."
            ) from None
        self._doors.append(door)
        threading.Thread(target=self._accept, args=(door, networks, answer), daemon=True).start()

    def _accept(self, door: socket.socket, networks: list[object], answer: object) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, peer = door.accept()
                with connection, contextlib.suppress(OSError, ProtocolError, EOFError):
                    connection.settimeout(_PATIENCE_S)
                    if not any(ipaddress.ip_address(peer[0]) in network for network in networks):  # type: ignore[operator]
                        self.refused.append(peer[0])
                        continue
                    answer(connection)  # type: ignore[operator]

    def _agi(self, connection: socket.socket) -> None:
        head = b""
        while b"\n\n" not in head:
            head += _more(connection)
            if len(head) > _MOST_BYTES:
                return
        if parse_request(head.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")).path != "probe":
            return
        replies = ReplyParser()

        def command(*words: str | int) -> Reply:
            connection.sendall(build_command(*words))
            while True:
                for item in replies.feed(_more(connection)):
                    if isinstance(item, Reply):
                        return item
                    raise EOFError

        missing = [sound for sound in self._sounds if sound_missing(command("STREAM FILE", sound, "", BEYOND))]
        audio = self._settings.audiosocket
        for name, value in (
            ("CONTACTD_PROBE_MISSING", " ".join(missing)),
            ("CONTACTD_PROBE_ANSWER", "doctor"),
            ("CONTACTD_AUDIO_AT", f"{self._settings.audiosocket_host}:{audio.port}"),
            ("CONTACTD_AUDIO", str(self._token)),
        ):
            command("SET VARIABLE", name, value)

    def _audio(self, connection: socket.socket) -> None:
        parser = wire.FrameParser()
        frames: list[wire.Frame] = []
        while not frames:
            frames = parser.feed(_more(connection))
        if frames[0].kind == wire.UUID and frames[0].payload == self._token.bytes:
            connection.sendall(wire.encode(wire.HANG_UP))
            # Until the PBX has read it and closes: a close of ours with unread audio would be a reset.
            while connection.recv(4096):
                pass


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(4096)
    if not data:
        raise EOFError
    return data
