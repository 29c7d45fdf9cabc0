"""A TTY line over a real connection: when its audio goes out, and that nothing of it hangs on what comes in."""

from __future__ import annotations

import asyncio

from contactd.pbx.audio_session import AudioSession
from contactd.pbx.text.conversation import Heard
from contactd.pbx.text.line import AHEAD_S, TtyLine
from contactd.protocols.baudot.receive import Receiver
from contactd.protocols.baudot.transmit import Transmitter
from contactd.protocols.baudot.turn import Turn
from tests.pbx.audio import Channel, Line
from tests.pbx.fakes import until

SILENCE = bytes(320)


def made(heard: list[str]) -> TtyLine:
    def told(new: list[Heard]) -> None:
        heard.extend(one.text for one in new)

    return TtyLine(told, lambda: 0.0)


async def hears_burst(channel: Channel) -> list[bytes]:
    """What comes until nothing comes any more."""
    frames: list[bytes] = []
    while True:
        try:
            async with asyncio.timeout(0.5 if frames else 5):
                frames.append((await channel.hears()).payload)
        except TimeoutError:
            assert frames, "nothing was ever sent"
            return frames


def read(frames: list[bytes]) -> str:
    receiver = Receiver()
    letters = receiver.feed(b"".join(frames)) + receiver.feed(SILENCE * 50) + receiver.flush()
    return "".join(one.text for one in letters)


async def test_each_burst_begins_with_silence_in_hand_and_nothing_is_sent_between_them() -> None:
    line = made([])

    async def serve(session: AudioSession) -> None:
        await line.serve(session)

    async with Line() as home:
        channel = await home.call(serve)
        channel.says(SILENCE)
        await until(lambda: line.connected)
        for text in ("HELLO", "AGAIN"):
            line.write(text)
            began = asyncio.get_running_loop().time()
            ahead = [(await channel.hears()).payload for _ in range(round(AHEAD_S / 0.02))]
            assert not any(any(frame) for frame in ahead)
            # All at once: it is in the PBX's hands before the first tone.
            assert asyncio.get_running_loop().time() - began < AHEAD_S
            assert read(await hears_burst(channel)).strip() == text


async def test_a_far_end_that_sends_nothing_is_written_to_all_the_same() -> None:
    """Its packets are lost, or left out while it is silent."""
    line = made([])

    async def serve(session: AudioSession) -> None:
        await line.serve(session)

    async with Line() as home:
        channel = await home.call(serve)
        await until(lambda: line.connected)
        line.write("READ ME GA")
        assert read(await hears_burst(channel)).strip() == "READ ME GA"


async def test_a_carrier_whose_packets_end_gives_the_line_back() -> None:
    heard: list[str] = []
    line = made(heard)

    async def serve(session: AudioSession) -> None:
        await line.serve(session)

    far = Transmitter()
    far.write("HI THERE AND")
    async with Line() as home:
        channel = await home.call(serve)
        for _ in range(100):  # two seconds, and cut off in the middle
            channel.says(far.read(160))
            await asyncio.sleep(0.005)
        await until(lambda: line.turn is Turn.THEIRS)
        await until(lambda: line.turn is Turn.QUIET)
        line.write("GO AHEAD")
        assert read(await hears_burst(channel)).strip() == "GO AHEAD"
    assert "HI THERE" in "".join(heard)
