"""Every call of text on this floor: its line, its conversation, and who looks on."""

from __future__ import annotations

import asyncio
import importlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import structlog

from contactd.config import Settings
from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.announcements import Said, SayMessage, SayPosition, SayWait, SayWelcome
from contactd.core.contact import ContactState, Needs
from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId, Instant, PbxId
from contactd.core.step import Step
from contactd.core.text import Author, Carrier, FoundBy, MessageId
from contactd.engine.circle import Circle
from contactd.engine.inbox import Words
from contactd.pbx.agi_session import AgiSession
from contactd.pbx.audio_session import AudioSession
from contactd.pbx.audiosocket import AudioSocketServer
from contactd.pbx.furnishing import SILENCE
from contactd.pbx.text.conversation import Conversation, Heard, Piece
from contactd.protocols.baudot.turn import Turn
from contactd.store.transcripts import Written, body_of

log = structlog.get_logger()

EDITION = 4
"""The first edition of the dialplan with [contactd-text]."""
CONTEXT = "contactd-text"
MARK = "CONTACTD_TEXT"
"""On the caller's channel and what it rings: what brings the words."""
AUDIO_WAIT_S = 5.0
"""For the PBX to bring the audio."""
AGAIN_S = 2.5
"""For a text leg that is there to ask again, which it does every second."""
BEFORE_MS = 1_000
"""From the answer to the first character."""
SETTLE_S = 0.7
"""From what happens to the caller to what is written of it."""
_KEEP_S = 1.0
_MOST_READERS = 8
_BUFFER = 500
_REPLAYED = 4_000
"""Characters of the conversation so far that who joins is shown."""


class ReaderGone(ContactdError):
    """Somebody looked on too slowly."""


class Reader:
    """One who looks on. Iterate: notices, or None when nothing came for idle_s."""

    def __init__(self) -> None:
        self._notices: deque[dict[str, Any]] = deque()
        self._woken = asyncio.Event()
        self.over = False

    def put(self, notice: dict[str, Any]) -> None:
        if len(self._notices) >= _BUFFER:
            self._notices.clear()
            self._notices.append({"kind": "slow"})
            self.over = True
        elif not self.over:
            self._notices.append(notice)
        self._woken.set()

    def end(self) -> None:
        self.over = True
        self._woken.set()

    async def notices(self, idle_s: float) -> AsyncIterator[dict[str, Any] | None]:
        while True:
            while self._notices:
                yield self._notices.popleft()
            if self.over:
                return
            self._woken.clear()
            try:
                async with asyncio.timeout(idle_s):
                    await self._woken.wait()
            except TimeoutError:
                yield None


class Talk:
    """One call of text. keep: takes what was written. now: the floor's clock."""

    def __init__(
        self, contact: ContactId, pbx: PbxId, now: Callable[[], Instant], keep: Callable[[ContactId, Piece], None]
    ) -> None:
        self.contact = contact
        self.pbx = pbx
        # Here, since most daemons never have a call of text, and numpy takes its time: see load().
        from contactd.pbx.text.line import TtyLine  # noqa: PLC0415

        self.line = TtyLine(self._heard, now)
        self.conversation = Conversation(self.line)
        self.hears = self.speaks = False
        """The agent hears the caller's voice (VCO), or speaks (HCO)."""
        self._now = now
        self._keep = keep
        self._readers: list[Reader] = []
        self._so_far: deque[dict[str, Any]] = deque(maxlen=_REPLAYED)
        self._answered = asyncio.Event()

    def _heard(self, heard: list[Heard]) -> None:
        self.conversation.hear(heard, self._now(), pauses=self.line.turn is not Turn.THEIRS)
        for one in heard:
            self._tell({"kind": "wrote", "by": Author.CALLER, "text": one.text, "sure": one.sure})
        self._answered.set()
        self.tell_state()

    def say(self, text: str) -> None:
        """contactd writes."""
        if text:
            self._wrote(Author.SYSTEM, self.conversation.say(text, self._now()))

    def ask(self, text: str) -> None:
        """Write it, and take what the caller writes from now on for the answer."""
        self.say(text)
        self.conversation.ask()

    def type(self, keys: str) -> None:
        self._wrote(Author.AGENT, self.conversation.type(keys, self._now()))

    def go(self) -> None:
        self._wrote(Author.AGENT, self.conversation.go(self._now()))

    def erase(self) -> None:
        if self.conversation.erase():
            self._tell({"kind": "erased"})
        self.tell_state()

    def _wrote(self, author: Author, text: str) -> None:
        if text:
            self._tell({"kind": "wrote", "by": author, "text": text})
        self.tell_state()

    async def answer(self, timeout_s: float) -> str:
        """What the caller writes since ask(), to its GA; what there is of it when nothing more comes for timeout_s."""
        while (answer := self.conversation.answered()) is None:
            self._answered.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._answered.wait()
            except TimeoutError:
                return self.conversation.answer_so_far()
        return answer

    # --- who looks on -------------------------------------------------------------------------------------------------

    def open(self) -> Reader:
        """Raises ReaderGone when too many do."""
        if len(self._readers) >= _MOST_READERS:
            raise ReaderGone(f"{_MOST_READERS} look on at this conversation already; end one of them first.")
        reader = Reader()
        for notice in self._so_far:
            reader.put(notice)
        self._readers.append(reader)
        reader.put(self.state())
        return reader

    def close(self, reader: Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)

    def state(self) -> dict[str, Any]:
        return {
            "kind": "state",
            "turn": "ours" if self.conversation.ours else "theirs",
            "line": self.line.turn.value,
            "connected": self.line.connected,
            "held": self.conversation.held,
            "unsent": self.line.unsent(),
            "ending": self.conversation.ending,
            "hears": self.hears,
            "speaks": self.speaks,
        }

    def tell_state(self) -> None:
        for reader in self._readers:
            reader.put(self.state())

    def note(self, notice: dict[str, Any]) -> None:
        self._tell(notice)

    def _tell(self, notice: dict[str, Any]) -> None:
        self._so_far.append(notice)
        for reader in self._readers:
            reader.put(notice)

    def keep(self, *, all_of_it: bool = False) -> None:
        for piece in self.conversation.take(self._now(), all_of_it=all_of_it):
            self._keep(self.contact, piece)

    def end(self) -> None:
        self.keep(all_of_it=True)
        self._tell({"kind": "ended"})
        for reader in self._readers:
            reader.end()


