"""A private Asterisk: all of /etc/asterisk rendered from tests/lab/asterisk/ and the product's own drop-ins.

The binary is, in this order: the one that CONTACTD_LAB_ASTERISK names; the host's, if 18 or newer with
AudioSocket and prompts; one brought from Debian (see debs.py). Whatever runs on the host already is left
alone: folders, ports and control socket are all our own.
"""

from __future__ import annotations

import functools
import math
import os
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import debs, ports
from tests.lab.process import Process, tail, until
from tests.lab.progress import LAB, ROOT, LabError

OLDEST = 18
PACKAGES = ("asterisk", "asterisk-core-sounds-en-gsm")
# The oldest suite with an Asterisk: 16.28, before AudioSocket and before event filters by name.
OLD_SUITE = "bullseye"
TEMPLATES = Path(__file__).with_name("asterisk")
FREEPBX_TEMPLATES = Path(__file__).with_name("freepbx")
DROP_INS = ROOT / "asterisk-config"
# Modules decline to load, with an error, where their file is missing.
EMPTY = (
    *("acl", "ccss", "cli", "cli_aliases", "cli_permissions", "codecs", "dnsmgr", "dsp", "enum", "extconfig"),
    *("followme", "pjproject", "pjsip_notify", "queuerules", "res_parking", "sorcery", "stasis", "statsd"),
    *("udptl", "websocket_client"),
)
# The longest path that a unix socket's address holds is 107 bytes.
LONGEST_SOCKET = 107
# The columns of the CEL file: their names, and how the mapping of before 22.5 writes them.
CEL_COLUMNS = {
    "EventTime": "${eventtime}",
    "EventType": "${eventtype}",
    "UniqueID": "${CHANNEL(uniqueid)}",
    "LinkedID": "${CHANNEL(linkedid)}",
    "ChanName": "${CHANNEL(channame)}",
    "Context": "${CHANNEL(context)}",
    "Exten": "${CHANNEL(exten)}",
    "AppName": "${CHANNEL(appname)}",
    "EventExtra": "${eventextra}",
}
# The product's AMI account, by whether event filters by name are known.
MANAGER_DROP_INS = {True: "manager_contactd.conf", False: "manager_contactd_regex.conf"}
SECRET_PLACEHOLDER, TEST_SECRET_PLACEHOLDER = "CHANGE-ME", "CHANGE-ME-TOO"


@dataclass(frozen=True, slots=True)
class Handset:
    """An agent's telephone: the SIP user name and password to register with, the context of its own calls."""

    name: str
    password: str = "handset-secret"
    context: str = "contactd-agent"


@dataclass(frozen=True, slots=True)
class Installation:
    """An Asterisk on disk: how to start it, where its modules and its data (documentation, sounds) are."""

    argv: tuple[str, ...]
    modules: Path
    data: Path
    version: tuple[int, int]

    @property
    def filters_by_name(self) -> bool:
        """Whether AMI knows the event filters of 18.26, 20.11, 21.6 and 22.1."""
        major, minor = self.version
        return major >= 18 and minor >= {18: 26, 19: 1000, 20: 11, 21: 6, 22: 1}.get(major, 0)


