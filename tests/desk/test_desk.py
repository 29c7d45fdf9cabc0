"""The desk over real sockets: the agent's view, acting, the event stream, and hostile requests."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contactd.core import inputs as inp
from contactd.core.agent import Status
from contactd.core.contact import Needs
from contactd.core.ids import AgentId, OfferId, QueueId, contact_id
from tests.desk.place import Person, Place, open_place, running
from tests.store.walk import PBX

ALICE, BOB = AgentId("alice"), AgentId("bob")


def caller(place: Place, number: int = 1) -> str:
    """Somebody waits in sales."""
    bench = place.bench
    call = f"pbx1-{int(bench.now)}.{number}"
    contact = contact_id(PBX, call, bench.now)
    said: dict[str, Any] = {"contact": contact, "pbx": PBX, "call": call, "channel": f"PJSIP/{number}", "dnis": "5001"}
    bench.put(inp.CallArrived(**said))
    bench.put(inp.CallHeld(**said, queue=QueueId("sales"), queued_at=bench.now, needs=Needs()))
    return contact


def offer_of(place: Place, agent: AgentId) -> OfferId:
    offer = place.bench.floor.agents[agent].offer
    assert offer is not None
    return offer


async def next_me(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    while True:
        message = await asyncio.wait_for(socket.receive_json(), 5)
        if message["type"] == "me":
            return dict(message["me"])


# --- the agent's own ---


async def test_an_agent_sees_themself_and_changes_their_status(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as person:
        status, me = await person.ask("GET", "/me")
        assert (status, me["agent"]["status"], me["agent"]["name"]) == (200, "signed_out", "Alice")
        assert [one["id"] for one in me["reasons"]] == [
            name for name, one in place.bench.settings.why_not_ready.items() if one.digits is not None
        ]
        assert await person.ask("POST", "/me/status", {"status": "ready"}) == (200, {"done": "ready"})
        reason = me["reasons"][0]["id"]
        assert (await person.ask("POST", "/me/status", {"status": "not_ready", "reason": reason}))[0] == 200
        alice = place.bench.floor.agents[ALICE]
        assert (alice.status, alice.reason, alice.status_by) == (Status.NOT_READY, reason, "agent")
        status, body = await person.ask("POST", "/me/status", {"status": "not_ready", "reason": "bored"})
        assert (status, body["error"]) == (400, "unknown_reason")
        assert (await person.ask("POST", "/me/status", {"status": "signed_out"}))[0] == 200
        assert place.bench.floor.agents[ALICE].status is Status.SIGNED_OUT
    acts = [entry.act for entry in place.bench.audited]
    assert acts == ["desk sign-in", "desk ready", "desk not_ready", "desk signed_out"]


async def test_a_handset_that_is_neither_ones_own_nor_shared_is_refused(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as person:
        status, body = await person.ask("POST", "/me/handset", {"handset": "1002"})
        assert (status, body["error"]) == (409, "not_yours")
        assert await person.ask("POST", "/me/handset", {"handset": "1001"}) == (200, {"done": "1001"})
        assert place.bench.floor.agents[ALICE].status is Status.READY


async def test_a_user_who_is_no_agent_has_an_empty_view(place: Place) -> None:
    await place.user("boss", "supervisor")
    async with place.signed_in("boss") as person:
        status, me = await person.ask("GET", "/me")
        assert (status, me["agent"], me["contacts"]) == (200, None, [])
        assert (await person.ask("POST", "/me/status", {"status": "ready"}))[1]["error"] == "no_agent"


# --- the event stream ---


async def test_a_desk_hears_of_its_own_agent_and_of_nobody_else(place: Place) -> None:
    await place.user("alice")
    await place.user("bob")
    async with (
        place.signed_in("alice") as alice,
        place.signed_in("bob") as bob,
        alice.stream() as hers,
        bob.stream() as his,
    ):
        assert (await next_me(hers))["agent"]["id"] == "alice"
        assert (await next_me(his))["agent"]["id"] == "bob"
        await alice.ask("POST", "/me/status", {"status": "ready"})
        assert (await next_me(hers))["agent"]["status"] == "ready"
        contact = caller(place)
        offered = await next_me(hers)
        assert [(one["id"], one["state"], one["queue"]) for one in offered["contacts"]] == [
            (contact, "offered", "sales")
        ]
        place.bench.put(inp.OfferAnswered(contact=contact, offer=offer_of(place, ALICE)))
        assert (await next_me(hers))["contacts"][0]["state"] == "busy"
        place.bench.put(inp.CallerHungUp(contact=contact, cause=16))
        after = await next_me(hers)
        assert after["agent"]["state"] == after["contacts"][0]["state"] == "wrap_up"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(his.receive_json(), 0.2)


async def test_what_changes_nothing_in_a_view_is_not_sent(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as alice, alice.stream() as hers:
        await next_me(hers)
        for number in range(20):
            caller(place, number + 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hers.receive_json(), 0.2)


async def test_who_comes_back_gets_only_what_is_newer(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as alice:
        async with alice.stream() as hers:
            me = await next_me(hers)
        async with alice.stream(f"?epoch={me['epoch']}&seq={me['seq']}") as hers:
            assert (await hers.receive_json())["type"] == "same"
        await alice.ask("POST", "/me/status", {"status": "ready"})
        async with alice.stream(f"?epoch={me['epoch']}&seq={me['seq']}") as hers:
            assert (await next_me(hers))["agent"]["status"] == "ready"
        async with alice.stream(f"?epoch={me['epoch'] - 1}&seq=9999999") as hers:
            assert (await next_me(hers))["agent"]["status"] == "ready"


async def test_two_windows_of_one_agent_stay_in_step(place: Place) -> None:
    await place.user("alice")
    async with (
        place.signed_in("alice") as one,
        place.signed_in("alice") as other,
        one.stream() as first,
        other.stream() as second,
    ):
        await next_me(first)
        await next_me(second)
        await other.ask("POST", "/me/status", {"status": "ready"})
        assert (await next_me(first))["agent"] == (await next_me(second))["agent"]


async def test_fifty_desks_are_back_after_a_restart_with_the_newest_and_once(place: Place) -> None:
    await place.user("alice")
    people = [place.person() for _ in range(50)]
    async with contextlib.AsyncExitStack() as stack:
        for person in people:
            await stack.enter_async_context(person)
        await people[0].sign_in("alice")
        for person in people[1:]:
            person.session.cookie_jar.update_cookies(
                {cookie.key: cookie.value for cookie in people[0].session.cookie_jar}, aiohttp.client.URL(place.base)
            )
        streams = [await stack.enter_async_context(person.stream()) for person in people]
        seen = [await next_me(stream) for stream in streams]
        await place.door_closed()
        for stream in streams:
            assert (await stream.receive(timeout=5)).data == 1012
        place.bench.door = None
        await place.bench.ask(inp.SignInAsked(agent=ALICE, pin_right=True, by="agent"))

        async def back(person: Person, me: dict[str, Any]) -> tuple[dict[str, Any], int]:
            async with person.stream(f"?epoch={me['epoch']}&seq={me['seq']}") as stream:
                newest, more = await next_me(stream), 0
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stream.receive_json(), 0.2)
                    more += 1
                return newest, more

        async with running(place.bench, place.pool, place.bench.settings), asyncio.timeout(20):
            came = await asyncio.gather(*(back(person, me) for person, me in zip(people, seen, strict=True)))
        assert {(me["agent"]["status"], more) for me, more in came} == {("ready", 0)}


async def test_a_stream_of_another_page_is_refused(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as alice:
        for origin in ("https://evil.example", "null", place.base + "0"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with alice.stream(Origin=origin):
                    pass
            assert refused.value.status == 403


async def test_a_page_that_talks_nonsense_is_closed(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as alice:
        async with alice.stream() as stream:
            await next_me(stream)
            await stream.send_str("x" * 5000)
            assert (await stream.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        async with alice.stream() as stream:
            await next_me(stream)
            for _ in range(100):
                await stream.send_str("{}")
            assert (await stream.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert (await alice.ask("GET", "/me"))[0] == 200


# --- hostile requests ---


async def test_a_forged_request_is_refused(place: Place) -> None:
    await place.user("alice")
    ready = {"status": "ready"}
    async with place.signed_in("alice") as alice:
        for headers, code in (
            ({"Origin": "https://evil.example"}, "origin"),
            ({"X-CSRF-Token": ""}, "csrf"),
            ({"X-CSRF-Token": "0" * 64}, "csrf"),
        ):
            status, body = await alice.ask("POST", "/me/status", ready, **headers)
            assert (status, body["error"]) == (403, code)
        assert place.bench.floor.agents[ALICE].status is Status.SIGNED_OUT


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"status":"ready","admin":true}', "application/json", 400),
        (b'{"status":"king"}', "application/json", 400),
        (b'{"status":"ready"}', "text/plain", 415),
        (b"[" * 60_000, "application/json", 400),
        (b"x" * 70_000, "application/json", 413),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_with_a_sentence(
    place: Place, raw: bytes, kind: str, status: int
) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as alice:
        headers = {"X-CSRF-Token": alice.csrf, "Content-Type": kind}
        url = f"{place.base}/api/v1/me/status"
        async with alice.session.post(url, data=raw, headers=headers) as answer:
            body = await answer.json()
            assert (answer.status, bool(body["message"])) == (status, True)


async def test_every_answer_has_the_strict_headers(place: Place) -> None:
    async with place.person() as person:
        for path in ("/", "/nothing.js", "/api/v1/me", "/api/v1/none", "/api/v1/openapi.json"):
            async with person.session.get(place.base + path) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'self'" in policy
                assert "unsafe" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["X-Frame-Options"] == "DENY"


async def test_nothing_but_the_page_can_be_had(place: Place) -> None:
    async with place.person() as person:
        for path in ("/../door.py", "/static/../../desk/door.py", "/%2e%2e/desk/door.py", "/etc/passwd.txt"):
            async with person.session.get(aiohttp.client.URL(place.base + path, encoded=True)) as answer:
                assert answer.status == 404
        async with person.session.get(place.base + "/") as answer:
            tag = answer.headers["ETag"]
            assert "<html" in await answer.text()
        async with person.session.get(place.base + "/", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304


async def test_nobody_acts_while_it_cannot_be_written_down(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as alice:
        place.bench.trail.crowded = True
        status, body = await alice.ask("POST", "/me/status", {"status": "ready"})
        assert (status, body["error"]) == (503, "busy")
        assert (await alice.ask("GET", "/me"))[0] == 200


async def test_the_api_describes_itself(place: Place) -> None:
    async with place.person() as person:
        status, found = await person.ask("GET", "/openapi.json")
    assert (status, found["openapi"]) == (200, "3.1.0")
    named = {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}
    assert named == {(route.method, route.whole) for route in place.door.routes}


# --- contacts ---


async def offered(place: Place, person: Person) -> str:
    await person.ask("POST", "/me/status", {"status": "ready"})
    return caller(place)


async def test_an_agent_declines_and_the_next_one_is_offered(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as alice:
        contact = await offered(place, alice)
        _, me = await alice.ask("GET", "/me")
        assert me["contacts"][0]["can"] == ["decline"]
        assert await alice.ask("POST", f"/contacts/{contact}/decline") == (200, {"done": "declined"})
        assert place.bench.floor.agents[ALICE].reason == "declined"
        status, body = await alice.ask("POST", f"/contacts/{contact}/decline")
        assert (status, body["error"]) == (404, "not_yours")


async def test_wrap_up_keeps_the_disposition_as_a_fact_and_the_note_beside_it(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as alice:
        contact = await offered(place, alice)
        place.bench.put(inp.OfferAnswered(contact=contact, offer=offer_of(place, ALICE)))
        place.bench.put(inp.CallerHungUp(contact=contact, cause=16))
        _, me = await alice.ask("GET", "/me")
        assert "wrap_up" in me["contacts"][0]["can"]
        assert me["dispositions"] == {"sales": [{"id": "sold", "label": "Sold"}]}
        path = f"/contacts/{contact}/wrap_up"
        assert (await alice.ask("POST", path, {"disposition": "bought"}))[1]["error"] == "unknown_disposition"
        notes = "She calls <script>alert(1)</script>\x1b[2J again"
        assert await alice.ask("POST", path, {"disposition": "sold", "notes": notes}) == (200, {"done": "wrap_up"})
        assert not place.bench.floor.agents[ALICE].engagements
    (words,) = place.bench.words
    asked = next(one for one in place.bench.asked if isinstance(one, inp.ContactDisposeAsked))
    assert (asked.disposition, asked.note, words.contact) == ("sold", words.message, contact)
    assert "alert(1)" in words.body and "\\u001b" not in words.body
    assert "script" not in str(place.bench.audited)


async def test_another_agents_contact_is_not_there(place: Place) -> None:
    await place.user("alice")
    await place.user("bob")
    async with place.signed_in("alice") as alice, place.signed_in("bob") as bob:
        contact = await offered(place, alice)
        for verb in ("decline", "extend", "pause_recording"):
            status, body = await bob.ask("POST", f"/contacts/{contact}/{verb}")
            assert (status, body["error"]) == (404, "not_yours")
        status, body = await alice.ask("POST", "/contacts/..%2f..%2fme/decline")
        assert status == 404
    assert place.bench.floor.contacts[contact].agent == ALICE


async def test_number_and_name_are_read_through_the_audit_and_shown_as_far_as_the_role_may(
    tmp_path: Path, database: str
) -> None:
    async with open_place(tmp_path, database, {"numbers": "end"}) as place:
        await place.user("alice")
        async with place.signed_in("alice") as alice, alice.stream() as hers:
            await next_me(hers)
            await alice.ask("POST", "/me/status", {"status": "ready"})
            await next_me(hers)
            contact = contact_id(PBX, f"pbx1-{int(place.bench.now)}.1", place.bench.now)
            async with place.pool.acquire() as connection:
                kept = "+49301234567", "Ms <b>Miller</b>"
                await connection.execute(
                    "INSERT INTO contact_private (contact, salt, ani, name) VALUES ($1::text::uuid, '\\x00', $2, $3)",
                    contact,
                    *kept,
                )
            caller(place)
            while not (me := await next_me(hers))["contacts"] or me["contacts"][0]["number"] is None:
                pass
            assert me["contacts"][0]["number"] == "…567"
            assert me["contacts"][0]["customer"]["name"] == "Ms <b>Miller</b>"
        async with place.pool.acquire() as connection:
            rows = await connection.fetch("SELECT who, via, act, contact::text FROM audit WHERE act = 'read'")
    assert [tuple(row) for row in rows] == [("desk:alice", "desk", "read", contact)]


# --- limits and TLS ---


async def test_a_desk_that_reads_nothing_has_the_newest_view_waiting_and_no_other(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice"):
        (session,) = place.door.sessions.of_agent(ALICE)
        desk = place.door.hub.open(session, floor=False)
        assert desk is not None
        for _ in range(50):
            await place.bench.ask(inp.SignInAsked(agent=ALICE, pin_right=True, by="agent"))
            await asyncio.sleep(0)
            await place.bench.ask(inp.SignOutAsked(agent=ALICE, by="agent"))
            await asyncio.sleep(0)
        assert list(desk.waiting) == ["me"]
        assert b'"signed_out"' in desk.waiting["me"]
        place.door.hub.close(desk)
        assert not len(place.door.hub)


async def test_more_desks_than_may_be_are_refused(tmp_path: Path, database: str) -> None:
    async with open_place(tmp_path, database, {"most_desks": 2}) as place:
        await place.user("alice")
        async with place.signed_in("alice") as alice, alice.stream(), alice.stream():
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with alice.stream():
                    pass
            assert refused.value.status == 503
        async with place.signed_in("alice") as alice, alice.stream() as stream:
            assert (await next_me(stream))["agent"]["id"] == "alice"


async def test_a_certificate_is_taken_when_its_file_changes_and_a_wrong_one_is_not(
    tmp_path: Path, database: str
) -> None:
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    first = own_certificate(certificate, key)
    settings = {"certificate": str(certificate), "key": str(key)}
    async with open_place(tmp_path, database, settings) as place:
        assert place.base.startswith("https://")
        assert await shown(place) == first
        second = own_certificate(certificate, key)
        place.door.reload(place.bench.settings)
        assert await shown(place) == second
        key.write_text("nonsense")
        place.door.reload(place.bench.settings)
        assert await shown(place) == second


def own_certificate(certificate: Path, key: Path) -> bytes:
    made = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(made.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    signed = builder.not_valid_after(now + timedelta(days=30)).sign(made, hashes.SHA256())
    plain = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    key.write_bytes(made.private_bytes(plain[2], plain[1], plain[0]))
    certificate.write_bytes(signed.public_bytes(plain[2]))
    return signed.public_bytes(serialization.Encoding.DER)


async def shown(place: Place) -> bytes:
    """The certificate that a newcomer is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = place.base.removeprefix("https://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


# --- the floor ---


async def test_a_supervisor_sees_the_floor_of_their_queues_and_acts_there(place: Place) -> None:
    await place.user("boss", "supervisor", queues=("sales",))
    await place.user("alice")
    async with place.signed_in("boss") as boss, boss.stream("?floor=true") as stream:
        first = await asyncio.wait_for(stream.receive_json(), 5)
        assert first["type"] == "floor"
        assert [queue["id"] for queue in first["floor"]["queues"]] == ["sales"]
        assert await boss.ask("POST", "/agents/alice", {"act": "sign-in"}) == (200, {"done": "sign-in"})
        told = await asyncio.wait_for(stream.receive_json(), 5)
        assert next(one for one in told["floor"]["agents"] if one["id"] == "alice")["status"] == "ready"
        assert (await boss.ask("GET", "/floor"))[1]["seq"] == told["seq"]
        assert (await boss.ask("POST", "/agents/nobody", {"act": "ready"}))[1]["error"] == "unknown_agent"
    assert [(e.act, str(e.who)) for e in place.bench.audited][-1] == ("sign-in", "desk:boss")
    async with place.signed_in("alice") as alice:
        for method, path, body in (("GET", "/floor", None), ("POST", "/agents/bob", {"act": "sign-in"})):
            assert (await alice.ask(method, path, body))[1]["error"] == "forbidden"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with alice.stream("?floor=true"):
                pass


async def test_a_supervisors_floor_is_told_four_times_a_second_at_most(place: Place) -> None:
    await place.user("boss", "supervisor")
    async with place.signed_in("boss") as boss, boss.stream("?floor=true") as stream:
        await stream.receive_json()
        told, ends = 0, asyncio.get_running_loop().time() + 1.0
        for number in range(100):
            caller(place, number + 1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stream.receive_json(), 0.008)
                told += 1
        while asyncio.get_running_loop().time() < ends:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stream.receive_json(), 0.02)
                told += 1
        assert 1 <= told <= 5
