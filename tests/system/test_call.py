"""A caller, a menu, a queue, an agent: the whole way on real telephones, and every place to leave it."""

from __future__ import annotations

import pytest

from tests.system.centre import Centre
from tests.system.telling import HANDLED, about, body, hears_music, kinds, talk, transferred


async def test_a_call_goes_from_the_greeting_to_the_agent_and_the_agent_is_ready_again(centre: Centre) -> None:
    call = await centre.dial("5000")
    assert await call.tone() > 0, "no greeting was heard"
    await call.dtmf("1")
    await hears_music(call)
    await centre.until_queued(1)
    (anna,) = await centre.duty("anna")
    at_agent = await anna.next_call()
    await at_agent.wait("confirmed")
    await talk(call, at_agent)
    await at_agent.hangup()
    await call.wait("disconnected")
    story = await centre.story()
    assert kinds(story) == HANDLED
    assert body(story, "ContactArrived")["dnis"] == "5000"
    assert body(story, "MenuChosen") | {"menu": "main", "choice": "1", "queue": "sales"} == body(story, "MenuChosen")
    times = {fact.kind: fact.at for fact in story}
    talked = at_agent.times["disconnected"] - at_agent.times["confirmed"]
    ended, talk_ended = body(story, "ContactEnded"), body(story, "TalkEnded")
    assert about(body(story, "ContactConnected")["waited_s"], times["ContactConnected"] - times["ContactQueued"], 0.1)
    assert about(talk_ended["talk_s"], talked) and talk_ended["by"] == "agent"
    assert ended["outcome"] == "handled" and ended["waited_s"] == body(story, "ContactConnected")["waited_s"]
    assert about(ended["lasted_s"], call.times["disconnected"] - call.times["invite"])
    # Wrap-up, and ready again.
    assert about(talk_ended["wrap_up_until"] - times["TalkEnded"], 1, 0.01)
    wrap_up = await centre.until_fact("WrapUpEnded", agent="anna")
    assert about(wrap_up.at, talk_ended["wrap_up_until"])
    assert (await centre.until_agent("anna", state="idle", status="ready", handset="free"))["contact"] is None


async def test_the_caller_hangs_up_in_the_talk(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_agent = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_agent)
    await call.hangup()
    await at_agent.wait("disconnected", 1)
    story = await centre.story()
    assert kinds(story)[-3:] == ["ContactConnected", "TalkEnded", "ContactEnded"]
    assert body(story, "TalkEnded")["by"] == "caller"
    assert body(story, "ContactEnded")["outcome"] == "handled"
    await centre.until_agent("anna", state="wrap_up")
    await centre.until_agent("anna", state="idle", status="ready")


async def test_a_caller_leaves_the_menu(centre: Centre) -> None:
    call = await centre.dial("5000")
    await call.tone()
    await call.hangup()
    story = await centre.story()
    assert kinds(story) == ["ContactArrived", "ContactEnded"]
    ended = body(story, "ContactEnded")
    assert (ended["outcome"], ended["queue"], ended["waited_s"]) == ("abandoned_in_menu", None, None)
    assert about(ended["lasted_s"], call.times["disconnected"] - call.times["invite"])


async def test_a_caller_leaves_the_queue(centre: Centre) -> None:
    call = await centre.dial("5002")
    await hears_music(call)
    await centre.until_queued(1)
    await call.hangup()
    story = await centre.story()
    assert kinds(story) == ["ContactArrived", "ContactQueued", "ContactEnded"]
    ended = body(story, "ContactEnded")
    assert (ended["outcome"], ended["queue"]) == ("abandoned_waiting", "support")
    assert about(ended["waited_s"], call.times["disconnected"] - call.times["confirmed"])
    assert about(ended["lasted_s"], call.times["disconnected"] - call.times["invite"])


