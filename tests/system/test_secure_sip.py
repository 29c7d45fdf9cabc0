"""The TLS drop-in, made as its own head says: a handset that speaks nothing but TLS and SRTP."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import ssl
import subprocess
from pathlib import Path

import pytest

from contactd.metrics.certificates import instant_of
from contactd.protocols.certificate import ends
from tests.lab import debs, ports
from tests.lab.asterisk import DROP_INS, Handset, handset_conf
from tests.lab.phones import PhoneError, Secure
from tests.system.centre import AGENT_HZ, Centre
from tests.system.conftest import CREW
from tests.system.telling import talk

DROP_IN = DROP_INS / "pjsip_contactd_tls.conf"


def certificate(folder: Path) -> Path:
    """By the command that the drop-in tells, with our names in it."""
    (command,) = re.findall(r"^;\s+(openssl .*)$", DROP_IN.read_text(), re.MULTILINE)
    command = command.replace("192.0.2.5", "127.0.0.1").replace("/etc/asterisk/keys", str(folder))
    words = [*debs.tool("openssl"), *shlex.split(command)[1:]]
    subprocess.run(words, check=True, capture_output=True, cwd=folder)
    return folder / "contactd.crt"


async def test_a_handset_of_tls_and_srtp_gets_a_call_from_the_queue(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    trusted = certificate(keys)
    port = ports.reserve()
    # The PBX's own network is the loopback, hence lab-media, whose transport the template's line must win over.
    secret = CREW[0].password
    secured = handset_conf(Handset("1001", secret)).replace(
        "(contactd-handset,lab-media)", "(lab-media,contactd-handset-tls)"
    )
    conf = {"pjsip.conf": f'#include "contactd/pjsip_contactd_tls.conf"\n{secured}'}
    given = {"0.0.0.0:5061": f"127.0.0.1:{port.first}", "/etc/asterisk/keys": str(keys)}
    async with Centre(
        tmp_path / "centre", people=[CREW[1]], extra_conf=conf, substitutions=given, queues={"sales": (5, 0)}
    ) as centre:
        daemon = centre.stack.daemon
        text = daemon.config.read_text() + '\n[agents.anna]\nendpoint = "1001"\nqueues = ["sales"]\n'
        secrets = (daemon.folder / "secrets.toml").read_text() + f'\n[agents.anna]\npin = "{CREW[0].pin}"\n'
        daemon.write(text, secrets)
        daemon.hup()
        await centre.until(lambda: "configuration_loaded" in daemon.log.read_text(), "anna to be known")

        anna = await centre.phones.handset("1001", secret, tone_hz=AGENT_HZ, secure=Secure(port.first, trusted))
        assert "transport=tls" in centre.stack.asterisk.cli("pjsip show contacts").lower()
        await centre.until_agent("anna", handset="free")
        centre.act("anna", "sign-in")
        call = await centre.dial("5001")
        at_agent = await (await anna.next_call()).wait("confirmed")
        await talk(call, at_agent)
        phone_log = (centre.folder / "phones/1001.log").read_text()
        assert "RTP/SAVP" in phone_log and "a=crypto:1 AES_CM_128_HMAC_SHA1_80" in phone_log
        assert "RTP/AVP" not in phone_log
        # The agent's own calls are as secret, feature codes and their PINs above all.
        await at_agent.hangup()

        # Who does not offer SRTP is refused, and a handset that does not know the certificate's signer says nothing.
        anna.kill()
        plain = await centre.phones.handset("1001", secret)
        call = await plain.dial("*46")
        await call.wait("disconnected")
        assert call.code == 488
        plain.kill()
        other = tmp_path / "other"
        other.mkdir()
        with pytest.raises(PhoneError, match="REGISTER was answered 503"):
            await centre.phones.handset("1001", secret, secure=Secure(port.first, certificate(other)))


SHOWN = Path(__file__).resolve().parents[1] / "store/certificates"


def certificate_end_of(path: Path) -> float:
    return instant_of(ends(ssl.PEM_cert_to_DER_cert(path.read_text())))


@pytest.mark.parametrize("name", ["valid", "expired"])
async def test_the_end_of_the_certificate_is_told_by_doctor_and_to_prometheus(name: str, tmp_path: Path) -> None:
    """Of a real transport: what a handset would be shown."""
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "contactd.crt").write_bytes((SHOWN / f"{name}.crt").read_bytes())
    (keys / "contactd.key").write_bytes((SHOWN / "server.key").read_bytes())
    port = ports.reserve()
    conf = {"pjsip.conf": '#include "contactd/pjsip_contactd_tls.conf"\n'}
    given = {"0.0.0.0:5061": f"127.0.0.1:{port.first}", "/etc/asterisk/keys": str(keys)}
    async with Centre(tmp_path / "centre", people=CREW[:1], extra_conf=conf, substitutions=given) as centre:
        daemon = centre.stack.daemon
        text = daemon.config.read_text()
        daemon.write(text.replace("[pbx.pbx1]", f"[pbx.pbx1]\nsip_tls_port = {port.first}"))
        await asyncio.to_thread(daemon.stop)
        await asyncio.to_thread(daemon.start)
        metric = 'contactd_sip_certificate_end_timestamp_seconds{pbx="pbx1"} '
        await centre.until(lambda: metric in daemon.metrics(), "the certificate's end to be told")
        (line,) = [line for line in daemon.metrics().splitlines() if line.startswith(metric)]
        assert float(line.split()[1]) == certificate_end_of(SHOWN / f"{name}.crt")
        done = await asyncio.to_thread(daemon.ctl, "--json", "doctor", check=False)
        (found,) = [one for one in json.loads(done.stdout)["findings"] if one["check"] == "sip_certificate"]
        assert found["subject"] == "pbx1"
        if name == "valid":
            assert found["level"] == "ok" and "2120" in found["what"]
        else:
            assert found["level"] == "error" and "ended on 2021" in found["what"] and "graceful" in found["remedy"]
