"""An AMI session that listens: for app_queue's side the one that a reporting tool would have, and for both
sides the moment at which Asterisk took a key for pressed."""

from __future__ import annotations

import re
import socket
import threading
from types import TracebackType
from typing import Self

from tests.lab.progress import LabError

_FIELD = re.compile(rb"^(Event|Timestamp|CallerIDNum): (.*?)\r?$", re.MULTILINE)


class Ear:
    """A context manager; a thread reads until its end. key_ends: caller's number to Unix seconds."""

    def __init__(self, port: int, username: str, secret: str) -> None:
        self.key_ends: dict[str, float] = {}
        self._address = ("127.0.0.1", port)
        self._login = f"Action: Login\r\nUsername: {username}\r\nSecret: {secret}\r\nEvents: on\r\n\r\n"
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(self._address, timeout=10)
        self._socket.sendall(self._login.encode())
        heard = b""
        while b"\r\n\r\n" not in heard:
            data = self._socket.recv(4096)
            if not data:
                break
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
        rest = b""
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                return
            if not data:
                return
            *blocks, rest = (rest + data).split(b"\r\n\r\n")
            for block in blocks:
                if block.startswith(b"Event: DTMFEnd"):
                    fields = {name: value.decode() for name, value in _FIELD.findall(block)}
                    # The first key of a caller is the only one.
                    self.key_ends.setdefault(fields[b"CallerIDNum"], float(fields[b"Timestamp"]))
