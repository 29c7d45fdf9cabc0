"""Every call of text on this floor: what happens to it is written to its caller, and what is written is kept."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence

from contactd.config import Settings
from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.announcements import Said
from contactd.core.contact import ContactState, Known, Needs
from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId, PbxId
from contactd.core.step import Step
from contactd.core.text import Carrier, FoundBy, MessageId
from contactd.engine.circle import Circle
from contactd.engine.inbox import Words
from contactd.metrics import TEXT_CALLS, TEXT_CHARACTERS, TEXTS
from contactd.pbx.text.conversation import UNSURE, Piece
from contactd.pbx.text.talk import Talk
from contactd.pbx.text.wording import announced, apart
from contactd.store.transcripts import Written, body_of

SETTLE_S = 0.7
"""From what happens to the caller to what is written of it."""
_KEEP_S = 1.0


class Texts:
    """Made once. begin() a call of text, publish() what happens; legs.Legs brings the audio."""

    def __init__(self, circle: Circle, settings: Settings) -> None:
        self._circle = circle
        self.talks: dict[ContactId, Talk] = {}
        self._count = 0
        self.settings = settings
        self.turn_up: Callable[[PbxId, str, bool, bool], Awaitable[None]] = nobody
        """Whether the agent who talks with the caller on this channel hears and is heard; Voice gives it."""

    def __len__(self) -> int:
        return len(self.talks)

    def found_by(self, dnis: str, known: Known | None) -> FoundBy | None:
        """How a call that has just come is known to be one of text; None: it is none, as far as anybody knows."""
        if dnis in self.settings.tty.numbers:
            return FoundBy.NUMBER
        return FoundBy.RECORD if self.settings.tty.by_record and known is not None and known.text else None

    def get(self, contact: ContactId) -> Talk | None:
        return self.talks.get(contact)

    async def run(self) -> None:
        """Keep what is written, piece by piece; until cancelled."""
        while True:
            await asyncio.sleep(_KEEP_S)
            for contact, talk in list(self.talks.items()):
                talk.keep()
                if contact not in self._circle.floor.contacts and not talk.line.connected:
                    # Its end was told by a comparison, or before there was anything to end.
                    self._end(contact)

    def begin(self, contact: ContactId, pbx: PbxId, found_by: FoundBy) -> Talk:
        known = self.talks.get(contact)
        if known is None:
            known = self._begun(contact, pbx)
            self.found(known, found_by)
        return known

    def suspect(self, contact: ContactId, pbx: PbxId) -> Talk:
        """A talk of which is to be proven that it is one: found() or drop() follows."""
        talk = self._begun(contact, pbx)
        talk.line.doubt()
        return talk

    def found(self, talk: Talk, found_by: FoundBy) -> None:
        TEXTS.labels(found_by).inc()
        self._circle.put(inp.TextFound(contact=talk.contact, carrier=Carrier.TTY, found_by=found_by))

    def drop(self, talk: Talk) -> None:
        """It was none."""
        if self.talks.get(talk.contact) is talk:
            del self.talks[talk.contact]
            TEXT_CALLS.set(len(self.talks))

    def _begun(self, contact: ContactId, pbx: PbxId) -> Talk:
        talk = self.talks[contact] = Talk(contact, pbx, self._circle.clock.now, self._kept)
        TEXT_CALLS.set(len(self.talks))
        return talk

    # --- what happens on the floor ------------------------------------------------------------------------------------

    def publish(self, steps: Sequence[Step]) -> None:
        for step in steps if self.talks else ():
            for event in step.events:
                talk = self.talks.get(getattr(event, "contact", None) or ContactId(""))
                if talk is not None:
                    self._happened(talk, event)

    def _happened(self, talk: Talk, event: ev.Event) -> None:
        tty = self.settings.tty
        match event:
            case ev.ContactQueued():
                self._soon(talk, tty.waiting)
                talk.note({"kind": "queued", "queue": event.queue})
            case ev.ContactOffered():
                talk.note({"kind": "offered", "agent": event.agent})
            case ev.ContactConnected():
                talk.hears = talk.speaks = False
                self._soon(talk, tty.connected)
                talk.note({"kind": "connected", "agent": event.agent})
            case ev.TalkEnded():
                talk.note({"kind": "left", "agent": event.agent})
            case ev.ContactEnded():
                self._end(talk.contact)
            case _:
                pass

    def _soon(self, talk: Talk, text: str) -> None:
        """While the PBX moves the caller, what is written would be torn."""
        asyncio.get_running_loop().call_later(SETTLE_S, talk.say, apart(text))

    def _end(self, contact: ContactId) -> None:
        talk = self.talks.pop(contact, None)
        if talk is not None:
            TEXT_CALLS.set(len(self.talks))
            talk.end()

    def announce(self, contact: ContactId, said: Sequence[Said]) -> bool:
        """In place of an announcement by sounds. False: it is no call of text."""
        talk = self.talks.get(contact)
        if talk is not None:
            talk.say(apart(announced(self.settings.tty, said)))
        return talk is not None

    def needs(self) -> Needs | None:
        """What every call of text needs."""
        skill = self.settings.tty.skill
        return Needs(skills={skill: 1}) if skill is not None else None

    # --- the voice beside it ------------------------------------------------------------------------------------------

    async def voice(self, contact: ContactId, *, hears: bool, speaks: bool) -> None:
        """Whether the agent hears the caller (who speaks and reads: VCO) and the caller the agent (who hears and types:
        HCO). Raises ContactdError."""
        talk, known = self.talks.get(contact), self._circle.floor.contacts.get(contact)
        if talk is None or known is None or known.state is not ContactState.CONNECTED:
            raise ContactdError("No agent talks with this caller just now, so there is nobody to be heard.")
        await self.turn_up(known.pbx, known.channel, hears, speaks)
        talk.hears, talk.speaks = hears, speaks
        talk.tell_state()

    # --- what is kept -------------------------------------------------------------------------------------------------

    def _kept(self, contact: ContactId, piece: Piece) -> None:
        self._count += 1
        unsure = sum(one < UNSURE for one in piece.sure)
        TEXT_CHARACTERS.labels(piece.author, "unsure").inc(unsure)
        TEXT_CHARACTERS.labels(piece.author, "sure").inc(len(piece.text) - unsure)
        message = MessageId(f"{round(piece.at * 1e6):017d}-{self._count % 1_000_000:06d}{secrets.token_hex(2)}")
        written = Written(text=piece.text, at_ms=tuple(piece.at_ms), sure=tuple(piece.sure))
        self._circle.put(
            inp.MessageTold(contact=contact, message=message, author=piece.author, characters=len(piece.text)),
            words=Words(contact, message, piece.at, piece.author, body_of(written)),
        )


async def nobody(_: PbxId, __: str, ___: bool, ____: bool) -> None:
    raise ContactdError("The PBX is not connected; try again when it is.")
