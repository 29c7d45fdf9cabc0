"""Flows on real telephones: what is said is heard, what is pressed counts, and what came of it is in the journal."""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from contactd.config import Speech
from contactd.config.speech import place_of
from tests.lab.debs import tool
from tests.system.centre import Centre
from tests.system.reloading import Files
from tests.system.telling import body, hears_music, kinds

MAIN = """
start = "welcome"

[nodes.welcome]
kind = "say"
prompt = ["hello"]
next = "choose"

[nodes.choose]
kind = "menu"
prompt = ["digits/1", "digits/2"]
keys = { "1" = "account", "2" = "support" }
tries = 2
timeout_s = 1
otherwise = "look"

[nodes.look]
kind = "branch"
cases = [{ when = "queue.sales.open and dialled == \\"5003\\"", go = "support" }]
otherwise = "sales"

[nodes.account]
kind = "collect"
prompt = ["digits/3"]
into = "account"
least = 4
most = 4
timeout_s = 5
next = "said"
otherwise = "support"

[nodes.said]
kind = "say"
prompt = ["digits/4", "{digits: account}"]
barge_in = false
next = "bye"

[nodes.bye]
kind = "hang_up"

[nodes.sales]
kind = "queue"
queue = "sales"

[nodes.support]
kind = "queue"
queue = "support"
boost_s = 30

[[tests]]
name = "an account is said back"
caller = ["1", "4711"]
ends = "hang up"
hears = ["digits/4", "digits 4711"]
"""
SPOKEN = """
start = "language"
languages = ["en", "es"]
currency = "EUR"

[texts.hello]
en = "Good morning."
es = "Buenos días."

[texts.owe]
en = "You owe {amount: sum}."
es = "Debe {amount: sum}."

[nodes.language]
kind = "menu"
prompt = ["{text: hello}"]
keys = { "1" = "ask", "2" = "spanish" }
timeout_s = 10
otherwise = "bye"

[nodes.spanish]
kind = "language"
language = "es"
next = "ask"

[nodes.ask]
kind = "collect"
prompt = ["{text: hello}"]
what = "amount"
into = "sum"
timeout_s = 10
next = "owes"
otherwise = "bye"

[nodes.owes]
kind = "say"
prompt = ["{text: owe}"]
next = "bye"

[nodes.bye]
kind = "hang_up"

[[tests]]
name = "money is said in Spanish"
caller = ["2", "21*01#"]
ends = "hang up"
hears = ["Debe", "veintiún", "euros", "con", "un", "céntimo"]
"""
OTHER = """
start = "straight"

[nodes.straight]
kind = "queue"
queue = "sales"
"""


@pytest.fixture(scope="module")
async def flowing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder = tmp_path_factory.mktemp("flows")
    async with Centre(folder, agents=1, queues={"sales": (5, 0), "support": (5, 0)}) as centre:
        flows = centre.stack.daemon.folder / "flows"
        flows.mkdir()
        (flows / "main.toml").write_text(MAIN)
        files = Files.of(centre)
        files.write(("\n[lines]\n", '\n[lines]\n"5003" = "flow:main"\n'))
        await files.reload("taken")
        yield centre


@pytest.fixture
async def centre(flowing: Centre) -> AsyncIterator[Centre]:
    await flowing.clear()
    yield flowing
    await flowing.clear()


async def test_a_caller_is_served_by_a_flow_and_hears_what_they_pressed(centre: Centre) -> None:
    call = await centre.dial("5003")
    assert await call.tone() > 0, "nothing was said"
    await centre.until_fact("FlowWent", asks="choose")
    await call.dtmf("1")
    await centre.until_fact("FlowWent", asks="account")
    await call.dtmf("4713")
    await call.wait("disconnected", 20)
    story = await centre.story()
    assert kinds(story) == ["ContactArrived", "FlowWent", "FlowWent", "FlowWent", "ContactEnded"]
    went = [fact.body for fact in story if fact.kind == "FlowWent"]
    assert [(one["asks"], one["passed"]) for one in went] == [
        ("choose", ["welcome"]),
        ("account", ["choose=1"]),
        ("", ["account=next", "said", "bye"]),
    ]
    assert body(story, "ContactEnded")["outcome"] == "self_served"
    # What was pressed is the caller's: neither the journal nor the log has it.
    assert "4713" not in str(went) and "4713" not in centre.stack.daemon.log.read_text()


async def test_who_presses_nothing_goes_where_the_flow_looks_and_waits_there(centre: Centre) -> None:
    call = await centre.dial("5003")
    await hears_music(call)
    await centre.until_queued(1)
    await call.hangup()
    story = await centre.story()
    assert body(story, "MenuChosen")["menu"] == "main" and body(story, "ContactQueued")["queue"] == "support"
    assert body(story, "ContactNeedsSet")["needs"]["boost_s"] == 30
    last = [fact.body for fact in story if fact.kind == "FlowWent"][-1]
    assert last["passed"] == ["choose=otherwise", "look", "support"]
    assert body(story, "ContactEnded")["outcome"] == "abandoned_waiting"


