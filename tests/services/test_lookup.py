"""An existing CRM over HTTP, played by a real server that answers, hangs, lies and is away."""

from __future__ import annotations

import asyncio
import contextlib
import doctest
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from contactd.config import CustomerField, Customers, CustomerSecrets, Lookup, LookupSecrets
from contactd.core import inputs as inp
from contactd.core.ids import ContactId
from contactd.metrics import CUSTOMER_LOOKUP_OPEN, REGISTRY
from contactd.services.crm import lookup
from contactd.services.crm.lookup import CrmLookup
from contactd.services.crm.recogniser import Recogniser
from contactd.services.http import Breaker
from contactd.store.audit import Who
from contactd.store.journal import open_pool
from contactd.store.parties import Directory
from contactd.store.party_changes import Edit, add
from contactd.store.reading import reader
from contactd.store.vault import Vault
from tests.engine.journal import fetch
from tests.pbx.fakes import until
from tests.store import tls

CERTIFICATES = Path(tls.__file__).parent / "certificates"
NUMBER, OTHER = "+4930887766551", "+4989112233445"
ANNA = {"id": "K-1", "person": {"name": "Anna Müller", "lang": "de-DE"}, "vip": True, "no": 12, "born": None}
ANSWER = {"external_id": "/id", "name": "/person/name", "language": "/person/lang", "vip": "/vip"}
CUSTOMERS = Customers(
    country="DE",
    match_ms=1500,
    vip_boost_s=60,
    fields={"no": CustomerField(type="number"), "born": CustomerField(type="date")},
)

ONE, OTHER_CALL = ContactId("one"), ContactId("other")


class Server:
    """A CRM. reply: what it sends for a request; None: it says nothing more and holds the line."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.let = asyncio.Event()
        self.reply: Callable[[], bytes | None] = lambda: answer(ANNA)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/callers/{{digits}}?number={{number}}&all=1"

    async def serve(self, reader_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader_.readuntil(b"\r\n\r\n"):
                method, target, _ = head.decode().split(" ", 2)
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head.decode().split("\r\n")[1:])
                }
                body = await reader_.readexactly(int(headers.get("content-length", "0")))
                self.asked.append((method, target, headers, body))
                said = self.reply()
                if said is None:
                    await self.let.wait()
                    said = answer(ANNA)
                writer.write(said)
                await writer.drain()
        writer.close()


def answer(told: Any, status: str = "200 OK", *headers: str) -> bytes:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
async def crm() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    server.let.set()
    listening.close()


def settings(crm: Server | str, secret: str | None = None, **more: Any) -> Any:
    url = crm if isinstance(crm, str) else crm.url
    section = Lookup(
        **{
            "url": url,
            "answer": ANSWER,
            "fields": {"no": "/no", "born": "/born"},
            "timeout_s": 5.0,
            "cache_s": 0,
            **more,
        }
    )
    secrets = SimpleNamespace(customers=CustomerSecrets(), lookup=LookupSecrets(secret=secret))
    return SimpleNamespace(customers=CUSTOMERS, lookup=section, secrets=secrets)


@contextlib.asynccontextmanager
async def asking(crm: Server | str, secret: str | None = None, **more: Any) -> AsyncIterator[CrmLookup]:
    made = CrmLookup(settings(crm, secret, **more))
    try:
        yield made
    finally:
        await made.close()


@contextlib.asynccontextmanager
async def recognising(database: str, crm: Server | str) -> AsyncIterator[tuple[Recogniser, list[inp.PartyKnown]]]:
    """With a real PostgreSQL, unsealed."""
    told: list[inp.PartyKnown] = []
    pool = await open_pool(database, size=2)
    made = Recogniser(
        Directory(pool, timeout_s=5),
        settings(crm),
        lambda input_, _: told.append(input_),  # type: ignore[arg-type]
    )
    try:
        yield made, told
    finally:
        await made.close()
        pool.terminate()


async def until_row(database: str, sql: str, wanted: object) -> None:
    async with asyncio.timeout(10):
        while await fetch(database, sql) != [wanted]:  # noqa: ASYNC110 - another connection writes it
            await asyncio.sleep(0.02)


async def ask(made: CrmLookup, number: str = NUMBER) -> lookup.Answer | None:
    task = made.ask(number)
    assert task is not None
    return await task


def count(result: str) -> float:
    return REGISTRY.get_sample_value("contactd_customer_lookups_total", {"result": result}) or 0.0


async def test_an_answer_becomes_what_is_known(crm: Server) -> None:
    async with asking(crm, "Bearer abc", headers={"X-Team": "phone"}) as made:
        told = await ask(made)
    assert told is not None
    assert (told.vip, told.language, told.external) == (True, "de_DE", "crm:K-1")
    assert told.edit.fields == {"name": ("Anna Müller", "anna müller"), "no": ("12", None)}
    assert list(told.edit.identities) == [("external", "crm:K-1")]
    assert "Anna" not in repr(told) and "K-1" not in repr(told)
    ((method, target, headers, _),) = crm.asked
    assert method == "GET"
    assert (urlsplit(target).path, parse_qs(urlsplit(target).query)) == (
        "/callers/4930887766551",
        {"number": [NUMBER], "all": ["1"]},
    )
    assert "%2B4930" in target
    assert (headers["authorization"], headers["x-team"]) == ("Bearer abc", "phone")


async def test_a_number_is_posted_as_json(crm: Server) -> None:
    more = {"method": "POST", "body": {"phone": "{number}", "what": "x{digits}"}, "secret_header": "X-Key"}
    async with asking(crm, "s", **more) as made:
        assert await ask(made) is not None
    ((method, _, headers, body),) = crm.asked
    assert (method, json.loads(body), headers["x-key"]) == (
        "POST",
        {"phone": NUMBER, "what": f"x{NUMBER[1:]}"},
        "s",
    )


@pytest.mark.parametrize("number", ["+1/../../admin", "+1?x=1#y", "+1@evil.example", "+1%2f\r\nX: y", "+1&all=0"])
async def test_whatever_a_caller_is_called_goes_into_its_place_only(crm: Server, number: str) -> None:
    async with asking(crm) as made:
        assert await ask(made, number) is not None
    ((_, target, headers, _),) = crm.asked
    assert urlsplit(target).path.count("/") == 2 and "x" not in headers
    assert parse_qs(urlsplit(target).query) == {"number": [number], "all": ["1"]}


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (answer(b"", "404 Not Found"), False),
        (answer(b"", "204 No Content"), False),
        (answer({}), False),
        (answer({"id": ""}), False),
        (answer({"id": 7}), True),
    ],
)
async def test_nobody_is_an_answer_and_no_failure(crm: Server, reply: bytes, found: bool) -> None:
    crm.reply = lambda: reply
    async with asking(crm, break_after=1) as made:
        assert (await ask(made) is not None) is found
        assert made.trouble == ""


@pytest.mark.parametrize(
    ("found", "external"), [([], None), ([ANNA], "crm:K-1"), ([ANNA, {**ANNA, "id": "K-2"}], None), (None, None)]
)
async def test_of_several_nobody_is_guessed(crm: Server, found: Any, external: str | None) -> None:
    crm.reply = lambda: answer({"results": found})
    where = {"list": "/results", "external_id": "/id"}
    async with asking(crm, answer=where) as made:
        told = await ask(made)
        assert (told.external if told is not None else None) == external


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (answer(b"<html>Down for maintenance</html>"), "no JSON"),
        (answer(b"[" * 60_000), "no JSON"),
        (answer([1]), "no JSON object"),
        (answer(b'"Anna"'), "no JSON object"),
        (answer(b"\xff\xfe"), "no JSON"),
        (answer({"x": "y" * 100_000}), "longer than 64 KiB"),
        (answer(b" " * 10_000_000), "longer than 64 KiB"),
        (answer(b"", "302 Found", "Location: http://127.0.0.1:1/elsewhere"), "redirect, which is not followed"),
        (answer(b"", "500 Oh no"), "HTTP 500"),
        (answer(b"", "401 Who"), "HTTP 401"),
        (answer(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"), "compressed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "No HTTP with it"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "No HTTP with it"),
    ],
)
async def test_a_lie_is_refused_and_told_without_a_value(crm: Server, reply: bytes, sentence: str) -> None:
    crm.reply = lambda: reply
    with capture_logs() as logs:
        async with asking(crm, "Bearer abc", break_after=1, break_s=3600) as made:
            assert await ask(made) is None
            assert sentence in (made.trouble or "")
            assert REGISTRY.get_sample_value("contactd_customer_lookup_open") == 1
    assert [line["event"] for line in logs] == ["customer_lookup_failed", "customer_lookup_opened"]
    for value in (NUMBER, NUMBER[1:], "Anna", "abc", "Down for"):
        assert value not in str(logs)
    assert len(crm.asked) == 1, "no redirect is followed"


async def test_a_value_of_another_kind_is_left_out_and_the_rest_counts(crm: Server) -> None:
    lies = {"id": "K-1", "person": {"name": ["Anna"], "lang": "German"}, "vip": "perhaps", "no": "many", "born": "1980"}
    crm.reply = lambda: answer(lies)
    with capture_logs() as logs:
        async with asking(crm) as made:
            told = await ask(made)
    assert told is not None
    assert (told.vip, told.language, told.external, dict(told.edit.fields)) == (None, None, "crm:K-1", {})
    assert [line["value"] for line in logs] == ["vip", "name", "language", "no", "born"]
    assert "perhaps" not in str(logs) and "German" not in str(logs)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_whatever_json_says_it_is_an_answer_or_none(told: Any) -> None:
    body = json.dumps({"id": told, "person": told, "vip": told, "no": told, "born": told}).encode()
    made = CrmLookup(settings("http://127.0.0.1:1/{number}"))
    with contextlib.suppress(lookup.LookupFailed):
        found = made._read(body)
        assert found is None or found.external


async def test_a_hanging_one_is_given_up_and_a_dead_one_is_told(crm: Server) -> None:
    crm.reply = lambda: None
    before = count("slow"), count("away")
    async with asking(crm, timeout_s=0.1) as made:
        assert await ask(made) is None
    async with asking("http://127.0.0.1:1/{number}") as made:
        assert await ask(made) is None
    assert (count("slow"), count("away")) == (before[0] + 1, before[1] + 1)


async def test_after_failures_it_is_let_be_and_one_request_tries_whether_it_is_back(crm: Server) -> None:
    now = [1000.0]
    made = CrmLookup(settings(crm, break_after=3, break_s=30), now=lambda: now[0])
    crm.reply = lambda: answer(b"", "503 Busy")
    for _ in range(5):
        assert await ask(made) is None
    assert len(crm.asked) == 3 and "HTTP 503" in (made.trouble or "")
    now[0] += 31
    assert await ask(made) is None
    assert await ask(made) is None
    assert len(crm.asked) == 4, "one that tries, and it failed"
    now[0] += 31
    crm.reply = lambda: None
    trying = made.ask(NUMBER)
    assert trying is not None
    await until(lambda: len(crm.asked) == 5)
    assert await ask(made, OTHER) is None, "while one tries no other one does"
    crm.reply = lambda: answer(ANNA)
    crm.let.set()
    assert await trying is not None
    assert made.trouble == "" and CUSTOMER_LOOKUP_OPEN._value.get() == 0
    assert await ask(made) is not None
    await made.close()


@given(st.lists(st.tuples(st.sampled_from(["lets", "well", "badly"]), st.integers(0, 40)), max_size=60))
def test_a_breaker_lets_one_try_at_a_time_and_closes_by_a_success_only(steps: list[tuple[str, int]]) -> None:
    breaker, now, out, failures, opened_at = Breaker(3, 30), 0.0, 0, 0, None
    for what, waited in steps:
        now += waited
        if what == "lets":
            allowed = breaker.lets(now)
            assert allowed is (opened_at is None or (now >= opened_at + 30 and out == 0))
            out += allowed
        elif out:
            out -= 1
            was_open = opened_at is not None
            breaker.ended(now, well=what == "well")
            failures = 0 if what == "well" else failures + 1
            if what == "well":
                opened_at = None
            elif was_open or failures >= 3:
                opened_at = now
            if was_open or opened_at is not None:
                # Who was asked before it opened is nobody's try; how they end is left out here.
                out = 0
        assert breaker.open is (opened_at is not None)


async def test_an_answer_is_remembered_and_asked_for_once_at_a_time(crm: Server) -> None:
    now = [0.0]
    made = CrmLookup(settings(crm, cache_s=60), now=lambda: now[0])
    first, second = await asyncio.gather(ask(made), ask(made))
    assert first is second is await ask(made)
    assert len(crm.asked) == 1
    now[0] = 61
    await ask(made)
    crm.reply = lambda: answer(b"", "404 No")
    await ask(made, OTHER)
    await ask(made, OTHER)
    assert len(crm.asked) == 3, "that there is nobody is remembered too"
    made.reload(settings(crm, cache_s=61))
    await ask(made, OTHER)
    assert len(crm.asked) == 4, "other settings forget"
    await made.close()


async def test_no_more_are_asked_at_once_than_may_be(crm: Server) -> None:
    crm.reply = lambda: None
    before = count("busy")
    async with asking(crm, most_at_once=2) as made:
        tasks = [made.ask(f"+49308877665{n}") for n in range(5)]
        await until(lambda: len(crm.asked) == 2 and count("busy") == before + 3)
        crm.let.set()
        found = [await task for task in tasks if task is not None]
        assert sum(one is not None for one in found) == 2


@pytest.mark.parametrize(("certificate", "known"), [("valid.crt", True), ("expired.crt", False)])
async def test_its_certificate_is_looked_at(certificate: str, known: bool) -> None:
    server = Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / certificate, CERTIFICATES / "server.key")
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    url = f"https://localhost:{server.port}/{{number}}"
    async with asking(url, break_after=1, ca_file=str(CERTIFICATES / "ca.crt")) as made:
        assert (await ask(made) is not None) is known
        assert known or "certificate is not accepted" in (made.trouble or "")
    async with asking(url, break_after=1) as made:
        assert await ask(made) is None, "the system does not know our CA"
    listening.close()


# --- beside the call ---


async def test_the_call_waits_no_longer_than_it_may_and_a_late_answer_counts_from_then_on(
    database: str, crm: Server
) -> None:
    crm.reply = lambda: None
    async with recognising(database, crm) as (made, told):
        known = await made.recognise(ONE, NUMBER)
        assert known is not None and (known.vip, known.language) == (False, None), "in time, by our own records"
        assert len(told) == 1
        crm.let.set()
        await until(lambda: len(told) == 2)
        late = told[1].known
        assert (late.party, late.vip, late.language, late.boost_s) == (known.party, True, "de_DE", 60)
        kept = "SELECT via, act, outcome FROM audit"
        await until_row(database, kept, ("lookup crm", "customer-set", "language vip name no +external"))
    assert await fetch(database, "SELECT language, vip, light FROM party") == [("de_DE", True, False)]
    assert "=Anna Müller" in await fetch(database, "SELECT value FROM party_private")


async def test_an_answer_in_time_is_told_once_and_the_same_is_written_once(database: str, crm: Server) -> None:
    async with recognising(database, crm) as (made, told):
        known = await made.recognise(ONE, NUMBER)
        assert known is not None and (known.vip, known.language) == (True, "de_DE")
        await until_row(database, "SELECT count(*) FROM audit", 1)
        assert await made.recognise(OTHER_CALL, NUMBER) is not None
        await until(lambda: not made._late)
        assert len(told) == 2 and len(crm.asked) == 2
    assert await fetch(database, "SELECT count(*) FROM audit") == [1]


async def test_a_stranger_s_number_of_somebody_whose_id_is_known_is_theirs(database: str, crm: Server) -> None:
    async with reader(database, writes=True) as desk:
        anna = await add(desk, Vault(), Who(0), Edit(identities=[("external", "crm:K-1")]))
    async with recognising(database, crm) as (made, told):
        await made.recognise(ONE, NUMBER)
        await until(lambda: bool(told) and told[-1].known.party == anna)
        found = await made.directory.arrives(Vault(), "phone", NUMBER, days=0, make=True)
        assert [record.party for record in found] == [anna]
    assert await fetch(database, "SELECT count(*) FROM party WHERE merged_into IS NULL") == [1]


async def test_whose_word_goes_against_a_whole_record_changes_nothing(database: str, crm: Server) -> None:
    async with reader(database, writes=True) as desk:
        await add(desk, Vault(), Who(0), Edit(identities=[("external", "crm:K-1")]))
        bert = await add(desk, Vault(), Who(0), Edit(identities=[("phone", NUMBER)]))
    async with recognising(database, crm) as (made, told):
        known = await made.recognise(ONE, NUMBER)
        assert known is not None and known.party == bert
        await until(lambda: not made._late)
        assert len(told) == 1
    assert await fetch(database, "SELECT count(*) FROM party_private") == [0]


async def test_with_the_other_system_away_a_caller_is_known_as_ever(database: str, crm: Server) -> None:
    async with recognising(database, "http://127.0.0.1:1/{number}") as (made, told):
        assert await made.recognise(ONE, NUMBER) is not None
        assert len(told) == 1
        for n in range(6):
            await made.recognise(ContactId(f"call{n}"), NUMBER)
        assert "No HTTP with it" in (made.lookup_trouble or "")


async def test_nothing_is_left_running(database: str, crm: Server) -> None:
    crm.reply = lambda: None
    async with recognising(database, crm) as (made, _):
        await made.recognise(ONE, NUMBER)
    assert not [task for task in asyncio.all_tasks() if "_answer" in repr(task) or "_hear_late" in repr(task)]


def test_the_examples_are_right() -> None:
    assert doctest.testmod(lookup).failed == 0
