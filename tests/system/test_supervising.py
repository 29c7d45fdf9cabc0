"""Supervisors at talks, on real telephones: who hears whom, by tone; and the same by the facts.

contactd compares itself with the PBX every five seconds here: whatever the two say differently would become a fact.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest

from tests.lab.phones import Call, Handset
from tests.system.centre import AGENT_HZ, CALLER_HZ, Centre, Fact
from tests.system.telling import kinds, talk, transferred

BOSS_HZ = 1700
_TONES = (CALLER_HZ, AGENT_HZ, BOSS_HZ)
ROLES = """
[supervisors.floor]
[supervisors.ears]
queues = ["support"]
modes = ["listen"]
"""


def configure(centre: Centre, *more: tuple[str, str]) -> None:
    """Carla is a supervisor of all, David of support, who may only listen. Sales is recorded."""
    daemon = centre.stack.daemon
    (centre.folder / "store").mkdir(mode=0o700, exist_ok=True)
    centre.stack.asterisk.recordings.mkdir(parents=True, exist_ok=True)
    toml = centre.stack.toml(daemon.folder, *_ports(centre))
    toml = toml.replace("[queues.sales]\n", '[queues.sales]\nrecord = "not_refused"\n')
    toml = toml.replace("[agents.carla]\n", '[agents.carla]\nnumber = "4003"\nsupervisor = "floor"\n')
    toml = toml.replace("[agents.david]\n", '[agents.david]\nsupervisor = "ears"\n') + ROLES
    toml += f'[recording]\ninbox = "{centre.stack.asterisk.recordings}"\nstore = "{centre.folder / "store"}"\n'
    for old, new in more:
        assert old in toml
        toml = toml.replace(old, new)
    daemon.write(toml, f'{centre.stack.secrets()}[recording]\nkey = "{"1f" * 32}"\n')


def _ports(centre: Centre) -> tuple[int, ...]:
    return tuple(port.first for port in centre.stack._held_ports[:3])


async def reload(centre: Centre, *more: tuple[str, str]) -> None:
    log = centre.stack.daemon.log
    before = log.read_text().count('"configuration_loaded"')
    configure(centre, *more)
    centre.stack.daemon.hup()
    await centre.until(lambda: log.read_text().count('"configuration_loaded"') > before, "the files to be read")


async def open_centre(centre: Centre) -> None:
    await reload(centre)


@pytest.fixture(scope="module")
async def supervised(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder = tmp_path_factory.mktemp("supervising")
    async with Centre(folder, agents=4, queues={"sales": (5, 2), "support": (5, 0)}, compare_s=5) as centre:
        await open_centre(centre)
        yield centre


@pytest.fixture
async def centre(supervised: Centre) -> AsyncIterator[Centre]:
    await supervised.clear()
    yield supervised
    await supervised.clear()


async def talking(centre: Centre, line: str = "5001", *, agent: str = "anna") -> tuple[Handset, Call, Call]:
    """The agent's handset, the caller's side and the agent's."""
    (handset,) = await centre.duty(agent)
    call = await centre.dial(line)
    at_agent = await (await handset.next_call(timeout_s=15)).wait("confirmed")
    await talk(call, at_agent)
    return handset, call, at_agent


async def boss(centre: Centre, who: str = "carla") -> Handset:
    """A supervisor at their handset, signed in, who serves no queue now."""
    handset = await centre.handset(who, tone_hz=BOSS_HZ)
    if not handset.registered:
        await handset.register()
    await centre.until(lambda: centre.now(who)["handset"] == "free", f"{who}'s handset to be free")
    centre.act(who, "sign-in")
    centre.act(who, "not-ready", "break")
    return handset


async def ears(within_s: float = 8, **of: tuple[Call, tuple[int, ...]]) -> None:
    """Each hears these tones, and no other of the three people's."""
    deadline = time.monotonic() + within_s
    while True:
        heard = await asyncio.gather(*(call.listen() for call, _ in of.values()))
        found = {who: tuple(hz for hz in _TONES if one.has(hz)) for who, one in zip(of, heard, strict=True)}
        wanted = {who: tones for who, (_, tones) in of.items()}
        if found == wanted:
            return
        assert time.monotonic() < deadline, f"they heard {found}, not {wanted}"


def modes(story: list[Fact]) -> list[str]:
    """In which a listening was, and how it ended."""
    return [
        fact.body["why"] if fact.kind == "ListeningEnded" else fact.body["mode"]
        for fact in story
        if fact.kind.startswith("Listening")
    ]


