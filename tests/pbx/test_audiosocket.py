import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from contactd.core.errors import ContactdError
from contactd.pbx import audio_session
from contactd.pbx.agi_session import CallerGone
from contactd.pbx.audiosocket import AudioSession, AudioSocketServer
from contactd.pbx.ivr import echo
from contactd.protocols import audiosocket as wire
from tests.pbx.audio import FRAME, Line
from tests.pbx.fakes import until

Build = Callable[..., Awaitable[Line]]


@pytest.fixture
async def line() -> AsyncIterator[Build]:
    built: list[Line] = []

    async def build(**options: object) -> Line:
        built.append(Line(**options))
        await built[-1].server.start()
        return built[-1]

    yield build
    for each in built:
        await each.close()


async def test_what_the_caller_says_comes_back(line: Build) -> None:
    home = await line()
    channel = await home.call()
    said = [bytes([n]) * 320 for n in range(4)]
    channel.says(*said)
    assert [(await channel.hears()).payload for _ in said] == said
    assert home.server.active == 1
    channel.writer.write(wire.encode(wire.HANG_UP))
    assert await channel.closed()
    await until(lambda: home.server.active == 0)
    stats = home.server.stats
    assert (stats.sessions, stats.failures, stats.dropped, stats.refused.total()) == (1, 0, 0, 0)


async def test_an_echo_catches_up_after_a_stall(line: Build) -> None:
    channel = await (await line()).call()
    channel.says(*[FRAME] * 100)  # two seconds that were held up on the way
    await channel.hears()
    await asyncio.sleep(0.3)
    channel.says(b"\7\7" * 160)
    late = 0
    while (await channel.hears()).payload == FRAME:
        late += 1
    assert late < 20


async def test_a_handler_reads_the_last_words_of_a_caller_who_hung_up(line: Build) -> None:
    heard: asyncio.Queue[object] = asyncio.Queue()

    async def handler(session: AudioSession) -> None:
        heard.put_nowait([samples async for samples in session])
        heard.put_nowait(session.sample_rate_hz)
        with pytest.raises(CallerGone):
            await session.send(FRAME)
        heard.put_nowait("gone")

    channel = await (await line()).call(handler)
    channel.writer.write(wire.encode(0x12, b"\0\0") + wire.encode(wire.DTMF, b"5") + wire.encode(0x12, b"\1\1"))
    channel.writer.close()
    assert [await heard.get() for _ in range(3)] == [[b"\0\0", b"\1\1"], 16_000, "gone"]


async def test_what_is_sent_is_paced_to_real_time_and_the_sender_waits(line: Build) -> None:
    sent = asyncio.Event()

    async def handler(session: AudioSession) -> None:
        await session.send(FRAME * 25)  # half a second, of which a fifth is taken in advance
        sent.set()

    channel = await (await line()).call(handler)
    began = time.monotonic()
    times = []
    for _ in range(25):
        assert (await channel.hears()).payload == FRAME
        times.append(time.monotonic() - began)
        assert sent.is_set() or len(times) <= 16
    assert (await channel.hears()).kind == wire.HANG_UP
    assert times[-1] >= 24 * audio_session.FRAME_S - audio_session.CATCH_UP_S - 0.02
    # No burst: whatever the machine does, no six frames come at once but after a stall.
    assert times[10] - times[0] >= 10 * audio_session.FRAME_S - audio_session.CATCH_UP_S - 0.02
    assert await channel.closed()


async def test_the_last_word_is_filled_up_with_silence_and_then_the_call_ends(line: Build) -> None:
    async def handler(session: AudioSession) -> None:
        await session.send(b"\1\1")
        await session.hang_up()
        with pytest.raises(CallerGone):
            await session.send(b"\2\2")

    channel = await (await line()).call(handler)
    assert (await channel.hears()).payload == b"\1\1".ljust(320, b"\0")
    assert await channel.hears() == wire.Frame(wire.HANG_UP)
    assert await channel.closed()


