"""What contactctl doctor asks by way of the PBX: does it reach us, and has it the sounds of our menus?"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from contactd.core.errors import ContactdError
from contactd.pbx.agi_session import AgiSession
from contactd.pbx.audio_session import AudioSession
from contactd.pbx.audiosocket import AudioSocketServer
from contactd.protocols.agi import BEYOND, sound_missing

log = structlog.get_logger()


class Probe:
    """The FastAGI route ``probe``, from [contactd-test]. No contact comes of it."""

    def __init__(self, sounds: Iterable[str], audio: AudioSocketServer, audio_host: str) -> None:
        self.sounds = tuple(sounds)
        self._audio = audio
        self._audio_host = audio_host

    async def __call__(self, session: AgiSession) -> None:
        missing = [
            sound for sound in self.sounds if sound_missing(await session.command("STREAM FILE", sound, "", BEYOND))
        ]
        await session.set_variable("CONTACTD_PROBE_MISSING", " ".join(missing))
        await session.set_variable("CONTACTD_PROBE_ANSWER", "contactd")
        try:
            token = self._audio.issue(_nothing)
        except ContactdError as error:
            log.warning("probe_without_audio", error=str(error))
            return
        await session.set_variable("CONTACTD_AUDIO_AT", f"{self._audio_host}:{self._audio.port}")
        await session.set_variable("CONTACTD_AUDIO", str(token))


async def _nothing(_: AudioSession) -> None:
    """The connection came about, and that was the question."""