LISTEN = {"caller": (AGENT_HZ,), "agent": (CALLER_HZ,), "boss": (CALLER_HZ, AGENT_HZ)}
WHISPER = {**LISTEN, "agent": (CALLER_HZ, BOSS_HZ)}
BARGE = {**WHISPER, "caller": (AGENT_HZ, BOSS_HZ)}


async def test_only_the_right_ears_hear_in_each_mode_and_each_turn_is_a_fact(centre: Centre) -> None:
    _, call, at_anna = await talking(centre)
    carla = await boss(centre)
    at_boss = await (await carla.dial("*311001")).wait("confirmed")

    async def hear(mode: dict[str, tuple[int, ...]]) -> None:
        await ears(caller=(call, mode["caller"]), agent=(at_anna, mode["agent"]), boss=(at_boss, mode["boss"]))

    await hear(LISTEN)
    began = await centre.until_fact("ListeningBegan", agent="anna", supervisor="carla", mode="listen")
    for key, mode, heard in (("5", "whisper", WHISPER), ("6", "barge", BARGE), ("4", "listen", LISTEN)):
        await at_boss.dtmf(key)
        await centre.until_fact("ListeningTurned", mode=mode, listening=began.body["listening"])
        await hear(heard)
    # A key that ChanSpy() takes for itself changes nothing.
    await at_boss.dtmf("*")
    await hear(LISTEN)
    await at_anna.hangup()
    await at_boss.wait("disconnected")
    ended = await centre.until_fact("ListeningEnded", why="talk")
    assert abs(ended.body["lasted_s"] - (ended.at - began.at)) < 0.1
    story = await centre.story()
    assert modes(story) == ["listen", "whisper", "barge", "listen", "talk"]
    assert [kind for kind in kinds(story) if not kind.startswith("Listening")] == [
        *("ContactArrived", "ContactQueued", "ContactOffered", "RecordingStarted", "ContactConnected", "TalkEnded"),
        "ContactEnded",
    ]
    rows = json.loads(centre.stack.daemon.ctl("--json", "audit", story[0].body["contact"]).stdout)
    told = [(row["act"], row["agent"], row["via"]) for row in reversed(rows)]
    assert told[0] == ("listen", "anna", "handset 1003")
    explained = centre.stack.daemon.ctl("explain", story[0].body["contact"]).stdout
    assert "supervisor carla listens" in explained


@pytest.mark.parametrize(("code", "mode", "heard"), [("*32", "whisper", WHISPER), ("*33", "barge", BARGE)])
async def test_a_code_begins_in_its_mode_and_the_talk_goes_on_after_it(
    centre: Centre, code: str, mode: str, heard: dict[str, tuple[int, ...]]
) -> None:
    _, call, at_anna = await talking(centre)
    carla = await boss(centre)
    at_boss = await (await carla.dial(code)).wait("confirmed")
    await at_boss.dtmf("1001#")  # asked for: whom
    await ears(caller=(call, heard["caller"]), agent=(at_anna, heard["agent"]), boss=(at_boss, heard["boss"]))
    await centre.until_fact("ListeningBegan", mode=mode)
    await at_boss.hangup()
    assert (await centre.until_fact("ListeningEnded")).body["why"] == "supervisor"
    await talk(call, at_anna)
    assert centre.now("anna")["state"] == "busy"


async def test_who_may_not_hear_does_not_and_it_is_written_down(centre: Centre) -> None:
    _, call, at_anna = await talking(centre)
    david = await boss(centre, "david")
    tried = await (await david.dial("*311001")).wait("confirmed")
    await tried.wait("disconnected", 15)
    (bilal,) = await centre.duty("bilal")
    tried = await (await bilal.dial("*311001")).wait("confirmed")
    await tried.wait("disconnected", 15)
    await talk(call, at_anna)
    assert not centre.facts("kind LIKE 'Listening%'")
    rows = json.loads(centre.stack.daemon.ctl("--json", "audit", centre.contacts()[0]["id"]).stdout)
    assert [row["outcome"] for row in reversed(rows)] == ["queue: by david", "no_supervisor: by bilal"]


async def test_a_mode_that_is_not_allowed_is_refused_during_the_listening(centre: Centre) -> None:
    _, call, at_anna = await talking(centre, "5002")
    david = await boss(centre, "david")
    at_boss = await (await david.dial("*311001")).wait("confirmed")
    await ears(caller=(call, LISTEN["caller"]), agent=(at_anna, LISTEN["agent"]), boss=(at_boss, LISTEN["boss"]))
    await at_boss.dtmf("6")
    await asyncio.sleep(1)  # as long as a barge would take to be heard, and more
    await ears(caller=(call, LISTEN["caller"]), agent=(at_anna, LISTEN["agent"]), boss=(at_boss, LISTEN["boss"]))
    assert not centre.facts("kind = 'ListeningTurned'")


