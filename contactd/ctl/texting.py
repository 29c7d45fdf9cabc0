"""A conversation in text, on a terminal or line by line."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import shutil
import sys
import termios
import threading
import tty
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import click

from contactd.core.errors import ContactdError
from contactd.ctl.client import DaemonUnreachable, Refused, ask, stream
from contactd.ctl.exits import Exit
from contactd.ctl.words import safe

_NAMES = {"caller": "caller", "agent": "you", "system": "centre"}
_UNSURE = 50
_ENTER, _BACKSPACES = ("\r", "\n"), ("\x7f", "\b")
_GO, _HEAR, _SPEAK, _LEAVE = "\x07", "\x16", "\x13", ("\x03", "\x04")
_TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class Way:
    """To the daemon."""

    socket: str
    contact: str

    def notices(self) -> Iterator[dict[str, Any]]:
        return stream(self.socket, f"/texts/{quote(self.contact, safe='')}")

    def act(self, name: str, **body: Any) -> None:
        ask(self.socket, "POST", f"/texts/{quote(self.contact, safe='')}/{name}", body)


@dataclass(slots=True)
class Page:
    """What was written, as lines: pure."""

    lines: list[str] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    over: bool = False
    _glossary: Mapping[str, str] = field(default_factory=dict)
    _by: str = ""
    _word: str = ""

    def take(self, notice: dict[str, Any]) -> None:
        match notice.get("kind"):
            case "wrote":
                self._wrote(notice["by"], notice["text"], notice.get("sure", 100))
            case "erased":
                if self.lines and self._by == "agent":
                    self.lines[-1] = self.lines[-1][:-1]
            case "state":
                self.state = notice
            case "glossary":
                self._glossary = {word.upper(): means for word, means in notice["words"].items()}
            case "queued":
                self._note(f"waits in {notice['queue']}")
            case "offered":
                self._note(f"rings at {notice['agent']}")
            case "connected":
                self._note(f"{notice['agent']} has answered")
            case "left":
                self._note(f"{notice['agent']} is not there any more")
            case "slow":
                self._note("this terminal was too slow: join again")
                self.over = True
            case "ended":
                self._note("the call is over")
                self.over = True

    def _note(self, text: str) -> None:
        self.lines.append(f"-- {text}")
        self._by = ""

    def _wrote(self, by: str, text: str, sure: int) -> None:
        for letter in text:
            if letter in "\r\n":
                self._end_word()
                self._by = ""
                continue
            if by != self._by:
                self._end_word()
                self.lines.append(f"{_NAMES.get(by, by)}: ")
                self._by = by
            # Too unsure to be trusted, and too good to be thrown away: it is shown small.
            self.lines[-1] += safe(letter.lower() if by == "caller" and sure < _UNSURE else letter)
            if by == "caller" and letter.isalnum():
                self._word += letter
            else:
                self._end_word()

    def _end_word(self) -> None:
        """An abbreviation is explained where it ends."""
        word, self._word = self._word.upper(), ""
        if word in self._glossary and self._by == "caller":
            end = "" if self.lines[-1].endswith(word) else self.lines[-1][-1]
            self.lines[-1] = f"{self.lines[-1].removesuffix(end)} ({self._glossary[word]}){end}"

    def status(self) -> str:
        """In a line: whose turn it is, and what is under way."""
        state = self.state
        if self.over:
            return "the call is over"
        if not state.get("connected"):
            return "no text line: waiting for the PBX to bring it back"
        whose = "YOUR TURN" if state.get("turn") == "ours" else "caller's turn"
        doing = {"theirs": "the caller types", "ours": "sending"}.get(str(state.get("line")), "")
        held = len(str(state.get("held", "")))
        parts = [whose, doing, f"{held} held until GA (Ctrl-G sends now)" if held else ""]
        parts += [
            "you hear the caller" if state.get("hears") else "",
            "the caller hears you" if state.get("speaks") else "",
        ]
        parts += ["the caller wants to end (SK)" if state.get("ending") else ""]
        return " | ".join(part for part in parts if part)


def in_lines(way: Way, *, as_json: bool, reads: bool) -> Exit:
    """Notices as they come; lines of standard input are the agent's turns."""
    if reads:
        threading.Thread(target=_type_lines, args=(way,), daemon=True).start()
    page, shown = Page(), 0
    with contextlib.suppress(KeyboardInterrupt):
        for notice in way.notices():
            if as_json:
                click.echo(json.dumps(notice))
            page.take(notice)
            # The last line may still grow.
            whole = len(page.lines) if page.over or not page._by else len(page.lines) - 1
            for line in page.lines[shown:whole] if not as_json else ():
                click.echo(line)
            shown = max(shown, whole)
            if page.over:
                return Exit.FINE
        raise DaemonUnreachable("contactd is gone; the call goes on. Join again when it is back.")
    return Exit.FINE