async def test_half_a_sample_is_a_bug_of_the_handler(line: Build) -> None:
    home = await line()
    with capture_logs() as logs:
        channel = await home.call(lambda session: session.send(b"odd"))
        assert await channel.closed()
    assert [entry["event"] for entry in logs] == ["audio_handler_failed"]
    assert home.server.stats.failures == 1


async def test_a_slow_handler_loses_the_oldest_audio_and_asterisk_never_waits(line: Build) -> None:
    home = await line()
    go = asyncio.Event()
    heard: list[bytes] = []

    async def handler(session: AudioSession) -> None:
        await go.wait()
        heard.extend([samples async for samples in session])

    channel = await home.call(handler)
    for n in range(200):
        channel.says(bytes([n]) * 4_000)
        await asyncio.wait_for(channel.writer.drain(), 2)
    channel.writer.close()
    await until(lambda: channel.reader.at_eof() or home.server.stats.sessions)
    await asyncio.sleep(0.1)
    go.set()
    await until(lambda: home.server.active == 0)
    assert heard == [bytes([n]) * 4_000 for n in range(175, 200)]
    assert home.server.stats.dropped == 175


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("probe", None),
        ("slow", b"\x01\x00"),
        ("frame", b"GET / HTTP/1.1\r\n\r\n"),
        ("frame", b"\x10\xff\xff" + b"x" * 1_000_000),
        ("frame", wire.encode(wire.AUDIO, FRAME) * 3_000),  # 1 MB of good frames, and no uuid
        ("token", wire.encode(wire.UUID, bytes(range(16)))),
        ("token", wire.encode(wire.UUID, bytes(16))),
    ],
)
async def test_unwelcome_peers_are_closed_counted_and_logged(line: Build, kind: str, first: bytes | None) -> None:
    home = await line(header_timeout_s=0.1)
    with capture_logs() as logs:
        for count in (1, 2, 3):
            channel = await home.connect(first or b"")
            if first is None:
                channel.writer.close()
            assert await channel.closed()
            await until(lambda count=count: home.server.stats.refused[kind] == count)  # type: ignore[misc]
    assert [(entry["event"], entry["kind"]) for entry in logs] == [("audio_connection_refused", kind)] * 3
    assert home.server.stats.sessions == 0
    good = await home.call()
    good.says(FRAME)
    assert (await good.hears()).payload == FRAME


async def test_a_drip_of_single_bytes_is_cut_off_in_time(line: Build) -> None:
    home = await line(header_timeout_s=0.2)
    channel = await home.connect()

    async def drip() -> None:
        with contextlib.suppress(ConnectionError):
            for byte in wire.encode(wire.UUID, bytes(16)):
                channel.writer.write(bytes([byte]))
                await asyncio.sleep(0.05)

    with capture_logs():
        dripping = asyncio.create_task(drip())
        assert await asyncio.wait_for(channel.closed(), 2)
        await dripping
    assert home.server.stats.refused["slow"] == 1


async def test_a_uuid_works_once(line: Build) -> None:
    home = await line()
    first = wire.encode(wire.UUID, home.server.issue(echo).bytes)
    channel = await home.connect(first)
    channel.says(FRAME)
    await channel.hears()
    with capture_logs() as logs:
        assert await (await home.connect(first)).closed()
    assert home.server.stats.refused["token"] == 1
    assert str(UUID(bytes=first[3:])) not in str(logs)
    channel.says(FRAME)  # the one who was first goes on
    assert (await channel.hears()).payload == FRAME


async def test_a_uuid_works_for_a_while_only(line: Build) -> None:
    home = await line(token_s=0.02)
    late = home.server.issue(echo)
    await asyncio.sleep(0.03)
    with capture_logs():
        assert await (await home.connect(wire.encode(wire.UUID, late.bytes))).closed()
    assert home.server.stats.refused["late"] == 1