async def test_nobody_hears_what_is_said_while_the_recording_is_paused(centre: Centre) -> None:
    _, call, at_anna = await talking(centre)
    carla = await boss(centre)
    at_boss = await (await carla.dial("*331001")).wait("confirmed")
    await ears(caller=(call, BARGE["caller"]), agent=(at_anna, BARGE["agent"]), boss=(at_boss, BARGE["boss"]))
    await asyncio.to_thread(centre.stack.daemon.ctl, "recordings", "pause", "anna")
    await centre.until_fact("ListeningTurned", mode="silent")
    await ears(caller=(call, (AGENT_HZ,)), agent=(at_anna, (CALLER_HZ,)), boss=(at_boss, ()))
    await at_boss.dtmf("4")
    await asyncio.sleep(1.5)  # it looks every second whether it may hear again
    await ears(caller=(call, (AGENT_HZ,)), agent=(at_anna, (CALLER_HZ,)), boss=(at_boss, ()))
    david = await boss(centre, "david")
    tried = await (await david.dial("*311001")).wait("confirmed")
    await tried.wait("disconnected", 15)
    await asyncio.to_thread(centre.stack.daemon.ctl, "recordings", "resume", "anna")
    await ears(caller=(call, LISTEN["caller"]), agent=(at_anna, LISTEN["agent"]), boss=(at_boss, LISTEN["boss"]))
    await centre.until_fact("ListeningTurned", mode="listen")


async def test_a_listening_goes_on_without_contactd_and_is_known_again(centre: Centre) -> None:
    _, call, at_anna = await talking(centre)
    carla = await boss(centre)
    at_boss = await (await carla.dial("*311001")).wait("confirmed")
    began = await centre.until_fact("ListeningBegan", agent="anna")
    daemon = centre.stack.daemon
    await asyncio.to_thread(daemon.kill)
    await at_boss.dtmf("5")
    await ears(caller=(call, WHISPER["caller"]), agent=(at_anna, WHISPER["agent"]), boss=(at_boss, WHISPER["boss"]))
    await asyncio.to_thread(daemon.start)
    turned = await centre.until_fact("ListeningTurned", mode="whisper")
    assert turned.body["listening"] == began.body["listening"]
    await asyncio.to_thread(daemon.kill)
    await at_boss.hangup()
    await asyncio.to_thread(daemon.start)
    assert (await centre.until_fact("ListeningEnded")).body["why"] == "unseen"
    # One that begins unheard, for the facts: contactd was asked, and killed before it was told.
    await talk(call, at_anna)


async def test_it_ends_with_the_agent_who_hands_the_caller_over(centre: Centre) -> None:
    anna, call, at_anna = await talking(centre)
    (bilal,) = await centre.duty("bilal")
    carla = await boss(centre)
    at_boss = await (await carla.dial("*311001")).wait("confirmed")
    await centre.until_fact("ListeningBegan", agent="anna")
    await at_anna.hold()
    second = await anna.dial("1002")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await second.hears(AGENT_HZ)
    # The consultation is another call, and nobody is listened to there.
    heard = await at_boss.listen()
    assert not heard.has(AGENT_HZ)
    await at_anna.attended_transfer(second)
    await transferred(at_anna)
    await at_boss.wait("disconnected")
    assert (await centre.until_fact("ListeningEnded")).body["why"] == "talk"
    await talk(call, at_bilal)


async def test_a_whisper_is_not_on_the_recording(centre: Centre) -> None:
    from tests.system.hearing import recorded

    inbox = centre.stack.asterisk.recordings
    for path in inbox.glob("*"):
        path.unlink()
    _, call, at_anna = await talking(centre)
    carla = await boss(centre)
    at_boss = await (await carla.dial("*331001")).wait("confirmed")
    await ears(caller=(call, BARGE["caller"]), agent=(at_anna, BARGE["agent"]), boss=(at_boss, BARGE["boss"]))
    await asyncio.sleep(0.7)
    await call.hangup()
    await at_anna.wait("disconnected")
    await centre.until(lambda: list(inbox.glob("*.done")), "the recording to be whole")
    (one,) = [recorded(path) for path in inbox.glob("*.done")]
    assert one.caller.has(CALLER_HZ) and one.agent.has(AGENT_HZ)
    assert not one.caller.has(BOSS_HZ) and not one.agent.has(BOSS_HZ)


