"""What a caller needs, on real telephones: as the dialplan, the menu and a supervisor say it; kept through kill -9."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from contactd.ctl.client import ask
from tests.system.centre import Centre
from tests.system.telling import body, hears_music, kinds, talk

DIALPLAN = """
[contactd-in](+)
exten => 7001,1,Set(CONTACTD_SKILLS=german:7)
 same => n,Goto(contactd-in,5001,1)
exten => 7002,1,Set(CONTACTD_SKILLS=germn:7&german:2)
 same => n,Set(CONTACTD_AGENT=eve)
 same => n,Set(CONTACTD_BOOST=soon)
 same => n,Goto(contactd-in,5001,1)
exten => 7003,1,Set(CONTACTD_AGENT=carla)
 same => n,Set(CONTACTD_BOOST=60)
 same => n,Goto(contactd-in,5000,1)
; What no site should do: a header of the caller's, unchecked.
exten => 7004,1,Set(CONTACTD_SKILLS=${PJSIP_HEADER(read,X-Skills)})
 same => n,Goto(contactd-in,5001,1)
"""
GERMAN = {"skills": {"german": 7}, "preferred_agent": None, "boost_s": 0}
SKILLS = {"bilal": "{ german = 8 }", "carla": "{ german = 3, cards = 5 }"}
NEEDS = """
[menus.main.needs.1]
skills = { cards = 4 }
boost_s = 30
"""


@pytest.fixture(scope="module")
async def asking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Bilal speaks German well, carla a little and knows cards; anna knows nothing of either."""
    folder = tmp_path_factory.mktemp("needs")
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(folder, agents=3, queues=queues, extra_conf={"extensions.conf": DIALPLAN}) as centre:
        daemon = centre.stack.daemon
        toml = daemon.config.read_text()
        for agent, skills in SKILLS.items():
            toml = toml.replace(f"[agents.{agent}]\n", f"[agents.{agent}]\nskills = {skills}\n")
        toml = toml.replace("\n[lines]", NEEDS + "\n[lines]").replace("wrap_up_s = 0", "wrap_up_s = 0\nsticky_s = 60")
        daemon.write(toml)
        daemon.hup()
        await centre.until(lambda: "configuration_loaded" in daemon.log.read_text(), "the skills to be taken")
        yield centre


@pytest.fixture
async def centre(asking: Centre) -> AsyncIterator[Centre]:
    await asking.clear()
    yield asking
    await asking.clear()


async def test_the_dialplans_word_finds_the_agent_who_has_the_skill(centre: Centre) -> None:
    _, bilal, _ = await centre.duty("anna", "bilal", "carla")
    call = await centre.dial("7001")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await talk(call, at_bilal)
    await call.hangup()
    story = await centre.story()
    assert body(story, "ContactNeedsSet")["needs"] == GERMAN
    assert body(story, "ContactArrived")["dnis"] == "5001"
    assert body(story, "ContactOffered")["others"] == {"unskilled": 2}


async def test_what_nobody_could_give_is_refused_in_the_log_and_the_rest_counts(centre: Centre) -> None:
    await centre.duty("anna", "carla")
    call = await centre.dial("7002")
    assert (await centre.until_fact("ContactConnected")).body["agent"] == "carla"
    await call.hangup()
    assert body(await centre.story(), "ContactNeedsSet")["needs"] == GERMAN | {"skills": {"german": 2}}
    log = centre.stack.daemon.log.read_text()
    (line,) = [line for line in log.splitlines() if "needs_refused" in line]
    assert '"germn"' in line and '"eve"' in line and '"soon"' in line and "CONTACTD_SKILLS" in line


async def test_the_menu_adds_its_part_and_the_preferred_agent_is_waited_for(centre: Centre) -> None:
    await centre.duty("anna")
    call = await centre.dial("7003")
    await call.dtmf("1")
    (contact,) = await centre.until_queued(1)
    needs = body(centre.stories()[contact], "ContactNeedsSet")["needs"]
    assert needs == {"skills": {"cards": 4}, "preferred_agent": "carla", "boost_s": 90}
    await centre.duty("carla")
    assert (await centre.until_fact("ContactConnected")).body["agent"] == "carla"
    await call.hangup()


async def test_no_header_of_a_caller_says_what_the_caller_needs(centre: Centre) -> None:
    names = ("CONTACTD_SKILLS", "X-CONTACTD_SKILLS", "CONTACTD_NEEDS", "X-CONTACTD_NEEDS")
    call = await centre.dial("5001", headers={name: "german:7//60" for name in names})
    await centre.until_queued(1)
    await call.hangup()
    assert "ContactNeedsSet" not in kinds(await centre.story())


@pytest.mark.parametrize(
    "text",
    [
        "german:7,Goto(x)",
        'german:7"]?System(id)',
        "${SHELL(id)}",
        "german:7)&System(id)",
        "&".join(["german:7"] * 200),
        "german:7%0d%0aNeeds: x",
        "\u00fc\u4e2d:5",
    ],
)
async def test_a_site_that_checks_nothing_is_asked_for_nothing_worse_than_a_skill(centre: Centre, text: str) -> None:
    call = await centre.dial("7004", headers={"X-Skills": text})
    await hears_music(call)
    await centre.until_queued(1)
    await call.hangup()
    story = await centre.story()
    assert set(kinds(story)) <= {"ContactArrived", "ContactNeedsSet", "ContactQueued", "ContactEnded"}
    for fact in story:
        # Nothing but a skill that there is, whatever stood beside it.
        assert fact.body.get("needs", GERMAN) == GERMAN


async def test_a_supervisor_says_what_a_waiting_caller_needs(centre: Centre) -> None:
    call = await centre.dial("7001")
    (contact,) = await centre.until_queued(1)
    await centre.duty("carla")
    socket = str(centre.stack.daemon.socket)
    told = ask(socket, "POST", f"/contacts/{contact}/needs", {"skills": "german=3"})
    assert told["skills"] == {"german": 3}
    assert (await centre.until_fact("ContactConnected")).body["agent"] == "carla"
    await call.hangup()
    await centre.until(
        lambda: centre.psql(f"SELECT outcome FROM audit WHERE act = 'needs' AND contact = '{contact}'"), "the audit"
    )


async def test_who_comes_while_contactd_is_dead_is_known_with_their_needs(centre: Centre) -> None:
    """The channel tells, by the hold's event or by the comparison, whichever comes first."""
    _, bilal = await centre.duty("anna", "bilal")
    daemon = centre.stack.daemon
    await asyncio.to_thread(daemon.kill)
    call = await centre.dial("7001")
    await hears_music(call)
    await asyncio.to_thread(daemon.start)
    at_bilal = await (await bilal.next_call(30)).wait("confirmed")
    await talk(call, at_bilal)
    await call.hangup()
    story = await centre.story()
    assert kinds(story)[:3] == ["ContactAdopted", "ContactNeedsSet", "ContactQueued"]
    assert body(story, "ContactNeedsSet")["needs"] == GERMAN


async def test_needs_outlive_kill_nine(centre: Centre) -> None:
    call = await centre.dial("7001")
    await centre.until_queued(1)
    daemon = centre.stack.daemon
    await asyncio.to_thread(daemon.kill)
    await asyncio.to_thread(daemon.start)
    await centre.duty("anna")
    await centre.duty("bilal")
    assert (await centre.until_fact("ContactConnected")).body["agent"] == "bilal"
    await call.hangup()
    assert kinds(await centre.story()).count("ContactNeedsSet") == 1
