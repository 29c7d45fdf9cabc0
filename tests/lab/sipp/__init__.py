"""Load by sipp: callers and agents' phones in the hundreds, and the times of what they did.

    render(folder, "caller", target="600", number="49", key="1", prompt_ms=2000, talk_ms=5000)
    arguments("caller", ("127.0.0.1", pbx.sip_port), rtp=(30000, 30999), rate=10, calls=1000)

`render` fills in a scenario (caller.xml, agent.xml) and writes the sounds it plays; run `command()` with
`arguments` in that folder.  `steps` then reads what each call did and when, to join both sides by the
caller's number.

Judge a run by what the *agent's* side answered: a caller hung up on before any queue is a success to sipp.

Everything goes without root.  sipp's own play_pcap_audio and play_dtmf want raw sockets, so a key is a
telephone-event (RFC 4733) played as if it were a codec: one packet with the end bit, which Asterisk takes
for a whole key press.  The codec has to be named iLBC, the only name that lets a dynamic payload type play
audio; its packets of 50 bytes carry the event in the first four, and the rest is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab import debs
from tests.lab.progress import LAB

HERE = Path(__file__).parent
KEYS = "0123456789*#"
ILBC_PACKET = 50
# What a scenario takes when nothing is said.
DEFAULTS = {
    "target": "600",
    "number": "",
    "patience_ms": "600000",
    "prompt_ms": "1000",
    "talk_ms": "600000",
    "answer_ms": "1",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a scenario's log."""

    what: str  # INVITE, ANSWER, KEY, HANGUP (this side's), BYE (the far side's), CANCEL
    time: float  # seconds since the epoch
    call_id: str
    caller: str  # the number in From
    agent: str  # the user in the request URI; empty in a caller's log


def command() -> list[str]:
    """How to start sipp: Debian's newest, since the scenarios want 3.7 and a host's may be older."""
    return debs.runner(debs.ensure(("sip-tester",), LAB / "sipp-root"), "usr/bin/sipp")


def render(folder: Path, scenario: str, *, key: str = "1", **values: str | int) -> Path:
    """Write scenario ("caller" or "agent") and its sounds to folder; returns the scenario's path.

    target, number:  whom to call; prefix of the callers' numbers, to which sipp adds 1, 2, 3...
    patience_ms:     how long a caller waits for an answer; the call fails then.
    prompt_ms, key:  the key a caller presses, so long after the answer.
    answer_ms:       how long an agent's phone rings.
    talk_ms:         after which a side hangs up itself, unless the other does before.
    """
    unknown = values.keys() - DEFAULTS
    if unknown:
        raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
    # sipp takes a time of 0 for "no time-out".
    given = {name: str(max(value, 1) if isinstance(value, int) else value) for name, value in values.items()}
    folder.mkdir(parents=True, exist_ok=True)
    text = (HERE / f"{scenario}.xml").read_text()
    path = folder / f"{scenario}.xml"
    path.write_text(re.sub(r"@(\w+)@", lambda match: (DEFAULTS | given)[match[1]], text))
    (folder / "silence.ulaw").write_bytes(b"\xff" * 160 * 50)
    (folder / "key.event").write_bytes(key_event(key))
    return path


def key_event(key: str, milliseconds: int = 100) -> bytes:
    """The end packet of a telephone-event at -10 dBm0, padded to what sipp sends at once.

    >>> key_event("#")[:4].hex()
    '0b8a0320'
    """
    event = bytes((KEYS.index(key), 0x80 | 10)) + (milliseconds * 8).to_bytes(2, "big")
    return event.ljust(ILBC_PACKET, b"\0")


def arguments(
    scenario: str,
    server: tuple[str, int],
    *,
    rtp: tuple[int, int],
    port: int | None = None,
    rate: float = 1.0,
    calls: int | None = None,
    at_once: int = 10000,
) -> list[str]:
    """sipp's arguments; server is the PBX, rtp a port range for this side alone, rate new calls a second."""
    own = ["-i", "127.0.0.1", "-mi", "127.0.0.1", "-min_rtp_port", str(rtp[0]), "-max_rtp_port", str(rtp[1])]
    own += ["-p", str(port)] if port else []
    log = ["-trace_logs", "-log_file", f"{scenario}.log", "-log_overwrite", "true"]
    log += [
        "-trace_err",
        "-error_file",
        f"{scenario}.err",
        "-trace_stat",
        "-stf",
        f"{scenario}.csv",
        "-fd",
        "1",
    ]
    how_many = ["-m", str(calls)] if calls else []
    pace = ["-r", str(rate), "-l", str(at_once)] if scenario != "agent" else []
    return ["{}:{}".format(*server), "-sf", f"{scenario}.xml", "-nostdin", *own, *log, *how_many, *pace]


def steps(log: Path) -> Iterator[Step]:
    """What a scenario's log tells; its [timestamp] is "date <tab> time <tab> epoch"."""
    for line in log.read_text(errors="replace").splitlines():
        found = re.match(r"([A-Z]+) .*?([0-9]{9,}\.[0-9]+) (\S+) (\S*) ?(\S*)$", line)
        if found:
            what, epoch, call_id, caller, agent = found.groups()
            yield Step(what, float(epoch), call_id, caller, agent)
