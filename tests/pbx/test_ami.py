import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from contactd.core.errors import ContactdError
from contactd.pbx import ami, ami_connection
from contactd.pbx.ami import PbxAway, PbxRefused, PbxTimedOut
from contactd.protocols.ami import Message
from tests.pbx.fakes import Desk, FakeAsterisk, refuse, respond, succeed, until

HANGUP = b"Event: Hangup\r\nChannel: PJSIP/a-1\r\n\r\n"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami, "FIRST_DELAY_S", 0.005)


@pytest.fixture
async def pbx() -> AsyncIterator[FakeAsterisk]:
    fake = FakeAsterisk()
    await fake.start()
    yield fake
    await fake.stop()


Open = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def desk(pbx: FakeAsterisk) -> AsyncIterator[Open]:
    tasks = []

    async def open_desk(*, wait: bool = True, **settings: float) -> Desk:
        desk = Desk(pbx, **settings)
        tasks.append(asyncio.create_task(desk.link.run()))
        if wait:
            await until(lambda: desk.link.connected and desk.ups)
        return desk

    yield open_desk
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_nothing_is_sent_before_asterisk_is_fully_booted(pbx: FakeAsterisk, desk: Open) -> None:
    pbx.boots = False
    opened = await desk(wait=False)
    await until(lambda: pbx.actions)
    with pytest.raises(PbxAway):
        await opened.link.send({"Action": "Status"})
    assert (opened.ups, opened.link.connected) == (0, False)
    pbx.boots = True
    await until(lambda: opened.ups == 1)
    assert {fields["Action"][0] for fields in pbx.actions} == {"Login", "CoreStatus"}


async def test_an_action_gets_the_answer_with_its_id(pbx: FakeAsterisk, desk: Open) -> None:
    opened = await desk()
    both = await asyncio.gather(*(opened.link.send({"Action": "Ping"}) for _ in range(50)))
    assert len({message.action_id for message in both}) == 50
    assert opened.slots() == 0


async def test_an_originate_never_blocks_the_session(pbx: FakeAsterisk, desk: Open) -> None:
    early = "Event: OriginateResponse\r\nActionID: {id}\r\nResponse: Failure"
    pbx.answers["Originate"] = respond(early, "Response: Success\r\nActionID: {id}\r\nMessage: queued", early)
    opened = await desk()
    answer = await opened.link.send({"Action": "Originate", "Channel": "PJSIP/a", "ActionID": "7.1.2"})
    assert (answer["Message"], answer.action_id) == ("queued", "7.1.2")
    assert pbx.named("Originate")[0]["Async"] == ["true"]
    await until(lambda: opened.kinds().count("OriginateResponse") == 2)  # an event never answers an action


async def test_queue_add_resolves(pbx: FakeAsterisk, desk: Open) -> None:
    pbx.answers["QueueAdd"] = respond("Response: Success\r\nActionID: {id}\r\nMessage: Added interface to queue")
    assert (await (await desk()).link.send({"Action": "QueueAdd", "Queue": "q"})).response == "Success"


async def test_a_refusal_carries_the_words_of_asterisk(pbx: FakeAsterisk, desk: Open) -> None:
    pbx.answers["Redirect"] = refuse("Channel does not exist")
    opened = await desk()
    with pytest.raises(PbxRefused, match="pbx1 refused Redirect: Channel does not exist") as caught:
        await opened.link.send({"Action": "Redirect"})
    assert caught.value.message == "Channel does not exist"
    assert (opened.slots(), opened.link.stats.refused) == (0, 1)


async def test_an_unanswered_action_times_out_and_its_late_answer_is_dropped(pbx: FakeAsterisk, desk: Open) -> None:
    pbx.answers["Status"] = None
    opened = await desk(action_timeout_s=0.02)
    with pytest.raises(PbxTimedOut):
        await opened.link.send({"Action": "Status", "ActionID": "x"})
    assert opened.slots() == 0
    pbx.push(b"Response: Success\r\nActionID: x\r\n\r\n" + HANGUP)
    await until(lambda: opened.kinds()[-1:] == ["Hangup"])
    assert (opened.link.stats.dropped, opened.link.stats.timeouts) == (1, 1)


