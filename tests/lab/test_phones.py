"""The lab's phones on the lab's PBX: what system tests rely on when they say that somebody was heard."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from array import array
from collections.abc import AsyncIterator, Iterator
from math import pi, sin
from pathlib import Path

import pytest

from tests.lab.asterisk import Asterisk
from tests.lab.asterisk import Handset as Account
from tests.lab.phones import Caller, Handset, PhoneError, Phones, raw_invite
from tests.lab.phones.process import RATE, heard_in
from tests.lab.process import until

HANDSETS = 20
DIALPLAN = """
[phones]
exten => _p.,1,Dial(PJSIP/${EXTEN:1},30,g)
 same => n,SendText(${DIALSTATUS} ${HANGUPCAUSE})
 same => n,Hangup(${HANGUPCAUSE})
exten => keys,1,Answer(0)
 same => n,Read(KEYS,,3,,1,10)
 same => n,SendText(${KEYS})
 same => n,Wait(60)
exten => music,1,Progress()
 same => n,Playtones(800)
 same => n,Wait(60)
exten => answered,1,Answer(0)
 same => n,Playtones(800)
 same => n,Wait(60)
exten => name,1,Answer(0)
 same => n,SendText(${CALLERID(name)})
 same => n,Wait(60)
exten => conf,1,Answer(0)
 same => n,ConfBridge(lab)
