"""Signing in at the desk: sessions, wrong tries, codes, and what must not be possible without."""

from __future__ import annotations

import asyncio
import time

import pyotp
import pytest

from contactd.services.crm.recogniser import vault_with
from contactd.services.desk import codes
from contactd.services.desk.passwords import PasswordRefused, hash_of
from contactd.services.desk.roles import Right, may
from contactd.store import desk as rows
from contactd.web.desk.limits import Limits
from tests.desk.place import PASSWORD, Place, running


async def test_who_signs_in_has_a_session_that_no_script_can_read(place: Place) -> None:
    await place.user("alice")
    async with place.person() as person:
        status, body = await person.ask("GET", "/session")
        assert (status, body["error"]) == (401, "signed_out")
        status, body = await person.sign_in("Alice")
        assert (status, body["user"], body["agent"], body["role"]) == (200, "alice", "alice", "agent")
        cookie = next(one for one in person.session.cookie_jar if one.key == "contactd")
        assert cookie["httponly"] and cookie["samesite"] == "Strict"
        assert (await person.ask("GET", "/session"))[1]["csrf"] == person.csrf
        status, body = await person.ask("DELETE", "/session")
        assert (status, body) == (200, {"done": "signed_out"})
        assert (await person.ask("GET", "/me"))[0] == 401
    acts = [(entry.act, str(entry.who)) for entry in place.bench.audited]
    assert acts == [("desk sign-in", "desk:alice"), ("desk sign-out", "desk:alice")]


async def test_neither_the_answer_tells_who_there_is(place: Place) -> None:
    await place.user("alice")
    async with place.person() as person:
        nobody = await person.sign_in("nobody")
        wrong = await person.sign_in("alice", "another few words")
    assert nobody == wrong
    assert wrong[0] == 401


async def test_what_the_browser_keeps_is_not_in_the_database(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as person:
        token = next(one for one in person.session.cookie_jar if one.key == "contactd").value
        async with place.pool.acquire() as connection:
            kept = [bytes(row["id"]) for row in await connection.fetch("SELECT id FROM desk_session")]
        assert kept == [rows.hashed(token)]
        assert token.encode() not in kept


async def test_sessions_outlive_a_restart(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as person:
        settings = place.bench.settings
        await place.door_closed()
        async with running(place.bench, place.pool, settings):
            status, body = await person.ask("GET", "/me")
            assert (status, body["agent"]["id"]) == (200, "alice")


async def test_whoever_is_locked_is_out_within_seconds(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as person, person.stream() as socket:
        assert (await socket.receive_json())["type"] == "me"
        async with place.pool.acquire() as connection:
            await rows.lock(connection, "alice", locked=True)
        closed = await socket.receive(timeout=10)
        assert closed.data == 4401
        assert (await person.ask("GET", "/me"))[0] == 401
        status, body = await person.sign_in("alice")
        assert (status, body["error"]) == (403, "locked")
        assert (await person.sign_in("alice", "wrong words here"))[0] == 401


async def test_a_code_counts_once(place: Place) -> None:
    await place.user("alice")
    secret = codes.fresh()
    vault = vault_with(place.bench.settings.secrets.customers)
    async with place.pool.acquire() as connection:
        await rows.set_totp(connection, "alice", vault.seal(secret, rows.about("alice")))
    async with place.person() as person:
        assert (await person.sign_in("alice"))[1]["error"] == "code_needed"
        assert (await person.sign_in("alice", code="000000"))[0] == 401
        code = pyotp.TOTP(secret).at(int(time.time()))
        assert (await person.sign_in("alice", code=code))[0] == 200
        status, body = await person.sign_in("alice", code=code)
        assert (status, body["error"]) == (401, "wrong")


def test_a_telephone_may_be_half_a_minute_off() -> None:
    secret = codes.fresh()
    totp = pyotp.TOTP(secret)
    for step, taken in ((998, None), (999, 999), (1000, 1000), (1001, 1001), (1002, None)):
        assert codes.step_of(secret, totp.generate_otp(step), 30_015.0) == taken
    assert codes.step_of(secret, "\uff11" * 6, 30_015.0) is None


async def test_guessing_is_slowed_down_and_keeps_nobody_out_of_the_desk_that_they_use(place: Place) -> None:
    await place.user("alice")
    async with place.signed_in("alice") as mine, place.person() as thief:
        answers = [(await thief.sign_in("alice", f"guess number {n}"))[0] for n in range(7)]
        assert answers == [401] * 5 + [429] * 2
        status, body = await thief.sign_in("alice", PASSWORD)
        assert (status, body["error"]) == (429, "wait")
        assert 0 < body["wait_s"] <= 15
        # Her own browser is known.
        assert (await mine.sign_in("alice"))[0] == 200


def test_no_lock_holds_longer_than_a_quarter_of_an_hour() -> None:
    limits, now = Limits(), 0.0
    for _ in range(200):
        now += max(0.0, limits.waits_s("alice", "10.0.0.1", False, now))
        limits.wrong("alice", "10.0.0.1", False, now)
        assert limits.waits_s("alice", "10.0.0.1", False, now) <= 900
    assert limits.waits_s("alice", "10.0.0.1", False, now + 901) == 0
    assert limits.waits_s("alice", "10.0.0.1", True, now) == 0


def test_a_whole_house_behind_one_address_signs_in_at_eight_o_clock() -> None:
    limits = Limits()
    for n in range(500):
        assert limits.waits_s(f"user{n}", "10.0.0.1", False, 0.0) == 0
        limits.wrong(f"user{n}", "10.0.0.1", False, 0.0)
        limits.right(f"user{n}", "10.0.0.1", False)


def test_counts_of_wrong_tries_are_bounded() -> None:
    limits = Limits()
    for n in range(30_000):
        limits.wrong(f"user{n}", f"10.{n >> 8}.{n & 255}.1", False, float(n))
    assert len(limits) <= 20_000


def test_a_password_is_long_and_not_the_name() -> None:
    for wrong in ("short", "alice and some words", "aaaaaaaaaaaaaaaa", "x" * 300):
        with pytest.raises(PasswordRefused):
            hash_of("alice", wrong)


def test_an_unknown_role_may_nothing() -> None:
    assert not any(may("king", right) for right in Right)


async def test_many_who_sign_in_at_once_do_not_stop_the_circle(place: Place) -> None:
    await place.user("alice")
    people = [place.person() for _ in range(6)]
    longest, ended = 0.0, False

    async def beat() -> None:
        nonlocal longest
        while not ended:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - before)

    beating = asyncio.create_task(beat())
    began = time.monotonic()
    answers = await asyncio.gather(*(person.sign_in("alice") for person in people[:4]))
    took, ended = time.monotonic() - began, True
    await beating
    for person in people:
        await person.session.close()
    assert {status for status, _ in answers} == {200}
    assert longest < took, "the loop stood still as long as the passwords took"


async def test_an_integrator_has_a_token_and_no_password(place: Place) -> None:
    await place.user("crm", "integrator", token="t" * 43)
    async with place.person() as program:
        status, body = await program.ask("GET", "/session", Authorization=f"Bearer {'t' * 43}")
        assert (status, body["role"], body["csrf"]) == (200, "integrator", "")
        assert (await program.ask("GET", "/me", Authorization=f"Bearer {'t' * 43}"))[1]["error"] == "forbidden"
        assert (await program.ask("GET", "/session", Authorization="Bearer wrong"))[0] == 401
        assert (await program.sign_in("crm", ""))[0] == 400
        assert (await program.sign_in("crm", "whatever it is"))[0] == 401
