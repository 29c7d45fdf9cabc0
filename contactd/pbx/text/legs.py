"""The text leg: what brings a caller's audio to a talk's line, and finds back when contactd was away.

The dialplan's part is [contactd-text]; docs/adr/0032 says why the modem is put beside the call.
"""

from __future__ import annotations

import asyncio
import importlib
from functools import partial
from uuid import UUID

import structlog

from contactd.core.contact import ContactState
from contactd.core.ids import ContactId, PbxId
from contactd.core.text import Carrier, FoundBy
from contactd.engine.circle import Circle
from contactd.metrics import TEXT_REFUSED
from contactd.pbx.agi_session import AgiSession
from contactd.pbx.audiosocket import AudioSocketServer
from contactd.pbx.furnishing import SILENCE
from contactd.pbx.text.office import Texts
from contactd.pbx.text.talk import Talk

log = structlog.get_logger()

EDITION = 4
"""The first edition of the dialplan with [contactd-text]."""
CONTEXT = "contactd-text"
MARK = "CONTACTD_TEXT"
"""On the caller's channel and what it rings: what brings the words."""
AUDIO_WAIT_S = 5.0
"""For the PBX to bring the audio."""
PROOF_S = 6.0
"""For two characters from who seems to have a text telephone; from a hearing caller, so long a silence, once."""
AGAIN_S = 2.5
"""For a text leg that is there to ask again, which it does every second."""
BEFORE_MS = 1_000
"""From the answer to the first character."""


async def load() -> None:
    """The modem, beside the loop: a tenth of a second, the first time."""
    await asyncio.to_thread(importlib.import_module, "contactd.pbx.text.line")


def _refused(event: str, why: str, contact: ContactId, pbx: PbxId, remedy: str) -> None:
    TEXT_REFUSED.labels(why).inc()
    log.warning(event, contact=contact, pbx=pbx, why=why, remedy=remedy)


class Legs:
    """open() one beside a caller; attach() what the dialplan brings."""

    def __init__(self, texts: Texts, circle: Circle, audio: AudioSocketServer, audio_host: str) -> None:
        self._texts = texts
        self._circle = circle
        self._audio = audio
        self._audio_host = audio_host

    async def open(self, session: AgiSession, contact: ContactId, pbx: PbxId, found_by: FoundBy) -> Talk | None:
        """Put a text leg beside the caller who is in this session; None when it does not come about."""
        if self._circle.floor.state.editions.get(pbx, 0) < EDITION:
            remedy = "The caller is answered by voice: copy the newest extensions_contactd.conf to the PBX."
            _refused("text_refused", "edition", contact, pbx, remedy)
            return None
        if self._texts.get(contact) is None and len(self._texts) >= self._texts.settings.tty.at_once:
            remedy = (
                "The caller is answered by voice: raise at_once of [tty], if the machine has processor time to spare."
            )
            _refused("text_refused", "at_once", contact, pbx, remedy)
            return None
        await load()
        known = self._circle.floor.contacts.get(contact)
        was = known is not None and known.text is not None
        doubted = found_by is FoundBy.TONES and self._texts.get(contact) is None
        talk = (self._texts.suspect if doubted else partial(self._texts.begin, found_by=found_by))(contact, pbx)
        call = session.request.uniqueid
        await session.set_variable(f"__{MARK}", Carrier.TTY)
        await session.answer()
        await session.command("SET MUSIC", "ON", SILENCE)
        # A caller whose flow broke off comes by again, and has one already.
        if not was or not await talk.line.wait_connected(AGAIN_S):
            leg = f"Local/leg*{call}@{CONTEXT}/n,exten,{CONTEXT},ear*{call},1,,a"
            await session.command("EXEC", "Originate", leg)
        if not await talk.line.wait_connected(AUDIO_WAIT_S):
            remedy = (
                "The caller is answered by voice. See Asterisk's log for [contactd-text], and that the PBX reaches"
                " contactd's AudioSocket (contactctl doctor)."
            )
            _refused("text_leg_missing", "no_audio", contact, pbx, remedy)
            return None
        if doubted and not await self._proven(session, talk):
            return None
        # Callers put the handset onto the coupler, or look up, when the light shows that somebody has answered.
        await session.wait_for_digit(BEFORE_MS)
        return talk

    async def _proven(self, session: AgiSession, talk: Talk) -> bool:
        """The caller hears nothing meanwhile, and what they type is read."""
        if await talk.line.wait_proven(PROOF_S):
            self._texts.found(talk, FoundBy.TONES)
            return True
        log.info("tones_were_no_text", contact=talk.contact)
        self._texts.drop(talk)
        talk.hang_up()
        await session.set_variable(f"__{MARK}", "")
        await session.command("SET MUSIC", "OFF")
        return False

    async def attach(self, session: AgiSession) -> None:
        """The FastAGI route ``text``: a text leg asks where its audio goes. After a death of ours as well."""
        await load()
        args = session.request.args
        call = args[3] if len(args) > 3 else ""
        talk = next((t for c, t in self._texts.talks.items() if self._call_of(c) == call), None) or self._again(call)
        if talk is None:
            # Nobody writes here any more.
            await session.command("HANGUP")
            return
        if talk.line.connected:
            return
        token = self._token(talk)
        await session.set_variable("CONTACTD_AUDIO_AT", f"{self._audio_host}:{self._audio.port}")
        await session.set_variable("CONTACTD_AUDIO", str(token))

    def _again(self, call: str) -> Talk | None:
        """Of a call that was one of text before contactd was started."""
        floor = self._circle.floor
        contact = next((one for one in floor.contacts.values() if one.call == call and call), None)
        if contact is None or contact.text is None:
            return None
        talk = self._texts.begin(contact.id, contact.pbx, FoundBy.NUMBER)
        if contact.state is ContactState.CONNECTED:
            talk.say(self._texts.settings.tty.interrupted)
        return talk

    def _call_of(self, contact: ContactId) -> str:
        known = self._circle.floor.contacts.get(contact)
        return known.call if known is not None else ""

    def _token(self, talk: Talk) -> UUID:
        return self._audio.issue(talk.serve)