async def test_a_cancelled_action_leaves_no_slot(pbx: FakeAsterisk, desk: Open) -> None:
    pbx.answers["Status"] = None
    opened = await desk()
    task = asyncio.create_task(opened.link.send({"Action": "Status"}))
    await until(lambda: pbx.named("Status"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: opened.slots() == 0)


async def test_actions_while_away_are_refused_at_once_and_never_replayed(pbx: FakeAsterisk, desk: Open) -> None:
    pbx.answers["Originate"] = None
    opened = await desk()
    waiting = asyncio.create_task(opened.link.send({"Action": "Originate"}))
    await until(lambda: pbx.named("Originate"))
    await pbx.stop()
    with pytest.raises(PbxAway, match="before it answered Originate"):
        await waiting
    results: list[Message | ContactdError] = []
    with pytest.raises(PbxAway):
        await opened.link.send({"Action": "Redirect"})
    opened.link.post({"Action": "Redirect"}, results.append)
    assert results == []  # never from within post()
    await until(lambda: results)
    assert isinstance(results[0], PbxAway)
    await pbx.start()
    await until(lambda: opened.ups == 2)
    await opened.link.send({"Action": "Ping"})
    assert (len(pbx.named("Originate")), pbx.named("Redirect")) == (1, [])
    assert (opened.link.stats.reconnects, len(opened.downs)) == (1, 1)


async def test_post_reports_each_kind_of_result_once(pbx: FakeAsterisk, desk: Open) -> None:
    pbx.answers |= {"Bad": refuse("no"), "Silent": None}
    opened = await desk(action_timeout_s=0.05)
    results: dict[str, list[object]] = {"Good": [], "Bad": [], "Silent": []}
    for name, found in results.items():
        opened.link.post({"Action": name}, found.append)
    await until(lambda: all(results.values()))
    assert [type(found[0]) for found in results.values()] == [Message, PbxRefused, PbxTimedOut]
    opened.link.post({"Action": "Good"}, lambda _: 1 / 0)  # type: ignore[arg-type]
    await until(lambda: opened.link.stats.failures == 1)
    assert opened.link.connected


async def test_a_list_is_collected_to_its_end(pbx: FakeAsterisk, desk: Open) -> None:
    line = "Event: Status\r\nActionID: {id}\r\nChannel: "
    pbx.answers["Status"] = respond(
        "Response: Success\r\nActionID: {id}\r\nEventList: start", line + "a", "Event: Hangup", line + "b",
        "Event: StatusComplete\r\nActionID: {id}\r\nEventList: Complete",
    )  # fmt: skip
    opened = await desk()
    lines = await opened.link.collect({"Action": "Status"}, "StatusComplete")
    assert [message["Channel"] for message in lines] == ["a", "b"]
    assert opened.kinds() == ["Hangup"]
    with pytest.raises(PbxRefused, match="longer than 1"):
        await opened.link.collect({"Action": "Status"}, "StatusComplete", limit=1)
    late = pbx.named("Status")[-1]["ActionID"][0]
    pbx.push(f"Event: Status\r\nActionID: {late}\r\n\r\nEvent: Hangup\r\n\r\n".encode())
    await until(lambda: opened.kinds().count("Hangup") == 3)
    assert "Status" not in opened.kinds()  # what is left of a list is no news
    pbx.answers["Status"] = refuse("Permission denied")
    with pytest.raises(PbxRefused):
        await opened.link.collect({"Action": "Status"}, "StatusComplete")


async def test_a_list_may_take_long_but_not_fall_silent(pbx: FakeAsterisk, desk: Open) -> None:
    pbx.answers["Status"] = None
    opened = await desk(action_timeout_s=0.1)
    task = asyncio.create_task(opened.link.collect({"Action": "Status", "ActionID": "L"}, "StatusComplete"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + 0.25:
        pbx.writers[-1].write(b"Event: Status\r\nActionID: L\r\n\r\n")
        await asyncio.sleep(0.01)
    assert not task.done()
    with pytest.raises(PbxTimedOut):
        await task
    assert opened.slots() == 0


async def test_a_raising_callback_spares_the_connection_and_the_rest(pbx: FakeAsterisk, desk: Open) -> None:
    opened = await desk()
    opened.raises["Hangup"] = KeyError("a bug")
    with capture_logs() as logs:
        pbx.push(HANGUP * 3 + b"Event: UserEvent\r\n\r\n")
        await until(lambda: "UserEvent" in opened.kinds())
    assert (opened.link.stats.failures, opened.link.connected, opened.downs) == (3, True, [])
    assert [entry["event"] for entry in logs] == ["pbx_callback_failed"] * 3


async def test_a_frozen_server_is_noticed_by_its_silence(pbx: FakeAsterisk, desk: Open) -> None:
    opened = await desk(ping_interval_s=0.02, action_timeout_s=0.2)
    await until(lambda: len(pbx.named("Ping")) >= 2)
    pbx.answers["Ping"] = None
    await until(lambda: opened.downs)
    assert "frozen" in opened.downs[0]
    assert not opened.link.connected
    pbx.answers["Ping"] = succeed
    await until(lambda: opened.ups == 2)


async def test_a_wrong_secret_backs_off_and_is_told_once(pbx: FakeAsterisk, desk: Open) -> None:
    pbx.answers["Login"] = refuse("Authentication failed")
    with capture_logs() as logs:
        opened = await desk(wait=False)
        await until(lambda: len(pbx.named("Login")) >= 5)
        assert opened.downs == []
        pbx.answers["Login"] = succeed
        await until(lambda: opened.ups == 1)
    (lost,) = [entry for entry in logs if entry["event"] == "pbx_link_lost"]
    assert "check username, secret and permit" in lost["reason"]
    assert "hush" not in str(logs)


async def test_delays_grow_to_their_bound(desk: Open, pbx: FakeAsterisk, monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []
    real = asyncio.sleep

    async def sleep(delay: float) -> None:
        if delay >= 0.005:
            delays.append(delay)
        await real(0)

    await pbx.stop()
    monkeypatch.setattr(asyncio, "sleep", sleep)
    await desk(wait=False, backoff_max_s=0.05)
    await until(lambda: len(delays) >= 6)
    assert delays[:6] == [0.005, 0.01, 0.02, 0.04, 0.05, 0.05]


async def test_a_port_that_is_no_ami_is_told(desk: Open) -> None:
    other = FakeAsterisk()

    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    other.port = server.sockets[0].getsockname()[1]
    opened = Desk(other)
    with capture_logs() as logs:
        task = asyncio.create_task(opened.link.run())
        await until(lambda: logs)
    task.cancel()
    server.close()
    assert "does not speak AMI" in logs[0]["reason"]


async def test_cancelling_ends_the_link_and_every_pending_reconnect(pbx: FakeAsterisk, desk: Open) -> None:
    opened = Desk(pbx, backoff_max_s=0.01)
    task = asyncio.create_task(opened.link.run())
    await until(lambda: opened.ups)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert opened.downs == ["contactd is stopping"]
    await until(pbx.writers[0].is_closing)
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert len(pbx.writers) == 1


async def test_going_up_is_cancelled_when_the_link_goes_down(pbx: FakeAsterisk, desk: Open) -> None:
    opened, cancelled = await desk(wait=False), asyncio.Event()

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    opened.on_up = for_ever
    await until(lambda: opened.ups == 1)
    opened.on_up = None
    pbx.writers[-1].transport.abort()
    await until(lambda: opened.ups == 2)
    assert cancelled.is_set()


async def test_a_failed_resynchronisation_is_tried_again(pbx: FakeAsterisk, desk: Open) -> None:
    pbx.answers["Status"] = refuse("Permission denied")
    opened = await desk(wait=False)

    async def resynchronise() -> None:
        await opened.link.collect({"Action": "Status"}, "StatusComplete")

    opened.on_up = resynchronise
    with capture_logs():
        await until(lambda: opened.ups >= 3)
    assert "Permission denied" in opened.downs[0]


async def test_header_injection_raises_sends_nothing_and_leaves_no_slot(pbx: FakeAsterisk, desk: Open) -> None:
    opened = await desk()
    for action in ({"Action": "Setvar", "Value": "a\r\nAction: Command"}, {"Channel": "a"}):
        with pytest.raises(ValueError):
            await opened.link.send(action)
        with pytest.raises(ValueError):
            opened.link.post(action, lambda _: None)
    await opened.link.send({"Action": "Ping"})
    assert (opened.slots(), pbx.named("Setvar")) == (0, [])


async def test_a_flood_of_events_does_not_starve_the_loop(pbx: FakeAsterisk, desk: Open) -> None:
    opened = await desk(ping_interval_s=0.05)
    loop = asyncio.get_running_loop()
    count, most, longest = 60_000, 0, 0.0
    began = last = loop.time()
    pbx.push(HANGUP * count)
    while (seen := len(opened.events)) < count:
        await asyncio.sleep(0)
        now = loop.time()
        most, longest, last = max(most, len(opened.events) - seen), max(longest, now - last), now
    print(f"link: {count / (last - began):,.0f} events/s, longest turn {longest * 1000:.0f} ms")
    assert most <= 2 * ami_connection.MESSAGES_A_TURN
    assert opened.link.connected


async def test_the_secret_is_never_shown(pbx: FakeAsterisk, desk: Open, caplog: pytest.LogCaptureFixture) -> None:
    opened = await desk()
    caplog.set_level(logging.DEBUG)
    assert "hush" not in repr(opened.link.settings) + caplog.text