class Asterisk:
    """One PBX below `folder`. Blocking calls; as a context manager it starts and stops.

    listen: address of SIP and RTP.
    name: `systemname`, the first part of every uniqueid.
    ami_secret: takes the place of CHANGE-ME in the product's drop-ins.
    handsets: endpoints that register with a password.
    extra_conf: text to append to a file of etc, by file name ({"extensions.conf": "..."}); new files too.
    substitutions: text replaced in the copies of the product's drop-ins.
    cel: write every channel event to `cel_path`, a CSV of time (epoch seconds with microseconds), event,
        uniqueid, linkedid, channel, context, extension, application, extra (JSON).
    prefix: put before the server's command, such as ("taskset", "-c", "0").
    installation: which Asterisk; None: the one that find() finds.
    layout: "plain"; "freepbx": the files and includes of a FreePBX, joined as asterisk-config/freepbx says; "bare": the
        product's files lie in etc, and nothing but the handsets' templates is included.
    drop_ins: the product's; those of another version to try an upgrade.
    """

    def __init__(
        self,
        folder: Path,
        *,
        listen: str = "127.0.0.1",
        name: str = "pbx1",
        ami_secret: str = "contactd-secret",  # noqa: S107
        handsets: Sequence[Handset] = (),
        extra_conf: Mapping[str, str] | None = None,
        substitutions: Mapping[str, str] | None = None,
        cel: bool = False,
        cdr: bool = False,
        verbose: int = 0,
        rtp_ports: int = 1000,
        prefix: Sequence[str] = (),
        installation: Installation | None = None,
        layout: str = "plain",
        drop_ins: Path = DROP_INS,
    ) -> None:
        self.folder = folder.resolve()
        self.listen = listen
        self.drop_ins = drop_ins
        self.name = name
        self.ami_secret = ami_secret
        self.handsets = tuple(handsets)
        self.log = self.folder / "log/messages.log"
        self.console = self.folder / "log/console.log"
        self.cel_path = self.folder / "log/cel-custom/Master.csv"
        self.spool = self.folder / "spool"
        self._extra_conf = dict(extra_conf or {})
        self.test_secret = secrets.token_hex(16)
        # The longer placeholder first: it begins with the other.
        own = {TEST_SECRET_PLACEHOLDER: self.test_secret, SECRET_PLACEHOLDER: ami_secret}
        self.recordings = self.spool / "contactd"
        own["=/var/spool/asterisk/contactd "] = f"={self.recordings} "
        self._substitutions = {**own, **(substitutions or {})}
        self._cel, self._cdr, self._verbose = cel, cdr, verbose
        self._prefix = tuple(prefix)
        self._layout = layout
        if installation is not None:
            self.installation = installation
        self._sip, self._ami, self._http = ports.reserve(), ports.reserve(), ports.reserve()
        self._rtp = ports.reserve_block(rtp_ports)
        self.lab_secret = secrets.token_hex(8)
        self._run = self.folder / "run"
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.release()

    def release(self) -> None:
        """Others may have its ports: it is not started again. What a test holds of it may live as long as the run."""
        for reservation in (self._sip, self._ami, self._http, self._rtp):
            reservation.release()

    @property
    def sip_port(self) -> int:
        return self._sip.first

    @property
    def ami_port(self) -> int:
        return self._ami.first

    @property
    def pid(self) -> int:
        assert self._process, "not started"
        return self._process.pid

    @property
    def http_port(self) -> int:
        return self._http.first

    @property
    def rtp_range(self) -> tuple[int, int]:
        return self._rtp.first, self._rtp.last

    @functools.cached_property
    def installation(self) -> Installation:
        return find()

    def start(self) -> None:
        """Render the configuration anew and return when AMI answers and every module is loaded."""
        if self._process and self._process.alive():
            return
        self._render()
        argv = [*self._prefix, *self.installation.argv, "-C", str(self.folder / "etc/asterisk.conf"), "-f"]
        process = Process(argv, log=self.console, stop_signal=signal.SIGTERM, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self._process = process
        until(
            lambda: not process.alive() or self._is_booted(),
            "Asterisk to start",
            hint=lambda: tail(self.log) + tail(self.console),
        )
        if not process.alive():
            raise LabError(f"Asterisk did not start; the end of {self.console} says why:{tail(self.console)}")

    def stop(self) -> None:
        """Ends at once, hanging up whatever calls there are."""
        if self._process:
            self._process.stop()
            self._process = None
        if self._run.parent != self.folder:
            shutil.rmtree(self._run, ignore_errors=True)

    def kill(self) -> None:
        """SIGKILL, as a crash; ports and registrations are the same after the next start."""
        if self._process:
            self._process.kill()
            self._process = None

    def alive(self) -> bool:
        return self._process is not None and self._process.alive()

    def pause(self) -> None:
        """Freeze the PBX (its sockets stay open, nothing answers) until `cont`."""
        assert self._process, "not started"
        self._process.pause()

    def cont(self) -> None:
        assert self._process, "not started"
        self._process.cont()

    def cli(self, command: str) -> str:
        """What a command of Asterisk's command line prints."""
        with _Session(self.ami_port, self.lab_secret) as session:
            return session.command(command)

    def reload(self) -> None:
        """Render the configuration again and have every module read it."""
        self._render()
        self.cli("core reload")

    def _is_booted(self) -> bool:
        try:
            with _Session(self.ami_port, self.lab_secret) as session:
                session.wait_booted()
                # The command line's own commands come a moment after that event.
                return "No such command" not in session.command("core show version")
        except OSError:
            return False

    def _render(self) -> None:
        for sub in (
            "etc/contactd",
            "lib",
            "log/cel-custom",
            "spool/outgoing",
            "spool/tmp",
            "share/sounds",
            "share/moh/.nomusic_reserved",
            "lib/keys",
        ):
            (self.folder / sub).mkdir(parents=True, exist_ok=True)
        if len(str(self._run / "asterisk.ctl").encode()) > LONGEST_SOCKET:
            self._run = Path(tempfile.mkdtemp(prefix="lab-pbx-"))
        self._run.mkdir(exist_ok=True)
        self._share()
        values = {
            "folder": str(self.folder),
            "run": str(self._run),
            "modules": str(self.installation.modules),
            "name": self.name,
            "listen": self.listen,
            "verbose": str(self._verbose),
            "maxfiles": str(min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 65536)),
            "ami_port": str(self.ami_port),
            "http_port": str(self.http_port),
            "sip_port": str(self.sip_port),
            "rtp_first": str(self._rtp.first),
            "rtp_last": str(self._rtp.last),
            "lab_secret": self.lab_secret,
            "cel": "yes" if self._cel else "no",
            "cdr": "yes" if self._cdr else "no",
            "cel_modules": "load = res_cdrel_custom.so\nload = cel_custom.so" if self._cel else "",
            "cel_mapping": self._cel_mapping(),
            "handsets": "\n".join(handset_conf(one) for one in self.handsets),
            "freepbx_endpoints": "\n".join(_freepbx_endpoint(one, self.listen) for one in self.handsets),
            "freepbx_aors": "\n".join(_freepbx_aor(one) for one in self.handsets),
            "freepbx_auths": "\n".join(_freepbx_auth(one) for one in self.handsets),
            "manager_drop_in": MANAGER_DROP_INS[self.installation.filters_by_name],
        }
        etc = self.folder / "etc"
        files = {path.name: fill(path.read_text(), values) for path in TEMPLATES.glob("*.conf")}
        if self._layout == "freepbx":
            files |= {path.name: fill(path.read_text(), values) for path in FREEPBX_TEMPLATES.glob("*.conf")}
            self._drop_ins(etc)
        elif self._layout == "bare":
            files = {name: _unjoined(text) for name, text in files.items()}
            self._drop_ins(etc)
        else:
            self._drop_ins(etc / "contactd")
        for name in EMPTY:
            files.setdefault(f"{name}.conf", "")
        for name, text in self._extra_conf.items():
            files[name] = files.get(name, "") + "\n" + text + "\n"
        files["modules.conf"] = present(files["modules.conf"], self.installation.modules)
        for name, text in files.items():
            (etc / name).write_text(text)

    def _cel_mapping(self) -> str:
        """The same columns in both of the forms: the newer one costs a quarter of the time for each event."""
        if (self.installation.modules / "res_cdrel_custom.so").exists():
            return f"[{self.cel_path.name}]\nfields = {','.join(CEL_COLUMNS)}"
        values = ",".join(f"${{CSV_QUOTE({value})}}" for value in CEL_COLUMNS.values())
        return f"[mappings]\n{self.cel_path.name} => {values}"

    def _drop_ins(self, target: Path) -> None:
        """Copy the product's files with the substitutions done."""
        for old in target.glob("*.conf"):
            old.unlink()
        for path in DROP_INS.glob("*.conf"):
            (target / path.name).touch()  # the lab includes it, even where another version has none
        paths = list(self.drop_ins.glob("*.conf"))
        if self._layout == "freepbx":
            paths += (self.drop_ins / "freepbx").glob("*.conf")
        for path in paths:
            text = path.read_text()
            for old_text, new_text in self._substitutions.items():
                text = text.replace(old_text, new_text)
            (target / path.name).write_text(text)

    def _share(self) -> None:
        """The installation's data folder by links, with prompts as language `en` and music of our own."""
        share = self.folder / "share"
        for path in self.installation.data.iterdir():
            link = share / path.name
            if path.name not in ("sounds", "moh") and not link.is_symlink():
                link.symlink_to(path)
        english = share / "sounds/en"
        if not english.is_symlink() and (prompts := english_prompts(self.installation.data)):
            english.symlink_to(prompts)
        music = share / "moh/tune.ulaw"
        if not music.exists():
            music.write_bytes(tune())
        silence = share / "contactd-silence/silence.ulaw"
        silence.parent.mkdir(exist_ok=True)
        silence.write_bytes(b"\xff" * 480_000)


