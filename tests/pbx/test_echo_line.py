"""From a dialled number to the audio connection, without an Asterisk."""

from types import SimpleNamespace
from uuid import UUID

from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from contactd.core.floor import LiveFloor
from contactd.core.ids import PbxId
from contactd.engine.clock import Clock
from contactd.pbx.flow_place import PlaceKeeper
from contactd.pbx.ivr import AudioLine, Reception, echo
from contactd.protocols import audiosocket as wire
from tests.pbx.audio import FRAME, Line
from tests.pbx.fakes import House, NoTexts, Strangers

SAID_YES = b"200 result=1\n"


async def reception(audio: Line) -> House:
    """A Reception all of whose lines are the echo line. Nothing may be put to its circle, which has a clock and a floor
    without contacts."""
    home = House()
    home.steps = Reception(
        lambda _: PbxId("pbx1"),
        SimpleNamespace(clock=Clock(), floor=LiveFloor()),  # type: ignore[arg-type]
        lines={},
        default=AudioLine(echo),
        accepting=lambda: False,  # a full journal is nothing to a call that is not in it
        known_by=lambda *_: (),
        hung_up=lambda *_: None,
        audio=audio.server,
        audio_host="cc.example.org",
        recogniser=Strangers(),  # type: ignore[arg-type]
        texts=NoTexts(),  # type: ignore[arg-type]
        legs=None,  # type: ignore[arg-type]
        places=PlaceKeeper(Fernet.generate_key()),
    )
    await home.server.start()
    return home


async def test_an_echo_line_is_no_contact_and_gets_a_uuid_of_its_own() -> None:
    async with Line() as audio:
        home = await reception(audio)
        caller = await home.call()
        await caller.takes(b'SET VARIABLE CONTACTD_CALL ""', SAID_YES)
        await caller.takes(f"SET VARIABLE CONTACTD_AUDIO_AT cc.example.org:{audio.server.port}".encode(), SAID_YES)
        told = (await caller.reader.readline()).decode().split()
        assert told[:3] == ["SET", "VARIABLE", "CONTACTD_AUDIO"]
        caller.writer.write(SAID_YES)
        await caller.takes(b"ANSWER", b"200 result=0\n")
        assert await home.outcome() is None
        channel = await audio.connect(wire.encode(wire.UUID, UUID(told[3]).bytes))
        channel.says(FRAME)
        assert (await channel.hears()).payload == FRAME
        await home.close()


async def test_an_echo_line_without_room_hangs_up_and_nobody_is_queued() -> None:
    async with Line(max_sessions=0) as audio:
        home = await reception(audio)
        with capture_logs() as logs:
            caller = await home.call()
            await caller.takes(b'SET VARIABLE CONTACTD_CALL ""', SAID_YES)
            await caller.takes(b"HANGUP", SAID_YES)
            assert await home.outcome() is None
        assert [entry["event"] for entry in logs] == ["audio_line_refused"]
        await home.close()
