"""An AMI session that reads and does nothing, as app_queue's side has one where a report is made of its events."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

from tests.lab.progress import LabError


class Ear:
    """A context manager; a thread reads until its end."""

    def __init__(self, port: int, username: str, secret: str) -> None:
        self._address = ("127.0.0.1", port)
        self._login = f"Action: Login\r\nUsername: {username}\r\nSecret: {secret}\r\nEvents: on\r\n\r\n"
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(self._address, timeout=10)
        self._socket.sendall(self._login.encode())
        heard = b""
        while b"\r\n\r\n" not in heard and (data := self._socket.recv(4096)):
            heard += data
        if b"Response: Success" not in heard:
            raise LabError("AMI refused the bench's login; see Asterisk's log")
        self._socket.settimeout(None)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def _listen(self) -> None:
        while self._socket.recv(65536):
            pass
