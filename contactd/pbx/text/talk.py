"""One call of text: its line, its conversation, and who looks on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId, Instant, PbxId
from contactd.core.text import Author
from contactd.pbx.audio_session import AudioSession
from contactd.pbx.text.conversation import Conversation, Heard, Piece
from contactd.protocols.baudot.turn import Turn

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
        # Here, since most daemons never have a call of text, and numpy takes its time: see legs.load().
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
        self._session: AudioSession | None = None

    async def serve(self, session: AudioSession) -> None:
        """The handler of its audio."""
        self._session = session
        await self.line.serve(session)

    def hang_up(self) -> None:
        """The text leg ends."""
        if self._session is not None:
            self._session.close()

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