def _type_lines(way: Way) -> None:
    for line in sys.stdin:
        try:
            way.act("type", keys=line if line.endswith("\n") else f"{line}\n")
        except ContactdError as error:
            click.echo(str(error), err=True)
            return


def on_screen(way: Way) -> Exit:
    """Character by character, until the call is over or somebody leaves."""
    notices: queue.SimpleQueue[dict[str, Any] | ContactdError] = queue.SimpleQueue()

    def read() -> None:
        try:
            for notice in way.notices():
                notices.put(notice)
            notices.put(DaemonUnreachable("contactd is gone; the call goes on. Join again when it is back."))
        except ContactdError as error:
            notices.put(error)

    threading.Thread(target=read, daemon=True).start()
    screen = Screen()
    page = Page()
    with screen:
        while not page.over:
            changed = False
            while not notices.empty():
                got = notices.get()
                if isinstance(got, ContactdError):
                    raise got
                page.take(got)
                changed = True
            if changed:
                screen.show(page)
            keys = screen.keys()
            if any(key in _LEAVE for key in keys):
                return Exit.FINE
            with contextlib.suppress(Refused):
                _press(way, page, keys)
        screen.show(page)
    click.echo("The call is over. contactctl transcript has what was written.")
    return Exit.FINE


def _press(way: Way, page: Page, keys: str) -> None:
    typed = ""
    for key in keys:
        if key in _ENTER:
            typed += "\n"
        elif key.isprintable():
            typed += key
        else:
            if typed:
                way.act("type", keys=typed)
                typed = ""
            _control(way, page, key)
    if typed:
        way.act("type", keys=typed)


def _control(way: Way, page: Page, key: str) -> None:
    hears, speaks = bool(page.state.get("hears")), bool(page.state.get("speaks"))
    if key in _BACKSPACES:
        way.act("erase")
    elif key == _GO:
        way.act("go")
    elif key == _HEAR:
        way.act("voice", hears=not hears, speaks=speaks)
    elif key == _SPEAK:
        way.act("voice", hears=hears, speaks=not speaks)


class Screen:
    """The whole terminal: what was written above, the state and what is held at the bottom."""

    def __enter__(self) -> Screen:
        self._saved = termios.tcgetattr(sys.stdin)
        tty.setraw(sys.stdin)
        sys.stdout.write("\x1b[?1049h")
        sys.stdout.flush()
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.write("\x1b[?1049l")
        sys.stdout.flush()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)

    def keys(self) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], _TICK_S)
        return os.read(sys.stdin.fileno(), 1024).decode(errors="ignore") if ready else ""

    def show(self, page: Page) -> None:
        width, height = shutil.get_terminal_size()
        lines = [part for line in page.lines for part in wrapped(line, width)][-(height - 2) :]
        held = safe(str(page.state.get("held", "")).replace("\n", " / "))
        rows = [*lines, *[""] * (height - 2 - len(lines)), f"\x1b[7m{page.status()[:width]:{width}}\x1b[0m"]
        text = "\r\n".join(f"{row}\x1b[K" for row in [*rows, f"> {held}"[-width:]])
        sys.stdout.write(f"\x1b[H{text}")
        sys.stdout.flush()


def wrapped(line: str, width: int) -> list[str]:
    """
    >>> wrapped("caller: HELLO", 8), wrapped("", 8)
    (['caller: ', 'HELLO'], [''])
    """
    return [line[at : at + width] for at in range(0, len(line), width)] or [""]
