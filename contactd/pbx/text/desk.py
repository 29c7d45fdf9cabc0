"""A caller of text in a menu or a flow: what would be said is written, and what is written in answer becomes keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from contactd.core.ids import QueueId
from contactd.core.ivr.run import ChangeLanguage, Listen, Play, Pronounce, Step, Utter
from contactd.pbx.agi_session import AgiSession, CallerGone
from contactd.pbx.text.legs import AUDIO_WAIT_S
from contactd.pbx.text.office import Texts
from contactd.pbx.text.reading import keys_of
from contactd.pbx.text.talk import Talk
from contactd.pbx.text.wording import written
from contactd.protocols.baudot.turn import Turn

if TYPE_CHECKING:
    from contactd.pbx.ivr import Menu

_PULSE_MS = 300


class TextDesk:
    """session: the caller's, which tells when they are gone, and of keys that they press all the same."""

    def __init__(self, session: AgiSession, talk: Talk, texts: Texts) -> None:
        self._session = session
        self._talk = talk
        self._texts = texts
        self._prompt: list[str] = []
        self._ahead = ""

    async def menu(self, menu: Menu, labels: Mapping[QueueId, str]) -> tuple[str, QueueId]:
        """The key that was chosen, or '' after all tries, and the queue that it means."""
        tty = self._texts.settings.tty
        asked = written(tty, menu.prompt) or _options(menu, labels)
        self._prompt.append(written(tty, menu.greeting))
        names: dict[str, str] = {}
        for key, queue in menu.choices.items():
            names |= {str(queue): key, **({labels[queue]: key} if labels.get(queue) else {})}
        for attempt in range(menu.tries):
            self._prompt.append(f"{tty.again} {asked}" if attempt else asked)
            key = keys_of(await self._ask(tty.answer_s), names)[:1]
            if key in menu.choices:
                return key, menu.choices[key]
        return "", menu.default_choice

    async def carry_out(self, step: Step) -> str:
        """A step of a flow; '' for no key."""
        match step:
            case Play():
                self._prompt.append(written(self._texts.settings.tty, [step.sound]))
            case Utter():
                self._prompt.append(step.words)
            case Pronounce():
                self._prompt.append(str(step.value))
            case Listen() if step.first or self._prompt:
                self._ahead = keys_of(await self._ask(self._texts.settings.tty.answer_s))
                return self._key()
            case Listen():
                return self._key()
            case ChangeLanguage():
                await self._session.set_variable("CHANNEL(language)", step.language)
        return ""

    def greet(self) -> None:
        self._prompt.append(self._texts.settings.tty.greeting)

    async def close(self) -> None:
        """What was to be said and asks for no answer; returns when it is on its way: where the caller goes from here, a
        character would be torn."""
        if text := self._written():
            self._talk.say(f"{text}\n")
        while self._talk.line.unsent() or self._talk.line.turn is Turn.OURS:
            await self._pulse()

    def _key(self) -> str:
        key, self._ahead = self._ahead[:1], self._ahead[1:]
        return key

    def _written(self) -> str:
        text, self._prompt = " ".join(filter(None, self._prompt)), []
        return text

    async def _ask(self, timeout_s: float) -> str:
        """Write what there is to say, give the turn away, and wait for the answer. Raises what the session raises."""
        self._talk.ask(f"{self._written()} GA\n".lstrip())
        while self._talk.line.unsent():
            await self._pulse()
        answer = asyncio.create_task(self._talk.answer(timeout_s))
        try:
            while not answer.done():
                if key := await self._pulse():
                    return key
            return answer.result()
        finally:
            answer.cancel()

    async def _pulse(self) -> str:
        """Whether the caller is still there; a key that was pressed on the telephone."""
        if not self._talk.line.connected and not await self._talk.line.wait_connected(AUDIO_WAIT_S):
            raise CallerGone("the text leg is gone")
        return await self._session.wait_for_digit(_PULSE_MS)


def _options(menu: Menu, labels: Mapping[QueueId, str]) -> str:
    """Where the configuration has no text for the menu's sounds."""
    return " ".join(f"FOR {labels.get(queue) or queue} TYPE {key}." for key, queue in menu.choices.items())
