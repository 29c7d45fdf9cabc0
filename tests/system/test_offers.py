"""An offer and what becomes of it: the caller keeps the place, and only who is free is rung."""

from __future__ import annotations

import asyncio

import pytest

from tests.lab.phones import Call, Policy
from tests.system.centre import Centre
from tests.system.telling import about, body, hears_music, kinds, talk


@pytest.mark.parametrize(
    ("policy", "outcome", "cause"),
    [
        ("decline", "declined", 21),
        ("busy", "busy", 17),
        ("unavailable", "rona", 19),
        ("forward:sip:1003@127.0.0.1", "busy", 0),
    ],
)
async def test_the_next_agent_gets_the_caller_whom_the_first_refuses(
    centre: Centre, policy: Policy, outcome: str, cause: int
) -> None:
    anna, bilal = await centre.duty("anna", "bilal")
    await anna.set_policy(policy)
    call = await centre.dial("5001")
    await anna.next_call()
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await talk(call, at_bilal)
    await call.hangup()
    story = await centre.story()
    assert kinds(story) == [
        *("ContactArrived", "ContactQueued", "ContactOffered", "OfferEnded", "ContactHeld", "ContactOffered"),
        *("ContactConnected", "TalkEnded", "ContactEnded"),
    ]
    failed = body(story, "OfferEnded")
    assert failed["agent"] == "anna"
    assert (failed["outcome"], failed["cause"]) == (outcome, cause)
    # At once, and with all of the waiting time.
    assert story[5].at - story[3].at < 2
    assert about(
        body(story, "ContactConnected")["waited_s"], story[6].at - body(story, "ContactQueued")["queued_at"], 0.1
    )
    assert (await centre.until_agent("anna", status="not_ready", state="idle"))["reason"] == failed["outcome"]
    assert not anna.calls or anna.calls[-1].state == "disconnected"


async def test_a_handset_that_was_busy_for_a_moment_is_offered_callers_again(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    await anna.set_policy("busy")
    call = await centre.dial("5001")
    await anna.next_call()
    refused = await centre.until_fact("AgentNotReady", agent="anna", reason="busy")
    await anna.set_policy("auto")
    await talk(call, await (await anna.next_call()).wait("confirmed"))
    ready = await centre.until_fact("AgentReady", agent="anna")
    assert about(ready.at, refused.body["until"]) and about(ready.at - refused.at, 5)


async def test_who_does_not_answer_loses_the_caller_who_keeps_the_place(centre: Centre) -> None:
    (anna,) = await centre.duty("anna")
    await anna.set_policy("manual")
    first = await centre.dial("5001")
    ringing = await anna.next_call()
    second = await centre.dial("5001")
    await centre.until_queued(1)
    await ringing.wait("disconnected", 8)
    assert about(ringing.times["disconnected"] - ringing.times["invite"], 5, 1)
    await centre.until_agent("anna", status="not_ready", reason="rona", state="idle")
    order = await centre.until_queued(2)
    await hears_music(first)
    (bilal,) = await centre.duty("bilal")
    for caller, contact in ((first, order[0]), (second, order[1])):
        at_bilal = await (await bilal.next_call()).wait("confirmed")
        await talk(caller, at_bilal)
        assert (await centre.until_fact("ContactConnected", contact=contact)).body["agent"] == "bilal"
        await at_bilal.hangup()
    stories = await centre.until_ended(2)
    assert list(stories) == order
    assert body(stories[order[0]], "OfferEnded")["outcome"] == "rona"
    # She comes back by herself only.
    assert centre.agent("anna")["status"] == "not_ready"


async def test_an_unregistered_handset_is_not_offered_anything_and_is_ready_again_when_it_is_back(
    centre: Centre,
) -> None:
    (anna,) = await centre.duty("anna")
    await anna.unregister()
    await centre.until_agent("anna", handset="unavailable")
    call = await centre.dial("5001")
    await centre.until_queued(1)
    await hears_music(call)
    assert not centre.last_of("ContactOffered")
    await anna.register()
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)


