"""A deaf caller on a real call, minimodem at their end: answered in text, queued, and written with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from contactd.ctl.client import ask
from tests.lab.tty import peer
from tests.lab.tty.line import padded, silence, tone
from tests.system.centre import AGENT_HZ, CALLER_HZ, Centre
from tests.system.telling import kinds
from tests.system.texting import Terminal, TtyCaller

TTY, VOICE, CHOOSE = "5000", "5001", "5003"


@pytest.fixture(scope="module")
async def texting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """The menu is for text; bilal alone may serve it."""
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(tmp_path_factory.mktemp("texting"), queues=queues, agents=2, compare_s=5) as centre:
        daemon = centre.stack.daemon
        toml = daemon.config.read_text()
        toml = toml.replace("[agents.bilal]\n", "[agents.bilal]\nskills = { tty = 5 }\n")
        toml = toml.replace("[lines]\n", f'[lines]\n{CHOOSE} = "menu:choose"\n')
        toml += '[menus.choose]\nprompt = ["hello"]\ndefault_choice = "sales"\n'
        toml += 'choices = { 1 = "sales", 9 = "sales" }\nneeds.9 = { text = true }\n'
        texts = '"hello" = "HELLO."\n"digits/1" = "FOR SALES TYPE 1."\n"digits/2" = "FOR SUPPORT TYPE 2."\n'
        toml += f'[tty]\nby_tones = true\nnumbers = ["{TTY}"]\nskill = "tty"\n'
        toml += f'[tty.texts]\n{texts}[glossary]\nTMW = "tomorrow"\n'
        daemon.write(toml)
        daemon.hup()
        await centre.until(lambda: "configuration_loaded" in daemon.log.read_text(), "text to be configured")
        yield centre


@pytest.fixture
async def centre(texting: Centre) -> AsyncIterator[Centre]:
    await texting.clear()
    yield texting
    await texting.clear()


async def test_a_deaf_caller_chooses_waits_and_writes_with_an_agent(centre: Centre, tmp_path: Path) -> None:
    await centre.duty("anna")
    async with TtyCaller.dial(centre, TTY) as caller:
        await caller.reads("WELCOME. HELLO. FOR SALES TYPE 1. FOR SUPPORT TYPE 2. GA")
        await caller.answers(centre, "2 GA")
        await caller.reads("PLEASE HOLD FOR AN AGENT.")
        (contact,) = await centre.until_queued(1)  # anna has no such skill
        (bilal,) = await centre.duty("bilal")
        at_bilal = await (await bilal.next_call(timeout_s=15)).wait("confirmed")
        await caller.reads("AN AGENT IS HERE.")
        terminal = Terminal(centre, contact, tmp_path)
        try:
            terminal.types("good morning, this is Bilal. How can I help")
            await caller.reads("GOOD MORNING, THIS IS BILAL. HOW CAN I HELP GA")
            await terminal.shows(lambda one: one.state().get("turn") == "theirs", "turn given away")
            # What is typed while the caller types waits for the GA.
            typing = asyncio.create_task(caller.gives_turn(terminal, "MY ORDER XYZZY COMES TMW GA"))
            await terminal.shows(lambda one: len(one.wrote("caller")) > 12, "what the caller writes")
            terminal.types("I will look")
            await terminal.shows(lambda one: one.state().get("held") == "I will look\n", "what is held")
            await typing
            await caller.reads("I WILL LOOK GA")
            # The agent hears nothing of the tones, and the caller nothing of the agent.
            assert not (await at_bilal.listen()).peaks
            assert not caller.call.has(AGENT_HZ)
            await at_bilal.hangup()
            await caller.call.wait_gone()
            await terminal.shows(lambda one: one.notices()[-1]["kind"] == "ended", "the end")
        finally:
            terminal.close()
        story = await centre.story()
        assert kinds(story)[:2] == ["ContactArrived", "TextBegun"] and kinds(story)[-1] == "ContactEnded"
        assert story[1].body["found_by"] == "number"
        wrote = [fact.body for fact in story if fact.kind == "MessageAdded"]
        assert {one["author"] for one in wrote} == {"caller", "agent", "system"}
        assert {one["agent"] for one in wrote if one["author"] == "agent"} == {"bilal"}
        shown = centre.stack.daemon.ctl("transcript", contact).stdout
        assert caller.came("caller  MY ORDER XYZZY COMES TMW GA", shown) and "agent   I WILL LOOK GA\n" in shown
        for path in (centre.stack.daemon.log,):
            assert "XYZZY" not in path.read_text()
        assert not [fact for fact in centre.facts() if "XYZZY" in str(fact.body)]


async def test_a_talk_outlives_contactd_and_the_text_finds_back(centre: Centre, tmp_path: Path) -> None:
    """Killed in the middle of a talk: nobody is cut off, the words are kept, and they write on."""
    (bilal,) = await centre.duty("bilal")
    async with TtyCaller.dial(centre, TTY) as caller:
        await caller.reads("FOR SUPPORT TYPE 2. GA")
        await caller.answers(centre, "SALES GA")
        at_bilal = await (await bilal.next_call(timeout_s=30)).wait("confirmed")
        await caller.reads("AN AGENT IS HERE.")
        (contact,) = [one["id"] for one in centre.contacts()]
        first = Terminal(centre, contact, tmp_path)
        first.types("what is your name")
        await caller.reads("WHAT IS YOUR NAME GA")
        await caller.gives_turn(first, "MY NAME IS XYZZY GA")
        ctl = centre.stack.daemon.ctl
        kept = "caller  MY NAME IS XYZZY GA"
        await centre.until(lambda: caller.came(kept, ctl("transcript", contact).stdout), "the name to be kept")
        await asyncio.to_thread(centre.stack.daemon.kill)
        first.close()
        await asyncio.to_thread(centre.stack.daemon.start)
        assert at_bilal.state == "confirmed" and not caller.call.gone
        await caller.reads("SORRY, THE LINE WAS INTERRUPTED. PLEASE REPEAT YOUR LAST LINE GA")
        second = Terminal(centre, contact, tmp_path)
        try:
            await caller.gives_turn(second, "STILL XYZZY GA")
            second.types("thank you")
            await caller.reads("THANK YOU GA")
            caller.call.raw.hangup()
            await second.shows(lambda one: one.notices()[-1]["kind"] == "ended", "the end")
        finally:
            second.close()
        await centre.until_ended(1)
        shown = ctl("transcript", contact).stdout
        assert caller.came(kept, shown) and caller.came("caller  STILL XYZZY GA", shown)


async def test_an_agent_hears_who_speaks_and_is_heard_by_who_types(centre: Centre, tmp_path: Path) -> None:
    """Voice and hearing carry-over."""
    (bilal,) = await centre.duty("bilal")
    async with TtyCaller.dial(centre, TTY) as caller:
        await caller.reads("FOR SUPPORT TYPE 2. GA")
        await caller.answers(centre, "SALES GA")
        at_bilal = await (await bilal.next_call(timeout_s=30)).wait("confirmed")
        await caller.reads("AN AGENT IS HERE.")
        (contact,) = [one["id"] for one in centre.contacts()]
        socket = str(centre.stack.daemon.socket)
        caller.call.say(tone(CALLER_HZ, 5))  # the caller speaks
        ask(socket, "POST", f"/texts/{contact}/voice", {"hears": True, "speaks": False})
        await at_bilal.hears(CALLER_HZ)
        assert not caller.call.has(AGENT_HZ)
        await caller.call.said()
        ask(socket, "POST", f"/texts/{contact}/voice", {"hears": False, "speaks": True})
        await centre.until(lambda: caller.call.has(AGENT_HZ), "the agent's voice")
        ask(socket, "POST", f"/texts/{contact}/voice", {"hears": False, "speaks": False})
        await centre.until(lambda: not caller.call.has(AGENT_HZ), "the agent's silence")
        await at_bilal.hangup()
        await caller.call.wait_gone()
        acts = [line for line in centre.stack.daemon.ctl("audit", contact).stdout.splitlines() if "voice" in line]
        assert len(acts) == 3


async def test_a_key_makes_a_call_one_of_text(centre: Centre) -> None:
    await centre.duty("anna")
    async with TtyCaller.dial(centre, CHOOSE) as caller:
        caller.call.press("9")
        await caller.reads("PLEASE HOLD FOR AN AGENT.")
        (contact,) = centre.contacts()
        assert (contact["text"], contact["queue"]) == ("tty", "sales")
        assert f"{contact['state']} (tty)" in centre.stack.daemon.ctl("contacts").stdout
        assert [fact.body["found_by"] for fact in centre.facts("kind = 'TextBegun'")] == ["key"]
        # anna is ready, and has not what a call of text needs.
        assert contact["state"] == "waiting"


async def test_one_more_than_at_once_is_answered_by_voice(centre: Centre) -> None:
    daemon = centre.stack.daemon
    before = daemon.config.read_text()
    async with TtyCaller.dial(centre, TTY) as caller:
        await caller.reads("WELCOME.")
        daemon.write(before.replace("[tty]\n", "[tty]\nat_once = 1\n"))
        daemon.hup()
        await centre.until(lambda: daemon.log.read_text().count("configuration_loaded") > 1, "the limit to be read")
        try:
            async with TtyCaller.dial(centre, TTY):
                await centre.until(lambda: "text_refused" in daemon.log.read_text(), "the second to be refused")
                await centre.until(lambda: len(centre.contacts()) == 2, "both to be there")
                assert sorted(str(one["text"]) for one in centre.contacts()) == ["None", "tty"]
        finally:
            daemon.write(before)
            daemon.hup()


async def test_whose_number_is_not_for_text_hears_everything_as_before(centre: Centre) -> None:
    await centre.duty("anna", "bilal")
    call = await centre.dial(VOICE)
    await call.hears(AGENT_HZ)
    story = centre.facts("kind IN ('TextBegun', 'MessageAdded')")
    assert not story
    await call.hangup()
    await centre.until_ended(1)


async def test_tones_in_a_menu_make_a_call_one_of_text(centre: Centre) -> None:
    """A deaf caller dials the number that everybody dials, and types until somebody answers, as they do."""
    await centre.duty("anna")
    async with TtyCaller.dial(centre, CHOOSE) as caller:
        await centre.until(lambda: centre.contacts(), "the call")
        caller.call.say(padded(await asyncio.to_thread(peer.send, "HELLO HELLO THIS IS A TTY PLS ANSWER GA"), 1.0))
        # minimodem has read the voice before it as well, and may still be astray in the first word.
        await caller.reads(" HELLO. GA")
        (contact,) = centre.contacts()
        assert contact["text"] == "tty"
        assert [fact.body["found_by"] for fact in centre.facts("kind = 'TextBegun'")] == ["tones"]
        await caller.answers(centre, "1 GA")
        await caller.reads("PLEASE HOLD FOR AN AGENT.")
        shown = centre.stack.daemon.ctl("transcript", contact["id"]).stdout
        assert caller.came("PLS ANSWER GA", shown)


async def test_a_whistle_in_a_menu_makes_no_text_and_the_caller_goes_on(centre: Centre) -> None:
    await centre.duty("anna", "bilal")
    whistle = np.concatenate([part for _ in range(3) for part in (tone(1_400, 0.4), silence(0.4))])
    async with TtyCaller.dial(centre, CHOOSE) as caller:
        await centre.until(lambda: centre.contacts(), "the call")
        caller.call.say(np.concatenate((silence(1), whistle)))
        log = centre.stack.daemon.log
        await centre.until(lambda: "tones_were_no_text" in log.read_text(), "it to be told", 20)
        caller.call.press("1")
        await centre.until(lambda: caller.call.has(AGENT_HZ), "an agent", 20)
        assert not centre.facts("kind IN ('TextBegun', 'MessageAdded')")