async def load() -> None:
    """The modem, beside the loop: a tenth of a second, the first time."""
    await asyncio.to_thread(importlib.import_module, "contactd.pbx.text.line")


class Texts:
    """Made once. begin() a call of text, attach() the audio that the dialplan brings, publish() what happens."""

    def __init__(self, circle: Circle, audio: AudioSocketServer, audio_host: str, settings: Settings) -> None:
        self._circle = circle
        self._audio = audio
        self._audio_host = audio_host
        self._talks: dict[ContactId, Talk] = {}
        self._count = 0
        self.settings = settings
        self.turn_up: Callable[[PbxId, str, bool, bool], Awaitable[None]] = nobody
        """Whether the agent who talks with the caller on this channel hears and is heard; Voice gives it."""

    def __len__(self) -> int:
        return len(self._talks)

    def is_text(self, dnis: str) -> bool:
        return dnis in self.settings.tty.numbers

    def get(self, contact: ContactId) -> Talk | None:
        return self._talks.get(contact)

    async def run(self) -> None:
        """Keep what is written, piece by piece; until cancelled."""
        while True:
            await asyncio.sleep(_KEEP_S)
            for contact, talk in list(self._talks.items()):
                talk.keep()
                if contact not in self._circle.floor.contacts and not talk.line.connected:
                    # Its end was told by a comparison, or before there was anything to end.
                    self._end(contact)

    def begin(self, contact: ContactId, pbx: PbxId, found_by: FoundBy) -> Talk:
        known = self._talks.get(contact)
        if known is None:
            known = self._talks[contact] = Talk(contact, pbx, self._circle.clock.now, self._kept)
            self._circle.put(inp.TextFound(contact=contact, carrier=Carrier.TTY, found_by=found_by))
        return known

    async def open(self, session: AgiSession, contact: ContactId, pbx: PbxId, found_by: FoundBy) -> Talk | None:
        """Put a text leg beside the caller who is in this session; None when it does not come about."""
        if self._circle.floor.state.editions.get(pbx, 0) < EDITION:
            log.warning(
                "text_refused",
                contact=contact,
                pbx=pbx,
                remedy="The caller is answered by voice: copy the newest extensions_contactd.conf to the PBX.",
            )
            return None
        await load()
        known = self._circle.floor.contacts.get(contact)
        was = known is not None and known.text is not None
        talk = self.begin(contact, pbx, found_by)
        call = session.request.uniqueid
        await session.set_variable(f"__{MARK}", Carrier.TTY)
        await session.answer()
        await session.command("SET MUSIC", "ON", SILENCE)
        # A caller whose flow broke off comes by again, and has one already.
        if not was or not await talk.line.wait_connected(AGAIN_S):
            leg = f"Local/leg*{call}@{CONTEXT}/n,exten,{CONTEXT},ear*{call},1,,a"
            await session.command("EXEC", "Originate", leg)
        if not await talk.line.wait_connected(AUDIO_WAIT_S):
            log.warning(
                "text_leg_missing",
                contact=contact,
                pbx=pbx,
                remedy="The caller is answered by voice. See Asterisk's log for [contactd-text], and that the PBX"
                " reaches contactd's AudioSocket (contactctl doctor).",
            )
            return None
        # Callers put the handset onto the coupler, or look up, when the light shows that somebody has answered.
        await session.wait_for_digit(BEFORE_MS)
        return talk

    async def attach(self, session: AgiSession) -> None:
        """The FastAGI route ``text``: a text leg asks where its audio goes. After a death of ours as well."""
        await load()
        args = session.request.args
        call = args[3] if len(args) > 3 else ""
        talk = next((t for c, t in self._talks.items() if self._call_of(c) == call), None) or self._again(call)
        if talk is None or talk.line.connected:
            return
        token = self._token(talk)
        await session.set_variable("CONTACTD_AUDIO_AT", f"{self._audio_host}:{self._audio.port}")
        await session.set_variable("CONTACTD_AUDIO", str(token))

    def _again(self, call: str) -> Talk | None:
        """Of a call that was one of text before contactd was started."""
        floor = self._circle.floor
        contact = next((one for one in floor.contacts.values() if one.call == call and call), None)
        if contact is None:
            return None
        talk = self.begin(contact.id, contact.pbx, FoundBy.NUMBER)
        if contact.state is ContactState.CONNECTED:
            talk.say(self.settings.tty.interrupted)
        return talk

    def _call_of(self, contact: ContactId) -> str:
        known = self._circle.floor.contacts.get(contact)
        return known.call if known is not None else ""

    def _token(self, talk: Talk) -> UUID:
        async def handler(session: AudioSession) -> None:
            await talk.line.serve(session)

        return self._audio.issue(handler)

    # --- what happens on the floor ------------------------------------------------------------------------------------

    def publish(self, steps: Sequence[Step]) -> None:
        for step in steps if self._talks else ():
            for event in step.events:
                talk = self._talks.get(getattr(event, "contact", None) or ContactId(""))
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
        asyncio.get_running_loop().call_later(SETTLE_S, talk.say, _apart(text))

    def _end(self, contact: ContactId) -> None:
        talk = self._talks.pop(contact, None)
        if talk is not None:
            talk.end()

    def announce(self, contact: ContactId, said: Sequence[Said]) -> bool:
        """In place of an announcement by sounds. False: it is no call of text."""
        talk = self._talks.get(contact)
        if talk is not None:
            talk.say(_apart(" ".join(filter(None, (self._announced(one) for one in said)))))
        return talk is not None

    def _announced(self, said: Said) -> str:
        tty = self.settings.tty
        match said:
            case SayWelcome() | SayMessage():
                return self.written(said.sounds)
            case SayPosition():
                return tty.position.replace("{}", str(said.position), 1)
            case SayWait():
                low, high = str(said.range.low_min), str(said.range.high_min)
                return tty.wait.replace("{}", low, 1).replace("{}", high, 1)

    def needs(self) -> Needs | None:
        """What every call of text needs."""
        skill = self.settings.tty.skill
        return Needs(skills={skill: 1}) if skill is not None else None

    def written(self, sounds: Sequence[str]) -> str:
        return " ".join(filter(None, (self.settings.tty.texts.get(sound, "") for sound in sounds)))

    # --- the voice beside it ------------------------------------------------------------------------------------------

    async def voice(self, contact: ContactId, *, hears: bool, speaks: bool) -> None:
        """Whether the agent hears the caller (who speaks and reads: VCO) and the caller the agent (who hears and types:
        HCO). Raises ContactdError."""
        talk, known = self._talks.get(contact), self._circle.floor.contacts.get(contact)
        if talk is None or known is None or known.state is not ContactState.CONNECTED:
            raise ContactdError("No agent talks with this caller just now, so there is nobody to be heard.")
        await self.turn_up(known.pbx, known.channel, hears, speaks)
        talk.hears, talk.speaks = hears, speaks
        talk.tell_state()

    # --- what is kept -------------------------------------------------------------------------------------------------

    def _kept(self, contact: ContactId, piece: Piece) -> None:
        self._count += 1
        message = MessageId(f"{round(piece.at * 1e6):017d}-{self._count % 1_000_000:06d}{secrets.token_hex(2)}")
        written = Written(text=piece.text, at_ms=tuple(piece.at_ms), sure=tuple(piece.sure))
        self._circle.put(
            inp.MessageTold(contact=contact, message=message, author=piece.author, characters=len(piece.text)),
            words=Words(contact, message, piece.at, piece.author, body_of(written)),
        )


async def nobody(_: PbxId, __: str, ___: bool, ____: bool) -> None:
    raise ContactdError("The PBX is not connected; try again when it is.")


def _apart(text: str) -> str:
    """On a line of its own."""
    return f"{text}\n" if text else ""


def encoded(notice: dict[str, Any]) -> bytes:
    return msgspec.json.encode(notice) + b"\n"
