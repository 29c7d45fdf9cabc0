"""A private Dovecot (MIT and LGPL, Timo Sirainen and others): any user with one password, mailboxes below a folder."""

from __future__ import annotations

import base64
import contextlib
import grp
import hmac
import imaplib
import ipaddress
import json
import os
import pwd
import shutil
import signal
import ssl
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.lab import ports
from tests.lab.mail.brought import find
from tests.lab.postgres import Account, unprivileged
from tests.lab.process import Process, tail, until
from tests.lab.progress import LabError

TEMPLATE = Path(__file__).with_name("dovecot.conf")
PASSWORD = "mail-secret"
_SIGNING_KEY = b"of tokens that this lab gives".ljust(32)


class Dovecot:
    """One server below `folder`. Blocking calls; as a context manager it starts and stops.

    PASSWORD opens every user's mailbox, which is made when first opened. ca: the certificate's file, for TLS.
    capability: what it says it can, in place of what it can.
    """

    def __init__(self, folder: Path, *, capability: str = "") -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "dovecot.log"
        self.ca = self.folder / "certificate.pem"
        self._capability = capability
        self._reserved = (ports.reserve(), ports.reserve(), ports.reserve())
        self.port, self.tls_port, self.lmtp_port = (one.first for one in self._reserved)
        self._process: Process | None = None
        self._base: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Return when it takes connections."""
        if self._process and self._process.alive():
            return
        who = unprivileged()
        root = find(who)
        self.folder.mkdir(parents=True, exist_ok=True)
        os.chown(self.folder, who.uid, who.gid)
        if not who.can("-w", self.folder):
            raise LabError(f"{self.folder} is out of reach of the user that Dovecot runs as: give a folder below /tmp")
        if not self.ca.exists():
            certificate(self.ca, self.folder / "key.pem", who)
        signing = self.folder / "tokens/default/HS256/default"
        signing.parent.mkdir(parents=True, exist_ok=True)
        signing.write_text(base64.b64encode(_SIGNING_KEY).decode())
        # Its sockets lie there, and a socket's address holds 107 bytes.
        self._base = Path(tempfile.mkdtemp(prefix="ctd-"))
        for folder in (self._base, self._base / "login"):
            folder.mkdir(mode=0o755, exist_ok=True)
            (folder / "modules").symlink_to(root / "usr/lib/dovecot/modules")
            os.chown(folder, who.uid, who.gid)
        config = self.folder / "dovecot.conf"
        config.write_text(self._configuration(root, who))
        environment = {**os.environ, "DOVECONF_PATH": str(root / "run/doveconf")}
        argv = [*who.prefix, str(root / "run/dovecot"), "-F", "-c", str(config)]
        process = Process(argv, log=self.log, stop_signal=signal.SIGTERM, env=environment, cwd=self._base)
        self._process = process
        until(lambda: not process.alive() or self._answers(), "Dovecot to start", hint=lambda: tail(self.log))
        if not process.alive():
            raise LabError(f"Dovecot did not start; the end of {self.log} says why:{tail(self.log)}")

    def stop(self) -> None:
        if self._process:
            self._process.stop()
        self._gone()

    def kill(self) -> None:
        """SIGKILL for every process at once: connections end without a word."""
        if self._process:
            self._process.kill()
        self._gone()

    def pause(self) -> None:
        """Freeze every process: connections stay open, and nobody answers."""
        assert self._process
        self._process.pause()

    def cont(self) -> None:
        assert self._process
        self._process.cont()

    @contextlib.contextmanager
    def session(self, user: str, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """A mail program of the user's, by another library than ours."""
        with imaplib.IMAP4("127.0.0.1", self.port) as client:
            client.login(user, PASSWORD)
            client.select(folder)
            yield client

    def deliver(self, user: str, *messages: bytes, folder: str = "INBOX") -> list[int]:
        """Put messages into a mailbox, which is made if need be; their UIDs."""
        uids = []
        with self.session(user) as client:
            client.create(folder)
            for message in messages:
                kind, said = client.append(folder, "", "", message)
                assert kind == "OK", said
                uids.append(int(said[0].split(b"]")[0].split()[2]))
        return uids

    def uids(self, user: str, folder: str = "INBOX", criterion: str = "ALL") -> list[int]:
        """What a mailbox holds now."""
        with self.session(user, folder) as client:
            _, (found, *_) = client.uid("SEARCH", criterion)
            return [int(one) for one in found.split()]

    def token(self, user: str, lasts_s: float = 600) -> str:
        """What opens the user's mailbox by XOAUTH2."""
        now = int(time.time())
        claims = {"sub": user, "email": user, "iat": now - 1000, "exp": now + int(lasts_s)}
        signed = b".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return (signed + b"." + _base64url(hmac.digest(_SIGNING_KEY, signed, "sha256"))).decode()

    def _configuration(self, root: Path, who: Account) -> str:
        # As the process sees itself: in a namespace, root is another.
        shown = pwd.getpwnam("nobody") if who.prefix else pwd.getpwuid(who.uid)
        values = {
            "BASE": self._base,
            "MAIL": self.folder / "mail",
            "LIBEXEC": root / "run",
            "MODULES": root / "usr/lib/dovecot/modules",
            "USER": shown.pw_name,
            "GROUP": grp.getgrgid(shown.pw_gid).gr_name,
            "PASSWORD": PASSWORD,
            "TOKENS": self.folder / "tokens",
            "PORT": self.port,
            "TLS_PORT": self.tls_port,
            "LMTP_PORT": self.lmtp_port,
            "CERTIFICATE": self.ca,
            "KEY": self.folder / "key.pem",
            "CAPABILITY": f"imap_capability = {self._capability}" if self._capability else "",
        }
        text = TEMPLATE.read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        return text

    def _answers(self) -> bool:
        try:
            with imaplib.IMAP4("127.0.0.1", self.port, timeout=5) as client:
                return client.welcome.startswith(b"* OK")
        except (OSError, imaplib.IMAP4.error):
            return False

    def _gone(self) -> None:
        self._process = None
        if self._base:
            shutil.rmtree(self._base, ignore_errors=True)
            self._base = None


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def certificate(path: Path, key: Path, who: Account) -> None:
    """For 127.0.0.1, signed by itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab mail server")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    key.touch(0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    for file in (key, path):
        os.chown(file, who.uid, who.gid)


def trusting(server: Dovecot) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca))
