"""Who may write, and what was written: one call's text, whatever carries it. Pure: time comes with each call.

Text telephones take turns by convention: who is done writes GA (go ahead), who wants to end SK (stop keying). What an
agent writes is held back until the caller's GA, or until the agent says that it cannot wait.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

from contactd.core.ids import Instant
from contactd.core.text import Author

_OVER = re.compile(r"(?:^|[^A-Z])(GA|SK|\+-)[\s.!?]*$")
_LOST_SHIFT = "+-"
"""GA in figures, as it comes when the shift before it was lost, or when the far end takes a space for one."""
PIECE_S = 2.0
"""What was written for so long is kept: no more than this is lost when contactd is killed."""
LONGEST_PIECE = 200
UNSURE = 50
"""In percent: below, a character is rather wrong than right."""
LONGEST_HELD = 2_000
"""Characters of an agent's that wait for the caller's GA: more than anybody types meanwhile."""


class Far(Protocol):
    """The way to the caller."""

    def write(self, text: str) -> str:
        """Send it when the line is free; what the caller will read of it."""
        ...

    def unsent(self) -> int:
        """How many characters have not begun yet."""
        ...

    def take_back(self, most: int) -> int:
        """Give up so many of these, the last first; how many they were."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """A character of the caller's. sure: in percent."""

    text: str
    sure: int


@dataclass(slots=True)
class Piece:
    """What one side wrote in one go."""

    author: Author
    at: Instant
    text: str = ""
    at_ms: list[int] = field(default_factory=list)
    sure: list[int] = field(default_factory=list)
    last: Instant = 0.0


def ends_turn(text: str) -> str:
    """GA or SK, when the text ends with it; else nothing.

    >>> ends_turn("HOW ARE YOU GA"), ends_turn("BYE SK SK"), ends_turn("SAGA"), ends_turn("4711 +-")
    ('GA', 'SK', '', 'GA')
    """
    found = _OVER.search(text.upper())
    return "" if found is None else "GA" if found[1] == _LOST_SHIFT else found[1]


class Conversation:
    """hear() what came, say() what contactd writes, type() what the agent does; take() what is to be kept."""

    def __init__(self, far: Far) -> None:
        self._far = far
        self.ours = True
        """Whose turn it is: who was called writes first."""
        self.held = ""
        """The agent's, until it is our turn."""
        self.ending = False
        """The caller has written SK."""
        self._theirs = ""
        """What the caller wrote in this turn."""
        self._pauses = True
        self._mine = ""
        self._pieces: list[Piece] = []
        self._answer: str | None = None

    # --- the caller ---------------------------------------------------------------------------------------------------

    def hear(self, heard: list[Heard], now: Instant, *, pauses: bool = False) -> None:
        """pauses: the caller's carrier is gone, so that a GA is no beginning of GAME."""
        for one in heard:
            piece = self._piece(Author.CALLER, now)
            for letter in one.text:
                piece.at_ms.append(max(0, round((now - piece.at) * 1000)))
                piece.sure.append(one.sure)
                piece.text += letter
            self._theirs = (self._theirs + one.text)[-LONGEST_PIECE:]
            if self._answer is not None:
                self._answer = (self._answer + one.text)[-LONGEST_PIECE:]
        self._pauses = pauses or self._theirs.endswith((" ", "\r", "\n"))
        if self._pauses and (over := ends_turn(self._theirs)):
            self.ending = self.ending or over == "SK"
            if not self.ours:
                self._begin_turn(now)

    # --- our side -----------------------------------------------------------------------------------------------------

    def say(self, text: str, now: Instant) -> str:
        """contactd writes: at once, whoever's turn it is, since nobody waits for it to be its own."""
        self.ours = True
        return self._send(Author.SYSTEM, text, now)

    def type(self, keys: str, now: Instant) -> str:
        """The agent types; a new line ends the turn. What was sent of it: the rest is held."""
        self.held = (self.held + keys)[:LONGEST_HELD]
        return self._release(now) if self.ours else ""

    def go(self, now: Instant) -> str:
        """The agent does not wait for the GA. What was sent."""
        if not self.ours:
            self._begin_turn(now)
        return self._release(now)

    def erase(self) -> bool:
        """The last character, if it is not on its way yet. A TTY has no way to take back what was sent."""
        if self.held:
            self.held = self.held[:-1]
            return True
        piece = self._pieces[-1] if self._pieces else None
        if piece is None or piece.author is not Author.AGENT or not piece.text or not self._far.take_back(1):
            return False
        piece.text, self._mine = piece.text[:-1], self._mine[:-1]
        return True

    def _begin_turn(self, now: Instant) -> None:
        self.ours, self._mine, self._theirs = True, "", ""
        self._release(now)

    def _release(self, now: Instant) -> str:
        """One turn's worth of what is held."""
        line, newline, rest = self.held.partition("\n")
        if newline and not (self._mine + line).strip():
            # Nothing was written: no turn is given away by an empty line.
            self.held = rest
            return self._release(now) if rest else ""
        if newline and not ends_turn(self._mine + line):
            line += "GA" if (self._mine + line).endswith(" ") else " GA"
        self.held = rest
        return self._send(Author.AGENT, line + newline, now) if line or newline else ""

    def _send(self, author: Author, text: str, now: Instant) -> str:
        read = self._far.write(text)
        self._piece(author, now).text += read
        self._mine = (self._mine + read)[-LONGEST_PIECE:]
        if ends_turn(self._mine) and (author is Author.SYSTEM or text.endswith("\n")):
            self.ours, self._theirs, self._mine = False, "", ""
        return read

    # --- what an answer is read from ----------------------------------------------------------------------------------

    def ask(self) -> None:
        """From here on what the caller writes is an answer."""
        self._answer = ""

    def answered(self) -> str | None:
        """The answer, once the caller has ended it: by GA, or by a new line."""
        answer = self._answer
        over = answer is not None and self._pauses and ends_turn(answer)
        return answer if over or (answer or "").strip(" ").endswith(("\r", "\n")) else None

    def answer_so_far(self) -> str:
        return self._answer or ""

    # --- what is kept -------------------------------------------------------------------------------------------------

    def _piece(self, author: Author, now: Instant) -> Piece:
        last = self._pieces[-1] if self._pieces else None
        if last is None or last.author is not author or len(last.text) >= LONGEST_PIECE:
            last = Piece(author, now)
            self._pieces.append(last)
        last.last = now
        return last

    def take(self, now: Instant, *, all_of_it: bool = False) -> list[Piece]:
        """Pieces that are whole, or old enough to be kept."""
        whole = [
            one
            for place, one in enumerate(self._pieces, 1)
            if one.text and (all_of_it or place < len(self._pieces) or now - one.at >= PIECE_S)
        ]
        self._pieces = [one for one in self._pieces if one not in whole and one.text]
        return whole
