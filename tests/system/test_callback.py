"""Callers who are called back: by an agent who waits for them, or before one is free; from the key to the talk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from contactd.config import load
from contactd.core.ids import PbxId
from contactd.ctl.doctor.findings import Findings, Level
from contactd.ctl.doctor.run import check_pbx
from tests.lab.asterisk import Handset as Endpoint
from tests.lab.asterisk import handset_conf
from tests.lab.phones import Call, Handset
from tests.system.centre import CALLER_HZ, Centre, Fact
from tests.system.conftest import CREW
from tests.system.reloading import Files
from tests.system.telling import body, kinds, talk

CUSTOMER = "+49301234567"
SHOWN = "0301234567"
OTHER = "0307654321"
TRUNK = Endpoint("trunk", "trunk-secret", "contactd-in")
SALES, SUPPORT = "[queues.sales]\n", "[queues.support]\n"
RULES = '[customers]\ncountry = "DE"\n\n[dialling]\nearliest = "0:00"\nlatest = "24:00"\nnumber_an_hour = 50\n\n'
ASK = "steps.1.go = { callback = true }"


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    listed = "[contactd-external]\nexten => _+4930X.,1,Goto(contactd-external-call,${EXTEN},1)\n"
    given = {
        "CONTACTD_EXTERNAL_TRUNK=  ": "CONTACTD_EXTERNAL_TRUNK=trunk ;",
        "CONTACTD_EXTERNAL_ID=  ": "CONTACTD_EXTERNAL_ID=+4930100 ;",
        "[contactd-external]\n": listed,
        "write = call,reporting\n": "write = call,reporting,originate\n",
    }
    conf = {"pjsip.conf": handset_conf(TRUNK)}
    folder = tmp_path_factory.mktemp("callback")
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(folder, people=CREW[:2], queues=queues, extra_conf=conf, substitutions=given) as centre:
        yield centre


@pytest.fixture
async def files(made: Centre) -> AsyncIterator[Files]:
    async with Files.restored(made) as files:
        try:
            yield files
        finally:
            for contact in made.contacts():
                made.stack.daemon.ctl("callbacks", "cancel", contact["id"], check=False)


async def configure(files: Files, *, sales: str = "", rules: str = RULES) -> None:
    files.write((SALES, f"{rules}{SALES}{sales}\n"))
    await files.reload("taken")


async def customer(centre: Centre) -> Handset:
    """Answers at once, whatever number is called."""
    if "trunk" not in centre.handsets:
        centre.handsets["trunk"] = await centre.phones.handset("trunk", "trunk-secret", tone_hz=CALLER_HZ)
    return centre.handsets["trunk"]


async def takes(centre: Centre, line: str = "5001", **options: object) -> str:
    """A caller waits, is asked, takes the number that is read back, and hangs up. The contact."""
    call = await centre.dial(line, number=SHOWN)
    await centre.until_fact("ContactDiverted")
    await press(centre, call, "1")
    taken = await centre.until_fact("CallbackTaken")
    await call.wait("disconnected", 15)
    return str(taken.body["contact"])


async def press(centre: Centre, call: Call, keys: str) -> None:
    """Once contactd listens."""
    pbx = centre.stack.asterisk
    await centre.until(lambda: "AGI" in pbx.cli("core show channels concise"), "contactd to ask")
    await call.dtmf(keys)


def story_of(centre: Centre, contact: str) -> list[Fact]:
    return centre.stories()[contact]


async def test_the_agent_waits_while_the_customer_is_called(files: Files) -> None:
    centre = files.centre
    await configure(files, sales=ASK)
    outside = await customer(centre)
    contact = await takes(centre)
    (anna,) = await centre.duty("anna")
    at_anna = await (await anna.next_call()).wait("confirmed")
    at_customer = await (await outside.next_call()).wait("confirmed")
    assert at_customer.remote_number == "+4930100"
    await talk(at_customer, at_anna)
    await centre.until(lambda: centre.contacts()[0]["state"] == "connected", "them to be connected")
    await at_anna.hangup()
    await at_customer.wait("disconnected")
    await centre.until_ended(1)
    story = story_of(centre, contact)
    assert [kind for kind in kinds(story) if kind != "ContactRecognised"] == [
        *("ContactArrived", "ContactQueued", "ContactDiverted", "CallbackTaken", "CallbackDue", "ContactOffered"),
        *("CustomerDialled", "CallbackReached", "ContactConnected", "TalkEnded", "ContactEnded"),
    ]
    ended = body(story, "ContactEnded")
    assert ended["outcome"] == "handled" and body(story, "ContactConnected")["waited_s"] > 1


async def test_a_flow_leads_to_a_callback(files: Files) -> None:
    centre = files.centre
    node = '[flows.later.nodes.later]\nkind = "queue"\nqueue = "sales"\ncallback = true\n\n'
    flow = f'[flows.later]\nstart = "later"\n\n{node}'
    files.write((SALES, f"{RULES}{flow}{SALES}"), ('5001 = "queue:sales"', '5001 = "flow:later"'))
    await files.reload("taken")
    contact = await takes(centre)
    story = story_of(centre, contact)
    assert body(story, "MenuChosen")["menu"] == "later" and body(story, "CallbackTaken")["queue"] == "sales"


async def test_a_customer_who_was_called_back_is_not_transferred_by_contactd_and_talks_on(files: Files) -> None:
    centre = files.centre
    await configure(files, sales=ASK)
    outside = await customer(centre)
    contact = await takes(centre)
    (anna,) = await centre.duty("anna")
    at_anna = await (await anna.next_call()).wait("confirmed")
    at_customer = await (await outside.next_call()).wait("confirmed")
    await talk(at_customer, at_anna)
    await centre.until(lambda: centre.contacts()[0]["state"] == "connected", "them to be connected")
    done = centre.stack.daemon.ctl("transfer", contact, "--queue", "support", check=False)
    assert done.returncode == 5 and "contactd called this customer back" in done.stderr
    await talk(at_customer, at_anna)


FIRST = f'callback_first = "customer"\n{ASK}'


@pytest.mark.parametrize("may", [True, False])
async def test_the_doctor_says_whether_the_account_may_call(files: Files, may: bool) -> None:
    centre = files.centre
    await configure(files, sales=ASK if not may else "")
    path = centre.stack.asterisk.folder / "etc/contactd/manager_contactd.conf"
    before = path.read_text()
    path.write_text(
        before.replace("write = call,reporting,originate\n", "write = call,reporting\n") if not may else before
    )
    name = PbxId(centre.stack.asterisk.name)
    try:
        await asyncio.to_thread(centre.stack.asterisk.cli, "manager reload")
        told = Findings()
        await asyncio.to_thread(
            lambda: check_pbx(told.at(name), load(centre.stack.daemon.config), name, answered=False)
        )
    finally:
        path.write_text(before)
        await asyncio.to_thread(centre.stack.asterisk.cli, "manager reload")
    (found,) = [one for one in told.all if one.check == "rights"]
    if may:
        # Nobody is called back: it is more than is used.
        assert found.level is Level.WARNING and "originate" in found.what
    else:
        assert found.level is Level.ERROR and "no customer is called back" in found.what


async def test_a_customer_who_presses_1_is_at_the_head_of_the_line(files: Files) -> None:
    centre = files.centre
    await configure(files, sales=FIRST)
    outside = await customer(centre)
    contact = await takes(centre)
    # Nobody is signed in: the customer is not called for nothing.
    assert centre.last_of("CallbackBegun") is None
    (anna,) = await centre.duty("anna")
    at_customer = await (await outside.next_call()).wait("confirmed")
    # Until they press the key they are not there, and somebody younger has the agent.
    younger = await centre.dial("5002")
    with_younger = await (await anna.next_call()).wait("confirmed")
    await centre.until_fact("CustomerDialled")
    await at_customer.dtmf("1")
    await centre.until_fact("CallbackReached")
    youngest = await centre.dial("5002")
    await centre.until_queued(2)
    await younger.hangup()
    await with_younger.wait("disconnected")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(at_customer, at_anna)
    await youngest.hangup()
    await at_customer.hangup()
    await at_anna.wait("disconnected")
    await centre.until(lambda: story_of(centre, contact)[-1].kind == "ContactEnded", "the end")
    assert body(story_of(centre, contact), "ContactEnded")["outcome"] == "handled"
    assert kinds(story_of(centre, contact)).count("CustomerDialled") == 1


async def test_a_box_that_answers_is_no_customer_and_neither_is_who_does_not(files: Files) -> None:
    centre = files.centre
    await configure(files, sales=f"callback_tries = 2\ncallback_retry_s = 10\n{FIRST}")
    outside = await customer(centre)
    contact = await takes(centre)
    await centre.duty("anna")
    # A voice, and no key.
    box = await (await outside.next_call(30)).wait("confirmed")
    await box.hangup()
    failed = await centre.until_fact("CallbackFailed", 30)
    assert failed.body["tries"] == 1 and failed.body["why"] in ("not_accepted", "not_answered")
    await outside.set_policy("busy")
    try:
        ended = (await centre.until_ended(1, 40))[contact]
    finally:
        await outside.set_policy("auto")
    assert body(ended, "ContactEnded")["outcome"] == "callback_failed"
    assert [one.body["why"] for one in ended if one.kind == "CallbackFailed"][-1] == "busy"
    assert centre.now("anna")["state"] == "idle"


async def test_another_number_is_typed_and_read_back_and_none_that_costs(files: Files) -> None:
    centre = files.centre
    await configure(files, sales=ASK)
    outside = await customer(centre)
    call = await centre.dial("5001", number="anonymous")
    await centre.until_fact("ContactDiverted")
    # Of an anonymous caller nothing is offered: the first question is for a number. One that costs is asked for again.
    await press(centre, call, f"09001234567#{OTHER}#1")
    taken = await centre.until_fact("CallbackTaken", 30)
    await call.wait("disconnected", 15)
    (anna,) = await centre.duty("anna")
    await (await anna.next_call()).wait("confirmed")
    at_customer = await (await outside.next_call()).wait("confirmed")
    await at_customer.hangup()
    await centre.until_ended(1)
    # The number is nowhere but in contact_private.
    rows = centre.psql("SELECT body FROM event UNION ALL SELECT body FROM input")
    log = (centre.stack.daemon.folder / "contactd.log").read_text()
    for number in (OTHER, OTHER[1:], "9001234567"):
        assert not any(number in row for row in rows) and number not in log
    assert taken.body["callers"]
    kept = "SELECT count(*) FROM contact_private WHERE ani LIKE '%7654321'"
    await centre.until(lambda: centre.psql(kept) == ["0"], "the number to be removed")


async def test_who_calls_in_has_the_old_place_and_is_not_called_any_more(files: Files) -> None:
    centre = files.centre
    await configure(files, sales="steps.3.go = { callback = true }")
    contact = await takes(centre)
    again = await centre.dial("5001", number=SHOWN)
    queued = await centre.until_fact("ContactQueued", resumed=contact)
    await centre.until_fact("ContactEnded", contact=contact, outcome="called_in")
    first = next(fact for fact in story_of(centre, contact) if fact.kind == "ContactQueued")
    assert queued.body["queued_at"] == first.body["queued_at"]
    await again.hangup()


@pytest.mark.parametrize("moment", ["waiting", "dialling"])
async def test_contactd_dies_and_nobody_is_called_twice_or_forgotten(files: Files, moment: str) -> None:
    centre = files.centre
    await configure(files, sales=ASK)
    outside = await customer(centre)
    contact = await takes(centre)
    if moment == "waiting":
        centre.stack.daemon.kill()
        await asyncio.to_thread(centre.stack.daemon.start)
        assert [one["id"] for one in centre.contacts()] == [contact]
        (anna,) = await centre.duty("anna")
        at_anna = await (await anna.next_call(30)).wait("confirmed")
        await centre.until_fact("CustomerDialled")
        at_customer = await (await outside.next_call()).wait("confirmed")
    else:
        await outside.set_policy("manual")
        (anna,) = await centre.duty("anna")
        at_anna = await (await anna.next_call()).wait("confirmed")
        at_customer = await outside.next_call()
        await centre.until_fact("CustomerDialled")
        centre.stack.daemon.kill()
        await at_customer.answer()
        await talk(at_customer, at_anna)
        await asyncio.to_thread(centre.stack.daemon.start)
        await centre.until(lambda: centre.contacts()[0]["state"] == "connected", "them to be found")
        await outside.set_policy("auto")
    await talk(at_customer, at_anna)
    await at_anna.hangup()
    await at_customer.wait("disconnected")
    story = (await centre.until_ended(1))[contact]
    assert kinds(story).count("CustomerDialled") == 1
    assert body(story, "ContactEnded")["outcome"] == "handled"