async def test_who_hangs_up_in_a_flow_is_known_to_have_left_at_that_question(centre: Centre) -> None:
    call = await centre.dial("5003")
    await call.dtmf("1")
    await centre.until_fact("FlowWent", asks="account")
    await call.hangup()
    story = await centre.story()
    assert [fact.body["asks"] for fact in story if fact.kind == "FlowWent" and fact.body["asks"]][-1] == "account"
    assert body(story, "ContactEnded")["outcome"] == "abandoned_in_menu"


def _length_s(section: Speech, language: str, words: str) -> float:
    return Path(place_of(section, language, words) + ".ulaw").stat().st_size / 8000


async def test_texts_are_spoken_when_the_configuration_is_read_and_heard_in_the_callers_language(
    centre: Centre,
) -> None:
    daemon = centre.stack.daemon
    folder = centre.stack.folder / "spoken"
    flow = daemon.folder / "flows/spoken.toml"
    files = Files.of(centre)
    program = json.dumps(tool("espeak-ng"))
    speech = f'[speech]\nengine = "espeak-ng"\nprogram = {program}\nfolder = "{folder}"\n'
    nobody = speech.replace(program, '["/nowhere"]')
    flow.write_text(SPOKEN)
    try:
        files.write(("\n[lines]\n", f"\n{nobody}\n[lines]\n"))
        await files.reload("refused")
        assert "apt install espeak-ng" in daemon.log.read_text()
        files.write(("\n[lines]\n", f'\n{speech}\n[lines]\n"5004" = "flow:spoken"\n'))
        await files.reload("taken", timeout_s=120)
        section = msgspec.convert(tomllib.loads(speech)["speech"], Speech)
        length_s = [_length_s(section, "es", words) for words in ("Debe", "veintiún", "euros", "con", "un", "céntimo")]
        assert min(length_s) > 0.1 and _length_s(section, "en", "Good morning.") > 0.5
        call = await centre.dial("5004")
        await centre.until_fact("FlowWent", asks="language")
        await call.dtmf("2")
        await centre.until_fact("FlowWent", asks="ask")
        await call.dtmf("21*01#")
        await call.wait("disconnected", 30)
        last = [fact for fact in await centre.story() if fact.kind == "FlowWent"][-1]
        assert last.body["passed"] == ["ask=next", "owes", "bye"]
        # The PBX played files of contactd's: it names each, and misses none.
        log = centre.stack.asterisk.log.read_text()
        assert "does not exist in any format" not in log.rpartition("spoken/")[2]
        asked_at = centre.last_of("FlowWent", asks="ask").at
        assert last.at - asked_at > sum(length_s)
    finally:
        flow.unlink()
        files.write()
        await files.reload("taken")


async def test_a_flow_is_replaced_while_a_caller_is_inside_who_finishes_the_old_one(centre: Centre) -> None:
    call = await centre.dial("5003")
    await call.dtmf("1")
    await centre.until_fact("FlowWent", asks="account")
    flow = centre.stack.daemon.folder / "flows/main.toml"
    old = flow.read_text()
    files = Files.of(centre)
    try:
        flow.write_text(OTHER)
        await files.reload("taken")
        later = await centre.phones.caller("later")
        straight = await later.dial("5003")
        await centre.until_queued(1)
        await straight.hangup()
        await call.dtmf("4712")
        await call.wait("disconnected", 20)
        stories = await centre.until_ended(2)
        outcomes = {body(story, "ContactEnded")["outcome"] for story in stories.values()}
        assert outcomes == {"self_served", "abandoned_waiting"}
        # One that is wrong is refused whole, and the caller meets the one before.
        flow.write_text(OTHER.replace("sales", "nowhere"))
        await files.reload("refused")
        assert f"{flow}:6: flows.main.nodes.straight.queue: there is no queue" in centre.stack.daemon.log.read_text()
    finally:
        flow.write_text(old)
        await files.reload("taken")


async def test_after_a_kill_a_caller_hears_an_apology_and_goes_on_at_the_same_question(centre: Centre) -> None:
    daemon = centre.stack.daemon
    call = await centre.dial("5003")
    await centre.until_fact("FlowWent", asks="choose")
    await call.dtmf("1")
    await centre.until_fact("FlowWent", asks="account")
    asked = centre.last_of("FlowWent", asks="account")
    daemon.kill()
    assert await call.tone() > 0, "nobody apologised"
    daemon.start()
    await centre.until(
        lambda: (now := centre.last_of("FlowWent", asks="account")) and now.seq > asked.seq, "the same question"
    )
    assert call.state == "confirmed"
    log = centre.stack.asterisk.log.read_text()
    await call.dtmf("4719")
    await call.wait("disconnected", 20)
    story = await centre.story()
    went = [fact.body for fact in story if fact.kind == "FlowWent"]
    assert [(one["asks"], one["passed"]) for one in went] == [
        ("choose", ["welcome"]),
        ("account", ["choose=1"]),
        ("account", []),
        ("", ["account=next", "said", "bye"]),
    ]
    assert kinds(story)[0] == "ContactArrived" and kinds(story).count("ContactArrived") == 1
    assert body(story, "ContactEnded")["outcome"] == "self_served"
    assert "4719" not in daemon.log.read_text() and "4719" not in log
