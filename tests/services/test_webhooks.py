"""One attempt to tell a receiver over real TLS: signed as the standard says, bounded, and only where the file leads."""

from __future__ import annotations

import asyncio
import doctest
import socket
import time
from typing import Any

import pytest

from contactd.config import Webhook, WebhookSecrets
from contactd.config.sections import webhooks as section
from contactd.core import events as ev
from contactd.core.contact import Known, Outcome
from contactd.core.ids import AgentId, ContactId, PartyId, PbxId, QueueId
from contactd.services.webhooks import courier, hook, telling
from contactd.services.webhooks.hook import Hook, Verdict
from contactd.services.webhooks.signing import signed
from contactd.store.outbox import Fact, Message, Waiting
from tests.services.receiver import CA, OTHER, SECRET, documented_verify, receiving, says

MESSAGE = Waiting(1, "6f0c1c6e-2d3f-4c55-9d7a-0b8f3a0e8d11", "case.opened", "case:1", 1795000000.25, {"case": "ü"}, 0)
CONTACT = ContactId("018bcfe5-6800-7000-8000-000000000001")


async def attempt(url: str, secrets: WebhookSecrets | None = None, **more: Any) -> Verdict:
    made = Hook(Webhook(url=url, events=("*",), **{"ca_file": CA, **more}), secrets or WebhookSecrets(secret=SECRET))
    try:
        return await made.send(MESSAGE)
    finally:
        await made.close()


@pytest.mark.parametrize("module", [hook, courier, telling, section])
def test_the_examples_in_the_code_are_true(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


def test_the_signature_is_the_one_of_the_standard() -> None:
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [SECRET])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_papers_example_refuses_what_is_not_ours() -> None:
    verify, body = documented_verify(), b"{}"
    now = int(time.time())
    good = signed("m", now, body, [SECRET])
    verify(SECRET, good, body)
    for headers, text, secret in (
        (good, b"{ }", SECRET),
        (good, body, OTHER),
        ({**good, "webhook-id": "n"}, body, SECRET),
        (signed("m", now - 301, body, [SECRET]), body, SECRET),
    ):
        with pytest.raises(ValueError, match=r"too old|not signed"):
            verify(secret, headers, text)


async def test_a_message_arrives_signed_with_both_secrets_while_one_replaces_the_other() -> None:
    async with receiving() as receiver:
        kept = WebhookSecrets(secret=OTHER, old_secret=SECRET, headers={"Authorization": "Bearer t"})
        assert await attempt(receiver.url, kept, headers={"X-Site": "A"}) == Verdict()
        receiver.secret = OTHER
        assert await attempt(receiver.url, kept) == Verdict()
        first, second = receiver.got
        assert first.body == {
            "type": "case.opened",
            "version": 1,
            "timestamp": "2026-11-18T11:06:40.250000Z",
            "data": {"case": "ü"},
        }
        assert (first.id, first.headers["authorization"], first.headers["x-site"]) == (MESSAGE.message, "Bearer t", "A")
        assert first.id == second.id and first.body == second.body


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (says("200 OK", body=b"thank you"), Verdict()),
        (says("201 Created", "Content-Encoding: gzip", body=b"\x1f\x8b bomb"), Verdict()),
        (says("500 Oops"), Verdict("HTTP 500 instead of 2xx.")),
        (says("400 No", "Retry-After: 9"), Verdict("HTTP 400 instead of 2xx.")),
        (says("429 Slow", "Retry-After: 9"), Verdict("HTTP 429 instead of 2xx.", quiet_s=9.0)),
        (says("503 Later", "Retry-After: 999999999"), Verdict("HTTP 503 instead of 2xx.", quiet_s=3600.0)),
        (says("503 Later", "Retry-After: -1"), Verdict("HTTP 503 instead of 2xx.")),
        (says("410 Gone"), Verdict("HTTP 410: it says that it is no more.", gone=True)),
        (b"HTTP/1.1 204 None\r\nSet-Cookie: a=b\r\n\r\n", Verdict()),
    ],
)
async def test_what_an_answer_means(said: bytes, verdict: Verdict) -> None:
    async with receiving() as receiver:
        receiver.reply = lambda _: said
        assert await attempt(receiver.url) == verdict


async def test_a_redirect_is_not_followed() -> None:
    async with receiving() as receiver, receiving() as elsewhere:
        receiver.reply = lambda _: says("307 There", f"Location: {elsewhere.url}")
        verdict = await attempt(receiver.url)
        assert "307" in verdict.error and "not followed" in verdict.error
        assert elsewhere.got == []


async def test_an_answer_without_an_end_is_taken_by_its_status_and_read_no_further() -> None:
    async with receiving() as receiver:
        receiver.reply = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b"x" * (1 << 20)
        assert await attempt(receiver.url, timeout_s=20.0) == Verdict()


async def test_who_took_it_and_dribbles_on_has_taken_it() -> None:
    async with receiving() as receiver:
        receiver.reply = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"
        assert await attempt(receiver.url, timeout_s=0.3) == Verdict()