async def test_a_caller_leaves_while_the_agent_s_phone_rings(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    await anna.set_policy("manual")
    call = await centre.dial("5001")
    at_agent = await anna.next_call()
    await hears_music(call)
    await call.hangup()
    await at_agent.wait("disconnected", 1)
    story = await centre.story()
    assert kinds(story) == ["ContactArrived", "ContactQueued", "ContactOffered", "OfferEnded", "ContactEnded"]
    assert body(story, "OfferEnded")["outcome"] == "caller_gone"
    ended = body(story, "ContactEnded")
    assert ended["outcome"] == "abandoned_ringing"
    assert about(ended["waited_s"], call.times["disconnected"] - call.times["confirmed"])
    # It was not her fault.
    await centre.until_agent("anna", status="ready", state="idle", handset="free")


async def test_who_presses_nothing_gets_the_default_choice(centre: Centre) -> None:
    call = await centre.dial("5000")
    await centre.until_queued(1)
    await hears_music(call)
    chosen = await centre.until_fact("MenuChosen")
    assert (chosen.body["choice"], chosen.body["queue"]) == ("", "sales")
    # Two tries of a second each, with the prompts.
    arrived = await centre.until_fact("ContactArrived")
    assert 2 < chosen.at - arrived.at < 12


async def test_a_wrong_key_is_asked_for_again(centre: Centre) -> None:
    call = await centre.dial("5000")
    await call.tone()
    await call.dtmf("7")
    await call.dtmf("2")
    chosen = await centre.until_fact("MenuChosen")
    assert (chosen.body["choice"], chosen.body["queue"]) == ("2", "support")


@pytest.mark.parametrize(("number", "queue"), [("5002", "support"), ("5999", "sales"), ("+4930123", "sales")])
async def test_a_line_leads_straight_to_its_queue_and_an_unknown_one_to_the_default(
    centre: Centre, number: str, queue: str
) -> None:
    call = await centre.dial(number)
    await centre.until_queued(1)
    queued = await centre.until_fact("ContactQueued")
    assert queued.body["queue"] == queue
    assert (await centre.until_fact("ContactArrived")).body["dnis"] == number
    assert not centre.last_of("MenuChosen")
    await hears_music(call)


async def test_keys_while_waiting_change_nothing(centre: Centre) -> None:
    call = await centre.dial("5001")
    await centre.until_queued(1)
    for key in "1*#0":
        await call.dtmf(key)
    await hears_music(call)
    (anna,) = await centre.duty("anna")
    at_agent = await anna.next_call()
    await talk(call, at_agent)
    await call.hangup()
    assert kinds(await centre.story()) == [
        *("ContactArrived", "ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded", "ContactEnded"),
    ]


async def test_a_call_is_not_answered_before_it_is_needed(centre: Centre) -> None:
    centre.stack.asterisk.cli("dialplan set global CONTACTD_ANSWER no")
    try:
        (anna,) = await centre.duty("anna")
        await anna.set_policy("manual")
        call = await centre.dial("5001", wait="early")
        at_agent = await anna.next_call()
        await hears_music(call)
        assert "confirmed" not in call.times
        await at_agent.answer()
        await call.wait("confirmed")
        await talk(call, at_agent)
        assert call.times["confirmed"] >= at_agent.times["confirmed"] - 0.2
    finally:
        centre.stack.asterisk.cli("dialplan set global CONTACTD_ANSWER yes")


async def test_the_agent_transfers_the_caller_to_another_agent(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    (bilal,) = await centre.duty("bilal")
    await at_anna.blind_transfer(centre.person("bilal").number)
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await transferred(at_anna)
    await talk(call, at_bilal)
    assert (await centre.until_fact("TalkEnded", agent="anna")).body["by"] == "transfer"
    second = await centre.until_fact("ContactConnected", agent="bilal")
    assert second.body["offer"] is None
    assert about(second.at, at_bilal.times["confirmed"], 2)
    await centre.until_agent("anna", state="idle", status="ready", handset="free")
    await centre.until_agent("bilal", state="busy")
    await at_bilal.hangup()
    await call.wait("disconnected")
    story = await centre.story()
    assert kinds(story)[-5:] == ["ContactConnected", "TalkEnded", "ContactConnected", "TalkEnded", "ContactEnded"]
    assert body(story, "ContactEnded")["outcome"] == "handled"
    await centre.until_agent("bilal", state="idle", status="ready")


async def test_the_agent_transfers_the_caller_to_a_queue(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    centre.act("anna", "not-ready", "break")
    await at_anna.blind_transfer("5001")
    await transferred(at_anna)
    ended = await centre.until_fact("TalkEnded", agent="anna")
    assert ended.body["by"] == "transfer"
    await hears_music(call)
    # A new wait begins: the talk before it is nobody's waiting time.
    queued = await centre.until(
        lambda: next((fact for fact in centre.facts("kind = 'ContactQueued'")[1:]), None), "the second wait"
    )
    assert queued.body["queued_at"] > ended.at - 0.1
    (bilal,) = await centre.duty("bilal")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await talk(call, at_bilal)
    await call.hangup()
    story = await centre.story()
    assert kinds(story) == [
        *("ContactArrived", "ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded"),
        *("ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded", "ContactEnded"),
    ]
    waits = [fact.body["waited_s"] for fact in story if fact.kind == "ContactConnected"]
    assert about(waits[1], story[7].at - queued.body["queued_at"], 0.1)
    assert (await centre.until_agent("anna", state="idle"))["reason"] == "break"
