import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network

import pytest
from structlog.testing import capture_logs

from contactd.core.errors import ContactdError
from contactd.pbx import agi_session
from contactd.pbx.fastagi import (
    AgiBroken,
    AgiRefused,
    AgiSession,
    AgiTimedOut,
    CallerGone,
    FastAgiServer,
)
from tests.pbx.fakes import AGI_HEADERS, House, until

Build = Callable[..., Awaitable[House]]


@pytest.fixture
async def house() -> AsyncIterator[Build]:
    built: list[House] = []

    async def build(**options: object) -> House:
        built.append(House(**options))
        await built[-1].server.start()
        return built[-1]

    yield build
    for each in built:
        await each.close()


async def test_a_call_is_steered_and_its_helpers_read_the_replies(house: Build) -> None:
    home = await house()

    async def steps(session: AgiSession) -> list[object]:
        await session.answer()
        await session.set_variable("NAME", 'say "hi"')
        return [
            await session.stream_file("welcome", "12"),
            await session.wait_for_digit(500),
            await session.wait_for_digit(500),
            await session.get_data("pin", 3000, 4),
            await session.get_variable("NAME"),
            await session.get_variable("NONE"),
            (await session.command("EXEC", "NoOp", 1)).result,
        ]

    home.steps = steps
    caller = await home.call()
    await caller.takes(b"ANSWER", b"200 result=0\n")
    await caller.takes(b'SET VARIABLE NAME "say \\"hi\\""', b"200 result=1\n")
    await caller.takes(b"STREAM FILE welcome 12", b"200 result=49 endpos=8000\n")
    await caller.takes(b"WAIT FOR DIGIT 500", b"100 result=0 Trying...\n200 result=0\n")
    await caller.takes(b"WAIT FOR DIGIT 500", b"200 result=35\n")
    await caller.takes(b"GET DATA pin 3000 4", b"200 result=0042 (timeout)\n")
    await caller.takes(b"GET VARIABLE NAME", b"200 result=1 (hangup)\n")
    await caller.takes(b"GET VARIABLE NONE", b"200 result=0\n")
    await caller.takes(b"EXEC NoOp 1", b"200 result=0\n")
    assert await home.outcome() == ["1", "", "#", "0042", "hangup", None, "0"]
    assert await caller.closed()
    assert (home.server.stats.sessions, home.server.stats.failures, home.server.active) == (1, 0, 0)


@pytest.mark.parametrize(
    "reply",
    [b"HANGUP\n", b"HANGUP\n200 result=0\n", b"200 result=-1\n", b"511 Command Not Permitted\n", None],
)
async def test_a_hang_up_ends_the_session(house: Build, reply: bytes | None) -> None:
    home = await house()
    caller = await home.call()
    await caller.takes(b"ANSWER", reply or b"")
    if reply is None:
        caller.writer.close()
    assert isinstance(await home.outcome(), CallerGone)
    await until(lambda: home.server.active == 0)
    assert (home.server.stats.hangups, home.server.stats.failures) == (1, 0)


async def test_a_hang_up_never_shifts_the_replies_after_it(house: Build) -> None:
    home = await house()

    async def steps(session: AgiSession) -> list[object]:
        found: list[object] = [await session.get_variable("A")]
        for name in "BC":
            try:
                found.append(await session.get_variable(name))
            except CallerGone:
                found.append("gone")
        return found

    home.steps = steps
    caller = await home.call()
    await caller.takes(b"GET VARIABLE A", b"200 result=1 (a)\nHANGUP\n")
    assert await home.outcome() == ["a", "gone", "gone"]
    assert await caller.closed()  # and nothing more was sent


async def test_a_hang_up_that_comes_with_the_headers_is_a_hang_up(house: Build) -> None:
    home = await house()
    await home.call(AGI_HEADERS + b"HANG")
    caller = await home.call(AGI_HEADERS + b"HANGUP\n")
    assert isinstance(await home.outcome(), CallerGone)
    assert await caller.closed()


async def test_a_usage_reply_is_consumed_whole(house: Build) -> None:
    home = await house()

    async def steps(session: AgiSession) -> object:
        with pytest.raises(AgiRefused, match="520 Invalid command syntax") as caught:
            await session.command("SET VARIABLE", "PIN", "4711")
        assert "4711" not in str(caught.value)
        with pytest.raises(AgiRefused, match="510"):
            await session.command("DANCE")
        return await session.get_variable("A")

    home.steps = steps
    caller = await home.call()
    usage = b"520-Invalid command syntax.  Proper usage follows:\nUsage: SET\n\n200 result=9\n"
    usage += b"520 End of proper usage.\n"
    await caller.takes(b"SET VARIABLE PIN 4711", usage)
    await caller.takes(b"DANCE", b"510 Invalid or unknown command\n")
    await caller.takes(b"GET VARIABLE A", b"200 result=1 (a)\n")
    assert await home.outcome() == "a"


async def test_after_a_time_out_a_late_reply_is_not_taken_for_the_next(house: Build) -> None:
    home = await house()

    async def steps(session: AgiSession) -> object:
        with pytest.raises(AgiTimedOut, match="GET VARIABLE"):
            await session.command("GET VARIABLE", "A", timeout_s=0.02)
        return await session.get_variable("B")

    home.steps = steps
    caller = await home.call()
    assert isinstance(await home.outcome(), AgiTimedOut)
    assert await caller.reader.read() == b"GET VARIABLE A\n"


async def test_a_cancelled_command_ends_the_session(house: Build) -> None:
    home = await house()

    async def steps(session: AgiSession) -> object:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.wait_for_digit(60_000), 0.02)
        return await session.get_variable("B")

    home.steps = steps
    caller = await home.call()
    assert isinstance(await home.outcome(), AgiBroken)
    assert await caller.reader.read() == b"WAIT FOR DIGIT 60000\n"


async def test_one_command_at_a_time(house: Build) -> None:
    home = await house()
    home.steps = lambda session: asyncio.gather(session.answer(), session.answer(), return_exceptions=True)
    caller = await home.call()
    await caller.takes(b"ANSWER", b"200 result=0\n")
    outcome = await home.outcome()
    assert isinstance(outcome, list)
    assert [type(each) for each in outcome] == [type(None), RuntimeError]


@pytest.mark.parametrize("reply", [b"nonsense\n", b"200 result=1 (" + b"x" * 1_000_000])
async def test_garbage_for_a_reply_breaks_only_its_session(house: Build, reply: bytes) -> None:
    home = await house()
    caller = await home.call()
    await caller.takes(b"ANSWER", reply)
    assert isinstance(await home.outcome(), AgiBroken)
    assert await caller.closed()
    good = await home.call()
    await good.takes(b"ANSWER", b"200 result=0\n")
    assert await home.outcome() is None


async def test_an_absurd_digit_is_none(house: Build) -> None:
    opened = await house()
    opened.steps = lambda session: session.wait_for_digit(1)
    for result in (b"9" * 5_000, b"999", b"65", b"-7", b"1x"):  # int() refuses the first one
        caller = await opened.call()
        await caller.takes(b"WAIT FOR DIGIT 1", b"200 result=" + result + b"\n")
        assert await opened.outcome() == ("A" if result == b"65" else "")


async def test_an_unasked_reply_breaks_the_session(house: Build) -> None:
    home = await house()
    caller = await home.call(AGI_HEADERS + b"200 result=1 (forged)\n")
    assert isinstance(await home.outcome(), AgiBroken)
    assert await caller.closed()


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("probe", None),
        ("slow", b"agi_network: yes\n"),
        ("headers", b"GET / HTTP/1.1\n\n"),
        ("headers", b"x" * 1_000_000),
        ("route", AGI_HEADERS.replace(b"ivr", b"etc")),
        ("token", AGI_HEADERS.replace(b"good", b"bad")),
    ],
)
async def test_unwelcome_peers_are_closed_counted_and_logged(house: Build, kind: str, first: bytes | None) -> None:
    home = await house(header_timeout_s=0.1)
    with capture_logs() as logs:
        for count in (1, 2, 3):
            caller = await home.call(first or b"")
            if first is None:
                caller.writer.close()
            assert await caller.closed()
            await until(lambda count=count: home.server.stats.refused[kind] == count)  # type: ignore[misc]
    assert [(entry["event"], entry["kind"]) for entry in logs] == [("agi_connection_refused", kind)] * 3
    assert home.server.stats.sessions == 0
    home.steps = lambda session: session.get_variable("A")
    good = await home.call()
    await good.takes(b"GET VARIABLE A", b"200 result=0\n")
    assert await home.outcome() is None


async def test_a_probe_does_not_spin_the_loop(house: Build) -> None:
    home = await house()
    caller = await home.call(b"agi_network: yes\n")
    caller.writer.write_eof()
    assert await caller.closed()
    assert home.server.stats.refused["probe"] == 1


async def test_only_allowed_networks_may_connect(house: Build) -> None:
    home = await house(allow=[ip_network("192.0.2.0/24")])
    assert await (await home.call()).closed()
    assert home.server.stats.refused["address"] == 1


async def test_sessions_beyond_the_limit_are_refused(house: Build) -> None:
    home = await house(max_sessions=1)
    first = await home.call()
    await first.reader.readline()
    assert await (await home.call()).closed()
    assert home.server.stats.refused["full"] == 1
    first.writer.write(b"200 result=0\n")
    assert await home.outcome() is None


async def test_a_check_that_raises_refuses(house: Build) -> None:
    home = await house()
    home.server.check = lambda request: bool(1 / 0)
    with capture_logs():
        assert await (await home.call()).closed()
    assert home.server.stats.refused["token"] == 1


async def test_a_bug_in_a_route_is_logged_without_what_the_caller_typed(house: Build) -> None:
    home = await house()

    async def steps(session: AgiSession) -> None:
        await session.get_data("pin", 100, 4)
        raise KeyError("a bug")

    home.steps = steps
    with capture_logs() as logs:
        caller = await home.call()
        await caller.takes(b"GET DATA pin 100 4", b"200 result=4711\n")
        assert await caller.closed()
    assert [(entry["event"], entry["uniqueid"]) for entry in logs] == [("agi_route_failed", "u1")]
    assert "4711" not in str(logs)


async def test_closing_waits_for_the_grace_and_cancels_the_rest(house: Build) -> None:
    home = await house()
    short, long = await home.call(), await home.call()
    await short.reader.readline()
    await long.reader.readline()
    with capture_logs() as logs:
        closing = asyncio.create_task(home.server.close(0.1))
        short.writer.write(b"200 result=0\n")
        assert await home.outcome() is None
        await closing
    assert isinstance(await home.outcome(), asyncio.CancelledError)
    assert await long.closed()
    assert logs[0]["sessions"] == 1
    with pytest.raises(OSError):
        await home.call()


async def test_a_port_that_is_taken_is_told_with_the_remedy(house: Build) -> None:
    home = await house()
    other = FastAgiServer("127.0.0.1", home.server.port, {}, check=lambda _: True)
    with pytest.raises(ContactdError, match="choose another address"):
        await other.start()


async def test_many_sessions_leave_nothing_behind(house: Build) -> None:
    home = await house()

    async def one() -> None:
        caller = await home.call()
        await caller.takes(b"ANSWER", b"200 result=0\n")
        assert await caller.closed()

    for _ in range(5):
        await asyncio.gather(*(one() for _ in range(100)))
    await until(lambda: home.server.active == 0)
    gc.collect()
    assert home.server.stats.sessions == 500
    assert sum(isinstance(thing, agi_session.AgiSession) for thing in gc.get_objects()) < 20
