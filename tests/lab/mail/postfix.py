"""A private Postfix (IPL and EPL, Wietse Venema and others) that delivers to the lab's Dovecot, and nowhere else.

support@lab.test and support+detail@lab.test are Dovecot's user support. nobody@lab.test is refused for good,
later@lab.test for now.
"""

from __future__ import annotations

import os
import shutil
import signal
import smtplib
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import ports
from tests.lab.mail.brought import postfix
from tests.lab.mail.dovecot import Dovecot, certificate
from tests.lab.postgres import Account
from tests.lab.process import Process, tail, until
from tests.lab.progress import LabError

DOMAIN = "lab.test"
_TEMPLATES = {"main.cf": "postfix.conf", "master.cf": "postfix.master"}
_QUEUE = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "private"),
    *("pid", "public", "saved", "trace"),
)


class Postfix:
    """One server. Blocking calls; as a context manager it starts and stops. ca: the certificate's file, for TLS."""

    def __init__(self, dovecot: Dovecot) -> None:
        # The addresses of its sockets hold 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="ctp-"))
        self.log = self.folder / "postfix.log"
        self.ca = self.folder / "certificate.pem"
        self._dovecot = dovecot
        self._reserved = (ports.reserve(), ports.reserve())
        self.port, self.tls_port = (one.first for one in self._reserved)
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Return when it takes mail."""
        root = postfix()
        for name in _QUEUE:
            (self.folder / "queue" / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "data").mkdir(exist_ok=True)
        if not self.ca.exists():
            certificate(self.ca, self.folder / "key.pem", Account((), os.getuid(), os.getgid()))
        values = {
            "FOLDER": self.folder,
            "RUN": root / "run",
            "PORT": self.port,
            "TLS_PORT": self.tls_port,
            "LMTP_PORT": self._dovecot.lmtp_port,
        }
        for name, template in _TEMPLATES.items():
            text = Path(__file__).with_name(template).read_text()
            for key, value in values.items():
                text = text.replace(f"@{key}@", str(value))
            (self.folder / name).write_text(text)
        environment = {**os.environ, "MAIL_CONFIG": str(self.folder)}
        argv = [*_as_root(), str(root / "run/master"), "-d", "-c", str(self.folder)]
        out = self.folder / "master.log"
        process = Process(argv, log=out, stop_signal=signal.SIGTERM, env=environment, cwd=self.folder)
        self._process = process

        def said() -> str:
            return tail(out) + (tail(self.log) if self.log.exists() else "")

        until(lambda: not process.alive() or self._answers(), "Postfix to start", hint=said)
        if not process.alive():
            raise LabError(f"Postfix did not start: {said()}")

    def stop(self) -> None:
        if self._process:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """SIGKILL for every process at once. What it has taken lies in its queue for the next start."""
        if self._process:
            self._process.kill()
            self._process = None

    def pause(self) -> None:
        """Freeze it: connections are open, and nobody answers."""
        assert self._process
        self._process.pause()

    def cont(self) -> None:
        assert self._process
        self._process.cont()

    def deliver(self, sender: str, recipient: str, message: bytes) -> None:
        """As somebody's mail server hands over a message."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
            client.sendmail(sender, [recipient], message)

    def told(self) -> str:
        """Its whole log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _answers(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5) as client:
                return client.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False


def _as_root() -> tuple[str, ...]:
    """It runs for root alone: whoever is not, is so in a namespace of their own."""
    if os.geteuid() == 0:
        return ()
    namespace = ("unshare", "--user", "--map-root-user")
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        raise LabError("Postfix needs a user namespace here: sysctl kernel.unprivileged_userns_clone=1, or run as root")
    return namespace