async def test_no_more_uuids_are_given_away_than_sessions_may_run(line: Build) -> None:
    home = await line(max_sessions=2, token_s=0.05)
    home.server.issue(echo)
    home.server.issue(echo)
    with pytest.raises(ContactdError, match=r"0 calls have .* and 2 wait for theirs"):
        home.server.issue(echo)
    await asyncio.sleep(0.06)
    channel = await home.call()
    channel.says(FRAME)
    await channel.hears()
    home.server.issue(echo)
    with pytest.raises(ContactdError, match=r"1 calls have .* and 1 wait for theirs"):
        home.server.issue(echo)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("frame", b"nonsense"),
        ("frame", b"\x10\xff\xff"),
        ("frame", wire.encode(wire.UUID, bytes(16))),
        ("frame", wire.encode(0x12, b"\0\0")),
        ("error", wire.encode(wire.ERROR, b"\x01")),
    ],
)
async def test_garbage_in_a_session_ends_it_and_no_other(line: Build, kind: str, data: bytes) -> None:
    home = await line()
    other = await home.call()
    with capture_logs() as logs:
        channel = await home.call()
        channel.says(FRAME)
        await channel.hears()
        channel.writer.write(data)
        assert await channel.closed()
        await until(lambda: home.server.active == 1)
    assert home.server.stats.refused == {kind: 1}
    assert [entry["event"] for entry in logs] == ["audio_connection_refused"]
    other.says(FRAME)
    assert (await other.hears()).payload == FRAME


async def test_audio_that_comes_with_the_uuid_is_heard(line: Build) -> None:
    home = await line()
    first = wire.encode(wire.UUID, home.server.issue(echo).bytes) + wire.encode(wire.AUDIO, FRAME)
    assert (await (await home.connect(first)).hears()).payload == FRAME


async def test_a_peer_that_falls_silent_is_given_up(line: Build) -> None:
    home = await line(idle_s=0.1)
    with capture_logs():
        assert await (await home.call()).closed()
        await until(lambda: home.server.stats.refused["idle"] == 1)


async def test_only_allowed_networks_may_connect(line: Build) -> None:
    home = await line(allow=[ip_network("192.0.2.0/24")])
    with capture_logs():
        assert await (await home.call()).closed()
    assert home.server.stats.refused["address"] == 1


async def test_sessions_beyond_the_limit_are_refused(line: Build) -> None:
    home = await line(max_sessions=1)
    first = await home.call()
    first.says(FRAME)
    await first.hears()
    with capture_logs():
        assert await (await home.connect()).closed()
    assert home.server.stats.refused["full"] == 1


async def test_a_bug_in_a_handler_ends_its_call_only(line: Build) -> None:
    home = await line()

    async def handler(session: AudioSession) -> None:
        raise KeyError("a bug")

    with capture_logs() as logs:
        assert await (await home.call(handler)).closed()
    assert [entry["event"] for entry in logs] == ["audio_handler_failed"]
    channel = await home.call()
    channel.says(FRAME)
    assert (await channel.hears()).payload == FRAME


async def test_closing_cancels_what_does_not_end_in_time(line: Build) -> None:
    home = await line()
    channel = await home.call()
    channel.says(FRAME)
    await channel.hears()
    with capture_logs() as logs:
        await home.server.close(0.05)
    assert await channel.closed()
    assert [(entry["event"], entry["sessions"]) for entry in logs] == [("audio_sessions_cancelled", 1)]
    with pytest.raises(OSError):
        await home.connect()


async def test_a_port_that_is_taken_is_told_with_the_remedy(line: Build) -> None:
    home = await line()
    with pytest.raises(ContactdError, match="choose another address"):
        await AudioSocketServer("127.0.0.1", home.server.port).start()


async def test_many_calls_at_once_leave_nothing_behind(line: Build) -> None:
    home = await line(max_sessions=50)

    async def one() -> None:
        channel = await home.call()
        for _ in range(10):
            channel.says(FRAME)
            assert (await channel.hears()).payload == FRAME
        channel.writer.close()

    await asyncio.gather(*(one() for _ in range(50)))
    await until(lambda: home.server.active == 0)
    assert (home.server.stats.sessions, home.server.stats.refused.total()) == (50, 0)
    assert not home.server._issued