class _Session:
    """Just enough of AMI to ask for one thing. Not the product's client: a lab that shared its bugs would
    hide them."""

    def __init__(self, port: int, secret: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._stream = self._socket.makefile("rb")
        self._stream.readline()
        self._send("Login", Username="lab", Secret=secret)
        if "Success" not in self._message():
            raise ConnectionError("AMI refused the lab's login")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._socket.close()

    def wait_booted(self) -> None:
        """The event comes at once when the PBX is up, or when it gets there."""
        while "Event: FullyBooted" not in self._message():
            pass

    def command(self, command: str) -> str:
        self._send("Command", Command=command, ActionID="cli")
        while "ActionID: cli" not in (answer := self._message()):
            pass
        return "\n".join(re.findall(r"^Output: ?(.*)$", answer, re.MULTILINE))

    def _send(self, action: str, **headers: str) -> None:
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in headers.items())]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def _message(self) -> str:
        lines: list[str] = []
        while line := self._stream.readline():
            if line == b"\r\n":
                return "".join(lines)
            lines.append(line.decode(errors="replace").rstrip("\r\n") + "\n")
        raise ConnectionError("AMI closed the connection")


def find() -> Installation:
    """The Asterisk to use; fetched if there is none."""
    if named := os.environ.get("CONTACTD_LAB_ASTERISK"):
        if found := _inspect(Path(named)):
            return found
        raise LabError(
            f"CONTACTD_LAB_ASTERISK names {named}, which is no Asterisk {OLDEST} or newer with AudioSocket "
            "and its data folder; name another binary, or unset it to use Debian's"
        )
    host = shutil.which("asterisk", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if host and (found := _inspect(Path(host))) and english_prompts(found.data):
        return found
    return _unpacked(debs.ensure(PACKAGES, LAB / "asterisk-root"))


def find_old() -> Installation:
    """Asterisk 16, the oldest that the drop-ins serve."""
    return _unpacked(debs.ensure(PACKAGES, LAB / "asterisk-16-root", OLD_SUITE))


def _unpacked(root: Path) -> Installation:
    argv = debs.runner(root, "usr/sbin/asterisk")
    modules = next(path for path in root.glob("usr/lib/**/asterisk/modules") if path.is_dir())
    return Installation(tuple(argv), modules, root / "usr/share/asterisk", _version(argv))


def _version(argv: Sequence[str]) -> tuple[int, int]:
    """Major and minor version; (0, 0) if this is no Asterisk."""
    try:
        done = subprocess.run([*argv, "-V"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0, 0
    # "Asterisk 22.10.1+dfsg", "Asterisk certified/20.7-cert2"
    found = re.search(r"Asterisk \D*(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _inspect(binary: Path) -> Installation | None:
    """An Asterisk installed in the usual layout, if it will do."""
    version = _version([str(binary)])
    if version[0] < OLDEST:
        return None
    prefix = binary.resolve().parent.parent
    modules = [
        path
        for base in dict.fromkeys((prefix, Path("/usr")))
        for pattern in ("lib/asterisk/modules", "lib64/asterisk/modules", "lib/*/asterisk/modules")
        for path in base.glob(pattern)
        if (path / "app_audiosocket.so").exists()
    ]
    data = [
        path
        for path in (
            prefix / "share/asterisk",
            prefix / "var/lib/asterisk",
            Path("/usr/share/asterisk"),
            Path("/var/lib/asterisk"),
        )
        if (path / "documentation").is_dir()
    ]
    if not modules or not data:
        return None
    return Installation((str(binary),), modules[0], data[0], version)


def english_prompts(data: Path) -> Path | None:
    """The folder of English prompts, which Debian names by its speaker: Asterisk then finds none."""
    for name in ("en", "en_US_f_Allison", "en_US"):
        folder = data / "sounds" / name
        if list(folder.glob("hello-world.*")):
            return folder
    return None


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace @name@.

    >>> fill("port = @sip_port@ ; me@here.example", {"sip_port": "5060"})
    'port = 5060 ; me@here.example'
    """
    return re.sub(r"@(\w+)@", lambda match: values.get(match[1], match[0]), template)


def present(modules_conf: str, modules: Path) -> str:
    """modules.conf without the lines of modules that this Asterisk has not."""
    return "".join(
        line + "\n"
        for line in modules_conf.splitlines()
        if not (named := re.match(r"load = (\S+)", line)) or (modules / named[1]).exists()
    )


def handset_conf(handset: Handset) -> str:
    """The sections of one handset, from the product's templates and the lab's."""
    return f"""\
[{handset.name}](contactd-handset,lab-media)
context = {handset.context}
auth = {handset.name}
aors = {handset.name}
callerid = "{handset.name}" <{handset.name}>

[{handset.name}](contactd-auth)
username = {handset.name}
password = {handset.password}

[{handset.name}](contactd-aor)
"""


def _unjoined(conf: str) -> str:
    """Without what the product asks an administrator to write."""
    conf = conf.replace("contactd/pjsip_contactd.conf", "pjsip_contactd.conf")
    return "".join(
        line + "\n"
        for line in conf.splitlines()
        if not line.startswith(('#include "contactd/', "channelvars", "timestampevents"))
    )


def _freepbx_endpoint(handset: Handset, listen: str) -> str:
    """What FreePBX writes for an extension; its options as of its release 16."""
    return f"""\
[{handset.name}]
type=endpoint
aors={handset.name}
auth={handset.name}-auth
tos_audio=ef
cos_audio=5
allow=ulaw,alaw,gsm
context={handset.context}
callerid="{handset.name}" <{handset.name}>
dtmf_mode=rfc4733
direct_media=yes
aggregate_mwi=yes
rtcp_mux=no
bundle=no
ice_support=no
media_use_received_transport=no
trust_id_inbound=yes
media_encryption=no
timers=yes
send_pai=yes
rtp_symmetric=yes
rewrite_contact=yes
force_rport=yes
language=en
media_address={listen}
bind_rtp_to_media_address=yes
"""


def _freepbx_aor(handset: Handset) -> str:
    return (
        f"[{handset.name}]\ntype=aor\nmax_contacts=1\nremove_existing=yes\nmaximum_expiration=7200\n"
        "minimum_expiration=60\nqualify_frequency=60\n"
    )


def _freepbx_auth(handset: Handset) -> str:
    return (
        f"[{handset.name}-auth]\ntype=auth\nauth_type=userpass\npassword={handset.password}\nusername={handset.name}\n"
    )


def tune(seconds: int = 30) -> bytes:
    """Soft music as raw 8 kHz mu-law: a falling and rising arpeggio, repeated."""
    notes = (523.25, 659.26, 783.99, 659.26, 587.33, 698.46, 880.0, 698.46)
    rate, length = 8000, 4000
    phrase = bytearray()
    for note in notes:
        for i in range(length):
            # Fades in and out, so that no note clicks.
            loud = 3000 * math.sin(math.pi * i / length)
            phrase.append(ulaw(int(loud * math.sin(2 * math.pi * note * i / rate))))
    return bytes(phrase) * (seconds * rate // len(phrase) + 1)


def ulaw(sample: int) -> int:
    """One signed 16-bit sample as G.711 mu-law.

    >>> [hex(ulaw(sample)) for sample in (0, -1, 32767, -32768)]
    ['0xff', '0x7f', '0x80', '0x0']
    """
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF
