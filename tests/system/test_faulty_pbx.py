"""Asterisk slow, away, wrong, lying, reloaded, restarted: real calls on a real PBX, and a wire that can lie between."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest

from tests.lab.asterisk import Asterisk
from tests.lab.phones import PhoneError
from tests.lab.stack import Contactd
from tests.system.centre import AGENT_HZ, Centre
from tests.system.telling import body, hears_music, kinds, talk
from tests.system.wire import Wire, as_it_is

WHOLE = ["ContactArrived", "ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded", "ContactEnded"]


class WiredCentre(Centre):
    """A centre whose AMI goes over a wire of ours."""

    wire: Wire

    async def __aenter__(self) -> WiredCentre:
        await asyncio.to_thread(self.stack.start, run_contactd=False)
        self.wire = await Wire(self.stack.asterisk.ami_port).__aenter__()
        daemon = self.stack.daemon
        real = f"port = {self.stack.asterisk.ami_port}\n"
        assert daemon.config.read_text().count(real) == 1
        daemon.write(daemon.config.read_text().replace(real, f"port = {self.wire.port}\n"))
        await asyncio.to_thread(daemon.start)
        await self.phones.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)  # type: ignore[arg-type]
        await self.wire.__aexit__(None, None, None)


@pytest.fixture(scope="module")
async def wired(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WiredCentre]:
    """It compares every five seconds. Its dialplan forgets every global when it is loaded again, as some sites' do."""
    forgetful = {"extensions.conf": "[general](+)\nclearglobalvars = yes"}
    folder = tmp_path_factory.mktemp("wired")
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with WiredCentre(folder, agents=3, queues=queues, compare_s=5, extra_conf=forgetful) as centre:
        yield centre


@pytest.fixture
async def centre(wired: WiredCentre) -> AsyncIterator[WiredCentre]:
    await wired.clear()
    yield wired
    wired.wire.twist, wired.wire.late_s = as_it_is, 0.0
    await wired.clear()


def metric(daemon: Contactd, name: str) -> float:
    """The sum over all labels."""
    found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", daemon.metrics(), re.M)
    assert found, name
    return sum(map(float, found))


async def log_says(centre: Centre, text: str, since: int = 0, timeout_s: float = 15.0) -> str:
    """The first line of contactd's log that holds a text; since: a length of the log before."""
    path: Path = centre.stack.daemon.log

    def line() -> str:
        return next((line for line in path.read_text()[since:].splitlines() if text in line), "")

    found: str = await centre.until(line, f"the log to say {text}", timeout_s)
    return found


async def a_call_works(centre: Centre, agent: str = "carla") -> None:
    (handset,) = await centre.duty(agent)
    call = await centre.dial("5001")
    at_agent = await (await handset.next_call()).wait("confirmed")
    await talk(call, at_agent)
    await call.hangup()
    centre.act(agent, "sign-out")


def _takes_no_calls(pbx: Asterisk) -> bool:
    """It lets nobody log in any more either."""
    try:
        pbx.cli("core show uptime")
    except OSError:
        return True
    return False


# --- late and lying ---------------------------------------------------------------------------------------------------


async def test_an_ami_that_answers_late_costs_time_and_no_call(centre: WiredCentre) -> None:
    (anna,) = await centre.duty("anna")
    centre.wire.late_s = 1.2
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    await at_anna.hangup()
    story = await centre.story()
    assert kinds(story) == WHOLE
    assert body(story, "ContactConnected")["agent"] == "anna"
    assert metric(centre.stack.daemon, "contactd_ami_timeouts_total") == 0


async def test_an_ami_that_repeats_itself_and_talks_of_strangers_changes_no_story(centre: WiredCentre) -> None:
    stranger = "pbx1-1700000000.999"
    lies = [
        {"Event": "Hangup", "Uniqueid": stranger, "ChanVariable": f"CONTACTD_CALL={stranger}", "Cause": "16"},
        {"Event": "Hangup", "Uniqueid": "somebody-elses-1.2", "Channel": "SIP/x", "ChanVariable": "OTHER=x"},
        {"Event": "DialEnd", "Uniqueid": stranger, "ChanVariable": f"CONTACTD_CALL={stranger}", "DialStatus": "ANSWER"},
        {"Event": "UserEvent", "UserEvent": "ContactdOfferEnd", "ChanVariable": f"CONTACTD_CALL={stranger}"},
        {"Event": "UserEvent", "UserEvent": "SomebodyElses", "Offer": "1-1", "Queue": "sales"},
        {"Event": "DeviceStateChange", "Device": "PJSIP/9999", "State": "NOT_INUSE"},
        {"Event": "DeviceStateChange", "Device": "PJSIP/1001", "State": "NO_SUCH_STATE"},
        {"Event": "BlindTransfer", "Result": "Success", "TransfereeUniqueid": stranger},
        {"Event": "NeverHeardOf", "ChanVariable": f"CONTACTD_CALL={stranger}"},
        {"Response": "Success", "ActionID": "nobody asked"},
    ]
    wrong = b"".join("\r\n".join(f"{k}: {v}" for k, v in lie.items()).encode() + b"\r\n\r\n" for lie in lies)

    def gossip(block: bytes) -> list[bytes]:
        """But lines of lists, which Asterisk counts, and a caller's being held, which is a place."""
        if not block.startswith(b"Event: ") or b"\r\nActionID: " in block:
            return [block]
        return [wrong, block, *([] if b"ContactdHeld" in block else [block]), wrong]

    centre.wire.twist = gossip
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    await at_anna.hangup()
    assert kinds(await centre.story()) == WHOLE
    await centre.until_agent("anna", status="ready", state="idle", handset="free")
    assert not centre.facts("kind = 'FactQuarantined'")


async def test_events_out_of_order_end_in_the_same_floor(centre: WiredCentre) -> None:
    held: list[bytes] = []
    loop = asyncio.get_running_loop()

    def turned_round(block: bytes) -> list[bytes]:
        """What Asterisk says within 0.4 s comes last first."""
        if not block.startswith(b"Event: ") or b"\r\nActionID: " in block:
            return [block]
        if not held:
            loop.call_later(0.4, lambda: (centre.wire.say(b"".join(reversed(held))), held.clear()))
        held.append(block)
        return []

    (anna,) = await centre.duty("anna")
    centre.wire.twist = turned_round
    calls = [await centre.dial("5001") for _ in range(2)]
    at_anna = await (await anna.next_call()).wait("confirmed")
    # Ended within one such span: the agent's leaving, the end of the call, the handset's states.
    # One of the two talked with her, and is gone with the talk.
    await asyncio.gather(at_anna.hangup(), *(call.hangup() for call in calls), return_exceptions=True)
    stories = await centre.until_ended(2)
    centre.wire.twist = as_it_is
    assert [kinds(story).count("ContactEnded") for story in stories.values()] == [1, 1]
    await centre.until(lambda: not centre.contacts(), "nobody to be left on the floor")
    centre.act("anna", "ready")
    await a_call_works(centre, "anna")


async def test_a_lie_about_a_talk_is_taken_back_by_the_next_comparison(centre: WiredCentre) -> None:
    anna, bilal = await centre.duty("anna", "bilal")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    arrived = await centre.until_fact("ContactArrived")
    await centre.until_fact("ContactConnected")
    who = arrived.body["call"]
    centre.wire.say_event(
        Event="Hangup", Channel=arrived.body["channel"], Uniqueid=who, ChanVariable=f"CONTACTD_CALL={who}", Cause="16"
    )
    await centre.until_fact("ContactEnded")
    again = await centre.until_fact("ContactConnected", contact=arrived.body["contact"], seen_late=True)
    assert again.body["agent"] == "anna"
    await talk(call, at_anna)
    # Meanwhile nobody is sent to Anna, whose handset is in use.
    second = await centre.dial("5001")
    await talk(second, await (await bilal.next_call()).wait("confirmed"))
    assert anna._incoming.empty()


@pytest.mark.parametrize(
    ("nonsense", "told"),
    [
        (b"Event: " + b"x" * 1_100_000 + b"\r\n\r\n", "longer than"),
        (b"y" * 1_200_000, "longer than"),
        (b"Event: UserEvent\r\n" + b"A: b\r\n" * 5_000 + b"\r\n", "headers"),
        (
            b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03"
            + bytes(range(256)) * 8
            + b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "",
        ),
        (b"Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n", ""),
    ],
    ids=["a megabyte", "no end", "headers", "other protocols", "goodbye"],
)
async def test_garbage_on_the_ami_costs_a_reconnect_at_most(centre: WiredCentre, nonsense: bytes, told: str) -> None:
    daemon = centre.stack.daemon
    waiting = await centre.dial("5001")
    await centre.until_queued(1)
    before, since = metric(daemon, "contactd_ami_reconnects_total"), len(daemon.log.read_text())
    centre.wire.say(nonsense)
    if told:
        assert told in await log_says(centre, "pbx_link_lost", since)
        await centre.until(lambda: metric(daemon, "contactd_ami_reconnects_total") > before, "a new connection")
        await centre.until(daemon.healthy, "contactd to steer again")
    (anna,) = await centre.duty("anna")
    await talk(waiting, await (await anna.next_call()).wait("confirmed"))
    assert len(centre.stories()) == 1
    assert nonsense[7:40].decode("latin-1") not in daemon.log.read_text()[since:]


# --- handsets that answer nonsense ------------------------------------------------------------------------------------


class BadHandset(asyncio.DatagramProtocol):
    """In the place of a registered telephone that has died: it answers each INVITE with these bytes."""

    def __init__(self, answers: Callable[[str], list[bytes]]) -> None:
        self.invites = 0
        self._answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode("utf-8", "replace")
        if text.startswith("INVITE "):
            self.invites += 1
            for answer in self._answers(text):
                self._transport.sendto(answer, addr)
        elif not text.startswith(("ACK", "SIP/2.0")):
            self._transport.sendto(ok(text), addr)


def ok(request: str, body: bytes = b"") -> bytes:
    """200 OK to a request."""
    wanted = ("via", "from", "to", "call-id", "cseq")
    lines = [line for line in request.split("\r\n") if line.partition(":")[0].strip().lower() in wanted]
    lines = [f"{line};tag=bad" if line.lower().startswith("to:") and "tag=" not in line else line for line in lines]
    kind = ["Content-Type: application/sdp"] if body else []
    head = ["SIP/2.0 200 OK", *lines, "Contact: <sip:bad@127.0.0.1>", *kind, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


GARBAGE = [
    b"",
    b"\xff\x00" * 300,
    b"SIP/2.0 garbage\r\n\r\n",
    b"SIP/2.0 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"x" * 60_000,
]


@pytest.mark.parametrize(
    ("answers", "outcomes"),
    [
        (lambda _: GARBAGE, {"rona"}),
        (lambda request: [ok(request, b"v=0\r\nnonsense\r\n" * 20)], {"rona", "unregistered"}),
    ],
    ids=["no SIP", "no SDP"],
)
async def test_a_handset_that_answers_with_garbage_counts_as_not_answering(
    centre: WiredCentre, answers: Callable[[str], list[bytes]], outcomes: set[str]
) -> None:
    (bilal,) = await centre.duty("bilal")
    line = bilal._lines[0]
    port = int(line.sip.rpartition(":")[2])
    os.kill(line.pid, signal.SIGKILL)
    del centre.handsets["bilal"]
    await centre.until(lambda: not line.alive, "the telephone to be gone")
    transport, bad = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: BadHandset(answers), ("127.0.0.1", port)
    )
    try:
        waiting = await centre.dial("5001")
        ended = await centre.until_fact("OfferEnded", agent="bilal")
        assert bad.invites and ended.body["outcome"] in outcomes
        assert centre.agent("bilal")["status"] == "not_ready"
        await centre.until_queued(1)
        (anna,) = await centre.duty("anna")
        await talk(waiting, await (await anna.next_call()).wait("confirmed"))
        assert len(centre.stories()) == 1
    finally:
        transport.close()


# --- frozen, reloaded, restarted, a changed account -------------------------------------------------------------------


async def test_a_frozen_asterisk_is_noticed_and_its_callers_are_still_there_when_it_thaws(centre: WiredCentre) -> None:
    (anna,) = await centre.duty("anna")
    talking = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(talking, at_anna)
    waiting = await centre.dial("5001")
    (contact,) = await centre.until_queued(1)
    daemon, since = centre.stack.daemon, len(centre.stack.daemon.log.read_text())
    centre.stack.asterisk.pause()
    try:
        assert re.search("did not answer|no answer", await log_says(centre, "pbx_link_lost", since, timeout_s=20))
        assert not daemon.healthy()
    finally:
        centre.stack.asterisk.cont()
    await centre.until(daemon.healthy, "contactd to steer again")
    await talk(talking, at_anna)
    await hears_music(waiting)
    assert await centre.until_queued(1) == [contact]
    (bilal,) = await centre.duty("bilal")
    await talk(waiting, await (await bilal.next_call()).wait("confirmed"))
    assert len(centre.stories()) == 2


async def test_reloads_of_asterisk_under_calls_end_none_and_the_menu_is_there_afterwards(centre: WiredCentre) -> None:
    (anna,) = await centre.duty("anna")
    talking = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    waiting = await centre.dial("5001")
    (contact,) = await centre.until_queued(1)
    pbx, since = centre.stack.asterisk, len(centre.stack.daemon.log.read_text())
    for command in ("dialplan reload", "module reload res_pjsip.so", "module reload app_queue.so", "core reload"):
        await asyncio.to_thread(pbx.cli, command)
    assert "clearglobalvars" in await log_says(centre, "pbx_globals_lost", since)
    await centre.until(
        lambda: re.search(r"CONTACTD_AGI=\S+:\d+", pbx.cli("dialplan show globals")), "the dialplan to know contactd"
    )
    await talk(talking, at_anna)
    await hears_music(waiting)
    assert await centre.until_queued(1) == [contact]
    # The menu answers, and signing in by the handset works.
    third = await centre.dial("5000")
    await third.dtmf("2")
    assert (await centre.until_fact("MenuChosen")).body["choice"] == "2"
    await centre.handset("bilal", tone_hz=AGENT_HZ)
    await centre.code("bilal", "*45", centre.person("bilal").pin + "#")
    await centre.until_agent("bilal", status="ready")
    await talk(waiting, await (await centre.handsets["bilal"].next_call()).wait("confirmed"))
    assert centre.stack.daemon.healthy()


async def test_an_account_whose_secret_changed_steers_until_it_must_log_in_again(centre: WiredCentre) -> None:
    pbx, daemon = centre.stack.asterisk, centre.stack.daemon
    files = [p for p in (pbx.folder / "etc/contactd").glob("manager_contactd*.conf") if pbx.ami_secret in p.read_text()]
    assert files
    old = {path: path.read_text() for path in files}
    waiting = await centre.dial("5001")
    await centre.until_queued(1)
    try:
        for path, text in old.items():
            path.write_text(text.replace(pbx.ami_secret, "0" * 32))
        await asyncio.to_thread(pbx.cli, "manager reload")
        await centre.until_queued(1)
        assert daemon.healthy()
        since = len(daemon.log.read_text())
        session = re.search(r"^ +contactd .* (\d+) +\d+ +\d+ +\d+$", pbx.cli("manager show connected"), re.M)
        assert session
        await asyncio.to_thread(pbx.cli, f"manager kick session {session[1]}")
        said = await log_says(centre, "refused the login", since)
        assert "check username, secret and permit" in said and pbx.ami_secret not in daemon.log.read_text()
        assert not daemon.healthy()
        await hears_music(waiting)
    finally:
        for path, text in old.items():
            path.write_text(text)
        await asyncio.to_thread(pbx.cli, "manager reload")
    await centre.until(daemon.healthy, "contactd to steer again", 20)
    (anna,) = await centre.duty("anna")
    await talk(waiting, await (await anna.next_call()).wait("confirmed"))


async def test_a_graceful_restart_of_asterisk_lets_the_talk_end_and_everybody_is_back(centre: WiredCentre) -> None:
    pbx, daemon = centre.stack.asterisk, centre.stack.daemon
    (anna,) = await centre.duty("anna")
    talking = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    stopping = asyncio.create_task(asyncio.to_thread(pbx.cli, "core stop gracefully"))  # answers when it is done
    await centre.until(lambda: _takes_no_calls(pbx), "Asterisk to take no more calls")
    late = await (await centre.phones.caller("late")).dial("5001")
    await late.wait("disconnected")
    await talk(talking, at_anna)
    await talking.hangup()
    await centre.until(lambda: not pbx.alive(), "Asterisk to end")
    await asyncio.gather(stopping, return_exceptions=True)
    assert not daemon.healthy()
    await asyncio.to_thread(pbx.start)
    await centre.until(daemon.healthy, "contactd to steer again", 20)
    story = await centre.story()
    assert kinds(story) == WHOLE and body(story, "ContactEnded")["outcome"] == "handled"
    with contextlib.suppress(PhoneError):  # it may have noticed already
        await anna.unregister()
    await anna.register()
    await centre.until_agent("anna", status="ready", state="idle", handset="free")
    call = await centre.dial("5001")
    await talk(call, await (await anna.next_call()).wait("confirmed"))


async def test_a_pbx_that_is_met_while_it_loads_its_modules_has_lost_its_calls(centre: WiredCentre) -> None:
    call = await centre.dial("5001")
    await centre.until_fact("ContactQueued")
    early = 3

    def loading(block: bytes) -> list[bytes]:
        """Its local time comes from a module, which is not there at first."""
        nonlocal early
        told = re.search(rb"Variable: STRFTIME.*\r\nValue: ", block)
        if early and told:
            early -= 1
            return [block[: told.end()] + b"\r\n\r\n"]
        return [block]

    centre.wire.twist = loading
    pbx = centre.stack.asterisk
    await asyncio.to_thread(pbx.kill)
    await asyncio.to_thread(pbx.start)
    story = await centre.story()
    assert body(story, "ContactEnded")["outcome"] == "pbx_lost" and not early
    with contextlib.suppress(PhoneError):
        await call.hangup()