async def test_contactctl_rings_the_supervisor_turns_the_listening_and_ends_it(centre: Centre) -> None:
    _, call, at_anna = await talking(centre)
    carla = await boss(centre)

    async def ctl(*words: str, check: bool = True) -> str:
        done = await asyncio.to_thread(centre.stack.daemon.ctl, "supervise", *words, check=check)
        return done.stdout if check else f"{done.returncode}: {done.stderr}"

    assert await ctl("listen", "anna", "--on", "1003") == "1003 rings: carla answers, and is there\n"
    at_boss = await (await carla.next_call(timeout_s=15)).wait("confirmed")
    await ears(caller=(call, LISTEN["caller"]), agent=(at_anna, LISTEN["agent"]), boss=(at_boss, LISTEN["boss"]))
    await centre.until_fact("ListeningBegan", mode="listen")
    assert "carla" in await ctl("list") and (await ctl("listen", "anna", "--on", "1003", check=False)).startswith("5: ")
    assert await ctl("barge", "anna", "--on", "1003") == "carla: barge\n"
    await ears(caller=(call, BARGE["caller"]), agent=(at_anna, BARGE["agent"]), boss=(at_boss, BARGE["boss"]))
    await centre.until_fact("ListeningTurned", mode="barge")
    assert await ctl("stop", "--on", "1003") == "carla: at nobody's talk\n"
    await at_boss.wait("disconnected")
    assert (await centre.until_fact("ListeningEnded")).body["why"] == "supervisor"
    assert (await ctl("listen", "anna", "--on", "1001", check=False)).startswith("5: ")
    assert (await ctl("listen", "anna", "--on", "1999", check=False)).startswith("4: ")
    assert await ctl("list") == "nobody\n"
    await talk(call, at_anna)


@pytest.mark.parametrize("how", ["key", "code", "contactctl"])
async def test_a_supervisor_takes_the_caller_over_and_the_agent_wraps_up(centre: Centre, how: str) -> None:
    _, call, at_anna = await talking(centre)
    carla = await boss(centre)
    at_boss = await (await carla.dial("*341001" if how == "code" else "*311001")).wait("confirmed")
    began = await centre.until_fact("ListeningBegan", agent="anna", supervisor="carla")
    if how == "key":
        await at_boss.dtmf("7")
    elif how == "contactctl":
        await asyncio.to_thread(centre.stack.daemon.ctl, "supervise", "take-over", "anna", "--on", "1003")
    await at_anna.wait("disconnected")
    await ears(caller=(call, (BOSS_HZ,)), boss=(at_boss, (CALLER_HZ,)))
    await centre.until_agent("anna", state="wrap_up")
    taken = await centre.until_fact("ContactConnected", agent="carla")
    assert not taken.body["seen_late"] and centre.now("carla")["state"] == "busy"
    assert (await centre.until_fact("ListeningEnded", listening=began.body["listening"])).body["why"] == "taken_over"
    await centre.until_agent("anna", state="idle", status="ready")
    if how == "key":
        # contactd and the PBX agree: what they say differently would be a fact.
        await asyncio.sleep(5.5)
        daemon = centre.stack.daemon
        await asyncio.to_thread(daemon.kill)
        await asyncio.to_thread(daemon.start)
        await centre.until(lambda: centre.now("carla")["state"] == "busy", "carla to be known again")
    await (call if how == "code" else at_boss).hangup()
    await at_boss.wait("disconnected")
    await call.wait("disconnected")
    story = await centre.story()
    assert [(f.body["agent"], f.body["by"]) for f in story if f.kind == "TalkEnded"] == [
        ("anna", "supervisor"),
        ("carla", "caller" if how == "code" else "agent"),
    ]
    assert kinds(story).count("ContactConnected") == 2 and story[-1].body["outcome"] == "handled"
    assert kinds(story)[-1] == "ContactEnded"


async def test_a_supervisor_who_may_not_take_over_listens_on(centre: Centre) -> None:
    _, call, at_anna = await talking(centre, "5002")
    david = await boss(centre, "david")
    at_boss = await (await david.dial("*311001")).wait("confirmed")
    await centre.until_fact("ListeningBegan", supervisor="david")
    await at_boss.dtmf("7")
    await asyncio.sleep(1)  # as long as it would take, and more
    await ears(caller=(call, LISTEN["caller"]), agent=(at_anna, LISTEN["agent"]), boss=(at_boss, LISTEN["boss"]))
    assert not centre.facts("kind = 'TakeOverBegun'")