"""
# An endpoint of its own, since whoever is not known by name lands in the product's context.
CALLER = """
[outside](lab-caller)
context = phones
"""


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    accounts = [Account(f"a{i}", "secret", "phones") for i in range(HANDSETS)]
    conf = {"extensions.conf": DIALPLAN, "pjsip.conf": CALLER}
    with Asterisk(tmp_path_factory.mktemp("pbx"), handsets=accounts, extra_conf=conf) as asterisk:
        yield asterisk


@pytest.fixture
async def phones(pbx: Asterisk, tmp_path: Path) -> AsyncIterator[Phones]:
    async with Phones(sip_port=pbx.sip_port, folder=tmp_path / "phones") as phones:
        yield phones


@pytest.fixture
async def caller(phones: Phones) -> Caller:
    return await phones.caller("outside", tone_hz=440)


@pytest.fixture
async def agent(phones: Phones) -> Handset:
    return await phones.handset("a1", "secret", tone_hz=660)


async def test_caller_and_handset_hear_each_other(caller: Caller, agent: Handset) -> None:
    call = await caller.dial("pa1", number="outside", display="Robert")
    await call.wait("confirmed")
    incoming = await agent.next_call()
    await incoming.wait("confirmed")
    assert (incoming.remote_number, incoming.remote_name) == ("outside", "Robert")
    assert call.times["invite"] <= call.times["ringing"] <= call.times["confirmed"]
    await asyncio.gather(call.hears_only(660), incoming.hears_only(440))
    assert abs(await call.tone() - 660) < 12
    assert (await call.rtp()).received > 10
    assert not caller.troubles and not agent.troubles


async def test_a_changed_tone_and_silence_are_heard(caller: Caller, agent: Handset) -> None:
    call = await caller.dial("pa1")
    incoming = await agent.next_call()
    await agent.play(1000)
    await call.hears(1000)
    await agent.play(0)
    await call.hears(0)
    assert await call.tone(timeout_s=0) == 0
    await incoming.play(520)
    await call.hears(520)
    with pytest.raises(AssertionError, match=r"should hear .*660.* but heard 5[12]. Hz"):
        await call.hears(660, timeout_s=0)


@pytest.mark.parametrize("side", ["caller", "agent"])
async def test_either_side_hangs_up(caller: Caller, agent: Handset, side: str) -> None:
    call = await caller.dial("pa1")
    await call.wait("confirmed")
    incoming = await agent.next_call()
    await incoming.wait("confirmed")
    ending, other = (call, incoming) if side == "caller" else (incoming, call)
    await ending.hangup()
    await other.wait("disconnected")
    assert abs(other.times["disconnected"] - ending.times["disconnected"]) < 3


@pytest.mark.parametrize(
    ("policy", "status"),
    [("decline", 603), ("busy", 486), ("unavailable", 480), (404, 404)],
)
async def test_a_policy_refuses_the_call(caller: Caller, agent: Handset, policy: str | int, status: int) -> None:
    await agent.set_policy(policy)
    call = await caller.dial("pa1")
    refused = await agent.next_call()
    await refused.wait("disconnected")
    await call.wait("disconnected")
    assert refused.code == status
    assert call.code >= 400


async def test_an_assigned_policy_holds_for_the_next_call(caller: Caller, agent: Handset) -> None:
    await agent.set_policy("busy")
    await (await caller.dial("pa1")).wait("disconnected")
    await agent.set_policy("auto")
    await (await caller.dial("pa1")).wait("confirmed")


async def test_an_ignoring_phone_neither_rings_nor_answers(caller: Caller, agent: Handset) -> None:
    await agent.set_policy("ignore")
    call = await caller.dial("pa1")
    incoming = await agent.next_call()
    assert incoming.state == "incoming"
    await call.hangup()
    await incoming.wait("disconnected")
    assert "ringing" not in call.times and "confirmed" not in incoming.times


async def test_a_phone_rings_until_it_is_answered_by_hand(caller: Caller, agent: Handset) -> None:
    await agent.set_policy("manual")
    call = await caller.dial("pa1")
    incoming = await agent.next_call()
    await call.wait("early")
    assert call.state == "early"
    await incoming.answer()
    await call.wait("confirmed")


async def test_a_phone_answers_after_a_time_and_not_before(caller: Caller, agent: Handset) -> None:
    await agent.set_policy("auto", answer_after_s=0.4)
    call = await caller.dial("pa1")
    await call.wait("confirmed")
    assert 0.39 < call.times["confirmed"] - call.times["ringing"] < 3


async def test_a_caller_who_gives_up_stops_the_ringing(caller: Caller, agent: Handset) -> None:
    await agent.set_policy("auto", answer_after_s=30)
    call = await caller.dial("pa1")
    incoming = await agent.next_call()
    await call.wait("early")
    await call.hangup()
    await incoming.wait("disconnected")
    with pytest.raises(AssertionError, match="never confirmed"):
        await incoming.wait("confirmed")


async def test_the_dialplan_reads_the_keys(caller: Caller) -> None:
    call = await caller.dial("keys")
    await call.wait("confirmed")
    await call.dtmf("12#")
    await call.until(lambda call: call.messages, "told the keys")
    assert call.messages == ["12"]


async def test_keys_reach_the_other_phone(caller: Caller, agent: Handset) -> None:
    call = await caller.dial("pa1")
    incoming = await agent.next_call()
    await call.wait("confirmed")
    await call.dtmf("471*")
    await incoming.until(lambda call: call.digits == "471*", "sent 471*")


async def test_early_media_is_heard_before_the_answer(caller: Caller) -> None:
    call = await caller.dial("music")
    await call.hears(800)
    assert call.state == "early"


async def test_a_blind_transfer_moves_the_caller(caller: Caller, agent: Handset, phones: Phones) -> None:
    second = await phones.handset("a2", "secret", tone_hz=880)
    call = await caller.dial("pa1")
    await call.hears(660)
    incoming = await agent.next_call()
    await incoming.blind_transfer("pa2")
    await call.hears_only(880)
    await (await second.next_call()).hears(440)
    assert incoming.transfer_code in {100, 200}


async def test_an_attended_transfer_joins_the_two(caller: Caller, agent: Handset, phones: Phones) -> None:
    second = await phones.handset("a2", "secret", tone_hz=880)
    call = await caller.dial("pa1")
    incoming = await agent.next_call()
    await call.hears(660)
    await incoming.hold()
    consult = await agent.dial("pa2")
    await consult.hears(880)
    await incoming.attended_transfer(consult)
    await asyncio.gather(call.hears_only(880), (await second.next_call()).hears_only(440))


async def test_a_conference_is_heard_as_a_mixture(caller: Caller, agent: Handset) -> None:
    third = await caller.dial("conf")
    await third.wait("confirmed")
    await third.play(1200)
    theirs, own = await caller.dial("conf"), await agent.dial("conf")
    await asyncio.gather(own.hears_only(440, 1200), theirs.hears_only(660, 1200), third.hears_only(440, 660))


async def test_an_unregistered_handset_gets_no_calls(caller: Caller, agent: Handset, pbx: Asterisk) -> None:
    assert "a1/sip:a1@" in pbx.cli("pjsip show contacts")
    await agent.unregister()
    assert "a1/sip:a1@" not in pbx.cli("pjsip show contacts")
    assert not agent.registered
    await (await caller.dial("pa1")).wait("disconnected")
    assert agent.calls == []
    await agent.register()
    await (await caller.dial("pa1")).wait("confirmed")


async def test_a_wrong_password_is_refused(phones: Phones) -> None:
    with pytest.raises(PhoneError, match=r"40[13]"):
        await phones.handset("a1", "wrong")


async def test_a_crashed_phone_goes_silent_and_says_nothing(caller: Caller, agent: Handset) -> None:
    call = await caller.dial("pa1")
    await call.hears(660)
    incoming = await agent.next_call()
    incoming.crash()
    await call.hears(0)
    assert call.state == "confirmed"
    with pytest.raises(PhoneError, match="frozen"):
        await incoming.hangup()
    incoming.thaw()
    await call.hears(660)


async def test_a_killed_phone_does_not_take_the_others_down(caller: Caller, agent: Handset, phones: Phones) -> None:
    second = await phones.handset("a2", "secret", tone_hz=880)
    call = await caller.dial("pa1")
    await call.wait("confirmed")
    incoming = await agent.next_call()
    agent.kill()
    await incoming.wait("disconnected")
    with pytest.raises(PhoneError, match="has died"):
        await agent.dial("pa2")
    other = await caller.dial("pa2")
    await other.hears(880)
    assert second.calls[0].state == "confirmed"


async def test_names_with_quotes_arrive_as_they_are(caller: Caller) -> None:
    name = 'Robert "Bobby" \\ Tables, Ü'
    call = await caller.dial("name", number="outside", display=name)
    await call.until(lambda call: call.messages, "told its name")
    assert call.messages == [name]


async def test_the_stack_refuses_to_smuggle_a_header(caller: Caller) -> None:
    """Hence raw_invite."""
    with pytest.raises(PhoneError, match="Invalid URI"):
        await caller.dial("name", number="outside", display='Robert"\r\nX: y')
    assert caller.calls == []


async def test_a_raw_invite_sends_exactly_its_bytes(phones: Phones, tmp_path: Path) -> None:
    agent = await phones.handset("a3", "secret", answer="busy", register=False)
    host, _, port = agent.address.partition(":")
    sent = b'"\\"; DROP \xc3\xbc" <sip:' + b"9" * 300 + b"@127.0.0.1>"
    async with raw_invite(
        "a3", host=host, port=int(port), from_=sent, headers=b"X-Odd: \x07\r\nX-Long: " + b"y" * 500 + b"\r\n"
    ) as call:
        assert await call.wait(200) == 486
    received = await agent.next_call()
    assert received.remote_number == "9" * 300
    assert received.headers["x-odd"] == "\x07" and received.headers["x-long"] == "y" * 500


async def test_a_raw_invite_is_answered_and_ended(pbx: Asterisk, phones: Phones) -> None:
    async with raw_invite("answered", port=pbx.sip_port, from_=b"<sip:outside@127.0.0.1>") as call:
        assert await call.wait(200) == 200
    await asyncio.to_thread(_no_channels, pbx)


def _no_channels(pbx: Asterisk) -> None:
    until(lambda: "0 active channels" in pbx.cli("core show channels count"), "all channels to end")


async def test_twenty_calls_at_once(caller: Caller, phones: Phones) -> None:
    tones = [500 + 40 * i for i in range(HANDSETS)]
    agents = await asyncio.gather(*(phones.handset(f"a{i}", "secret", tone_hz=hz) for i, hz in enumerate(tones)))
    calls = await asyncio.gather(*(caller.dial(f"pa{i}") for i in range(HANDSETS)))
    incoming = await asyncio.gather(*(agent.next_call() for agent in agents))
    await asyncio.gather(
        *(call.hears_only(hz) for call, hz in zip(calls, tones, strict=True)),
        *(call.hears_only(440) for call in incoming),
    )
    await asyncio.gather(*(call.hangup() for call in calls))
    await asyncio.gather(*(call.wait("disconnected") for call in incoming))
    assert [phone.troubles for phone in (*agents, caller) if phone.troubles] == []


async def test_leaving_ends_every_call_and_every_process(pbx: Asterisk, tmp_path: Path) -> None:
    async with Phones(sip_port=pbx.sip_port, folder=tmp_path) as phones:
        frozen = await phones.handset("a1", "secret")
        agent = await phones.handset("a2", "secret")
        caller = await phones.caller("outside")
        await (await caller.dial("pa2")).wait("confirmed")
        frozen.crash()
        assert phones._spawner is not None
        group = phones._spawner.pid
    assert agent.calls[0].state == "disconnected" and not agent.registered
    await asyncio.to_thread(_group_ended, group)
    await asyncio.to_thread(_no_channels, pbx)


def test_phones_end_with_their_test_even_when_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib\n"
        "from tests.lab.phones import Phones\n"
        "async def main():\n"
        f"    async with Phones(folder=pathlib.Path({str(tmp_path)!r})) as phones:\n"
        "        (await phones.caller()).crash()\n"
        "        print(phones._spawner.pid, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    test = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert test.stdout is not None
    group = int(test.stdout.readline())
    test.send_signal(signal.SIGKILL)
    test.wait()
    test.stdout.close()
    _group_ended(group)


def _group_ended(group: int) -> None:
    def members() -> list[int]:
        """Processes whose group it is (the third field after the name in brackets)."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == group and fields[0] != "Z":
                    found.append(int(stat.parent.name))
        return found

    until(lambda: not members(), "the phones' processes to end")


def tone(*parts: tuple[float, int]) -> array[int]:
    return array("h", (int(sum(level * sin(2 * pi * hz * n / RATE) for hz, level in parts)) for n in range(2400)))


@pytest.mark.parametrize("hz", [120, 440, 441.5, 697, 1000, 2500, 3390])
def test_the_ear_names_a_tone(hz: float) -> None:
    heard = heard_in(tone((hz, 8000)))
    assert len(heard["peaks"]) == 1
    assert abs(heard["peaks"][0][0] - hz) < 2
    assert abs(heard["peaks"][0][1] + 12.2) < 1.5  # 20 log(8000 / 32768)


def test_the_ear_separates_a_mixture_and_knows_silence() -> None:
    peaks = heard_in(tone((440, 3000), (480, 6000), (2000, 4000)))["peaks"]
    assert [round(hz / 5) * 5 for hz, _ in peaks] == [480, 2000, 440]
    assert heard_in(tone((440, 20)))["peaks"] == []
    assert heard_in(array("h"))["peaks"] == []
