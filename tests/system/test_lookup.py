"""Another system, asked over HTTP who is calling, in a real call: what it says routes the call and greets the caller;
when it hangs nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.test_lookup import Server, answer
from tests.system.centre import Centre
from tests.system.conftest import CREW
from tests.system.reloading import Files
from tests.system.telling import message, talk

CUSTOMER, STRANGER = "4930887766551", "4989112233445"
ENGLISH_HZ, GERMAN_HZ = 620, 1700
SECTION = """
[customers]
country = "DE"
bare_numbers = "international"
match_ms = 1500
vip_boost_s = 60
prompt_languages = ["de"]
[customers.languages]
de = { german = 5 }
[lookup]
url = "http://127.0.0.1:%d/callers?number={number}"
timeout_s = 30
cache_s = 0
[lookup.answer]
external_id = "/id"
language = "/lang"
vip = "/vip"
name = "/name"
"""
RECORD = {"id": "K-7", "lang": "de-DE", "vip": True, "name": "Rumpelstilzchen"}


@pytest.fixture
async def crm() -> AsyncIterator[Server]:
    """It knows one customer."""
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    server.let.set()
    listening.close()


@pytest.fixture
async def house(tmp_path: Path, crm: Server) -> AsyncIterator[Centre]:
    """Bilal speaks German, anna does not; the menu's greeting is there in both languages, each with its tone."""
    async with Centre(tmp_path, people=CREW[:2], queues={"sales": (5, 0), "support": (5, 0)}) as centre:
        pbx = centre.stack.asterisk.folder
        message(pbx, "custom/hello", ENGLISH_HZ)
        message(pbx, "de/custom/hello", GERMAN_HZ)
        files = Files.of(centre)
        files.toml += SECTION % crm.port
        files.secrets += '\n[lookup]\nsecret = "Bearer t"\n'
        files.write(
            ("[agents.bilal]\n", "[agents.bilal]\nskills = { german = 9 }\n"),
            ('greeting = ["hello"]', 'greeting = ["custom/hello"]'),
        )
        await files.reload("taken")
        yield centre


@pytest.mark.timeout(180)
async def test_what_another_system_says_of_a_caller_routes_the_call_and_greets_in_their_language(
    house: Centre, crm: Server
) -> None:
    centre, daemon = house, house.stack.daemon
    crm.reply = lambda: answer(RECORD) if CUSTOMER in crm.asked[-1][1] else answer({}, "404 Not Found")
    # Anna is idle for longer; the customer's language asks for bilal.
    await centre.duty("anna", "bilal")
    call = await centre.dial("5000", number=CUSTOMER)
    await call.hears(GERMAN_HZ)
    await call.dtmf("1")
    at_bilal = await (await centre.handsets["bilal"].next_call()).wait("confirmed")
    await talk(call, at_bilal)
    known = (await centre.until_fact("ContactRecognised")).body["known"]
    assert known["boost_s"] == 60 and known["skills"] == {"german": 5}
    await call.hangup()
    await centre.until_agent("bilal", state="idle")
    method, target, headers, _ = crm.asked[0]
    assert (method, target) == ("GET", f"/callers?number=%2B{CUSTOMER}")
    assert headers["authorization"] == "Bearer t"
    # It is in the record by now, with its source.
    found = daemon.ctl("customers", "find", "external:crm:K-7").stdout.strip()
    assert found == known["party"]
    assert "Rumpelstilzchen" in daemon.ctl("customers", "show", found).stdout
    assert "Rumpelstilzchen" not in daemon.log.read_text() and CUSTOMER not in daemon.log.read_text()

    # Whom it does not know hears the other greeting, and reaches whoever is idle for longest.
    call = await centre.dial("5000", number=STRANGER)
    await call.hears(ENGLISH_HZ)
    await call.dtmf("1")
    at_anna = await (await centre.handsets["anna"].next_call()).wait("confirmed")
    await talk(call, at_anna)
    await call.hangup()


@pytest.mark.timeout(180)
async def test_another_system_that_hangs_costs_the_caller_nothing_and_counts_when_it_speaks(
    house: Centre, crm: Server
) -> None:
    centre = house
    files = Files.of(centre)
    files.write(("match_ms = 1500", "match_ms = 50"))
    await files.reload("taken")
    crm.reply = lambda: None
    # Anna alone is there: the call is hers before the other system has said a word.
    await centre.duty("anna")
    call = await centre.dial("5001", number=CUSTOMER)
    at_anna = await (await centre.handsets["anna"].next_call()).wait("confirmed")
    await talk(call, at_anna)
    assert len(crm.asked) == 1 and not crm.let.is_set()
    await call.hangup()
    await centre.until_agent("anna", state="idle")
    centre.act("anna", "sign-out")
    # Who waits meanwhile is ranked by it from when it speaks.
    call = await centre.dial("5001", number=STRANGER)
    (contact,) = await centre.until_queued(1)
    assert not centre.last_of("ContactRecognised", contact=contact) or not _vip(centre, contact)
    crm.reply = lambda: answer(RECORD)
    crm.let.set()
    await centre.until(lambda: _vip(centre, contact), "the late answer to count")
    await call.hangup()


def _vip(centre: Centre, contact: str) -> bool:
    known = centre.last_of("ContactRecognised", contact=contact)
    return known is not None and known.body["known"]["boost_s"] == 60
