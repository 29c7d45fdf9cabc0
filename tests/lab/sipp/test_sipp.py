"""The load scenarios on the lab's PBX, a few calls of each kind."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.lab import sipp
from tests.lab.asterisk import Asterisk
from tests.lab.ports import Reservation, reserve, reserve_block
from tests.lab.process import until

Settings = dict[str, str | int]
CALLS = 10
# Callers are anonymous, hence in the product's context; no number of its plan looks like these.
DIALPLAN = """
[load]
exten => keys,1,Answer(0)
 same => n,Read(KEY,,1,,1,10)
 same => n,GotoIf($["${{KEY}}"="5"]?dial,1)
 same => n,Hangup()
exten => dial,1,Dial(PJSIP/load/sip:a7@127.0.0.1:{agents},30,g)
 same => n,Hangup()
exten => withdraw,1,Answer(0)
 same => n,Dial(PJSIP/load/sip:a7@127.0.0.1:{agents},0.3,g)
 same => n,Hangup()
"""
_INCLUDE = """
[contactd-in]
include => load
"""
ENDPOINT = """
[load](lab-caller)
context = load
"""


@pytest.fixture(scope="module")
def agents_port() -> Iterator[Reservation]:
    port = reserve()
    yield port
    port.release()


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory, agents_port: Reservation) -> Iterator[Asterisk]:
    conf = {"extensions.conf": DIALPLAN.format(agents=agents_port.first) + _INCLUDE, "pjsip.conf": ENDPOINT}
    with Asterisk(tmp_path_factory.mktemp("pbx"), extra_conf=conf) as asterisk:
        yield asterisk


@contextmanager
def running(folder: Path, argv: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen([*sipp.command(), *argv], cwd=folder, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def run(
    pbx: Asterisk,
    agents_port: Reservation,
    folder: Path,
    caller: Settings,
    agent: Settings,
) -> tuple[list[sipp.Step], list[sipp.Step]]:
    """CALLS calls; what both sides did once all of them are over."""
    agents, callers = folder / "agents", folder / "callers"
    sipp.render(agents, "agent", **agent)  # type: ignore[arg-type]
    sipp.render(callers, "caller", **caller)  # type: ignore[arg-type]
    server = ("127.0.0.1", pbx.sip_port)
    with ExitStack() as stack:
        ranges = [reserve_block(200), reserve_block(200)]
        for one in ranges:
            stack.callback(one.release)
        rtp = [(one.first, one.last) for one in ranges]
        stack.enter_context(running(agents, sipp.arguments("agent", server, rtp=rtp[0], port=agents_port.first)))
        until(
            lambda: f":{agents_port.first:04X} " in Path("/proc/net/udp").read_text(),
            "the agents' sipp to listen",
        )
        process = stack.enter_context(
            running(callers, sipp.arguments("caller", server, rtp=rtp[1], rate=20, calls=CALLS))
        )
        until(lambda: process.poll() is not None, "the callers to finish", patience_s=60)
        assert process.returncode == 0, (callers / "caller.err").read_text()
        until(lambda: "0 active channels" in pbx.cli("core show channels count"), "all channels to end")
    return list(sipp.steps(callers / "caller.log")), list(sipp.steps(agents / "agent.log"))


def counts(steps: list[sipp.Step]) -> dict[str, int]:
    return dict(Counter(step.what for step in steps))


def test_callers_press_a_key_talk_and_hang_up(pbx: Asterisk, agents_port: Reservation, tmp_path: Path) -> None:
    caller: Settings = {"target": "keys", "key": "5", "prompt_ms": 100, "talk_ms": 600}
    callers, agents = run(pbx, agents_port, tmp_path, caller, {"answer_ms": 50})
    assert counts(callers) == {"INVITE": CALLS, "ANSWER": CALLS, "KEY": CALLS, "HANGUP": CALLS}
    assert counts(agents) == {"INVITE": CALLS, "ANSWER": CALLS, "BYE": CALLS}
    pressed = {step.caller: step.time for step in callers if step.what == "KEY"}
    offered = {step.caller: step.time for step in agents if step.what == "INVITE"}
    assert pressed.keys() == offered.keys()
    assert all(0 < offered[number] - pressed[number] < 1 for number in offered)
    assert {step.agent for step in agents} == {"a7"}


def test_a_wrong_key_reaches_no_agent(pbx: Asterisk, agents_port: Reservation, tmp_path: Path) -> None:
    callers, agents = run(pbx, agents_port, tmp_path, {"target": "keys", "key": "4", "prompt_ms": 100}, {})
    assert counts(callers) == {"INVITE": CALLS, "ANSWER": CALLS, "KEY": CALLS, "BYE": CALLS}
    assert agents == []


def test_agents_hang_up(pbx: Asterisk, agents_port: Reservation, tmp_path: Path) -> None:
    caller: Settings = {"target": "keys", "key": "5", "prompt_ms": 100}
    callers, agents = run(pbx, agents_port, tmp_path, caller, {"talk_ms": 300})
    assert counts(callers) == {"INVITE": CALLS, "ANSWER": CALLS, "KEY": CALLS, "BYE": CALLS}
    assert counts(agents) == {"INVITE": CALLS, "ANSWER": CALLS, "HANGUP": CALLS}


def test_a_withdrawn_offer_is_cancelled(pbx: Asterisk, agents_port: Reservation, tmp_path: Path) -> None:
    callers, agents = run(pbx, agents_port, tmp_path, {"target": "withdraw"}, {"answer_ms": 10_000})
    assert counts(agents) == {"INVITE": CALLS, "CANCEL": CALLS}
    assert counts(callers)["BYE"] == CALLS


@pytest.mark.parametrize("scenario", ["caller", "agent"])
def test_an_unknown_setting_is_refused(scenario: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no such setting: colour"):
        sipp.render(tmp_path, scenario, colour="red")