async def test_a_handset_that_vanished_counts_as_not_answering(centre: Centre) -> None:
    erin, bilal = await centre.duty("erin", "bilal")
    erin.kill()  # no word to the registrar, which believes in it for the next half minute
    del centre.handsets["erin"]
    call = await centre.dial("5001")
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await talk(call, at_bilal)
    assert (await centre.until_fact("OfferEnded", agent="erin")).body["outcome"] == "rona"
    await centre.until_agent("erin", status="not_ready", reason="rona")


async def test_a_handset_that_unregisters_in_the_moment_of_the_offer_is_ready_again_when_it_is_back(
    centre: Centre,
) -> None:
    anna, bilal = await centre.duty("anna", "bilal")
    first = await centre.dial("5002")
    await (await anna.next_call()).wait("confirmed")
    centre.act("bilal", "not-ready", "break")
    second = await centre.dial("5002")
    await centre.until_queued(1)

    def handset(state: str) -> bool:
        return state in centre.stack.asterisk.cli("pjsip show endpoint 1001")

    # contactd will read in one go that she is free and that her handset is gone.
    centre.stack.daemon.pause()
    await first.hangup()
    await centre.until(lambda: handset("Not in use"), "anna's handset to be free")
    await anna.unregister()
    await centre.until(lambda: handset("Unavailable"), "anna's handset to be gone")
    centre.stack.daemon.cont()
    failed = await centre.until_fact("OfferEnded", agent="anna")
    assert failed.body["outcome"] == "unregistered"
    await centre.until_agent("anna", status="not_ready", reason="unregistered", handset="unavailable")
    await centre.until_queued(1)
    centre.act("bilal", "ready")
    await talk(second, await (await bilal.next_call()).wait("confirmed"))
    await anna.register()
    await centre.until_agent("anna", status="ready", handset="free")


async def test_an_agent_s_own_calls_make_the_agent_busy(centre: Centre) -> None:
    anna, bilal = await centre.duty("anna", "bilal")
    internal = await anna.dial(centre.person("bilal").number)
    at_bilal = await (await bilal.next_call()).wait("confirmed")
    await centre.until_agent("anna", handset="in_use", status="ready")
    await centre.until_agent("bilal", handset="in_use", status="ready")
    call = await centre.dial("5001")
    await centre.until_queued(1)
    await hears_music(call)
    assert not centre.last_of("ContactOffered")
    await internal.hangup()
    await at_bilal.wait("disconnected")
    # Who is seen free first gets it: both were idle all the time, for the floor has no contact of theirs.
    offered = await centre.until_fact("ContactConnected")
    assert offered.body["agent"] in ("anna", "bilal")


async def test_a_ringing_handset_is_not_rung_for_a_queue(centre: Centre) -> None:
    anna, bilal = await centre.duty("anna", "bilal")
    await anna.set_policy("manual")
    centre.act("bilal", "not-ready", "break")
    internal = await bilal.dial(centre.person("anna").number)
    await anna.next_call()
    # device_state_busy_at=1: busy, not ringing.
    await centre.until_agent("anna", handset="in_use")
    await centre.dial("5001")
    await centre.until_queued(1)
    assert not centre.last_of("ContactOffered")
    await anna.set_policy("auto")
    await internal.hangup()
    assert (await centre.until_fact("ContactConnected")).body["agent"] == "anna"


async def test_five_callers_are_served_first_come_first_served(centre: Centre) -> None:
    calls = []
    for count in range(1, 6):
        calls.append(await centre.dial("5002" if count % 2 else "5001"))
        await centre.until_queued(count)
    order = await centre.until_queued(5)
    (anna,) = await centre.duty("anna")
    for caller in calls:
        at_anna = await (await anna.next_call()).wait("confirmed")
        await talk(caller, at_anna)
        await at_anna.hangup()
    await centre.until_ended(5)
    connected = [fact.body["contact"] for fact in centre.facts("kind = 'ContactConnected'")]
    assert connected == order


