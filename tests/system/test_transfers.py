"""Transfers begun by contactd, on real telephones: contactctl transfer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.lab.phones import Call
from tests.system.centre import Centre
from tests.system.telling import body, hears_music, kinds, talk


@pytest.fixture(scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Sales wraps up for long: whoever transfers is not the next whom the caller gets."""
    folder = tmp_path_factory.mktemp("transfers")
    async with Centre(folder, queues={"sales": (5, 60), "support": (5, 0)}, compare_s=5) as centre:
        yield centre


@pytest.fixture
async def centre(opened: Centre) -> AsyncIterator[Centre]:
    await opened.clear()
    yield opened
    await opened.clear()


async def talking(centre: Centre) -> tuple[Call, Call, str]:
    """The caller, Anna's side, and the contact."""
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    connected = await centre.until_fact("ContactConnected", agent="anna")
    return call, at_anna, str(connected.body["contact"])


async def test_the_caller_hears_music_and_then_the_next_agent_in_one_story(centre: Centre) -> None:
    call, at_anna, contact = await talking(centre)
    told = centre.stack.daemon.ctl("transfer", contact[:30], "--queue", "support")
    assert told.stdout == f"{contact}: transferred to support\n"
    await at_anna.wait("disconnected")
    await hears_music(call)
    (waiting,) = centre.contacts()
    assert (waiting["id"], waiting["state"], waiting["queue"]) == (contact, "waiting", "support")
    assert centre.now("anna")["state"] == "wrap_up"
    # The PBX says the same: the caller stands in the hold, alone, and is told so by no comparison.
    channels = centre.stack.asterisk.cli("core show channels concise").splitlines()
    assert [line.split("!")[1] for line in channels if line.startswith("PJSIP/")] == ["contactd-hold"]
    (bilal,) = await centre.duty("bilal")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await talk(call, at_bilal)
    await at_bilal.hangup()
    await call.wait("disconnected")
    (story,) = (await centre.until_ended(1)).values()
    assert kinds(story) == [
        *("ContactArrived", "ContactQueued", "ContactOffered", "ContactConnected", "TransferBegun", "TalkEnded"),
        *("ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded", "ContactEnded"),
    ]
    begun = body(story, "TransferBegun")
    assert (begun["agent"], begun["queue"], begun["by"]) == ("anna", "support", "supervisor")
    first, second = [fact for fact in story if fact.kind == "TalkEnded"]
    assert (first.body["agent"], first.body["by"]) == ("anna", "transfer")
    assert (second.body["agent"], second.body["by"]) == ("bilal", "agent")
    # A wait of its own, not since the call began.
    queued, again = [fact for fact in story if fact.kind == "ContactQueued"]
    assert again.body["queued_at"] >= first.at - 1 and again.body["queued_at"] > queued.body["queued_at"]
    explained = centre.stack.daemon.ctl("explain", contact).stdout
    assert "anna is to leave the caller to the queue support, as the supervisor asked" in explained
    audit = centre.stack.daemon.ctl("audit").stdout
    assert "transfer" in audit and "done: to support" in audit


async def test_a_caller_on_hold_is_transferred_as_well(centre: Centre) -> None:
    call, at_anna, contact = await talking(centre)
    await at_anna.hold()
    await hears_music(call)
    centre.stack.daemon.ctl("transfer", contact, "--queue", "support")
    await at_anna.wait("disconnected")
    (bilal,) = await centre.duty("bilal")
    await talk(call, await (await bilal.next_call()).wait("confirmed"))


async def test_who_talks_with_nobody_and_what_queue_there_is_not_is_told(centre: Centre) -> None:
    call = await centre.dial("5001")
    (contact,) = await centre.until_queued(1)
    done = centre.stack.daemon.ctl("transfer", contact, "--queue", "support", check=False)
    assert done.returncode == 5 and "No agent talks with the caller" in done.stderr
    done = centre.stack.daemon.ctl("transfer", contact, "--queue", "nowhere", check=False)
    assert done.returncode != 0 and "There is no queue nowhere" in done.stderr
    await call.hangup()
    assert not centre.facts("kind = 'TransferBegun'")
