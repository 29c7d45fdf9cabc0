"""A caller whose line breaks rings back: on real SIP, and though contactd was killed in between."""

from __future__ import annotations

import asyncio
import json

from tests.system.centre import Centre
from tests.system.telling import body, talk

CUT_OFF, OTHER = "4930123001", "4930123002"


async def test_who_rings_back_is_answered_before_who_came_later_though_contactd_died_in_between(centre: Centre) -> None:
    daemon = centre.stack.daemon
    first = await centre.dial("5001", number=CUT_OFF)
    (lost,) = await centre.until_queued(1)
    other = await centre.dial("5001", number=OTHER)
    before = await centre.until_queued(2)
    await first.hangup()
    await centre.until_fact("ContactEnded", contact=lost, outcome="abandoned_waiting")
    daemon.kill()
    await asyncio.to_thread(daemon.start)
    await centre.until_queued(1)
    again = await centre.dial("5001", number=CUT_OFF)
    (back,) = set(await centre.until_queued(2)) - set(before)
    queued = await centre.until_fact("ContactQueued", contact=back)
    began = centre.last_of("ContactQueued", contact=lost)
    assert began is not None
    assert (queued.body["resumed"], queued.body["queued_at"]) == (lost, began.body["queued_at"])
    (anna,) = await centre.duty("anna")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(again, at_anna)
    assert (await centre.until_fact("ContactConnected")).body["contact"] == back
    told = await asyncio.to_thread(daemon.ctl, "explain", back)
    assert f"at the place of {lost}" in told.stdout
    told = await asyncio.to_thread(daemon.ctl, "explain", lost)
    assert "the place is kept" in told.stdout
    await again.hangup()
    await talk(other, await (await anna.next_call()).wait("confirmed"))
    await other.hangup()
    stories = await centre.until_ended(3)
    outcomes = {body(story, "ContactEnded")["outcome"] for story in stories.values()}
    assert outcomes == {"abandoned_waiting", "handled"}
    # Nothing of the number is in the journal, nor in what the caller was known by.
    rows = centre.psql("SELECT body FROM event") + centre.psql("SELECT body FROM input")
    assert not any(number in row for row in rows for number in (CUT_OFF, OTHER))
    known = [json.loads(row)["callers"] for row in rows if '"kind":"ContactArrived"' in row and "callers" in row]
    assert any(known)


async def test_who_withholds_the_number_gets_no_place_of_anybody(centre: Centre) -> None:
    headers = {"Privacy": "id", "P-Asserted-Identity": f"<sip:{CUT_OFF}@127.0.0.1>"}
    for _ in range(2):
        call = await centre.dial("5001", number="anonymous", headers=headers)
        await centre.until_queued(1)
        await call.hangup()
        await centre.until(lambda: not centre.contacts(), "the floor to be empty")
    assert not any(fact.body.get("resumed") for fact in centre.facts("kind = 'ContactQueued'"))
    assert not any(fact.body.get("place_until") for fact in centre.facts("kind = 'ContactEnded'"))