async def test_the_longest_idle_agent_is_rung(centre: Centre) -> None:
    handsets = dict(zip(("carla", "anna", "bilal"), await centre.duty("carla", "anna", "bilal"), strict=True))
    for wanted in ("carla", "anna", "bilal", "carla"):
        call = await centre.dial("5002")
        at_agent = await handsets[wanted].next_call()
        await at_agent.wait("confirmed")
        await call.hangup()
        await centre.until_agent(wanted, state="idle", handset="free")
    assert [fact.body["agent"] for fact in centre.facts("kind = 'ContactOffered'")] == [
        "carla",
        "anna",
        "bilal",
        "carla",
    ]


async def test_two_callers_ring_two_agents_at_once(centre: Centre) -> None:
    calls = [await centre.dial("5002") for _ in range(2)]
    await centre.until_queued(2)
    anna, bilal = await centre.duty("anna", "bilal")
    at = [await (await handset.next_call()).wait("confirmed") for handset in (anna, bilal)]
    await asyncio.gather(*(talk(caller, agent) for caller, agent in zip(calls, at, strict=True)))
    assert len(anna.calls) and len({fact.body["agent"] for fact in centre.facts("kind = 'ContactConnected'")}) == 2


async def ringing(centre: Centre) -> tuple[Call, Call]:
    """A caller, and the agent's phone that rings for them with contactd dead."""
    (anna,) = await centre.duty("anna")
    await anna.set_policy("manual")
    call = await centre.dial("5001")
    at_anna = await (await anna.next_call()).wait("early")
    await centre.until_fact("ContactOffered")
    centre.stack.daemon.kill()
    return call, at_anna


async def test_who_hangs_up_in_the_hold_during_a_restart_has_abandoned(centre: Centre) -> None:
    """contactd was not away for so long that the static queue could have served them."""
    call = await centre.dial("5001")
    await centre.until_queued(1)
    centre.stack.daemon.kill()
    await call.hangup()
    await asyncio.to_thread(centre.stack.daemon.start)
    ended = body(await centre.story(), "ContactEnded")
    assert (ended["outcome"], ended["seen_late"]) == ("abandoned_waiting", True)


async def test_the_ringing_stops_with_the_caller_though_contactd_is_dead(centre: Centre) -> None:
    call, at_anna = await ringing(centre)
    await hears_music(call)
    await call.hangup()
    await at_anna.wait("disconnected", 3)
    await asyncio.to_thread(centre.stack.daemon.start)
    story = await centre.story()
    assert kinds(story) == ["ContactArrived", "ContactQueued", "ContactOffered", "OfferEnded", "ContactEnded"]
    ended = body(story, "ContactEnded")
    assert (ended["outcome"], ended["seen_late"]) == ("unseen", True)
    await centre.until_agent("anna", status="ready", state="idle")


async def test_the_agent_answers_though_contactd_is_dead(centre: Centre) -> None:
    call, at_anna = await ringing(centre)
    await at_anna.answer()
    await talk(call, at_anna)
    await asyncio.to_thread(centre.stack.daemon.start)
    connected = await centre.until_fact("ContactConnected", agent="anna")
    assert (
        connected.body["seen_late"]
        and connected.body["offer"] == (await centre.until_fact("ContactOffered")).body["offer"]
    )
    await talk(call, at_anna)
    await at_anna.hangup()
    story = await centre.story()
    assert kinds(story)[-4:] == ["ContactOffered", "ContactConnected", "TalkEnded", "ContactEnded"]
    assert body(story, "TalkEnded")["by"] == "agent"


async def test_an_offer_of_an_older_epoch_is_refused_by_the_dialplan(centre: Centre) -> None:
    """A writer that was frozen and fenced may still have a Redirect on its way."""
    (anna,) = await centre.duty("anna")
    centre.act("anna", "not-ready", "break")
    call = await centre.dial("5001")
    await centre.until_queued(1)
    channel = (await centre.until_fact("ContactArrived")).body["channel"]
    centre.stack.asterisk.cli(f"channel redirect {channel} contactd-offer,1001*0*1*5,1")
    await hears_music(call)
    await centre.until_queued(1)
    assert not any(one.state != "disconnected" for one in anna.calls)
    centre.act("anna", "ready")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