async def test_who_says_nothing_costs_no_more_than_the_time_out() -> None:
    async with receiving() as receiver:
        receiver.reply = lambda _: None
        assert await attempt(receiver.url, timeout_s=0.2) == Verdict("No answer within 0.2 s.")
        receiver.reply = lambda _: b"HTTP/1.1 20"
        assert await attempt(receiver.url, timeout_s=0.2) == Verdict("No answer within 0.2 s.")


async def test_nonsense_and_closed_lines_are_failures() -> None:
    async with receiving() as receiver:
        receiver.reply = lambda _: b"\0\1\2 this is no HTTP\r\n\r\n"
        assert (await attempt(receiver.url)).error.startswith("No HTTP with it")
        receiver.reply = lambda _: says("200 OK", "X: " + "y" * 100_000)
        assert (await attempt(receiver.url)).error.startswith("No HTTP with it")
        url = receiver.url
    assert (await attempt(url)).error.startswith("No HTTP with it")


@pytest.mark.parametrize(("certificate", "ca"), [("expired.crt", CA), ("valid.crt", "")])
async def test_its_certificate_is_looked_at(certificate: str, ca: str) -> None:
    async with receiving(certificate) as receiver:
        verdict = await attempt(receiver.url, ca_file=ca)
        assert "certificate is not accepted" in verdict.error
        assert receiver.got == []


async def test_a_name_that_leads_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "none")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nobody)
    assert await attempt("https://nobody.invalid/in?key=abc") == Verdict("Its name leads to no address (DNS).")


async def test_a_name_server_that_hangs_costs_no_more_than_the_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hangs)
    verdict = await attempt("https://nobody.invalid/in?key=abc", timeout_s=0.2)
    assert verdict == Verdict("No answer within 0.2 s.")


# --- what is told ---


def story() -> list[Fact]:
    known = Known(party=PartyId("p-1"))
    events: list[ev.Event] = [
        ev.ContactArrived(contact=CONTACT, pbx=PbxId("pbx1"), call="1.1", channel="c", dnis="5000", callers=("h",)),
        ev.ContactRecognised(contact=CONTACT, known=known, step=0),
        ev.ContactQueued(contact=CONTACT, queue=QueueId("sales"), queued_at=1010.0),
        ev.ContactConnected(contact=CONTACT, agent=AgentId("anna"), offer=None, waited_s=5.0),
        ev.TalkEnded(contact=CONTACT, agent=AgentId("anna"), by="caller", talk_s=60.0, wrap_up_until=None),
        ev.ContactEnded(
            contact=CONTACT, outcome=Outcome.HANDLED, queue=QueueId("sales"), waited_s=5.0, lasted_s=80.0, cause=16
        ),
        ev.AgentNotReady(agent=AgentId("anna"), reason="break"),
        ev.AgentNotReady(agent=AgentId("anna"), reason="break"),
    ]
    return [Fact(seq, 1000.0 + seq, event) for seq, event in enumerate(events, 1)]


def test_a_contact_is_told_as_it_was_at_each_moment_however_the_facts_are_cut() -> None:
    facts, wanted = story(), frozenset(section.EVENTS)
    whole = telling.messages([], facts, wanted)
    assert [one.event for one in whole] == [
        *("contact.arrived", "contact.recognised", "contact.queued", "contact.connected", "contact.ended"),
        "agent.status",
    ]
    for cut in range(1, 6):
        parts = [*telling.messages([], facts[:cut], wanted), *telling.messages(facts[:cut], facts[cut:], wanted)]
        assert parts[:5] == whole[:5]
    first, ended = whole[0].data, whole[4].data
    assert (first["customer"], first["queue"], first["ended_at"]) == (None, None, None)
    assert ended["outcome"] == "handled" and ended["talk_s"] == 60.0 and ended["agent"] == "anna"
    assert ended["ended_at"] == "1970-01-01T00:16:46.000000Z"
    assert (whole[4].subject, whole[4].party, whole[4].contact) == (f"contact:{CONTACT}", "p-1", CONTACT)


def test_nothing_is_told_that_nobody_wants() -> None:
    assert [one.event for one in telling.messages([], story(), {"contact.ended"})] == ["contact.ended"]
    assert telling.messages([], story(), set()) == []


def test_what_is_public_of_a_contact_is_what_the_paper_lists() -> None:
    paper = documented_names()
    for one in telling.messages([], story(), frozenset(section.EVENTS)):
        assert isinstance(one, Message) and set(one.data) <= paper
    assert set(section.EVENTS) <= paper


def documented_names() -> set[str]:
    import re

    from tests.services.receiver import PAPER

    return set(re.findall(r"``([a-z_.]+)``", PAPER.read_text()))


def test_pauses_grow_and_are_spread() -> None:
    pauses = [courier.pause_s(attempts, 0.5) for attempts in range(1, 9)]
    assert pauses == sorted(pauses) and pauses[-1] == pauses[-2]
    assert courier.pause_s(1, 0.0) < pauses[0] < courier.pause_s(1, 0.999)
