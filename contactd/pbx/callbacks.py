"""Callers who want to be called back: asked for the number over FastAGI, and called by the PBX on our word.

Their number goes from the caller's keys to contact_private and, when it is dialled, to one channel of the PBX: it is in
no input, event, command, AMI action or line of log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import structlog

from contactd.config.sections import Announcements
from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import By
from contactd.core.destination import ToCallback
from contactd.core.dialling import Number, Purpose, listed, sentence
from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId, Instant, PbxId, QueueId, contact_id
from contactd.engine.circle import Circle
from contactd.engine.inbox import InboxFull, Private
from contactd.numbers import clocks_at, number_of
from contactd.pbx.agi_session import AgiSession
from contactd.pbx.caller_id import printable
from contactd.pbx.callers import Callers, digits_of, withheld
from contactd.protocols.agi import AgiRequest
from contactd.services.crm.calling import Calling, kept_as
from contactd.store.trouble import StoreAway

log = structlog.get_logger()

_LONGEST_TYPED = 18
_SILENCE = "silence/1"
_TRIES = 3
_KEY_MS = 6000
MOMENT_S = 1.0
_SETTLES_S = 2.0
_LOOK_S = 0.05


class Callbacks:
    """The FastAGI routes ``callback`` and ``dial``, and the second hand of those that wait for their turn.

    pbx_of: the PBX of a call. wall: the time by which clocks elsewhere are told. words: replaced by a reload, as the
    others are.
    """

    def __init__(
        self,
        pbx_of: Callable[[str], PbxId],
        circle: Circle,
        callers: Callers,
        calling: Calling,
        *,
        words: Announcements,
        lines: Callable[[], frozenset[str]],
        emergency: tuple[str, ...],
        wall: Callable[[], Instant],
    ) -> None:
        self._pbx_of = pbx_of
        self._circle = circle
        self._callers = callers
        self.calling = calling
        self.words = words
        self._lines = lines
        self.emergency = emergency
        self._wall = wall
        self._made = 0

    # --- what a number is ---------------------------------------------------------------------------------------------

    def facts(self, number: str) -> Number:
        """number: in E.164. Of what its owner wants, nothing yet."""
        found = number_of(number, self.calling.country)
        ours = {digits_of(line) for line in self._lines()}
        return msgspec.structs.replace(
            found,
            emergency=found.emergency or digits_of(number) in {digits_of(one) for one in self.emergency},
            ours=digits_of(number) in ours,
            known_by=self._callers.commitments(number),
            clocks=clocks_at(number, self.calling.country, self._wall()),
        )

    def allowed(self, number: str) -> bool:
        """Whether it is ever dialled."""
        return listed(self.facts(number), Purpose.CALLBACK, self._circle.floor.plan.dialling) is None

    # --- asking for the number ----------------------------------------------------------------------------------------

    async def ask(self, session: AgiSession) -> None:
        """The caller hears the number and takes it, gives another one, or declines. The dialplan then goes on."""
        request = session.request
        contact = self._contact(request, request.uniqueid)
        shown = self._shown(request)
        number = shown if shown is not None and self.allowed(shown) else None
        await session.set_variable("CONTACTD_STATUS", "DECLINED")
        begun = ""
        for _ in range(_TRIES):
            if number is None:
                number, begun = await self._typed(session, begun)
                if number is None:
                    continue
            key = await self._read_back(session, number)
            if key == "1":
                await self._take(session, contact, number, self._known_by(request, number, shown))
                return
            if key == "*":
                return
            if key == "2":
                number = None
        log.info("callback_not_taken", contact=contact)

    def _shown(self, request: AgiRequest) -> str | None:
        """The number that the caller shows; None for who shows none, and for one of many behind one number."""
        ani = printable(request.env.get("agi_callerid", "")) or ""
        if withheld(request.env.get("agi_callingpres", "")) or not self._callers.known_by(ani):
            return None
        return self.calling.whole(ani)

    def _known_by(self, request: AgiRequest, number: str, shown: str | None) -> tuple[str, ...]:
        """As the PBX shows the caller who calls again, if it is their number."""
        if number == shown:
            return self._callers.known_by(printable(request.env.get("agi_callerid", "")) or "")
        return self._callers.known_by(number)

    async def _typed(self, session: AgiSession, begun: str) -> tuple[str | None, str]:
        """A number that may be dialled; else None, and the key with which the next one was begun already."""
        *before, last = self.words.callback_enter
        begun = begun or await self._until_typed(session, before)
        sound, most = (_SILENCE, _LONGEST_TYPED - 1) if begun else (last, _LONGEST_TYPED)
        typed = begun + await session.get_data(sound, _KEY_MS, most)
        number = self.calling.whole(typed) if typed else None
        if number is not None and self.allowed(number):
            return number, ""
        return None, await self._until_typed(session, self.words.callback_wrong if typed else ())

    async def _until_typed(self, session: AgiSession, sounds: Sequence[str]) -> str:
        """Somebody in a hurry types while it is still said."""
        for sound in sounds:
            if key := await session.stream_file(sound, "0123456789"):
                return key
        return ""

    async def _read_back(self, session: AgiSession, number: str) -> str:
        keys = "12*"
        key = ""
        for sound in self.words.callback_number:
            key = key or await session.stream_file(sound, keys)
        key = key or await session.say("DIGITS", digits_of(number), escape_digits=keys)
        for sound in self.words.callback_keys:
            key = key or await session.stream_file(sound, keys)
        key = key or await session.wait_for_digit(_KEY_MS)
        return key if key in keys else ""

    async def _take(self, session: AgiSession, contact: ContactId, number: str, known_by: tuple[str, ...]) -> None:
        await self._until_asked(contact)
        facts = msgspec.structs.replace(self.facts(number), known_by=known_by)
        if not await self.take(inp.CallbackAsked(contact=contact, number=facts), number):
            return
        await session.set_variable("CONTACTD_STATUS", "TAKEN")
        for sound in self.words.callback_taken:
            await session.stream_file(sound)

    async def _until_asked(self, contact: ContactId) -> None:
        """A key that led here is told through another socket, and may be heard of later."""
        deadline = asyncio.get_running_loop().time() + _SETTLES_S
        while asyncio.get_running_loop().time() < deadline:
            known = self._circle.floor.contacts.get(contact)
            if known is not None and isinstance(known.diverted_to, ToCallback):
                return
            await asyncio.sleep(_LOOK_S)

    async def take(self, asked: inp.CallbackAsked, number: str) -> bool:
        """Keep the promise, and the number beside it; whether it was made."""
        self.calling.remember(asked.contact, number)
        try:
            step = await self._circle.ask(asked, Private(kept_as(asked.contact), number, None))
        except InboxFull:
            return False
        taken = any(isinstance(event, ev.CallbackTaken) for event in step.events)
        if not taken and asked.contact not in self._circle.floor.callbacks:
            # Written beside what else that turn of the circle kept, perhaps.
            self.calling.forget(asked.contact)
        return taken

    async def promise(self, pbx: PbxId, text: str, queue: QueueId) -> tuple[str, str, ContactId | None]:
        """On a customer's behalf. text: a number as somebody writes it. A code, its sentence, and the contact."""
        number = self.calling.whole(text)
        if number is None:
            why = "This is no telephone number: give it with its country (+49...), or set country in [customers]."
            return "no_number", why, None
        facts = self.facts(number)
        refused = listed(facts, Purpose.CALLBACK, self._circle.floor.plan.dialling)
        if refused is not None:
            return str(refused.why), f"The number is not dialled: {sentence(refused.why)}.", None
        self._made += 1
        now = self._circle.clock.now()
        call = f"{pbx}-{int(now)}.made{self._circle.floor.epoch}x{self._made}"
        contact = contact_id(pbx, call, now)
        asked = inp.CallbackAsked(contact=contact, number=facts, pbx=pbx, call=call, queue=queue, by=By.SUPERVISOR)
        if await self.take(asked, number):
            return "done", "", contact
        return "not_taken", "Nothing was changed; try again in a second.", None

    # --- dialling -----------------------------------------------------------------------------------------------------

    async def dial(self, session: AgiSession) -> None:
        """The PBX asks whom to dial: the fact comes first, then the number."""
        arguments = session.request.args
        call = arguments[3] if len(arguments) > 3 else ""
        contact = self._contact(session.request, call)
        known = self._circle.floor.contacts.get(contact)
        if known is None or known.callback is None:
            return
        number: str | None = None
        facts: Number | None = None
        gone = False
        try:
            number = await self.calling.number_of(contact)
            gone = number is None
            if number is not None:
                refuses = await self.calling.refuses(known, number)
                facts = msgspec.structs.replace(self.facts(number), refused=refuses is True, unasked=refuses is None)
        except StoreAway as error:
            log.warning("callback_number_not_read", contact=contact, error=str(error))
        except ContactdError as error:
            # A seal that does not open: no moment makes it readable.
            gone = True
            log.error("callback_number_not_opened", contact=contact, error=str(error))
        step = await self._circle.ask(inp.CallbackDialAsked(contact=contact, call=call, number=facts, gone=gone))
        if number is not None and any(isinstance(event, ev.CustomerDialled) for event in step.events):
            queue = self._circle.floor.queues.get(known.queue or QueueId(""))
            ring_s = queue.callback.ring_s if queue is not None and queue.callback is not None else 30
            await session.set_variable("CONTACTD_DIAL_RING", str(ring_s))
            await session.set_variable("CONTACTD_TARGET", number)

    def _contact(self, request: AgiRequest, call: str) -> ContactId:
        return contact_id(self._pbx_of(request.uniqueid), call, self._circle.clock.now())

    # --- in time ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled: the floor is asked once a second whether somebody's turn is near, while somebody waits."""
        while True:
            await asyncio.sleep(MOMENT_S)
            if self._circle.floor.callbacks:
                self._circle.put(inp.CallbackMoment())
