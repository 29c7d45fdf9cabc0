"""The private Asterisk as the tests of contactd need it."""

import csv
import hashlib
import re
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import asterisk, debs
from tests.lab.asterisk import Asterisk, Handset
from tests.lab.process import until
from tests.lab.progress import LabError

CALLERS_COME_IN_HERE = "[contactd-in]\nexten => lab-hello,1,Goto(lab,hello,1)\n"


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    with Asterisk(
        tmp_path_factory.mktemp("pbx"),
        handsets=[Handset("1001"), Handset("1002")],
        extra_conf={"extensions.conf": CALLERS_COME_IN_HERE},
        cel=True,
    ) as running:
        yield running


def test_it_boots_without_a_word_of_complaint(pbx: Asterisk) -> None:
    complaints = re.findall(r".*(?:WARNING|ERROR)\[.*", pbx.log.read_text())
    assert not complaints


def test_a_stranger_may_call_and_hears_the_prompt_to_its_end(pbx: Asterisk) -> None:
    sipp = [*debs.tool("sipp"), "-sn", "uac", "-s", "lab-hello", "-m", "1", "-d", "10000", "-nostdin"]
    with subprocess.Popen(
        [*sipp, "-i", "127.0.0.1", "-timeout", "20s", f"127.0.0.1:{pbx.sip_port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as caller:
        until(lambda: any(row[1] == "STREAM_END" for row in _cel(pbx)), "the prompt to end")
        caller.kill()
    channel = next(row for row in _cel(pbx) if row[1] == "CHAN_START")
    assert float(channel[0]) > 1.7e9
    assert channel[2].startswith("pbx1-")
    assert channel[4].startswith("PJSIP/anonymous-")


def test_a_handset_must_give_its_password(pbx: Asterisk) -> None:
    assert " 401 " in _register(pbx, "1001").splitlines()[0]


def test_a_registered_handset_is_still_known_after_a_kill(pbx: Asterisk) -> None:
    assert " 200 " in _register(pbx, "1002", password=Handset("1002").password).splitlines()[0]
    assert "1002/sip:1002@127.0.0.1" in pbx.cli("pjsip show contacts")
    # Asterisk commits to its database once a second; a crash within it forgets.
    with sqlite3.connect(pbx.folder / "lib/astdb.sqlite3") as database:
        until(
            lambda: database.execute("SELECT 1 FROM astdb WHERE key LIKE '/registrar/contact/1002%'").fetchone(),
            "the registration to be kept",
        )
    pbx.kill()
    pbx.start()
    assert "1002/sip:1002@127.0.0.1" in pbx.cli("pjsip show contacts")


def test_ports_stay_the_same_after_a_kill(pbx: Asterisk) -> None:
    before = (pbx.sip_port, pbx.ami_port)
    pbx.kill()
    pbx.start()
    assert (pbx.sip_port, pbx.ami_port) == before
    assert "Asterisk" in pbx.cli("core show version")


def test_a_paused_pbx_answers_when_it_goes_on(pbx: Asterisk) -> None:
    pbx.pause()
    with pytest.raises(TimeoutError):
        _register(pbx, "1001", patience_s=0.3)
    pbx.cont()
    assert "401" in _register(pbx, "1001")


def test_a_path_too_long_for_a_socket_does_no_harm(tmp_path: Path) -> None:
    with Asterisk(tmp_path / ("long" * 25), name="pbx2") as other:
        assert "pbx2" in other.cli("core show settings")


def test_a_named_binary_that_is_no_asterisk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTACTD_LAB_ASTERISK", "/bin/true")
    with pytest.raises(LabError, match="CONTACTD_LAB_ASTERISK"):
        asterisk.find()


def test_modules_that_this_version_has_not_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "app_dial.so").touch()
    conf = "autoload = no\nload = app_dial.so\nload = app_of_tomorrow.so\n"
    assert asterisk.present(conf, tmp_path) == "autoload = no\nload = app_dial.so\n"


def test_the_music_is_thirty_seconds_and_not_silent() -> None:
    music = asterisk.tune()
    assert len(music) >= 30 * 8000
    assert len(set(music[:8000])) > 50


def _cel(pbx: Asterisk) -> list[list[str]]:
    if not pbx.cel_path.exists():
        return []
    with pbx.cel_path.open(newline="") as lines:
        return list(csv.reader(lines))


def _register(pbx: Asterisk, name: str, patience_s: float = 5, password: str | None = None) -> str:
    """What the PBX answers to a REGISTER; with a password, to the second one that knows the challenge."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(patience_s)
        phone.bind(("127.0.0.1", 0))
        port = phone.getsockname()[1]
        uri = f"sip:127.0.0.1:{pbx.sip_port}"

        def ask(number: int, *more: str) -> str:
            lines = (
                f"REGISTER {uri} SIP/2.0",
                f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{port}{number};rport",
                f"From: <sip:{name}@127.0.0.1>;tag={port}",
                f"To: <sip:{name}@127.0.0.1>",
                f"Call-ID: {port}@lab",
                f"CSeq: {number} REGISTER",
                f"Contact: <sip:{name}@127.0.0.1:{port}>",
                *more,
                "Content-Length: 0",
            )
            phone.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), ("127.0.0.1", pbx.sip_port))
            while not (answer := phone.recv(4096).decode()).startswith("SIP/2.0"):
                pass  # the PBX asks whether the handset is there
            return answer

        answer = ask(1)
        if password is None:
            return answer
        given = dict(re.findall(r'(realm|nonce|opaque)="([^"]*)"', answer))
        secret = _md5(f"{name}:{given['realm']}:{password}")
        request = _md5(f"REGISTER:{uri}")
        response = _md5(f"{secret}:{given['nonce']}:00000001:c:auth:{request}")
        return ask(
            2,
            f'Authorization: Digest username="{name}", realm="{given["realm"]}", '
            f'nonce="{given["nonce"]}", '
            f'uri="{uri}", response="{response}", opaque="{given["opaque"]}", '
            'qop=auth, nc=00000001, cnonce="c"',
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
